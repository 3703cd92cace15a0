"""A KMTronic serial relay board: ``FF ch 01|00`` switches relay ``ch`` (from 1) and is not answered; ``FF 09 00`` is answered
with one byte 00/01 per relay. No inputs, no timers: a relay stays where the last command put it.

There is no checksum and no time-out: after a torn command the board looks for the next ``FF``.
"""

from sim.boards.relays import Relays

START = 0xFF
STATUS_CHANNEL = 0x09


class KmTronic:
    """The board's firmware."""

    gap_s: float | None = None

    def __init__(self, relays: Relays) -> None:
        self.relays = relays
        self._buffer = bytearray()

    def receive(self, data: bytes, at_s: float) -> bytes:
        """Bytes that arrived by ``at_s``; the answer to what they complete."""
        self._buffer += data
        answer = b""
        while True:
            start = self._buffer.find(START)
            del self._buffer[: start if start >= 0 else len(self._buffer)]
            if len(self._buffer) < 3:
                return answer
            channel, value = self._buffer[1], self._buffer[2]
            if 1 <= channel <= len(self.relays.outputs) and value in (0, 1):
                self.relays.set(channel - 1, value == 1, at_s)
                del self._buffer[:3]
            elif channel == STATUS_CHANNEL and value == 0:
                answer += bytes(self.relays.outputs)
                del self._buffer[:3]
            else:
                del self._buffer[0]

    def silence(self) -> bytes:
        """Never asked for: the protocol has no gaps."""
        return b""
