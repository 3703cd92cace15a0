"""Tables of the registry: one file per customer, shared with the CRM (C1, C2; docs/registry.md).

A CRM may write them with bare SQL. So the database itself fills ids and times, counts ``version``, refuses what must not be
(CHECKs, triggers), and notes every change in ``registry_change`` (:mod:`server.registry.changes`), whoever makes it. Rows are never
deleted: ``deleted_at`` marks them.

Personal data come in two forms. ``*_clear`` columns are write-only: the watcher encrypts what it finds there into ``*_cipher``
(and ``*_index``, by which equal values are found) and empties them. The names of customers are business data and stand in clear; the
names of persons do not.

``source_system``, ``external_id``: the caller's own name for a row. ``source_version``: the caller's own counter, so that an older
message does not undo a newer one.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from server.db.columns import BIG_INT, fresh_id, sql_now
from server.db.model import Model

QUOTAS = {"organisation": 2, "individual": 1, "supplier": 0, "partner": 0}
"""Customer kind → badge slots (B2). The database checks it: see ``server.badges.models``."""

CUSTOMER_CLASSES = ("A", "B", "C", "D", "strategic", "key", "ordinary")
CONTRACT_KINDS = ("hosting", "other")
"""Only a hosting contract opens doors and carries badges (B1)."""
CONTRACT_STATUSES = ("draft", "active", "suspended", "ended")
ID_DOCUMENTS = ("id_card", "passport", "hk_macao_permit", "taiwan_permit", "other")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def public_id(prefix: str) -> Any:
    """The column of a public id, which the database makes for writers that give none."""
    return Field(default=None, unique=True, nullable=False, sa_column_kwargs={"server_default": fresh_id(prefix)})


def made_at() -> Any:
    """The column of the time when a row was made."""
    return Field(default=None, nullable=False, sa_column_kwargs={"server_default": sql_now()})


def _pending(table: str, condition: str) -> Index:
    """What the watcher has to take up, however many rows there are."""
    return Index(f"ix_{table}_pending", "id", sqlite_where=text(condition), postgresql_where=text(condition))


def _default(value: str) -> dict[str, Any]:
    return {"server_default": text(value)}


class Shared(Model):
    """Columns of every shared table. ``changed_by``: an operator's or token's public id, or what a CRM calls its writer; it counts
    only when the writer raised ``version`` itself, else the change is noted as the source system's."""

    source_system: str = Field(default="", sa_column_kwargs=_default("''"))
    external_id: str | None = None
    source_version: str | None = None
    synced_at: datetime | None = None
    deleted_at: datetime | None = None
    changed_by: str = Field(default="", sa_column_kwargs=_default("''"))
    version: int = Field(default=1, sa_column_kwargs=_default("1"))


class Customer(Shared, table=True):
    """One customer file. ``merged_into``: the file that took this one over (C3). ``owner``: who looks after it (C8).
    ``department``: files of other departments need a higher role (C4); empty: everyone's. ``name_key``: the normalised name, by
    which duplicates are found; None: the watcher has not looked at name and credit code yet (triggers see to that)."""

    __tablename__ = "customer"
    __table_args__ = (
        CheckConstraint("kind IN ('organisation', 'individual', 'supplier', 'partner')", name="kind"),
        CheckConstraint(f"class IS NULL OR {_one_of('class', CUSTOMER_CLASSES)}", name="class"),
        CheckConstraint("length(code) BETWEEN 1 AND 32", name="code"),
        CheckConstraint("merged_into IS NULL OR deleted_at IS NOT NULL", name="merged"),
        UniqueConstraint("id", "kind"),  # the target of the badges' composite foreign key
        UniqueConstraint("source_system", "external_id"),
        Index("ix_customer_credit_code", "credit_code"),
        Index("ix_customer_name_key", "name_key"),
        Index("ix_customer_id_number_index", "id_number_index"),
        _pending("customer", "name_key IS NULL OR id_number_clear IS NOT NULL"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = public_id("cus")
    code: str = Field(unique=True)
    kind: str
    name: str
    name_key: str | None = None
    class_: str | None = Field(default=None, sa_column_kwargs={"name": "class"})
    owner: str | None = None
    department: str | None = None
    credit_code: str | None = None
    remark: str | None = None
    merged_into: int | None = Field(default=None, foreign_key="customer.id")
    id_number_clear: str | None = None
    id_number_cipher: bytes | None = None
    id_number_index: bytes | None = None
    created_at: datetime = made_at()


class Contact(Shared, table=True):
    """A person to talk to. Holders are those who carry badges."""

    __tablename__ = "contact"
    __table_args__ = (
        UniqueConstraint("source_system", "external_id"),
        Index("ix_contact_phone_index", "phone_index"),
        Index("ix_contact_name_index", "name_index"),
        _pending("contact", "name_clear IS NOT NULL OR phone_clear IS NOT NULL OR email_clear IS NOT NULL"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = public_id("ctc")
    customer_id: int = Field(foreign_key="customer.id", index=True)
    role: str | None = None
    is_primary: bool = Field(default=False, sa_column_kwargs=_default("false"))
    name_clear: str | None = None
    name_cipher: bytes | None = None
    name_index: bytes | None = None
    phone_clear: str | None = None
    phone_cipher: bytes | None = None
    phone_index: bytes | None = None
    email_clear: str | None = None
    email_cipher: bytes | None = None
    email_index: bytes | None = None
    created_at: datetime = made_at()


class Contract(Shared, table=True):
    """A contract: which areas its customer may enter within ``[from_at, until_at)`` (MEANINGS 7).

    ``until_at`` None: no end agreed. ``draft``: not signed, permits nothing. ``ended`` keeps the row; ``suspended`` frees no badge slot.
    ``areas``: ids of the site file; ``racks`` and ``cages``: as the contract writes them. ``ip_allowance``, ``port_allowance``: how many
    (E3); None: one per server.
    """

    __tablename__ = "contract"
    __table_args__ = (
        CheckConstraint(_one_of("status", CONTRACT_STATUSES), name="status"),
        CheckConstraint(_one_of("kind", CONTRACT_KINDS), name="kind"),
        CheckConstraint("until_at IS NULL OR from_at <= until_at", name="window"),
        CheckConstraint("ip_allowance IS NULL OR ip_allowance >= 0", name="ip_allowance"),
        CheckConstraint("port_allowance IS NULL OR port_allowance >= 0", name="port_allowance"),
        UniqueConstraint("source_system", "external_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = public_id("con")
    customer_id: int = Field(foreign_key="customer.id", index=True)
    number: str | None = Field(default=None, unique=True)
    kind: str = Field(default="hosting", sa_column_kwargs=_default("'hosting'"))
    status: str = Field(default="active", sa_column_kwargs=_default("'draft'"))
    from_at: datetime
    until_at: datetime | None = None
    areas: list[str] = Field(default_factory=list, sa_type=JSON, sa_column_kwargs=_default("'[]'"))
    racks: list[str] = Field(default_factory=list, sa_type=JSON, sa_column_kwargs=_default("'[]'"))
    cages: list[str] = Field(default_factory=list, sa_type=JSON, sa_column_kwargs=_default("'[]'"))
    ip_allowance: int | None = None
    port_allowance: int | None = None
    created_at: datetime = made_at()


class Holder(Shared, table=True):
    """A person who can carry badges: of a customer, of the own staff, or a visitor (MEANINGS 4).

    ``areas``: the standing permission of staff, named by the head (R4). ``duties``: ``supervisor``, ``guard``: which of the staff may admit
    somebody together while the link is down (MEANINGS 21). ``left_at``: since when this person has left or changed job: the badges
    open nothing until they are deregistered or passed on (B5).
    """

    __tablename__ = "holder"
    __table_args__ = (
        CheckConstraint("kind IN ('customer', 'staff', 'visitor')", name="kind"),
        CheckConstraint("(kind = 'customer') = (customer_id IS NOT NULL)", name="customer"),
        CheckConstraint(f"id_document IS NULL OR {_one_of('id_document', ID_DOCUMENTS)}", name="id_document"),
        UniqueConstraint("id", "kind"),  # both are targets of the badges' composite foreign keys
        UniqueConstraint("id", "customer_id"),
        UniqueConstraint("source_system", "external_id"),
        Index("ix_holder_phone_index", "phone_index"),
        Index("ix_holder_name_index", "name_index"),
        Index("ix_holder_id_number_index", "id_number_index"),
        _pending("holder", "name_clear IS NOT NULL OR phone_clear IS NOT NULL OR id_number_clear IS NOT NULL"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = public_id("hol")
    kind: str
    customer_id: int | None = Field(default=None, foreign_key="customer.id", index=True)
    may_escort: list[str] = Field(default_factory=list, sa_type=JSON, sa_column_kwargs=_default("'[]'"))
    areas: list[str] = Field(default_factory=list, sa_type=JSON, sa_column_kwargs=_default("'[]'"))
    keyholder: bool = Field(default=False, sa_column_kwargs=_default("false"))
    duties: list[str] = Field(default_factory=list, sa_type=JSON, sa_column_kwargs=_default("'[]'"))
    left_at: datetime | None = None
    id_document: str | None = None
    name_clear: str | None = None
    name_cipher: bytes | None = None
    name_index: bytes | None = None
    phone_clear: str | None = None
    phone_cipher: bytes | None = None
    phone_index: bytes | None = None
    id_number_clear: str | None = None
    id_number_cipher: bytes | None = None
    id_number_index: bytes | None = None
    created_at: datetime = made_at()


class RegistryChange(Model, table=True):
    """One change of a row that doors or files depend on, written by a trigger in the transaction of the change (C3). The history
    of a row is its changes. ``before``, ``after``: the row as JSON without ``*_clear``; ciphers in hexadecimal. ``done_at``: when the watcher and the policies had followed it;
    ``problem``: why they could not wholly. Never "ids beyond the last": a slow transaction commits a lower id late."""

    __tablename__ = "registry_change"
    __table_args__ = (
        CheckConstraint("table_name IN ('customer', 'contact', 'contract', 'holder', 'badge')", name="table_name"),
        CheckConstraint("op IN ('insert', 'update')", name="op"),
        Index("ix_registry_change_row", "table_name", "row_id", "id"),
        Index("ix_registry_change_at", "table_name", "at"),
        Index(
            "ix_registry_change_problem",
            "id",
            sqlite_where=text("problem IS NOT NULL"),
            postgresql_where=text("problem IS NOT NULL"),
        ),
        Index(
            "ix_registry_change_open",
            "id",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INT)
    table_name: str
    row_id: int
    op: str
    at: datetime = made_at()
    changed_by: str
    before: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    after: dict[str, Any] = Field(sa_type=JSON)
    done_at: datetime | None = None
    problem: str | None = None


class CustomerMerge(Model, table=True):
    """``merged_id`` was found to be the same customer as ``kept_id`` (C3). Both histories stay."""

    __tablename__ = "customer_merge"

    id: int | None = Field(default=None, primary_key=True)
    kept_id: int = Field(foreign_key="customer.id", index=True)
    merged_id: int = Field(foreign_key="customer.id", unique=True)
    at: datetime
    by: str
    reason: str
