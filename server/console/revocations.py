"""The latest changes that took something away, and at how many doors each is in force, for the live page."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from server.badges.models import Badge
from server.context import Context
from server.fleet.reach import latest_that_take_away, reach_of
from server.registry.models import Customer, RegistryChange

SHOWN = 6
SCANNED = 200
"""Updates that are looked at: behind an import of more, older ones are in the history."""


def revocations(session: Session, context: Context, now: datetime) -> list[dict[str, Any]]:
    """Newest first: ``reach`` (:func:`server.fleet.reach.reach_of`) with what it was about: ``table``, ``named``, ``customer``, ``became``."""
    changes = latest_that_take_away(session, SHOWN, SCANNED)
    if not changes:
        return []
    customers = {change.after.get("customer_id") for change in changes}
    codes = dict(session.exec(select(Customer.id, Customer.code).where(col(Customer.id).in_(customers))).all())
    shown = []
    for change, reach in zip(changes, reach_of(session, context.site, changes, now), strict=True):
        shown.append(
            reach
            | {
                "table": change.table_name,
                "named": _named(session, change),
                "customer": codes.get(change.after.get("customer_id")),
                "became": _became(change),
            }
        )
    return shown


def _named(session: Session, change: RegistryChange) -> str:
    """Numbers printed on badges, contract numbers, customer codes: never a person's name."""
    row = change.after
    if change.table_name == "holder":
        numbers = session.exec(
            select(Badge.number)
            .where(Badge.holder_id == change.row_id, col(Badge.number).is_not(None))
            .order_by(col(Badge.id))
        ).all()
        return ", ".join(number for number in numbers if number) or str(row.get("public_id", ""))
    if change.table_name == "customer":
        return str(row.get("code", ""))
    return str(row.get("number") or row.get("external_id") or row.get("public_id") or "")


def _became(change: RegistryChange) -> str:
    """lost, suspended, revoked, returned, ended; gone; less for an earlier end or fewer areas."""
    before, after = change.before or {}, change.after
    if before.get("status") != after.get("status"):
        return str(after.get("status"))
    marks = ("deleted_at", "left_at", "merged_into")
    return "gone" if any(before.get(mark) is None and after.get(mark) is not None for mark in marks) else "less"
