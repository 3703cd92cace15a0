"""Bundles, signatures, and whose signatures are believed."""

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from controller.policy import Version
from controller.wire import Ack, PolicyRequest, ServerCertificate, WireError, seal, unseal
from edge.enrol import bundle_toml
from edge.keys import (
    MAX_CERTIFICATES,
    Bundle,
    BundleFile,
    KeyFileError,
    KeyRing,
    load_bundle,
    load_card_keys,
    make_private_key,
    server_kid,
)
from edge.private_file import write_private

SEED, PUBLIC = make_private_key()
ROOT = Ed25519PrivateKey.generate()
FILE = BundleFile(
    site="demo",
    edge="edge-1",
    epoch=1,
    kid="edge:edge-1",
    private_key=SEED,
    root_public_key=ROOT.public_key().public_bytes_raw().hex(),
    hash_key="11" * 32,
    card_keys={"desfire_read": "22" * 16},
)


class ServerKey:
    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.public = self.private.public_key().public_bytes_raw()
        self.kid = server_kid(self.public)

    def ack(self) -> bytes:
        body = Ack(
            v=1, site="demo", edge="edge-1", epoch=1, seq=1, issued_at_us=0, journal_id="j", upto=1, head=b"", expects=2
        )
        return seal(body, self.kid, self.private.sign)


def certificate(key: ServerKey, from_us: int = 0, until_us: int = 100, **changes: object) -> bytes:
    fields = {"kid": key.kid, "site": "demo", "public_key": key.public, **changes}
    by = fields.pop("by", ("root", ROOT))
    body = ServerCertificate(
        v=1, edge="*", epoch=1, seq=1, issued_at_us=0, from_us=from_us, until_us=until_us, **fields
    )  # type: ignore[arg-type]
    return seal(body, by[0], by[1].sign)  # type: ignore[index]


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing(ROOT.public_key().public_bytes_raw(), "demo")


def opens(ring: KeyRing, message: bytes, now_us: int) -> bool:
    try:
        unseal(message, ring.verifier(now_us), (Ack,), "demo", "edge-1")
    except WireError as error:
        assert error.code in ("unknown_key", "bad_signature")
        return False
    return True


def test_a_bundle_is_read_back_as_it_was_written_and_signs(tmp_path: Path) -> None:
    write_private(tmp_path / "b", bundle_toml(FILE))
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    bundle = load_bundle(tmp_path / "b")
    assert (bundle.site, bundle.edge, bundle.kid, bundle.epoch) == ("demo", "edge-1", "edge:edge-1", 1)
    assert bundle.hash_key == b"\x11" * 32
    assert bundle.card_keys == {"desfire_read": b"\x22" * 16}
    assert bundle.public_key.hex() == PUBLIC
    body = PolicyRequest(v=1, site="demo", edge="edge-1", epoch=1, seq=1, issued_at_us=0, have=Version(1, 1))
    envelope = seal(body, bundle.kid, bundle.sign)

    def verify(kid: str, message: bytes, signature: bytes) -> bool:
        assert kid == "edge:edge-1"
        Ed25519PublicKey.from_public_bytes(bundle.public_key).verify(signature, message)
        return True

    assert unseal(envelope, verify, (PolicyRequest,), "demo", "*") == body


def test_nothing_of_a_bundle_shows_its_secrets() -> None:
    assert SEED not in repr(Bundle(FILE, "b"))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"private_key": "zz" * 32}, "private_key is not 64 hexadecimal digits"),
        ({"hash_key": "11" * 16}, "hash_key is not 64 hexadecimal digits"),
        ({"root_public_key": ""}, "root_public_key is not 64"),
        ({"kid": "edge:other"}, "kid 'edge:other' is not 'edge:edge-1'; enrol this edge again"),
        ({"card_keys": {"desfire_read": "22"}}, "desfire_read is not 32 hexadecimal digits"),
        ({"card_keys": {"mifare": "22" * 16}}, "unknown card key 'mifare'"),
    ],
)
def test_a_bundle_that_cannot_be_used_is_one_line_without_its_secrets(
    tmp_path: Path, changes: dict[str, object], line: str
) -> None:
    write_private(tmp_path / "b", bundle_toml(msgspec.structs.replace(FILE, **changes)))
    with pytest.raises(KeyFileError, match=line) as error:
        load_bundle(tmp_path / "b")
    assert SEED not in str(error.value)
    assert "\n" not in str(error.value)


def test_bundles_that_are_no_bundles_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "b"
    with pytest.raises(KeyFileError, match="No such file"):
        load_bundle(path)
    write_private(path, f"private_key = {SEED}")
    with pytest.raises(KeyFileError, match="not valid TOML") as error:
        load_bundle(path)
    assert SEED not in str(error.value)
    write_private(path, "extra = 1\n" + bundle_toml(FILE))
    with pytest.raises(KeyFileError, match="extra"):
        load_bundle(path)
    path.chmod(0o604)
    with pytest.raises(KeyFileError, match="mode 604 lets others use a secret; run chmod 600"):
        load_bundle(path)


def test_card_keys_are_read_from_a_file_that_only_the_owner_reads(tmp_path: Path) -> None:
    write_private(tmp_path / "k", 'ultralight_c = "' + "33" * 16 + '"\n')
    assert load_card_keys(tmp_path / "k") == {"ultralight_c": "33" * 16}
    (tmp_path / "k").chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_card_keys(tmp_path / "k")


def test_only_keys_certified_by_the_root_are_believed(ring: KeyRing) -> None:
    server, stranger = ServerKey(), ServerKey()
    assert not opens(ring, server.ack(), 50)
    assert ring.add(certificate(server), 50) == server.kid
    assert opens(ring, server.ack(), 50)
    assert not opens(ring, stranger.ack(), 50)
    forged = seal(
        Ack(
            v=1, site="demo", edge="edge-1", epoch=1, seq=1, issued_at_us=0, journal_id="j", upto=1, head=b"", expects=2
        ),
        server.kid,
        stranger.private.sign,
    )
    assert not opens(ring, forged, 50)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"by": ("root", Ed25519PrivateKey.generate())}, "bad_signature"),
        ({"by": ("server:12345678", ROOT)}, "unknown_key"),
        ({"site": "other"}, "wrong_site"),
        ({"kid": "server:00000000"}, "malformed"),
        ({"public_key": b"short"}, "malformed"),
        ({"until_us": 50}, "unknown_key"),
    ],
)
def test_certificates_that_do_not_hold_are_refused(ring: KeyRing, changes: dict[str, object], code: str) -> None:
    with pytest.raises(WireError) as error:
        ring.add(certificate(ServerKey(), **changes), 50)  # type: ignore[arg-type]
    assert error.value.code == code
    assert ring.kids(50) == []


def test_keys_rotate_with_overlap_and_end_with_their_window(ring: KeyRing) -> None:
    old, new = ServerKey(), ServerKey()
    ring.add(certificate(old, 0, 100), 0)
    ring.add(certificate(new, 80, 200), 0)
    expected = {
        0: (True, False),
        79: (True, False),
        80: (True, True),
        99: (True, True),
        100: (False, True),
        200: (False, False),
    }
    assert {now: (opens(ring, old.ack(), now), opens(ring, new.ack(), now)) for now in expected} == expected


def test_a_certificate_can_be_prolonged_but_not_shortened_by_an_older_one(ring: KeyRing) -> None:
    server = ServerKey()
    ring.add(certificate(server, 0, 200), 0)
    ring.add(certificate(server, 0, 100), 0)
    assert opens(ring, server.ack(), 150)


def test_the_ring_is_bounded_and_forgets_what_has_ended(ring: KeyRing) -> None:
    for _ in range(MAX_CERTIFICATES):
        ring.add(certificate(ServerKey(), 0, 100), 0)
    with pytest.raises(WireError) as error:
        ring.add(certificate(ServerKey(), 0, 200), 0)
    assert error.value.code == "oversized"
    ring.add(certificate(ServerKey(), 0, 200), 100)
