"""Anti-passback: a badge inside does not come in again, and one that leaves was inside (B3, MEANINGS 12, 15; docs/rooms.md)."""

from typing import Literal

from controller.index import Point
from controller.state import Presence, State


def inside_already(point: Point, presence: Presence | None, strictness: Literal["soft", "hard"]) -> str | None:
    """The area of this strictness that the point enters and where the holder is listed beyond doubt; None: nowhere."""
    if presence is None or not presence.sure:
        return None
    for room in point.entered:
        if room.anti_passback == strictness and presence.area in room.within:
            return room.id
    return None


def left_unseen(state: State, point: Point, presence: Presence | None) -> str | None:
    """The area with anti-passback, certain, which this way out leaves and where the holder is not listed: nobody saw them come in."""
    for room in point.left:
        listed = presence is not None and presence.area in room.within
        if room.anti_passback != "off" and room.id not in state.uncertain and not listed:
            return room.id
    return None
