"""What the edge knows. It is a fold over its records (:mod:`controller.fold`): nothing else changes a :class:`State`.

Its parts are frozen, so a snapshot is a copy of a few dictionaries.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from controller.event_base import AlarmName
from controller.events import AccessGranted, AccessPending, EncodingStarted
from controller.goods_events import EquipmentCheckStarted, ItemsReserved, ScannedItem
from controller.lease import AcceptedLease
from controller.policy import BadgeKind, Version

MAX_DENIALS_KEPT = 64
"""Denials per access point that are remembered for REPEATED_DENIALS."""


class DoorState(msgspec.Struct, frozen=True):
    """A door's separate facts. ``grants``: given, not yet taken. ``exit_requested``: a REX not yet used. ``window_until_mono_us``: when
    the unlock time, or the last grant, ends. ``open_since_mono_us``: from when the held-open time counts. ``commanded``: unlocked by command, so an opening tells nothing of who came."""

    lock: Literal["locked", "unlocked"] = "locked"
    position: Literal["closed", "open", "unknown"] = "unknown"
    mode: Literal["controlled", "released", "locked_down"] = "controlled"
    grants: tuple[AccessGranted, ...] = ()
    exit_requested: bool = False
    window_until_mono_us: int | None = None
    open_since_mono_us: int | None = None
    warned: bool = False
    maintenance_until_us: int | None = None
    commanded: bool = False


class Presence(msgspec.Struct, frozen=True):
    """Where a holder is, by what credentials and contacts prove (MEANINGS 12). ``overstayed``: OVERSTAY was raised for it. ``sure``: nothing
    since their last tap makes it doubtful. ``escort``: the holder who answers for them. ``unescorted``: their escort left. A negative
    holder is somebody without a badge, admitted by command or found by a count."""

    area: str
    since_us: int
    badge: int
    number: str
    customer: int | None = None
    overstayed: bool = False
    kind: BadgeKind | None = None
    sure: bool = True
    escort: int | None = None
    unescorted: bool = False


class People(msgspec.Struct, frozen=True, gc=False):
    """How many are listed in one area itself, not in those inside it: all of them; those of them who are sure; of the sure ones own staff,
    and by customer."""

    listed: int = 0
    sure: int = 0
    staff: int = 0
    customers: dict[int, int] = {}


class Waiting(msgspec.Struct, frozen=True):
    """Somebody whose tap counts and waits at an access point. ``asked_at_mono_us``: when the prompt was given."""

    pending: AccessPending
    asked_at_mono_us: int


class Cleared(msgspec.Struct, frozen=True):
    """An alarm that was cleared, for counting its repeats: how often it has come back, and when it cleared last."""

    at_mono_us: int
    repeats: int = 0


class StandingAlarm(msgspec.Struct, frozen=True):
    """An alarm whose cause is not gone."""

    alarm: AlarmName
    subject: str
    raised_at_us: int
    rule: str
    inputs: dict[str, str | int] = {}
    acknowledged_by: str = ""
    repeats: int = 0


class Device(msgspec.Struct, frozen=True):
    """A reader, board or scanner."""

    kind: Literal["reader", "board", "scanner"]
    working: bool
    cause: str = ""


SCANNER = "scanner:"
"""Before an access point: the device that reads codes there."""


class Check(msgspec.Struct, frozen=True):
    """Equipment that is being checked at an access point: the document, what was scanned, and when the check ends (E2, E4)."""

    started: EquipmentCheckStarted
    until_mono_us: int
    scanned: tuple[ScannedItem, ...] = ()


class Passed(msgspec.Struct, frozen=True):
    """What has passed under one binding of a document, in one direction: devices by line, and the serial numbers of those that have one.
    ``until_us``: when its window ends, and with it the need to know."""

    until_us: int
    by_line: dict[int, int]
    serials: tuple[str, ...] = ()


class Moved(msgspec.Struct, frozen=True):
    """Where a device with a serial number went last, whatever the policy's inventory says yet."""

    inside: bool
    customer: int | None
    at_us: int


class LastRead(msgspec.Struct, frozen=True):
    """A decision for a badge at an access point, for reads that are one (MEANINGS 10)."""

    badge: int
    mono_us: int


MAX_WAITING_KEPT = 16
"""People who wait at one access point, and prompts that are remembered there."""
MAX_READS_KEPT = 8
"""Decisions per access point that are remembered: as many different badges within a second are one person's read each."""
MAX_CLEARED_KEPT = 64
"""Cleared alarms that are remembered."""
MAX_MOVED_KEPT = 10_000
"""Devices whose last move is remembered; the oldest goes first."""
MOVED_KEPT_US = 30 * 86_400 * 1_000_000
"""How long a device's last move is remembered."""


class State(msgspec.Struct):
    """Everything folded. Keys: doors, areas, zones, devices, access points by their ids; ``presence`` by holder; ``alarms`` by
    ``alarm/subject``. ``wall_high_us`` is the high-water mark of journalled times that were vouched for (MEANINGS 19). ``uncertain``: area to
    cause; ``rex`` gives way to any other, which may have brought people in. ``reads``, ``waiting``: by access point, oldest first.
    ``lockdowns``: area, or empty for the site, to cause. ``checks``, ``reserved``: by access point (of several reservations there, one for each carrier and document). ``passed``: by
    :func:`controller.goods_fold.passed_key`. ``moved``: by serial. ``people``: ``presence`` counted by area, so that no tap counts a full hall."""

    seq: int = 0
    wall_high_us: int = 0
    boot_id: str = ""
    wall_trusted: bool = False
    wall_behind: bool = False
    policy_version: Version | None = None
    policy_digest: str = ""
    lease: AcceptedLease | None = None
    journal_available: bool = True
    link_up: bool | None = None
    doors: dict[str, DoorState] = {}
    presence: dict[int, Presence] = {}
    people: dict[str, People] = {}
    uncertain: dict[str, str] = {}
    alarms: dict[str, StandingAlarm] = {}
    devices: dict[str, Device] = {}
    fire_inputs: dict[str, bool] = {}
    fire_latched: dict[str, int] = {}
    muster_at_fire: dict[int, Presence] | None = None
    gas: dict[str, bool] = {}
    tamper: dict[str, bool] = {}
    power_failed: dict[str, bool] = {}
    reads: dict[str, tuple[LastRead, ...]] = {}
    denials: dict[str, tuple[int, ...]] = {}
    encoding: EncodingStarted | None = None
    waiting: dict[str, tuple[Waiting, ...]] = {}
    lockdowns: dict[str, str] = {}
    lockdown_inputs: dict[str, bool] = {}
    cleared: dict[str, Cleared] = {}
    degraded: tuple[str, ...] = ()
    checks: dict[str, Check] = {}
    reserved: dict[str, tuple[ItemsReserved, ...]] = {}
    passed: dict[str, Passed] = {}
    moved: dict[str, Moved] = {}

    def __post_init__(self) -> None:
        if self.presence and not self.people:
            self.people = count(self.presence)


def place(state: State, holder: int, presence: Presence | None) -> None:
    """Where a holder is from here on; None: nowhere that is listed. The only way to change ``presence``."""
    before = state.presence.get(holder)
    if before is not None:
        _count_in(state.people, before, -1)
    if presence is None:
        state.presence.pop(holder, None)
    else:
        state.presence[holder] = presence
        _count_in(state.people, presence, 1)


def count(presence: Mapping[int, Presence]) -> dict[str, People]:
    """``State.people`` of these."""
    people: dict[str, People] = {}
    for one in presence.values():
        _count_in(people, one, 1)
    return people


def _count_in(people: dict[str, People], presence: Presence, by: int) -> None:
    known = people.get(presence.area, _NOBODY)
    listed = known.listed + by
    if not listed:
        people.pop(presence.area, None)
    elif not presence.sure:
        people[presence.area] = People(listed, known.sure, known.staff, known.customers)
    else:
        customers = known.customers
        if presence.customer is not None:
            customers = customers | {presence.customer: customers.get(presence.customer, 0) + by}
            if not customers[presence.customer]:
                del customers[presence.customer]
        staff = known.staff + by * (presence.kind == "staff")
        people[presence.area] = People(listed, known.sure + by, staff, customers)


_NOBODY = People()


def snapshot(state: State) -> State:
    """A copy that later changes of ``state`` do not touch."""
    copy = msgspec.structs.replace(state)
    for name in _TABLES:
        setattr(copy, name, getattr(state, name).copy())
    return copy


_TABLES = tuple(name for name in State.__struct_fields__ if isinstance(getattr(State(), name), dict))


def encode_state(state: State) -> bytes:
    """A checkpoint. Counts are made anew when it is read."""
    plain = msgspec.structs.replace(state)
    plain.people = {}
    return msgspec.json.encode(plain)


def decode_state(encoded: bytes) -> State:
    """The reverse of :func:`encode_state`. Raises ``msgspec.DecodeError`` (a ``ValueError``)."""
    return msgspec.json.decode(encoded, type=State)


def alarm_key(alarm: str, subject: str) -> str:
    """The key of ``State.alarms``."""
    return f"{alarm}/{subject}"
