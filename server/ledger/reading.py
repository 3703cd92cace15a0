"""What the ledger holds, for pages, the API and comparisons. Every query here runs on an index."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import and_, func, select
from sqlmodel import Session

from controller.site import Site
from server.db.engine import Database
from server.fleet.models import Edge
from server.ledger.keyed_rows import table_of
from server.ledger.models import (
    LedgerAlarm,
    LedgerDevice,
    LedgerDoor,
    LedgerEvent,
    LedgerJournal,
    LedgerLost,
    LedgerQuarantine,
    LedgerRecord,
)
from server.rfc3339 import rfc3339

EXPORT_PAGE = 500
FILTERS = ("door", "holder", "customer", "alarm")
"""Columns by which events can be sought; each has its index."""


class EventRow(msgspec.Struct, frozen=True):
    """One event as pages and the API show it. ``because`` is {reason, rule, inputs} or null; ``detail`` the whole event.

    ``own``: the server's own event, with no record of an edge behind it.
    """

    seq: int
    edge: str
    at: str
    kind: str
    door: str | None
    access_point: str | None
    badge: int | None
    holder: int | None
    customer: int | None
    number: str | None
    reason: str | None
    rule: str | None
    alarm: str | None
    subject: str | None
    because: msgspec.Raw
    detail: msgspec.Raw
    own: bool = False


class _Because(msgspec.Struct, frozen=True):
    because: msgspec.Raw = msgspec.Raw(b"null")


_because_decoder = msgspec.json.Decoder(_Because)


def events_after(
    session: Session, seq: int, limit: int, sought: dict[str, str | int] | None = None, *, newest_first: bool = False
) -> list[EventRow]:
    """Up to ``limit`` events after ``seq`` in the order of the ledger; with ``newest_first`` those before ``seq`` (0: the
    newest), latest first. ``sought``: column of :data:`FILTERS` → value."""
    events, edges = table_of(LedgerEvent), table_of(Edge)
    query = select(events, edges.c.name.label("edge")).join(edges, edges.c.id == events.c.edge_id)
    for column, value in (sought or {}).items():
        query = query.where(events.c[column] == value)
    if newest_first:
        query = query.order_by(events.c.seq.desc())
        if seq:
            query = query.where(events.c.seq < seq)
    else:
        query = query.where(events.c.seq > seq).order_by(events.c.seq)
    return [event_row(row) for row in session.connection().execute(query.limit(limit))]


def newest_events(
    session: Session, last: int, limit: int, within: int, kinds: Sequence[str], *, listed: bool
) -> list[EventRow]:
    """Up to ``limit`` events up to ``last``, latest first, of these ``kinds`` only, or with ``listed`` False of all others.
    Looks back over ``within`` events at most."""
    events, edges = table_of(LedgerEvent), table_of(Edge)
    query = (
        select(events, edges.c.name.label("edge"))
        .join(edges, edges.c.id == events.c.edge_id)
        .where(events.c.seq <= last, events.c.seq > last - within)
        .where(events.c.kind.in_(kinds) if listed else events.c.kind.not_in(kinds))
        .order_by(events.c.seq.desc())
    )
    return [event_row(row) for row in session.connection().execute(query.limit(limit))]


def last_event_seq(session: Session) -> int:
    """The newest event's number, 0 when there is none: where a live page begins."""
    return session.connection().scalar(select(func.max(table_of(LedgerEvent).c.seq))) or 0


def event_row(row: Any) -> EventRow:
    """A row of ``ledger_event`` with its edge's name as ``edge``."""
    detail = row.detail.encode()
    return EventRow(
        seq=row.seq,
        edge=row.edge,
        at=rfc3339(row.at_us),
        kind=row.kind,
        door=row.door,
        access_point=row.access_point,
        badge=row.badge,
        holder=row.holder,
        customer=row.customer,
        number=row.number,
        reason=row.reason,
        rule=row.rule,
        alarm=row.alarm,
        subject=row.subject,
        because=_because_decoder.decode(detail).because,
        detail=msgspec.Raw(detail),
        own=row.record_seq is None,
    )


def doors(session: Session, site: Site) -> list[dict[str, Any]]:
    """Every door of the site with its four facts; ``unknown`` until an edge has reported it."""
    table, edges, alarm_table = table_of(LedgerDoor), table_of(Edge), table_of(LedgerAlarm)
    connection = session.connection()
    query = select(table, edges.c.name.label("edge"), edges.c.online).join(edges, edges.c.id == table.c.edge_id)
    reported = {row.door: row for row in connection.execute(query)}
    standing: dict[str, str] = {}
    for row in connection.execute(
        select(alarm_table.c.subject, alarm_table.c.alarm)
        .where(alarm_table.c.cleared_us.is_(None))
        .order_by(alarm_table.c.id)
    ):
        standing[row.subject] = row.alarm
    shown = []
    for door in site.doors:
        found = reported.get(door.id)
        shown.append(
            {
                "door": door.id,
                "name_zh": door.name_zh,
                "name_en": door.name_en,
                "edge": found.edge if found else None,
                "edge_online": bool(found and found.online),
                "mode": found.mode if found else "unknown",
                "position": found.position if found else "unknown",
                "lock": found.lock if found else "unknown",
                "maintenance_until": rfc3339(found.maintenance_until_us) if found else None,
                "alarm": standing.get(door.id),
                "changed_at": rfc3339(found.changed_us) if found else None,
            }
        )
    return shown


def devices(session: Session, edge_id: int) -> list[dict[str, Any]]:
    """An edge's readers and boards as recorded last."""
    table = table_of(LedgerDevice)
    rows = session.connection().execute(select(table).where(table.c.edge_id == edge_id).order_by(table.c.device))
    return [
        {
            "device": row.device,
            "kind": row.kind,
            "working": row.working,
            "cause": row.cause,
            "changed_at": rfc3339(row.changed_us),
        }
        for row in rows
    ]


def head_seq(session: Session, edge_id: int, journal_id: str | None) -> int:
    """How far the server holds an edge's journal."""
    table = table_of(LedgerJournal)
    query = select(table.c.head_seq).where(table.c.edge_id == edge_id, table.c.journal_id == journal_id)
    return session.connection().scalar(query.order_by(table.c.branch.desc()).limit(1)) or 0


def quarantined(session: Session, after: int, limit: int) -> list[dict[str, Any]]:
    """Records that are kept but cannot be read by this program, with the reason."""
    table, records, edges, journals = (
        table_of(model) for model in (LedgerQuarantine, LedgerRecord, Edge, LedgerJournal)
    )
    query = (
        select(table, edges.c.name.label("edge"), journals.c.journal_id, records.c.journal_seq, records.c.record)
        .join(records, records.c.seq == table.c.record_seq)
        .join(journals, journals.c.id == records.c.journal_key)
        .join(edges, edges.c.id == table.c.edge_id)
        .where(table.c.record_seq > after)
    )
    return [
        {
            "record_seq": row.record_seq,
            "edge": row.edge,
            "journal_id": row.journal_id,
            "seq": row.journal_seq,
            "error": row.error,
            "tried_by": row.tried_by,
            "record": row.record.decode("utf-8", "replace"),
        }
        for row in session.connection().execute(query.order_by(table.c.record_seq).limit(limit))
    ]


def lost_ranges(session: Session) -> list[dict[str, Any]]:
    """Ranges that were declared lost, and journals that were replaced (``to_seq`` None)."""
    table, journals, edges = table_of(LedgerLost), table_of(LedgerJournal), table_of(Edge)
    query = (
        select(table, journals.c.journal_id, edges.c.name.label("edge"))
        .join(journals, journals.c.id == table.c.journal_key)
        .join(edges, edges.c.id == journals.c.edge_id)
    )
    return [
        {
            "edge": row.edge,
            "journal_id": row.journal_id,
            "from_seq": row.from_seq,
            "to_seq": row.to_seq,
            "declared_at": rfc3339(row.declared_us),
        }
        for row in session.connection().execute(query.order_by(table.c.id))
    ]


class ExportLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record of an export. ``record`` is its bytes as text; ``hash`` the chain after it, in hexadecimal; ``branch``
    above 0: the history after a fork. Bytes that are no UTF-8 stand in ``raw`` (base64) instead."""

    journal_id: str
    seq: int
    hash: str
    record: str
    branch: int = 0
    raw: bytes = b""


def _export_line(journal: Any, row: Any) -> ExportLine:
    try:
        text, raw = row.record.decode(), b""
    except UnicodeDecodeError:
        text, raw = "", row.record
    return ExportLine(journal.journal_id, row.journal_seq, row.hash.hex(), text, journal.branch, raw)


def export(database: Database, edge_id: int, after_seq: int) -> Iterator[Sequence[ExportLine]]:
    """All raw records of an edge with a journal seq above ``after_seq``, journal by journal, in pages. Records never change,
    so each page is a transaction of its own: a slow reader holds no connection."""
    journals, records = table_of(LedgerJournal), table_of(LedgerRecord)
    with database.read() as session:
        found = session.connection().execute(
            select(journals).where(journals.c.edge_id == edge_id).order_by(journals.c.id)
        )
        of_edge = found.all()
    for journal in of_edge:
        done = after_seq
        while True:
            query = (
                select(records.c.journal_seq, records.c.hash, records.c.record)
                .where(and_(records.c.journal_key == journal.id, records.c.journal_seq > done))
                .order_by(records.c.journal_seq)
                .limit(EXPORT_PAGE)
            )
            with database.read() as session:
                rows = session.connection().execute(query).all()
            if not rows:
                break
            yield [_export_line(journal, row) for row in rows]
            done = rows[-1].journal_seq
