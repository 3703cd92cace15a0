"""The edge's keys: its bundle, its Ed25519 signature, and whose signatures it believes (DESIGN 7).

The one file of the edge that imports ``cryptography``. Private keys never leave it, and nothing here prints them.
"""

import hashlib
import tomllib
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from controller.wire import ServerCertificate, Verify, WireError, unseal
from edge.private_file import PrivateFileError, read_private

ROOT_KID = "root"
MAX_CERTIFICATES = 16
"""How many server keys an edge holds at once: rotation needs two."""
_KEY_BYTES = 32
_CARD_KEY_BYTES = 16
READING_KEYS = ("desfire_read", "ultralight_c", "felica_lite_s")
WRITING_KEYS = ("desfire_picc", "desfire_app")
"""Only a desk holds these: who has them makes badges."""
_CARD_KEY_NAMES = READING_KEYS + WRITING_KEYS


class KeyFileError(Exception):
    """A bundle or card key file cannot be used. One line: file, key, what to do."""


class BundleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The edge bundle as it stands on disk (docs/interfaces.md)."""

    site: str
    edge: str
    epoch: int
    kid: str
    private_key: str
    root_public_key: str
    hash_key: str
    certificates: tuple[str, ...] = ()
    card_keys: dict[str, str] = {}


class Bundle:
    """A checked edge bundle. ``hash_key``: for :func:`controller.policy.credential_key`. ``card_keys``: master keys by their names in
    the key file, 16 bytes each; a door's edge has reading keys only."""

    def __init__(self, file: BundleFile, where: str) -> None:
        self.site = file.site
        self.edge = file.edge
        self.epoch = file.epoch
        self.kid = file.kid
        self.hash_key = _hex(file.hash_key, _KEY_BYTES, where, "hash_key")
        self.root_public_key = _hex(file.root_public_key, _KEY_BYTES, where, "root_public_key")
        self.certificates = tuple(certificate.encode() for certificate in file.certificates)
        self.card_keys = check_card_keys(file.card_keys, where)
        self._private = Ed25519PrivateKey.from_private_bytes(_hex(file.private_key, _KEY_BYTES, where, "private_key"))
        if file.kid != edge_kid(file.edge):
            raise KeyFileError(f"{where}: kid {file.kid!r} is not {edge_kid(file.edge)!r}; enrol this edge again")

    def sign(self, message: bytes) -> bytes:
        """64 bytes, for :func:`controller.wire.seal`."""
        return self._private.sign(message)

    @property
    def public_key(self) -> bytes:
        return self._private.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"Bundle(site={self.site!r}, edge={self.edge!r}, kid={self.kid!r})"


def load_bundle(path: Path) -> Bundle:
    """Read and check a bundle. Raises :class:`KeyFileError`, also when others may read the file."""
    try:
        file = msgspec.convert(tomllib.loads(read_private(path)), BundleFile)
    except PrivateFileError as error:
        raise KeyFileError(str(error)) from error
    except tomllib.TOMLDecodeError:
        # The parser's message could quote a key.
        raise KeyFileError(f"{path}: not valid TOML; make the bundle again with `menjin edge enrol`") from None
    except msgspec.ValidationError as error:
        raise KeyFileError(f"{path}: {error}; make the bundle again with `menjin edge enrol`") from error
    return Bundle(file, str(path))


def load_card_keys(path: Path) -> dict[str, str]:
    """The card keys of a file made by ``menjin keys cards``, in hexadecimal. Raises :class:`KeyFileError`."""
    try:
        table = msgspec.convert(tomllib.loads(read_private(path)), dict[str, str])
    except PrivateFileError as error:
        raise KeyFileError(str(error)) from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError):
        raise KeyFileError(f"{path}: not a table of card keys; make it with `menjin keys cards --out FILE`") from None
    check_card_keys(table, str(path))
    return table


def check_card_keys(table: dict[str, str], where: str) -> dict[str, bytes]:
    """Raises :class:`KeyFileError` for unknown names and wrong lengths. Whether a key is a published one is judged where
    it is used, by the readers' credentials."""
    for name in table:
        if name not in _CARD_KEY_NAMES:
            raise KeyFileError(f"{where}: unknown card key {name!r}; known are {', '.join(_CARD_KEY_NAMES)}")
    return {name: _hex(value, _CARD_KEY_BYTES, where, name) for name, value in table.items()}


def edge_kid(edge: str) -> str:
    """The key id of an edge."""
    return f"edge:{edge}"


def server_kid(public_key: bytes) -> str:
    """The key id of a server key: bound to the key, so no certificate can give one id to two keys unseen."""
    return f"server:{hashlib.sha256(public_key).hexdigest()[:8]}"


def make_private_key() -> tuple[str, str]:
    """A new Ed25519 pair: (seed, public key), each as 64 hexadecimal digits."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes_raw().hex(), key.public_key().public_bytes_raw().hex()


class KeyRing:
    """The server keys that the pinned offline root has certified for this site.

    Several may be in force at once, so keys rotate with overlap: a new certificate is added long before the old one ends.
    """

    def __init__(self, root_public_key: bytes, site: str) -> None:
        self._root = Ed25519PublicKey.from_public_bytes(root_public_key)
        self._site = site
        self._certified: dict[str, tuple[Ed25519PublicKey, bytes, int, int]] = {}

    def add(self, certificate: bytes, now_us: int) -> str:
        """Take a sealed :class:`ServerCertificate`; returns its kid. Raises :class:`WireError`: ``unknown_key`` or
        ``bad_signature`` when it is not by the root, ``wrong_site``, or ``malformed``; ``unknown_key`` also when it has ended.
        One that is not yet in force is kept for later."""
        body = unseal(certificate, self._verify_root, (ServerCertificate,), self._site, "*")
        assert isinstance(body, ServerCertificate)
        if len(body.public_key) != _KEY_BYTES or body.kid != server_kid(body.public_key):
            raise WireError("malformed", f"certificate for {body.kid!r} does not belong to the key in it")
        if body.until_us <= now_us:
            raise WireError(
                "unknown_key", f"certificate for {body.kid!r} has ended; the server needs a new one by the root"
            )
        held = self._certified.get(body.kid)
        if held is not None and held[1] != body.public_key:
            raise WireError("malformed", f"a second key claims {body.kid!r}")
        if held is None or body.until_us > held[3]:
            self._forget_ended(now_us)
            if held is None and len(self._certified) >= MAX_CERTIFICATES:
                raise WireError("oversized", f"more than {MAX_CERTIFICATES} server keys in force")
            key = Ed25519PublicKey.from_public_bytes(body.public_key)
            self._certified[body.kid] = (key, body.public_key, body.from_us, body.until_us)
        return body.kid

    def verifier(self, now_us: int) -> Verify:
        """For :func:`controller.wire.unseal`: a key outside its window is as unknown as one never certified."""

        def verify(kid: str, message: bytes, signature: bytes) -> bool:
            key, _, from_us, until_us = self._certified[kid]
            if not from_us <= now_us < until_us:
                raise KeyError(kid)
            return _holds(key, message, signature)

        return verify

    def kids(self, now_us: int) -> list[str]:
        """The keys in force, sorted."""
        return sorted(kid for kid, (_, _, from_us, until_us) in self._certified.items() if from_us <= now_us < until_us)

    def _forget_ended(self, now_us: int) -> None:
        self._certified = {kid: entry for kid, entry in self._certified.items() if entry[3] > now_us}

    def _verify_root(self, kid: str, message: bytes, signature: bytes) -> bool:
        if kid != ROOT_KID:
            raise KeyError(kid)
        return _holds(self._root, message, signature)


def _holds(key: Ed25519PublicKey, message: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _hex(text: str, length: int, where: str, name: str) -> bytes:
    """Never quotes the value: it is a secret."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != length:
        raise KeyFileError(f"{where}: {name} is not {2 * length} hexadecimal digits; make the file again")
    return value
