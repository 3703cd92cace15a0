"""What is signed of a handover: by who hands over, takes over or refuses (R5; :mod:`server.signatures`)."""

from collections.abc import Collection, Sequence

import msgspec

from server.db.clock import to_us
from server.keys import ServerKeys
from server.shift.models import Handover, HandoverExplanation, HandoverItem, HandoverSignature
from server.signatures import Signed, is_signed, sign

DOMAIN = "Handover"


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
    """Sign. Raises :class:`server.problems.Problem` 503 when no key is valid."""
    return sign(keys, DOMAIN, msgspec.json.encode(content).decode(), content.at_us)


def signature_holds(keys: ServerKeys, row: HandoverSignature, expected: HandoverContent) -> bool:
    """Whether ``expected`` is what was signed, the signature holds, and the root vouched for the key at that time."""
    try:
        content = msgspec.json.decode(row.content, type=HandoverContent)
    except msgspec.DecodeError:
        return False
    signed = Signed(row.content, row.kid, row.certificate, row.signature)
    return content == expected and is_signed(keys, DOMAIN, signed, content.at_us)
