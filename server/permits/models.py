"""Tables of permits, the people on them, their visits, the cards that are lent, declarations, emergencies, and signatures.

``temporary_badge`` ties a badge of kind ``temporary`` to the permit that it opens by: its areas are the permit's, each within the permit's ``[from_at,
until_at)`` and by its ``schedule``, its customer on the wire is the permit's (R7). The badge's own window begins when it is lent and has no end, so that a
door says ``OUTSIDE_PERMIT_WINDOW``. What a permit names is fixed from its submission on, and its end revokes its badges: a policy follows the badge rows
alone. A card is out while the newest badge on it is not ``returned``.

``declaration``, ``document_check``, ``permit_approval`` and ``permit_signature`` are written once: triggers refuse to change or delete a row of them.
"""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from server.db.columns import BIG_INT
from server.db.model import Model

APPEND_ONLY = ("declaration", "document_check", "permit_approval", "permit_signature")
PERMIT_KINDS = ("temporary", "recurring")
PERMIT_STATUSES = ("draft", "submitted", "approved", "refused", "ended", "closed")
"""``ended``: nobody enters by it any more, and something of it is open still; ``closed``: nothing is."""
VISIT_STATUSES = ("expected", "checked_in", "checked_out", "closed", "void")
"""What is stored. Whether somebody is inside follows from the register. ``void``: they never came."""
EMERGENCY_STATUSES = ("approved", "admitted", "closed", "withdrawn")
APPROVERS = ("customer_service", "it_head")
_ON_A_VISIT = text("status = 'checked_in'")
_OPEN_VISIT = text("status IN ('expected', 'checked_in')")


def _quoted(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


class Permit(Model, table=True):
    """Temporary entry (B8), or a supplier's coming again and again (``recurring``, by ``schedule``). ``customer_id`` None: the site's own guests.

    ``escort_id``: the escort by name (a holder); None: any. ``level``: how they are received (C6). ``operates``: the special case of R6, which the IT head
    approves: they operate systems, watched. Of whom it needs approval follows from its areas; given are those in ``permit_approval``.
    """

    __tablename__ = "permit"
    __table_args__ = (
        CheckConstraint(f"kind IN ({_quoted(PERMIT_KINDS)})", name="kind"),
        CheckConstraint(f"status IN ({_quoted(PERMIT_STATUSES)})", name="status"),
        CheckConstraint("from_at < until_at", name="window"),
        CheckConstraint("kind <> 'recurring' OR (schedule IS NOT NULL AND customer_id IS NOT NULL)", name="recurring"),
        CheckConstraint("status IN ('draft', 'ended', 'closed') OR submitted_at IS NOT NULL", name="submitted"),
        CheckConstraint("status NOT IN ('approved', 'refused') OR decided_at IS NOT NULL", name="decided"),
        CheckConstraint("status NOT IN ('ended', 'closed') OR ended_at IS NOT NULL", name="ended"),
        Index("ix_permit_status", "status", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    external_id: str | None = Field(default=None, unique=True)
    kind: str
    status: str = "draft"
    customer_id: int | None = Field(default=None, foreign_key="customer.id", index=True)
    from_at: datetime
    until_at: datetime
    areas: list[str] = Field(sa_type=JSON)
    schedule: str | None = None
    reason: str
    level: str = "work"
    escort_id: int | None = Field(default=None, foreign_key="holder.id")
    operates: bool = False
    created_by: str
    created_at: datetime
    submitted_by: str | None = None
    submitted_at: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_note: str = ""
    ended_by: str | None = None
    ended_at: datetime | None = None
    end_reason: str = ""
    version: int = 1


class PermitApproval(Model, table=True):
    """One approval; ``role``: as whom. Where two are asked for, two people give them: the database refuses the same one."""

    __tablename__ = "permit_approval"
    __table_args__ = (
        CheckConstraint(f"role IN ({_quoted(APPROVERS)})", name="role"),
        UniqueConstraint("permit_id", "role"),
        UniqueConstraint("permit_id", "by"),
    )

    id: int | None = Field(default=None, primary_key=True)
    permit_id: int = Field(foreign_key="permit.id")
    role: str
    by: str
    by_name: str
    at: datetime
    note: str = ""


class PermitPerson(Model, table=True):
    """A person on a permit: a holder of kind ``visitor``. The copy of the ID document is an attachment of this row."""

    __tablename__ = "permit_person"
    __table_args__ = (UniqueConstraint("permit_id", "holder_id"),)

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    permit_id: int = Field(foreign_key="permit.id")
    holder_id: int = Field(foreign_key="holder.id", index=True)


class Visit(Model, table=True):
    """One person's coming and going under a permit (R5). ``without_card``: why no card was lent. ``content``, ``operations``: what the visit was for and what was
    done (R3, R5), written at check-out. ``operated``: they operated systems (R6): operator and witness sign. ``visitor_badge``: the number they wear (C6).
    ``arrived_at``: when they said at the kiosk that they are here."""

    __tablename__ = "visit"
    __table_args__ = (
        CheckConstraint(f"status IN ({_quoted(VISIT_STATUSES)})", name="status"),
        CheckConstraint("status IN ('expected', 'void') OR checked_in_at IS NOT NULL", name="checked_in"),
        CheckConstraint("status NOT IN ('checked_out', 'closed') OR checked_out_at IS NOT NULL", name="checked_out"),
        Index("uq_visit_on", "holder_id", unique=True, sqlite_where=_ON_A_VISIT, postgresql_where=_ON_A_VISIT),
        Index(
            "uq_visit_open",
            "permit_id",
            "holder_id",
            unique=True,
            sqlite_where=_OPEN_VISIT,
            postgresql_where=_OPEN_VISIT,
        ),
        Index("ix_visit_status", "status", "id"),
        Index("ix_visit_checked_in", "checked_in_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    permit_id: int = Field(foreign_key="permit.id", index=True)
    person_id: int = Field(foreign_key="permit_person.id")
    holder_id: int = Field(foreign_key="holder.id", index=True)
    status: str = "expected"
    created_at: datetime
    arrived_at: datetime | None = None
    visitor_badge: str = ""
    without_card: str = ""
    checked_in_at: datetime | None = None
    checked_in_by: str | None = None
    checked_in_name: str = ""
    checked_out_at: datetime | None = None
    checked_out_by: str | None = None
    checked_out_name: str = ""
    content: str = ""
    operations: str = ""
    operated: bool = False
    closed_at: datetime | None = None
    note: str = ""
    version: int = 1


class DocumentCheck(Model, table=True):
    """The guard compared an ID document with what stands on the permit: ``matched``, or not, which is kept as well (B7, B8)."""

    __tablename__ = "document_check"
    __table_args__ = (CheckConstraint("(visit_id IS NULL) <> (emergency_id IS NULL)", name="subject"),)

    id: int | None = Field(default=None, primary_key=True)
    visit_id: int | None = Field(default=None, foreign_key="visit.id", index=True)
    emergency_id: int | None = Field(default=None, foreign_key="emergency.id", index=True)
    id_document: str
    matched: bool
    note: str = ""
    by: str
    by_name: str
    at: datetime


class Declaration(Model, table=True):
    """One item of R8: ``confirmed``, or refused and why. Of a visit the newest row of an item counts; ``visit_id`` None: a badge holder signed it once."""

    __tablename__ = "declaration"
    __table_args__ = (
        CheckConstraint("confirmed OR note <> ''", name="note"),
        Index("ix_declaration_holder", "holder_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    holder_id: int = Field(foreign_key="holder.id")
    visit_id: int | None = Field(default=None, foreign_key="visit.id", index=True)
    item: str
    confirmed: bool
    note: str = ""
    by: str
    by_name: str
    at: datetime


class TemporaryCard(Model, table=True):
    """A card of the pool that is lent to visitors. ``credential``: keyed hash of its number; ``retired_at``: it is not lent any more."""

    __tablename__ = "temporary_card"

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    number: str = Field(unique=True)
    technology: str
    credential: bytes = Field(unique=True)
    made_at: datetime
    made_by: str
    retired_at: datetime | None = None
    version: int = 1


class TemporaryBadge(Model, table=True):
    """A badge of kind ``temporary``, the card that it is on, and the permit and visit that it was lent for."""

    __tablename__ = "temporary_badge"

    badge_id: int = Field(foreign_key="badge.id", primary_key=True)
    permit_id: int = Field(foreign_key="permit.id", index=True)
    visit_id: int = Field(foreign_key="visit.id", index=True)
    card_id: int = Field(foreign_key="temporary_card.id", index=True)


class Emergency(Model, table=True):
    """An emergency entry (B7): approved by a supervisor, admitted by a guard who is another operator. From the admission on it is a debt, until it is
    ``closed`` by a third. ``source_seq``: made at the edge with the link down (MEANINGS 21), by this event of the ledger: then approval and admission are of
    the two holders in the record, and ``reported_by`` is who wrote down what was missing. ``reconciled``: the commands that counted who is inside."""

    __tablename__ = "emergency"
    __table_args__ = (
        CheckConstraint(f"status IN ({_quoted(EMERGENCY_STATUSES)})", name="status"),
        CheckConstraint("until_at IS NULL OR from_at < until_at", name="window"),
        CheckConstraint("(source_seq IS NULL) = (approved_by IS NOT NULL)", name="approved"),
        CheckConstraint("approved_by <> admitted_by", name="two_operators"),
        CheckConstraint("status NOT IN ('admitted', 'closed') OR admitted_at IS NOT NULL", name="admitted"),
        CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed"),
        CheckConstraint("closed_by <> approved_by AND closed_by <> admitted_by", name="third_person"),
        CheckConstraint("closed_by <> reported_by", name="reported"),
        Index("ix_emergency_status", "status", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    external_id: str | None = Field(default=None, unique=True)
    status: str
    reason: str = ""
    areas: list[str] = Field(sa_type=JSON)
    from_at: datetime
    until_at: datetime | None = None
    holder_id: int | None = Field(default=None, foreign_key="holder.id", index=True)
    approved_by: str | None = None
    approved_name: str = ""
    approved_at: datetime | None = None
    admitted_by: str | None = None
    admitted_name: str = ""
    admitted_at: datetime | None = None
    edge_id: int | None = None
    access_point: str | None = None
    person: str = ""
    command_id: str | None = None
    source_seq: int | None = Field(default=None, unique=True, sa_type=BIG_INT)
    supervisor_holder: int | None = Field(default=None, sa_type=BIG_INT)
    guard_holder: int | None = Field(default=None, sa_type=BIG_INT)
    reported_by: str | None = None
    reported_name: str = ""
    reported_at: datetime | None = None
    reconciled: str = ""
    closing_note: str = ""
    closed_by: str | None = None
    closed_at: datetime | None = None
    version: int = 1


class PermitSignature(Model, table=True):
    """The server's signature for an operator who was signed in, under a visit (``operator``, ``witness``) or the closing of an emergency (``closing``). ``subject``: its public
    id. Of one subject everybody signs once, so a witness is another person."""

    __tablename__ = "permit_signature"
    __table_args__ = (
        CheckConstraint("role IN ('operator', 'witness', 'closing')", name="role"),
        UniqueConstraint("subject", "role"),
        UniqueConstraint("subject", "by"),
    )

    id: int | None = Field(default=None, primary_key=True)
    subject: str
    role: str
    by: str
    by_name: str
    at: datetime
    content: str
    kid: str
    certificate: bytes
    signature: bytes
