"""The fold: facts of records applied to a :class:`State`; nothing is ever decided again (DESIGN 3).

:func:`apply` is the only place that changes a state.
"""

import msgspec

from controller.events import (
    AccessDenied,
    AccessGranted,
    AccessLapsed,
    AccessPending,
    AccessTaken,
    AlarmAcknowledged,
    AlarmCleared,
    AlarmRaised,
    AnyEvent,
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
from controller.goods_fold import apply_goods
from controller.lease import AcceptedLease
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
from controller.state import (
    MAX_CLEARED_KEPT,
    MAX_DENIALS_KEPT,
    MAX_READS_KEPT,
    MAX_WAITING_KEPT,
    Cleared,
    Device,
    DoorState,
    LastRead,
    Presence,
    StandingAlarm,
    State,
    Waiting,
    alarm_key,
    place,
)


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


def apply(state: State, event: AnyEvent, at_us: int, mono_us: int) -> None:
    """Apply one fact that happened at these times, in place."""
    match event:
        case AccessGranted():
            door = _door(state, event.door)
            window = max(door.window_until_mono_us or 0, event.until_mono_us)
            # Who taps again before passing is one person with one grant, the newer.
            others = (g for g in door.grants if (g.holder, g.access_point) != (event.holder, event.access_point))
            _put_door(state, event.door, grants=(*others, event), window_until_mono_us=window)
            _end_waiting(state, event.access_point, event.holder)
            _note_read(state, event.access_point, event.badge, mono_us)
        case AccessPending():
            _apply_pending(state, event, mono_us)
        case AccessDenied():
            _apply_denial(state, event, mono_us)
        case AccessTaken():
            _apply_taken(state, event, at_us, mono_us)
        case AccessLapsed():
            if any(
                (g.access_point, g.holder) == (event.access_point, event.holder)
                for g in _door(state, event.door).grants
            ):
                _end_grant(state, event.door, event.access_point, event.holder)
            else:  # a tap that waited was used for something else (MEANINGS 21)
                _end_waiting(state, event.access_point, event.holder)
        case ExitByRequest():
            _put_door(state, event.door, exit_requested=False)
        case AreaUncertain():
            _apply_uncertain(state, event)
        case AreaCertain():
            state.uncertain.pop(event.area, None)
        case OccupancyReconciled():
            _apply_count(state, event, at_us)
        case EscortChanged():
            for visitor in event.visitors:
                if visitor in state.presence:
                    known = state.presence[visitor]
                    place(
                        state,
                        visitor,
                        msgspec.structs.replace(known, escort=event.escort, unescorted=event.escort is None),
                    )
        case EscortConfirmed():
            _note_read(state, event.access_point, event.badge, mono_us)
        case LockdownChanged():
            if event.active:
                state.lockdowns[event.area] = event.cause
            else:
                state.lockdowns.pop(event.area, None)
        case MaintenanceChanged():
            _put_door(state, event.door, maintenance_until_us=event.until_us)
        case DoorHeldWarning():
            _put_door(state, event.door, warned=True)
        case DegradedChanged():
            state.degraded = event.classes
        case DoorUnlocked():
            door = _door(state, event.door)
            until = event.until_mono_us
            _put_door(
                state,
                event.door,
                lock="unlocked",
                exit_requested=door.exit_requested or event.cause == "rex",
                commanded=door.commanded or event.cause == "command",
                window_until_mono_us=door.window_until_mono_us
                if until is None
                else max(door.window_until_mono_us or 0, until),
                open_since_mono_us=mono_us if door.position == "open" else None,
            )
        case DoorLocked():
            _put_door(
                state, event.door, lock="locked", exit_requested=False, commanded=False, window_until_mono_us=None
            )
        case DoorOpened():
            _put_door(state, event.door, position="open", open_since_mono_us=mono_us)
        case DoorClosed():
            _put_door(state, event.door, position="closed", open_since_mono_us=None)
        case DoorModeChanged():
            door = _door(state, event.door)
            if "released" not in (event.mode, door.mode):  # a lockdown: what is outstanding keeps its time
                _put_door(state, event.door, mode=event.mode)
            else:
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
            _apply_cleared(state, alarm_key(event.alarm, event.subject), mono_us)
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
        case (
            EquipmentCheckStarted()
            | ItemAccepted()
            | EquipmentCheckEnded()
            | ItemsReserved()
            | ItemsMoved()
            | ItemsFreed()
        ):
            apply_goods(state, event, at_us)
        case HolderConfirmed() | EquipmentRefused():
            pass
        case EdgeStopped() | CardEncoded() | RangeLost() | PeopleCounted() | DoorRattled() | InterlockBroken():
            pass  # facts for the ledger; no state of the edge hangs on them


def _door(state: State, door: str) -> DoorState:
    return state.doors.get(door) or DoorState()


def _put_door(state: State, door: str, **facts: object) -> None:
    if "open_since_mono_us" in facts:  # another opening, or the time anew
        facts["warned"] = False
    state.doors[door] = msgspec.structs.replace(_door(state, door), **facts)


def _note_read(state: State, access_point: str, badge: int, mono_us: int) -> None:
    earlier = tuple(read for read in state.reads.get(access_point, ()) if read.badge != badge)
    state.reads[access_point] = (*earlier[-(MAX_READS_KEPT - 1) :], LastRead(badge, mono_us))


def _end_waiting(state: State, access_point: str, holder: int) -> None:
    waiting = state.waiting.get(access_point)
    if waiting:
        left = tuple(one for one in waiting if one.pending.holder != holder)
        if left:
            state.waiting[access_point] = left
        else:
            del state.waiting[access_point]


def _apply_pending(state: State, event: AccessPending, mono_us: int) -> None:
    """Whoever is asked again before the first prompt ended was asked then: the same end tells."""
    waiting = state.waiting.get(event.access_point, ())
    known = next((one for one in waiting if one.pending.holder == event.holder), None)
    same = known is not None and known.pending.until_mono_us == event.until_mono_us
    asked_us = known.asked_at_mono_us if known is not None and same else mono_us
    others = tuple(one for one in waiting if one is not known)
    state.waiting[event.access_point] = (*others[-(MAX_WAITING_KEPT - 1) :], Waiting(event, asked_us))
    _note_read(state, event.access_point, event.badge, mono_us)


def _apply_uncertain(state: State, event: AreaUncertain) -> None:
    areas = {event.area, *event.within}
    for area in areas:
        if state.uncertain.get(area, "rex") == "rex":
            state.uncertain[area] = event.cause
    for holder, presence in list(state.presence.items()):
        if presence.sure and presence.area in areas:
            place(state, holder, msgspec.structs.replace(presence, sure=False))


def _apply_count(state: State, event: OccupancyReconciled, at_us: int) -> None:
    for area in (event.area, *event.within):
        if area not in event.doubtful:
            state.uncertain.pop(area, None)
        elif state.uncertain.get(area) == "rex":  # who is there may not be listed there
            state.uncertain[area] = "ambiguous"
    for holder in event.gone:
        place(state, holder, None)
    for found in event.present:
        known = state.presence.get(found.holder)
        if known is None:
            new = Presence(found.area, at_us, found.badge, found.number, found.customer, kind=found.kind)
        else:
            new = msgspec.structs.replace(known, area=found.area, sure=True)
        place(state, found.holder, new)
    for found in event.elsewhere:
        known = state.presence.get(found.holder)
        if known is not None:
            place(state, found.holder, msgspec.structs.replace(known, area=found.area, sure=False))


def _apply_cleared(state: State, key: str, mono_us: int) -> None:
    standing = state.alarms.pop(key, None)
    if standing is not None:
        state.cleared.pop(key, None)
        while len(state.cleared) >= MAX_CLEARED_KEPT:
            del state.cleared[next(iter(state.cleared))]
        state.cleared[key] = Cleared(mono_us, standing.repeats)


def _end_grant(state: State, door: str, access_point: str, holder: int) -> DoorState:
    grants = list(_door(state, door).grants)
    for at, grant in enumerate(grants):
        if grant.access_point == access_point and grant.holder == holder:
            del grants[at]
            break
    _put_door(state, door, grants=tuple(grants))
    after = state.doors[door]
    if not grants and (after.lock == "locked" or after.mode == "released"):
        _put_door(state, door, window_until_mono_us=None)
    return state.doors[door]


def _apply_taken(state: State, event: AccessTaken, at_us: int, mono_us: int) -> None:
    door = _end_grant(state, event.door, event.access_point, event.holder)
    if door.position == "open":
        _put_door(state, event.door, open_since_mono_us=mono_us)
    if event.presence != "unchanged":  # who has passed waits nowhere any more
        for access_point in list(state.waiting):
            _end_waiting(state, access_point, event.holder)
    if event.presence == "gone":
        place(state, event.holder, None)
    elif event.presence == "inside":
        now = Presence(
            event.to_area, at_us, event.badge, event.number, event.customer, kind=event.kind, escort=event.escort
        )
        place(state, event.holder, now)


_NO_READ = frozenset(("LATE_READ", "SECOND_PERSON_REQUIRED", "ESCORT_REQUIRED"))
"""Denials that are no decision about a read made now: a late one, and the end of a wait, also as journals before ``waited`` tell it."""


def _apply_denial(state: State, event: AccessDenied, mono_us: int) -> None:
    if event.badge is not None and not event.waited and event.because.reason not in _NO_READ:
        _note_read(state, event.access_point, event.badge, mono_us)
    if event.holder is not None:
        _end_waiting(state, event.access_point, event.holder)
    if event.waited and event.because.reason == "LOCKDOWN":
        return  # no attempt: the lockdown came to who stood there
    earlier = state.denials.get(event.access_point, ())
    state.denials[event.access_point] = (*earlier[-(MAX_DENIALS_KEPT - 1) :], mono_us)


def _apply_alarm(state: State, event: AlarmRaised, at_us: int) -> None:
    key = alarm_key(event.alarm, event.subject)
    state.alarms[key] = StandingAlarm(
        event.alarm, event.subject, at_us, event.rule, event.inputs, repeats=event.repeats
    )
    state.cleared.pop(key, None)
    if event.alarm == "REPEATED_DENIALS":
        state.denials[event.subject] = ()
    holder = event.inputs.get("holder")
    if event.alarm == "OVERSTAY" and isinstance(holder, int) and holder in state.presence:
        place(state, holder, msgspec.structs.replace(state.presence[holder], overstayed=True))


def _apply_input(state: State, event: InputRecorded) -> None:
    levels = {
        "fire": state.fire_inputs,
        "gas": state.gas,
        "tamper": state.tamper,
        "mains": state.power_failed,
        "battery": state.power_failed,
        "lockdown": state.lockdown_inputs,
    }[event.kind]
    subject = event.subject if event.kind not in ("mains", "battery") else f"{event.kind}/{event.subject}"
    levels[subject] = event.active


def _apply_start(state: State, event: EdgeStarted) -> None:
    """A new process: what hung on boot time is void; positions are unknown until the contacts report (MEANINGS 10)."""
    state.boot_id, state.wall_trusted = event.boot_id, event.wall_trusted
    state.reads, state.denials, state.waiting, state.cleared, state.checks = {}, {}, {}, {}, {}
    for door in state.doors:
        _put_door(
            state,
            door,
            position="unknown",
            open_since_mono_us=None,
            exit_requested=False,
            commanded=False,
            window_until_mono_us=None,
        )
