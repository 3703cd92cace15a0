"""One agent in memory with its server at hand: time stands still until the test moves it."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from controller.event_base import Event
from controller.events import AnyEvent, Record
from controller.now import SECOND_US, Now
from controller.policy import Policy
from controller.site import DoorHardware
from controller.site_checks import parse_site
from edge.agent import Agent
from edge.ports import InputChanged, Presented, Rejected, Stimulus
from sim.day import card_of, first_policy
from sim.memory import Asked
from sim.memory_server import MemoryServer
from sim.node import Node

SITE = parse_site(
    """
id = "demo"
time_zone = "Asia/Shanghai"
areas = [{id = "outside", public = true}, {id = "hall"}]
doors = [{id = "hall-door", unlock_s = 5}, {id = "yard-door", unlock_s = 5}]
access_points = [
  {id = "hall-in", door = "hall-door", from_area = "outside", to_area = "hall"},
  {id = "hall-out", door = "hall-door", from_area = "hall", to_area = "outside", out = true},
  {id = "yard-in", door = "yard-door", from_area = "outside", to_area = "hall"},
]
"""
)
DOORS = (DoorHardware("hall-door", fire_zones=("z1",)), DoorHardware("yard-door"))
WALL_US = 1_772_409_600 * SECOND_US
STAFF = 8
"""A holder of the first policy who is own staff."""

_decode = msgspec.json.Decoder(Record).decode
_E = TypeVar("_E", bound=Event)


class AgentRig:
    """``true_us`` is the time; :meth:`post` gives stimuli in one step; messages both ways arrive in :meth:`settle`. ``scanners``: each with its
    access point, which is one of the yard door's."""

    def __init__(
        self,
        policy: Policy | None = None,
        start: bool = True,
        connect: bool = True,
        scanners: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.true_us = 0
        self.asked: list[Asked] = []
        self.down: list[tuple[str, bytes]] = []
        self.up: list[tuple[str, bytes]] = []
        scanned = tuple(sorted({point for _, point in scanners}))
        doors = tuple(msgspec.structs.replace(door, scanners=scanned) for door in DOORS)
        self.node = Node(
            SITE,
            "edge-1",
            doors,
            7,
            WALL_US,
            lambda leaf, payload: self.up.append((leaf, payload)),
            scanners=scanners,
        )
        self.node.locks._hear = self.asked.append
        self.server = MemoryServer("demo", "edge-1", lambda leaf, payload: self.down.append((leaf, payload)))
        if policy is not None or start:
            self.server.publish(policy if policy is not None else first_policy(SITE), self.now, ())
        if start:
            self.node.start(0)
            self.post()
            if connect:
                self.node.connect()
                self.settle()
            self.asked.clear()

    @property
    def agent(self) -> Agent:
        return self.node.agent

    @property
    def now(self) -> Now:
        return self.node.now(self.true_us)

    def post(self, *stimuli: Stimulus) -> int | None:
        """One step with these, after what waits already."""
        self.node.waiting += stimuli
        return self.node.step(self.true_us)

    def wait(self, seconds: float) -> int | None:
        """Time passes, then one step."""
        self.true_us += int(seconds * SECOND_US)
        return self.post()

    def settle(self) -> None:
        """Let messages go both ways until nobody has more to say."""
        for _ in range(1_000):
            up, self.up = self.up, []
            for leaf, payload in up:
                self.server.take(leaf, payload, self.now)
            down, self.down = self.down, []
            for leaf, payload in down:
                self.node.deliver(leaf, payload)
            if not up and not down and not self.node.waiting:
                return
            self.post()
        raise AssertionError("edge and server never stop talking")

    def restart(self, reboot: bool = False) -> None:
        """kill -9, and up again."""
        self.node.kill()
        if reboot:
            self.node.reboot(self.true_us)
        self.node.start(self.true_us)
        self.post()

    def card(self, holder: int = STAFF, at: str = "hall-in", late_s: float = 0) -> Presented:
        read_at_us = self.now.mono_us - int(late_s * SECOND_US)
        return Presented(at, "desfire", card_of(holder), "authenticated", read_at_us)

    def rejected(self, cause: str = "two_cards") -> Rejected:
        return Rejected("hall-in", cause, "desfire", self.now.mono_us)

    def rex(self, door: str = "hall-door") -> InputChanged:
        return InputChanged("rex", door, True)

    def records(self, after: int = 0) -> list[Record]:
        return [_decode(kept.record) for kept in self.node.journal.after(after, 1_000_000)]

    def events(self, kind: type[_E], after: int = 0) -> list[_E]:
        return [event for event in self._events(after) if isinstance(event, kind)]

    def unlocked(self) -> list[str]:
        """Doors unlocked since this was asked last."""
        found = [asked.subject for asked in self.asked if asked.act in ("unlock", "hold")]
        self.asked.clear()
        return found

    def _events(self, after: int) -> Iterator[AnyEvent]:
        for record in self.records(after):
            yield from record.events
