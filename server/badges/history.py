"""The history of a badge: what the triggers noted, whoever made the change (B9, C3)."""

from typing import Any

from sqlmodel import Session, select

from server.badges.models import Badge
from server.pages import rows_after
from server.registry.models import RegistryChange

HIDDEN = ("credential", "credential_index")
"""The card's keyed hash is nobody's to read."""


def badge_history(session: Session, badge: Badge, after: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
    """One page of ``{id, at, by, op, before, after}``, oldest first, and the cursor of the next."""
    query = select(RegistryChange).where(RegistryChange.table_name == "badge", RegistryChange.row_id == badge.id)
    rows, following = rows_after(session, query, RegistryChange.id, after, limit)
    return [
        {
            "id": row.id,
            "at": row.at,
            "by": row.changed_by,
            "op": row.op,
            "before": _shown(row.before),
            "after": _shown(row.after),
        }
        for row in rows
    ], following


def _shown(row: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if row is None else {key: value for key, value in row.items() if key not in HIDDEN}
