"""Pages of the register (R3). Every filter has an index that ends with the time."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, exists, func, or_, select, tuple_
from sqlalchemy.engine import Connection

from server.fleet.models import Edge
from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerRecord
from server.rooms.models import OPEN, STAYS_PER_ENTRY, RegisterEntry, RegisterNote, RegisterStay

IDS_AT_ONCE = 500
ENTRIES, STAYS, NOTES = table_of(RegisterEntry), table_of(RegisterStay), table_of(RegisterNote)
_EDGES, _RECORDS = table_of(Edge), table_of(LedgerRecord)
OPERATION = "operation"
"""The kind of note that says what was done (R3)."""


class Sought(msgspec.Struct, frozen=True):
    """What is asked for; None: any. Times are microseconds, ``[from_us, until_us)``. ``open``: only entries of people who are still inside;
    ``incomplete``: only entries into these rooms whose operation is not noted yet; ``book``: without what ended a stay, which the entry that
    began it tells."""

    area: str | None = None
    customer: int | None = None
    holder: int | None = None
    number: str | None = None
    from_us: int | None = None
    until_us: int | None = None
    door: str | None = None
    open: bool = False
    incomplete: tuple[str, ...] | None = None
    book: bool = False


class Place(msgspec.Struct, frozen=True):
    """Where a page begins: after this entry, in the order of time."""

    at_us: int
    id: int

    @classmethod
    def parse(cls, cursor: str) -> "Place":
        """The reverse of ``str``; the caller has checked the form."""
        at_us, _, number = cursor.partition("-")
        return cls(int(at_us), int(number))

    def __str__(self) -> str:
        """As the API shows it."""
        return f"{self.at_us}-{self.id}"


def page_query(sought: Sought, after: Place | None, limit: int | None, *, newest_first: bool = False) -> Select[Any]:
    """Up to ``limit`` entries (None: all) after ``after``, by time."""
    entries = ENTRIES.c
    query = select(ENTRIES, _EDGES.c.name.label("edge")).join(_EDGES, _EDGES.c.id == entries.edge_id)
    for name in ("area", "door", "customer", "holder", "number"):
        value = getattr(sought, name)
        if value is not None:
            query = query.where(entries[name] == value)
    if sought.from_us is not None:
        query = query.where(entries.at_us >= sought.from_us)
    if sought.until_us is not None:
        query = query.where(entries.at_us < sought.until_us)
    if sought.open:
        query = query.where(entries.id.in_(select(STAYS.c.id // STAYS_PER_ENTRY).where(OPEN)))
    if sought.incomplete is not None:
        noted = exists().where(NOTES.c.entry_id == entries.id, NOTES.c.kind == OPERATION)
        query = query.where(entries.direction == "in", entries.area.in_(sought.incomplete), ~noted)
    if sought.book and not sought.open:  # who went back into an outer room is inside by the entry that says so
        query = query.where(or_(entries.direction.not_in(("out", "missed")), entries.ended == "[]"))
    here = tuple_(entries.at_us, entries.id)
    if after is not None:
        there = tuple_(after.at_us, after.id)
        query = query.where(here < there if newest_first else here > there)
    order = (entries.at_us.desc(), entries.id.desc()) if newest_first else (entries.at_us, entries.id)
    return query.order_by(*order).limit(limit)


def is_more_than(connection: Connection, sought: Sought, most: int) -> bool:
    """Whether more than ``most`` entries are found; looks at no more than it must."""
    found = page_query(sought, None, most + 1).with_only_columns(ENTRIES.c.id).subquery()
    return (connection.scalar(select(func.count()).select_from(found)) or 0) > most


def stays_of(connection: Connection, rows: Sequence[Any]) -> dict[int, list[Any]]:
    """The stays that these entries began or ended, by entry."""
    of_entry = {
        row.id: [row.id * STAYS_PER_ENTRY + number for number in range(row.began)] + json.loads(row.ended)
        for row in rows
    }
    wanted = sorted({stay for stays in of_entry.values() for stay in stays})
    found: dict[int, Any] = {}
    for start in range(0, len(wanted), IDS_AT_ONCE):
        some = wanted[start : start + IDS_AT_ONCE]
        found |= {row.id: row for row in connection.execute(select(STAYS).where(STAYS.c.id.in_(some)))}
    return {entry: [found[stay] for stay in stays if stay in found] for entry, stays in of_entry.items()}


def notes_of(connection: Connection, entry_ids: Sequence[int]) -> dict[int, list[Any]]:
    """The notes of these entries in their order, by entry."""
    found: dict[int, list[Any]] = {}
    if entry_ids:
        for row in connection.execute(select(NOTES).where(NOTES.c.entry_id.in_(entry_ids)).order_by(NOTES.c.n)):
            found.setdefault(row.entry_id, []).append(row)
    return found


def record_hashes(connection: Connection, record_seqs: Iterable[int]) -> dict[int, bytes]:
    """The chain's hash at each of these records of the ledger."""
    wanted = sorted(set(record_seqs))
    query = select(_RECORDS.c.seq, _RECORDS.c.hash).where(_RECORDS.c.seq.in_(wanted))
    return {row.seq: row.hash for row in connection.execute(query)} if wanted else {}


def one_entry(connection: Connection, entry_id: int) -> Any | None:
    """One entry with its edge's name."""
    query = select(ENTRIES, _EDGES.c.name.label("edge")).join(_EDGES, _EDGES.c.id == ENTRIES.c.edge_id)
    return connection.execute(query.where(ENTRIES.c.id == entry_id)).first()
