"""What is signed of tests and their countersignatures (L5; :mod:`server.signatures`)."""

import msgspec

from server.keys import ServerKeys
from server.signatures import Signed, is_signed, sign

DOMAIN = "DutyTest"


class TestContent(msgspec.Struct, frozen=True, tag="test"):
    """What is signed of a test: these fields as JSON, in this order."""

    site: str
    test: str
    subject: str
    kind: str
    result: str
    note: str
    done_at_us: int
    recorded_at_us: int
    by: str
    by_name: str
    evidence_seq: int | None


class CountersignatureContent(msgspec.Struct, frozen=True, tag="countersignature"):
    """What is signed of a countersignature; ``signature``: the first one, in hexadecimal."""

    site: str
    test: str
    signature: str
    at_us: int
    by: str
    by_name: str


def sign_content(keys: ServerKeys, content: TestContent | CountersignatureContent, now_us: int) -> Signed:
    """Sign. Raises :class:`server.problems.Problem` 503 when no key is valid."""
    return sign(keys, DOMAIN, msgspec.json.encode(content).decode(), now_us)


def read_signed(keys: ServerKeys, signed: Signed) -> TestContent | CountersignatureContent | None:
    """What was signed, when the signature holds and the root vouched for the key at that time; else None."""
    try:
        content = msgspec.json.decode(signed.content, type=TestContent | CountersignatureContent)
    except msgspec.DecodeError:
        return None
    at_us = content.recorded_at_us if isinstance(content, TestContent) else content.at_us
    return content if content.site == keys.site and is_signed(keys, DOMAIN, signed, at_us) else None
