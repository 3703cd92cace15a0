"""A small building, its policy and the hours of its day, for the tests of the core."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from controller.actions import Action
from controller.engine import Engine, Outcome
from controller.event_base import Event
from controller.events import Record
from controller.inputs import AnyInput, CardRead, DoorContact, LeaseArrived, Started
from controller.now import SECOND_US, Now
from controller.policy import (
    Badge,
    Customer,
    Grant,
    GrantArea,
    Holder,
    Lease,
    Policy,
    Version,
    credential_key,
)
from controller.policy_digest import policy_digest
from controller.site import AccessPoint, Area, Door, DoorHardware, Interval, Schedule, Site
from controller.state import State

Kind = TypeVar("Kind", bound=Event)
Done = TypeVar("Done", bound=Action)

KEY = b"k" * 32
START_US = 1_790_000_000 * SECOND_US  # Monday 2026-09-21 22:13:20 in Shanghai
DAY_US = 86_400 * SECOND_US
ALL_DAY = (Interval(0, 1440),)

SITE = Site(
    id="demo",
    time_zone="Asia/Shanghai",
    areas=(
        Area("outside", public=True),
        Area("lobby"),
        Area("hall", inside=None),
        Area("cage-a", inside="hall", customers=("C001",)),
    ),
    doors=(
        Door("lobby-door"),
        Door("hall-door", unlock_s=5, held_open_s=30),
        Door("cage-door"),
        Door("cabinet-1", kind="cabinet"),
    ),
    access_points=(
        AccessPoint("lobby-in", "lobby-door", "outside", "lobby"),
        AccessPoint("lobby-out", "lobby-door", "lobby", "outside", out=True),
        AccessPoint("hall-in", "hall-door", "lobby", "hall"),
        AccessPoint("hall-out", "hall-door", "hall", "lobby", out=True),
        AccessPoint("cage-in", "cage-door", "hall", "cage-a"),
        AccessPoint("cage-out", "cage-door", "cage-a", "hall", out=True),
        AccessPoint("cabinet-front", "cabinet-1", "hall", "cage-a"),
    ),
    schedules=(
        Schedule("working-hours", week=((Interval(480, 1080),),) * 5 + ((), ()), holiday=()),
        Schedule("always", week=(ALL_DAY,) * 7, holiday=ALL_DAY),
    ),
    holidays=("2026-10-01",),
    workdays=("2026-10-10",),
)
HARDWARE = (
    DoorHardware("lobby-door", fire_zones=("z1",)),
    DoorHardware("hall-door", fire_zones=("z1",)),
    DoorHardware("cage-door", fire_zones=("z1", "z2")),
    DoorHardware("cabinet-1", has_contact=False, has_rex=False),
)
CUSTOMERS = (
    Customer(1, "C001", "organisation", "active", 2),
    Customer(2, "C002", "individual", "active", 1),
)
HOLDERS = (
    Holder(1, 1),
    Holder(2, 1),
    Holder(3, 2),
    Holder(4, None, ("hall",)),
    Holder(5, None, keyholder=True),
    Holder(6, 1),
)
GRANTS = (
    Grant(1, (GrantArea("lobby"), GrantArea("hall"), GrantArea("cage-a"))),
    Grant(2, (GrantArea("lobby"), GrantArea("hall", schedule="working-hours"))),
)


def credential(name: str) -> bytes:
    return credential_key(KEY, "desfire", name)


def badge(badge_id: int, name: str, **fields: object) -> Badge:
    """A customer badge of C001 that works; ``fields`` change it."""
    plain = Badge(
        id=badge_id,
        credential=credential(name),
        number=name,
        kind="customer",
        status="active",
        holder=badge_id,
        customer=1,
        grant=1,
        slot=badge_id,
    )
    return msgspec.structs.replace(plain, **fields)


LI = badge(1, "li")
WANG = badge(2, "wang")
SUN = badge(3, "sun", customer=2, slot=1)
GUO = badge(4, "guo", kind="staff", customer=None, slot=None)
KEYHOLDER = badge(5, "key", kind="staff", customer=None, slot=None)
XU = badge(6, "xu", kind="temporary", slot=None)


def policy(*badges: Badge, n: int = 1, site: Site = SITE, customers: Sequence[Customer] = CUSTOMERS) -> Policy:
    return Policy(
        version=Version(1, n),
        site=site,
        customers=tuple(customers),
        holders=HOLDERS,
        grants=GRANTS,
        badges=tuple(sorted(badges or (LI, WANG, SUN, GUO, KEYHOLDER, XU), key=lambda entry: entry.id)),
    )


def digest(of: Policy) -> str:
    return policy_digest(of)


class Hall:
    """An engine, a clock that only the test moves, and all records so far."""

    def __init__(self, in_force: Policy | None = None, *, lease: bool = True, trusted: bool = True) -> None:
        self.state = State()
        self.records: list[Record] = []
        self.encoded: list[bytes] = []
        self.now = Now(START_US, 1_000 * SECOND_US, trusted)
        self.engine = Engine(self.state, "j" * 8, HARDWARE, "edge-1")
        self.give(Started("boot-1", "test"))
        if in_force is not None:
            self.keep(self.engine.adopt(in_force, digest(in_force), self.now))
            if lease:
                self.give_lease()
        self.settle()

    def give_lease(self) -> None:
        in_force = self.engine.policy
        assert in_force is not None
        self.give(LeaseArrived(Lease(in_force.version, digest(in_force), self.now.wall_us)))

    def settle(self) -> None:
        """The contacts' first words: every door is closed."""
        for door in HARDWARE:
            if door.has_contact:
                self.give(DoorContact(door.door, open=False))

    def keep(self, outcome: Outcome) -> Outcome:
        if outcome.record is not None:
            self.records.append(outcome.record)
            self.encoded.append(outcome.encoded)
        return outcome

    def give(self, stimulus: AnyInput) -> Outcome:
        """One input, committed."""
        outcome = self.keep(self.engine.handle(stimulus, self.now))
        self.engine.commit()
        return outcome

    def wait(self, seconds: float, *, wall: bool = True) -> None:
        step_us = round(seconds * SECOND_US)
        self.now = Now(self.now.wall_us + (step_us if wall else 0), self.now.mono_us + step_us, self.now.wall_trusted)

    def tap(self, who: Badge | str, at: str = "hall-in", **fields: object) -> Outcome:
        return self.give(self.read(who, at, **fields))

    def read(self, who: Badge | str, at: str, **fields: object) -> CardRead:
        key = who.credential if isinstance(who, Badge) else credential(who)
        read = CardRead(at, "desfire", key, "authenticated", self.now.mono_us)
        return msgspec.structs.replace(read, **fields)

    @property
    def alarms(self) -> set[str]:
        return set(self.engine.state.alarms)


def events(outcome: Outcome, kind: type[Kind]) -> list[Kind]:
    """The events of one kind in an outcome."""
    return [] if outcome.record is None else [event for event in outcome.record.events if isinstance(event, kind)]


def actions(outcome: Outcome, kind: type[Done]) -> list[Done]:
    return [action for action in outcome.actions if isinstance(action, kind)]


def reason(outcome: Outcome) -> str:
    """The reason of the outcome's access decision; empty when there is none."""
    if outcome.record is None:
        return ""
    for event in outcome.record.events:
        if type(event).__name__ in ("AccessGranted", "AccessDenied", "AccessPending"):
            return str(event.because.reason)
    return ""
