"""The way back to records after some were dropped: facts that bring the recorded state to what really is (MEANINGS 1, 2).

While the journal fails and no room is left for waiting records, ways out go on and their state lives in memory alone. The next record
tells what became of doors, fire, inputs, devices and alarms, or a timer of the old state would lock a door that somebody has just
opened from inside. Who passed meanwhile, and who was asked to wait for a partner, is not told: the areas are uncertain and nobody there is
sure, so that no single person enters on the strength of people who have left; and nobody is held at an area that is uncertain.
"""

from typing import Literal, cast

import msgspec

from controller.equipment import reservations
from controller.events import (
    AccessLapsed,
    AlarmCleared,
    AlarmRaised,
    DeviceStateChanged,
    DoorClosed,
    DoorLocked,
    DoorModeChanged,
    DoorOpened,
    DoorUnlocked,
    FireLatched,
    FireReset,
    InputRecorded,
    LeaseAccepted,
    LinkStateChanged,
    PolicyChanged,
)
from controller.goods_events import EquipmentCheckEnded, ItemsFreed, ItemsMoved
from controller.goods_fold import passed_key
from controller.reasons import ALARMS
from controller.room_events import DegradedChanged, LockdownChanged, MaintenanceChanged
from controller.state import DoorState, State
from controller.turn import Turn


def catch_up(turn: Turn, live: State) -> None:
    """Emit all that ``live`` knows and the turn's state does not."""
    _inputs(turn, live)
    for zone in live.fire_latched:
        if zone not in turn.state.fire_latched:
            turn.emit(FireLatched(zone))
    for zone in list(turn.state.fire_latched):
        if zone not in live.fire_latched:
            turn.emit(FireReset(zone))
    _lockdowns(turn, live)
    for door, facts in live.doors.items():
        _door(turn, door, facts)
    for name, device in live.devices.items():
        if turn.state.devices.get(name) != device:
            turn.emit(DeviceStateChanged(name, device.kind, device.working, device.cause))
    if live.link_up is not None and live.link_up != turn.state.link_up:
        turn.emit(LinkStateChanged(live.link_up))
    if live.policy_version is not None and live.policy_version != turn.state.policy_version:
        turn.emit(PolicyChanged(live.policy_version, live.policy_digest))
    if live.lease is not None and live.lease != turn.state.lease:
        held = live.lease
        turn.emit(LeaseAccepted(held.lease, held.wall_us, held.mono_us, held.boot_id))
    if live.degraded != turn.state.degraded:
        turn.emit(DegradedChanged(live.degraded))
    _goods(turn, live)
    _alarms(turn, live)
    for door in turn.hardware:
        for area in turn.areas_behind(door):
            turn.doubt(area, "records_dropped")


def _inputs(turn: Turn, live: State) -> None:
    state = turn.state
    kinds: tuple[tuple[Literal["fire", "gas", "tamper", "lockdown"], dict[str, bool], dict[str, bool]], ...] = (
        ("fire", state.fire_inputs, live.fire_inputs),
        ("gas", state.gas, live.gas),
        ("tamper", state.tamper, live.tamper),
        ("lockdown", state.lockdown_inputs, live.lockdown_inputs),
    )
    for kind, known, levels in kinds:
        for subject, active in levels.items():
            if bool(known.get(subject)) != active:
                turn.emit(InputRecorded(subject, kind, active))
    for key, active in live.power_failed.items():
        if bool(state.power_failed.get(key)) != active:
            supply, _, subject = key.partition("/")
            turn.emit(InputRecorded(subject, cast(Literal["mains", "battery"], supply), active))


def _lockdowns(turn: Turn, live: State) -> None:
    for area, cause in live.lockdowns.items():
        if area not in turn.state.lockdowns:
            turn.emit(LockdownChanged(area, True, cast(Literal["command", "input"], cause)))
    for area in list(turn.state.lockdowns):
        if area not in live.lockdowns:
            turn.emit(LockdownChanged(area, False, "command"))


def _door(turn: Turn, door: str, facts: DoorState) -> None:
    known = turn.door(door)
    for grant in known.grants:
        if grant not in facts.grants:
            turn.emit(AccessLapsed(grant.access_point, door, grant.badge, grant.holder, grant.number))
    if facts.position != known.position and facts.position != "unknown":
        turn.emit(DoorOpened(door) if facts.position == "open" else DoorClosed(door))
    if facts.mode != known.mode:
        turn.emit(DoorModeChanged(door, facts.mode))
    if facts.maintenance_until_us != known.maintenance_until_us:
        turn.emit(MaintenanceChanged(door, facts.maintenance_until_us))
    for grant in facts.grants:
        if grant not in known.grants:
            turn.emit(grant)
    if facts.lock == "locked":
        if known.lock == "unlocked":
            turn.emit(DoorLocked(door))
    elif known.lock == "locked" or facts.window_until_mono_us != turn.door(door).window_until_mono_us:
        cause = "fire" if facts.mode == "released" else "rex" if facts.exit_requested or not facts.grants else "grant"
        turn.emit(DoorUnlocked(door, cast(Literal["fire", "rex", "grant"], cause), facts.window_until_mono_us))


def _goods(turn: Turn, live: State) -> None:
    """What was being checked or about to pass when no room was left: nothing of either kind begins while the journal fails."""
    for point, check in list(turn.state.checks.items()):
        if point not in live.checks:
            begun = check.started
            left = max(0, begun.expected - len(check.scanned))
            turn.emit(EquipmentCheckEnded(point, begun.door, begun.number, "timed_out", left))
    for one in list(reservations(turn.state)):
        if one in live.reserved.get(one.access_point, ()):
            continue
        key = passed_key(one.document, one.document_id, one.binding, one.direction)
        before, after = turn.state.passed.get(key), live.passed.get(key)
        if after is not None and (before is None or sum(after.by_line.values()) > sum(before.by_line.values())):
            turn.emit(ItemsMoved(**msgspec.structs.asdict(one)))
        else:
            turn.emit(ItemsFreed(one.access_point, one.door, one.number, "lapsed", one.holder))


def _alarms(turn: Turn, live: State) -> None:
    for key, standing in list(turn.state.alarms.items()):
        if key not in live.alarms:
            turn.emit(AlarmCleared(standing.alarm, standing.subject))
    for key, standing in live.alarms.items():
        known = turn.state.alarms.get(key)
        if known is None or (known.inputs != standing.inputs and ALARMS[standing.alarm].clears == "attested"):
            turn.emit(AlarmRaised(standing.alarm, standing.subject, standing.rule, standing.inputs, standing.repeats))
