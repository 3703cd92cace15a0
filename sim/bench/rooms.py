"""``menjin bench rooms``: what the rooms' rules cost a pair on its way in, and everybody else meanwhile (R2).

Two people tap at an empty two-person room, the door opens and closes behind them, they tap out, the door opens and closes: each of the
inputs through the engine of a building with every rule on and 500 people inside, then its record into the journal with its disk sync.
"""

import tempfile
from pathlib import Path

from controller.engine import Engine
from controller.events import AccessGranted, AccessPending
from controller.inputs import AnyInput, CardRead, DoorContact
from controller.now import Now
from edge.journal import SqliteJournal
from sim.bench.figures import BenchFailed, Report, median, percentile, shown
from sim.bench.hall import EMPTY_ROOM, MONO_US, hall_hardware, hall_policy, hall_state, kind_of
from sim.bench.population import NOON_US, BenchTap, grant_areas
from sim.waiting import Stopwatch

BADGES = 100_000
PAIRS = 300
STEP_US = 2_000_000
"""Between two inputs; a passage is over before the next pair comes."""
AFTER_US = 20_000_000
ROOM = f"room-{EMPTY_ROOM}"


class _Token:
    def token(self) -> str:
        return "bench"


class _Times:
    """Microseconds in the engine and in the journal, of one kind of input."""

    def __init__(self) -> None:
        self.decided: list[float] = []
        self.written: list[float] = []

    @property
    def share(self) -> float:
        """Of a whole step, the engine's."""
        return median([own / (own + disk) for own, disk in zip(self.decided, self.written, strict=True)])


def run(badges: int = BADGES, pairs: int = PAIRS) -> Report:
    """Every pair is a member of own staff and a customer's person, both new: nobody was in the room before them or stays after."""
    policy = hall_policy(badges)
    engine = Engine(hall_state(policy), "bench", hall_hardware(policy), "edge-1")
    times = {name: _Times() for name in ("first tap", "second tap, both granted", "the door opens", "a way out")}
    with tempfile.TemporaryDirectory(prefix="menjin-bench-") as folder:
        journal = SqliteJournal(Path(folder, "journal.db"), _Token())
        try:
            engine.adopt(policy, "", Now(NOON_US, MONO_US))
            _Pairs(engine, journal, times).go(_people(badges, "staff", pairs), _people(badges, "customer", pairs))
        finally:
            journal.close()
    figures = [
        shown(f"rooms: {name}, {what}", value, unit)
        for name, found in times.items()
        for what, value, unit in (
            ("engine p50", percentile(found.decided, 50), "µs"),
            ("engine p99", percentile(found.decided, 99), "µs"),
            ("engine's share of the step", 100 * found.share, "%"),
        )
    ]
    return Report(
        "rooms",
        tuple(figures),
        f"{pairs} pairs, {badges} badges, 500 people in eleven other rooms; engine: Engine.handle with its record encoded; step: with chain and commit",
    )


def _people(badges: int, kind: str, wanted: int) -> list[int]:
    found = [badge for badge in range(1, badges + 1) if kind_of(badge) == kind and ROOM in grant_areas(badge)]
    if len(found) < wanted:
        raise BenchFailed(f"only {len(found)} badges of kind {kind} may enter {ROOM}; take more badges")
    return [found[at * len(found) // wanted] for at in range(wanted)]


class _Pairs:
    def __init__(self, engine: Engine, journal: SqliteJournal, times: dict[str, _Times]) -> None:
        self._engine, self._journal, self._times = engine, journal, times
        self._wall_us, self._mono_us = NOON_US, MONO_US

    def go(self, one: list[int], other: list[int]) -> None:
        """One pair after the other."""
        for staff, customer in zip(one, other, strict=True):
            self._expect(self._tap(staff, "in", "first tap"), AccessPending, 1)
            self._expect(self._tap(customer, "in", "second tap, both granted"), AccessGranted, 2)
            self._through("the door opens")
            self._expect(self._tap(staff, "out", ""), AccessPending, 1)
            self._expect(self._tap(customer, "out", "a way out"), AccessGranted, 2)
            self._through("")
            self._wall_us += AFTER_US
            self._mono_us += AFTER_US

    def _tap(self, badge: int, way: str, kind: str) -> tuple[object, ...]:
        credential = BenchTap(badge, EMPTY_ROOM).credential
        point = f"{way}-{EMPTY_ROOM}"
        return self._step(CardRead(point, "desfire", credential, "authenticated", self._mono_us), kind)

    def _through(self, kind: str) -> None:
        self._step(DoorContact(f"door-{EMPTY_ROOM}", True), kind)
        self._step(DoorContact(f"door-{EMPTY_ROOM}", False), "")

    def _step(self, stimulus: AnyInput, kind: str) -> tuple[object, ...]:
        now = Now(self._wall_us, self._mono_us)
        watch = Stopwatch()
        outcome = self._engine.handle(stimulus, now)
        decided_s = watch.s
        self._journal.append(self._engine.pending, self._wall_us)
        self._engine.commit()
        if kind:
            self._times[kind].decided.append(decided_s * 1e6)
            self._times[kind].written.append((watch.s - decided_s) * 1e6)
        self._journal.settle()
        self._wall_us += STEP_US
        self._mono_us += STEP_US
        return () if outcome.record is None else outcome.record.events

    def _expect(self, events: tuple[object, ...], kind: type, wanted: int) -> None:
        found = [event for event in events if isinstance(event, kind)]
        if len(found) != wanted:
            raise BenchFailed(f"{wanted} {kind.__name__} expected, not {[type(event).__name__ for event in events]}")
