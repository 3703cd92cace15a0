"""The registers of the PN532's contactless interface unit, as far as a host reads them back or their bits have an effect."""

from sim.field import Field

TX_MODE, RX_MODE, TX_CONTROL, FIFO_DATA, FIFO_LEVEL = 0x6302, 0x6303, 0x6304, 0x6339, 0x633A
CRC_BIT = 0x80
MODE_BITS = 0x73
"""Speed (bits 6 to 4) and framing (bits 1, 0) of TxMode and RxMode."""
MODES = {"106A": 0x00, "212F": 0x12, "424F": 0x22}
RESET = {TX_MODE: 0x00, RX_MODE: 0x00, 0x6301: 0x3F, 0x6305: 0x40}
REQA_IN_FIFO = 0x26


class Registers:
    """Values by address; most only remember what was written."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._values = dict(RESET)
        self.fifo = 0x00
        """What CIU_FIFOData shows: the REQA that nothing answered, or the last byte of what came."""

    def read(self, address: int) -> int:
        if address == TX_CONTROL:
            return 0x83 if self._field.on else 0x80
        if address == FIFO_DATA:
            return self.fifo
        if address == FIFO_LEVEL:
            return 0
        return self._values.get(address, 0x00)

    def write(self, address: int, value: int) -> None:
        if address == TX_CONTROL:
            self._field.power(bool(value & 0x03))
        elif address == FIFO_DATA:
            self.fifo = value
        else:
            self._values[address] = value

    def set_mode(self, mode: str) -> None:
        """Speed and framing for both directions, with CRC, as InListPassiveTarget leaves them."""
        self._values[TX_MODE] = self._values[RX_MODE] = MODES[mode] | CRC_BIT

    @property
    def mode(self) -> str | None:
        """The mode that both directions agree on, None when they differ or mean none we know."""
        sent, heard = self._values[TX_MODE] & MODE_BITS, self._values[RX_MODE] & MODE_BITS
        if sent != heard:
            return None
        return next((name for name, bits in MODES.items() if bits == sent), None)

    @property
    def sends_crc(self) -> bool:
        return bool(self._values[TX_MODE] & CRC_BIT)

    @property
    def checks_crc(self) -> bool:
        return bool(self._values[RX_MODE] & CRC_BIT)
