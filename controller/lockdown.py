"""Lockdown of an area or of the site: nobody enters but whom ``lockdown_pass`` names; ways out stay, fire outranks it (MEANINGS 22, 27)."""

from collections.abc import Iterator, Mapping
from typing import Literal

from controller.actions import Indicate
from controller.door import DoorInput
from controller.events import AccessDenied, AccessLapsed, DoorModeChanged, InputRecorded
from controller.index import Point, PolicyIndex
from controller.inputs import LockdownInput
from controller.passage import happen
from controller.policy import BadgeKind
from controller.reasons import Reason, because
from controller.room_events import LockdownChanged
from controller.turn import Turn

SITE = ""
"""Where an area is named: the whole site."""


def locked_area(
    lockdowns: Mapping[str, str], index: PolicyIndex, point: Point, kind: BadgeKind | None, keyholder: bool
) -> str | None:
    """The locked-down area that keeps this person out at this entry point (:data:`SITE` for the site), or None: staff and keyholders
    pass where every locked area that the point enters names them; a lockdown of the site locks them all. ``kind`` None: nobody in
    particular, whom no ``lockdown_pass`` names."""
    if not lockdowns or point.out:
        return None
    locked = [area for area in point.enters if area in lockdowns or SITE in lockdowns]
    if not locked:
        return None
    for passing, carries in (("staff", kind == "staff"), ("keyholder", keyholder)):
        if carries and all(passing in index.areas[area].lockdown_pass for area in locked):
            return None
    return next((area for area in locked if area in lockdowns), SITE)


def locked_down_behind(turn: Turn, door: str) -> str | None:
    """The locked-down area (:data:`SITE` for the site) into which this door leads, or None."""
    if turn.index is not None:
        for point in turn.points(door):
            area = locked_area(turn.state.lockdowns, turn.index, point, None, False)
            if area is not None:
                return area
    return None


def lockdown_input(turn: Turn, level: LockdownInput) -> None:
    """A button or panel. Active begins the lockdown; normal again changes nothing until ``Release``."""
    if bool(turn.state.lockdown_inputs.get(level.area)) != level.active:
        turn.emit(InputRecorded(level.area, "lockdown", level.active))
    if level.active:
        begin(turn, level.area, "input")


def begin(turn: Turn, area: str, cause: Literal["command", "input"], operator: str = "", reason: str = "") -> None:
    """Lock an area or the site down, if it is not already: what was granted to enter lapses, who waits to enter is denied."""
    if area in turn.state.lockdowns:
        return
    turn.emit(LockdownChanged(area, True, cause, operator, reason))
    for door in turn.hardware:
        shut = {point.id: point for point in _entries(turn, door, area)}
        if shut and turn.door(door).mode != "released":
            _lapse_entries(turn, door, shut)
        _deny_waiting(turn, shut, area)
    show_modes(turn)


def end(turn: Turn, area: str, operator: str, reason: str) -> None:
    """End the lockdown of this area, or of the site; another that holds the same door goes on holding it."""
    turn.emit(LockdownChanged(area, False, "command", operator, reason))
    show_modes(turn)


def show_modes(turn: Turn) -> None:
    """Each door's mode says whether it leads into what is locked down; a door that fire released keeps that mode."""
    for door in turn.hardware:
        mode = turn.door(door).mode
        wanted: Literal["locked_down", "controlled"] = (
            "controlled" if locked_down_behind(turn, door) is None else "locked_down"
        )
        if mode not in ("released", wanted):
            turn.emit(DoorModeChanged(door, wanted))


def _entries(turn: Turn, door: str, area: str) -> Iterator[Point]:
    for point in turn.points(door):
        if not point.out and (area in point.enters or (area == SITE and point.enters)):
            yield point


def _lapse_entries(turn: Turn, door: str, shut: Mapping[str, Point]) -> None:
    """The grants to enter lapse, and the door locks, unless somebody is on the way out through it (L1)."""
    facts = turn.door(door)
    leaving = facts.exit_requested or any(grant.access_point not in shut for grant in facts.grants)
    if not leaving:
        happen(turn, door, DoorInput.LOCKDOWN)
        return
    for grant in facts.grants:
        if grant.access_point in shut:
            turn.emit(AccessLapsed(grant.access_point, door, grant.badge, grant.holder, grant.number))


def _deny_waiting(turn: Turn, shut: Mapping[str, Point], area: str) -> None:
    for name in shut:
        waiting = [one for one in turn.state.waiting.get(name, ()) if turn.mono_us < one.pending.until_mono_us]
        for one in waiting:
            asked = one.pending
            turn.emit(
                AccessDenied(
                    access_point=asked.access_point,
                    door=asked.door,
                    because=because(Reason.LOCKDOWN, area=area),
                    badge=asked.badge,
                    holder=asked.holder,
                    number=asked.number,
                    customer=asked.customer,
                    waited=True,
                )
            )
        if waiting:
            turn.act(Indicate(name, "denied"))
