"""Table of what management authorises before it takes effect (D1, D3)."""

from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import JSON, CheckConstraint
from sqlmodel import Field

from server.db.model import Model

ApprovalKind = Literal["account", "second_factor", "restore", "repair", "recovery"]
APPROVAL_KINDS: tuple[ApprovalKind, ...] = get_args(ApprovalKind)
ApprovalStatus = Literal["waiting", "approved", "refused", "withdrawn", "used"]
APPROVAL_STATUSES: tuple[ApprovalStatus, ...] = get_args(ApprovalStatus)


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Approval(Model, table=True):
    """Asked by one person, approved by another, used once. ``subject``: the account (public id), or what is restored or repaired, in words.
    ``effect``: what becomes of the account (``role``, ``disabled``). ``asked_by``, ``decided_by``: persons, also where a token asked."""

    __tablename__ = "approval"
    __table_args__ = (
        CheckConstraint(_one_of("kind", APPROVAL_KINDS), name="kind"),
        CheckConstraint(_one_of("status", APPROVAL_STATUSES), name="status"),
        CheckConstraint("status NOT IN ('approved', 'used') OR decided_by <> asked_by", name="four_eyes"),
        CheckConstraint("(status = 'waiting') = (decided_at IS NULL)", name="decided"),
        CheckConstraint("(status = 'used') = (used_at IS NOT NULL)", name="used"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    kind: str = Field(index=True)
    subject: str = Field(index=True)
    effect: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    reason: str
    status: str = Field(default="waiting", index=True)
    asked_by: str
    asked_name: str
    asked_at: datetime
    until: datetime
    decided_by: str | None = None
    decided_name: str | None = None
    decided_at: datetime | None = None
    note: str = ""
    used_at: datetime | None = None
    used_name: str | None = None
