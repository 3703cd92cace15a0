"""A MIFARE DESFire EV2 card, as far as an access control reader goes. ::

    card = DesfireCard(uid)                       # blank: no application, transport key
    card.add_application(AID, keys=[k0, k1])      # what a desk writes: State
    card.add_file(AID, 1, StandardFile(data, read=1))

Service: commands wrapped in ISO 7816-4 (``90 INS 00 00 [Lc data] 00``): SelectApplication, GetVersion, GetApplicationIDs,
GetFileIDs, GetFileSettings, GetKeyVersion, AuthenticateEV2First and NonFirst with AES keys, ReadData and WriteData in plain,
MAC and full mode. All else is answered 91 1C. A fault in a command ends the session, as on the card.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from os import urandom

from sim.cards.card import Chance
from sim.cards.crypto import AES_BLOCK, aes_decrypt, aes_encrypt
from sim.cards.ev2 import IntegrityFault, Session, session_keys
from sim.cards.iso_dep import IsoDepCard

ATQA = bytes.fromhex("4403")
SAK = 0x20
ATS = bytes.fromhex("06757781 0280")  # FSCI 5: 64 bytes; FWI 8: 77 ms
TRANSPORT_KEY = bytes(16)
PICC = bytes(3)
"""Application 000000, the card itself."""
FREE, NEVER = 0x0E, 0x0F
CAPABILITIES = bytes(6)
RESPONSE_MAX_BYTES = 59 - 8
"""Payload of one native frame before the card asks for another (91 AF)."""

# Status codes (second byte after 91).
OK, MORE = 0x00, 0xAF
ILLEGAL_COMMAND, INTEGRITY_ERROR, NO_SUCH_KEY, LENGTH_ERROR = 0x1C, 0x1E, 0x40, 0x7E
PARAMETER_ERROR, APPLICATION_NOT_FOUND, AUTHENTICATION_ERROR, BOUNDARY_ERROR = 0x9E, 0xA0, 0xAE, 0xBE
FILE_NOT_FOUND = 0xF0

# Working times, of the order of the real card's.
SELECT_S = 0.0020
VERSION_S = 0.0010
CHALLENGE_S = 0.0030
PROVE_S = 0.0060
READ_S = 0.0030
WRITE_S = 0.0060
SIMPLE_S = 0.0010

PLAIN, MAC, FULL = 0x00, 0x01, 0x03


class Refused(Exception):
    """The command ends with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"91 {status:02X}")
        self.status = status


@dataclass
class StandardFile:
    """A standard data file. Rights name a key number, :data:`FREE` or :data:`NEVER`."""

    data: bytearray
    mode: int = FULL
    read: int = NEVER
    write: int = NEVER
    read_write: int = NEVER
    change: int = 0

    def settings(self) -> bytes:
        rights = self.read << 12 | self.write << 8 | self.read_write << 4 | self.change
        return bytes([0x00, self.mode]) + rights.to_bytes(2, "little") + len(self.data).to_bytes(3, "little")


@dataclass
class Application:
    """An application with AES keys."""

    keys: list[bytes]
    files: dict[int, StandardFile] = field(default_factory=dict)
    key_version: int = 0


@dataclass
class _Challenge:
    first: bool
    key_number: int
    rnd_b: bytes


class DesfireCard(IsoDepCard):
    """See the module's docstring. ``uid``: 7 bytes."""

    def __init__(self, uid: bytes, chance: Chance = urandom) -> None:
        self._chance = chance
        self.applications: dict[bytes, Application] = {PICC: Application([TRANSPORT_KEY])}
        super().__init__(uid, ATQA, SAK, ATS)

    # State -----------------------------------------------------------------

    def add_application(self, aid: bytes, keys: list[bytes]) -> None:
        """``aid``: three bytes as on the wire; ``keys``: AES-128, key 0 first."""
        if len(aid) != 3 or any(len(key) != AES_BLOCK for key in keys):
            raise ValueError("an AID has 3 bytes, an AES-128 key 16")
        self.applications[aid] = Application(list(keys))

    def add_file(self, aid: bytes, number: int, file: StandardFile) -> None:
        self.applications[aid].files[number] = file

    def forget_session(self) -> None:
        self._selected = PICC
        self._session: Session | None = None
        self._challenge: _Challenge | None = None
        self._pending: list[bytes] = []

    @property
    def _application(self) -> Application:
        return self.applications[self._selected]

    # Service ---------------------------------------------------------------

    def command(self, apdu: bytes) -> tuple[bytes, float]:
        if len(apdu) < 5 or apdu[0] != 0x90 or apdu[2:4] != b"\x00\x00":
            return b"\x6e\x00", SIMPLE_S  # not a wrapped command: class not supported
        data = apdu[5:-1] if len(apdu) > 5 else b""
        if len(apdu) > 5 and (apdu[4] != len(data) or apdu[-1] != 0):
            return b"\x67\x00", SIMPLE_S
        took_s = SIMPLE_S
        try:
            work, took_s = self._work(apdu[1])
            response, status = work(data)
        except Refused as refused:
            self._session, self._challenge, self._pending = None, None, []
            response, status = b"", refused.status
        except IntegrityFault:
            self._session, self._challenge, self._pending = None, None, []
            response, status = b"", INTEGRITY_ERROR
        return response + bytes([0x91, status]), took_s

    def _work(self, code: int) -> tuple[Callable[[bytes], tuple[bytes, int]], float]:
        if code == MORE:
            return (self._prove, PROVE_S) if self._challenge else (self._next_part, VERSION_S)
        self._challenge, self._pending = None, []
        table: dict[int, tuple[Callable[[bytes], tuple[bytes, int]], float]] = {
            0x5A: (self._select, SELECT_S),
            0x60: (self._get_version, VERSION_S),
            0x64: (lambda data: self._told(0x64, data, self._key_version(data)), SIMPLE_S),
            0x6A: (self._application_ids, SIMPLE_S),
            0x6F: (lambda data: self._told(0x6F, data, bytes(sorted(self._application.files))), SIMPLE_S),
            0x71: (self._authenticate_first, CHALLENGE_S),
            0x77: (self._authenticate_again, CHALLENGE_S),
            0x8D: (self._write, WRITE_S),
            0x3D: (self._write, WRITE_S),
            0xAD: (lambda data: self._read(0xAD, data), READ_S),
            0xBD: (lambda data: self._read(0xBD, data), READ_S),
            0xF5: (lambda data: self._told(0xF5, data, self._file(data[:1]).settings()), SIMPLE_S),
        }
        if code not in table:
            raise Refused(ILLEGAL_COMMAND)
        self._code = code
        return table[code]

    def _select(self, data: bytes) -> tuple[bytes, int]:
        if len(data) != 3:
            raise Refused(LENGTH_ERROR)
        self._session = None
        if data not in self.applications:
            raise Refused(APPLICATION_NOT_FOUND)
        self._selected = data
        return b"", OK

    def _get_version(self, data: bytes) -> tuple[bytes, int]:
        if data:
            raise Refused(LENGTH_ERROR)
        hardware = bytes.fromhex("04010112001805")
        software = bytes.fromhex("04010102011805")
        production = self.uid + bytes.fromhex("ba34950a5020") + b"\x21"
        self._pending = [software, production[:14]]
        return hardware, MORE

    def _next_part(self, data: bytes) -> tuple[bytes, int]:
        if not self._pending or data:
            raise Refused(ILLEGAL_COMMAND)
        part = self._pending.pop(0)
        return part, MORE if self._pending else OK

    def _told(self, code: int, data: bytes, answer: bytes) -> tuple[bytes, int]:
        """A short answer: plain without a session, with MACs inside one."""
        if self._session is None:
            return answer, OK
        self._session.open_mac(code, data)
        self._session.counter += 1
        return self._session.close_mac(OK, answer), OK

    def _application_ids(self, data: bytes) -> tuple[bytes, int]:
        if self._selected != PICC:
            raise Refused(ILLEGAL_COMMAND)
        return self._told(0x6A, data, b"".join(sorted(aid for aid in self.applications if aid != PICC)))

    def _key_version(self, data: bytes) -> bytes:
        if not data or data[0] >= len(self._application.keys):
            raise Refused(NO_SUCH_KEY)
        return bytes([self._application.key_version])

    # Authentication --------------------------------------------------------

    def _authenticate_first(self, data: bytes) -> tuple[bytes, int]:
        if len(data) < 2 or len(data) != 2 + data[1] or data[1] > len(CAPABILITIES):
            raise Refused(LENGTH_ERROR)
        self._session = None
        return self._challenged(first=True, key_number=data[0])

    def _authenticate_again(self, data: bytes) -> tuple[bytes, int]:
        if len(data) != 1:
            raise Refused(LENGTH_ERROR)
        if self._session is None:
            raise Refused(AUTHENTICATION_ERROR)
        return self._challenged(first=False, key_number=data[0])

    def _challenged(self, first: bool, key_number: int) -> tuple[bytes, int]:
        if key_number >= len(self._application.keys):
            raise Refused(NO_SUCH_KEY)
        challenge = _Challenge(first, key_number, self._chance(AES_BLOCK))
        self._challenge = challenge
        return aes_encrypt(self._application.keys[key_number], challenge.rnd_b), MORE

    def _prove(self, data: bytes) -> tuple[bytes, int]:
        challenge, self._challenge = self._challenge, None
        if challenge is None:
            raise Refused(ILLEGAL_COMMAND)
        if len(data) != 2 * AES_BLOCK:
            raise Refused(LENGTH_ERROR)
        key = self._application.keys[challenge.key_number]
        plain = aes_decrypt(key, data)
        rnd_a, turned = plain[:AES_BLOCK], plain[AES_BLOCK:]
        if turned != challenge.rnd_b[1:] + challenge.rnd_b[:1]:
            raise Refused(AUTHENTICATION_ERROR)
        proof = rnd_a[1:] + rnd_a[:1]
        encryption, mac = session_keys(key, rnd_a, challenge.rnd_b)
        if challenge.first:
            self._session = Session(challenge.key_number, encryption, mac, transaction=self._chance(4))
            proof = self._session.transaction + proof + CAPABILITIES + CAPABILITIES
        else:
            assert self._session is not None
            self._session.key_number = challenge.key_number
            self._session.encryption_key, self._session.mac_key = encryption, mac
        return aes_encrypt(key, proof), OK

    # Files -----------------------------------------------------------------

    def _file(self, number: bytes) -> StandardFile:
        if not number:
            raise Refused(LENGTH_ERROR)
        if number[0] not in self._application.files:
            raise Refused(FILE_NOT_FOUND)
        return self._application.files[number[0]]

    def _mode(self, file: StandardFile, *rights: int) -> int:
        """The communication mode in force for a command that any of these rights allows."""
        if self._session is not None and self._session.key_number in rights:
            return file.mode
        if FREE in rights:
            return PLAIN
        raise Refused(AUTHENTICATION_ERROR)

    def _read(self, code: int, data: bytes) -> tuple[bytes, int]:
        file = self._file(data[:1])
        mode = self._mode(file, file.read, file.read_write)
        session = self._session
        if mode != PLAIN and session is not None:
            data = session.open_mac(code, data)
        if len(data) != 7:
            raise Refused(LENGTH_ERROR)
        offset, length = int.from_bytes(data[1:4], "little"), int.from_bytes(data[4:7], "little")
        if length == 0:
            length = len(file.data) - offset
        if length <= 0 or offset + length > len(file.data):
            raise Refused(BOUNDARY_ERROR)
        content = bytes(file.data[offset : offset + length])
        if session is not None:
            session.counter += 1
            if mode == FULL:
                content = session.close_full(OK, content)
            elif mode == MAC:
                content = session.close_mac(OK, content)
        if code == 0xBD and len(content) > RESPONSE_MAX_BYTES + 8:
            size = RESPONSE_MAX_BYTES + 8
            self._pending = [content[at : at + size] for at in range(size, len(content), size)]
            return content[:size], MORE
        return content, OK

    def _write(self, data: bytes) -> tuple[bytes, int]:
        file = self._file(data[:1])
        mode = self._mode(file, file.write, file.read_write)
        session = self._session
        header, content = data[:7], data[7:]
        if session is not None and mode == FULL:
            header, content = session.open_full(self._code, data, header_bytes=7)
        elif session is not None and mode == MAC:
            content = session.open_mac(self._code, data)[7:]
        if len(header) != 7:
            raise Refused(LENGTH_ERROR)
        offset, length = int.from_bytes(header[1:4], "little"), int.from_bytes(header[4:7], "little")
        if length != len(content):
            raise Refused(LENGTH_ERROR)
        if offset + length > len(file.data):
            raise Refused(BOUNDARY_ERROR)
        file.data[offset : offset + length] = content
        if session is None:
            return b"", OK
        session.counter += 1
        return (b"" if mode == PLAIN else session.close_mac(OK)), OK
