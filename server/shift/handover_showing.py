"""Handovers as the API and the sheet show them."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel
from sqlmodel import Session, col, func, select

from server.context import Context
from server.db.clock import from_us
from server.shift.debt import Debt
from server.shift.debts import KINDS, live_debts
from server.shift.handover_rows import (
    earlier_explanations,
    items_of,
    new_debts,
    outgoing_of,
    signatures_of,
)
from server.shift.handover_signing import content_of, signature_holds
from server.shift.models import Handover, HandoverExplanation, HandoverItem, HandoverSignature


class ExplanationShown(BaseModel):
    """Why it is open, and who says so."""

    text: str
    at: datetime
    by: str
    by_name: str


class DebtShown(BaseModel):
    """Something that is owed. ``kind_zh``, ``kind_en``: what the list calls its kind; ``link``: where it is dealt with."""

    kind: str
    kind_zh: str
    kind_en: str
    rule: str
    subject: str
    since: datetime | None
    text_zh: str
    text_en: str
    link: str


class ItemShown(DebtShown):
    """One item. ``resolved``: it is settled; ``earlier``: how the same was explained in a handover before."""

    item: int
    resolved: bool
    explanation: ExplanationShown | None
    earlier: ExplanationShown | None


class SignatureShown(BaseModel):
    """A signature. ``content`` is what it stands under, after ``menjin/v1/Handover`` and a newline; ``holds``: it was checked just now, and what was signed stands as it was."""

    round: int
    role: str
    verdict: str
    note: str
    by: str
    by_name: str
    at: datetime
    kid: str
    content: str
    signature: str
    holds: bool


class HandoverSummary(BaseModel):
    """A handover in a list. ``outgoing``, ``incoming``: who signed the round that counts."""

    id: str
    post: str
    status: str
    round: int
    opened_at: datetime
    opened_by: str
    opened_name: str
    drawn_at: datetime
    note: str
    ended_at: datetime | None
    end_reason: str
    outgoing: str | None
    incoming: str | None
    item_count: int
    unexplained: int
    version: int


class HandoverShown(HandoverSummary):
    """One handover with its items. ``new``: what stands and is not on the list, of one that is not over."""

    items: list[ItemShown]
    new: list[DebtShown]
    signatures: list[SignatureShown]


def show_summaries(session: Session, rows: Sequence[Handover]) -> list[HandoverSummary]:
    """Handovers of a list; ``unexplained`` counts items without an explanation, settled ones included."""
    signed = signatures_of(session, rows)
    ids = [row.id for row in rows]
    counts: dict[tuple[int, int], int] = {}
    explained: dict[tuple[int, int], int] = {}
    if ids:
        place = (col(HandoverItem.handover_id), col(HandoverItem.round))
        items = select(*place, func.count()).where(place[0].in_(ids)).group_by(*place)
        counts = {(handover, round_): count for handover, round_, count in session.exec(items).all()}
        said = (
            select(*place, func.count(col(HandoverItem.id).distinct()))
            .join(HandoverExplanation, col(HandoverExplanation.item_id) == HandoverItem.id)
            .where(place[0].in_(ids))
            .group_by(*place)
        )
        explained = {(handover, round_): count for handover, round_, count in session.exec(said).all()}
    shown = []
    for row in rows:
        here = (row.id or 0, row.round)
        total = counts.get(here, 0)
        shown.append(_summary(row, signed.get(row.id, []), total, total - explained.get(here, 0)))
    return shown


def show_handover(session: Session, context: Context, row: Handover) -> HandoverShown:
    """One handover; of one that is not over, compared with what stands now."""
    items = items_of(session, row)
    earlier = earlier_explanations(session, row, [item for item, _ in items])
    signatures = signatures_of(session, [row]).get(row.id, [])
    live = live_debts(session, context) if row.ended_at is None else None
    resolved = _resolved(row, items, signatures, live)
    unexplained = sum(said is None and item.id not in resolved for item, said in items)
    return HandoverShown(
        **_summary(row, signatures, len(items), unexplained).model_dump(),
        items=[
            ItemShown(
                **_named(item).model_dump(),
                item=item.id or 0,
                resolved=item.id in resolved,
                explanation=_said(said),
                earlier=_said(earlier.get((item.kind, item.subject))),
            )
            for item, said in items
        ],
        new=[show_debt(debt) for debt in new_debts([item for item, _ in items], live or [])],
        signatures=_signatures(session, context, row, signatures),
    )


def show_debt(debt: Debt) -> DebtShown:
    """A debt that is on no list."""
    return _named(debt)


def _named(thing: Debt | HandoverItem) -> DebtShown:
    owed = KINDS[thing.kind]
    return DebtShown(
        kind=thing.kind,
        kind_zh=owed.zh,
        kind_en=owed.en,
        rule=owed.rule,
        subject=thing.subject,
        since=from_us(thing.since_us) if thing.since_us else None,
        text_zh=thing.text_zh,
        text_en=thing.text_en,
        link=thing.link,
    )


def _summary(row: Handover, signatures: Sequence[HandoverSignature], items: int, unexplained: int) -> HandoverSummary:
    names = {one.role: one.by_name for one in signatures if one.round == row.round}
    return HandoverSummary(
        id=row.public_id,
        post=row.post,
        status=row.status,
        round=row.round,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        opened_name=row.opened_name,
        drawn_at=row.drawn_at,
        note=row.note,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        outgoing=names.get("outgoing"),
        incoming=names.get("incoming"),
        item_count=items,
        unexplained=unexplained,
        version=row.version,
    )


def _resolved(
    row: Handover,
    items: Sequence[tuple[HandoverItem, HandoverExplanation | None]],
    signatures: Sequence[HandoverSignature],
    live: Sequence[Debt] | None,
) -> set[int | None]:
    if live is not None:
        standing = {debt.key for debt in live}
        return {item.id for item, _ in items if (item.kind, item.subject, item.since_us) not in standing}
    last = next((one for one in reversed(signatures) if one.round == row.round), None)
    return set(last.resolved) if last is not None else set()


def _said(row: HandoverExplanation | None) -> ExplanationShown | None:
    return None if row is None else ExplanationShown(text=row.text, at=row.at, by=row.by, by_name=row.by_name)


def _signatures(
    session: Session, context: Context, handover: Handover, rows: Sequence[HandoverSignature]
) -> list[SignatureShown]:
    of_round = {round_: items_of(session, handover, round_) for round_ in {row.round for row in rows}}
    shown = []
    for row in rows:
        first = outgoing_of(rows, row.round) if row.role == "incoming" else None
        expected = content_of(
            context.site.id, handover, of_round[row.round], first.signature if first is not None else b"", row
        )
        shown.append(
            SignatureShown(
                **row.model_dump(include={"round", "role", "verdict", "note", "by", "by_name", "at", "kid", "content"}),
                signature=row.signature.hex(),
                holds=signature_holds(context.keys, row, expected),
            )
        )
    return shown
