"""Interlocked doors (a mantrap): of several at most one is unlocked or open by our doing; a way out breaks that and says so (DESIGN §5.8)."""

from collections.abc import Iterator

from controller.room_events import InterlockBroken
from controller.turn import Turn


def blocked_by(turn: Turn, door: str) -> tuple[str, str] | None:
    """The interlock, and the other door of it, for which this one may not be unlocked now; None when it may. A door that fire
    released is asked nothing (MEANINGS 27)."""
    return next(_in_the_way(turn, door), None)


def broken(turn: Turn, door: str) -> None:
    """The door is unlocked all the same, for a way out: the record says against which doors."""
    for interlock, other in list(_in_the_way(turn, door)):
        turn.emit(InterlockBroken(interlock, door, other))


def _in_the_way(turn: Turn, door: str) -> Iterator[tuple[str, str]]:
    if turn.index is None or turn.door(door).mode == "released":
        return
    for interlock, other in turn.index.interlocked.get(door, ()):
        facts = turn.door(other)
        wired = turn.hardware.get(other)
        without_contact = wired is not None and not wired.has_contact
        known_closed = facts.position == "closed" or (facts.position == "unknown" and without_contact)
        if facts.lock == "unlocked" or not known_closed:
            yield interlock, other
