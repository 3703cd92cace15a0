"""A site that runs, for the fault tests: all processes, its people with their cards, and what can be asked of it."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from controller.events import AccessDenied, AccessGranted, Record
from controller.inputs import CardRead, CardRefused
from sim.at_the_door import READY_POLL_S, Taps, doors_are_ready
from sim.compare import Comparison, compare_when_drained
from sim.demo import load_population
from sim.journal_tail import JournalTail
from sim.population import Population
from sim.stack import EDGE, BrokerKind, Stack
from sim.waiting import Stopwatch, pause, until

READY_S = 60.0
DECISION_S = 8.0
WAIT_S = 30.0
ONE_READ_S = 1.5
"""Longer than the time in which reads of one badge at one point are one read (MEANINGS 10)."""
CLOCK_OFFSET = "clock_offset_s"


class Answer(NamedTuple):
    """What a tap got: what the hall saw, and the decision that the edge's journal holds (None: no record of it)."""

    decision: str | None
    reason: str
    unlocked: bool
    indicator: str


class OpenSite:
    """Verbs and questions of a fault test. ``tail`` reads the edge's journal whatever else is dead."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.tail = JournalTail(stack.edge_state / "journal.db")
        self._taps = Taps(stack.hall)
        self._watch = Stopwatch()
        self._last_tap: tuple[str, str, float] = ("", "", 0.0)

    def tap(self, card: str, at: str) -> Answer:
        """Lay a card down and wait for the edge's decision."""
        last_card, last_at, last_s = self._last_tap
        if (card, at) == (last_card, last_at):
            pause(max(0.0, last_s + ONE_READ_S - self._watch.s))
        after = self.tail.last_seq()
        seen = self._taps.tap(card, at)
        self._last_tap = (card, at, self._watch.s)
        # What was refused without a record (journal unavailable) is not waited for long.
        wait_s = DECISION_S if seen.indicator in ("granted", "pending", "none") else 1.5
        record = self.tail.wait_for(lambda found: _is_tap(found, at), after, wait_s)
        decision, reason = _decision(record)
        return Answer(decision, reason, seen.unlocked, seen.indicator)

    def unlocked(self) -> set[str]:
        """The doors that are physically unlocked."""
        doors: dict[str, Any] = self.stack.hall.get("/state")["doors"]
        return {name for name, facts in doors.items() if not facts["locked"]}

    def all_lock(self) -> bool:
        """Whether every door is locked in the end."""
        return until(lambda: not self.unlocked(), WAIT_S)

    def is_ready(self) -> bool:
        """Whether the edge runs the current policy under a lease in the end."""
        return until(lambda: doors_are_ready(self.stack.api), READY_S, READY_POLL_S)

    def drained(self) -> Comparison:
        """Journal and ledger byte for byte, once everything has arrived or the time is over."""
        return compare_when_drained(self.tail, self.stack.api, EDGE)

    def edge_reported(self) -> dict[str, Any]:
        """The server's picture of the edge."""
        shown: dict[str, Any] = self.stack.api.get(f"/api/v1/edges/{EDGE}")
        return shown

    def standing(self) -> set[tuple[str, str]]:
        """(alarm, subject) of what stands at the server."""
        return {(item["alarm"], item["subject"]) for item in self.stack.api.get("/api/v1/alarms")["items"]}

    def alarm_stands(self, alarm: str) -> bool:
        """Whether the server shows the alarm in the end."""
        return until(lambda: any(name == alarm for name, _ in self.standing()), WAIT_S)

    def set_edge_clock(self, offset_s: int) -> None:
        """The scenario hook: the edge's wall clock runs this far beside the machine's."""
        target = self.stack.edge_state / CLOCK_OFFSET
        scratch = target.with_suffix(".new")
        scratch.write_text(f"{offset_s}\n")
        scratch.replace(target)

    def is_in_order(self) -> bool:
        """Whether another test may begin here: everything runs under the true time and has arrived."""
        return (
            all(child.running for child in self.stack.children.values())
            and not (self.stack.edge_state / CLOCK_OFFSET).exists()
            and doors_are_ready(self.stack.api)
        )

    def stop_edge(self) -> int | None:
        """SIGTERM; the exit code."""
        return self.stack.children["edge"].stop()


@contextmanager
def open_site(directory: Path, site: str = "demo", broker: BrokerKind = "amqtt") -> Iterator[OpenSite]:
    """A started site with its population, ready for taps; everything ends with the block."""
    with Stack(directory, site, broker) as stack:
        populate(stack)
        opened = OpenSite(stack)
        assert opened.is_ready(), stack.children["edge"].log_tail()
        yield opened


def _is_tap(record: Record, at: str) -> bool:
    return isinstance(record.input, CardRead | CardRefused) and record.input.access_point == at


def _decision(record: Record | None) -> tuple[str | None, str]:
    for event in record.events if record is not None else ():
        if isinstance(event, AccessGranted):
            return "granted", event.because.reason
        if isinstance(event, AccessDenied):
            return "denied", event.because.reason
    return None, ""


def populate(stack: Stack) -> None:
    """The site's own people with their badges and cards, and a card that nobody knows."""
    population = Population(stack.api, stack.hall, dt.datetime.now(dt.UTC))
    population.load(load_population(stack.directory / "site"))
    population.unknown_card()
