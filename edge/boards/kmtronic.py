"""KMTronic USB relay boards: ``FF ch 01|00``, channels from 1 on the wire; status ``FF 09 00`` answers eight bytes.

Supports: set, read-back. Quirk: writes are not acknowledged; the status is the only proof that a board is there.
"""

from edge.boards.board import BoardFault
from edge.boards.latching import LatchingBoard

_START = 0xFF
_STATUS = bytes((_START, 0x09, 0x00))


class KmtronicBoard(LatchingBoard):
    """See the module and :class:`edge.boards.board.Board`."""

    reads_back = True

    def _command(self, channel: int, on: bool) -> bytes:
        return bytes((_START, channel + 1, int(on)))

    def _prove(self) -> None:
        self.read_back()

    def read_back(self) -> tuple[bool, ...]:
        status = self._port.ask(_STATUS, self.outputs)
        if any(level > 1 for level in status):
            raise BoardFault(
                f"{self._name}: status {status.hex(' ')} is not of 00 and 01; check kind of board and baud"
            )
        return tuple(level == 1 for level in status)
