"""A building in memory for one scenario: one edge's agent with its server, doors with leaves, people, and virtual time.

Waiting costs nothing: time goes from one thing that is due to the next, and stands still while the agent works, so every limit is met to the
microsecond. What people do takes no time.
"""

import datetime as dt
from collections import deque
from collections.abc import Callable
from typing import Literal

import msgspec

from controller.commands import Command
from controller.events import Record, decode_record
from controller.limits import limits_from
from controller.now import SECOND_US, Now
from controller.policy import Badge, Policy
from controller.site import AccessPoint, DoorHardware, Site
from controller.site_checks import site_mismatch
from edge.ports import DeviceChanged, InputChanged, Presented, ScanFailed, Scanned, Stimulus
from sim.memory import Asked
from sim.memory_server import MemoryServer, next_version
from sim.node import Node
from sim.site_folder import SiteFolder
from sim.virtual.policy import CardHeld
from sim.wiring import DoorWiring

EDGE = "edge-1"
STARTS = dt.datetime(2026, 3, 2, 2, 0, tzinfo=dt.UTC)
"""A Monday, 10:00 in Shanghai, where nothing else is said."""
LEASE_EVERY_US = 300 * SECOND_US
LEASE_SHARE = 4
"""The server vouches anew after this share of the shortest lease, or LEASE_EVERY_US."""
KEPT_US = 3_650 * 86_400 * SECOND_US
"""No record is purged: the player looks at all of them."""
LEAST_US = 1_000
"""What is due by now already is taken this much later, so that time goes on."""
MESSAGES_MAX = 10_000
"""Messages at one moment: more is two programs that answer each other for ever."""

DeviceKind = Literal["reader", "board", "scanner"]
LONGEST_SCAN_BYTES = 128
"""What a scanner sends beyond this is no code (docs/goods.md)."""


class Stuck(RuntimeError):
    """Edge and server go on talking without an end. A fault of one of them."""


class Building:
    """``site`` with its settings put in. The edge holds no policy until :meth:`begin`."""

    def __init__(self, folder: SiteFolder, site: Site, starts: dt.datetime = STARTS, seed: int = 1) -> None:
        self.site = site
        self.wiring = folder.wiring
        self.now_us = 0
        self.seed = seed
        self.people = {area.id: 0 for area in site.areas if not area.public}
        self.propped: set[str] = set()
        self.shown: dict[str, str] = {}
        self.asked: list[Asked] = []
        self._doors = {door.id: door for door in folder.wiring.doors}
        self._wall_us = round(starts.timestamp() * SECOND_US)
        self._down: deque[tuple[str, bytes]] = deque()
        self._up: deque[tuple[str, bytes]] = deque()
        self._wake_us: int | None = None
        self._lease_at_us = 0
        self._server_alive = True
        self._broker_alive = True
        self._cable_plugged = True
        self._edge_alive = True
        self._broken: set[str] = set()
        self._records: list[Record] = []
        self.server = MemoryServer(site.id, EDGE, lambda leaf, payload: self._down.append((leaf, payload)))
        limits = limits_from(site.settings)
        self.server.lease_s = {
            f"{kind}_s": int(getattr(limits, f"lease_{kind}_s"))
            for kind in ("temporary", "customer", "staff", "keyholder")
        }
        self._lease_every_us = min(LEASE_EVERY_US, min(self.server.lease_s.values()) * SECOND_US // LEASE_SHARE)
        scanners = tuple((scanner.id, scanner.access_point) for scanner in folder.wiring.scanners)
        hardware = tuple(_hardware(door, scanners) for door in folder.wiring.doors)
        self.node = Node(site, EDGE, hardware, seed, self._wall_us, self._carry_up, self._watch, KEPT_US, scanners)

    def begin(self, policy: Policy) -> None:
        """The edge starts, connects, and takes its policy. Raises :class:`RuntimeError` when it does not."""
        self._wake_us = self.node.start(self.now_us)
        self.server.publish(policy, self._server_now())
        self._lease_at_us = self.now_us + self._lease_every_us
        self.node.connect()
        self.settle()
        if not self.policy_is_current():
            objections = site_mismatch(policy.site, self.node.doors, EDGE)
            why = objections[0] if objections else ", ".join(self.node.agent.refused_messages)
            raise RuntimeError(f"the edge does not take the policy made of `given`: {why}")

    # time

    def advance(self, us: int) -> None:
        """Let time pass."""
        self._run_to(self.now_us + us)

    def until(self, holds: Callable[[], bool], timeout_us: int) -> bool:
        """Let time pass until ``holds()``; at most ``timeout_us``."""
        end_us = self.now_us + timeout_us
        while not holds():
            if self.now_us >= end_us:
                return False
            due_us = [moment for moment in (self._due_us(), self._next_relock_us()) if moment is not None]
            self._run_to(min([max(self.now_us + LEAST_US, moment) for moment in due_us] + [end_us]))
        return True

    def wall(self) -> dt.datetime:
        """The true time."""
        return dt.datetime.fromtimestamp((self._wall_us + self.now_us) / SECOND_US, dt.UTC)

    def settle(self) -> None:
        """Everything that waits is taken, answered and taken again, at this moment."""
        for _ in range(MESSAGES_MAX):
            if self._edge_alive and self.node.waiting:
                self._step()
            elif self._up:
                leaf, payload = self._up.popleft()
                if self._server_alive:
                    self.server.take(leaf, payload, self._server_now())
            elif self._down:
                leaf, payload = self._down.popleft()
                if self._edge_alive:
                    self.node.deliver(leaf, payload)
            else:
                return
        raise Stuck(f"edge and server are still talking after {MESSAGES_MAX} messages")

    def _run_to(self, end_us: int) -> None:
        self.settle()
        while (due_us := self._due_us()) is not None and due_us <= end_us:
            self.now_us = max(self.now_us, due_us)
            if self._lease_at_us <= self.now_us:
                self._vouch()
            if self._edge_alive:
                self._step()
            self.settle()
        self.now_us = max(self.now_us, end_us)

    def _due_us(self) -> int | None:
        due = [self._lease_at_us] if self._server_alive else []
        if self._edge_alive and self._wake_us is not None:
            due.append(self._wake_us)
        return min(due, default=None)

    def _step(self) -> None:
        wake_us = self.node.step(self.now_us)
        self._wake_us = (
            None
            if wake_us is None
            else max(wake_us, self.now_us + 1 if wake_us > self.now_us else self.now_us + LEAST_US)
        )

    def _vouch(self) -> None:
        self._lease_at_us = self.now_us + self._lease_every_us
        if self.server.policy is not None:
            self.server.say_lease(self._server_now())

    def _server_now(self) -> Now:
        return Now(self._wall_us + self.now_us, self.now_us)

    def _next_relock_us(self) -> int | None:
        return min((at for at in self.node.unlocked_until_us.values() if at > self.now_us), default=None)

    # doors and people

    def present(self, card: CardHeld, access_point: str, age_us: int = 0) -> None:
        """Lay a card on the reader of an access point. ``age_us``: how long ago the reader saw it."""
        assurance = "identified" if card.technology == "uid" else "authenticated"
        read_us = self.node.now(self.now_us).mono_us - age_us
        self.shown.pop(access_point, None)
        self.tell(Presented(access_point, card.technology, card.number, assurance, read_us))

    def scan(self, access_point: str, text: str, half: bool = False, age_us: int = 0) -> None:
        """A scanner there reads ``text``: a scan is so long at most and of printable ASCII. ``half``: its end never comes. Raises ``KeyError`` with one line where
        no scanner works."""
        there = [scanner.id for scanner in self.wiring.scanners if scanner.access_point == access_point]
        if not set(there) - self._broken:
            raise KeyError(f"no scanner works at {access_point}")
        read_us = self.node.now(self.now_us).mono_us - age_us
        length = len(text.encode())
        refused = (
            "too_long"
            if length > LONGEST_SCAN_BYTES
            else "noise"
            if not (text.isascii() and text.isprintable()) or not text.strip()
            else "half"
            if half
            else ""
        )
        self.shown.pop(access_point, None)
        if refused:
            self.tell(ScanFailed(access_point, refused, length, read_us))
        else:
            self.tell(Scanned(access_point, text, read_us))

    def tell(self, *stimuli: Stimulus) -> None:
        """Something reaches the edge, as one group; it and all that follows is taken."""
        if self._edge_alive:
            self.node.waiting += stimuli
        self.settle()

    def point(self, door: str, out: bool) -> AccessPoint:
        """The way through a door. Raises ``KeyError`` with one line when there is none."""
        for point in self.site.access_points:
            if point.door == door and point.out == out:
                return point
        raise KeyError(f"door {door!r}: no access point leads {'out' if out else 'in'}")

    def is_locked(self, door: str) -> bool:
        """Whether the lock holds the leaf. Raises ``KeyError`` for a door that is not there."""
        self.door(door)
        return not self.node.is_unlocked(door, self.now_us)

    def is_open(self, door: str) -> bool:
        return door in self.node.open_doors

    def press_rex(self, door: str) -> None:
        """Press the exit button, or the lever that is its contact, and let it go."""
        self.door(door)
        self.tell(InputChanged("rex", door, True))
        self.tell(InputChanged("rex", door, False))

    def open(self, door: str) -> None:
        """The leaf opens; nobody asks whether it may."""
        if door not in self.node.open_doors:
            self.node.open_doors.add(door)
            self._contact(door)

    def close(self, door: str) -> None:
        """Take the wedge away, shut the leaf."""
        self.propped.discard(door)
        if door in self.node.open_doors:
            self.node.open_doors.discard(door)
            self._contact(door)

    def move(self, point: AccessPoint, people: int) -> None:
        """So many people really go this way."""
        for area, change in ((point.from_area, -people), (point.to_area, people)):
            if area in self.people:
                self.people[area] = max(0, self.people[area] + change)

    def door(self, door: str) -> DoorWiring:
        """A door's wiring. Raises ``KeyError`` with one line for one that is not there."""
        if door not in self._doors:
            raise KeyError(f"no door {door!r}; there are {', '.join(sorted(self._doors))}")
        return self._doors[door]

    def device(self, device: str, working: bool) -> None:
        """A reader, a board or a scanner falls out or comes back."""
        kinds: dict[str, DeviceKind] = {reader.id: "reader" for reader in self.wiring.readers}
        kinds |= {board.id: "board" for board in self.wiring.boards}
        kinds |= {scanner.id: "scanner" for scanner in self.wiring.scanners}
        if device not in kinds:
            raise KeyError(f"no device {device!r}; there are {', '.join(sorted(kinds))}, network")
        (self._broken.discard if working else self._broken.add)(device)
        self.tell(DeviceChanged(device, kinds[device], working, "" if working else "unplugged"))

    def _contact(self, door: str) -> None:
        if self._doors[door].contact is not None:
            self.tell(InputChanged("contact", door, door in self.node.open_doors))

    # what lives and dies

    def cut(self, what: str) -> None:
        """``mqtt`` or ``edge``: the cable; ``broker`` and ``server`` fall silent; the ``journal`` cannot commit."""
        if what == "journal":
            self.node.journal.failing = "disk full"
        elif what == "server":
            self._server_alive = False
        elif what == "broker":
            self._broker_alive = False
        else:
            self._cable_plugged = False
        self._follow_link()

    def kill(self, what: str) -> None:
        """kill -9."""
        if what == "edge":
            self.node.kill()
            self._edge_alive, self._wake_us = False, None
        else:
            self.cut("broker" if what == "mqtt" else what)

    def restore(self, what: str) -> None:
        """Whatever was cut or killed is back, and has said so."""
        if what == "journal":
            self.node.journal.failing = None
        elif what == "server":
            self._server_alive = True
        elif what in ("broker", "mqtt"):
            self._broker_alive = True
        if what in ("mqtt", "edge"):
            self._cable_plugged = True
        if what == "edge" and not self._edge_alive:
            self._edge_alive = True
            self._wake_us = self.node.start(self.now_us)
        self._follow_link()
        self.advance(2 * SECOND_US)  # what had failed meanwhile is tried again

    def _follow_link(self) -> None:
        if self._edge_alive:
            (self.node.connect if self._cable_plugged and self._broker_alive else self.node.cut)()
        self.settle()

    def set_clock(self, offset_us: int) -> None:
        """The edge's wall clock against the true one."""
        self.node.wall_offset_us = self._wall_us + offset_us
        self.settle()
        if self._edge_alive:
            self._step()
        self.settle()

    # the server's side

    @property
    def connected(self) -> bool:
        """Whether a command would reach the edge."""
        return self._server_alive and self._edge_alive and self.node.link.up

    def command(self, command: Command, supervisor: bool) -> str:
        """Give a command to the connected edge. Returns its id."""
        command_id = self.server.command(command, self._server_now(), supervisor=supervisor)
        self.settle()
        return command_id

    def change_badge(self, badge_id: int, **changes: object) -> None:
        """Publish a policy in which one badge is another."""
        policy = self.server.policy
        assert policy is not None
        badges: tuple[Badge, ...] = tuple(
            msgspec.structs.replace(badge, **changes) if badge.id == badge_id else badge for badge in policy.badges
        )
        self.publish(next_version(policy, badges=badges))

    def publish(self, policy: Policy) -> None:
        """Publish a policy: it is in force where it is heard."""
        self.server.publish(policy, self._server_now())
        if not self._server_alive:
            self._down.clear()
        self.settle()

    def policy_is_current(self) -> bool:
        """Whether the edge runs the policy that was published last."""
        policy = self.server.policy
        return policy is not None and self.node.agent.engine.state.policy_version == policy.version

    # looking

    def records(self) -> list[Record]:
        """Every record of the journal, in order."""
        journal = self.node.journal
        self._records += [decode_record(kept.record) for kept in journal.after(len(self._records), journal.last_seq)]
        return self._records

    def ledger_differs(self) -> tuple[int, int]:
        """(records of the journal that the ledger lacks, records that it has beyond)."""
        held = [line for line in self.server.ledger.get(self.node.journal.journal_id, []) if line]
        own = self.node.journal.content.split(b"\n") if self.node.journal.last_seq else []
        return len([line for line in own if line not in set(held)]), len(held) - len(set(held))

    def doors_of_zone(self, zone: str) -> list[str]:
        return [door.id for door in self._doors.values() if zone in door.fire_zones]

    def _carry_up(self, leaf: str, payload: bytes) -> None:
        self._up.append((leaf, payload))

    def _watch(self, asked: Asked) -> None:
        if asked.act == "indicate":
            self.shown[asked.subject] = asked.pattern
        else:
            self.asked.append(asked)


def _hardware(door: DoorWiring, scanners: tuple[tuple[str, str], ...]) -> DoorHardware:
    return DoorHardware(
        door.id,
        fail=door.fail,
        relock_by=door.relock_by,
        has_contact=door.contact is not None,
        has_rex=door.rex is not None,
        fire_zones=door.fire_zones,
        scanners=tuple(sorted({access_point for _, access_point in scanners})),
    )
