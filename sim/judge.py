"""What a step expects and what was found: one list of problems per step."""

from typing import Any

import msgspec

from sim.clients import Refused
from sim.scenario import Expect


class StepResult(msgspec.Struct):
    """How one step went. ``problems`` is empty when all expectations hold."""

    line: int
    verb: str
    ok: bool
    problems: list[str]
    observed: dict[str, Any]
    took_ms: float


class NotYet(Exception):
    """The step belongs to a part that does not exist yet."""


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
