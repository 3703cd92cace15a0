"""Reads scenario files (YAML). A file that cannot be used is one line: file, line number, key, what is wrong."""

import datetime as dt
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from controller.site_checks import SiteError
from sim.scenario import (
    ALONE_KEYS,
    ARGUMENTS,
    EXPECTED_KEYS,
    MIN_WITHIN_MS,
    Expect,
    Scenario,
    ScenarioError,
    Step,
)
from sim.scenario_checks import Fault, faults_of_command, faults_of_expect, faults_of_given, faults_of_scan
from sim.scenario_given import Given
from sim.scenario_goods import CheckVerb, PermitVerb, Scan
from sim.scenario_times import duration_s, moment
from sim.scenario_verbs import ACTS, BadgeVerb, ClockVerb, CommandVerb, ContractVerb, Count, DoorVerb, Tap, acts_in
from sim.site_folder import SiteFolder
from sim.site_rules import changed_site
from sim.wiring import WiringError

SHOWN = ("badge", "application", "contract", "customer", "holder", "contact")
"""What `shows` can look at."""
KEYS = ("name", "site", "time", "starts", "settings", "rules", "given", "steps")
_ANY_NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def load(path: Path) -> Scenario:
    """Read a scenario file. Raises :class:`ScenarioError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}") from error
    return parse(text, str(path))


def parse(text: str, where: str) -> Scenario:
    """Read a scenario from its text; ``where`` names it in errors. Raises :class:`ScenarioError`."""
    try:
        node, document = _read(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioError(f"{where}:{line}: {error.problem or error}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{where}:1: {error}") from error
    if not isinstance(document, dict) or node is None:
        raise ScenarioError(f"{where}:1: a scenario is a mapping with name, site, given, steps")
    return _Reader(where, node).scenario(document)


def _read(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes, which know their lines, and what they say."""
    loader = _UniqueKeyLoader(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml reads ten times as fast; not every build of PyYAML has it."""


class _UniqueKeyLoader(_SafeLoader):  # type: ignore[misc] # one of two
    """A key that stands twice in one mapping would silently win; here it is an error. Dates stay text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


_UniqueKeyLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Reader:
    """Converts parts of the document, turning msgspec's ``$.path`` into a line of the file."""

    def __init__(self, where: str, root: yaml.Node) -> None:
        self.where = where
        self.root = root
        self._virtual = False

    def scenario(self, document: dict[str, Any]) -> Scenario:
        for key in document:
            if key not in KEYS:
                raise self.error((str(key),), f"unknown key {key!r}; known: {', '.join(KEYS)}")
        time = self.convert(document.get("time", "real"), Literal["real", "virtual"], ("time",))
        starts: str | None = self.convert(document.get("starts"), str | None, ("starts",))
        self._virtual = time == "virtual"
        if starts is not None:
            if not self._virtual:
                raise self.error(("starts",), "starts: only virtual time begins when it is told; add `time: virtual`")
            self._check(_absolute, starts, ("starts",))
        steps = document.get("steps")
        if not isinstance(steps, list) or not steps:
            raise self.error(("steps",), "steps: a list with at least one step is needed")
        given: Given = self.convert(document.get("given") or {}, Given, ("given",))
        self._check_times(given)
        self._raise(("given",), faults_of_given(given, self._virtual))
        site: str = self.convert(document.get("site", "demo"), str, ("site",))
        settings: dict[str, float] = self.convert(document.get("settings") or {}, dict[str, float], ("settings",))
        rules: dict[str, dict[str, Any]] = self.convert(
            document.get("rules") or {}, dict[str, dict[str, Any]], ("rules",)
        )
        if settings or rules:
            self._check_site(site, settings, rules)
        return Scenario(
            name=self.convert(document.get("name", ""), str, ("name",)),
            site=site,
            settings=settings,
            rules=rules,
            given=given,
            steps=tuple(self.step(step, index) for index, step in enumerate(steps)),
            path=self.where,
            virtual=self._virtual,
            starts=starts,
        )

    def step(self, step: Any, index: int) -> Step:
        path: tuple[str | int, ...] = ("steps", index)
        line = self.line(path)
        if not isinstance(step, dict):
            raise self.error(path, "a step is a mapping with one verb, and perhaps expect")
        verbs = [key for key in step if key != "expect"]
        if not verbs and "expect" in step:
            return Step("expect", None, self.expect(step["expect"], (*path, "expect"), ALONE_KEYS), line)
        if len(verbs) != 1:
            raise self.error(path, f"a step has one verb; this has {', '.join(map(str, verbs)) or 'none'}")
        verb = str(verbs[0])
        if verb not in EXPECTED_KEYS:
            raise self.error((*path, verb), f"unknown verb {verb!r}; known: {', '.join(EXPECTED_KEYS)}, expect")
        argument = self.convert(step[verb], ARGUMENTS[verb], (*path, verb))
        self._check_argument(verb, argument, (*path, verb))
        expected = None
        if "expect" in step:
            expected = self.expect(step["expect"], (*path, "expect"), EXPECTED_KEYS[verb])
        return Step(verb, argument, expected, line)

    def expect(self, given: Any, path: tuple[str | int, ...], allowed: tuple[str, ...]) -> Expect:
        if given == "ok":  # `expect: ok` beside a record's act
            given = {"ok": True}
        expected: Expect = self.convert(given, Expect, path)
        for key in given:
            if key not in allowed:
                raise self.error(
                    (*path, key), f"expect cannot hold {key!r} here; it takes {', '.join(allowed) or 'nothing'}"
                )
        in_force = expected.in_force
        for inner, limit in (((), expected.within_ms), (("in_force",), in_force.within_ms if in_force else None)):
            if limit is not None and limit < MIN_WITHIN_MS:
                raise self.error(
                    (*path, *inner, "within_ms"),
                    f"within_ms under {MIN_WITHIN_MS} would test the machine, not the product",
                )
        self._raise(path, faults_of_expect(expected))
        if in_force is not None and (in_force.badge is None) == (in_force.contract is None):
            raise self.error((*path, "in_force"), "in_force needs either badge or contract")
        if expected.history is not None:
            history = expected.history
            rows = [row for row in (history.badge, history.contract, history.customer, history.holder) if row]
            if len(rows) != 1:
                raise self.error((*path, "history"), "history needs one of badge, contract, customer, holder")
        if expected.shows is not None and (not expected.shows or next(iter(expected.shows)) not in SHOWN):
            raise self.error((*path, "shows"), f"shows begins with what is looked at: {', '.join(SHOWN)}")
        return expected

    def convert(self, given: Any, target: Any, path: tuple[str | int, ...]) -> Any:
        try:
            return msgspec.convert(given, target)
        except msgspec.ValidationError as error:
            text = str(error)
            message, _, inner = text.partition(" - at `$")
            inner_path = tuple(
                int(part[1:-1]) if part.startswith("[") else part[1:]
                for part in re.findall(r"\.[^.\[`]+|\[\d+\]", inner)
            )
            unknown = re.search(r"unknown field `([^`]+)`", message)
            if unknown is not None:
                inner_path = (*inner_path, unknown[1])
            full = (*path, *inner_path)
            raise self.error(full, f"{'.'.join(map(str, full))}: {message}") from error

    def error(self, path: tuple[str | int, ...], message: str) -> ScenarioError:
        return ScenarioError(f"{self.where}:{self.line(path)}: {message}")

    def line(self, path: tuple[str | int, ...]) -> int:
        """The line of the deepest part of ``path`` that exists."""
        node, line = self.root, self.root.start_mark.line
        for part in path:
            if isinstance(node, yaml.MappingNode):
                pair = next(((key, value) for key, value in node.value if key.value == part), None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line
            else:
                break
        return line + 1

    def _check_argument(self, verb: str, argument: Any, path: tuple[str | int, ...]) -> None:
        if isinstance(argument, Tap) and (argument.badge is None) == (argument.card is None):
            raise self.error(path, "tap needs either badge or card")
        if (
            isinstance(argument, DoorVerb)
            and len([x for x in (argument.force, argument.prop, argument.close) if x]) != 1
        ):
            raise self.error(path, "door needs one of force, prop, close")
        if type(argument) in ACTS:
            self._check_acts(argument, path)
        if isinstance(argument, Tap | Scan) and argument.late is not None:
            self._check(duration_s, argument.late, (*path, "late"))
            if not self._virtual:
                raise self.error((*path, "late"), "late: no reader of the hall keeps a read back; add `time: virtual`")
        if isinstance(argument, Scan | CheckVerb):
            self._raise(path, faults_of_scan(argument))
        if isinstance(argument, CommandVerb):
            self._raise(path, faults_of_command(argument))
        if verb in ("cut", "restore") and argument == "journal" and not self._virtual:
            raise self.error(path, "journal: no disk of a process is filled by a scenario; add `time: virtual`")
        if isinstance(argument, Count) and not self._virtual:
            raise self.error(path, "count: no counter is wired to an edge; add `time: virtual`")
        if verb == "wait":
            self._check(duration_s, argument, path)
        if isinstance(argument, ClockVerb):
            self._check(lambda text: moment(text, _ANY_NOW), argument.edge, path)

    def _check_acts(self, argument: Any, path: tuple[str | int, ...]) -> None:
        acts, known = acts_in(argument), ACTS[type(argument)]
        if len(acts) != 1 and acts != ["name", "kind"]:
            raise self.error(path, f"{path[-1]} does one of {', '.join(known)}; this does {', '.join(acts) or 'none'}")
        if isinstance(argument, BadgeVerb) and argument.transfer is not None and argument.transfer.to is None:
            raise self.error((*path, "transfer"), "transfer needs to: the new holder")
        times: list[tuple[str, str | None]] = []
        if isinstance(argument, ContractVerb):
            times = [("end", argument.end), ("until", argument.until)]
        if isinstance(argument, PermitVerb):
            times = [("end", argument.end)]
        for key, text in times:
            if text is not None:
                self._check(lambda value: moment(value, _ANY_NOW), text, (*path, key))

    def _check_times(self, given: Given) -> None:
        for index, customer in enumerate(given.customers):
            if customer.contract is not None:
                for key, text in (("from", customer.contract.from_), ("to", customer.contract.to)):
                    if text is None:
                        continue
                    self._check(
                        lambda value: moment(value, _ANY_NOW), text, ("given", "customers", index, "contract", key)
                    )
        for index, badge in enumerate(given.badges):
            for key, limit in (("from", badge.from_), ("to", badge.to)):
                if limit is not None:
                    self._check(lambda value: moment(value, _ANY_NOW), limit, ("given", "badges", index, key))
        for index, permit in enumerate(given.permits):
            for key, limit in (("from", permit.from_), ("to", permit.to)):
                self._check(lambda value: moment(value, _ANY_NOW), limit, ("given", "permits", index, key))
        for kind in ("slips", "orders"):
            for index, document in enumerate(getattr(given, kind)):
                for key in ("from", "to", "arrived", "return_until"):
                    limit = getattr(document, "from_" if key == "from" else key, None)
                    if limit is not None:
                        self._check(lambda value: moment(value, _ANY_NOW), limit, ("given", kind, index, key))

    def _check_site(self, site: str, settings: dict[str, float], rules: dict[str, dict[str, Any]]) -> None:
        try:
            changed_site(SiteFolder(site).site, settings, rules)
        except (SiteError, WiringError) as error:
            named = next((name for name in rules if repr(name) in str(error)), None)
            path = ("settings",) if str(error).startswith("rules: settings") else ("rules", named or "")
            raise self.error(path, str(error)) from error

    def _raise(self, path: tuple[str | int, ...], faults: Iterable[Fault]) -> None:
        for where, message in faults:
            raise self.error((*path, *where), message)

    def _check(self, read: Any, text: str, path: tuple[str | int, ...]) -> None:
        try:
            read(text)
        except ValueError as error:
            raise self.error(path, f"{'.'.join(map(str, path))}: {error}") from error


def _absolute(text: str) -> dt.datetime:
    """A time that does not hang on now. Raises ValueError."""
    if moment(text, _ANY_NOW) != moment(text, _ANY_NOW + dt.timedelta(days=1)):
        raise ValueError(f"{text!r} hangs on now; write a time such as 2026-03-02T17:59:00+08:00")
    return moment(text, _ANY_NOW)
