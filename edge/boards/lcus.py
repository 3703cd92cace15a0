"""LCUS USB relay boards (CH340): ``A0 ch st sum``, channels from 1 on the wire, sum = low byte of the total.

Supports: set. Quirk: the board never answers, so only a vanished port is noticed, never a dead board behind it.
"""

from edge.boards.latching import LatchingBoard

_START = 0xA0


class LcusBoard(LatchingBoard):
    """See the module and :class:`edge.boards.board.Board`."""

    def _command(self, channel: int, on: bool) -> bytes:
        head = bytes((_START, channel + 1, int(on)))
        return head + bytes((sum(head) & 0xFF,))
