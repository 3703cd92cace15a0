"""Tables of the registry. Integer ids travel in policies, ``external_id`` is the caller's own name for a row."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, UniqueConstraint
from sqlmodel import Field

from server.db.model import Model

QUOTAS = {"organisation": 2, "individual": 1, "supplier": 0, "partner": 0}
"""Customer kind → badge slots (B2). The database checks it: see ``server.badges.models``."""


class Customer(Model, table=True):
    """One customer file. ``version`` counts its changes (ETag)."""

    __tablename__ = "customer"
    __table_args__ = (
        CheckConstraint("kind IN ('organisation', 'individual', 'supplier', 'partner')", name="kind"),
        UniqueConstraint("id", "kind"),  # the target of the badges' composite foreign key
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    external_id: str | None = Field(default=None, unique=True)
    code: str = Field(unique=True)
    kind: str
    name: str
    created_at: datetime
    version: int = 1


class Contract(Model, table=True):
    """A hosting contract: which areas its customer may enter within ``[from_at, until_at)`` (MEANINGS 7).

    ``until_at`` None: no end agreed. ``status`` ended keeps the row; suspended frees no badge slot.
    """

    __tablename__ = "contract"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'suspended', 'ended')", name="status"),
        CheckConstraint("until_at IS NULL OR from_at <= until_at", name="window"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    external_id: str | None = Field(default=None, unique=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    areas: list[str] = Field(sa_type=JSON)
    from_at: datetime
    until_at: datetime | None = None
    status: str = "active"
    created_at: datetime
    version: int = 1


class Holder(Model, table=True):
    """A person who can carry badges: of a customer, of the own staff, or a visitor (MEANINGS 4).

    ``areas``: the standing permission of staff, named by the head (R4).
    """

    __tablename__ = "holder"
    __table_args__ = (
        CheckConstraint("kind IN ('customer', 'staff', 'visitor')", name="kind"),
        CheckConstraint("(kind = 'customer') = (customer_id IS NOT NULL)", name="customer"),
        UniqueConstraint("id", "kind"),  # both are targets of the badges' composite foreign keys
        UniqueConstraint("id", "customer_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    external_id: str | None = Field(default=None, unique=True)
    kind: str
    customer_id: int | None = Field(default=None, foreign_key="customer.id", index=True)
    name: str
    may_escort: list[str] = Field(default_factory=list, sa_type=JSON)
    areas: list[str] = Field(default_factory=list, sa_type=JSON)
    keyholder: bool = False
    created_at: datetime
    version: int = 1
