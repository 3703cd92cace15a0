"""Pages of the register (R3). Every filter has an index that ends with the time."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, Subquery, and_, exists, func, or_, select, true, tuple_, union
from sqlalchemy.engine import Connection

from server.fleet.models import Edge
from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerRecord
from server.rooms.models import OPEN, STAYLESS, STAYS_PER_ENTRY, RegisterEntry, RegisterNote, RegisterStay

IDS_AT_ONCE = 500
ENTRIES, STAYS, NOTES = table_of(RegisterEntry), table_of(RegisterStay), table_of(RegisterNote)
_EDGES, _RECORDS = table_of(Edge), table_of(LedgerRecord)
_room_of_stay = STAYS.c.area + ""
"""A stay's room where few stays are looked at: not by the index of the room, which holds all that ever were there."""
OPERATION = "operation"
"""The kind of note that says what was done (R3)."""


class Sought(msgspec.Struct, frozen=True):
    """What is asked for; None: any. Times are microseconds, ``[from_us, until_us)``. ``open``: only entries that began a stay that goes on;
    ``incomplete``: only entries into these rooms whose operation is not noted yet; ``book``: only entries that began a stay, which tells when
    it ended, or of which no stay tells. ``area``: the room that the entry is about, for ``open`` and ``book`` that of the stay."""

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

    @property
    def by_stay(self) -> bool:
        """Whether a line is a stay; operations are noted by entry."""
        return self.book and self.incomplete is None


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
    entries, area = ENTRIES.c, sought.area
    query = select(ENTRIES, _EDGES.c.name.label("edge")).join(_EDGES, _EDGES.c.id == entries.edge_id)
    if sought.open:
        began = _open_since(area)
        query = _narrow(query, sought).join(began, began.c.id == entries.id)
    elif not sought.by_stay:
        query = _narrow(query, sought).where(true() if area is None else entries.area == area)
    elif area is None:
        query = _narrow(query, sought).where(or_(entries.began > 0, STAYLESS))
    elif sought.customer is not None or sought.holder is not None or sought.number is not None:
        query = _narrow(query, sought).where(or_(_began_in(area), and_(STAYLESS, entries.area == area)))
    else:
        told = _told_of_room(sought, area, after, limit, newest_first=newest_first)
        query = query.join(told, told.c.id == entries.id)
    return _page(query, entries.at_us, entries.id, after, limit, newest_first=newest_first)


def _narrow(query: Select[Any], sought: Sought, at_us: Any = ENTRIES.c.at_us) -> Select[Any]:
    """By all but the room; ``at_us``: the column of an index on the time."""
    entries = ENTRIES.c
    for name in ("door", "customer", "holder", "number"):
        value = getattr(sought, name)
        if value is not None:
            query = query.where(entries[name] == value)
    if sought.from_us is not None:
        query = query.where(at_us >= sought.from_us)
    if sought.until_us is not None:
        query = query.where(at_us < sought.until_us)
    if sought.incomplete is not None:
        noted = exists().where(NOTES.c.entry_id == entries.id, NOTES.c.kind == OPERATION)
        query = query.where(entries.direction == "in", entries.area.in_(sought.incomplete), ~noted)
    return query


def _page(
    query: Select[Any], at_us: Any, id_: Any, after: Place | None, limit: int | None, *, newest_first: bool
) -> Select[Any]:
    if after is not None:
        here, there = tuple_(at_us, id_), tuple_(after.at_us, after.id)
        query = query.where(here < there if newest_first else here > there)
    return query.order_by(*(column.desc() if newest_first else column for column in (at_us, id_))).limit(limit)


def _open_since(area: str | None) -> Subquery:
    """The ids of the entries that began a stay that goes on, in this room or in any."""
    query = select((STAYS.c.id // STAYS_PER_ENTRY).label("id")).where(OPEN).distinct()
    return (query if area is None else query.where(_room_of_stay == area)).subquery()


def _began_in(area: str) -> Any:
    """Whether an entry began a stay in this room, wherever its door leads."""
    first = ENTRIES.c.id * STAYS_PER_ENTRY
    own = STAYS.c.id.between(first, first + STAYS_PER_ENTRY - 1)
    return exists().where(own, _room_of_stay == area)


def _told_of_room(sought: Sought, area: str, after: Place | None, limit: int | None, *, newest_first: bool) -> Subquery:
    """The ids of a page of :func:`_began_in`, by the stays' own index, and of those about the room of which no stay tells."""
    entries, stays = ENTRIES.c, STAYS.c
    began = select(entries.id).join(STAYS, entries.id == stays.id // STAYS_PER_ENTRY).where(stays.area == area)
    since = (
        None
        if after is None
        else Place(after.at_us, after.id * STAYS_PER_ENTRY + (0 if newest_first else STAYS_PER_ENTRY - 1))
    )
    told = (
        _page(_narrow(began, sought, stays.in_us), stays.in_us, stays.id, since, limit, newest_first=newest_first),
        _page(
            _narrow(select(entries.id).where(STAYLESS, entries.area == area), sought),
            entries.at_us, entries.id, after, limit, newest_first=newest_first,
        ),
    )  # fmt: skip
    return union(*(select(one.subquery().c.id) for one in told)).subquery()


def is_more_than(connection: Connection, sought: Sought, most: int) -> bool:
    """Whether more than ``most`` entries are found; looks at no more than it must."""
    found = page_query(sought, None, most + 1).with_only_columns(ENTRIES.c.id).subquery()
    return (connection.scalar(select(func.count()).select_from(found)) or 0) > most


def stays_of(connection: Connection, rows: Sequence[Any]) -> dict[int, list[Any]]:
    """The stays that these entries began or ended, by entry."""
    began = [row.id * STAYS_PER_ENTRY + number for row in rows for number in range(row.began)]
    unseen = {stay: row.id for row in rows for stay in json.loads(row.ended)}
    found: dict[int, dict[int, Any]] = {row.id: {} for row in rows}
    for stay in _in_parts(connection, STAYS.c.id, {*began, *unseen}):
        if stay.id // STAYS_PER_ENTRY in found:
            found[stay.id // STAYS_PER_ENTRY][stay.id] = stay
        if stay.id in unseen and stay.exit_id is None:
            found[unseen[stay.id]][stay.id] = stay
    for stay in _in_parts(connection, STAYS.c.exit_id, found):
        found[stay.exit_id][stay.id] = stay
    return {entry: list(stays.values()) for entry, stays in found.items()}


def _in_parts(connection: Connection, column: Any, wanted: Iterable[int]) -> Iterator[Any]:
    """The stays with one of these values."""
    ordered = sorted(wanted)
    for start in range(0, len(ordered), IDS_AT_ONCE):
        yield from connection.execute(select(STAYS).where(column.in_(ordered[start : start + IDS_AT_ONCE])))


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
