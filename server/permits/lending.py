"""Temporary badges: cards of a pool, each lent to one visitor at a time and taken back (B8).

Lending makes a badge of kind ``temporary`` for the person, bound to the card: at the edges an ordinary badge. A card is out while its newest badge is not
``returned``: also when that badge was revoked or lost. Whoever lends holds the card's row, so of two guards the second finds it out; the database
itself refuses two live badges on one card.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from server.badges.acts import activate_if_free, perform
from server.badges.acts import show as show_badge
from server.badges.issuing import BoundCard, Technology, refuse_used
from server.badges.lifecycle import Act
from server.badges.models import Badge
from server.context import Context
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.permits.models import Permit, TemporaryBadge, TemporaryCard, Visit
from server.problems import Problem, not_found
from server.registry.lookup import taken
from server.registry.models import Holder
from server.shift.suspended_for import refuse_suspended, violations_of_holder

State = Literal["available", "lent", "lost", "retired"]
Outcome = Literal["returned", "lost"]


def add_card(
    session: Session, context: Context, actor: Actor, printed: str, technology: Technology, number: str
) -> TemporaryCard:
    """A new card in the pool. Raises :class:`Problem` 409 for a printed number or a card that is in use."""
    now = context.clock.now()
    bound = BoundCard.of_number(printed, technology, number, context.keys.hash_key)
    same = select(TemporaryCard).where(
        (col(TemporaryCard.number) == printed) | (col(TemporaryCard.credential) == bound.credential)
    )
    there = session.exec(same).first()
    if there is not None:
        raise taken("number", printed) if there.number == printed else _in_pool(there)
    nobodys = Badge(
        kind="temporary", status="approved", holder_id=0, holder_kind="visitor", from_at=now, created_at=now
    )
    refuse_used(session, nobodys, printed, bound.credential)
    card = TemporaryCard(
        public_id=new_id("tcd", now),
        number=printed,
        technology=technology,
        credential=bound.credential,
        made_at=now,
        made_by=actor.public_id,
    )
    session.add(card)
    session.flush()
    record(session, actor, now, "temporary_card.add", card.public_id, after={"number": printed})
    return card


def retire_card(session: Session, actor: Actor, now: datetime, card: TemporaryCard, *, retired: bool) -> None:
    """Take a card out of the pool, or back into it. Raises :class:`Problem` 409 while it is out."""
    if retired == (card.retired_at is not None):
        return
    if retired and state_of(card, newest_badges(session, [card]).get(card.id)) == "lent":
        raise _out(card)
    card.retired_at = now if retired else None
    card.version += 1
    session.add(card)
    session.flush()
    record(session, actor, now, "temporary_card.retire", card.public_id, after={"retired": retired})


def lend(session: Session, actor: Actor, now: datetime, card: TemporaryCard, permit: Permit, visit: Visit) -> Badge:
    """Make the badge on this card, which the caller has locked (:func:`find_card`). Raises :class:`Problem` 409 ``card_out``, or ``BADGE_SUSPENDED`` for somebody
    whose badge was suspended for a violation that stands (R9)."""
    refuse_suspended(violations_of_holder(session, visit.holder_id))
    if state_of(card, newest_badges(session, [card]).get(card.id)) != "available":
        raise _out(card)
    assert permit.id is not None
    assert visit.id is not None
    assert card.id is not None
    holder = session.get_one(Holder, visit.holder_id)
    badge = Badge(
        public_id=new_id("bdg", now),
        kind="temporary",
        status="approved",
        holder_id=visit.holder_id,
        holder_kind=holder.kind,
        from_at=now,
        created_at=now,
        changed_by=actor.public_id,
    )
    refuse_used(session, badge, card.number, card.credential)
    try:
        with session.begin_nested():
            session.add(badge)
            session.flush()
            assert badge.id is not None
            session.add(TemporaryBadge(badge_id=badge.id, permit_id=permit.id, visit_id=visit.id, card_id=card.id))
            record(session, actor, now, "badge.approve", badge.public_id, after=show_badge(badge))
            bound: dict[str, Any] = {
                "number": card.number,
                "technology": card.technology,
                "credential": card.credential,
            }
            perform(session, actor, now, badge, Act.ISSUE, visit.public_id, **bound)
    except IntegrityError as error:  # somebody bound this card, or its number, meanwhile
        raise _out(card) from error
    activate_if_free(session, actor, now, badge)
    return badge


def take_back(session: Session, actor: Actor, now: datetime, badge: Badge, outcome: Outcome, reason: str) -> None:
    """The badge is back and stops at once, or it is lost and stops as well. Raises :class:`Problem` 409 for a badge that cannot be."""
    act = Act.RETURN if outcome == "returned" else Act.LOSE
    if outcome == "lost" and badge.status == "revoked":
        return  # it opens nothing, and its card stays out until it turns up
    perform(session, actor, now, badge, act, reason)


def badges_of_visits(session: Session, visits: Sequence[Visit]) -> dict[int | None, list[Badge]]:
    """The badges that were lent for these visits, oldest first."""
    ids = [visit.id for visit in visits]
    query = (
        select(TemporaryBadge.visit_id, Badge)
        .join(Badge, col(Badge.id) == TemporaryBadge.badge_id)
        .where(col(TemporaryBadge.visit_id).in_(ids))
        .order_by(col(Badge.id))
    )
    found: dict[int | None, list[Badge]] = {}
    for visit_id, badge in session.exec(query).all() if ids else ():
        found.setdefault(visit_id, []).append(badge)
    return found


def visits_of_badges(session: Session, badges: Sequence[Badge]) -> dict[int | None, Visit]:
    """Badge → the visit that it was lent for."""
    ids = [badge.id for badge in badges]
    query = (
        select(TemporaryBadge.badge_id, Visit)
        .join(Visit, col(Visit.id) == TemporaryBadge.visit_id)
        .where(col(TemporaryBadge.badge_id).in_(ids))
    )
    return dict(session.exec(query).all()) if ids else {}


def find_card(session: Session, name: str, field: str | None = None, *, lock: bool = False) -> TemporaryCard:
    """By printed number or public id. Raises :class:`Problem` 404."""
    query = select(TemporaryCard).where((col(TemporaryCard.number) == name) | (col(TemporaryCard.public_id) == name))
    rows = session.exec(query.with_for_update().execution_options(populate_existing=True) if lock else query).all()
    found = next((row for row in rows if row.number == name), next(iter(rows), None))
    if found is None:
        raise not_found("temporary badge", "临时证", name[:64], field)
    return found


def newest_badges(session: Session, cards: Sequence[TemporaryCard]) -> dict[int | None, Badge]:
    """Card → the badge that was made on it last."""
    ids = [card.id for card in cards]
    newest = (
        select(func.max(TemporaryBadge.badge_id))
        .where(col(TemporaryBadge.card_id).in_(ids))
        .group_by(col(TemporaryBadge.card_id))
    )
    query = (
        select(TemporaryBadge.card_id, Badge)
        .join(Badge, col(Badge.id) == TemporaryBadge.badge_id)
        .where(col(TemporaryBadge.badge_id).in_(newest))
    )
    return dict(session.exec(query).all()) if ids else {}


def state_of(card: TemporaryCard, badge: Badge | None) -> State:
    """What the card is now, by the badge that was made on it last."""
    if badge is not None and badge.status != "returned":
        return "lost" if badge.lost_at is not None else "lent"
    return "retired" if card.retired_at is not None else "available"


def _out(card: TemporaryCard) -> Problem:
    return Problem(
        409,
        "card_out",
        f"Temporary badge {card.number} is not in the cabinet: take another, or book this one back first.",
        f"临时证 {card.number} 不在柜中：请换一张，或先办理归还。",
        field="card",
        extra={"rule": "B8"},
    )


def _in_pool(card: TemporaryCard) -> Problem:
    return Problem(
        409,
        "card_bound",
        f"This card is temporary badge {card.number} already.",
        f"该卡已是临时证 {card.number}。",
        field="card",
    )
