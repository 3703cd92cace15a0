"""All that only time brings: unlock times, held-open times, answers that never came. The engine asks for the next of them and runs what is due
before every input (DESIGN 12).

Each source has ``deadlines_us(turn)``, boot times that may lie in the past, and ``run_timers(turn)``, after which none of them does.
"""

from controller import encoding
from controller.door import DoorInput
from controller.passage import happen
from controller.turn import Turn, held_open_us

_MAX_TIMERS = 4
"""Timers of one door that can be due at once: its window and its held-open time, each again after the other."""


def deadlines_us(turn: Turn) -> list[int]:
    """Boot times at which something is due."""
    due = [found[0] for door in turn.state.doors if (found := door_deadline_us(turn, door)) is not None]
    due += encoding.deadlines_us(turn)
    return due


def run_timers(turn: Turn) -> None:
    """Let happen what is due by now."""
    encoding.run_timer(turn)
    for door in list(turn.state.doors):
        for _ in range(_MAX_TIMERS):
            due = door_deadline_us(turn, door)
            if due is None or due[0] > turn.mono_us:
                break
            happen(turn, door, due[1])


def door_deadline_us(turn: Turn, door: str) -> tuple[int, DoorInput] | None:
    """Boot time of the next thing that only time brings to this door, and what it is."""
    facts = turn.door(door)
    held: int | None = None
    if facts.open_since_mono_us is not None and facts.mode != "released" and not _held_alarm_stands(turn, door):
        held = facts.open_since_mono_us + held_open_us(turn.index, door)
    window = facts.window_until_mono_us
    if window is not None and (held is None or window <= held):
        return window, DoorInput.WINDOW_ENDED
    return None if held is None else (held, DoorInput.HELD)


def _held_alarm_stands(turn: Turn, door: str) -> bool:
    return f"DoorHeldOpen/{door}" in turn.state.alarms
