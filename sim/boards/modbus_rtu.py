"""An eight-channel Modbus RTU relay board in the manner of Waveshare's, byte for byte. Its own framing and CRC.

Served: FC01 coils (read back), FC02 discrete inputs, FC03 device registers (0x2000 baud code, 0x4000 unit, 0x8000 firmware),
FC05 at ``0x0000+ch`` (FF00 on, 0000 off, 5500 toggle), at ``0x00FF`` (all), at ``0x0200+ch`` / ``0x0400+ch`` (flash-on /
flash-off for value × 0.1 s), FC0F coils. Anything else gets exception 01 (function), 02 (address) or 03 (value). Requests for
another unit, broadcasts' answers, and frames whose CRC fails get silence. Sources: Modbus over serial line V1.02 §2.5 (a
frame ends with 3.5 characters of silence, fixed 1.75 ms above 19200 baud) and the maker's protocol page (V2).
"""

from sim.boards.relays import Relays

READ_COILS, READ_INPUTS, READ_REGISTERS, WRITE_COIL, WRITE_COILS = 0x01, 0x02, 0x03, 0x05, 0x0F
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 0x01, 0x02, 0x03
ON, OFF, TOGGLE = 0xFF00, 0x0000, 0x5500
ALL_COILS = 0x00FF
FLASH_ON, FLASH_OFF = 0x0200, 0x0400
FLASH_MAX_TENTHS = 0x7FFF
BROADCAST = 0
BAUD_CODES = {4800: 0, 9600: 1, 19200: 2, 38400: 3, 57600: 4, 115200: 5, 128000: 6, 256000: 7}
FIRMWARE = 200
"""Version 2.00."""
FRAME_MAX_BYTES = 256
BITS_PER_CHARACTER = 11
"""As the standard counts a character, whatever the parity."""


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS: polynomial 0x8005 reflected, start 0xFFFF; sent low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def seal(body: bytes) -> bytes:
    """``body`` with its CRC appended."""
    return body + crc16(body).to_bytes(2, "little")


def silence_s(baud: int) -> float:
    """t3.5: the silence that ends a frame."""
    return 0.00175 if baud > 19200 else 3.5 * BITS_PER_CHARACTER / baud


class _Refused(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


class ModbusRtu:
    """The board's firmware. ``unit`` is its address, 1–247."""

    def __init__(self, relays: Relays, unit: int, baud: int) -> None:
        self.relays = relays
        self.unit = unit
        self.baud = baud
        self.gap_s: float | None = silence_s(baud)
        self._frame = bytearray()
        self._last_byte_s = 0.0

    def receive(self, data: bytes, at_s: float) -> bytes:
        """Bytes that arrived by ``at_s``. Nothing is answered before the silence after them."""
        self._frame += data
        if len(self._frame) > FRAME_MAX_BYTES:
            del self._frame[
                : len(self._frame) - FRAME_MAX_BYTES - 1
            ]  # an overlong frame fails; only its length need be kept
        self._last_byte_s = at_s
        return b""

    def silence(self) -> bytes:
        """The line has been silent for ``gap_s``: the frame is complete. Returns the answer, empty for silence."""
        frame, self._frame = bytes(self._frame), bytearray()
        if not 4 <= len(frame) <= FRAME_MAX_BYTES or seal(frame[:-2]) != frame:
            return b""
        unit, function, body = frame[0], frame[1], frame[2:-2]
        if unit not in (self.unit, BROADCAST):
            return b""
        try:
            answer = bytes([self.unit, function]) + self._serve(function, body)
        except _Refused as refused:
            answer = bytes([self.unit, function | 0x80, refused.code])
        return b"" if unit == BROADCAST else seal(answer)

    def _serve(self, function: int, body: bytes) -> bytes:
        if function not in (READ_COILS, READ_INPUTS, READ_REGISTERS, WRITE_COIL, WRITE_COILS):
            raise _Refused(ILLEGAL_FUNCTION)
        if len(body) < 4 or (function != WRITE_COILS and len(body) != 4):
            raise _Refused(ILLEGAL_VALUE)
        address, value = int.from_bytes(body[0:2], "big"), int.from_bytes(body[2:4], "big")
        if function == READ_COILS:
            return _bits(self.relays.outputs, address, value)
        if function == READ_INPUTS:
            return _bits(self.relays.inputs, address, value)
        if function == READ_REGISTERS:
            return self._registers(address, value)
        if function == WRITE_COIL:
            self._write_coil(address, value)
        else:
            self._write_coils(address, value, body[4:])
        return body[:4]

    def _registers(self, address: int, count: int) -> bytes:
        if count != 1:
            raise _Refused(ILLEGAL_VALUE)
        registers = {0x2000: BAUD_CODES.get(self.baud, 1), 0x4000: self.unit, 0x8000: FIRMWARE}
        if address not in registers:
            raise _Refused(ILLEGAL_ADDRESS)
        return b"\x02" + registers[address].to_bytes(2, "big")

    def _write_coil(self, address: int, value: int) -> None:
        at_s, relays = self._last_byte_s, self.relays
        base, channel = address & 0xFF00, address & 0xFF
        if base in (FLASH_ON, FLASH_OFF) and channel < len(relays.outputs):
            if not 1 <= value <= FLASH_MAX_TENTHS:
                raise _Refused(ILLEGAL_VALUE)
            relays.flash(channel, base == FLASH_ON, value, at_s)
        elif address == ALL_COILS or address < len(relays.outputs):
            if value not in (ON, OFF, TOGGLE):
                raise _Refused(ILLEGAL_VALUE)
            for each in range(len(relays.outputs)) if address == ALL_COILS else (address,):
                relays.set(each, value == ON if value != TOGGLE else not relays.outputs[each], at_s)
        else:
            raise _Refused(ILLEGAL_ADDRESS)

    def _write_coils(self, address: int, count: int, packed: bytes) -> None:
        if not 1 <= count <= 0x7B0 or len(packed) != 1 + (count + 7) // 8 or packed[0] != len(packed) - 1:
            raise _Refused(ILLEGAL_VALUE)
        if address + count > len(self.relays.outputs):
            raise _Refused(ILLEGAL_ADDRESS)
        for offset in range(count):
            on = bool(packed[1 + offset // 8] >> offset % 8 & 1)
            self.relays.set(address + offset, on, self._last_byte_s)


def _bits(levels: list[bool], address: int, count: int) -> bytes:
    if not 1 <= count <= 2000:
        raise _Refused(ILLEGAL_VALUE)
    if address + count > len(levels):
        raise _Refused(ILLEGAL_ADDRESS)
    packed = bytearray((count + 7) // 8)
    for offset in range(count):
        packed[offset // 8] |= levels[address + offset] << offset % 8
    return bytes([len(packed)]) + bytes(packed)
