"""The intake with real Ed25519 keys: a server key comes in by the root's certificate in a policy head, and only so."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.policy import Version
from controller.wire import Ack, PolicyHead, ServerCertificate, seal
from edge.intake import Intake
from edge.keys import KeyRing, server_kid

NOW_US = 1_000_000
ROOT = Ed25519PrivateKey.generate()
SERVER = Ed25519PrivateKey.generate()


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def certificate(key: Ed25519PrivateKey, root: Ed25519PrivateKey = ROOT, until_us: int = 2 * NOW_US) -> msgspec.Raw:
    body = ServerCertificate(1, "demo", "*", 1, 1, 0, server_kid(public(key)), public(key), 0, until_us)
    return msgspec.Raw(seal(body, "root", root.sign))


def head(seq: int, *certificates: msgspec.Raw, key: Ed25519PrivateKey = SERVER) -> bytes:
    body = PolicyHead(1, "demo", "edge-1", 1, seq, 0, Version(1, 1), "0" * 64, 1, 1, certificates)
    return seal(body, server_kid(public(key)), key.sign)


def ack(key: Ed25519PrivateKey = SERVER) -> bytes:
    return seal(Ack(1, "demo", "edge-1", 1, 1, 0, "j", 0, b"", 1), server_kid(public(key)), key.sign)


@pytest.fixture
def intake() -> Intake:
    return Intake("demo", "edge-1", KeyRing(public(ROOT), "demo"))


def test_a_key_that_nobody_certified_is_not_heard(intake: Intake) -> None:
    assert intake.open("ack", ack(), NOW_US) is None
    assert intake.refused == {"unknown_key": 1}


def test_a_head_that_brings_its_signers_certificate_is_heard_and_so_is_what_follows(intake: Intake) -> None:
    assert isinstance(intake.open("policy", head(1, certificate(SERVER)), NOW_US), PolicyHead)
    assert isinstance(intake.open("ack", ack(), NOW_US), Ack)
    assert intake.refused == {}


def test_a_new_key_takes_over_while_the_old_one_still_counts(intake: Intake) -> None:
    new = Ed25519PrivateKey.generate()
    intake.open("policy", head(1, certificate(SERVER)), NOW_US)
    assert intake.open("policy", head(2, certificate(SERVER), certificate(new), key=new), NOW_US) is not None
    assert intake.open("ack", ack(), NOW_US) is not None


def test_a_certificate_by_another_root_brings_nobody_in(intake: Intake) -> None:
    assert intake.open("policy", head(1, certificate(SERVER, root=SERVER)), NOW_US) is None
    assert intake.refused == {"bad_signature": 1, "unknown_key": 1}


def test_a_certificate_that_has_ended_brings_nobody_in(intake: Intake) -> None:
    assert intake.open("policy", head(1, certificate(SERVER, until_us=NOW_US)), NOW_US) is None
    assert intake.open("ack", ack(), NOW_US) is None


def test_certificates_are_looked_at_in_a_head_only(intake: Intake) -> None:
    assert intake.open("delta", head(1, certificate(SERVER)), NOW_US) is None
    assert intake.open("ack", ack(), NOW_US) is None


def test_a_flood_of_refusals_is_counted_but_hardly_logged(intake: Intake, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5_000):
        intake.open("ack", b"x", NOW_US)
    assert intake.refused == {"malformed": 5_000}
    assert len(caplog.records) < 60
