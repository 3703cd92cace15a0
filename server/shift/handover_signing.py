"""Signatures under a handover: the server's key signs what the operator, who was signed in, hands over, takes over or refuses (R5).

Kept as :mod:`server.duty.signing` keeps those under tests: the content as it was signed, the root's certificate of the key beside it.
"""

from collections.abc import Collection, Sequence

import msgspec

from controller.wire import ServerCertificate, WireError, unseal
from server.db.clock import to_us
from server.duty.signing import Signed
from server.keys import ROOT_KID, KeysError, ServerKeys, verifier
from server.problems import Problem
from server.shift.models import Handover, HandoverExplanation, HandoverItem, HandoverSignature

DOMAIN = b"menjin/v1/Handover\n"


class ItemContent(msgspec.Struct, frozen=True):
    """One item as it is signed. ``resolved``: it was settled by then. ``explanation`` empty: none was given."""

    kind: str
    subject: str
    since_us: int
    text_zh: str
    text_en: str
    resolved: bool
    explanation: str
    explained_by: str
    explained_at_us: int


class HandoverContent(msgspec.Struct, frozen=True, tag="handover"):
    """What is signed: these fields as JSON, in this order. ``outgoing``: the signature of who hands over, in hexadecimal; empty in that one itself."""

    site: str
    handover: str
    post: str
    round: int
    role: str
    verdict: str
    note: str
    opened_at_us: int
    items: tuple[ItemContent, ...]
    outgoing: str
    by: str
    by_name: str
    at_us: int


def content_of(
    site: str,
    handover: Handover,
    items: Sequence[tuple[HandoverItem, HandoverExplanation | None]],
    outgoing: bytes,
    row: HandoverSignature,
) -> HandoverContent:
    """What ``row`` signs, made of the rows that it is about."""
    resolved: Collection[int] = set(row.resolved)
    return HandoverContent(
        site=site,
        handover=handover.public_id,
        post=handover.post,
        round=row.round,
        role=row.role,
        verdict=row.verdict,
        note=row.note,
        opened_at_us=to_us(handover.opened_at),
        items=tuple(
            ItemContent(
                item.kind,
                item.subject,
                item.since_us,
                item.text_zh,
                item.text_en,
                item.id in resolved,
                said.text if said is not None else "",
                said.by if said is not None else "",
                to_us(said.at) if said is not None else 0,
            )
            for item, said in items
        ),
        outgoing=outgoing.hex(),
        by=row.by,
        by_name=row.by_name,
        at_us=to_us(row.at),
    )


def sign_content(keys: ServerKeys, content: HandoverContent) -> Signed:
    """Sign. Raises :class:`Problem` 503 when no key is valid."""
    try:
        key = keys.signing(content.at_us)
    except KeysError as error:
        raise Problem(
            503, "no_signing_key", f"Nothing can be signed: {error}", "没有有效的签名密钥，请执行 menjin keys rotate。"
        ) from error
    text = msgspec.json.encode(content).decode()
    return Signed(text, key.kid, key.certificate, key.sign(DOMAIN + text.encode()))


def signature_holds(keys: ServerKeys, row: HandoverSignature, expected: HandoverContent) -> bool:
    """Whether ``expected`` is what was signed, the signature holds, and the root vouched for the key at that time."""
    try:
        by_root = verifier({ROOT_KID: keys.root_public_key})
        certificate = unseal(row.certificate, by_root, (ServerCertificate,), keys.site, "*")
        content = msgspec.json.decode(row.content, type=HandoverContent)
    except (WireError, msgspec.DecodeError):
        return False
    assert isinstance(certificate, ServerCertificate)
    if content != expected or certificate.kid != row.kid:
        return False
    if not certificate.from_us <= content.at_us < certificate.until_us:
        return False
    return verifier({row.kid: certificate.public_key})(row.kid, DOMAIN + row.content.encode(), row.signature)
