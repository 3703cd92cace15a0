"""When each person's right to be where they are ends: OVERSTAY at that time, exit granted all the same (MEANINGS 8)."""

from collections.abc import Iterable

from controller.events import AccessTaken, AlarmRaised, AnyEvent
from controller.index import PolicyIndex
from controller.policy import FOREVER_US
from controller.presence import stay_end_us
from controller.reasons import ALARMS
from controller.room_events import OccupancyReconciled
from controller.state import State
from controller.turn import Turn


class Stays:
    """The ends of stays that have not been alarmed yet, in wall time. Kept, and only who moves is looked at again: a hall full of people
    must not slow down every tap. Nothing but a cache of state and policy: :meth:`forget` when either was exchanged."""

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        self._ends: dict[int, int] | None = None

    def forget(self) -> None:
        """Work everything out anew."""
        self._ends = None

    def deadlines_us(self, turn: Turn) -> list[int]:
        """Boot time at which the next stay ends; empty when none does."""
        ends = self._known(turn)
        return [turn.mono_us + max(0, min(ends.values()) - turn.wall_us)] if ends else []

    def run_timers(self, turn: Turn) -> None:
        """Raise OVERSTAY for whose stay has ended."""
        for holder in sorted(holder for holder, end_us in self._known(turn).items() if end_us <= turn.wall_us):
            presence = turn.state.presence[holder]
            inputs: dict[str, str | int] = {"holder": holder, "area": presence.area}
            repeats = turn.repeats("OVERSTAY", presence.number)
            turn.emit(AlarmRaised("OVERSTAY", presence.number, ALARMS["OVERSTAY"].rule, inputs, repeats))
            self._ends = None

    def follow(self, turn: Turn, events: Iterable[AnyEvent]) -> None:
        """These things have happened."""
        for event in events:
            if isinstance(event, AlarmRaised | OccupancyReconciled):
                self._ends = None
            elif isinstance(event, AccessTaken) and self._ends is not None:
                _note(self._ends, turn.state, turn.index, event.holder)

    def _known(self, turn: Turn) -> dict[int, int]:
        if self._ends is None:
            self._ends = {}
            for holder in turn.state.presence:
                _note(self._ends, turn.state, turn.index, holder)
        return self._ends


def _note(ends: dict[int, int], state: State, index: PolicyIndex | None, holder: int) -> None:
    ends.pop(holder, None)
    presence = state.presence.get(holder)
    if index is not None and presence is not None and not presence.overstayed:
        end_us = stay_end_us(index, presence)
        if end_us < FOREVER_US:
            ends[holder] = end_us
