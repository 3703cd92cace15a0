"""Signatures under what people attest about equipment: the server's key signs what an operator, who was signed in, says (MEANINGS 24, 26).

The content is kept as it was signed, with the root's certificate of the key, so that it can be checked when the key has long been replaced.
"""

from datetime import datetime

import msgspec

from controller.wire import ServerCertificate, WireError, unseal
from server.db.clock import to_us
from server.duty.signing import Signed
from server.keys import ROOT_KID, KeysError, ServerKeys, verifier
from server.problems import Problem

DOMAIN = b"menjin/v1/EquipmentAttestation\n"


class InspectionContent(msgspec.Struct, frozen=True, tag="inspection"):
    """What is signed of an inspection: these fields as JSON, in this order. ``slip``: public id."""

    site: str
    inspection: str
    slip: str
    line: int | None
    act: str
    result: str
    serials: tuple[str, ...]
    method: str
    done_by: str
    note: str
    at_us: int
    by: str
    by_name: str


class AttestationContent(msgspec.Struct, frozen=True, tag="attestation"):
    """What is signed of an attestation. ``devices``: (serial or empty, model, slip number or empty)."""

    site: str
    attestation: str
    alarm: int
    door: str
    openings: int
    outcome: str
    devices: tuple[tuple[str, str, str], ...]
    note: str
    at_us: int
    by: str
    by_name: str


Content = InspectionContent | AttestationContent


def sign_content(keys: ServerKeys, content: Content, now: datetime) -> Signed:
    """Sign. Raises :class:`Problem` 503 when no key is valid."""
    try:
        key = keys.signing(to_us(now))
    except KeysError as error:
        raise Problem(
            503, "no_signing_key", f"Nothing can be signed: {error}", "没有有效的签名密钥，请执行 menjin keys rotate。"
        ) from error
    text = msgspec.json.encode(content).decode()
    return Signed(text, key.kid, key.certificate, key.sign(DOMAIN + text.encode()))


def holds(keys: ServerKeys, signed: Signed, expected: Content) -> bool:
    """Whether ``expected`` (made of the row's columns) is what was signed, the signature holds, and the root vouched for the key at that time."""
    try:
        by_root = verifier({ROOT_KID: keys.root_public_key})
        certificate = unseal(signed.certificate, by_root, (ServerCertificate,), keys.site, "*")
        content = msgspec.json.decode(signed.content, type=Content)
    except (WireError, msgspec.DecodeError):
        return False
    assert isinstance(certificate, ServerCertificate)
    if (
        content != expected
        or certificate.kid != signed.kid
        or not certificate.from_us <= content.at_us < certificate.until_us
    ):
        return False
    check = verifier({signed.kid: certificate.public_key})
    return check(signed.kid, DOMAIN + signed.content.encode(), signed.signature)
