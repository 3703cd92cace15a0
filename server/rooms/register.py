"""The register's entries and stays, made from records while they are ingested (R3).

One transaction's facts are collected and written together: a stay that began earlier is looked up once for all holders.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from controller.commands import Admit
from controller.events import AccessTaken, AnyEvent, CommandDone, ExitByRequest
from controller.room_events import Found, OccupancyReconciled
from server.ledger.bulk import insert_rows, upsert_rows
from server.ledger.keyed_rows import table_of
from server.rooms.areas import Areas
from server.rooms.models import RegisterAdmission, RegisterEntry, RegisterStay

REGISTERED: frozenset[type] = frozenset({AccessTaken, ExitByRequest, OccupancyReconciled, CommandDone})
"""Events that the register looks at."""
IDS_AT_ONCE = 500
Row = dict[str, Any]
_ENTRIES, _STAYS, _ADMISSIONS = table_of(RegisterEntry), table_of(RegisterStay), table_of(RegisterAdmission)
_ENTRY_COLUMNS, _STAY_COLUMNS = tuple(_ENTRIES.c.keys()), tuple(_STAYS.c.keys())
_ADMISSION_COLUMNS = tuple(_ADMISSIONS.c.keys())
_NEVER: Row = dict.fromkeys(_ENTRY_COLUMNS) | {"partners": "[]", "emergency": False}
_encode = msgspec.json.Encoder().encode


class _Fact(msgspec.Struct, frozen=True):
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
        self._open: dict[tuple[int, int], dict[str, Row]] = {}
        self._began: list[Row] = []
        self._changed: list[Row] = []
        self._admitted: dict[tuple[int, str], Row] = {}

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
        self._last_id = self._connection.scalar(select(func.max(_ENTRIES.c.id))) or 0
        self._load_stays()
        self._load_admissions()
        for fact in self._facts:
            match fact.event:
                case AccessTaken() as taken:
                    self._taken(fact, taken)
                case ExitByRequest() as left:
                    self._enter(fact, direction="out", area=left.area, door=left.door, from_area=left.area)
                case OccupancyReconciled() as count:
                    self._counted(fact, count)
                case CommandDone() as done:
                    self._admit(fact, done)
        insert_rows(self._connection, _ENTRIES, _ENTRY_COLUMNS, self._entries)
        ended = [_tuple(row, _STAY_COLUMNS) for row in self._changed]  # first: of one holder and area one stay is open
        upsert_rows(self._connection, _STAYS, _STAY_COLUMNS, ("entry_id", "area"), ended)
        insert_rows(self._connection, _STAYS, _STAY_COLUMNS, [_tuple(row, _STAY_COLUMNS) for row in self._began])
        admissions = [_tuple(row, _ADMISSION_COLUMNS) for row in self._admitted.values() if row.pop("new", False)]
        upsert_rows(self._connection, _ADMISSIONS, _ADMISSION_COLUMNS, ("edge_id", "person"), admissions)
        self._facts = []

    def _taken(self, fact: _Fact, taken: AccessTaken) -> None:
        if taken.presence == "unchanged":
            direction, area = "opened", taken.to_area
        elif taken.presence == "gone" or self._areas.leads_out(taken.access_point, taken.from_area, taken.to_area):
            direction, area = "out", taken.from_area
        else:
            direction, area = "in", taken.to_area
        admitted = self._admitted.get((fact.edge_id, taken.number), {}) if taken.badge == 0 else {}
        entry_id = self._enter(
            fact,
            direction=direction,
            area=area,
            door=taken.door,
            access_point=taken.access_point,
            from_area=taken.from_area,
            to_area=taken.to_area,
            holder=taken.holder,
            badge=taken.badge,
            number=taken.number,
            customer=taken.customer,
            kind=taken.kind,
            partners=_encode(taken.partners).decode(),
            escort=taken.escort,
            permit=taken.grant,
            emergency=taken.emergency,
            purpose=admitted.get("reason"),
            operator=admitted.get("operator"),
        )
        if direction != "opened" and fact.folds:
            rooms = () if taken.presence == "gone" else self._areas.rooms(taken.to_area)
            came_from = self._areas.rooms(taken.from_area)
            self._move(fact, taken.holder, entry_id, rooms, came_from, "exit")

    def _counted(self, fact: _Fact, count: OccupancyReconciled) -> None:
        why = {"purpose": count.reason, "operator": count.operator}
        for found in count.present:
            rooms = self._areas.rooms(found.area)
            listed = set(self._open.get((fact.edge_id, found.holder), ())) & set(rooms)
            entry_id = 0
            if not listed:
                entry_id = self._enter(fact, direction="found", area=found.area, **_who(found), **why)
            if fact.folds:
                self._move(fact, found.holder, entry_id, rooms, rooms, "count")
        for holder in count.gone:
            stays = self._open.get((fact.edge_id, holder), {})
            known = self._entry_of(next(iter(stays.values()))["entry_id"]) if stays else {}
            entry_id = self._enter(fact, direction="missed", area=count.area, **(known | {"holder": holder}), **why)
            if fact.folds:
                self._move(fact, holder, entry_id, (), (), "count")

    def _admit(self, fact: _Fact, done: CommandDone) -> None:
        command = done.command
        assert isinstance(command, Admit)
        self._admitted[fact.edge_id, command.person] = {
            "edge_id": fact.edge_id,
            "person": command.person,
            "reason": command.reason,
            "operator": done.operator,
            "command_id": done.command_id,
            "at_us": fact.at_us,
            "new": True,
        }

    def _enter(self, fact: _Fact, **values: Any) -> int:
        self._last_id += 1
        row = _NEVER | values
        row |= {
            "id": self._last_id,
            "event_seq": fact.event_seq,
            "record_seq": fact.record_seq,
            "edge_id": fact.edge_id,
            "at_us": fact.at_us,
        }
        self._entries.append(_tuple(row, _ENTRY_COLUMNS))
        return self._last_id

    def _move(
        self, fact: _Fact, holder: int, entry_id: int, rooms: Sequence[str], came_from: Sequence[str], how: str
    ) -> None:
        """The holder is in ``rooms`` from here on. ``entry_id`` 0: found where the list had them, in part."""
        stays = self._open.setdefault((fact.edge_id, holder), {})
        for area in [area for area in stays if area not in rooms]:
            self._end(stays.pop(area), fact, entry_id or None, how)
        for area in rooms:
            if area in stays:
                if area in came_from:
                    continue
                self._end(stays.pop(area), None, None, "unseen")
            if entry_id == 0:
                continue  # a count that moves somebody between rooms makes no entry
            row: Row = {
                "entry_id": entry_id,
                "area": area,
                "edge_id": fact.edge_id,
                "holder": holder,
                "in_us": fact.at_us,
                "exit_id": None,
                "out_us": None,
                "ended_by": None,
            }
            stays[area] = row
            self._began.append(row)

    def _end(self, stay: Row, fact: _Fact | None, exit_id: int | None, how: str) -> None:
        stay |= {"exit_id": exit_id, "out_us": fact.at_us if fact is not None else None, "ended_by": how}
        if stay.pop("stored", False):
            self._changed.append(stay)

    def _load_stays(self) -> None:
        holders: dict[int, set[int]] = {}
        for fact in self._facts:
            holders.setdefault(fact.edge_id, set()).update(_holders(fact.event))
        for edge_id, wanted in holders.items():
            for some in _parts(wanted):
                open_now = (_STAYS.c.edge_id == edge_id, _STAYS.c.holder.in_(some), _STAYS.c.ended_by.is_(None))
                for row in self._connection.execute(select(_STAYS).where(*open_now)):
                    stays = self._open.setdefault((edge_id, row.holder), {})
                    stays[row.area] = dict(row._mapping) | {"stored": True}

    def _load_admissions(self) -> None:
        wanted = {
            (fact.edge_id, fact.event.number)
            for fact in self._facts
            if isinstance(fact.event, AccessTaken) and fact.event.badge == 0
        }
        for edge_id, person in sorted(wanted):
            found = self._connection.execute(
                select(_ADMISSIONS).where(_ADMISSIONS.c.edge_id == edge_id, _ADMISSIONS.c.person == person)
            ).first()
            if found is not None:
                self._admitted[edge_id, person] = dict(found._mapping)

    def _entry_of(self, entry_id: int) -> Row:
        """Who made an earlier entry."""
        names = ("holder", "badge", "number", "customer", "kind")
        for row in self._entries:
            if row[0] == entry_id:
                return {name: row[_ENTRY_COLUMNS.index(name)] for name in names}
        columns = [_ENTRIES.c[name] for name in names]
        found = self._connection.execute(select(*columns).where(_ENTRIES.c.id == entry_id)).first()
        return dict(found._mapping) if found is not None else {}


def _who(found: Found) -> Row:
    names = ("holder", "badge", "number", "customer", "kind")
    return {name: getattr(found, name) for name in names}


def _holders(event: Any) -> Iterable[int]:
    if isinstance(event, AccessTaken):
        return (event.holder,)
    if isinstance(event, OccupancyReconciled):
        return (*event.gone, *(found.holder for found in event.present))
    return ()


def _parts(wanted: set[int]) -> Iterator[list[int]]:
    ordered = sorted(wanted)
    for start in range(0, len(ordered), IDS_AT_ONCE):
        yield ordered[start : start + IDS_AT_ONCE]


def _tuple(row: Row, columns: Sequence[str]) -> tuple[Any, ...]:
    return tuple(map(row.__getitem__, columns))
