"""The roster's file: encrypted with a key that a passphrase gives, and opened with nothing but this file and the passphrase.

::

    "MENJINROSTER" 01 | length of the header (4 bytes, big endian) | header (JSON) | AES-256-GCM ciphertext and tag

The header says how the key is made (Argon2id, RFC 9106: salt and cost) and the nonce; all before the ciphertext is authenticated with it.
"""

import secrets
import unicodedata

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from server.roster.content import Roster

MAGIC = b"MENJINROSTER\x01"
KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
MAX_HEADER_BYTES = 4_096
MAX_FILE_BYTES = 512 * 2**20
MIN_CHARACTERS = 12
MAX_CHARACTERS = 200


class RosterError(Exception):
    """The file cannot be opened, or the passphrase not be used. One line that says what to do."""


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one guess at the passphrase costs. A file that asks for more than the bounds is refused: it would only hold up who opens it."""

    memory_kib: int = 256 * 1024
    iterations: int = 3
    lanes: int = 4

    def refuse_absurd(self) -> None:
        """Raise :class:`RosterError` beyond 1 GiB, 16 rounds or 16 lanes."""
        if not (8 * self.lanes <= self.memory_kib <= 2**20 and 1 <= self.iterations <= 16 and 1 <= self.lanes <= 16):
            raise RosterError("the file asks for an absurd effort to open it: it is damaged, or not the server's")


class RosterKey(msgspec.Struct, frozen=True):
    """The key that a passphrase gives with this salt and cost."""

    key: bytes
    salt: bytes
    cost: Cost


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    site: str
    made_at: str
    kdf: str
    salt: bytes
    cost: Cost
    nonce: bytes


def key_of_passphrase(passphrase: str, salt: bytes, cost: Cost) -> RosterKey:
    """Takes a second and the memory of ``cost``."""
    text = unicodedata.normalize("NFKC", passphrase).encode()
    kdf = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib
    )
    return RosterKey(kdf.derive(text), salt, cost)


def new_key(passphrase: str, cost: Cost) -> RosterKey:
    """A key with a salt of its own. Raises :class:`RosterError` for a passphrase that is too easy."""
    if not MIN_CHARACTERS <= len(passphrase) <= MAX_CHARACTERS:
        raise RosterError(f"the passphrase has {len(passphrase)} characters; take {MIN_CHARACTERS} to {MAX_CHARACTERS}")
    if len(set(passphrase)) < MIN_CHARACTERS // 2:
        raise RosterError("the passphrase repeats a few characters only; take another")
    return key_of_passphrase(passphrase, secrets.token_bytes(SALT_BYTES), cost)


def seal_roster(roster: Roster, key: RosterKey) -> bytes:
    """The file."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    header = msgspec.json.encode(_Header(roster.site, roster.made_at, "argon2id", key.salt, key.cost, nonce))
    head = MAGIC + len(header).to_bytes(4, "big") + header
    return head + AESGCM(key.key).encrypt(nonce, msgspec.msgpack.encode(roster), head)


def open_roster(file: bytes, passphrase: str) -> Roster:
    """The reverse. Raises :class:`RosterError`."""
    start = len(MAGIC) + 4
    if not file.startswith(MAGIC[:-1]):
        raise RosterError("this is no roster file")
    if not file.startswith(MAGIC):
        raise RosterError("this roster file is of a newer menjin: open it with that one")
    length = int.from_bytes(file[len(MAGIC) : start], "big")
    if length > MAX_HEADER_BYTES or len(file) < start + length:
        raise RosterError("the file is cut off or damaged: fetch it again")
    try:
        header = msgspec.json.decode(file[start : start + length], type=_Header)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors, text that is not UTF-8 another
        raise RosterError("the file is damaged: fetch it again") from error
    header.cost.refuse_absurd()
    if header.kdf != "argon2id" or len(header.salt) != SALT_BYTES or len(header.nonce) != NONCE_BYTES:
        raise RosterError("the file is damaged: fetch it again")
    key = key_of_passphrase(passphrase, header.salt, header.cost)
    head, body = file[: start + length], file[start + length :]
    try:
        clear = AESGCM(key.key).decrypt(header.nonce, body, head)
        return msgspec.msgpack.decode(clear, type=Roster)
    except InvalidTag as error:
        raise RosterError("the passphrase is wrong, or the file is damaged") from error
    except msgspec.DecodeError as error:
        raise RosterError("this roster file is of another menjin: open it with that one") from error
