"""The register's entries and stays, made from records while they are ingested (R3).

One transaction's facts are collected and written together: a stay that began earlier is looked up once for all holders. No row
objects here: a backlog brings thousands of passages a second.
"""

from collections.abc import Iterable, Sequence
from heapq import merge
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import Connection

from controller.commands import Admit
from controller.events import AccessTaken, AnyEvent, CommandDone, ExitByRequest
from controller.room_events import Found, OccupancyReconciled
from server.ledger.bulk import insert_rows, run, upsert_rows
from server.ledger.keyed_rows import table_of
from server.rooms.areas import Areas
from server.rooms.models import STAYS_PER_ENTRY, RegisterAdmission, RegisterEntry
from server.rooms.open_stays import Moved, OpenStays
from server.rooms.whereabouts import Passage

REGISTERED: frozenset[type] = frozenset({AccessTaken, ExitByRequest, OccupancyReconciled, CommandDone})
"""Events that the register looks at."""
_ENTRIES, _ADMISSIONS = table_of(RegisterEntry), table_of(RegisterAdmission)
_ENTRY_COLUMNS = (
    "id", "event_seq", "record_seq", "edge_id", "at_us", "direction", "area", "door", "access_point", "from_area", "to_area", "holder",
    "badge", "number", "customer", "kind", "partners", "escort", "permit", "emergency", "purpose", "operator", "began", "ended",
)  # fmt: skip
_WHO = ("holder", "badge", "number", "customer", "kind")
_ADMISSION_COLUMNS = ("edge_id", "person", "reason", "operator", "command_id", "at_us")
_LAST = "SELECT coalesce((SELECT max(id) FROM register_entry), 0)"
_encode = msgspec.json.Encoder().encode
_Who = tuple[int | None, int | None, str | None, int | None, str | None]
_NOBODY: _Who = (None, None, None, None, None)
_NOT_MOVED: Moved = (0, ())


class _Fact(msgspec.Struct, frozen=True, gc=False):
    edge_id: int
    at_us: int
    event_seq: int
    record_seq: int
    event: Any
    folds: bool


class Register:
    """Collects one transaction's passages; :meth:`save` writes them."""

    def __init__(self, connection: Connection, areas: Areas) -> None:
        self._connection = connection
        self._areas = areas
        self._facts: list[_Fact] = []
        self._last_id = 0
        self._entries: list[tuple[Any, ...]] = []
        self._stays = OpenStays(connection, areas)
        self._admitted: dict[tuple[int, str], tuple[str, str]] = {}
        self._new_admissions: dict[tuple[int, str], tuple[Any, ...]] = {}

    def take(
        self, edge_id: int, event: AnyEvent, at_us: int, event_seq: int, record_seq: int, *, folds: bool = True
    ) -> None:
        """Note one of the :data:`REGISTERED`. ``folds`` False: it comes late, after what followed it, and tells nothing of
        who is inside now."""
        if isinstance(event, CommandDone) and not (isinstance(event.command, Admit) and event.result == "done"):
            return
        self._facts.append(_Fact(edge_id, at_us, event_seq, record_seq, event, folds))

    def save(self) -> None:
        """Write entries and stays. The caller commits."""
        if not self._facts:
            return
        self._last_id = run(self._connection, _LAST).scalar_one()
        self._load_stays()
        self._load_admissions()
        for fact in self._by_time():
            match fact.event:
                case AccessTaken() as taken:
                    self._taken(fact, taken)
                case ExitByRequest() as left:
                    self._enter(fact, "out", left.area, left.door, None, left.area, None)
                case OccupancyReconciled() as count:
                    self._counted(fact, count)
                case CommandDone() as done:
                    self._admit(fact, done)
        insert_rows(self._connection, _ENTRIES, _ENTRY_COLUMNS, self._entries)
        self._stays.save()
        admissions = list(self._new_admissions.values())
        upsert_rows(self._connection, _ADMISSIONS, _ADMISSION_COLUMNS, ("edge_id", "person"), admissions)
        self._facts = []

    def _by_time(self) -> Iterable[_Fact]:
        """The facts of several edges between each other; those of one as they came."""
        by_edge: dict[int, list[_Fact]] = {}
        for fact in self._facts:
            by_edge.setdefault(fact.edge_id, []).append(fact)
        return merge(*by_edge.values(), key=lambda fact: fact.at_us) if len(by_edge) > 1 else self._facts

    def _taken(self, fact: _Fact, taken: AccessTaken) -> None:
        if taken.presence == "unchanged":
            direction, area = "opened", taken.to_area
        elif taken.presence == "gone" or self._areas.leads_out(taken.access_point, taken.from_area, taken.to_area):
            direction, area = "out", taken.from_area
        else:
            direction, area = "in", taken.to_area
        began, ended = _NOT_MOVED
        if direction != "opened" and fact.folds:
            rooms = () if taken.presence == "gone" else self._areas.rooms(taken.to_area)
            passage = self._passage(fact, taken.holder, direction, area, taken.from_area, taken.to_area)
            began, ended = self._stays.move(passage, rooms, self._areas.rooms(taken.from_area), "exit")
        purpose, operator = None, None
        if taken.badge == 0:
            purpose, operator = self._admitted.get((fact.edge_id, taken.number), (None, None))
        self._enter(
            fact,
            direction,
            area,
            taken.door,
            taken.access_point,
            taken.from_area,
            taken.to_area,
            (taken.holder, taken.badge, taken.number, taken.customer, taken.kind),
            _encode(taken.partners).decode() if taken.partners else "[]",
            taken.escort,
            taken.grant,
            taken.emergency,
            purpose,
            operator,
            began,
            ended,
        )

    def _counted(self, fact: _Fact, count: OccupancyReconciled) -> None:
        for found in count.present:
            rooms = self._areas.rooms(found.area)
            listed = found.area in self._stays.of(fact.edge_id, found.holder)
            moved = _NOT_MOVED
            if fact.folds:
                passage = self._passage(fact, found.holder, "found", found.area)
                moved = self._stays.move(passage, () if listed else rooms, rooms, "count", rooms, not listed)
            if not listed:
                self._count(fact, count, "found", found.area, _who(found), moved)
        for holder in (*count.gone, *self._unheard(fact, count)):
            stay = next(iter(self._stays.of(fact.edge_id, holder).values()), None)
            known = self._who_entered(stay.id // STAYS_PER_ENTRY) if stay is not None else _NOBODY
            passage = self._passage(fact, holder, "missed", count.area)
            moved = self._stays.move(passage, (), (), "count") if fact.folds else _NOT_MOVED
            self._count(fact, count, "missed", count.area, (holder, *known[1:]), moved)
        for found in count.elsewhere:
            passage = self._passage(fact, found.holder, "missed", count.area)
            keeps = self._areas.rooms(found.area)
            moved = self._stays.move(passage, (), (), "count", keeps) if fact.folds else _NOT_MOVED
            self._count(fact, count, "missed", count.area, _who(found), moved)
        self._stays.end_revoked(fact.edge_id, fact.at_us, {count.area, *count.within})

    def _unheard(self, fact: _Fact, count: OccupancyReconciled) -> list[int]:
        """Whose stay lost records left open in a counted room, or another edge began there: the edge, which has them nowhere, cannot name
        them."""
        named = {found.holder for found in (*count.present, *count.elsewhere)} | set(count.gone)
        return sorted(self._stays.staying_in(fact.edge_id, fact.at_us, {count.area, *count.within}) - named)

    def _count(
        self, fact: _Fact, count: OccupancyReconciled, direction: str, area: str, who: _Who, moved: Moved
    ) -> None:
        began, ended = moved
        self._enter(
            fact, direction, area, None, None, None, None, who,
            purpose=count.reason, operator=count.operator, began=began, ended=ended,
        )  # fmt: skip

    def _admit(self, fact: _Fact, done: CommandDone) -> None:
        command = done.command
        assert isinstance(command, Admit)
        key = fact.edge_id, command.person
        self._admitted[key] = command.reason, done.operator
        self._new_admissions[key] = (*key, command.reason, done.operator, done.command_id, fact.at_us)

    def _enter(
        self,
        fact: _Fact,
        direction: str,
        area: str,
        door: str | None,
        access_point: str | None,
        from_area: str | None,
        to_area: str | None,
        who: _Who = _NOBODY,
        partners: str = "[]",
        escort: int | None = None,
        permit: int | None = None,
        emergency: bool = False,
        purpose: str | None = None,
        operator: str | None = None,
        began: int = 0,
        ended: Sequence[int] = (),
    ) -> None:
        """The next entry, in the order of :data:`_ENTRY_COLUMNS`."""
        self._last_id += 1
        self._entries.append(
            (
                self._last_id, fact.event_seq, fact.record_seq, fact.edge_id, fact.at_us, direction, area, door, access_point,
                from_area, to_area, *who, partners, escort, permit, emergency, purpose, operator, began,
                _encode(ended).decode() if ended else "[]",
            )
        )  # fmt: skip

    def _passage(
        self,
        fact: _Fact,
        holder: int,
        direction: str,
        area: str,
        from_area: str | None = None,
        to_area: str | None = None,
    ) -> Passage:
        """What the next entry says."""
        return Passage(self._last_id + 1, fact.at_us, fact.edge_id, holder, direction, area, from_area, to_area)

    def _load_stays(self) -> None:
        since: dict[int, int] = {}
        counted: set[int] = set()
        for fact in self._facts:
            for holder in _holders(fact.event):
                since[holder] = min(fact.at_us, since.get(holder, fact.at_us))
            if isinstance(fact.event, OccupancyReconciled):
                counted |= self._stays.stored_in(fact.edge_id, (fact.event.area, *fact.event.within))
        self._stays.load({*since, *counted})
        self._stays.load_later(since)

    def _load_admissions(self) -> None:
        wanted = {
            (fact.edge_id, fact.event.number)
            for fact in self._facts
            if type(fact.event) is AccessTaken and fact.event.badge == 0
        }
        for edge_id, person in sorted(wanted):
            of_person = _ADMISSIONS.c.edge_id == edge_id, _ADMISSIONS.c.person == person
            query = select(_ADMISSIONS.c.reason, _ADMISSIONS.c.operator).where(*of_person)
            for row in self._connection.execute(query):
                self._admitted[edge_id, person] = row.reason, row.operator

    def _who_entered(self, entry_id: int) -> _Who:
        """Of an earlier entry, in this transaction or before."""
        for row in self._entries:
            if row[0] == entry_id:
                first = _ENTRY_COLUMNS.index(_WHO[0])
                return row[first : first + len(_WHO)]
        query = select(*(_ENTRIES.c[name] for name in _WHO)).where(_ENTRIES.c.id == entry_id)
        found = self._connection.execute(query).first()
        return tuple(found) if found is not None else _NOBODY


def _who(found: Found) -> _Who:
    return found.holder, found.badge, found.number, found.customer, found.kind


def _holders(event: Any) -> Iterable[int]:
    if isinstance(event, AccessTaken):
        return (event.holder,)
    if isinstance(event, OccupancyReconciled):
        return (*event.gone, *(found.holder for found in (*event.present, *event.elsewhere)))
    return ()
