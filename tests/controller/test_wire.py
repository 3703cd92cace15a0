"""Signed envelopes: what is accepted, and one code for each way to be refused (DESIGN 7, 8)."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from controller import wire
from controller.policy import Lease, Version
from controller.wire import Ack, PolicyLease, WireError, seal, unseal

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
ACK = Ack(1, "demo", "edge-1", 1, 7, 1_000, journal_id="j", upto=3, head=b"h" * 32, expects=4)


def verify(kid: str, message: bytes, signature: bytes) -> bool:
    if kid != "server:1":
        raise KeyError(kid)
    try:
        KEY.public_key().verify(signature, message)
    except InvalidSignature:
        return False
    return True


def sealed(body: wire.Body = ACK, kid: str = "server:1", key: Ed25519PrivateKey = KEY) -> bytes:
    return seal(body, kid, key.sign)


def sealed_raw(body: bytes, type_name: str = "Ack") -> bytes:
    signature = KEY.sign(b"menjin/v1/" + type_name.encode() + b"\n" + body)
    return msgspec.json.encode(wire.Envelope("Ed25519", "server:1", signature, msgspec.Raw(body)))


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(msgspec.json.encode(ACK)), **fields}).encode()


def code_of(payload: bytes, *, site: str = "demo", edge: str = "edge-1", expected: Any = (Ack,)) -> str:
    with pytest.raises(WireError) as refused:
        unseal(payload, verify, expected, site, edge)
    assert str(refused.value)
    return refused.value.code


def test_a_sealed_body_comes_out_as_it_went_in() -> None:
    assert unseal(sealed(), verify, (Ack,), "demo", "edge-1") == ACK


def test_an_unknown_field_is_ignored() -> None:
    assert unseal(sealed_raw(changed(news="later")), verify, (Ack,), "demo", "edge-1") == ACK


def test_a_message_over_the_limit_is_refused_on_either_side() -> None:
    assert code_of(b"x" * (wire.MAX_MESSAGE_BYTES + 1)) == "oversized"
    huge = msgspec.structs.replace(ACK, journal_id="j" * wire.MAX_MESSAGE_BYTES)
    with pytest.raises(WireError) as refused:
        sealed(huge)
    assert refused.value.code == "oversized"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"online":false}',
        b"[" * 100_000,
        b'{"alg":' + b"[" * 100_000,
        sealed()[:-5],
        sealed_raw(b'{"v":1,"type":"Ack","site":"demo","edge":"edge-1"}'),
        sealed_raw(changed(upto="three")),
        sealed_raw(changed(upto=2**70)),
    ],
    ids=["empty", "no-utf8", "list", "no-envelope", "deep", "deep-inside", "cut", "no-fields", "wrong-type", "too-big"],
)
def test_what_does_not_decode_is_malformed(payload: bytes) -> None:
    assert code_of(payload) == "malformed"


def test_a_deeply_nested_body_is_malformed_and_does_not_break_the_edge() -> None:
    nested = b'{"v":1,"type":"Ack","site":"demo","edge":"edge-1","x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    assert code_of(sealed_raw(nested)) == "malformed"


def test_a_changed_body_has_a_bad_signature() -> None:
    envelope = json.loads(sealed())
    envelope["body"]["upto"] = 999
    assert code_of(json.dumps(envelope).encode()) == "bad_signature"


def test_another_key_under_our_name_has_a_bad_signature() -> None:
    assert code_of(sealed(key=OTHER)) == "bad_signature"


def test_another_algorithm_is_a_bad_signature_whatever_it_signs() -> None:
    envelope = json.loads(sealed())
    envelope["alg"] = "none"
    assert code_of(json.dumps(envelope).encode()) == "bad_signature"


def test_a_signature_for_one_type_does_not_hold_for_another() -> None:
    body = changed(type="PolicyLease")
    assert code_of(sealed_raw(body, "Ack"), expected=(Ack, PolicyLease)) == "bad_signature"


def test_an_unknown_key_is_named() -> None:
    assert code_of(sealed(kid="server:2")) == "unknown_key"


def test_a_body_of_a_newer_version_is_refused_as_such() -> None:
    assert code_of(sealed_raw(changed(v=2))) == "future_version"


def test_an_unknown_type_and_a_known_one_in_the_wrong_place_are_told_apart() -> None:
    assert code_of(sealed_raw(changed(type="Selfdestruct"), "Selfdestruct")) == "unknown_type"
    lease = PolicyLease(1, "demo", "edge-1", 1, 8, 1_000, lease=Lease(Version(1, 1), "d", 1))
    assert code_of(sealed(lease)) == "wrong_type"


def test_messages_for_another_site_or_edge_are_refused() -> None:
    assert code_of(sealed(), site="elsewhere") == "wrong_site"
    assert code_of(sealed(), edge="edge-2") == "wrong_edge"


def test_a_star_stands_for_any_edge() -> None:
    everyone = msgspec.structs.replace(ACK, edge="*")
    assert unseal(sealed(everyone), verify, (Ack,), "demo", "edge-9") == everyone
    assert unseal(sealed(), verify, (Ack,), "demo", "*") == ACK


@given(st.binary(max_size=200))
def test_no_bytes_ever_raise_anything_but_a_wire_error(payload: bytes) -> None:
    with pytest.raises(WireError):
        unseal(payload, verify, (Ack,), "demo", "edge-1")


@given(st.integers(0, len(sealed()) - 1), st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_never_accepted_as_something_else(at: int, bit: int) -> None:
    payload = bytearray(sealed())
    payload[at] ^= 1 << bit
    with contextlib.suppress(WireError):
        assert unseal(bytes(payload), verify, (Ack,), "demo", "edge-1") == ACK  # an ignored field's name may change


def test_the_chain_depends_on_every_record_before() -> None:
    first = wire.chain(wire.GENESIS_HASH, b"one")
    assert wire.chain(first, b"two") != wire.chain(wire.chain(wire.GENESIS_HASH, b"0ne"), b"two")
    assert first.hex() == "4e233ba6ac7032d3894ecea5974fd96176e564b024af45747eb46357af8d2401"
