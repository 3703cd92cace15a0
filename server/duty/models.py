"""Tables of the duties: what is to be tested, the tests, the mechanical keys and where they went.

``duty_test``, ``duty_countersignature`` and ``key_movement`` are written once: triggers refuse to change or delete a row of them.
"""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field

from server.db.columns import BIG_INT
from server.db.model import Model

APPEND_ONLY = ("duty_test", "duty_countersignature", "key_movement")


class DutyItem(Model, table=True):
    """One thing that must be shown to work, every ``interval_days`` (L5). ``subject``: a door, a fire zone, or an edge (its enclosure holds the
    battery). ``retired_at``: there is no such thing there; the row stays, so that it is not made again from the site."""

    __tablename__ = "duty_item"
    __table_args__ = (
        CheckConstraint("kind IN ('exit', 'rex', 'manual_release', 'fire_release', 'battery')", name="kind"),
        CheckConstraint("interval_days BETWEEN 1 AND 3660", name="interval_days"),
        UniqueConstraint("subject", "kind"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    subject: str
    kind: str
    interval_days: int
    note: str = ""
    made_at: datetime
    made_by: str
    retired_at: datetime | None = None
    version: int = 1


class DutyTest(Model, table=True):
    """One test, signed by the server for the operator who was signed in. ``content``: the signed bytes (JSON), of which the columns are a copy; ``certificate``: the root's for the
    key ``kid``.
    ``evidence_seq``: the event of the ledger that shows it."""

    __tablename__ = "duty_test"
    __table_args__ = (
        CheckConstraint("result IN ('pass', 'fail')", name="result"),
        Index("ix_duty_test_item", "item_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    item_id: int = Field(foreign_key="duty_item.id")
    result: str
    note: str = ""
    done_at: datetime
    recorded_at: datetime
    by: str
    by_name: str
    evidence_seq: int | None = Field(default=None, sa_type=BIG_INT)
    content: str
    kid: str
    certificate: bytes
    signature: bytes


class DutyCountersignature(Model, table=True):
    """A second person's signature under a test: ``content`` holds the first one's signature."""

    __tablename__ = "duty_countersignature"

    id: int | None = Field(default=None, primary_key=True)
    test_id: int = Field(foreign_key="duty_test.id", unique=True)
    by: str
    by_name: str
    at: datetime
    content: str
    kid: str
    certificate: bytes
    signature: bytes


class MechanicalKey(Model, table=True):
    """One key of metal. ``opens``: doors and areas of the site file. ``holder_id``: who has it while it is ``out``, or had it when it was lost."""

    __tablename__ = "mechanical_key"
    __table_args__ = (CheckConstraint("state IN ('in_cabinet', 'out', 'lost')", name="state"),)

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    number: str = Field(unique=True)
    opens: list[str] = Field(sa_type=JSON)
    kept_at: str
    state: str = "in_cabinet"
    holder_id: int | None = Field(default=None, foreign_key="holder.id")
    made_at: datetime
    version: int = 1


class KeyMovement(Model, table=True):
    """What happened to a key: ``made``, ``taken``, ``returned``, ``lost``, ``found``, ``used`` (it explains an alarm). ``by``: the operator."""

    __tablename__ = "key_movement"
    __table_args__ = (
        CheckConstraint("act IN ('made', 'taken', 'returned', 'lost', 'found', 'used')", name="act"),
        Index("ix_key_movement_key", "key_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    key_id: int = Field(foreign_key="mechanical_key.id")
    act: str
    at: datetime
    holder_id: int | None = Field(default=None, foreign_key="holder.id")
    reason: str
    by: str
    by_name: str
    alarm_id: int | None = Field(default=None, foreign_key="ledger_alarm.id")
