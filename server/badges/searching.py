"""Searching badges: by printed number, customer, holder, and by standing, which is derived here as in :mod:`server.badges.standing`."""

from datetime import datetime
from typing import Any, get_args

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlmodel import col

from server.badges.models import Badge
from server.badges.standing import FINAL, Standing
from server.registry.models import Contract, Customer, Holder

STANDINGS: tuple[Standing, ...] = get_args(Standing)


def carried(now: datetime, *statuses: str) -> ColumnElement[bool]:
    """The badge's customer has a hosting contract within its dates whose status is one of these."""
    return exists().where(
        col(Contract.customer_id) == col(Badge.customer_id),
        col(Contract.deleted_at).is_(None),
        col(Contract.kind) == "hosting",
        col(Contract.status).in_(statuses),
        col(Contract.from_at) <= now,
        or_(col(Contract.until_at).is_(None), col(Contract.until_at) > now),
    )


def has_ended(now: datetime) -> ColumnElement[bool]:
    """Nothing carries the badge any more: no contract, a file that was deleted, a holder who has left (B5, B6)."""
    customer_gone = exists().where(col(Customer.id) == col(Badge.customer_id), col(Customer.deleted_at).is_not(None))
    holder_gone = exists().where(
        col(Holder.id) == col(Badge.holder_id), or_(col(Holder.deleted_at).is_not(None), col(Holder.left_at) <= now)
    )
    without = and_(col(Badge.customer_id).is_not(None), ~carried(now, "active", "suspended"))
    return or_(without, customer_gone, holder_gone)


def has_expired(now: datetime) -> ColumnElement[bool]:
    """The badge's own time is over (B3)."""
    return and_(col(Badge.until_at).is_not(None), col(Badge.until_at) <= now)


def stands_as(standing: Standing, now: datetime) -> ColumnElement[bool]:
    """:func:`server.badges.standing.standing` for the database."""
    if standing in FINAL:
        return col(Badge.status) == standing
    open_: Any = col(Badge.status).not_in(FINAL)
    if standing == "ended":
        return and_(open_, has_ended(now))
    if standing == "expired":
        return and_(open_, ~has_ended(now), has_expired(now))
    in_time = and_(open_, ~has_ended(now), ~has_expired(now))
    paused = and_(col(Badge.customer_id).is_not(None), ~carried(now, "active"), carried(now, "suspended"))
    if standing == "suspended":
        return and_(in_time, or_(col(Badge.status) == "suspended", paused))
    return and_(in_time, ~paused, col(Badge.status) == standing)
