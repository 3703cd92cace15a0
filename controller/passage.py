"""What happens at a door: its table's effects become events and actions (L1, R3, MEANINGS 12, 14, 27)."""

from collections.abc import Callable, Sequence
from typing import Literal

from controller import escort, goods_door, interlock
from controller.actions import HoldUnlocked, Indicate, Lock, Unlock
from controller.door import TABLE, DoorCondition, DoorInput, Effect, Move
from controller.escort import escorted_in, may_escort
from controller.events import (
    AccessGranted,
    AccessLapsed,
    AccessTaken,
    DoorClosed,
    DoorLocked,
    DoorModeChanged,
    DoorOpened,
    DoorUnlocked,
    ExitByRequest,
)
from controller.index import Point
from controller.room_events import DoorHeldWarning, Doubt, EscortChanged
from controller.turn import Turn

_CAUSES: dict[DoorInput, Literal["grant", "rex", "command"]] = {
    DoorInput.GRANT: "grant",
    DoorInput.REX: "rex",
    DoorInput.COMMAND: "command",
}


def happen(turn: Turn, door: str, happened: DoorInput, before: DoorCondition | None = None) -> None:
    """Let something happen to a door. ``before``: its condition, when the turn has already changed it."""
    move = TABLE[before or turn.condition(door), happened]
    position = turn.door(door).position
    if goods_door.contact_is_silent(turn, door):
        _unseen(turn, door, happened, move)
    warns = turn.door(door).warned and not _held_alarm_stands(turn, door)
    if happened is DoorInput.OPENED and position != "open":
        turn.emit(DoorOpened(door))
    elif happened is DoorInput.CLOSED and position != "closed":
        turn.emit(DoorClosed(door))
    for effect in move.effects:
        if effect is Effect.UNLOCK:
            _unlock(turn, door, _CAUSES[happened])
        else:
            _EFFECTS[effect](turn, door)
    if warns and not turn.door(door).warned:
        _show(turn, door, "off")


def _unseen(turn: Turn, door: str, happened: DoorInput, move: Move) -> None:
    """The contact says nothing, and now that the leaf is open, for the first time since the start; or what was outstanding ends without a word of it."""
    if happened is DoorInput.OPENED and turn.condition(door) is DoorCondition.LOCKED_UNKNOWN:
        goods_door.found_open(turn, door)
    elif Effect.LAPSE in move.effects and happened is not DoorInput.STARTED:  # the start itself tells it
        goods_door.lapses_unseen(turn, door)


def _held_alarm_stands(turn: Turn, door: str) -> bool:
    return "DoorHeldOpen/" + door in turn.state.alarms


def release_by_fire(turn: Turn, zone: str) -> None:
    """Release every door of a zone."""
    for door, hardware in turn.hardware.items():
        if zone in hardware.fire_zones:
            happen(turn, door, DoorInput.FIRE)


def relock_after_fire(turn: Turn, zone: str) -> None:
    """Relock the doors of a zone, and those that were of it when it was latched, unless another latched zone holds them; then their
    areas are uncertain (MEANINGS 27)."""
    for door, hardware in turn.hardware.items():
        concerned = zone in hardware.fire_zones or turn.door(door).mode == "released"
        if concerned and not any(other in turn.state.fire_latched for other in hardware.fire_zones):
            happen(turn, door, DoorInput.FIRE_RESET)
            for area in turn.areas_behind(door):
                turn.doubt(area, "fire")


def _unlock(turn: Turn, door: str, cause: Literal["grant", "rex", "command"]) -> None:
    way_out = cause == "rex"
    if turn.door(door).mode == "released":
        turn.emit(DoorUnlocked(door, cause, None))
        turn.act(HoldUnlocked(door))
        return
    interlock.broken(turn, door)  # whatever else would unlock it was refused before
    unlock_us = turn.unlock_us(door)
    turn.emit(DoorUnlocked(door, cause, turn.mono_us + unlock_us))
    turn.act(Unlock(door, unlock_us, before_journal=way_out))
    if cause == "command" and turn.door(door).position == "open":  # nothing more will tell of who comes
        turn.doubt_opening(door, "command")
        goods_door.unchecked(turn, door, "command")


def _release(turn: Turn, door: str) -> None:
    if turn.door(door).mode != "released":
        turn.emit(DoorModeChanged(door, "released"))
    turn.emit(DoorUnlocked(door, "fire", None))
    turn.act(HoldUnlocked(door))
    if turn.door(door).position == "open":  # nothing more will tell of who goes
        goods_door.unchecked(turn, door, "fire")


def _lock(turn: Turn, door: str) -> None:
    if turn.door(door).mode == "released":
        turn.emit(DoorModeChanged(door, "controlled"))
    turn.emit(DoorLocked(door))
    turn.act(Lock(door))


def _take(turn: Turn, door: str) -> None:
    facts = turn.door(door)
    behind = turn.areas_behind(door)
    twice = [area for grant in facts.grants for area in _inside_already(turn, grant)]
    for grant in facts.grants:
        _take_grant(turn, grant)
    goods_door.opened(turn, door, facts)
    if facts.exit_requested:
        turn.emit(ExitByRequest(door, behind[0] if behind else ""))
    if facts.mode == "released":
        _doubt(turn, behind, "fire")
        return
    _doubt(turn, twice, "ambiguous")
    if facts.exit_requested:
        turn.doubt_opening(door, "ambiguous" if facts.grants else "rex")
    if facts.commanded or not (facts.grants or facts.exit_requested):  # only grants alone say who came and went
        turn.doubt_opening(door, "command")


def _doubt(turn: Turn, areas: Sequence[str], cause: Doubt) -> None:
    for area in areas:
        turn.doubt(area, cause)


def _inside_already(turn: Turn, grant: AccessGranted) -> list[str]:
    """The areas that this grant enters and where its holder is listed beyond doubt: somebody else came in, or left, under their name."""
    point = None if turn.index is None else turn.index.points.get(grant.access_point)
    presence = turn.state.presence.get(grant.holder)
    if point is None or point.out or presence is None or not presence.sure:
        return []
    return [room.id for room in point.entered if presence.area in room.within]


def _take_grant(turn: Turn, grant: AccessGranted) -> None:
    index = turn.index
    point = None if index is None else index.points.get(grant.access_point)
    before = turn.state.presence.get(grant.holder)
    badge = index.badge(grant.badge) if index is not None and grant.badge else None
    turn.emit(
        AccessTaken(
            access_point=grant.access_point,
            door=grant.door,
            badge=grant.badge,
            holder=grant.holder,
            number=grant.number,
            from_area=point.from_area if point else "",
            to_area=point.to_area if point else "",
            customer=grant.customer,
            presence=_presence_after(point),
            kind=grant.kind,
            partners=grant.partners,
            escort=grant.escort,
            grant=None if badge is None else badge.grant,
            emergency=grant.emergency,
        )
    )
    if grant.emergency and grant.holder < 0:
        turn.raise_alarm(
            "EMERGENCY_ENTRY",
            grant.number,
            access_point=grant.access_point,
            holder=grant.holder,
            area=point.area if point else "",
        )
    if index is None or point is None or not point.passage:
        return
    turn.passed.update((point.from_area, point.to_area), (before.area,) if before else ())
    alone = before is not None and before.unescorted and grant.escort is None and point.out
    if alone and grant.holder in turn.state.presence and escorted_in(index, point.to_area, grant.kind):
        turn.emit(EscortChanged((grant.holder,), None))
    if point.entered and may_escort(index, point.enters, grant.kind, grant.holder):
        escort.take_over(turn, point, grant.holder)


def _presence_after(point: Point | None) -> Literal["inside", "gone", "unchanged"]:
    if point is None or not point.passage:
        return "unchanged"
    return "gone" if point.to_public else "inside"


def _lapse(turn: Turn, door: str) -> None:
    facts = turn.door(door)
    for grant in facts.grants:
        turn.emit(AccessLapsed(grant.access_point, door, grant.badge, grant.holder, grant.number))
    goods_door.free_lapsed(turn, door)
    hardware = turn.hardware.get(door)
    used = facts.grants or facts.exit_requested
    if used and hardware is not None and not hardware.has_contact:  # nothing proves that nobody went through
        turn.doubt_opening(door, "no_contact")


def _forced(turn: Turn, door: str) -> None:
    if turn.raise_alarm("DoorForcedOpen", door):
        _show(turn, door, "alarm")
    turn.doubt_opening(door, "forced")
    goods_door.unchecked(turn, door, "forced")


def _warn(turn: Turn, door: str) -> None:
    opened_us = turn.door(door).open_since_mono_us
    if opened_us is not None:
        turn.emit(DoorHeldWarning(door, opened_us + turn.held_open_us(door)))
        _show(turn, door, "alarm")


def _held(turn: Turn, door: str) -> None:
    if turn.raise_alarm("DoorHeldOpen", door):
        _show(turn, door, "alarm")


def _calm(turn: Turn, door: str) -> None:
    forced = turn.clear_alarm("DoorForcedOpen", door)
    held = turn.clear_alarm("DoorHeldOpen", door)
    if forced or held:
        _show(turn, door, "off")


def _restart_held(turn: Turn, door: str) -> None:
    if turn.clear_alarm("DoorHeldOpen", door):
        _show(turn, door, "off")


def _show(turn: Turn, door: str, pattern: Literal["alarm", "off"]) -> None:
    for point in turn.points(door):
        turn.act(Indicate(point.id, pattern))


_EFFECTS: dict[Effect, Callable[[Turn, str], None]] = {
    Effect.RELEASE: _release,
    Effect.LOCK: _lock,
    Effect.TAKE: _take,
    Effect.LAPSE: _lapse,
    Effect.FORCED: _forced,
    Effect.WARN: _warn,
    Effect.HELD_ALARM: _held,
    Effect.CALM: _calm,
    Effect.RESTART_HELD: _restart_held,
}
