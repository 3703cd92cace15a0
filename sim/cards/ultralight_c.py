"""A MIFARE Ultralight C card (MF0ICU2): 48 pages of four bytes, 3DES authentication. ::

    card = UltralightCCard(uid)           # from the factory: published key, nothing protected
    card.set_key(key); card.protect(first_page=4, reading=True)

Service: READ, WRITE, AUTHENTICATE, HALT (in :class:`TypeACard`). What it refuses it answers with a 4-bit NAK and falls back to
IDLE, as the card does; an unknown command as well.
"""

from os import urandom

from sim.cards.card import ACK, NAK_ARGUMENT, NAK_AUTHENTICATION, Chance, Reply, TypeACard, four_bits
from sim.cards.crypto import DES_BLOCK, des_decrypt, des_encrypt

ATQA = bytes.fromhex("4400")
SAK = 0x00
PAGE_BYTES = 4
PAGES = 48
USER_PAGES = range(4, 40)
LOCK2, COUNTER, AUTH0, AUTH1, KEY = 40, 41, 42, 43, 44
READABLE_PAGES = 44
"""Reading turns over here: the key's pages never leave the card."""
NEVER_PROTECTED = 0x30
FACTORY_KEY = b"IEMKAERB!NACUOYF"
"""Published; in the order in which hosts give it."""

READ_S = 0.0004
WRITE_S = 0.0041
CHALLENGE_S = 0.0020
PROVE_S = 0.0025


class UltralightCCard(TypeACard):
    """See the module's docstring. ``uid``: 7 bytes."""

    def __init__(self, uid: bytes, chance: Chance = urandom) -> None:
        if len(uid) != 7:
            raise ValueError(f"an Ultralight C UID has 7 bytes, not {len(uid)}")
        super().__init__(uid, ATQA, SAK)
        self._chance = chance
        self.memory = bytearray(PAGES * PAGE_BYTES)
        check0 = 0x88 ^ uid[0] ^ uid[1] ^ uid[2]
        check1 = uid[3] ^ uid[4] ^ uid[5] ^ uid[6]
        self.memory[0:9] = uid[:3] + bytes([check0]) + uid[3:] + bytes([check1])
        self.memory[9] = 0x48
        self.memory[AUTH0 * PAGE_BYTES] = NEVER_PROTECTED
        self.set_key(FACTORY_KEY)
        self.forget()

    # State -----------------------------------------------------------------

    def set_key(self, key: bytes) -> None:
        """``key``: 16 bytes as hosts hold it; the card stores each half turned round."""
        self.memory[KEY * PAGE_BYTES :] = key[7::-1] + key[15:7:-1]

    def protect(self, first_page: int, reading: bool) -> None:
        """Demand authentication from ``first_page`` on: for writing, and for reading as well."""
        self.memory[AUTH0 * PAGE_BYTES] = first_page
        self.memory[AUTH1 * PAGE_BYTES] = 0 if reading else 1

    def store(self, page: int, data: bytes) -> None:
        """Put data on pages from ``page`` on."""
        self.memory[page * PAGE_BYTES : page * PAGE_BYTES + len(data)] = data

    @property
    def key(self) -> bytes:
        stored = bytes(self.memory[KEY * PAGE_BYTES :])
        return stored[7::-1] + stored[15:7:-1]

    def forget(self) -> None:
        self._authenticated = False
        self._challenge: bytes | None = None
        self._chained = b""

    # Service ---------------------------------------------------------------

    def answer(self, frame: bytes) -> Reply | None:
        challenge, self._challenge = self._challenge, None
        match frame[0], len(frame):
            case 0x30, 2:
                return self._read(frame[1])
            case 0xA2, 6:
                return self._write(frame[1], frame[2:])
            case 0x1A, 2 if frame[1] == 0x00:
                return self._challenged()
            case 0xAF, 17 if challenge is not None:
                return self._prove(challenge, frame[1:])
        return self._refuse(NAK_ARGUMENT, READ_S)

    def _refuse(self, code: int, after_s: float) -> Reply:
        self.fall_back()
        return four_bits(code, after_s)

    def _closed(self, page: int, reading: bool) -> bool:
        """Whether this page wants an authentication that has not been given."""
        if self._authenticated or page < self.memory[AUTH0 * PAGE_BYTES]:
            return False
        return not reading or not self.memory[AUTH1 * PAGE_BYTES] & 1

    def _read(self, page: int) -> Reply:
        if page >= READABLE_PAGES or self._closed(page, reading=True):
            return self._refuse(NAK_ARGUMENT, READ_S)
        data = b""
        for _ in range(4):
            data += self.memory[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]
            page += 1
            if page >= READABLE_PAGES or self._closed(page, reading=True):
                page = 0  # the address turns over where reading ends
        return Reply(data, READ_S)

    def _write(self, page: int, data: bytes) -> Reply:
        if not 2 <= page < PAGES or self._closed(page, reading=False):
            return self._refuse(NAK_ARGUMENT, READ_S)
        at = page * PAGE_BYTES
        if page == 2:  # lock bytes: bits are only ever set
            data = bytes(self.memory[at : at + 2]) + bytes(
                old | new for old, new in zip(self.memory[at + 2 : at + 4], data[2:], strict=True)
            )
        elif page == 3:  # one-time programmable
            data = bytes(old | new for old, new in zip(self.memory[at : at + 4], data, strict=True))
        self.memory[at : at + PAGE_BYTES] = data
        return four_bits(ACK, WRITE_S)

    def _challenged(self) -> Reply:
        self._authenticated = False
        self._challenge = self._chance(DES_BLOCK)
        self._chained = des_encrypt(self.key, self._challenge)
        return Reply(b"\xaf" + self._chained, CHALLENGE_S)

    def _prove(self, challenge: bytes, sealed: bytes) -> Reply:
        plain = des_decrypt(self.key, sealed, iv=self._chained)
        theirs, turned = plain[:DES_BLOCK], plain[DES_BLOCK:]
        if turned != challenge[1:] + challenge[:1]:
            return self._refuse(NAK_AUTHENTICATION, PROVE_S)
        self._authenticated = True
        return Reply(b"\x00" + des_encrypt(self.key, theirs[1:] + theirs[:1], iv=sealed[-DES_BLOCK:]), PROVE_S)
