"""The PN532's radio: frames in the air with their CRC and their time, the timeout of RFConfiguration item 2."""

from dataclasses import dataclass

from sim.cards.card import Reply
from sim.field import Answer, Field
from sim.pn532_registers import Registers

CARRIER_HZ = 13.56e6
FRAME_DELAY_S = 1172 / CARRIER_HZ
"""ISO 14443-3 FDT, poll to answer."""
FELICA_PREAMBLE_BYTES = 8
CRC_BYTES = 2

TIMEOUT, CRC_ERROR, COLLISION = 0x01, 0x02, 0x06


def crc_a(data: bytes) -> bytes:
    """ISO 14443-3 CRC_A, low byte first."""
    crc = 0x6363
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


def crc_f(data: bytes) -> bytes:
    """FeliCa CRC (CCITT, from 0), high byte first."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc.to_bytes(2)


def air_s(mode: str, count: int) -> float:
    """Time in the air of ``count`` bytes, CRC included by the caller."""
    if mode == "106A":
        return count * 9 * 128 / CARRIER_HZ  # eight bits and parity at fc/128
    divider = 64 if mode == "212F" else 32
    return (count + FELICA_PREAMBLE_BYTES) * 8 * divider / CARRIER_HZ


@dataclass(frozen=True, slots=True)
class Flight:
    """A frame sent and what comes back: ``answer``, or a collision, or nothing."""

    answer: Answer | None
    collided: bool
    sent_s: float
    answer_s: float


class Radio:
    """Sends frames in the mode that the registers hold."""

    def __init__(self, field: Field, registers: Registers) -> None:
        self._field = field
        self._registers = registers
        self.timeout_code = 0x0A
        self.last_status = 0x00
        self.last_bits: int | None = None
        """The last answer's 4-bit code, when it was one."""

    @property
    def timeout_s(self) -> float | None:
        """How long an answer is awaited: 100 µs · 2^(n-1); None for n = 0, without end."""
        return None if self.timeout_code == 0 else 100e-6 * 2 ** (self.timeout_code - 1)

    def send(self, data: bytes) -> Flight:
        """Send with or without CRC, as TxMode says."""
        registers = self._registers
        mode = registers.mode
        count = len(data) + (CRC_BYTES if registers.sends_crc else 0)
        sent_s = air_s(mode or "106A", count) + FRAME_DELAY_S
        self.last_bits = None
        if mode is None or not data:
            return Flight(None, False, sent_s, 0.0)
        if not registers.sends_crc:
            checksum = crc_a if mode == "106A" else crc_f
            data, crc = data[:-CRC_BYTES], data[-CRC_BYTES:]
            if crc != checksum(data):
                return Flight(None, False, sent_s, 0.0)  # cards stay silent on a wrong CRC
        answers = self._field.exchange(mode[-1], data)
        if len(answers) != 1:
            return Flight(None, bool(answers), sent_s, 0.0)
        return Flight(answers[0], False, sent_s, air_s(mode, len(answers[0].reply.data) + CRC_BYTES))

    def received(self, reply: Reply) -> tuple[int, bytes]:
        """(status, data) as the host sees an answer, by RxMode's CRC bit."""
        registers = self._registers
        if not reply.crc:
            self.last_bits = reply.data[0]
            return (self.note(CRC_ERROR), b"") if registers.checks_crc else (self.note(0), reply.data)
        if registers.checks_crc:
            return self.note(0), reply.data
        checksum = crc_a if registers.mode == "106A" else crc_f
        return self.note(0), reply.data + checksum(reply.data)

    def note(self, status: int) -> int:
        self.last_status = status
        return status

    def note_timeout(self) -> int:
        return self.note(TIMEOUT)
