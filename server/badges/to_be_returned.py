"""The list of badges whose card should be back and is not (B6)."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select

from server.badges.lookup import has_left, holders_of, terms_of
from server.badges.models import Badge
from server.badges.searching import has_ended, has_expired
from server.badges.showing import BadgeShown, show_badges
from server.badges.standing import Terms
from server.pages import rows_after
from server.registry.models import Customer, Holder

Why = Literal["contract_ended", "holder_left", "expired", "lost", "revoked"]


class BadgeOut(BaseModel):
    """A badge that is out. ``why``: the contract or the customer's file ended, the holder left, its own time is over, it is lost, or it was
    deregistered while the card was out. ``since``: when that was; None where no date says so (a contract that was deleted, say)."""

    why: Why
    since: datetime | None
    badge: BadgeShown


def page(session: Session, now: datetime, after: int, limit: int) -> tuple[list[BadgeOut], int | None]:
    """One page of them and the cursor of the next. A lost badge that was deregistered is not waited for."""
    query = select(Badge).where(is_out(now))
    rows, following = rows_after(session, query, Badge.id, after, limit)
    holders = holders_of(session, rows)
    shown = show_badges(session, rows, now)
    owners = {row.customer_id for row in rows}
    terms = terms_of(session, owners)
    deleted = dict(session.exec(select(Customer.id, Customer.deleted_at).where(col(Customer.id).in_(owners))).all())
    items = []
    for badge, each in zip(rows, shown, strict=True):
        holder = holders[badge.holder_id]
        why = _why(badge, each, holder, now)
        since = _since(why, badge, holder, terms.get(badge.customer_id or 0, []), deleted.get(badge.customer_id), now)
        items.append(BadgeOut(why=why, since=since, badge=each))
    return items, following


def is_out(now: datetime) -> ColumnElement[bool]:
    """The condition on :class:`Badge`: its card should be back at ``now``, and is not."""
    over = or_(has_expired(now), has_ended(now), col(Badge.status) == "lost")
    return or_(
        and_(col(Badge.status).in_(("issued", "active", "suspended", "lost")), over),
        and_(col(Badge.status) == "revoked", col(Badge.issued_at).is_not(None), col(Badge.lost_at).is_(None)),
    )


def _since(
    why: Why, badge: Badge, holder: Holder, terms: list[Terms], file_deleted_at: datetime | None, now: datetime
) -> datetime | None:
    if why == "lost":
        return badge.lost_at
    if why == "revoked":
        return badge.deregistered_at
    if why == "expired":
        return badge.until_at
    if why == "holder_left":
        return min((at for at in (holder.left_at, holder.deleted_at) if at is not None), default=None)
    ends = [one.until_at for one in terms if one.kind == "hosting" and one.until_at is not None and one.until_at <= now]
    return file_deleted_at or max(ends, default=None)


def _why(badge: Badge, shown: BadgeShown, holder: Holder, now: datetime) -> Why:
    if badge.status in ("lost", "revoked"):
        return "lost" if badge.status == "lost" else "revoked"
    if has_left(holder, now):
        return "holder_left"
    return "contract_ended" if shown.standing == "ended" else "expired"
