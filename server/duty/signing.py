"""Signatures under tests: the server's key signs what an operator, who was signed in, says (L5).

The content is kept as it was signed. The root's certificate of the key stands beside it, so that it can be checked when the key has long been replaced.
"""

from dataclasses import dataclass

import msgspec

from controller.wire import ServerCertificate, WireError, unseal
from server.keys import ROOT_KID, ServerKeys, verifier

DOMAIN = b"menjin/v1/DutyTest\n"


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


@dataclass(frozen=True)
class Signed:
    """A content with its signature."""

    content: str
    kid: str
    certificate: bytes
    signature: bytes


def sign_content(keys: ServerKeys, content: TestContent | CountersignatureContent, now_us: int) -> Signed:
    """Sign. Raises :class:`server.keys.KeysError` when no key is valid."""
    key = keys.signing(now_us)
    text = msgspec.json.encode(content).decode()
    return Signed(text, key.kid, key.certificate, key.sign(DOMAIN + text.encode()))


def read_signed(keys: ServerKeys, signed: Signed) -> TestContent | CountersignatureContent | None:
    """What was signed, when the signature holds and the root vouched for the key at that time; else None."""
    try:
        by_root = verifier({ROOT_KID: keys.root_public_key})
        certificate = unseal(signed.certificate, by_root, (ServerCertificate,), keys.site, "*")
        content = msgspec.json.decode(signed.content, type=TestContent | CountersignatureContent)
    except (WireError, msgspec.DecodeError):
        return None
    assert isinstance(certificate, ServerCertificate)
    at_us = content.recorded_at_us if isinstance(content, TestContent) else content.at_us
    if (
        certificate.kid != signed.kid
        or content.site != keys.site
        or not certificate.from_us <= at_us < certificate.until_us
    ):
        return None
    check = verifier({signed.kid: certificate.public_key})
    return content if check(signed.kid, DOMAIN + signed.content.encode(), signed.signature) else None
