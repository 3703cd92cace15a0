"""What the API answers of permits, visits, emergencies and temporary badges. Persons are masked (C4)."""

from datetime import datetime

from pydantic import BaseModel, Field


class PersonShown(BaseModel):
    """Somebody on a permit; ``id_copy``: the attachment's id."""

    id: str
    holder: str
    name: str | None
    id_document: str | None
    id_number: str | None
    id_copy: str | None


class ApprovalShown(BaseModel):
    """One approval."""

    as_: str = Field(serialization_alias="as")
    by: str
    by_name: str
    at: datetime
    note: str


class PermitShown(BaseModel):
    """A permit. ``missing``: what a draft still lacks; ``awaiting``: whose approval; ``escort``: by name, null: any (R4)."""

    id: str
    external_id: str | None
    kind: str
    status: str
    customer: str | None
    from_: datetime = Field(serialization_alias="from")
    until: datetime
    areas: list[str]
    schedule: str | None
    reason: str
    level: str
    escort: str | None
    operates: bool
    persons: list[PersonShown]
    letter: str | None
    missing: list[str]
    needed: list[str]
    awaiting: list[str]
    approvals: list[ApprovalShown]
    decision_note: str
    decided_at: datetime | None
    ended_at: datetime | None
    end_reason: str
    visits: list[str]
    created_by: str
    created_at: datetime
    submitted_at: datetime | None
    version: int


class SignatureShown(BaseModel):
    """A signature; ``holds``: it was checked just now, and what was signed stands as it was."""

    role: str
    by: str
    by_name: str
    at: datetime
    kid: str
    content: str
    signature: str
    holds: bool


class ItemShown(BaseModel):
    """One item of the declaration; ``confirmed`` null: nothing was said yet."""

    item: str
    confirmed: bool | None
    note: str


class DocumentShown(BaseModel):
    """A look at an ID document."""

    id_document: str
    matched: bool
    note: str
    by_name: str
    at: datetime


class LentShown(BaseModel):
    """A temporary badge that was lent."""

    badge: str
    number: str | None
    status: str


class VisitShown(BaseModel):
    """A visit. ``status`` also says ``inside``, while the register has them in a room. ``awaiting``: what keeps it from being closed (``badge``, ``witness``);
    ``overdue``: why it should be over; ``unapproved``: they operated systems though the permit's special case was not approved (R6). ``arrived_at``:
    when they said at the kiosk that they are here."""

    id: str
    permit: str
    customer: str | None
    person: str
    holder: str
    name: str | None
    status: str
    level: str
    escort: str | None
    from_: datetime = Field(serialization_alias="from")
    until: datetime
    document: DocumentShown | None
    declaration: list[ItemShown]
    photo: str | None
    visitor_badge: str
    without_card: str
    badges: list[LentShown]
    arrived_at: datetime | None
    checked_in_at: datetime | None
    checked_in_by: str | None
    checked_in_name: str
    entered_at: datetime | None
    left_at: datetime | None
    inside: list[str]
    entries: list[int]
    checked_out_at: datetime | None
    checked_out_by: str | None
    checked_out_name: str
    content: str
    operations: str
    operated: bool
    unapproved: bool
    signatures: list[SignatureShown]
    awaiting: list[str]
    overdue: list[str]
    note: str
    closed_at: datetime | None
    version: int


class EmergencyShown(BaseModel):
    """An emergency. ``owes``: what keeps the debt open. ``source_seq``: made at the edge with the link down, by this event of the ledger."""

    id: str
    external_id: str | None
    status: str
    reason: str
    areas: list[str]
    from_: datetime = Field(serialization_alias="from")
    until: datetime | None
    holder: str | None
    name: str | None
    person: str
    document: DocumentShown | None
    approved_by: str | None
    approved_name: str
    approved_at: datetime | None
    admitted_by: str | None
    admitted_name: str
    admitted_at: datetime | None
    access_point: str | None
    command_id: str | None
    source_seq: int | None
    guard_holder: str | None
    reported_by: str | None
    reported_name: str
    reported_at: datetime | None
    entered_at: datetime | None
    left_at: datetime | None
    inside: list[str]
    owes: list[str]
    reconciled: list[str]
    closing_note: str
    closed_by: str | None
    closed_at: datetime | None
    signatures: list[SignatureShown]
    version: int


class CardShown(BaseModel):
    """A card of the pool; ``badge``, ``visit``, ``holder``: whom it is lent to, while it is out."""

    id: str
    number: str
    technology: str
    state: str
    badge: str | None
    visit: str | None
    holder: str | None
    made_at: datetime
    version: int
