"""The badge table, and with it the quota: the database itself refuses what goes beyond it (DESIGN 4.1, B2).

- A customer badge has a slot, within the quota of its customer's kind. The kind is a copy that a composite foreign key
  keeps equal to the customer's, so a change of kind is checked as well.
- Of one (customer, slot) at most one badge is live: neither deregistered (``revoked``) nor ``returned``. Loss, suspension or the
  contract's end free nothing.
- Customer and staff badges belong to holders of that kind, a customer badge to a holder of the same customer: the quota
  cannot be passed by calling a badge something else.
- A comparison with NULL is not false to a CHECK, so each column that must be there says so.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlmodel import Field

from server.db.columns import BIG_INT, fresh_id
from server.db.model import Model

BADGE_STATUSES = ("approved", "issued", "active", "suspended", "lost", "revoked", "returned")
"""What is stored. That a badge has expired, or that its contract has ended, follows from dates and is never stored."""
GONE = ("revoked", "returned")
"""Deregistered, with or without the card: the slot is free."""
LIVE = text("status NOT IN ('revoked', 'returned')")
AWAITING = text("status = 'issued' AND awaits_change_id IS NOT NULL")


class Badge(Model, table=True):
    """One badge, from the approval of its application on. ``credential``: keyed hash of the bound card, whose number is not kept
    (DESIGN 11); none before a card is bound. ``number``: printed on the badge, given with the card.

    ``replaces_id``: the badge whose place this one took. ``awaits_change_id``: the change (``registry_change``) that must be in force at every edge, or its
    lease over, before this badge may become active (MEANINGS 6).
    """

    __tablename__ = "badge"
    __table_args__ = (
        CheckConstraint("kind IN ('customer', 'staff', 'temporary')", name="kind"),
        CheckConstraint(f"status IN ({', '.join(repr(status) for status in BADGE_STATUSES)})", name="status"),
        CheckConstraint("generation >= 1", name="generation"),
        CheckConstraint("number IS NULL OR length(number) BETWEEN 1 AND 24", name="number"),
        CheckConstraint("until_at IS NULL OR from_at <= until_at", name="window"),
        CheckConstraint("(status IN ('revoked', 'returned')) = (deregistered_at IS NOT NULL)", name="deregistered"),
        CheckConstraint(
            "status IN ('approved', 'revoked', 'returned')"
            " OR (credential IS NOT NULL AND number IS NOT NULL AND technology IS NOT NULL)",
            name="bound",
        ),
        CheckConstraint("status <> 'approved' OR credential IS NULL", name="unbound"),
        CheckConstraint(
            "(kind = 'customer' AND customer_id IS NOT NULL AND customer_kind IS NOT NULL AND slot IS NOT NULL"
            " AND holder_kind = 'customer')"
            " OR (kind <> 'customer' AND customer_id IS NULL AND customer_kind IS NULL AND slot IS NULL"
            " AND (kind = 'temporary' OR holder_kind = 'staff'))",
            name="slot_by_kind",
        ),
        CheckConstraint(
            "kind <> 'customer' OR status IN ('revoked', 'returned') OR (slot >= 1 AND"
            " ((customer_kind = 'organisation' AND slot <= 2) OR (customer_kind = 'individual' AND slot <= 1)))",
            name="quota",
        ),
        ForeignKeyConstraint(["customer_id", "customer_kind"], ["customer.id", "customer.kind"], onupdate="CASCADE"),
        ForeignKeyConstraint(["holder_id", "holder_kind"], ["holder.id", "holder.kind"], onupdate="CASCADE"),
        ForeignKeyConstraint(["holder_id", "customer_id"], ["holder.id", "holder.customer_id"], onupdate="CASCADE"),
        Index("uq_badge_live_slot", "customer_id", "slot", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
        Index("uq_badge_live_credential", "credential", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
        Index("uq_badge_live_number", "number", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
        Index("ix_badge_generation", "customer_id", "slot", "generation", unique=True),
        Index("ix_badge_credential", "credential"),  # of one card all badges, deregistered ones too
        Index("ix_badge_awaiting", "id", sqlite_where=AWAITING, postgresql_where=AWAITING),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(
        default=None, unique=True, nullable=False, sa_column_kwargs={"server_default": fresh_id("bdg")}
    )
    external_id: str | None = Field(default=None, unique=True)
    number: str | None = None
    kind: str
    status: str
    holder_id: int = Field(index=True)
    holder_kind: str
    customer_id: int | None = None
    customer_kind: str | None = None
    slot: int | None = None
    generation: int = 1
    technology: str | None = None
    credential: bytes | None = None
    from_at: datetime
    until_at: datetime | None = None
    schedule: str | None = None
    replaces_id: int | None = Field(default=None, foreign_key="badge.id")
    awaits_change_id: int | None = Field(default=None, sa_type=BIG_INT)
    created_at: datetime
    issued_at: datetime | None = None
    activated_at: datetime | None = None
    lost_at: datetime | None = None
    deregistered_at: datetime | None = None
    status_reason: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    changed_by: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    version: int = Field(default=1, sa_column_kwargs={"server_default": text("1")})


APPLICATION_KINDS = ("new", "reissue", "transfer")
APPLICATION_STATUSES = ("open", "approved", "refused", "withdrawn")


class Application(Model, table=True):
    """What is asked for before a badge exists (B1). Whether an open one is complete follows from its attachments.

    ``reissue``: after the loss of ``replaces_id``, with the letter that states it (B4). ``transfer``: the badge ``replaces_id`` passes to
    another holder of the same customer (B5). ``purpose``, ``consent_at``: what the personal data are for, and when the person agreed.
    """

    __tablename__ = "application"
    __table_args__ = (
        CheckConstraint(f"kind IN ({', '.join(repr(kind) for kind in APPLICATION_KINDS)})", name="kind"),
        CheckConstraint(f"status IN ({', '.join(repr(status) for status in APPLICATION_STATUSES)})", name="status"),
        CheckConstraint("(kind = 'new') = (replaces_id IS NULL)", name="replaces"),
        CheckConstraint("(status = 'approved') = (badge_id IS NOT NULL)", name="badge"),
        CheckConstraint("status IN ('open', 'withdrawn') OR decided_at IS NOT NULL", name="decided"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    external_id: str | None = Field(default=None, unique=True)
    holder_id: int = Field(foreign_key="holder.id", index=True)
    kind: str = "new"
    replaces_id: int | None = Field(default=None, foreign_key="badge.id", index=True)
    status: str = "open"
    purpose: str = ""
    consent_at: datetime | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None
    schedule: str | None = None
    decision_note: str = ""
    decided_by: str | None = None
    decided_at: datetime | None = None
    badge_id: int | None = Field(default=None, foreign_key="badge.id", index=True)
    created_by: str
    created_at: datetime
    version: int = 1
