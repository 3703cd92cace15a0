"""Tables of violations and of shift handovers (R5, R9, E7).

``violation_act``, ``violation_evidence``, ``handover_item``, ``handover_explanation`` and ``handover_signature`` are written once: triggers refuse to change or
delete a row of them. No table holds a person's name but those of operators: whoever reads looks it up, masked (C4, D6).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from server.db.columns import BIG_INT
from server.db.model import Model

APPEND_ONLY = (
    "violation_act", "violation_evidence", "handover_item", "handover_explanation", "handover_signature",
)  # fmt: skip
VIOLATION_STATUSES = ("open", "handled", "reopened")
VIOLATION_KINDS = (
    "others_equipment", "photography", "food_liquid", "smoking", "guests", "tailgating", "propped_door", "lent_badge", "unauthorised_operation",
    "outside_own_rack", "other",
)  # fmt: skip
HANDLINGS = ("warning", "suspended", "contract_talk", "none")
VIOLATION_ACTS = ("recorded", "evidence", "suspended", "lifted", "handled", "reopened")
EVIDENCE_KINDS = ("event", "alarm", "file")
HANDOVER_STATUSES = ("open", "offered", "accepted", "refused", "withdrawn")
"""``offered``: the outgoing shift has signed; ``refused``: the incoming one would not."""
_LIVE = text("status IN ('open', 'offered')")
_STANDING = text("lifted_at IS NULL")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Violation(Model, table=True):
    """One violation (R9): by whom (a holder, a customer's people, or both), of what ``kind``, when and where. ``customer_id``: in whose file it lies (C1), the holder's
    unless only the customer is known; None: own staff, or a visitor of the site's own. ``rack``: a customer's cabinet or another place by name."""

    __tablename__ = "violation"
    __table_args__ = (
        CheckConstraint(_one_of("status", VIOLATION_STATUSES), name="status"),
        CheckConstraint(_one_of("kind", VIOLATION_KINDS), name="kind"),
        CheckConstraint("holder_id IS NOT NULL OR customer_id IS NOT NULL", name="whose"),
        Index("ix_violation_customer", "customer_id", "id"),
        Index("ix_violation_holder", "holder_id", "id"),
        Index("ix_violation_status", "status", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    status: str = "open"
    kind: str
    holder_id: int | None = Field(default=None, foreign_key="holder.id")
    customer_id: int | None = Field(default=None, foreign_key="customer.id")
    at: datetime
    area: str | None = None
    door: str | None = None
    rack: str = ""
    description: str
    reported_by: str
    reported_name: str
    reported_at: datetime
    handling: str | None = None
    version: int = 1


class ViolationAct(Model, table=True):
    """What was done about a violation, by whom and when. ``handling``: how it was handled, of ``handled`` alone."""

    __tablename__ = "violation_act"
    __table_args__ = (
        CheckConstraint(_one_of("act", VIOLATION_ACTS), name="act"),
        CheckConstraint(f"handling IS NULL OR {_one_of('handling', HANDLINGS)}", name="handling"),
        CheckConstraint("(act = 'handled') = (handling IS NOT NULL)", name="handled"),
        Index("ix_violation_act_violation", "violation_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    violation_id: int = Field(foreign_key="violation.id")
    act: str
    handling: str | None = None
    note: str = ""
    at: datetime
    by: str
    by_name: str


class ViolationEvidence(Model, table=True):
    """What shows it: an event of the ledger by ``seq``, an alarm by its id, or a file, which is the attachment of this row's ``public_id``."""

    __tablename__ = "violation_evidence"
    __table_args__ = (
        CheckConstraint(_one_of("kind", EVIDENCE_KINDS), name="kind"),
        CheckConstraint("(kind = 'event') = (event_seq IS NOT NULL)", name="event"),
        CheckConstraint("(kind = 'alarm') = (alarm_id IS NOT NULL)", name="alarm"),
        Index("ix_violation_evidence_violation", "violation_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    violation_id: int = Field(foreign_key="violation.id")
    kind: str
    event_seq: int | None = Field(default=None, sa_type=BIG_INT)
    alarm_id: int | None = Field(default=None, foreign_key="ledger_alarm.id")
    note: str = ""
    at: datetime
    by: str
    by_name: str


class ViolationSuspension(Model, table=True):
    """A badge that stands suspended for a violation, until it is lifted there. Several violations may suspend one badge: it opens when the last is lifted."""

    __tablename__ = "violation_suspension"
    __table_args__ = (
        CheckConstraint("(lifted_at IS NULL) = (lifted_by IS NULL)", name="lifted"),
        Index(
            "ux_violation_suspension_standing",
            "badge_id",
            "violation_id",
            unique=True,
            sqlite_where=_STANDING,
            postgresql_where=_STANDING,
        ),
        Index("ix_violation_suspension_violation", "violation_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    violation_id: int = Field(foreign_key="violation.id")
    badge_id: int = Field(foreign_key="badge.id")
    suspended_at: datetime
    suspended_by: str
    lifted_at: datetime | None = None
    lifted_by: str | None = None


class Handover(Model, table=True):
    """One handover of a guards' post. ``round``: which drawing of the list counts; each keeps its items. Of one post at most one is not over."""

    __tablename__ = "handover"
    __table_args__ = (
        CheckConstraint(_one_of("status", HANDOVER_STATUSES), name="status"),
        CheckConstraint("(status IN ('open', 'offered')) = (ended_at IS NULL)", name="ended"),
        Index("ux_handover_live", "post", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("ix_handover_post", "post", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    post: str
    status: str = "open"
    round: int = 1
    drawn_at: datetime
    opened_at: datetime
    opened_by: str
    opened_name: str
    note: str = ""
    ended_at: datetime | None = None
    end_reason: str = ""
    version: int = 1


class HandoverItem(Model, table=True):
    """One thing that is handed over, as it stood when the list was drawn up (:class:`server.shift.debts.Debt`)."""

    __tablename__ = "handover_item"
    __table_args__ = (
        UniqueConstraint("handover_id", "round", "kind", "subject"),
        Index("ix_handover_item_subject", "kind", "subject", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    handover_id: int = Field(foreign_key="handover.id")
    round: int
    kind: str
    subject: str
    since_us: int = Field(sa_type=BIG_INT)
    text_zh: str
    text_en: str
    link: str = ""


class HandoverExplanation(Model, table=True):
    """Why an item is open. The last one of an item counts. ``copied_from``: it was given to the same item in an earlier round of this handover."""

    __tablename__ = "handover_explanation"
    __table_args__ = (
        CheckConstraint("length(text) >= 1", name="text"),
        Index("ix_handover_explanation_item", "item_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    item_id: int = Field(foreign_key="handover_item.id")
    text: str
    at: datetime
    by: str
    by_name: str
    copied_from: int | None = Field(default=None, foreign_key="handover_explanation.id")


class HandoverSignature(Model, table=True):
    """The server's signature for the operator who hands over (``outgoing``) or takes over (``incoming``). ``verdict`` ``refused``: the incoming one would not, because of ``note``.
    ``resolved``: ids of the round's items that were settled by then. Of one round everybody signs once."""

    __tablename__ = "handover_signature"
    __table_args__ = (
        CheckConstraint("role IN ('outgoing', 'incoming')", name="role"),
        CheckConstraint("verdict = 'signed' OR (verdict = 'refused' AND role = 'incoming' AND note <> '')", name="verdict"),
        UniqueConstraint("handover_id", "round", "role"),
        UniqueConstraint("handover_id", "round", "by"),
    )  # fmt: skip

    id: int | None = Field(default=None, primary_key=True)
    handover_id: int = Field(foreign_key="handover.id")
    round: int
    role: str
    verdict: str
    note: str = ""
    resolved: list[Any] = Field(sa_type=JSON)
    at: datetime
    by: str
    by_name: str
    content: str
    kid: str
    certificate: bytes
    signature: bytes
