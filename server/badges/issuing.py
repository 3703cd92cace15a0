"""A card is bound to an approved badge: by its number, or by the record of a desk that wrote it (B1, DESIGN 21)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from controller.policy import credential_key
from server.badges import lifecycle
from server.badges.acts import activate_if_free, erase_documents, perform, refusal
from server.badges.approval import past_window, refuse_without_footing
from server.badges.lifecycle import Act
from server.badges.models import GONE, Badge
from server.operators.actor import Actor
from server.permits.models import TemporaryCard
from server.problems import Problem
from server.registry.lookup import taken
from server.registry.models import Customer, Holder

Technology = Literal["desfire", "ultralight-c", "felica-lite-s", "uid"]


@dataclass(frozen=True)
class BoundCard:
    """What a badge is bound to: the number printed on it, and the card by its keyed hash (DESIGN 11)."""

    printed: str
    technology: str
    credential: bytes

    @classmethod
    def of_number(cls, printed: str, technology: Technology, number: str, hash_key: bytes) -> "BoundCard":
        """The card whose number a reader reports. A UID is the same card in either case of letters."""
        if technology == "uid":
            number = number.upper()
        return cls(printed, technology, credential_key(hash_key, technology, number))


def issue_badge(
    session: Session,
    actor: Actor,
    now: datetime,
    badge: Badge,
    card: BoundCard,
    erase_after: timedelta,
) -> None:
    """Bind a card and a printed number to an approved badge, which is active unless an edge is awaited. Raises
    :class:`Problem`."""
    refuse_unissuable(session, now, badge)
    refuse_used(session, badge, card.printed, card.credential)
    bound: dict[str, Any] = {"number": card.printed, "technology": card.technology, "credential": card.credential}
    try:
        with session.begin_nested():
            perform(session, actor, now, badge, Act.ISSUE, **bound)
    except IntegrityError:
        refuse_used(session, badge, card.printed, card.credential)  # who raced for the card or the number has it now
        raise
    _take_back(session, actor, now, card.credential, erase_after)
    activate_if_free(session, actor, now, badge)


def refuse_unissuable(session: Session, now: datetime, badge: Badge) -> None:
    """Raise :class:`Problem` unless a card may be bound to this badge now: approved, within its time, its footing there still."""
    if lifecycle.after(badge.status, Act.ISSUE) is None:
        raise refusal(badge, Act.ISSUE)
    holder = session.get_one(Holder, badge.holder_id)
    customer = session.get_one(Customer, badge.customer_id) if badge.customer_id is not None else None
    refuse_without_footing(session, holder, customer, now)
    if badge.until_at is not None and badge.until_at <= now:
        raise past_window()


def refuse_used(session: Session, badge: Badge, number: str, credential: bytes | None) -> None:
    """Raise :class:`Problem` 409 for a number or a card that another live badge has, or the pool of temporary badges, and for a card that was lost and is not back (B4)."""
    live = select(Badge.id).where(col(Badge.status).not_in(GONE), Badge.id != badge.id)
    if session.exec(live.where(Badge.number == number)).first() is not None:
        raise taken("number", number)
    if credential is not None and session.exec(live.where(col(Badge.credential) == credential)).first() is not None:
        raise Problem(
            409,
            "card_bound",
            "This card is bound to another badge: deregister that badge first.",
            "该卡已绑定另一张出入证：请先注销。",
            field="card",
        )
    pool = (col(TemporaryCard.number) == number) | (col(TemporaryCard.credential) == credential)
    pooled = select(TemporaryCard.number).where(pool, col(TemporaryCard.retired_at).is_(None))
    lent = session.exec(pooled).first() if badge.kind != "temporary" else None
    if lent is not None:
        raise Problem(
            409,
            "card_in_pool",
            f"This number or card is that of temporary badge {lent}, which is lent to visitors: choose another, or retire that card first.",
            f"该号码或该卡属于借给访客的临时证 {lent}：请改用其他号码或卡，或先停用该临时证。",
            field="number",
        )
    lost = select(Badge).where(Badge.status == "revoked", col(Badge.lost_at).is_not(None), Badge.id != badge.id)
    found = session.exec(lost.where(col(Badge.credential) == credential)).first() if credential is not None else None
    if found is not None:
        raise Problem(
            409,
            "card_lost",
            f"This card was lost with badge {found.number or found.public_id} and would open again wherever it is now (B4): take"
            " another card, or report that badge returned once its card is here.",
            f"该卡随出入证 {found.number or found.public_id} 挂失，重新绑定会使遗失的卡再次有效：请换卡，或在卡交回后先登记交还。",
            field="card",
            extra={"rule": "B4"},
        )


def _take_back(session: Session, actor: Actor, now: datetime, credential: bytes, erase_after: timedelta) -> None:
    """A card that is bound anew is back from the deregistered badge that it was bound to before."""
    query = select(Badge).where(col(Badge.credential) == credential, Badge.status == "revoked").with_for_update()
    for old in session.exec(query).all():
        perform(session, actor, now, old, Act.RETURN, "its card was bound anew")
        erase_documents(session, old, now + erase_after)
