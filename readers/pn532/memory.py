"""What the chip is known to hold, so that nobody asks it again.

nfcpy reads and writes the same three registers and sets the RF timeout before each frame to a card: three host commands of
four, a quarter of a tap's time at 115200 baud. The registers keep their values while only InCommunicateThru is used (nfcpy
itself relies on that for the CRC of Type 2 cards), the timeout until it is set anew.
"""

import struct
from collections.abc import Iterable

IN_COMMUNICATE_THRU = 0x42
READ_REGISTER, WRITE_REGISTER = 0x06, 0x08
RF_CONFIGURATION, RF_TIMINGS = 0x32, 0x02
REGISTERS = (0x6302, 0x6303, 0x6305)
"""CIU_TxMode, CIU_RxMode, CIU_TxAuto."""


class CommandMemory:
    """Remembers commands that went to one chip since it was opened."""

    def __init__(self) -> None:
        self._registers: dict[int, int] = {}
        self._timings = b""

    def answer(self, code: int, data: bytes) -> bytes | None:
        """The answer to a command that would change and tell nothing new; None when the chip must be asked."""
        if code == RF_CONFIGURATION and data[:1] == bytes([RF_TIMINGS]):
            return b"" if data == self._timings else None
        if code == READ_REGISTER:
            addresses = [address for (address,) in struct.iter_unpack(">H", data)]
            if all(address in self._registers for address in addresses):
                return bytes(self._registers[address] for address in addresses)
        if code == WRITE_REGISTER and all(
            self._registers.get(address) == value for address, value in struct.iter_unpack(">HB", data)
        ):
            return b""
        return None

    def remember(self, code: int, data: bytes, answer: bytes) -> None:
        """Take note of a command that the chip has executed."""
        if code == READ_REGISTER:
            addresses = [address for (address,) in struct.iter_unpack(">H", data)]
            self._note(zip(addresses, answer, strict=False))
        elif code == WRITE_REGISTER:
            self._note(struct.iter_unpack(">HB", data))
        elif code == RF_CONFIGURATION and data[:1] == bytes([RF_TIMINGS]):
            self._timings = data
        elif code != IN_COMMUNICATE_THRU:
            self._registers.clear()

    def _note(self, values: Iterable[tuple[int, int]]) -> None:
        self._registers.update((address, value) for address, value in values if address in REGISTERS)
