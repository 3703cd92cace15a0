"""What happened: the facts that state is folded from. Granted is not taken (R3); a fold never re-decides (DESIGN 3)."""

from typing import Literal

import msgspec

from controller.commands import Command, EncodeCard
from controller.event_base import AlarmName, Event, Explanation
from controller.goods_events import (
    EquipmentCheckEnded,
    EquipmentCheckStarted,
    EquipmentRefused,
    HolderConfirmed,
    ItemAccepted,
    ItemsFreed,
    ItemsMoved,
    ItemsReserved,
)
from controller.inputs import AnyInput
from controller.policy import BadgeKind, Int64, Lease, Version
from controller.room_events import (
    AreaCertain,
    AreaUncertain,
    DegradedChanged,
    DoorHeldWarning,
    DoorRattled,
    EscortChanged,
    EscortConfirmed,
    InterlockBroken,
    LockdownChanged,
    MaintenanceChanged,
    OccupancyReconciled,
    PeopleCounted,
)


class AccessGranted(Event, frozen=True):
    """The rules allow it and the door is being unlocked. ``badge`` is the integer id; ``out``: a way out.

    ``partners``: the holders who pass with them under the same opening. ``escort``: the holder who answers for them. ``presumed_left``: on
    the list already, but the list is uncertain: taken for the one who left (MEANINGS 12). ``emergency``: admitted without papers.
    Somebody admitted without a badge has ``badge`` 0, a negative ``holder``, and as ``number`` what the command or the edge named
    them."""

    access_point: str
    door: str
    badge: int
    holder: int
    number: str
    because: Explanation
    until_mono_us: int
    out: bool = False
    customer: int | None = None
    kind: BadgeKind | None = None
    partners: tuple[int, ...] = ()
    escort: int | None = None
    presumed_left: bool = False
    emergency: bool = False


class AccessPending(Event, frozen=True):
    """The tap counts, but something is awaited: a second person, an escort; at a way out the partner, or that the prompt is confirmed.
    Somebody admitted by command waits so too."""

    access_point: str
    door: str
    badge: int
    holder: int
    number: str
    because: Explanation
    until_mono_us: int
    out: bool = False
    customer: int | None = None
    kind: BadgeKind | None = None
    emergency: bool = False


class AccessDenied(Event, frozen=True):
    """Refused. ``badge`` and ``holder`` are None when the credential is unknown. ``waited``: this ends a wait, and no card was laid down for it."""

    access_point: str
    door: str
    because: Explanation
    badge: int | None = None
    holder: int | None = None
    number: str = ""
    out: bool = False
    customer: int | None = None
    waited: bool = False


class AccessTaken(Event, frozen=True):
    """The door opened under a grant: the person passed from one area to the other (R3, MEANINGS 14).

    ``presence``: where the person counts as being now: ``inside`` ``to_area``; ``gone`` into a public area; ``unchanged`` where
    nobody passes (a cabinet, MEANINGS 13). ``grant``: the permission in the policy that it was taken under; the rest as in
    :class:`AccessGranted`."""

    access_point: str
    door: str
    badge: int
    holder: int
    number: str
    from_area: str
    to_area: str
    customer: int | None = None
    presence: Literal["inside", "gone", "unchanged"] = "inside"
    kind: BadgeKind | None = None
    partners: tuple[int, ...] = ()
    escort: int | None = None
    grant: int | None = None
    emergency: bool = False


class AccessLapsed(Event, frozen=True):
    """A grant ended without the door having opened."""

    access_point: str
    door: str
    badge: int
    holder: int
    number: str = ""


class ExitByRequest(Event, frozen=True):
    """A door opened on its REX without a badge: somebody unknown left (MEANINGS 12)."""

    door: str
    area: str


class DoorUnlocked(Event, frozen=True):
    """The lock was released, with its recorded cause (DESIGN §5.4)."""

    door: str
    cause: Literal["grant", "rex", "fire", "command"]
    until_mono_us: int | None


class DoorLocked(Event, frozen=True):
    """The lock is in its locked state again."""

    door: str


class DoorOpened(Event, frozen=True):
    """The leaf opened."""

    door: str


class DoorClosed(Event, frozen=True):
    """The leaf closed."""

    door: str


class DoorModeChanged(Event, frozen=True):
    """The door's mode: ``controlled`` as usual, ``released`` by fire, ``locked_down``."""

    door: str
    mode: Literal["controlled", "released", "locked_down"]


class AlarmRaised(Event, frozen=True):
    """An alarm stands for ``subject`` (a door, area, reader, board, zone, edge or badge number). ``repeats``: how often it came back
    within ``repeat_window_s`` of clearing: one alarm, counted."""

    alarm: AlarmName
    subject: str
    rule: str
    inputs: dict[str, str | int] = msgspec.field(default_factory=dict)
    repeats: int = 0


class AlarmAcknowledged(Event, frozen=True):
    """An operator has seen it. ``key``: the mechanical key that explains a forced door."""

    alarm: AlarmName
    subject: str
    operator: str
    note: str
    key: str = ""


class AlarmCleared(Event, frozen=True):
    """The cause is gone."""

    alarm: AlarmName
    subject: str


class FireLatched(Event, frozen=True):
    """A zone's release is latched; ``input_active`` follows the input."""

    zone: str


class FireReset(Event, frozen=True):
    """The latch was reset by command."""

    zone: str


class InputRecorded(Event, frozen=True):
    """An input of no consequence for doors, kept as a fact (fire or gas input level, tamper level)."""

    subject: str
    kind: Literal["fire", "gas", "tamper", "mains", "battery", "lockdown"]
    active: bool


class DeviceStateChanged(Event, frozen=True):
    """A reader or board works or does not."""

    device: str
    kind: Literal["reader", "board", "scanner"]
    working: bool
    cause: str = ""


class LinkStateChanged(Event, frozen=True):
    """The connection to the broker came or went."""

    up: bool


class EdgeStarted(Event, frozen=True):
    """A new boot or process start: pendings and grants are void, presence is as last known and uncertain."""

    boot_id: str
    software: str
    wall_trusted: bool


class EdgeStopped(Event, frozen=True):
    """An orderly stop."""

    cause: str


class PolicyChanged(Event, frozen=True):
    """The policy in force."""

    version: Version
    digest: str


class LeaseAccepted(Event, frozen=True):
    """A lease counts from here (MEANINGS 17-19)."""

    lease: Lease
    accepted_wall_us: int
    accepted_mono_us: int
    boot_id: str


class CommandDone(Event, frozen=True):
    """A command's result. ``result`` ``done`` or ``refused`` (then ``because``)."""

    command_id: str
    command: Command
    operator: str
    result: Literal["done", "refused"]
    because: Explanation | None = None


class EncodingStarted(Event, frozen=True):
    """The desk waits for a card until ``until_mono_us``; ``CommandDone`` tells how it went."""

    command_id: str
    command: EncodeCard
    operator: str
    until_mono_us: int


class CardEncoded(Event, frozen=True):
    """A card carries this number now and reads as a door reads it: the server binds ``credential`` to ``badge`` (a public id).
    ``card``: which piece of plastic it is, the credential of its bare UID: two of them under one number show in the ledger."""

    command_id: str
    badge: str
    number: str
    technology: str
    credential: bytes
    operator: str
    card: bytes | None = None


class ClockStateChanged(Event, frozen=True):
    """Whether the wall clock is vouched for, and whether it stands behind the journal's high-water mark (MEANINGS 19)."""

    trusted: bool
    behind: bool = False


class JournalStateChanged(Event, frozen=True):
    """Committing stopped or resumed. ``dropped``: records of ways out that did not fit into the bounded memory meanwhile."""

    available: bool
    cause: str = ""
    dropped: int = 0


class RangeLost(Event, frozen=True):
    """Records that can no longer be had (DESIGN 4)."""

    journal_id: str
    from_seq: int
    to_seq: int


AnyEvent = (
    AccessGranted | AccessPending | AccessDenied | AccessTaken | AccessLapsed | ExitByRequest | AreaUncertain | DoorUnlocked | DoorLocked
    | DoorOpened | DoorClosed | DoorModeChanged | AlarmRaised | AlarmAcknowledged | AlarmCleared | FireLatched | FireReset
    | InputRecorded | DeviceStateChanged | LinkStateChanged | EdgeStarted | EdgeStopped | PolicyChanged | LeaseAccepted
    | CommandDone | EncodingStarted | CardEncoded | ClockStateChanged | JournalStateChanged | RangeLost
    | AreaCertain | OccupancyReconciled | PeopleCounted | EscortConfirmed | EscortChanged | LockdownChanged | MaintenanceChanged
    | DoorHeldWarning | DoorRattled | InterlockBroken | DegradedChanged
    | EquipmentCheckStarted | ItemAccepted | EquipmentRefused | EquipmentCheckEnded | ItemsReserved | ItemsMoved | ItemsFreed | HolderConfirmed
)  # fmt: skip


class Record(msgspec.Struct, frozen=True):
    """One stimulus that changed anything, with all that it caused: the unit of journal, wire and ledger (DESIGN 2).

    Its JSON bytes are made once, on the edge, and never re-encoded. ``seq`` starts at 1 and has no gaps within a
    ``journal_id``. hash(n) = SHA-256(hash(n-1) ‖ bytes(n)), hash(0) = 32 zero bytes.
    """

    journal_id: str
    seq: Int64
    at_us: Int64
    mono_us: Int64
    boot_id: str
    policy_version: Version | None
    input: AnyInput
    events: tuple[AnyEvent, ...]


_record_encoder = msgspec.json.Encoder()
_record_decoder = msgspec.json.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """The record's bytes, made once, on the edge."""
    return _record_encoder.encode(record)


def decode_record(encoded: bytes) -> Record:
    """The reverse. Raises ``ValueError`` (``msgspec.DecodeError`` is one) for bytes that this version cannot read."""
    try:
        return _record_decoder.decode(encoded)
    except RecursionError as error:
        raise ValueError(f"record nested too deeply: {error}") from error
