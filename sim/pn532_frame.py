"""Frames of the PN532's high-speed UART (UM0701-02 §6.2), on the chip's side.

``00 00 FF LEN LCS [data…] DCS 00`` or, extended, ``00 00 FF FF FF LENm LENl LCS [data…] DCS 00``; ACK, NACK and the error
frame are their own patterns. A preamble may be longer than one byte, a postamble may be missing.
"""

from dataclasses import dataclass

START = b"\x00\xff"
ACK = bytes.fromhex("0000ff00ff00")
NACK = bytes.fromhex("0000ffff0000")
ERROR = bytes.fromhex("0000ff01ff7f8100")
"""Application level error: the chip did not understand the command."""
HOST_TO_CHIP, CHIP_TO_HOST = 0xD4, 0xD5
DATA_MAX_BYTES = 265
"""TFI and all that follows it, the most that the firmware takes."""
NORMAL_MAX_BYTES = 255


@dataclass(frozen=True, slots=True)
class Data:
    """An information frame's content from the TFI on."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The host's ACK: it has its answer, or gives up the command under way."""


@dataclass(frozen=True, slots=True)
class NotAcknowledged:
    """The host's NACK: the last answer again, please."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A frame with a wrong length or data checksum, or too long: the chip stays silent."""

    cause: str


Received = Data | Acknowledged | NotAcknowledged | Broken


def encode(content: bytes) -> bytes:
    """An information frame around ``content`` (TFI and the rest). Raises ValueError when empty or too long."""
    if not 1 <= len(content) <= DATA_MAX_BYTES:
        raise ValueError(f"a frame carries 1 to {DATA_MAX_BYTES} bytes, not {len(content)}")
    if len(content) <= NORMAL_MAX_BYTES:
        length = bytes([len(content), -len(content) & 0xFF])
    else:
        size = len(content).to_bytes(2)
        length = b"\xff\xff" + size + bytes([-sum(size) & 0xFF])
    return b"\x00" + START + length + content + bytes([-sum(content) & 0xFF, 0])


class Receiver:
    """Finds frames in what arrives, in any chunks, through noise and long preambles.

    There is no time limit between bytes: a frame that was cut short swallows what follows it, as much as it lacks.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def clear(self) -> None:
        self._buffer.clear()

    def feed(self, data: bytes) -> list[Received]:
        """Everything that is complete now."""
        self._buffer += data
        found: list[Received] = []
        while True:
            start = self._buffer.find(START)
            if start < 0:
                del self._buffer[: max(0, len(self._buffer) - 1)]
                return found
            del self._buffer[:start]
            size, received = self._measure()
            if size == 0:
                return found
            del self._buffer[:size]
            found.append(received)

    def _measure(self) -> tuple[int, Received]:
        """(bytes used up, what they were) of a buffer that begins with the start code; (0, …) while incomplete."""
        buffer = self._buffer
        more = (0, Broken("incomplete"))
        if len(buffer) < 4:
            return more
        length, check = buffer[2], buffer[3]
        if (length, check) == (0x00, 0xFF):
            return 4, Acknowledged()
        if (length, check) == (0xFF, 0x00):
            return 4, NotAcknowledged()
        if (length, check) == (0xFF, 0xFF):
            if len(buffer) < 7:
                return more
            head, size = 7, int.from_bytes(buffer[4:6])
            good = sum(buffer[4:7]) & 0xFF == 0
        else:
            head, size = 4, length
            good = (length + check) & 0xFF == 0
        if not good:
            return len(START), Broken("length checksum")
        if not 1 <= size <= DATA_MAX_BYTES:
            return len(START), Broken("length")
        if len(buffer) < head + size + 1:
            return more
        content = bytes(buffer[head : head + size])
        if (sum(content) + buffer[head + size]) & 0xFF:
            return head + size + 1, Broken("data checksum")
        return head + size + 1, Data(content)
