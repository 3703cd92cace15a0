"""A FeliCa Lite-S card (RC-S966): 14 blocks, card key, MAC on reading and writing, mutual authentication. ::

    card = FelicaLiteSCard(idm)
    card.store(0, block); card.set_key(key); card.seal()     # what a desk writes, then the system blocks are closed

Service: Polling, Read Without Encryption (up to four blocks, MAC in block 81h or MAC_A in 91h), Write Without Encryption (one
block, or one block and MAC_A). Byte order: the card works little endian, so 8-byte halves are turned round on the way in.
"""

from os import urandom

from sim.cards.card import Chance, Reply
from sim.cards.crypto import DES_BLOCK, des_encrypt

PMM = bytes.fromhex("00f1000000014300")
SYSTEM_CODES = (bytes.fromhex("88b4"), bytes.fromhex("12fc"))
BLOCK_BYTES = 16
PADS = range(0x0F)
RC, MAC, ID, D_ID, SER_C, SYS_C, CKV, CK, MC = range(0x80, 0x89)
WCNT, MAC_A, STATE = 0x90, 0x91, 0x92
READABLE = {*PADS, RC, MAC, ID, D_ID, SER_C, SYS_C, CKV, CK, MC, WCNT, MAC_A, STATE}
SYSTEM_BLOCKS = {ID, SER_C, CKV, CK, MC}
READ_BLOCKS_MAX = 4
SERVICE_READ, SERVICE_WRITE = 0x000B, 0x0009

POLLING_S = 0.00242
SLOT_S = 0.00121
READ_S = 0.0008
"""Below the 1.2 ms that the PMm promises for two blocks."""
WRITE_S = 0.0050

NO_ERROR = (0x00, 0x00)
BAD_SERVICE, BAD_BLOCK_COUNT, BAD_BLOCK, READ_ONLY, BAD_MAC = (
    (0xFF, 0xA6),
    (0xFF, 0xA2),
    (0xFF, 0xA8),
    (0x01, 0xA8),
    (0x02, 0xB2),
)


def turned(data: bytes) -> bytes:
    """Every eight bytes turned round."""
    return b"".join(data[at : at + DES_BLOCK][::-1] for at in range(0, len(data), DES_BLOCK))


def mac(data: bytes, session_key: bytes, iv: bytes) -> bytes:
    """The MAC over ``data`` as it stands in a block, all arguments in the host's byte order."""
    return des_encrypt(session_key, turned(data), iv)[-DES_BLOCK:][::-1]


class FelicaLiteSCard:
    """See the module's docstring. ``idm``: 8 bytes."""

    modulation = "F"

    def __init__(self, idm: bytes, chance: Chance = urandom) -> None:
        if len(idm) != 8:
            raise ValueError(f"an IDm has 8 bytes, not {len(idm)}")
        self._idm = idm
        self.late_s = 0.0
        self._chance = chance
        self.blocks: dict[int, bytearray] = {number: bytearray(BLOCK_BYTES) for number in READABLE}
        self.blocks[ID][:8] = idm
        self.blocks[D_ID][:] = idm + PMM
        self.blocks[SYS_C][:2] = SYSTEM_CODES[0]
        self.blocks[MC][:] = bytes.fromhex("ffff ff01 0700000000000000 00000000")
        self._session_key: bytes | None = None
        self._mutual = False

    # State -----------------------------------------------------------------

    @property
    def uid(self) -> bytes:
        return self._idm

    def set_key(self, key: bytes) -> None:
        """``key``: 16 bytes in the host's order; stored turned round."""
        self.blocks[CK][:] = turned(key)

    def store(self, block: int, data: bytes) -> None:
        self.blocks[block][: len(data)] = data

    def seal(self) -> None:
        """Close the system blocks for good and make the pads read-only."""
        self.blocks[MC][0:3] = b"\x00\x00\x00"

    def power(self, on: bool) -> None:  # noqa: ARG002 - a reset either way
        self.blocks[RC][:] = bytes(BLOCK_BYTES)
        self._session_key = None
        self._mutual = False

    # Service ---------------------------------------------------------------

    def transceive(self, frame: bytes) -> Reply | None:
        if len(frame) < 2 or frame[0] != len(frame):
            return None
        if frame[1] == 0x00 and len(frame) == 6:
            return self._polled(frame[2:4], frame[4], frame[5])
        if frame[2:10] != self._idm:
            return None
        if frame[1] == 0x06:
            status, data = self._read(frame[10:])
            after_s = READ_S
        elif frame[1] == 0x08:
            status, data = self._write(frame[10:])
            after_s = WRITE_S
        else:
            return None
        body = bytes([frame[1] + 1]) + self._idm + bytes(status) + data
        return Reply(bytes([len(body) + 1]) + body, after_s)

    def _polled(self, system: bytes, request: int, slots: int) -> Reply | None:
        matching = next(
            (code for code in SYSTEM_CODES if all(a in (b, 0xFF) for a, b in zip(system, code, strict=True))), None
        )
        if matching is None or slots not in (0, 1, 3, 7, 15):
            return None
        body = b"\x01" + self._idm + PMM + (matching if request == 1 else b"")
        slot = self._chance(1)[0] % (slots + 1)
        return Reply(bytes([len(body) + 1]) + body, POLLING_S + slot * SLOT_S)

    def _list(self, data: bytes, service: int) -> tuple[tuple[int, int], list[int], bytes]:
        """(status, block numbers, what follows) of a service and block list."""
        if len(data) < 4 or data[0] != 1 or int.from_bytes(data[1:3], "little") != service:
            return BAD_SERVICE, [], b""
        count, rest, numbers = data[3], data[4:], []
        if not 1 <= count <= READ_BLOCKS_MAX:
            return BAD_BLOCK_COUNT, [], b""
        for _ in range(count):
            size = 2 if rest[:1] and rest[0] & 0x80 else 3
            if len(rest) < size:
                return BAD_BLOCK, [], b""
            numbers.append(int.from_bytes(rest[1:size], "little"))
            rest = rest[size:]
        return NO_ERROR, numbers, rest

    def _read(self, data: bytes) -> tuple[tuple[int, int], bytes]:
        status, numbers, _ = self._list(data, SERVICE_READ)
        if status != NO_ERROR:
            return status, b""
        if any(number not in READABLE for number in numbers):
            return BAD_BLOCK, b""
        out = b""
        for number in numbers:
            out += self._block(number, numbers, out)
        return NO_ERROR, bytes([len(numbers)]) + out

    def _block(self, number: int, numbers: list[int], before: bytes) -> bytes:
        if number in (RC, CK):
            return bytes(BLOCK_BYTES)  # write only
        if number in (MAC, MAC_A):
            if self._session_key is None or number != numbers[-1]:
                return bytes(BLOCK_BYTES)
            prefix = b""
            if number == MAC_A:  # the block numbers are part of what it covers
                prefix = b"".join(each.to_bytes(2, "little") for each in numbers).ljust(DES_BLOCK, b"\xff")
            return mac(prefix + before, self._session_key, self._iv).ljust(BLOCK_BYTES, b"\x00")
        if number == STATE:
            return bytes([int(self._mutual)]).ljust(BLOCK_BYTES, b"\x00")
        return bytes(self.blocks[number])

    def _write(self, data: bytes) -> tuple[tuple[int, int], bytes]:
        status, numbers, content = self._list(data, SERVICE_WRITE)
        if status != NO_ERROR:
            return status, b""
        with_mac = len(numbers) == 2 and numbers[1] == MAC_A
        if len(numbers) > 1 and not with_mac:
            return BAD_BLOCK_COUNT, b""
        if len(content) != BLOCK_BYTES * len(numbers):
            return BAD_BLOCK, b""
        number, block = numbers[0], content[:BLOCK_BYTES]
        if with_mac and not self._mac_fits(number, block, content[BLOCK_BYTES:]):
            return BAD_MAC, b""
        return self._stored(number, block, with_mac), b""

    def _stored(self, number: int, block: bytes, with_mac: bool) -> tuple[int, int]:
        if number not in READABLE or number in (MAC, D_ID, SYS_C, WCNT, MAC_A):
            return BAD_BLOCK
        if number == STATE:
            if not with_mac:
                return READ_ONLY
            self._mutual = block[0] == 1
        elif self._closed(number):
            return READ_ONLY
        else:
            self.blocks[number][:] = block
        if number == RC:
            key = turned(bytes(self.blocks[CK]))
            self._iv = block[:DES_BLOCK][::-1]
            self._session_key = des_encrypt(key, turned(block))
            self._mutual = False
        count = int.from_bytes(self.blocks[WCNT][:3], "little") + 1
        self.blocks[WCNT][:3] = (count & 0xFFFFFF).to_bytes(3, "little")
        return NO_ERROR

    def _closed(self, number: int) -> bool:
        """Whether the memory configuration forbids writing this block."""
        if number in PADS:
            return not int.from_bytes(self.blocks[MC][0:2], "little") >> number & 1
        return number in SYSTEM_BLOCKS and self.blocks[MC][2] != 0xFF

    def _mac_fits(self, number: int, block: bytes, given: bytes) -> bool:
        count = bytes(self.blocks[WCNT][:3])
        if self._session_key is None or given[8:11] != count:
            return False
        covered = count + b"\x00" + bytes([number, 0x00, MAC_A, 0x00]) + block
        flipped = self._session_key[DES_BLOCK:] + self._session_key[:DES_BLOCK]
        return mac(covered, flipped, self._iv) == given[:8]
