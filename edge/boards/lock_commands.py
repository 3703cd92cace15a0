"""What waits for a lock's relay in the queue of its board's thread."""

from dataclasses import dataclass

from edge.boards.indicators import TENTH_S


@dataclass(frozen=True, slots=True)
class Hold:
    """Energised or released until told otherwise."""

    channel: int
    on: bool


@dataclass(frozen=True, slots=True)
class Pulse:
    """``on`` for ``tenths`` × 0.1 s from when it is done, then back to what is held. ``asked_at``: boot time of the decision, s."""

    channel: int
    on: bool
    tenths: int
    board_timed: bool
    asked_at: float
    way_out: bool = False

    def left_tenths(self, now: float) -> int:
        """What is left of it, in whole tenths."""
        return int((self.asked_at + self.tenths * TENTH_S - now) / TENTH_S)
