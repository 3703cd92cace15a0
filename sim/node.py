"""One edge of an in-memory simulation: its agent, what survives its death, its clock, its locks and doors' leaves.

A node is killed, rebooted and cut off like the machine it stands for: journal and policy store survive, everything else is
made anew. Checks at each unlock that its cause was written before the lock moved (DESIGN §5.4).
"""

from collections.abc import Callable, Sequence

import msgspec

from controller.events import DoorUnlocked, Record
from controller.now import Now
from controller.site import DoorHardware, Site
from controller.site_checks import site_mismatch
from edge.agent import Agent
from edge.ports import InputChanged, LinkDown, LinkUp, MessageArrived, Stimulus
from edge.station import Ports, Station
from sim.memory import (
    Asked,
    MemoryIdentity,
    MemoryJournal,
    MemoryKeyRing,
    MemoryLink,
    MemoryLocks,
    MemoryPolicyStore,
    SeededRandom,
)

RETENTION_US = 6 * 3_600 * 1_000_000
"""Short, so that a day sees purges."""

_decode_record = msgspec.json.Decoder(Record).decode


class BrokenPromise(AssertionError):
    """An invariant of DESIGN §5 did not hold. The simulation's seed finds it again."""


class Node:
    """``true_us`` is the simulation's time: microseconds since it began. ``carry(leaf, payload)`` takes what goes up. ``watch`` is told
    everything that is asked of the hardware. ``scanners``: each with its access point."""

    def __init__(
        self,
        site: Site,
        edge: str,
        doors: Sequence[DoorHardware],
        seed: int,
        wall_us: int,
        carry: Callable[[str, bytes], None],
        watch: Callable[[Asked], None] = lambda _asked: None,
        retention_us: int = RETENTION_US,
        scanners: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.site = site
        self.edge = edge
        self.doors = tuple(doors)
        self.random = SeededRandom(seed)
        self.journal = MemoryJournal(self.random.token())
        self.store = MemoryPolicyStore()
        self.identity = MemoryIdentity(site.id, edge)
        self.link = MemoryLink(lambda leaf, payload, _retain: carry(leaf, payload))
        self.locks = MemoryLocks(self._hear)
        self._watch = watch
        self._retention_us = retention_us
        self._scanners = tuple(scanners)
        self.wall_offset_us = wall_us
        self.boot_offset_us = 1_000_000
        self.boot_id = self.random.token()
        self.waiting: list[Stimulus] = []
        self.unlocked_until_us: dict[str, int] = {}
        self.held_unlocked: set[str] = set()
        self.open_doors: set[str] = set()
        self.granted: set[str] = set()
        self.ways_out_open = False
        self._true_us = 0
        self._starts = 0
        self.agent = self._new_agent()

    def now(self, true_us: int) -> Now:
        """What this edge's clocks show."""
        return Now(true_us + self.wall_offset_us, true_us + self.boot_offset_us, wall_trusted=True)

    def step(self, true_us: int) -> int | None:
        """Give the agent what waits. Returns the simulation's time of its next deadline."""
        self._true_us = true_us
        stimuli, self.waiting = self.waiting, []
        self.ways_out_open = any(isinstance(s, InputChanged) and s.kind in ("rex", "fire") for s in stimuli) or any(
            self._leads_out(s) for s in stimuli
        )
        deadline_us = self.agent.step(self.now(true_us), stimuli)
        return None if deadline_us is None else deadline_us - self.boot_offset_us

    def start(self, true_us: int) -> int | None:
        """A new process: the agent comes up from what survived; contacts are told anew, as boards do."""
        self._true_us = true_us
        self._starts += 1
        self.agent = self._new_agent()
        deadline_us = self.agent.start(self.now(true_us))
        self.waiting = [InputChanged("contact", door.door, door.door in self.open_doors) for door in self.doors]
        return None if deadline_us is None else deadline_us - self.boot_offset_us

    def kill(self) -> None:
        """The process is gone: locks that it held return to rest, what waited is lost."""
        self.waiting = []
        self.held_unlocked.clear()
        self.link.up = False

    def reboot(self, true_us: int) -> None:
        """The machine restarts: boot time begins anew."""
        self.kill()
        self.boot_offset_us = 1_000_000 - true_us
        self.boot_id = self.random.token()

    def connect(self) -> None:
        """The broker is there."""
        if not self.link.up:
            self.link.up = True
            self.waiting.append(LinkUp())

    def cut(self) -> None:
        """The broker is gone."""
        if self.link.up:
            self.link.up = False
            self.waiting.append(LinkDown("cable"))

    def deliver(self, leaf: str, payload: bytes) -> bool:
        """A message from the broker; lost when not connected."""
        if self.link.up:
            self.waiting.append(MessageArrived(leaf, payload))
        return self.link.up

    def is_unlocked(self, door: str, true_us: int) -> bool:
        """Whether the leaf can be pushed open."""
        return door in self.held_unlocked or true_us < self.unlocked_until_us.get(door, 0)

    def _new_agent(self) -> Agent:
        station = Station(
            hardware=self.doors,
            hardware_digest="memory",
            boot_id=self.boot_id,
            software="menjin sim",
            objections=lambda site: site_mismatch(site, self.doors, self.edge),
            retention_us=self._retention_us,
            scanners=self._scanners,
        )
        ports = Ports(self.journal, self.store, self.link, self.locks, self.random)
        return Agent(self.identity, MemoryKeyRing(), station, ports)

    def _leads_out(self, stimulus: Stimulus) -> bool:
        point = getattr(stimulus, "access_point", None)
        return any(known.id == point and known.out for known in self.site.access_points)

    def _hear(self, asked: Asked) -> None:
        self._watch(asked)
        if asked.act == "unlock":
            self._check_cause(asked.subject)
            until_us = self._true_us + asked.unlock_us
            self.unlocked_until_us[asked.subject] = max(until_us, self.unlocked_until_us.get(asked.subject, 0))
        elif asked.act == "hold":
            self.held_unlocked.add(asked.subject)
        elif asked.act == "lock":
            self.held_unlocked.discard(asked.subject)
            self.unlocked_until_us.pop(asked.subject, None)

    def _check_cause(self, door: str) -> None:
        if self.ways_out_open:
            return  # may act before it is written (MEANINGS 1)
        mono_us = self.now(self._true_us).mono_us
        for kept in reversed(self.journal.after(max(0, self.journal.last_seq - 20), 20)):
            record = _decode_record(kept.record)
            if record.mono_us == mono_us and any(
                isinstance(event, DoorUnlocked) and event.door == door for event in record.events
            ):
                return
        raise BrokenPromise(f"{self.edge}: {door} was unlocked with no recorded cause")
