"""The outbox of the second channel: one row per alarm and channel, kept as the record of what was sent."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from server.db.model import Model


class EscalationDelivery(Model, table=True):
    """One message to one channel. ``alarm_id`` None: a test, asked for by ``asked_by``. ``due_at``: the next try.

    ``why``: ``unacknowledged`` in the channel's time, ``at_once`` (duress), ``overdue`` (somebody alone for too long), ``test``. ``withdrawn``: acknowledged before it
    could be sent. ``reached``: the receivers of the channel that took it. ``public_id`` is the message's id at the receiver, the same at each try.
    """

    __tablename__ = "escalation_delivery"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'sent', 'failed', 'withdrawn')", name="state"),
        CheckConstraint("why IN ('unacknowledged', 'at_once', 'overdue', 'test')", name="why"),
        CheckConstraint("(why = 'test') = (alarm_id IS NULL)", name="alarm"),
        UniqueConstraint("alarm_id", "channel"),
        Index(
            "ix_escalation_delivery_waiting",
            "due_at",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    channel: str
    alarm_id: int | None = Field(default=None, foreign_key="ledger_alarm.id")
    why: str
    state: str = "waiting"
    made_at: datetime
    due_at: datetime
    tries: int = 0
    done_at: datetime | None = None
    problem: str = ""
    reached: list[str] = Field(default_factory=list, sa_type=JSON)
    asked_by: str | None = None
