"""What every card is to the field: powered or not, and frames in and out after a processing time.

A card has no clock: it answers with how long it takes, and the chip keeps the time. Frames carry no CRC here; the chip adds
and checks it. Chance (challenges, random UIDs) comes from a ``Chance`` callable, ``os.urandom`` unless a test hands in a
seeded one.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Chance = Callable[[int], bytes]
"""``n`` → n unpredictable (or seeded) bytes."""

ACK = 0x0A
NAK_ARGUMENT = 0x00
NAK_AUTHENTICATION = 0x04


@dataclass(frozen=True, slots=True)
class Reply:
    """A card's answer. ``after_s``: processing time; ``crc`` False: a bare 4-bit acknowledge."""

    data: bytes
    after_s: float
    crc: bool = True


def four_bits(code: int, after_s: float) -> Reply:
    """A Type 2 acknowledge (:data:`ACK`) or one of the NAKs: four bits without CRC."""
    return Reply(bytes([code]), after_s, crc=False)


class Card(Protocol):
    """What the field knows of any card."""

    modulation: str
    """``A`` (ISO 14443 A, 106 kbit/s) or ``F`` (FeliCa, 212 and 424 kbit/s)."""
    late_s: float
    """How much later than a real card it answers: 0, or the detour of a relayed one."""

    @property
    def uid(self) -> bytes:
        """What it names itself with now; a random-UID card changes it with each power-up."""
        ...

    def power(self, on: bool) -> None:
        """The reader's field reaches it, or no longer: every volatile state is lost."""
        ...

    def transceive(self, frame: bytes) -> Reply | None:
        """Answer a frame, or stay silent."""
        ...


class TypeAState(enum.Enum):
    """ISO 14443-3 states of a card, and PROTOCOL once ISO 14443-4 runs."""

    IDLE = "idle"
    READY = "ready"
    ACTIVE = "active"
    HALT = "halt"
    PROTOCOL = "protocol"


class TypeACard:
    """ISO/IEC 14443-3 type A: request, anticollision, selection, halt. Subclasses answer in :meth:`answer`."""

    modulation = "A"

    def __init__(self, uid: bytes, atqa: bytes, sak: int) -> None:
        if len(uid) not in (4, 7):
            raise ValueError(f"a UID has 4 or 7 bytes, not {len(uid)}")
        self._uid = uid
        self.atqa = atqa
        """Low byte first, as on the air."""
        self.sak = sak
        self.state = TypeAState.IDLE
        self.late_s = 0.0
        self._halted = False

    @property
    def uid(self) -> bytes:
        return self._uid

    def power(self, on: bool) -> None:  # noqa: ARG002 - a reset either way
        self.state = TypeAState.IDLE
        self._halted = False
        self.forget()

    def forget(self) -> None:
        """Lose what only lives while powered (keys agreed, positions)."""

    def request(self, wake: bool) -> bool:
        """REQA, or WUPA when ``wake``: whether it answers with its ATQA."""
        if self.state is TypeAState.PROTOCOL:
            return False
        if self.state is TypeAState.HALT and not wake:
            return False
        if self.state in (TypeAState.READY, TypeAState.ACTIVE):
            self.fall_back()  # an unexpected request: back to where it came from, silent
            return False
        self._halted = self.state is TypeAState.HALT
        self.state = TypeAState.READY
        return True

    def select(self, uid: bytes) -> bool:
        """The end of anticollision: whether this card is the one selected. The others fall back."""
        if self.state is not TypeAState.READY:
            return False
        if uid == self.uid:
            self.state = TypeAState.ACTIVE
            return True
        self.fall_back()
        return False

    def fall_back(self) -> None:
        """To IDLE, or to HALT when it was woken from there."""
        self.state = TypeAState.HALT if self._halted else TypeAState.IDLE
        self.forget()

    def transceive(self, frame: bytes) -> Reply | None:
        if self.state not in (TypeAState.ACTIVE, TypeAState.PROTOCOL) or not frame:
            return None
        if self.state is TypeAState.ACTIVE and frame == b"\x50\x00":  # HLTA
            self.state = TypeAState.HALT
            self.forget()
            return None
        return self.answer(frame)

    def answer(self, frame: bytes) -> Reply | None:
        """Answer a frame as the selected card."""
        raise NotImplementedError
