"""A test on a line is done again when the machine stood still meanwhile, and never otherwise."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

STOPPED = """
import os, signal, subprocess, sys, time

STOP = "import os, signal, sys, time; os.kill(%d, signal.SIGSTOP); time.sleep(0.3); os.kill(%d, signal.SIGCONT)"

def stand_still():
    before = time.monotonic()
    subprocess.run([sys.executable, "-c", STOP % (os.getpid(), os.getpid())], check=True)
    assert time.monotonic() - before > 0.3

tries = []
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\naddopts = --import-mode=importlib")
    pytester.syspathinsert(Path(__file__).parents[1])
    return pytester


def outcomes(run: pytest.Pytester, body: str, folder: str = "tests/readers") -> tuple[dict[str, int], str]:
    """What pytest counted of a file with ``body`` there, and what it printed."""
    file = run.path / folder / "test_one.py"
    file.parent.mkdir(parents=True)
    file.write_text(STOPPED + body)
    result = run.runpytest_subprocess("-p", "tests.standstill", "-p", "no:cacheprovider", "-p", "no:xdist", str(file))
    return result.parseoutcomes(), result.stdout.str()


def test_what_failed_while_the_machine_stood_still_is_done_again_and_named(run: pytest.Pytester) -> None:
    counted, printed = outcomes(
        run,
        """
def test_one(tmp_path):
    tries.append(tmp_path)
    if len(tries) == 1:
        stand_still()
        assert False
    assert tmp_path.exists()
""",
    )
    assert counted == {"repeated": 1}
    assert "REPEATED tests/readers/test_one.py::test_one - stood still for 0." in printed


def test_so_is_one_whose_fixture_failed(run: pytest.Pytester) -> None:
    counted, _ = outcomes(
        run,
        """
import pytest

@pytest.fixture
def reader():
    tries.append(1)
    if len(tries) == 1:
        stand_still()
        raise OSError("no answer")
    return len(tries)

def test_one(reader):
    assert reader == 2
""",
    )
    assert counted == {"repeated": 1}


def test_what_fails_on_a_machine_that_ran_fails_at_once(run: pytest.Pytester) -> None:
    counted, printed = outcomes(
        run,
        "def test_one():\n    tries.append(1)\n    assert len(tries) > 1\n\ndef test_two():\n    assert len(tries) == 1",
    )
    assert counted == {"failed": 1, "passed": 1}
    assert "REPEATED" not in printed


def test_what_always_fails_fails(run: pytest.Pytester) -> None:
    body = "def test_one():\n    tries.append(1)\n    stand_still()\n    assert False\n\ndef test_two():\n    assert len(tries) == 4"
    assert outcomes(run, body)[0] == {"failed": 1, "passed": 1}


def test_tests_of_other_places_are_done_once(run: pytest.Pytester) -> None:
    body = "def test_one():\n    stand_still()\n    assert False"
    assert outcomes(run, body, "tests/server")[0] == {"failed": 1}
