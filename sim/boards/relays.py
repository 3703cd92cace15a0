"""State of a relay board: relays, their hardware timers, digital inputs. Told the time; same calls, same result."""

from collections.abc import Callable

OnOutput = Callable[[int, bool, float], None]
"""(channel, energised, at_s): a relay was commanded or its timer ran out; called also when it keeps its position."""


class Relays:
    """The relays and inputs of one board.

    ``outputs``: where each relay's contact really is, True when energised. ``inputs``: True where current flows; doors write
    them. ``stuck``: the relays no longer follow what the firmware asks of them. Times are seconds of any one clock.
    """

    def __init__(self, count: int = 8, input_count: int = 8) -> None:
        self.outputs = [False] * count
        self.inputs = [False] * input_count
        self.on_output: OnOutput = lambda _channel, _on, _at_s: None
        self._asked = [False] * count
        self._stuck = False
        self._ends: dict[int, tuple[float, bool]] = {}

    def set(self, channel: int, on: bool, at_s: float) -> None:
        """A plain write: latches, and ends a running timer of that relay."""
        self._ends.pop(channel, None)
        self._move(channel, on, at_s)

    def flash(self, channel: int, on: bool, tenths: int, at_s: float) -> None:
        """Take position ``on`` now and the opposite one ``tenths`` × 0.1 s later, by the board's own timer."""
        self._ends[channel] = (at_s + tenths / 10, not on)
        self._move(channel, on, at_s)

    def next_end_s(self) -> float | None:
        """When the next timer runs out."""
        return min((at_s for at_s, _ in self._ends.values()), default=None)

    def advance(self, now_s: float) -> None:
        """Let every timer run out that is due."""
        due = sorted((at_s, channel) for channel, (at_s, _) in self._ends.items() if at_s <= now_s)
        for at_s, channel in due:
            _, on = self._ends.pop(channel)
            self._move(channel, on, at_s)

    @property
    def stuck(self) -> bool:
        return self._stuck

    def stick(self, stuck: bool, now_s: float) -> None:
        """Freeze the relays where they are, or free them: they then take the position last asked for."""
        self._stuck = stuck
        if not stuck:
            for channel, on in enumerate(self._asked):
                if self.outputs[channel] != on:
                    self._move(channel, on, now_s)

    def _move(self, channel: int, on: bool, at_s: float) -> None:
        self._asked[channel] = on
        if not self._stuck:
            self.outputs[channel] = on
        self.on_output(channel, self.outputs[channel], at_s)
