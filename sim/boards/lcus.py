"""An LCUS USB relay board: ``A0 ch st sum``, ``ch`` from 1, ``st`` 00 or 01, ``sum`` the low byte of the total of the three.

Nothing is ever answered; there are no inputs and no timers. A command whose sum is wrong does nothing, and the board looks for
the next ``A0``.
"""

from sim.boards.relays import Relays

START = 0xA0


class Lcus:
    """The board's firmware."""

    gap_s: float | None = None

    def __init__(self, relays: Relays) -> None:
        self.relays = relays
        self._buffer = bytearray()

    def receive(self, data: bytes, at_s: float) -> bytes:
        """Bytes that arrived by ``at_s``. The answer is always empty."""
        self._buffer += data
        while True:
            start = self._buffer.find(START)
            del self._buffer[: start if start >= 0 else len(self._buffer)]
            if len(self._buffer) < 4:
                return b""
            _, channel, state, total = self._buffer[:4]
            sound = total == (START + channel + state) & 0xFF
            if sound and 1 <= channel <= len(self.relays.outputs) and state in (0, 1):
                self.relays.set(channel - 1, state == 1, at_s)
                del self._buffer[:4]
            else:
                del self._buffer[0]

    def silence(self) -> bytes:
        """Never asked for: the protocol has no gaps."""
        return b""
