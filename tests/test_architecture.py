"""Rules about the code itself (DESIGN §2): who may import what, where the world comes in, how large a room may be."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("controller", "readers", "edge", "sim", "server")

MAX_LINES = 400
MAX_LINES_OF_TESTS = 800
LONGER_WITH_A_REASON: dict[str, str] = {
    "server/db/migrations/versions/0001_initial.py": "one migration makes all tables, as Alembic writes it",
}

ENTRANCES: dict[str, set[str]] = {
    # what comes from outside → the few files through which it comes in
    "nfc": {"readers/pn532/chip.py"},
    "paho": {"edge/link.py", "server/mqtt.py", "sim/bench/mqtt.py"},
    "pymodbus": {"edge/boards/modbus_rtu.py"},
    "apprise": {"server/escalation/message_services.py"},
    "httpx2": {"edge/enrol.py", "server/crm/client.py", "server/escalation/webhook.py", "sim/clients.py"},
    "PIL": {"server/badges/face.py", "server/personal/uploads.py", "server/roster/thumbnails.py"},
    "pypdf": {"server/personal/uploads.py"},
    "typst": {"server/typesetting.py"},
    "pyotp": {"server/operators/second_factor.py"},
    "segno": {"server/console/kiosk.py", "server/equipment/sheet.py", "server/operators/second_factor.py"},
    "serial": {
        "edge/boards/modbus_rtu.py",
        "edge/boards/serial_port.py",
        "readers/pn532/line.py",
        "readers/scanner/reader.py",
    },
    "cryptography": {
        "edge/keys.py",
        "readers/credentials/diversification.py",
        "readers/credentials/ev2.py",
        "readers/credentials/tdea.py",
        "server/keys.py",
        "server/personal/cipher.py",
        "server/roster/sealed_file.py",
        "server/tls.py",
        "sim/cards/crypto.py",
    },
    "time": {
        "edge/boards/board_thread.py",
        "edge/boards/modbus_rtu.py",
        "edge/clock.py",
        "edge/hardware.py",
        "readers/pn532/chip.py",
        "readers/pn532/line.py",
        "readers/scanner/reader.py",
        "sim/bench/figures.py",
        "sim/serial_line.py",
        "sim/waiting.py",
    },
    "random": {"sim/bench/population.py", "sim/day.py", "sim/demo.py", "sim/faults.py", "sim/memory.py"},
    "uuid": set(),
    "threading": {
        "edge/boards/board_thread.py",
        "edge/inbox.py",
        "edge/link.py",
        "edge/muster/server.py",
        "edge/wal_checkpointer.py",
        "readers/thread.py",
        "server/crm/service.py",
        "server/escalation/message_services.py",
        "server/escalation/service.py",
        "server/fleet/down.py",
        "server/fleet/listening.py",
        "server/fleet/service.py",
        "server/ledger/writer.py",
        "server/personal/erasure.py",
        "sim/cable.py",
        "sim/demo.py",
        "sim/field.py",
        "sim/hall.py",
        "sim/serial_line.py",
    },
    "socketserver": {"edge/muster/server.py"},
    "pwdlib": {"edge/muster/password.py", "server/operators/passwords.py"},
    "amqtt": {"server/broker.py"},
    "alembic": {
        "server/db/migrate.py",
        "server/db/migrations/env.py",
        "server/db/migrations/versions/0001_initial.py",
        "server/db/migrations/versions/0002_registry_triggers.py",
        "server/db/migrations/versions/0003_rooms.py",
        "server/db/migrations/versions/0004_duty.py",
        "server/db/migrations/versions/0005_permits.py",
        "server/db/migrations/versions/0006_equipment.py",
        "server/db/migrations/versions/0007_slips.py",
        "server/db/migrations/versions/0008_shift.py",
        "server/db/migrations/versions/0009_goods_policy.py",
        "server/db/migrations/versions/0010_operators.py",
        "server/db/migrations/versions/0011_console.py",
        "server/db/migrations/versions/0012_kiosk.py",
        "server/db/migrations/versions/0013_stays.py",
        "server/db/new_migration.py",
    },
    "sqlite3": {
        "edge/journal.py",
        "edge/journal_schema.py",
        "edge/muster/stored.py",
        "edge/policy_store.py",
        "edge/recorded.py",
        "edge/wal_checkpointer.py",
        "server/db/engine.py",
        "sim/bench/console.py",
        "sim/bench/ledger_rows.py",
        "sim/bench/registry_rows.py",
        "sim/crm.py",
        "sim/journal_tail.py",
    },
}

BANNED_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc", "base"}


def sources(*folders: str) -> list[Path]:
    return sorted(
        path
        for folder in folders or PACKAGES
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
    )


@cache
def imports_of(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("library", sorted(ENTRANCES))
def test_a_library_of_the_outside_enters_through_its_named_files_only(library: str) -> None:
    users = {str(path.relative_to(ROOT)) for path in sources() if library in imports_of(path)}
    assert users == ENTRANCES[library]


def test_the_core_imports_the_standard_library_and_msgspec_only() -> None:
    pure = {
        "ast", "collections", "dataclasses", "datetime", "enum", "functools", "hashlib", "itertools", "math", "operator",
        "re", "string", "tomllib", "types", "typing", "zoneinfo", "json", "bisect",
    }  # fmt: skip
    for path in sources("controller"):
        assert imports_of(path) <= pure | {"msgspec", "controller"}, path


def test_the_command_line_is_nothing_but_wiring() -> None:
    assert imports_of(ROOT / "menjin.py") == {"controller", "importlib", "sys", "typing", "typer"}


def test_no_file_is_larger_than_one_responsibility() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in [*sources(), *sources("tests")]
        if (lines := len(path.read_text(encoding="utf-8").splitlines()))
        > (MAX_LINES_OF_TESTS if path.is_relative_to(ROOT / "tests") else MAX_LINES)
    }
    assert set(long) == set(LONGER_WITH_A_REASON)


def test_no_module_is_a_box_for_odds_and_ends() -> None:
    assert [path for path in sources() if path.stem in BANNED_NAMES] == []


def test_every_folder_of_code_and_tests_is_a_package() -> None:
    missing = {
        path.parent for path in [*sources(), *sources("tests")] if not (path.parent / "__init__.py").exists()
    } - {ROOT / "server" / "db" / "migrations", ROOT / "server" / "db" / "migrations" / "versions"}
    assert missing == set()


def test_tests_mirror_the_tree() -> None:
    allowed = {*PACKAGES, "stack", "vectors", "docs"}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert folders <= allowed
    for package in PACKAGES:
        for folder in (ROOT / "tests" / package).rglob("*"):
            if folder.is_dir() and folder.name not in (
                "__pycache__",
                "model",
            ):  # model: the reference that the core is held to
                mirrored = ROOT / folder.relative_to(ROOT / "tests")
                assert mirrored.is_dir(), f"{folder} mirrors nothing"


def test_public_things_state_their_contract() -> None:
    bare = []
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.name != "__init__.py" and ast.get_docstring(tree) is None:
            bare.append(str(path.relative_to(ROOT)))
        bare += [
            f"{path.relative_to(ROOT)}:{node.name}"
            for node in tree.body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and ast.get_docstring(node) is None
        ]
    assert bare == []


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_no_tracked_file_names_a_registry_or_this_machine() -> None:
    hosts = re.compile(r"py" r"pi\.org|python" r"hosted|npm" r"js\.(org|com)|deb\.deb" r"ian\.org|/wo" r"rk/main")
    named = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        if hosts.search(text):
            named.append(str(path.relative_to(ROOT)))
    assert named == []


def test_every_locked_package_is_locked_by_hash() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[a-z0-9])", text)
    pinned = [block for block in blocks if re.match(r"^[a-z0-9][\w.-]*==", block)]
    assert len(pinned) > 50
    assert all("--hash=sha256:" in block for block in pinned)
    assert "http://" not in text
    assert "https://" not in text


def test_no_browser_of_the_tests_outlives_its_package() -> None:
    """Its event loop would run on in the worker's thread, where every ``asyncio.run`` of a later test is refused."""
    held = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any("session" in ast.unparse(one) and "scope" in ast.unparse(one) for one in node.decorator_list)
        and re.search(r"\b(launched|sync_playwright|chromium)\b", ast.unparse(node))
    ]
    assert held == []
