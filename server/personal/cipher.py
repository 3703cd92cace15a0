"""The keys of personal data (D6). ``cryptography`` enters here.

``personal.keys`` in the server's ``dir`` (TOML, mode 600, made on the first start) holds ``index_key`` and numbered ``[[keys]]``. The newest
encrypts, the older ones still open what they sealed: ``menjin keys personal-rotate`` adds one, ``menjin keys personal-reencrypt`` seals everything
anew. ``index_key`` never rotates: by it equal values are found, in rows that nobody opens.

A sealed value: format byte ``01``, key id (4 bytes), nonce (96 random bits), AES-256-GCM ciphertext and tag. The associated data name the row
and the column, so that a value does not open anywhere else. One key seals at most 2³² values (NIST SP 800-38D, random nonces).
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from server.key_files import KEY_BYTES, KeysError, ensure_key_file, key_of_hex, read_key_file, replace_key_file
from server.personal.normal_forms import NORMAL_FORMS

PERSONAL_FILE = "personal.keys"
FORMAT = b"\x01"
KEY_ID_BYTES = 4
NONCE_BYTES = 12
TAG_BYTES = 16
INDEX_BYTES = 16
_HEAD_BYTES = len(FORMAT) + KEY_ID_BYTES + NONCE_BYTES


class UnreadableError(Exception):
    """A sealed value does not open: damaged, from another row, or its key is missing. The message never holds the value."""


class _KeyEntry(msgspec.Struct, forbid_unknown_fields=True):
    id: int
    key: str


class _PersonalFile(msgspec.Struct, forbid_unknown_fields=True):
    index_key: str
    keys: list[_KeyEntry]


@dataclass(frozen=True)
class _Ring:
    index_key: bytes
    by_id: dict[int, AESGCM]
    newest: int
    stamp: tuple[int, int, int]


class PersonalKeys:
    """Seals, opens and indexes personal values. Used from many threads; a key that another process added is taken up."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises :class:`server.key_files.KeysError`."""
        self.path = path
        self._ring = _load(path)

    @property
    def newest_key(self) -> int:
        """The id of the key that seals."""
        return self._ring.newest

    def seal(self, table: str, public_id: str, column: str, text: str) -> bytes:
        """``text`` encrypted for this row and column alone."""
        ring = self._ring
        head = FORMAT + ring.newest.to_bytes(KEY_ID_BYTES, "big")
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = ring.by_id[ring.newest].encrypt(nonce, text.encode(), _place(head, table, public_id, column))
        return head + nonce + sealed

    def open(self, table: str, public_id: str, column: str, sealed: bytes) -> str:
        """The text. Raises :class:`UnreadableError`."""
        key_id = key_id_of(sealed)
        key = self._ring.by_id.get(key_id)
        if key is None:
            self.refresh()
            key = self._ring.by_id.get(key_id)
        if key is None:
            raise UnreadableError(f"{table}.{column} of {public_id}: there is no key {key_id} in {self.path.name}")
        head, nonce, body = sealed[:5], sealed[5:_HEAD_BYTES], sealed[_HEAD_BYTES:]
        try:
            return key.decrypt(nonce, body, _place(head, table, public_id, column)).decode()
        except InvalidTag as error:
            raise UnreadableError(f"{table}.{column} of {public_id}: damaged, or from another place") from error

    def index(self, kind: str, text: str) -> bytes:
        """The blind index of a value: 16 bytes, equal for what is equal in its normal form. Raises KeyError for an unknown kind."""
        normal = NORMAL_FORMS[kind](text)
        return hmac.digest(self._ring.index_key, f"{kind}\0{normal}".encode(), hashlib.sha256)[:INDEX_BYTES]

    def refresh(self) -> None:
        """Take up keys that were added to the file. A file that became unreadable changes nothing: the keys at hand go on."""
        try:
            if _stamp(self.path) != self._ring.stamp:
                self._ring = _load(self.path)
        except (OSError, KeysError):
            return


def key_id_of(sealed: bytes) -> int:
    """The key that sealed this. Raises :class:`UnreadableError` for what is no sealed value."""
    if len(sealed) < _HEAD_BYTES + TAG_BYTES or sealed[:1] != FORMAT:
        raise UnreadableError("not a sealed value of this version")
    return int.from_bytes(sealed[1 : 1 + KEY_ID_BYTES], "big")


def seal_bytes(key: bytes, place: str, body: bytes) -> bytes:
    """A file encrypted under its own key: format byte, nonce, ciphertext. ``place`` names its row."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return FORMAT + nonce + AESGCM(key).encrypt(nonce, body, FORMAT + place.encode())


def open_bytes(key: bytes, place: str, sealed: bytes) -> bytes:
    """The reverse of :func:`seal_bytes`. Raises :class:`UnreadableError`."""
    if sealed[:1] != FORMAT or len(sealed) < 1 + NONCE_BYTES + TAG_BYTES:
        raise UnreadableError(f"{place}: not a sealed file of this version")
    try:
        return AESGCM(key).decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], FORMAT + place.encode())
    except InvalidTag as error:
        raise UnreadableError(f"{place}: damaged, or from another place") from error


def ensure_personal_keys(folder: Path, is_needed: Callable[[], bool] = lambda: False) -> PersonalKeys:
    """The keys in ``folder``, made on the first start. Raises :class:`server.key_files.KeysError`, also when the file is gone though
    ``is_needed``: something was sealed already, and fresh keys would not open it."""
    path = folder / PERSONAL_FILE
    if not path.exists():
        if is_needed():
            raise KeysError(f"{path}: is missing, but the database holds data that it opens; restore it from its copy")
        first = _KeyEntry(id=1, key=secrets.token_bytes(KEY_BYTES).hex())
        ensure_key_file(path, _to_toml(_PersonalFile(index_key=secrets.token_bytes(KEY_BYTES).hex(), keys=[first])))
    return PersonalKeys(path)


def rotate_personal_keys(folder: Path) -> int:
    """Add a key, which seals from now on; its id. Raises :class:`server.key_files.KeysError`."""
    path = folder / PERSONAL_FILE
    content = read_key_file(path, _PersonalFile)
    _load(path)
    newest = max(entry.id for entry in content.keys) + 1
    content.keys.append(_KeyEntry(id=newest, key=secrets.token_bytes(KEY_BYTES).hex()))
    replace_key_file(path, _to_toml(content))
    return newest


def _load(path: Path) -> _Ring:
    stamp = _stamp(path) if path.exists() else (0, 0, 0)
    content = read_key_file(path, _PersonalFile)
    by_id: dict[int, AESGCM] = {}
    for entry in content.keys:
        if entry.id in by_id or not 0 < entry.id < 1 << 8 * KEY_ID_BYTES:
            raise KeysError(f"{path}: key id {entry.id}: ids are different and at least 1")
        by_id[entry.id] = AESGCM(key_of_hex(entry.key, path, f"key {entry.id}"))
    if not by_id:
        raise KeysError(f"{path}: holds no key; restore it from a backup")
    return _Ring(key_of_hex(content.index_key, path, "index_key"), by_id, max(by_id), stamp)


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _place(head: bytes, table: str, public_id: str, column: str) -> bytes:
    return head + f"{table}:{public_id}:{column}".encode()


def _to_toml(content: _PersonalFile) -> str:
    lines = [f'index_key = "{content.index_key}"']
    for entry in content.keys:
        lines += ["", "[[keys]]", f"id = {entry.id}", f'key = "{entry.key}"']
    return "\n".join(lines) + "\n"
