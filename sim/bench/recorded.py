"""An engine on the bench's policy, fed with its taps: records as an edge makes them, for journals and for the wire."""

from collections.abc import Iterator, Sequence

from controller.actions import AnyAction
from controller.engine import Engine
from controller.inputs import CardRead, LeaseArrived, Started
from controller.now import Now
from controller.policy import Lease, Policy, policy_digest
from controller.site import DoorHardware
from controller.state import State
from sim.bench.population import BenchTap

BOOT = "0" * 32
SOFTWARE = "menjin bench"
TAP_EVERY_US = 250_000


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

    def tap(self, tap: BenchTap) -> None:
        """One card read at this instant, then time goes on. Its record is in ``engine.pending``."""
        now = self.now()
        read = CardRead(tap.access_point, "desfire", tap.credential, "authenticated", now.mono_us, 60_000)
        self.engine.handle(read, now)
        self._wall_us += TAP_EVERY_US
        self._mono_us += TAP_EVERY_US

    def take(self) -> tuple[Sequence[bytes], tuple[AnyAction, ...]]:
        """What is pending, and what waited for it, as if it were committed now."""
        pending = self.engine.pending
        return pending, self.engine.commit()

    def records(self, taps: Sequence[BenchTap], count: int, at_once: int = 100) -> Iterator[Sequence[bytes]]:
        """``count`` records, ``at_once`` together, by repeating ``taps``."""
        made = turn = 0
        while made < count:
            while len(self.engine.pending) < min(at_once, count - made):
                self.tap(taps[turn % len(taps)])
                turn += 1
            pending, _ = self.take()
            yield pending
            made += len(pending)
