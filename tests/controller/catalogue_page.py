"""The catalogue's part of ``docs/rules.md``, and what is wrong with the catalogue when held against the code, the scenarios and the tests."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from controller.reasons import ALARMS, Reason
from tests.controller.catalogue import ISSUE, RULES, Rule

ROOT = Path(__file__).parents[2]
_SPAN = re.compile(r"\b([BRECDL])([1-9])(?:\s?[-–]\s?([BRECDL]?)([1-9]))?\b")
_PREFIX = re.compile(r"(?:[a-z]\d+-)+")
_NOT_TESTS_OF_RULES = ("tests/controller/catalogue", "tests/controller/test_rule_docs")


def ids_in(text: str) -> set[str]:
    """The rules that a text names; ``R1-R3`` and ``B3–6`` name those between as well."""
    found = set()
    for letter, first, other, last in _SPAN.findall(text):
        if last and other in ("", letter):
            found |= {f"{letter}{number}" for number in range(int(first), int(last) + 1)}
        else:
            found |= {letter + first} | ({other + last} if other else set())
    return found


@cache
def names_in(module: str) -> frozenset[str]:
    """What a module defines: functions, classes, their methods, constants. Empty when there is no such module."""
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    if not path.exists():
        return frozenset()
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                found.add(node.name)
            case ast.ClassDef():
                found.add(node.name)
                found |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return frozenset(found)


def exists(point: str) -> bool:
    """Whether ``module:name`` is defined in the code."""
    module, _, name = point.partition(":")
    return name in names_in(module)


@cache
def scenario_names() -> tuple[str, ...]:
    return tuple(path.stem for path in sorted((ROOT / "scenarios").glob("*.yaml")))


def prefix_ids(name: str) -> tuple[str, ...]:
    """The rules of a scenario's file name, ``b4-b9-…``."""
    prefix = _PREFIX.match(name)
    return tuple(prefix[0].upper().strip("-").split("-")) if prefix is not None else ()


def scenarios_of(rule: Rule) -> list[str]:
    """By prefix, or named in the catalogue."""
    return [name for name in scenario_names() if rule.id in prefix_ids(name) or name in rule.scenarios]


@cache
def tests_by_rule() -> dict[str, tuple[str, ...]]:
    """Rule → the test files that name it in a docstring or a test's name."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        where = str(path.relative_to(ROOT))
        if where.startswith(_NOT_TESTS_OF_RULES):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        texts = [ast.get_docstring(tree) or ""]
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                texts += [
                    ast.get_docstring(node) or "",
                    node.name.upper().replace("_", " ") if node.name.startswith("test_") else "",
                ]
        for rule in ids_in(" ; ".join(texts)):
            found.setdefault(rule, set()).add(where)
    return {rule: tuple(sorted(files)) for rule, files in found.items()}


def tests_of(rule: Rule) -> list[str]:
    return sorted({*tests_by_rule().get(rule.id, ()), *(name.partition("::")[0] for name in rule.tests)})


def faults() -> list[str]:
    """What does not hold, one line each."""
    return [fault for rule in RULES for fault in _faults_of(rule)] + list(_stray_scenarios())


def _faults_of(rule: Rule) -> Iterator[str]:
    for point in rule.points:
        if not exists(point):
            yield f"{rule.id}: {point} is not in the code"
    for name in rule.scenarios:
        if name not in scenario_names():
            yield f"{rule.id}: there is no scenario {name}"
    for name in rule.tests:
        path, _, function = name.partition("::")
        if function not in names_in(path.removesuffix(".py").replace("/", ".")):
            yield f"{rule.id}: there is no test {name}"
    if rule.desk and (rule.edge or scenarios_of(rule)):
        yield f"{rule.id}: is not kept at the desk alone"
    if 0 < rule.issue <= ISSUE:
        for what, found in (
            ("enforcement point", rule.points),
            ("scenario", rule.desk or scenarios_of(rule)),
            ("test", tests_of(rule)),
        ):
            if not found:
                yield f"{rule.id}: has no {what}"


def _stray_scenarios() -> Iterator[str]:
    known = {rule.id for rule in RULES}
    named = {name for rule in RULES for name in rule.scenarios}
    for name in scenario_names():
        ids = prefix_ids(name)
        for unknown in sorted(set(ids) - known):
            yield f"scenario {name}: its prefix names no rule ({unknown})"
        if not ids and name not in named:
            yield f"scenario {name}: begins with no rule's id, and no rule of the catalogue names it"


def page() -> str:
    """The catalogue, rule by rule."""
    return "\n".join(
        [
            "## The catalogue",
            "",
            "Every rule of the machine room, where it is enforced, and what shows it. The places, scenarios and tests are checked to exist",
            "(`tests/controller/catalogue.py`); a rule of the parts that are built without all three fails the tests. What is kept at the desk alone, where no door",
            "decides by it, needs no scenario.",
            "",
            *(line for rule in RULES for line in _section(rule)),
        ]
    )


def _section(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id} · {rule.title}"
    yield ""
    yield rule.text
    yield ""
    if rule.issue == 0 or rule.issue > ISSUE:
        later = f"issue {rule.issue}" if rule.issue else "a later issue"
        yield f"- {'not yet' if not rule.points else 'not wholly yet'}: {later}"
    for who, points in (("the edge", rule.edge), ("the server", rule.server), ("a guard, with", rule.guard)):
        if points:
            yield f"- enforced by {who}: " + ", ".join(f"`{point}`" for point in points)
    refusals = [
        f"`{reason.name}`"
        for reason in Reason
        if reason.value.rule == rule.id and reason.value.kind in ("denied", "pending")
    ]
    alarms = [f"`{name}`" for name, alarm in ALARMS.items() if alarm.rule == rule.id]
    if refusals:
        yield "- refusals: " + ", ".join(refusals)
    if alarms:
        yield "- alarms: " + ", ".join(alarms)
    scenarios = scenarios_of(rule)
    if rule.desk:
        yield "- kept at the desk alone"
    if scenarios:
        yield "- scenarios: " + ", ".join(f"[{name}](../scenarios/{name}.yaml)" for name in scenarios)
    tests = tests_of(rule)
    if tests:
        yield "- tests: " + ", ".join(
            f"[{name.removeprefix('tests/').removesuffix('.py')}](../{name})" for name in tests
        )
    yield ""
