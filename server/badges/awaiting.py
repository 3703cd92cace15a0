"""What a new badge waits for before it may open: that the loss of the old one is in force everywhere (MEANINGS 6)."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from server.badges.models import Badge
from server.db.clock import to_us
from server.registry.models import RegistryChange


def awaited_edges(session: Session, badge: Badge, now: datetime) -> list[dict[str, Any]]:
    """The edges that may still open for the old badge: ``[{edge, lease_until}]``; empty when nothing is awaited (any more)."""
    if badge.awaits_change_id is None or badge.activated_at is not None or badge.status not in ("approved", "issued"):
        return []
    from server.fleet import awaited  # the fleet stands on the badges: only this call looks the other way

    return awaited.awaited_edges(session, badge, to_us(now))


def change_that_stopped(session: Session, badge: Badge) -> int | None:
    """The change since which the badge opens nothing: its loss, or its deregistration. None for one that still may open. One that
    never had a card opened nothing itself: whoever takes its place waits for what it would have waited for."""
    if badge.issued_at is None:
        return badge.awaits_change_id
    query = (
        select(RegistryChange)
        .where(RegistryChange.table_name == "badge", RegistryChange.row_id == badge.id)
        .order_by(col(RegistryChange.id).desc())
    )
    stopping = None
    for change in session.exec(query):
        if change.after.get("status") not in ("lost", "revoked", "returned"):
            break
        stopping = change.id
    return stopping
