"""Handovers with their items, explanations and signatures, as they are stored (R5)."""

from collections.abc import Sequence

from sqlmodel import Session, col, func, select

from server.problems import not_found
from server.shift.debt import Debt
from server.shift.models import Handover, HandoverExplanation, HandoverItem, HandoverSignature

IDS_AT_ONCE = 500


def find_handover(session: Session, name: str, *, lock: bool = False) -> Handover:
    """By public id. Raises :class:`Problem` 404."""
    query = select(Handover).where(Handover.public_id == name)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.exec(query).first()
    if found is None:
        raise not_found("handover", "交接班记录", name[:64])
    return found


def items_of(
    session: Session, handover: Handover, round_: int | None = None
) -> list[tuple[HandoverItem, HandoverExplanation | None]]:
    """The items of a round (by default the one that counts) in their order, each with the explanation that counts."""
    query = select(HandoverItem).where(
        HandoverItem.handover_id == handover.id, HandoverItem.round == (handover.round if round_ is None else round_)
    )
    items = session.exec(query.order_by(col(HandoverItem.id))).all()
    said = explanations_of(session, [item.id for item in items if item.id is not None])
    return [(item, said.get(item.id or 0)) for item in items]


def explanations_of(session: Session, item_ids: Sequence[int]) -> dict[int, HandoverExplanation]:
    """The last explanation of each of these items."""
    found: dict[int, HandoverExplanation] = {}
    for start in range(0, len(item_ids), IDS_AT_ONCE):
        some = item_ids[start : start + IDS_AT_ONCE]
        last = (
            select(func.max(HandoverExplanation.id))
            .where(col(HandoverExplanation.item_id).in_(some))
            .group_by(col(HandoverExplanation.item_id))
        )
        for row in session.exec(select(HandoverExplanation).where(col(HandoverExplanation.id).in_(last))).all():
            found[row.item_id] = row
    return found


def earlier_explanations(
    session: Session, handover: Handover, items: Sequence[HandoverItem]
) -> dict[tuple[str, str], HandoverExplanation]:
    """(kind, subject) → how the same thing was explained last, in a handover before this one."""
    wanted = {(item.kind, item.subject) for item in items}
    subjects = sorted({subject for _, subject in wanted})
    found: dict[tuple[str, str], HandoverExplanation] = {}
    for start in range(0, len(subjects), IDS_AT_ONCE):
        some = subjects[start : start + IDS_AT_ONCE]
        last = (
            select(func.max(HandoverExplanation.id))
            .join(HandoverItem, col(HandoverItem.id) == HandoverExplanation.item_id)
            .where(
                col(HandoverItem.kind).in_({kind for kind, _ in wanted}),
                col(HandoverItem.subject).in_(some),
                col(HandoverItem.handover_id) < handover.id,
            )
            .group_by(col(HandoverItem.kind), col(HandoverItem.subject))
        )
        rows = session.exec(
            select(HandoverItem.kind, HandoverItem.subject, HandoverExplanation)
            .join(HandoverExplanation, col(HandoverExplanation.item_id) == HandoverItem.id)
            .where(col(HandoverExplanation.id).in_(last))
        ).all()
        found |= {(kind, subject): said for kind, subject, said in rows if (kind, subject) in wanted}
    return found


def signatures_of(session: Session, handovers: Sequence[Handover]) -> dict[int | None, list[HandoverSignature]]:
    """All signatures by handover, in order; those of earlier rounds too."""
    ids = [handover.id for handover in handovers]
    query = select(HandoverSignature).where(col(HandoverSignature.handover_id).in_(ids))
    found: dict[int | None, list[HandoverSignature]] = {}
    for row in session.exec(query.order_by(col(HandoverSignature.id))).all() if ids else ():
        found.setdefault(row.handover_id, []).append(row)
    return found


def new_debts(items: Sequence[HandoverItem], live: Sequence[Debt]) -> list[Debt]:
    """What stands and is not on the list."""
    listed = {(item.kind, item.subject, item.since_us) for item in items}
    return [debt for debt in live if debt.key not in listed]


def outgoing_of(signatures: Sequence[HandoverSignature], round_: int) -> HandoverSignature | None:
    """Who handed over in this round, if somebody has signed."""
    return next((row for row in signatures if row.round == round_ and row.role == "outgoing"), None)
