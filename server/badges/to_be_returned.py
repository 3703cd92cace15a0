"""The list of badges whose card should be back and is not (B6)."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, exists, or_
from sqlmodel import Session, col, select

from server.badges.lookup import has_left, holders_of
from server.badges.models import Badge
from server.badges.showing import BadgeShown, show_badges
from server.pages import rows_after
from server.registry.models import Contract, Customer, Holder

Why = Literal["contract_ended", "holder_left", "expired", "lost", "revoked"]


class BadgeOut(BaseModel):
    """A badge that is out. ``why``: the contract or the customer's file ended, the holder left, its own time is over, it is lost, or it was
    deregistered while the card was out."""

    why: Why
    badge: BadgeShown


def page(session: Session, now: datetime, after: int, limit: int) -> tuple[list[BadgeOut], int | None]:
    """One page of them and the cursor of the next. A lost badge that was deregistered is not waited for."""
    query = select(Badge).where(is_out(now))
    rows, following = rows_after(session, query, Badge.id, after, limit)
    holders = holders_of(session, rows)
    shown = show_badges(session, rows, now)
    return [
        BadgeOut(why=_why(badge, each, holders[badge.holder_id], now), badge=each)
        for badge, each in zip(rows, shown, strict=True)
    ], following


def is_out(now: datetime) -> ColumnElement[bool]:
    """The condition on :class:`Badge`: its card should be back at ``now``, and is not."""
    in_force = exists().where(
        col(Contract.customer_id) == col(Badge.customer_id),
        col(Contract.deleted_at).is_(None),
        col(Contract.kind) == "hosting",
        col(Contract.status).in_(("active", "suspended")),
        col(Contract.from_at) <= now,
        or_(col(Contract.until_at).is_(None), col(Contract.until_at) > now),
    )
    customer_gone = exists().where(col(Customer.id) == col(Badge.customer_id), col(Customer.deleted_at).is_not(None))
    holder_gone = exists().where(
        col(Holder.id) == col(Badge.holder_id), or_(col(Holder.deleted_at).is_not(None), col(Holder.left_at) <= now)
    )
    over = or_(
        col(Badge.until_at) <= now,
        and_(col(Badge.customer_id).is_not(None), ~in_force),
        customer_gone,
        holder_gone,
        col(Badge.status) == "lost",
    )
    return or_(
        and_(col(Badge.status).in_(("issued", "active", "suspended", "lost")), over),
        and_(col(Badge.status) == "revoked", col(Badge.issued_at).is_not(None), col(Badge.lost_at).is_(None)),
    )


def _why(badge: Badge, shown: BadgeShown, holder: Holder, now: datetime) -> Why:
    if badge.status in ("lost", "revoked"):
        return "lost" if badge.status == "lost" else "revoked"
    if has_left(holder, now):
        return "holder_left"
    return "contract_ended" if shown.standing == "ended" else "expired"
