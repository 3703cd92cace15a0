"""Tables of the connection to the CRM: which customers are to be fetched, and how far the regular look has come."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from server.db.model import Model

_OPEN = text("state = 'waiting'")


class CrmFetch(Model, table=True):
    """One customer of the CRM that is to be fetched, by its id there. ``webhook_id``: of the message that hinted at it; a second
    message of that id changes nothing. ``tries`` and ``problem``: how it went so far."""

    __tablename__ = "crm_fetch"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'done', 'failed')", name="state"),
        Index("ix_crm_fetch_waiting", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_crm_fetch_asked_at", "asked_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    external_id: str = Field(index=True)
    webhook_id: str | None = Field(default=None, unique=True)
    state: str = "waiting"
    asked_at: datetime
    due_at: datetime
    tries: int = 0
    done_at: datetime | None = None
    problem: str = ""


class CrmState(Model, table=True):
    """One row per CRM. ``fetched_until``: everything that the CRM changed before this is here. ``due_at``: when it is asked next.
    ``problem``: why the last look failed; empty when it did not."""

    __tablename__ = "crm_state"

    name: str = Field(primary_key=True)
    fetched_until: datetime | None = None
    due_at: datetime
    last_at: datetime | None = None
    problem: str = ""
