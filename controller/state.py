"""What the edge knows, as a fold over its records: facts are applied, nothing is ever decided again (DESIGN 3).

``apply`` is the only place that changes a :class:`State`. Its parts are frozen, so a snapshot is a copy of a few dictionaries.
"""

from typing import Literal

import msgspec

from controller.events import (
    AccessDenied,
    AccessGranted,
    AccessLapsed,
    AccessPending,
    AccessTaken,
    AlarmAcknowledged,
    AlarmCleared,
    AlarmName,
    AlarmRaised,
    AnyEvent,
    AreaUncertain,
    CardEncoded,
    ClockStateChanged,
    CommandDone,
    DeviceStateChanged,
    DoorClosed,
    DoorLocked,
    DoorModeChanged,
    DoorOpened,
    DoorUnlocked,
    EdgeStarted,
    EdgeStopped,
    EncodingStarted,
    ExitByRequest,
    FireLatched,
    FireReset,
    InputRecorded,
    JournalStateChanged,
    LeaseAccepted,
    LinkStateChanged,
    PolicyChanged,
    RangeLost,
    Record,
)
from controller.lease import AcceptedLease
from controller.policy import Version

MAX_DENIALS_KEPT = 64
"""Denials per access point that are remembered for REPEATED_DENIALS."""


class DoorState(msgspec.Struct, frozen=True):
    """A door's separate facts. ``grants``: given, not yet taken. ``exit_requested``: a REX not yet used. ``window_until_mono_us``: when
    the unlock time, or the last grant, ends. ``open_since_mono_us``: from when the held-open time counts."""

    lock: Literal["locked", "unlocked"] = "locked"
    position: Literal["closed", "open", "unknown"] = "unknown"
    mode: Literal["controlled", "released", "locked_down"] = "controlled"
    grants: tuple[AccessGranted, ...] = ()
    exit_requested: bool = False
    window_until_mono_us: int | None = None
    open_since_mono_us: int | None = None


class Presence(msgspec.Struct, frozen=True):
    """Where a holder is, by what credentials and contacts prove (MEANINGS 12). ``overstayed``: OVERSTAY was raised for it."""

    area: str
    since_us: int
    badge: int
    number: str
    customer: int | None = None
    overstayed: bool = False


class StandingAlarm(msgspec.Struct, frozen=True):
    """An alarm whose cause is not gone."""

    alarm: AlarmName
    subject: str
    raised_at_us: int
    rule: str
    inputs: dict[str, str | int] = {}
    acknowledged_by: str = ""


class Device(msgspec.Struct, frozen=True):
    """A reader or board."""

    kind: Literal["reader", "board"]
    working: bool
    cause: str = ""


class LastRead(msgspec.Struct, frozen=True):
    """The last decision for a badge at an access point, for reads that are one (MEANINGS 10)."""

    badge: int
    mono_us: int


class State(msgspec.Struct):
    """Everything folded. Keys: doors, areas, zones, devices, access points by their ids; ``presence`` by holder; ``alarms`` by
    ``alarm/subject``. ``wall_high_us`` is the high-water mark of journalled times that were vouched for (MEANINGS 19)."""

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
    uncertain: dict[str, str] = {}
    alarms: dict[str, StandingAlarm] = {}
    devices: dict[str, Device] = {}
    fire_inputs: dict[str, bool] = {}
    fire_latched: dict[str, int] = {}
    muster_at_fire: dict[int, Presence] | None = None
    gas: dict[str, bool] = {}
    tamper: dict[str, bool] = {}
    power_failed: dict[str, bool] = {}
    last_reads: dict[str, LastRead] = {}
    denials: dict[str, tuple[int, ...]] = {}
    encoding: EncodingStarted | None = None


def snapshot(state: State) -> State:
    """A copy that later changes of ``state`` do not touch."""
    copy = msgspec.structs.replace(state)
    for name in _TABLES:
        setattr(copy, name, getattr(state, name).copy())
    return copy


_TABLES = tuple(name for name in State.__struct_fields__ if isinstance(getattr(State(), name), dict))


def encode_state(state: State) -> bytes:
    """A checkpoint."""
    return msgspec.json.encode(state)


def decode_state(encoded: bytes) -> State:
    """The reverse of :func:`encode_state`. Raises ``msgspec.DecodeError`` (a ``ValueError``)."""
    return msgspec.json.decode(encoded, type=State)


def fold(state: State, record: Record) -> None:
    """Apply a record to the state of its predecessor, in place."""
    for event in record.events:
        apply(state, event, record.at_us, record.mono_us)
    finish(state, record)


def finish(state: State, record: Record) -> None:
    """What a record changes beyond its events."""
    state.seq = record.seq
    if state.wall_trusted:  # a clock that nobody vouches for may be decades ahead: it must not set the mark for good
        state.wall_high_us = max(state.wall_high_us, record.at_us)


def alarm_key(alarm: str, subject: str) -> str:
    """The key of ``State.alarms``."""
    return f"{alarm}/{subject}"


def apply(state: State, event: AnyEvent, at_us: int, mono_us: int) -> None:
    """Apply one fact that happened at these times, in place."""
    match event:
        case AccessGranted():
            door = _door(state, event.door)
            window = max(door.window_until_mono_us or 0, event.until_mono_us)
            # Who taps again before passing is one person with one grant, the newer.
            others = (g for g in door.grants if (g.badge, g.access_point) != (event.badge, event.access_point))
            _put_door(state, event.door, grants=(*others, event), window_until_mono_us=window)
            state.last_reads[event.access_point] = LastRead(event.badge, mono_us)
        case AccessPending():
            state.last_reads[event.access_point] = LastRead(event.badge, mono_us)
        case AccessDenied():
            _apply_denial(state, event, mono_us)
        case AccessTaken():
            _apply_taken(state, event, at_us, mono_us)
        case AccessLapsed():
            _end_grant(state, event.door, event.access_point, event.badge)
        case ExitByRequest():
            _put_door(state, event.door, exit_requested=False)
        case AreaUncertain():
            state.uncertain[event.area] = event.cause
        case DoorUnlocked():
            door = _door(state, event.door)
            until = event.until_mono_us
            _put_door(
                state,
                event.door,
                lock="unlocked",
                exit_requested=door.exit_requested or event.cause == "rex",
                window_until_mono_us=door.window_until_mono_us
                if until is None
                else max(door.window_until_mono_us or 0, until),
                open_since_mono_us=mono_us if door.position == "open" else None,
            )
        case DoorLocked():
            _put_door(state, event.door, lock="locked", exit_requested=False, window_until_mono_us=None)
        case DoorOpened():
            _put_door(state, event.door, position="open", open_since_mono_us=mono_us)
        case DoorClosed():
            _put_door(state, event.door, position="closed", open_since_mono_us=None)
        case DoorModeChanged():
            door = _door(state, event.door)
            _put_door(
                state,
                event.door,
                mode=event.mode,
                open_since_mono_us=mono_us if door.position == "open" else None,
                window_until_mono_us=door.window_until_mono_us if door.grants else None,
            )
        case AlarmRaised():
            _apply_alarm(state, event, at_us)
        case AlarmAcknowledged():
            key = alarm_key(event.alarm, event.subject)
            state.alarms[key] = msgspec.structs.replace(state.alarms[key], acknowledged_by=event.operator)
        case AlarmCleared():
            state.alarms.pop(alarm_key(event.alarm, event.subject), None)
            if event.alarm == "DoorHeldOpen" and _door(state, event.subject).position == "open":
                _put_door(state, event.subject, open_since_mono_us=mono_us)
        case FireLatched():
            state.fire_latched[event.zone] = at_us
            if state.muster_at_fire is None:
                state.muster_at_fire = dict(state.presence)
        case FireReset():
            state.fire_latched.pop(event.zone, None)
            if not state.fire_latched:
                state.muster_at_fire = None
        case InputRecorded():
            _apply_input(state, event)
        case DeviceStateChanged():
            state.devices[event.device] = Device(event.kind, event.working, event.cause)
        case LinkStateChanged():
            state.link_up = event.up
        case EdgeStarted():
            _apply_start(state, event)
        case PolicyChanged():
            state.policy_version, state.policy_digest = event.version, event.digest
        case LeaseAccepted():
            state.lease = AcceptedLease(event.lease, event.accepted_wall_us, event.accepted_mono_us, event.boot_id)
        case ClockStateChanged():
            state.wall_trusted, state.wall_behind = event.trusted, event.behind
        case JournalStateChanged():
            state.journal_available = event.available
        case EncodingStarted():
            state.encoding = event
        case CommandDone():
            if state.encoding is not None and state.encoding.command_id == event.command_id:
                state.encoding = None
        case EdgeStopped() | CardEncoded() | RangeLost():
            pass  # facts for the ledger; no state of the edge hangs on them


def _door(state: State, door: str) -> DoorState:
    return state.doors.get(door) or DoorState()


def _put_door(state: State, door: str, **facts: object) -> None:
    state.doors[door] = msgspec.structs.replace(_door(state, door), **facts)


def _end_grant(state: State, door: str, access_point: str, badge: int) -> DoorState:
    grants = list(_door(state, door).grants)
    for at, grant in enumerate(grants):
        if grant.access_point == access_point and grant.badge == badge:
            del grants[at]
            break
    _put_door(state, door, grants=tuple(grants))
    after = state.doors[door]
    if not grants and (after.lock == "locked" or after.mode == "released"):
        _put_door(state, door, window_until_mono_us=None)
    return state.doors[door]


def _apply_taken(state: State, event: AccessTaken, at_us: int, mono_us: int) -> None:
    door = _end_grant(state, event.door, event.access_point, event.badge)
    if door.position == "open":
        _put_door(state, event.door, open_since_mono_us=mono_us)
    if event.presence == "gone":
        state.presence.pop(event.holder, None)
    elif event.presence == "inside":
        state.presence[event.holder] = Presence(event.to_area, at_us, event.badge, event.number, event.customer)


def _apply_denial(state: State, event: AccessDenied, mono_us: int) -> None:
    if event.badge is not None and event.because.reason != "LATE_READ":
        state.last_reads[event.access_point] = LastRead(event.badge, mono_us)
    earlier = state.denials.get(event.access_point, ())
    state.denials[event.access_point] = (*earlier[-(MAX_DENIALS_KEPT - 1) :], mono_us)


def _apply_alarm(state: State, event: AlarmRaised, at_us: int) -> None:
    key = alarm_key(event.alarm, event.subject)
    state.alarms[key] = StandingAlarm(event.alarm, event.subject, at_us, event.rule, event.inputs)
    if event.alarm == "REPEATED_DENIALS":
        state.denials[event.subject] = ()
    holder = event.inputs.get("holder")
    if event.alarm == "OVERSTAY" and isinstance(holder, int) and holder in state.presence:
        state.presence[holder] = msgspec.structs.replace(state.presence[holder], overstayed=True)


def _apply_input(state: State, event: InputRecorded) -> None:
    levels = {
        "fire": state.fire_inputs,
        "gas": state.gas,
        "tamper": state.tamper,
        "mains": state.power_failed,
        "battery": state.power_failed,
    }[event.kind]
    subject = event.subject if event.kind not in ("mains", "battery") else f"{event.kind}/{event.subject}"
    levels[subject] = event.active


def _apply_start(state: State, event: EdgeStarted) -> None:
    """A new process: what hung on boot time is void; positions are unknown until the contacts report (MEANINGS 10)."""
    state.boot_id, state.wall_trusted = event.boot_id, event.wall_trusted
    state.last_reads, state.denials = {}, {}
    for door in state.doors:
        _put_door(
            state, door, position="unknown", open_since_mono_us=None, exit_requested=False, window_until_mono_us=None
        )
