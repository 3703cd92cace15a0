"""All that only time brings: unlock times, held-open times, answers that never came. The engine asks for the next of them and runs what is due
before every input (DESIGN 12).

Each source has ``deadlines_us(turn)``, boot times that may lie in the past, and ``run_timers(turn)``, after which none of them does.
"""

from collections.abc import Iterator

from controller import degraded, encoding, goods_door, maintenance, occupancy, pairing
from controller.door import DoorInput
from controller.passage import happen
from controller.turn import Turn, held_warning_us

_MAX_TIMERS = 6
"""Timers of one door that can be due at once: its window, its warning and its held-open time, each again after another."""


def deadlines_us(turn: Turn) -> list[int]:
    """Boot times at which something is due."""
    due = [found[0] for door in turn.state.doors if (found := door_deadline_us(turn, door)) is not None]
    due += encoding.deadlines_us(turn)
    due += maintenance.deadlines_us(turn)
    due += pairing.deadlines_us(turn)
    due += goods_door.deadlines_us(turn)
    due += occupancy.deadlines_us(turn)
    due += degraded.deadlines_us(turn)  # told at the end of every turn
    return due


def run_timers(turn: Turn) -> None:
    """Let happen what is due by now."""
    encoding.run_timer(turn)
    maintenance.run_timers(turn)
    pairing.run_timers(turn)
    goods_door.run_timers(turn)
    occupancy.run_timers(turn)
    for door in list(turn.state.doors):
        for _ in range(_MAX_TIMERS):
            due = door_deadline_us(turn, door)
            if due is None or due[0] > turn.mono_us:
                break
            happen(turn, door, due[1])


def door_deadline_us(turn: Turn, door: str) -> tuple[int, DoorInput] | None:
    """Boot time of the next thing that only time brings to this door, and what it is."""
    return min(_door_timers(turn, door), key=_when, default=None)


def _door_timers(turn: Turn, door: str) -> Iterator[tuple[int, DoorInput]]:
    """Of several that are due at once the first given comes first."""
    facts = turn.door(door)
    if facts.window_until_mono_us is not None:
        yield facts.window_until_mono_us, DoorInput.WINDOW_ENDED
    opened_us = facts.open_since_mono_us
    quiet = facts.mode == "released" or facts.maintenance_until_us is not None
    if opened_us is None or quiet or f"DoorHeldOpen/{door}" in turn.state.alarms:
        return
    held_us = turn.held_open_us(door)
    warning_us = held_warning_us(turn.index, door)
    if not facts.warned and 0 < warning_us < held_us:
        yield opened_us + held_us - warning_us, DoorInput.WARNED
    yield opened_us + held_us, DoorInput.HELD


def _when(due: tuple[int, DoorInput]) -> int:
    return due[0]
