"""docs/faults.md names every fault that the product answers for, what happens then, and the test that shows it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FAULTS = (
    "configuration: unknown key", "configuration: wrong type", "configuration: missing file", "port in use",
    "message to the edge: malformed", "message to the edge: oversized", "message to the edge: deeply nested",
    "message to the edge: wrongly signed", "message to the edge: wrong site", "message to the edge: older version",
    "message to the edge: replayed", "message to the edge: future version",
    "message to the server: malformed", "message to the server: oversized", "message to the server: deeply nested",
    "message to the server: wrongly signed", "message to the server: wrong site",
    "message to the server: replayed", "message to the server: future version",
    "serial bytes truncated", "serial bytes corrupt", "serial bytes late", "serial bytes duplicated",
    "reader unplugged and replugged", "reader chip stuck", "scanner unplugged and replugged",
    "scanner noise, half codes, a QR of 4 kB", "board silent", "board answering garbage",
    "lockdown input's board dead", "way out through a board that is away", "rattling contact",
    "lock that does not follow", "chattering fire, gas, lockdown or tamper input",
    "muster page's port taken", "muster page's password file missing",
    "card removed mid-transaction", "card removed while it is written", "desk killed while a card is written", "wrong card key", "factory or empty card key", "two cards on one reader",
    "edge killed", "edge killed during an unlock pulse on modbus-rtu", "edge killed during an unlock pulse on kmtronic",
    "edge killed during an unlock pulse on lcus", "server killed", "broker killed", "broker restarted with its state gone",
    "edge's journal replaced", "server restored from an older copy", "database locked", "disk full at the edge",
    "clock stepped forward", "clock stepped back", "boot without trusted time", "two agents through a day",
    "contract that ends before it starts",
    "contract's end moved back while badges are out",
    "badge for another customer's holder",
    "third badge",
    "text file named photo.jpg",
    "upload of 200 MB",
    "import: mixed encodings, duplicate codes, formulas",
    "webhook wrongly signed, replayed, out of order",
    "edge that missed a thousand deltas",
    "server killed between commit and publish",
    "one of two servers killed while publishing",
    "signing keys rotated while an edge is offline",
    "CRM away or answering nonsense",
)  # fmt: skip
"""The lists of the issues; a fault that is found later is added here and there."""

_ROW = re.compile(r"^\| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """fault → (what happens, its tests)."""
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    return {
        fault: (what, _TEST.findall(tests))
        for fault, what, tests in _ROW.findall(text)
        if fault not in ("fault", "---")
    }


def test_every_fault_is_listed_with_what_happens() -> None:
    listed = rows()
    assert [fault for fault in FAULTS if fault not in listed] == []
    assert [fault for fault in listed if fault not in FAULTS] == []
    assert all(len(what) > 10 for what, _ in listed.values())


@pytest.mark.parametrize("fault", FAULTS)
def test_the_test_of_a_fault_exists(fault: str) -> None:
    _, tests = rows()[fault]
    assert tests, f"{fault}: no test named"
    for path, name in tests:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"{fault}: {path} has no {name}"
