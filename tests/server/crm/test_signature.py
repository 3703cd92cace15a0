"""Webhook signatures, by the specification's own example."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.crm.signature import TOLERANCE_S, SecretError, fault_of, secret_of, sign

SECRET = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_example_of_the_specification() -> None:
    assert sign(SECRET, ID, AT, BODY) == SIGNED
    assert fault_of(SECRET, ID, str(AT), SIGNED, BODY, AT) is None
    assert fault_of(SECRET, ID, str(AT), f"v1,AAAA {SIGNED} v2,xyz", BODY, AT + 10) is None


@pytest.mark.parametrize(
    ("message_id", "timestamp", "signatures", "body", "now_s", "fault"),
    [
        (ID, str(AT), SIGNED, BODY + b" ", AT, "wrong_signature"),
        ("msg_other", str(AT), SIGNED, BODY, AT, "wrong_signature"),
        (ID, str(AT + 1), SIGNED, BODY, AT, "wrong_signature"),
        (ID, str(AT), "", BODY, AT, "wrong_signature"),
        (ID, str(AT), "签名", BODY, AT, "wrong_signature"),
        (ID, str(AT), SIGNED, BODY, AT + TOLERANCE_S + 1, "too_old"),
        (ID, str(AT), SIGNED, BODY, AT - TOLERANCE_S - 1, "too_new"),
        ("", str(AT), SIGNED, BODY, AT, "malformed"),
        (ID, "soon", SIGNED, BODY, AT, "malformed"),
        (ID, "９", SIGNED, BODY, AT, "malformed"),
        (ID, "9" * 4000, SIGNED, BODY, AT, "malformed"),
    ],
)
def test_what_is_not_believed(
    message_id: str, timestamp: str, signatures: str, body: bytes, now_s: int, fault: str
) -> None:
    assert fault_of(SECRET, message_id, timestamp, signatures, body, now_s) == fault


@given(st.binary(min_size=24, max_size=64), st.binary(max_size=200), st.binary(min_size=24, max_size=64))
def test_only_the_secret_that_signed_is_believed(secret: bytes, body: bytes, other: bytes) -> None:
    made = sign(secret, ID, AT, body)
    assert fault_of(secret, ID, str(AT), made, body, AT) is None
    assert (fault_of(other, ID, str(AT), made, body, AT) is None) == (other == secret)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_***", "whsec_" + base64.b64encode(b"short").decode(), "é"])
def test_a_secret_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SecretError):
        secret_of(text)
