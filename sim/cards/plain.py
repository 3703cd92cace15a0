"""Cards that only name themselves: NTAG, MIFARE Classic by its UID, telephones and other random UIDs. None proves anything."""

from os import urandom

from sim.cards.card import NAK_ARGUMENT, NAK_AUTHENTICATION, Chance, Reply, TypeACard, four_bits
from sim.cards.iso_dep import IsoDepCard

READ_S = 0.0004
NTAG_PAGES = 45
NTAG213_VERSION = bytes.fromhex("0004040201000f03")


class ClassicCard(TypeACard):
    """A MIFARE Classic 1K as one without its keys sees it: a UID of four (or seven) bytes, and refusals."""

    def __init__(self, uid: bytes) -> None:
        super().__init__(uid, bytes.fromhex("0400" if len(uid) == 4 else "4400"), sak=0x08)

    def answer(self, frame: bytes) -> Reply | None:
        self.fall_back()
        return four_bits(NAK_AUTHENTICATION, READ_S) if frame[0] == 0x30 else None


class NtagCard(TypeACard):
    """An NTAG213: UID of seven bytes, readable memory, GET_VERSION."""

    def __init__(self, uid: bytes) -> None:
        if len(uid) != 7:
            raise ValueError(f"an NTAG UID has 7 bytes, not {len(uid)}")
        super().__init__(uid, bytes.fromhex("4400"), sak=0x00)
        self.memory = bytearray(NTAG_PAGES * 4)
        self.memory[0:9] = (
            uid[:3] + bytes([0x88 ^ uid[0] ^ uid[1] ^ uid[2]]) + uid[3:] + bytes([uid[3] ^ uid[4] ^ uid[5] ^ uid[6]])
        )

    def answer(self, frame: bytes) -> Reply | None:
        if frame == b"\x60":
            return Reply(NTAG213_VERSION, READ_S)
        if frame[0] == 0x30 and len(frame) == 2 and frame[1] < NTAG_PAGES:
            at = frame[1] * 4
            return Reply(bytes((self.memory * 2)[at : at + 16]), READ_S)
        self.fall_back()
        return four_bits(NAK_ARGUMENT, READ_S)


class RandomUidCard(IsoDepCard):
    """A telephone or a card in privacy mode: a UID of four bytes that begins with 08, new at each power-up. It speaks
    ISO 14443-4 and knows no application that a reader asks for."""

    def __init__(self, chance: Chance = urandom) -> None:
        self._chance = chance
        super().__init__(b"\x08" + chance(3), bytes.fromhex("0400"), 0x20, bytes.fromhex("0578807002"))

    def power(self, on: bool) -> None:
        super().power(on)
        if on:
            self._uid = b"\x08" + self._chance(3)

    def command(self, apdu: bytes) -> tuple[bytes, float]:  # noqa: ARG002 - whatever it is
        return b"\x6a\x82", READ_S
