"""Tables of the ledger. Written by the one ingesting process only, through Core; alarms also by their endpoint.

``seq`` of :class:`LedgerRecord` and of :class:`LedgerEvent` are global, rise by one and have no gaps.
"""

from sqlalchemy import Index, UniqueConstraint, false, text, true
from sqlmodel import Field

from server.db.columns import BIG_INT
from server.db.model import Model


class LedgerJournal(Model, table=True):
    """One edge journal and its head: the last record of the contiguous prefix that the server holds.

    After a fork (the same journal_id and seq with another hash) the other history goes on as the next ``branch``, from
    ``first_seq``: both are kept.
    """

    __tablename__ = "ledger_journal"
    __table_args__ = (UniqueConstraint("edge_id", "journal_id", "branch"),)

    id: int | None = Field(default=None, primary_key=True)
    edge_id: int = Field(foreign_key="edge.id")
    journal_id: str
    branch: int = 0
    first_seq: int = Field(default=1, sa_type=BIG_INT)
    head_seq: int = Field(default=0, sa_type=BIG_INT)
    head_hash: bytes
    created_us: int = Field(sa_type=BIG_INT)


class LedgerRecord(Model, table=True):
    """One record's unchanged bytes. ``hash`` is the journal's chain at ``journal_seq``."""

    __tablename__ = "ledger_record"
    __table_args__ = (UniqueConstraint("journal_key", "journal_seq"),)

    seq: int = Field(primary_key=True, sa_type=BIG_INT)
    journal_key: int = Field(foreign_key="ledger_journal.id")
    journal_seq: int = Field(sa_type=BIG_INT)
    received_us: int = Field(sa_type=BIG_INT)
    hash: bytes
    record: bytes


class LedgerQuarantine(Model, table=True):
    """A record that is kept but could not be read. ``tried_by``: the software that tried last; a newer one tries again."""

    __tablename__ = "ledger_quarantine"

    record_seq: int = Field(primary_key=True, sa_type=BIG_INT, foreign_key="ledger_record.seq")
    edge_id: int = Field(foreign_key="edge.id")
    error: str
    tried_by: str


class LedgerLost(Model, table=True):
    """A range of a journal that can no longer be had: declared by the edge's ``first_retained_seq``, alarmed, passed.

    ``to_seq`` None: the journal was replaced, and what lay after ``from_seq`` is not known."""

    __tablename__ = "ledger_lost"

    id: int | None = Field(default=None, primary_key=True)
    journal_key: int = Field(foreign_key="ledger_journal.id", index=True)
    from_seq: int = Field(sa_type=BIG_INT)
    to_seq: int | None = Field(default=None, sa_type=BIG_INT)
    declared_us: int = Field(sa_type=BIG_INT)


class LedgerEvent(Model, table=True):
    """One event of a record, in columns, for live pages and searches. ``record_seq`` None: the server's own event.

    ``detail`` is the event as JSON. All columns but ``seq`` can be made again from the records.
    """

    __tablename__ = "ledger_event"

    seq: int = Field(primary_key=True, sa_type=BIG_INT)
    record_seq: int | None = Field(default=None, sa_type=BIG_INT)
    edge_id: int
    at_us: int = Field(sa_type=BIG_INT)
    kind: str
    door: str | None = None
    access_point: str | None = None
    badge: int | None = Field(default=None, sa_type=BIG_INT)
    holder: int | None = Field(default=None, sa_type=BIG_INT)
    customer: int | None = Field(default=None, sa_type=BIG_INT)
    number: str | None = None
    reason: str | None = None
    rule: str | None = None
    alarm: str | None = None
    subject: str | None = None
    detail: str

    __table_args__ = (
        Index("ix_ledger_event_door", "door", "seq", sqlite_where=text("door IS NOT NULL"), postgresql_where=text("door IS NOT NULL")),
        Index("ix_ledger_event_holder", "holder", "seq", sqlite_where=text("holder IS NOT NULL"), postgresql_where=text("holder IS NOT NULL")),
        Index("ix_ledger_event_customer", "customer", "seq", sqlite_where=text("customer IS NOT NULL"), postgresql_where=text("customer IS NOT NULL")),
        Index("ix_ledger_event_alarm", "alarm", "seq", sqlite_where=text("alarm IS NOT NULL"), postgresql_where=text("alarm IS NOT NULL")),
        Index("ix_ledger_event_denied", "at_us", "reason", "access_point", "customer", sqlite_where=text("kind = 'AccessDenied'"), postgresql_where=text("kind = 'AccessDenied'")),
    )  # fmt: skip


class LedgerAlarm(Model, table=True):
    """An alarm from raised to cleared. ``source``: the edge said so, or the server found it. One stands per subject.

    ``repeats``: how often it came back soon after clearing, which reopens the row; ``last_raised_us``: when it was raised last, by its
    return or as overdue. ``key``: the mechanical key that explains a forced door (``key_used``)."""

    __tablename__ = "ledger_alarm"

    id: int | None = Field(default=None, primary_key=True)
    edge_id: int = Field(foreign_key="edge.id")
    source: str
    alarm: str
    subject: str
    rule: str
    inputs: str
    raised_us: int = Field(sa_type=BIG_INT)
    raised_seq: int = Field(sa_type=BIG_INT)
    acknowledged_us: int | None = Field(default=None, sa_type=BIG_INT)
    acknowledged_by: str | None = None
    note: str | None = None
    cleared_us: int | None = Field(default=None, sa_type=BIG_INT)
    repeats: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    last_raised_us: int | None = Field(default=None, sa_type=BIG_INT)
    key: str | None = None

    __table_args__ = (
        Index(
            "ux_ledger_alarm_standing", "edge_id", "source", "alarm", "subject", unique=True,
            sqlite_where=text("cleared_us IS NULL"), postgresql_where=text("cleared_us IS NULL"),
        ),
        Index("ix_ledger_alarm_subject", "subject", "alarm", "id"),
        Index("ix_ledger_alarm_name", "alarm", "id"),
        Index("ix_ledger_alarm_raised", "alarm", "raised_us"),
    )  # fmt: skip


class LedgerDoor(Model, table=True):
    """A door's mode, position and lock as its edge recorded them last (DESIGN §3: three of the four facts).
    ``maintenance_until_us``: somebody works at it until then."""

    __tablename__ = "ledger_door"

    edge_id: int = Field(primary_key=True, foreign_key="edge.id")
    door: str = Field(primary_key=True)
    mode: str = "controlled"
    position: str = "unknown"
    lock: str = "unknown"
    changed_us: int = Field(sa_type=BIG_INT)
    maintenance_until_us: int | None = Field(default=None, sa_type=BIG_INT)


class LedgerPresence(Model, table=True):
    """Where a holder is, from the last door that opened for a badge of theirs, or from a count.

    ``sure``, ``escort``, ``unescorted``: as in :class:`controller.state.Presence`. ``from_area``: where they came from, for badges that are
    inside at two edges; None after a count. A negative holder is somebody without a badge."""

    __tablename__ = "ledger_presence"
    __table_args__ = (Index("ix_ledger_presence_holder", "holder"),)

    edge_id: int = Field(primary_key=True, foreign_key="edge.id")
    holder: int = Field(primary_key=True, sa_type=BIG_INT)
    area: str
    since_us: int = Field(sa_type=BIG_INT)
    door: str
    badge: int = Field(sa_type=BIG_INT)
    number: str
    customer: int | None = Field(default=None, sa_type=BIG_INT)
    kind: str | None = None
    sure: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    escort: int | None = Field(default=None, sa_type=BIG_INT)
    unescorted: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    from_area: str | None = None


class LedgerArea(Model, table=True):
    """An area whose presence list is not certain: somebody left without a badge, or the edge was down (MEANINGS 12)."""

    __tablename__ = "ledger_area"

    edge_id: int = Field(primary_key=True, foreign_key="edge.id")
    area: str = Field(primary_key=True)
    uncertain_since_us: int = Field(sa_type=BIG_INT)
    cause: str


class LedgerDevice(Model, table=True):
    """A reader or board as its edge reported it last."""

    __tablename__ = "ledger_device"

    edge_id: int = Field(primary_key=True, foreign_key="edge.id")
    device: str = Field(primary_key=True)
    kind: str
    working: bool
    cause: str
    changed_us: int = Field(sa_type=BIG_INT)


class LedgerLockdown(Model, table=True):
    """A lockdown that is in force at an edge; ``area`` empty: everywhere (MEANINGS 22)."""

    __tablename__ = "ledger_lockdown"

    edge_id: int = Field(primary_key=True, foreign_key="edge.id")
    area: str = Field(primary_key=True)
    cause: str
    operator: str = ""
    reason: str = ""
    since_us: int = Field(sa_type=BIG_INT)


class LedgerWaiting(Model, table=True):
    """Somebody whose tap counts and waits at an access point until ``until_us``, for what ``because`` (JSON) says."""

    __tablename__ = "ledger_waiting"

    edge_id: int = Field(primary_key=True, foreign_key="edge.id")
    place: str = Field(primary_key=True)
    access_point: str
    door: str
    holder: int = Field(sa_type=BIG_INT)
    badge: int = Field(sa_type=BIG_INT)
    number: str
    customer: int | None = Field(default=None, sa_type=BIG_INT)
    out: bool
    because: str
    since_us: int = Field(sa_type=BIG_INT)
    until_us: int = Field(sa_type=BIG_INT)


class LedgerFire(Model, table=True):
    """A fire zone that is latched. ``muster``: the edge's presence when the fire began, as JSON, in the row of the first zone (MEANINGS 27)."""

    __tablename__ = "ledger_fire"

    edge_id: int = Field(primary_key=True, foreign_key="edge.id")
    zone: str = Field(primary_key=True)
    since_us: int = Field(sa_type=BIG_INT)
    muster: str | None = None
