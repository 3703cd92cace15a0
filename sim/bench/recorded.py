"""An engine on the bench's policy, fed with its taps: records as an edge makes them, for journals and for the wire."""

from collections.abc import Iterator, Sequence

from controller.actions import AnyAction
from controller.engine import Engine
from controller.inputs import AnyInput, CardRead, DoorContact, LeaseArrived, Started
from controller.now import Now
from controller.policy import Lease, Policy
from controller.policy_digest import policy_digest
from controller.site import DoorHardware
from controller.state import State
from sim.bench.population import BenchTap

BOOT = "0" * 32
SOFTWARE = "menjin bench"
TAP_EVERY_US = 1_000_000
PASSAGE_US = 2_000_000
RELOCKED_US = 6_000_000
"""The unlock time, five seconds, is over by then."""
VISIT_US = TAP_EVERY_US + PASSAGE_US + RELOCKED_US


class RecordedTaps:
    """Handles taps one after the other, :data:`TAP_EVERY_US` apart, under a lease that never ends in between. ``doors``: those
    of this edge."""

    def __init__(
        self, policy: Policy, journal_id: str, begin_us: int, doors: Sequence[str], boot_id: str = BOOT
    ) -> None:
        hardware = [DoorHardware(door) for door in doors]
        self.engine = Engine(State(), journal_id, hardware, edge="bench")
        self._wall_us = begin_us
        self._mono_us = 1_000_000
        digest = policy_digest(policy)
        self.engine.adopt(policy, digest, self.now())
        self.engine.handle(Started(boot_id, SOFTWARE), self.now())
        lease = Lease(policy.version, digest, begin_us, customer_s=10 * 365 * 86_400)
        self.engine.handle(LeaseArrived(lease), self.now())

    def now(self) -> Now:
        """The present instant."""
        return Now(self._wall_us, self._mono_us, True)

    def tap(self, tap: BenchTap) -> int:
        """One card read at this instant, then time goes on. How many records it made: 1, now in ``engine.pending``."""
        read = CardRead(tap.access_point, "desfire", tap.credential, "authenticated", self._mono_us, 60_000)
        return self._handle(read, TAP_EVERY_US)

    def visit(self, tap: BenchTap) -> int:
        """A tap, and if it is granted the door opens and closes behind the person. How many records that made."""
        made = self.tap(tap)
        door = tap.access_point.replace("in-", "door-")
        if self.engine.door(door).lock != "unlocked":
            return made
        made += self._handle(DoorContact(door, True), PASSAGE_US)
        return made + self._handle(DoorContact(door, False), RELOCKED_US)

    def _handle(self, stimulus: AnyInput, then_us: int) -> int:
        outcome = self.engine.handle(stimulus, self.now())
        self._wall_us += then_us
        self._mono_us += then_us
        return int(outcome.record is not None)

    def take(self) -> tuple[Sequence[bytes], tuple[AnyAction, ...]]:
        """What is pending, and what waited for it, as if it were committed now."""
        pending = self.engine.pending
        return pending, self.engine.commit()

    def records(self, taps: Sequence[BenchTap], count: int, at_once: int = 100) -> Iterator[Sequence[bytes]]:
        """``count`` records, ``at_once`` together, by repeating visits of ``taps``; up to two more at a time."""
        made = turn = 0
        while made < count:
            waiting = len(self.engine.pending)
            while waiting < min(at_once, count - made):
                waiting += self.visit(taps[turn % len(taps)])
                turn += 1
            pending, _ = self.take()
            yield pending
            made += len(pending)
