"""Interlocked doors (a mantrap): of several at most one is unlocked or open by our doing; a way out breaks that and says so (DESIGN §5.8)."""

from controller.room_events import InterlockBroken
from controller.state import DoorState
from controller.turn import Turn

_UNKNOWN = DoorState()


def blocked_by(turn: Turn, door: str) -> tuple[str, str] | None:
    """The interlock, and the other door of it, for which this one may not be unlocked now; None when it may. A door that fire
    released is asked nothing (MEANINGS 27)."""
    found = _in_the_way(turn, door)
    return found[0] if found else None


def broken(turn: Turn, door: str) -> None:
    """The door is unlocked all the same, for a way out: the record says against which doors."""
    for interlock, other in _in_the_way(turn, door):
        turn.emit(InterlockBroken(interlock, door, other))


def _in_the_way(turn: Turn, door: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    others = None if turn.index is None else turn.index.interlocked.get(door)
    if others is None:
        return found
    doors = turn.state.doors
    if (doors.get(door) or _UNKNOWN).mode == "released":
        return found
    for interlock, other in others:
        facts = doors.get(other) or _UNKNOWN
        closed = facts.position == "closed"
        if not closed and facts.position == "unknown":
            wired = turn.hardware.get(other)
            closed = wired is not None and not wired.has_contact
        if facts.lock == "unlocked" or not closed:
            found.append((interlock, other))
    return found
