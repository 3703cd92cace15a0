"""The history of a badge: what the triggers noted, whoever made the change (B9, C3)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlmodel import Session, select
from sqlmodel.sql.expression import SelectOfScalar

from server.badges.models import Badge
from server.badges.showing import badge_names
from server.pages import Page, rows_after
from server.registry.models import RegistryChange

_HIDDEN = (
    "id", "public_id", "version", "changed_by", "credential", "created_at", "awaits_change_id",
    "holder_id", "holder_kind", "customer_id", "customer_kind",
)  # fmt: skip
"""The card's keyed hash is nobody's to read, ids inside the database mean nothing outside; who it is for never changes."""
_SHOWN_AS = {"from_at": "from", "until_at": "until", "status_reason": "reason", "replaces_id": "replaces"}
_NOTHING = (None, "")
_RESOLUTION = timedelta(milliseconds=1)
"""SQLite's triggers date changes to the millisecond, written shorter than what they are compared with."""


class BadgeChange(BaseModel):
    """One change: only what differs. ``by``: an operator or token, or ``sql:`` and the system that wrote."""

    id: int
    at: datetime
    by: str
    op: str
    before: dict[str, Any] | None
    after: dict[str, Any]


def badge_history(session: Session, badge: Badge, after: int, limit: int) -> Page[BadgeChange]:
    """One page of changes, oldest first."""
    query = select(RegistryChange).where(RegistryChange.table_name == "badge", RegistryChange.row_id == badge.id)
    changes, following = rows_after(session, query, RegistryChange.id, after, limit)
    names = badge_names(session, {badge.replaces_id})
    items = []
    for change in changes:
        before = change.before or {}
        differing = [
            name
            for name, value in change.after.items()
            if name not in _HIDDEN and (value not in _NOTHING if change.before is None else before.get(name) != value)
        ]
        items.append(
            BadgeChange(
                id=change.id or 0,
                at=change.at,
                by=change.changed_by,
                op=change.op,
                before=None if change.before is None else _shown(before, differing, names),
                after=_shown(change.after, differing, names),
            )
        )
    return Page(items=items, next=following)


def changed_since(at: datetime) -> SelectOfScalar[int]:
    """The ids of badges that changed since ``at``."""
    return select(RegistryChange.row_id).where(
        RegistryChange.table_name == "badge", RegistryChange.at >= at - _RESOLUTION
    )


def _shown(row: dict[str, Any], columns: list[str], names: dict[int | None, str]) -> dict[str, Any]:
    shown = {}
    for column in columns:
        value = row.get(column)
        if column == "replaces_id":
            value = names.get(value)
        elif column.endswith("_at") and isinstance(value, str):
            at = datetime.fromisoformat(value)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
            value = at.isoformat().replace("+00:00", "Z")
        shown[_SHOWN_AS.get(column, column)] = value
    return shown
