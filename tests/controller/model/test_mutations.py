"""The proof can fail: each fault planted in the rules is noticed (issue 4, Proof)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import controller
from tests.controller.model.hunt import CAUGHT
from tests.controller.model.mutations import MUTATIONS, Mutation

SOURCE = Path(controller.__file__).parent
ROOT = SOURCE.parent


class Copy:
    """The controller as links in a folder of its own; one module at a time is patched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "controller"
        self.folder.mkdir()
        for module in SOURCE.glob("*.py"):
            (self.folder / module.name).symlink_to(module)

    def hunt(self, buildings: tuple[str, ...], *, keep_bytecode: bool = False) -> subprocess.CompletedProcess[str]:
        """Look for a fault with this copy in the controller's place."""
        environment = {**os.environ, "PYTHONPATH": f"{self.folder.parent}{os.pathsep}{ROOT}"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        if not keep_bytecode:
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        return subprocess.run(
            [sys.executable, "-P", "-m", "tests.controller.model.hunt", *buildings],
            env=environment,
            cwd=self.folder.parent,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def patched(self, mutation: Mutation) -> subprocess.CompletedProcess[str]:
        module = self.folder / f"{mutation.module}.py"
        text = (SOURCE / module.name).read_text(encoding="utf-8")
        found = text.count(mutation.line)
        assert found == 1, f"{module.name} has {found} times {mutation.line!r}: plant the fault {mutation.name} anew"
        for compiled in self.folder.glob(f"__pycache__/{mutation.module}.*"):
            compiled.unlink()
        module.unlink()
        module.write_text(text.replace(mutation.line, mutation.becomes), encoding="utf-8")
        try:
            return self.hunt(mutation.buildings)
        finally:
            module.unlink()
            module.symlink_to(SOURCE / module.name)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("mutants"))


def test_the_controller_as_it_is_passes_the_hunt(copy: Copy) -> None:
    hunted = copy.hunt(("full",), keep_bytecode=True)
    assert hunted.returncode == 0, hunted.stdout + hunted.stderr


def test_there_are_enough_faults_each_of_its_own() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 15


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_a_planted_fault_is_noticed(copy: Copy, mutation: Mutation) -> None:
    hunted = copy.patched(mutation)
    assert hunted.returncode == CAUGHT, f"{mutation.name} goes unnoticed: {hunted.stdout}{hunted.stderr}"
