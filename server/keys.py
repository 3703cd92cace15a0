"""The server's keys. ``cryptography`` enters here, and in ``server/tls.py`` for the certificate of HTTPS (DESIGN 7, 18).

Two files in the server's ``dir``, both TOML and mode 600; a file that others can read is refused.

- ``root.key``: the offline root. It certifies server keys and does nothing else; take it away once they are certified,
  the server runs without it.
- ``server.keys``: the root's public key, the keyed-hash key, and the signing keys with their certificates.

A rotated key is certified at once but signs only from ``sign_from_us`` on: until then every policy head carries its
certificate under the old key, so that connected edges know the new key before it speaks.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from controller.wire import WIRE_VERSION, ServerCertificate, Sign, Verify, WireError, seal, unseal
from server.key_files import KEY_BYTES, key_of_hex, read_key_file, replace_key_file, write_new_key_file
from server.key_files import KeysError as KeysError

ROOT_FILE = "root.key"
SERVER_FILE = "server.keys"
ROOT_KID = "root"
DAY_US = 86_400_000_000
VALID_DAYS = 730
BACKDATED_DAYS = 30
"""Certificates begin this long before they are made: an edge whose clock stands behind must still believe its server."""
OVERLAP_DAYS = 7
WARN_DAYS = 60


@dataclass(frozen=True)
class SigningKey:
    """A server key that the root certified for ``[from_us, until_us)``; it signs from ``sign_from_us`` on."""

    kid: str
    public_key: bytes
    certificate: bytes
    from_us: int
    until_us: int
    sign_from_us: int
    sign: Sign


@dataclass(frozen=True)
class ServerKeys:
    """All that the running server holds. ``hash_key`` is the site's keyed-hash key (DESIGN 11)."""

    site: str
    root_public_key: bytes
    hash_key: bytes
    keys: tuple[SigningKey, ...]

    def signing(self, now_us: int) -> SigningKey:
        """The key to sign with now. Raises :class:`KeysError` when none is valid."""
        valid = [key for key in self.keys if key.from_us <= now_us < key.until_us]
        if not valid:
            raise KeysError(f"no server key is valid at this time: run `menjin keys rotate` (with {ROOT_FILE} present)")
        due = [key for key in valid if key.sign_from_us <= now_us] or valid
        return max(due, key=lambda key: key.sign_from_us)

    def certificates(self, now_us: int) -> tuple[bytes, ...]:
        """The sealed certificates that edges should know now, the coming ones included."""
        return tuple(key.certificate for key in self.keys if now_us < key.until_us)

    def ends_soon(self, now_us: int) -> bool:
        """Whether the last certificate ends within :data:`WARN_DAYS`."""
        return max(key.until_us for key in self.keys) - now_us < WARN_DAYS * DAY_US


class _RootFile(msgspec.Struct, forbid_unknown_fields=True):
    site: str
    private_key: str


class _KeyEntry(msgspec.Struct, forbid_unknown_fields=True):
    kid: str
    private_key: str
    from_us: int
    until_us: int
    sign_from_us: int
    certificate: str


class _ServerFile(msgspec.Struct, forbid_unknown_fields=True):
    site: str
    root_public_key: str
    hash_key: str
    keys: list[_KeyEntry]


def signer(seed: bytes) -> Sign:
    """Signing with an Ed25519 private key given as its 32-byte seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign


def public_key_of(seed: bytes) -> bytes:
    """The 32 bytes of the public key."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def is_public_key(candidate: bytes) -> bool:
    """Whether these bytes are an Ed25519 public key."""
    try:
        Ed25519PublicKey.from_public_bytes(candidate)
    except ValueError:
        return False
    return True


def verifier(public_keys: Mapping[str, bytes]) -> Verify:
    """Verification against known keys, ``kid`` → 32 bytes (:data:`controller.wire.Verify`)."""
    keys = {kid: Ed25519PublicKey.from_public_bytes(raw) for kid, raw in public_keys.items()}

    def verify(kid: str, message: bytes, signature: bytes) -> bool:
        try:
            keys[kid].verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verify


def server_kid(public_key: bytes) -> str:
    """The name of a server key."""
    return "server:" + sha256(public_key).hexdigest()[:8]


def make_keys(folder: Path, site: str, now_us: int) -> ServerKeys:
    """Make root, server key and keyed-hash key. Raises :class:`KeysError` when any of them is there already."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (ROOT_FILE, SERVER_FILE):
        if (folder / name).exists():
            raise KeysError(f"{folder / name}: exists already; keys are never overwritten")
    root = secrets.token_bytes(KEY_BYTES)
    write_new_key_file(folder / ROOT_FILE, f'site = {json.dumps(site)}\nprivate_key = "{root.hex()}"\n')
    entry = _certify(root, site, now_us, sign_from_us=now_us)
    content = _ServerFile(
        site=site,
        root_public_key=public_key_of(root).hex(),
        hash_key=secrets.token_bytes(KEY_BYTES).hex(),
        keys=[entry],
    )
    write_new_key_file(folder / SERVER_FILE, _to_toml(content))
    return load_keys(folder)


def ensure_keys(folder: Path, site: str, now_us: int) -> ServerKeys:
    """The keys in ``folder``, made on the first start. Raises :class:`KeysError`, also when they are another site's."""
    if not (folder / SERVER_FILE).exists():
        return make_keys(folder, site, now_us)
    keys = load_keys(folder)
    if keys.site != site:
        raise KeysError(f"{folder / SERVER_FILE}: keys of site {keys.site!r}, but the site file is {site!r}'s")
    return keys


def load_keys(folder: Path) -> ServerKeys:
    """Read ``server.keys`` and check every certificate against the root. Raises :class:`KeysError`."""
    path = folder / SERVER_FILE
    content = read_key_file(path, _ServerFile)
    root_public_key = key_of_hex(content.root_public_key, path, "root_public_key")
    verify_root = verifier({ROOT_KID: root_public_key})
    keys = []
    for entry in content.keys:
        seed = key_of_hex(entry.private_key, path, f"private_key of {entry.kid}")
        public_key = public_key_of(seed)
        certificate = entry.certificate.encode()
        try:
            body = unseal(certificate, verify_root, (ServerCertificate,), content.site, "*")
        except WireError as error:
            raise KeysError(f"{path}: certificate of {entry.kid}: {error}") from error
        assert isinstance(body, ServerCertificate)
        if body.public_key != public_key or body.kid != entry.kid:
            raise KeysError(f"{path}: the certificate of {entry.kid} is for another key")
        keys.append(
            SigningKey(
                kid=entry.kid,
                public_key=public_key,
                certificate=certificate,
                from_us=body.from_us,
                until_us=body.until_us,
                sign_from_us=entry.sign_from_us,
                sign=signer(seed),
            )
        )
    if not keys:
        raise KeysError(f"{path}: holds no signing key; restore it from a backup")
    hash_key = key_of_hex(content.hash_key, path, "hash_key")
    return ServerKeys(site=content.site, root_public_key=root_public_key, hash_key=hash_key, keys=tuple(keys))


def rotate_keys(folder: Path, now_us: int, *, root_file: Path | None = None, at_once: bool = False) -> ServerKeys:
    """Add a new server key, certified by the root, that signs after :data:`OVERLAP_DAYS` or ``at_once``.

    Keys whose certificate has ended are dropped. Raises :class:`KeysError`, also when the root is not at hand.
    """
    path = folder / SERVER_FILE
    content = read_key_file(path, _ServerFile)
    root_path = root_file or folder / ROOT_FILE
    if not root_path.exists():
        raise KeysError(
            f"{root_path}: the root key is not here; bring it back for the rotation, or name it with --root"
        )
    root = key_of_hex(read_key_file(root_path, _RootFile).private_key, root_path, "private_key")
    if public_key_of(root).hex() != content.root_public_key:
        raise KeysError(f"{root_path}: is not the root that the edges of site {content.site!r} trust")
    kept = [entry for entry in content.keys if entry.until_us > now_us]
    sign_from_us = now_us if at_once or not kept else now_us + OVERLAP_DAYS * DAY_US
    content.keys = [*kept, _certify(root, content.site, now_us, sign_from_us)]
    replace_key_file(path, _to_toml(content))
    return load_keys(folder)


CARD_KEY_NAMES = ("desfire_picc", "desfire_app", "desfire_read", "ultralight_c", "felica_lite_s")


def make_card_keys(path: Path) -> None:
    """Write fresh card master keys (docs/interfaces.md). Raises :class:`KeysError` rather than overwrite a file: cards
    encoded under lost keys open nothing."""
    lines = [f'{name} = "{secrets.token_bytes(16).hex()}"\n' for name in CARD_KEY_NAMES]
    write_new_key_file(path, "".join(lines))


def _certify(root: bytes, site: str, now_us: int, sign_from_us: int) -> _KeyEntry:
    seed = secrets.token_bytes(KEY_BYTES)
    public_key = public_key_of(seed)
    kid = server_kid(public_key)
    from_us = now_us - BACKDATED_DAYS * DAY_US
    until_us = now_us + VALID_DAYS * DAY_US
    body = ServerCertificate(
        v=WIRE_VERSION,
        site=site,
        edge="*",
        epoch=0,
        seq=now_us,
        issued_at_us=now_us,
        kid=kid,
        public_key=public_key,
        from_us=from_us,
        until_us=until_us,
    )
    return _KeyEntry(
        kid=kid,
        private_key=seed.hex(),
        from_us=from_us,
        until_us=until_us,
        sign_from_us=sign_from_us,
        certificate=seal(body, ROOT_KID, signer(root)).decode(),
    )


def _to_toml(content: _ServerFile) -> str:
    lines = [
        f"site = {json.dumps(content.site)}",
        f'root_public_key = "{content.root_public_key}"',
        f'hash_key = "{content.hash_key}"',
    ]
    for entry in content.keys:
        lines += [
            "",
            "[[keys]]",
            f'kid = "{entry.kid}"',
            f'private_key = "{entry.private_key}"',
            f"from_us = {entry.from_us}",
            f"until_us = {entry.until_us}",
            f"sign_from_us = {entry.sign_from_us}",
            f"certificate = '{entry.certificate}'",
        ]
    return "\n".join(lines) + "\n"
