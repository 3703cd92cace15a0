"""What a step expects and what was found: one list of problems per step."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from controller.events import Record
from controller.policy import Version
from sim.clients import Refused
from sim.facts import decision_in
from sim.scenario import Expect, Recorded


class StepResult(msgspec.Struct):
    """How one step went. ``problems`` is empty when all expectations hold."""

    line: int
    verb: str
    ok: bool
    problems: list[str]
    observed: dict[str, Any]
    took_ms: float


class Judge:
    """Compares one step's expectations with what is seen. ``expected`` is None where the step expects nothing."""

    def __init__(self) -> None:
        self.begin(None)

    def begin(self, expected: Expect | None) -> None:
        """A new step."""
        self.expected = expected
        self.problems: list[str] = []
        self.observed: dict[str, Any] = {}

    def see(self, key: str, found: Any, wanted: Any = None) -> None:
        """``key`` of the expectation was found to be ``found``; ``wanted``: where it is not the expectation itself."""
        self.observed[key] = found
        if self.expected is None:
            return
        asked = getattr(self.expected, key) if wanted is None else wanted
        if asked is not None and found != asked:
            self.fail(f"{key}: expected {asked!r}, found {found!r}")

    def fail(self, problem: str) -> None:
        """Something does not hold: what, in one line."""
        self.problems.append(problem)

    def register(self, found: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> None:
        """The newest rows of the register, oldest first, each with at least what is asked of it; ``[]``: it is empty."""
        newest = found[-len(wanted) :] if wanted else found
        self.observed["register"] = len(found)
        if len(newest) != len(wanted):
            self.fail(f"register: expected {len(wanted)} rows, found {len(newest)}")
            return
        for at, (row, asked) in enumerate(zip(newest, wanted, strict=True), 1):
            wrong = {key: row.get(key) for key in asked if _plain(row.get(key)) != _plain(asked[key])}
            if wrong:
                self.fail(f"register: row {at}: expected { {key: asked[key] for key in wrong} }, found {wrong}")

    def recorded(self, record: Record | None, wanted: Recorded, current: Version | None) -> None:
        """The last decision was recorded as ``wanted``; ``current``: the policy version in force at the server."""
        because = decision_in(record)[1]
        if record is None or because is None:
            self.fail("recorded: there is no decision")
            return
        self.observed["recorded"] = {"rule": because.rule, **because.inputs}
        if because.rule != wanted.rule:
            self.fail(f"recorded: expected rule {wanted.rule}, found {because.rule}")
        for name, value in wanted.inputs.items():
            if because.inputs.get(name) != value:
                self.fail(f"recorded: input {name}: expected {value!r}, found {because.inputs.get(name)!r}")
        version = record.policy_version
        if version is None or (version == current) != (wanted.policy == "current"):
            self.fail(f"recorded: under policy {version}, the server's is {current}")

    def accepted(self) -> None:
        """The other side did what the step asked."""
        if self.expected is not None and self.expected.refused is not None:
            self.fail(f"expected refusal {self.expected.refused}, it was accepted")

    def refused(self, error: Refused) -> None:
        """The other side refused."""
        self.observed["refused"] = error.code
        if self.expected is None or self.expected.refused is None:
            self.fail(f"refused: {error}")
        elif self.expected.refused != error.code:
            self.fail(f"refused: expected {self.expected.refused}, found {error.code} ({error.text})")


def _plain(value: Any) -> Any:
    """Lists of names have no order."""
    return sorted(value) if isinstance(value, list | tuple) else value
