"""What a board's lock relays are seen to do, beside what was asked of them: what of it is worth telling (docs/rooms.md, Not relocked).

Pure: told the time and what was read. A difference is told once it lasted for LASTS_S, again every TELL_AGAIN_S, and after each command; a
relay that refused a position stays suspect until it is seen in it. That a relay follows is told once after each opening of the board and
each command, so that whoever judged by an older word gets the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

LASTS_S = 0.1
"""A difference that is gone by then was a pulse's edge. Two reads see it at least."""
TELL_AGAIN_S = 30.0
"""A difference that lasts is told again: an alarm may have been kept back meanwhile (maintenance)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A relay's position and the one that was asked of it; True is energised."""

    channel: int
    on: bool
    asked: bool


class RelayWatch:
    """``channels``: the relays that are watched; the rest is nobody's lock."""

    def __init__(self, channels: frozenset[int]) -> None:
        self.channels = sorted(channels)
        self._untold = set(channels)
        self._differs_since: dict[int, float] = {}
        self._tell_again_at: dict[int, float] = {}
        self._refused: dict[int, bool] = {}

    @property
    def doubtful(self) -> bool:
        """Whether a difference was seen that has not been told: another read should follow in LASTS_S."""
        return any(channel not in self._tell_again_at for channel in self._differs_since)

    def reopened(self) -> None:
        """The board was put to rest: what was seen before counts no more."""
        self._untold = set(self.channels)
        self._differs_since.clear()
        self._tell_again_at.clear()
        self._refused.clear()

    def commanded(self, channel: int) -> None:
        """Something was asked of this relay: what follows is told anew."""
        self._untold.update({channel} & set(self.channels))
        self._differs_since.pop(channel, None)
        self._tell_again_at.pop(channel, None)

    def take(self, relays: Sequence[bool], asked: Sequence[bool | None], now: float) -> list[Seen]:
        """What to tell of this read. ``asked``: by relay; None where it cannot be said, near a pulse's end. ``now``: boot time, s."""
        told: list[Seen] = []
        for channel in self.channels:
            wanted = asked[channel]
            if wanted is None or relays[channel] == wanted:
                self._differs_since.pop(channel, None)
            if wanted is None:
                continue
            if relays[channel] != wanted:
                since = self._differs_since.setdefault(channel, now)
                if now - since >= LASTS_S and now >= self._tell_again_at.get(channel, now):
                    self._tell_again_at[channel] = now + TELL_AGAIN_S
                    self._refused[channel] = wanted
                    self._untold.add(channel)
                    told.append(Seen(channel, relays[channel], wanted))
                continue
            self._tell_again_at.pop(channel, None)
            if self._refused.get(channel, wanted) == wanted:
                self._refused.pop(channel, None)
                if channel in self._untold:
                    self._untold.remove(channel)
                    told.append(Seen(channel, wanted, wanted))
        return told
