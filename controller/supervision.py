"""The edge's own health and its supervised inputs: each becomes an event and an alarm, none stops a door (L1, L2, MEANINGS 1, 27, 29)."""

from collections.abc import Set
from typing import Literal

from controller import goods_door, goods_policy
from controller.door import DoorInput
from controller.encoding import interrupted
from controller.event_base import AlarmName
from controller.events import (
    AccessLapsed,
    ClockStateChanged,
    DeviceStateChanged,
    DoorLocked,
    DoorModeChanged,
    EdgeStarted,
    EdgeStopped,
    FireLatched,
    InputRecorded,
    JournalStateChanged,
    LeaseAccepted,
    LinkStateChanged,
    PolicyChanged,
    RangeLost,
)
from controller.inputs import (
    ContactRattling,
    DeviceFaulted,
    DeviceRecovered,
    FireInput,
    ForkFound,
    GasInput,
    JournalChanged,
    LeaseArrived,
    LinkChanged,
    LockFeedback,
    PolicyApplied,
    PowerInput,
    RecordsLost,
    Started,
    Stopped,
    TamperInput,
)
from controller.lease import renews
from controller.lockdown import show_modes
from controller.now import SECOND_US, Now
from controller.passage import happen, release_by_fire
from controller.room_events import AreaCertain, DoorRattled
from controller.turn import Turn

DOOR_ALARMS: tuple[AlarmName, ...] = ("DoorForcedOpen", "DoorHeldOpen")


def clock(turn: Turn, now: Now) -> None:
    """Note when the wall clock gains or loses its trust, or stands behind the high-water mark (MEANINGS 19)."""
    if clock_changed(turn, now):
        behind = clock_is_behind(turn, now)
        turn.emit(ClockStateChanged(now.wall_trusted, behind))
        _clock_alarm(turn)


def clock_changed(turn: Turn, now: Now) -> bool:
    """Whether :func:`clock` has something to note."""
    state = turn.state
    return now.wall_trusted != state.wall_trusted or clock_is_behind(turn, now) != state.wall_behind


def clock_is_behind(turn: Turn, now: Now) -> bool:
    """Whether the wall clock stands further behind the high-water mark than ``clock_step_s``."""
    return now.wall_us < turn.state.wall_high_us - round(turn.limits.clock_step_s * SECOND_US)


def _clock_alarm(turn: Turn) -> None:
    state = turn.state
    if state.wall_trusted and not state.wall_behind:
        turn.clear_alarm("CLOCK_UNTRUSTED", turn.edge)
    else:
        turn.raise_alarm("CLOCK_UNTRUSTED", turn.edge, cause="behind" if state.wall_behind else "no trusted source")


def started(turn: Turn, begun: Started, now: Now) -> None:
    """A new process: grants and requests are void, a latched fire releases again, its areas are uncertain after downtime."""
    first = not turn.state.boot_id
    doors = sorted({*turn.hardware, *turn.state.doors})
    before = {door: turn.condition(door) for door in doors}
    outward = [door for door in doors if goods_door.lets_out(turn.door(door))]
    turn.emit(EdgeStarted(begun.boot_id, begun.software, now.wall_trusted))
    goods_door.restarted(turn, outward)
    for door in doors:
        if door in turn.hardware:
            happen(turn, door, DoorInput.STARTED, before[door])
        else:
            _forget_door(turn, door)
    for zone in list(turn.state.fire_latched):
        release_by_fire(turn, zone)
    show_modes(turn)
    if not first:
        for door in turn.hardware:
            for area in turn.areas_behind(door):
                turn.doubt(area, "restart")
    if not turn.state.journal_available:
        journal_changed(turn, JournalChanged(available=True), dropped=0)
    interrupted(turn)
    _clock_alarm(turn)


def _forget_door(turn: Turn, door: str) -> None:
    """A door that edge.toml no longer wires: nothing is outstanding at it, and there is no lock to act on."""
    facts = turn.door(door)
    for grant in facts.grants:
        turn.emit(AccessLapsed(grant.access_point, door, grant.badge, grant.holder, grant.number))
    if facts.mode != "controlled":
        turn.emit(DoorModeChanged(door, "controlled"))
    if facts.lock != "locked":
        turn.emit(DoorLocked(door))
    for alarm in DOOR_ALARMS:
        turn.clear_alarm(alarm, door)


def stopped(turn: Turn, ended: Stopped) -> None:
    """An orderly stop: what is unlocked but for a fire is locked."""
    for door in turn.hardware:
        happen(turn, door, DoorInput.STOPPED)
    interrupted(turn)
    turn.emit(EdgeStopped(ended.cause))


def fire(turn: Turn, level: FireInput) -> None:
    """A zone's fire input. Active latches the release; normal again changes nothing until ResetFire."""
    if bool(turn.state.fire_inputs.get(level.zone)) != level.active:
        turn.emit(InputRecorded(level.zone, "fire", level.active))
    if level.active and level.zone not in turn.state.fire_latched:
        turn.emit(FireLatched(level.zone))
        turn.raise_alarm("FIRE", level.zone)
        release_by_fire(turn, level.zone)


def level(turn: Turn, reported: GasInput | TamperInput | PowerInput) -> None:
    """Gas, tamper and power inputs. Mains and battery are facts without an alarm of their own."""
    match reported:
        case GasInput():
            _level(turn, "gas", reported.zone, reported.active, turn.state.gas, "GAS")
        case TamperInput():
            _level(turn, "tamper", reported.subject, reported.active, turn.state.tamper, "TAMPER")
        case PowerInput():
            if bool(turn.state.power_failed.get(f"{reported.kind}/{reported.subject}")) != reported.active:
                turn.emit(InputRecorded(reported.subject, reported.kind, reported.active))


def _level(
    turn: Turn, kind: Literal["gas", "tamper"], subject: str, active: bool, known: dict[str, bool], alarm: AlarmName
) -> None:
    if bool(known.get(subject)) == active:
        return
    turn.emit(InputRecorded(subject, kind, active))
    if active:
        turn.raise_alarm(alarm, subject)
    else:
        turn.clear_alarm(alarm, subject)


def device(turn: Turn, changed: DeviceFaulted | DeviceRecovered) -> None:
    """A reader or board fell out or came back. Only changes are recorded."""
    working = isinstance(changed, DeviceRecovered)
    known = turn.state.devices.get(changed.device)
    if known is not None and known.working == working:
        return
    cause = changed.cause if isinstance(changed, DeviceFaulted) else ""
    turn.emit(DeviceStateChanged(changed.device, changed.kind, working, cause))
    alarm: AlarmName = "BOARD_FAULT" if changed.kind == "board" else "READER_FAULT"
    if working:
        turn.clear_alarm(alarm, changed.device)
        for door, hardware in turn.hardware.items():
            if known is not None and hardware.contact_board == changed.device:
                goods_door.lapses_unseen(turn, door)
    else:
        turn.raise_alarm(alarm, changed.device, cause=cause)


def rattling(turn: Turn, told: ContactRattling) -> None:
    """A contact that changes too often to be told one by one: the door counts as open, and anybody may have passed."""
    if told.door not in turn.hardware:
        return
    turn.emit(DoorRattled(told.door, told.changes))
    happen(turn, told.door, DoorInput.OPENED)
    turn.doubt_opening(told.door, "rattling")


def lock_feedback(turn: Turn, feedback: LockFeedback) -> None:
    """The board's own word on a lock's output: one that differs from what was asked is a fault of the board. ``not relocked``: the
    unlock time is over and the output still unlocks."""
    asked = turn.door(feedback.door).lock == "unlocked"
    if feedback.unlocked == asked:
        turn.clear_alarm("BOARD_FAULT", feedback.door)
    else:
        turn.raise_alarm("BOARD_FAULT", feedback.door, cause="not relocked" if feedback.unlocked else "not unlocked")


def link(turn: Turn, changed: LinkChanged) -> None:
    """The broker came or went. No door moves (L2)."""
    if turn.state.link_up == changed.up:
        return
    turn.emit(LinkStateChanged(changed.up))
    if changed.up:
        turn.clear_alarm("LINK_LOST", turn.edge)
    else:
        turn.raise_alarm("LINK_LOST", turn.edge)


def journal_changed(turn: Turn, changed: JournalChanged, dropped: int) -> None:
    """Committing stopped or resumed (MEANINGS 1, 2). After records of ways out were dropped every area is uncertain."""
    if changed.available and turn.state.journal_available:
        return
    turn.emit(JournalStateChanged(changed.available, changed.cause, dropped))
    if not changed.available:
        turn.raise_alarm("JOURNAL_UNAVAILABLE", turn.edge, cause=changed.cause)
        return
    turn.clear_alarm("JOURNAL_UNAVAILABLE", turn.edge)
    if dropped:
        for door in turn.hardware:
            for area in turn.areas_behind(door):
                turn.doubt(area, "records_dropped")


def policy_applied(turn: Turn, applied: PolicyApplied, unwatched: Set[str] = frozenset()) -> None:
    """Another policy is in force. ``unwatched``: its areas of which no policy told until now, so that nobody knows who is there; what
    stands for an area that it has not ends, for nobody could ever count there."""
    if (turn.state.policy_version, turn.state.policy_digest) != (applied.version, applied.digest):
        turn.emit(PolicyChanged(applied.version, applied.digest))
        show_modes(turn)
    if turn.index is None:
        return
    goods_policy.withdraw(turn, turn.index)
    new = unwatched & turn.index.rooms.keys()
    for (
        room
    ) in turn.index.rooms.values():  # also one around it that has a door in common with it: nobody watched that either
        if room.id in new or any(
            inner in new and not set(room.doors).isdisjoint(turn.index.rooms[inner].doors) for inner in room.within
        ):
            turn.doubt(room.id, "restart")
    for area in [area for area in turn.state.uncertain if area not in turn.index.rooms]:
        turn.emit(AreaCertain(area))
    for standing in list(turn.state.alarms.values()):
        if standing.alarm == "OCCUPANCY_MISMATCH" and standing.subject not in turn.index.rooms:
            turn.clear_alarm(standing.alarm, standing.subject)


def lease_arrived(turn: Turn, arrived: LeaseArrived) -> None:
    """A lease counts if it vouches for the policy in force; any other is as if it had not come (MEANINGS 18). It counts from here, but
    on a wall clock that is vouched for from when it was issued: one that a broker kept back or handed out late extends nothing."""
    state = turn.state
    lease = arrived.lease
    if renews(state.lease, lease, state.policy_version, state.policy_digest):
        known_time = state.wall_trusted and not state.wall_behind
        from_us = min(turn.wall_us, lease.issued_at_us) if known_time else turn.wall_us
        turn.emit(LeaseAccepted(lease, from_us, turn.mono_us, state.boot_id))


def ledger_differs(turn: Turn, found: ForkFound | RecordsLost) -> None:
    """The ledger has another record than we, or will never have a range (DESIGN 2, 4, D7)."""
    if isinstance(found, RecordsLost):
        turn.emit(RangeLost(found.journal_id, found.from_seq, found.to_seq))
        turn.raise_alarm(
            "FORK", turn.edge, again=True, cause="records lost", from_seq=found.from_seq, to_seq=found.to_seq
        )
    else:
        turn.raise_alarm("FORK", turn.edge, again=True, cause="another record at this place", seq=found.seq)
