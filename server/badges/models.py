"""The badge table, and with it the quota: the database itself refuses what goes beyond it (DESIGN 4.1, B2).

- A customer badge has a slot, within the quota of its customer's kind. The kind is a copy that a composite foreign key
  keeps equal to the customer's, so a change of kind is checked as well.
- Of one (customer, slot) at most one badge is not deregistered (``status = 'revoked'``). Loss or suspension frees nothing.
- Customer and staff badges belong to holders of that kind, a customer badge to a holder of the same customer: the quota
  cannot be passed by calling a badge something else.
- A comparison with NULL is not false to a CHECK, so each column that must be there says so.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlmodel import Field

from server.db.model import Model

LIVE = text("status <> 'revoked'")


class Badge(Model, table=True):
    """One badge. ``credential``: keyed hash of the bound card, whose number is not kept (DESIGN 11)."""

    __tablename__ = "badge"
    __table_args__ = (
        CheckConstraint("kind IN ('customer', 'staff', 'temporary')", name="kind"),
        CheckConstraint("status IN ('issued', 'active', 'suspended', 'lost', 'revoked', 'expired')", name="status"),
        CheckConstraint("generation >= 1", name="generation"),
        CheckConstraint("until_at IS NULL OR from_at <= until_at", name="window"),
        CheckConstraint("(status = 'revoked') = (deregistered_at IS NOT NULL)", name="deregistered"),
        CheckConstraint(
            "(kind = 'customer' AND customer_id IS NOT NULL AND customer_kind IS NOT NULL AND slot IS NOT NULL"
            " AND holder_kind = 'customer')"
            " OR (kind <> 'customer' AND customer_id IS NULL AND customer_kind IS NULL AND slot IS NULL"
            " AND (kind = 'temporary' OR holder_kind = 'staff'))",
            name="slot_by_kind",
        ),
        CheckConstraint(
            "kind <> 'customer' OR status = 'revoked' OR (slot >= 1 AND"
            " ((customer_kind = 'organisation' AND slot <= 2) OR (customer_kind = 'individual' AND slot <= 1)))",
            name="quota",
        ),
        ForeignKeyConstraint(["customer_id", "customer_kind"], ["customer.id", "customer.kind"], onupdate="CASCADE"),
        ForeignKeyConstraint(["holder_id", "holder_kind"], ["holder.id", "holder.kind"], onupdate="CASCADE"),
        ForeignKeyConstraint(["holder_id", "customer_id"], ["holder.id", "holder.customer_id"]),
        Index("uq_badge_live_slot", "customer_id", "slot", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
        Index("uq_badge_live_credential", "credential", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
        Index("uq_badge_live_number", "number", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
        Index("ix_badge_generation", "customer_id", "slot", "generation", unique=True),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    external_id: str | None = Field(default=None, unique=True)
    number: str
    kind: str
    status: str
    holder_id: int = Field(index=True)
    holder_kind: str
    customer_id: int | None = None
    customer_kind: str | None = None
    slot: int | None = None
    generation: int = 1
    technology: str
    credential: bytes
    from_at: datetime
    until_at: datetime | None = None
    schedule: str | None = None
    created_at: datetime
    deregistered_at: datetime | None = None
    version: int = 1
