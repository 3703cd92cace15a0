"""LEDs and buzzers on a board's spare relays: a pattern per key, and beneath it a reminder of what lasts (docs/interfaces.md).

Used by the board's own thread, which tells the time. Each relay that it lights is noted in ``unknown_until``, so that nobody takes it for
a stuck one.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from edge.boards.board import Board

TENTH_S = 0.1
PULSE_MARGIN_S = 0.3
"""After a pulse's end the relay gets this long before it counts as stuck."""


@dataclass(frozen=True, slots=True)
class Step:
    """Part of an indicator pattern: after ``after_s``, ``channel`` on for ``tenths`` × 0.1 s."""

    after_s: float
    channel: int
    tenths: int


class Reminder(NamedTuple):
    """A blip that comes again while something lasts and its key shows nothing else."""

    channel: int
    tenths: int
    every_s: float


@dataclass(slots=True)
class _Pattern:
    """Indicator channels in use under one key, with what is still to come: (due, channel, tenths; 0 is off)."""

    channels: frozenset[int]
    due: deque[tuple[float, int, int]]


class Indicators:
    """``unknown_until``: until when a relay may be on although nothing holds it; shared with the board's thread."""

    def __init__(self, board: Board, unknown_until: dict[int, float]) -> None:
        self._board = board
        self._unknown_until = unknown_until
        self._patterns: dict[str, _Pattern] = {}
        self._reminders: dict[str, tuple[Reminder, float]] = {}

    def reopened(self) -> None:
        """The board was put to rest: patterns are over, reminders go on."""
        self._patterns.clear()

    def show(self, key: str, steps: tuple[Step, ...], now: float) -> None:
        """In place of what ``key`` shows; no steps: dark."""
        old = self._patterns.pop(key, None)
        if old is not None:
            lit = {channel for channel in old.channels if self._unknown_until.get(channel, 0.0) > now}
            for channel in sorted(lit - {step.channel for step in steps if step.after_s <= 0}):
                self._board.set(channel, False)
                self._unknown_until.pop(channel, None)
        due = deque((now + step.after_s, step.channel, step.tenths) for step in sorted(steps, key=lambda s: s.after_s))
        if due:
            self._patterns[key] = _Pattern(frozenset(step.channel for step in steps), due)

    def remind(self, key: str, reminder: Reminder | None, now: float) -> None:
        """From now on; None: no more. The same again changes nothing."""
        if reminder is None:
            self._reminders.pop(key, None)
        elif key not in self._reminders or self._reminders[key][0] != reminder:
            self._reminders[key] = (reminder, now)

    def next_at(self) -> float | None:
        """When :meth:`run` has something to do; None when all is dark."""
        due = [pattern.due[0][0] for pattern in self._patterns.values() if pattern.due]
        due += [max(at, self._free_at(key)) for key, (_, at) in self._reminders.items()]
        return min(due, default=None)

    def run(self, now: float) -> None:
        """Do what is due. Raises what the board raises."""
        for key, (reminder, at) in self._reminders.items():
            if max(at, self._free_at(key)) <= now:
                self._reminders[key] = (reminder, now + reminder.every_s)
                blip = (now, reminder.channel, reminder.tenths)
                self._patterns[key] = _Pattern(frozenset({reminder.channel}), deque([blip]))
        for pattern in self._patterns.values():
            while pattern.due and pattern.due[0][0] <= now:
                _, channel, tenths = pattern.due.popleft()
                if not tenths:
                    self._board.set(channel, False)
                    self._unknown_until.pop(channel, None)
                    continue
                off_at = now + tenths * TENTH_S
                self._unknown_until[channel] = off_at + PULSE_MARGIN_S
                if self._board.timed_pulse:
                    self._board.pulse(channel, tenths)
                else:
                    self._board.set(channel, True)
                    pattern.due = deque(sorted([*pattern.due, (off_at, channel, 0)]))

    def _free_at(self, key: str) -> float:
        """When what ``key`` shows is over; 0: it shows nothing."""
        shown = self._patterns.get(key)
        if shown is None:
            return 0.0
        ends = [due + tenths * TENTH_S + PULSE_MARGIN_S for due, _, tenths in shown.due]
        ends += [until for channel in shown.channels if (until := self._unknown_until.get(channel, 0.0))]
        return max(ends, default=0.0)
