"""The silent alarm: a gesture at an entry that opens as usual and tells the guards only (MEANINGS 23)."""

from controller.index import Point
from controller.now import SECOND_US
from controller.turn import Turn


def gestured(turn: Turn, point: Point, badge: int) -> bool:
    """Whether this tap, made now, completes the gesture of its door. Ask before its own decision is in the state."""
    index = turn.index
    if index is None or point.out or index.doors[point.door].duress != "double_tap":
        return False
    from_us = round(turn.limits.duress_from_s * SECOND_US)
    until_us = round(turn.limits.duress_until_s * SECOND_US)
    return any(
        read.badge == badge and from_us <= turn.mono_us - read.mono_us < until_us
        for read in turn.state.reads.get(point.id, ())
    )


def alarm(turn: Turn, point: Point, badge: int, holder: int, number: str) -> None:
    """DURESS for the badge, once its answer was no refusal. Nothing at the door tells."""
    turn.raise_alarm("DURESS", number, again=True, badge=badge, holder=holder, access_point=point.id)
