"""What stands now at one edge, folded from its events: alarms, doors, presence, devices.

The live pages read these tables instead of the ledger (NOTES: "who is inside" from ten million events takes 15 s).
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import msgspec
from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from controller.events import (
    AccessTaken,
    AlarmAcknowledged,
    AlarmCleared,
    AlarmRaised,
    AnyEvent,
    DeviceStateChanged,
    DoorClosed,
    DoorLocked,
    DoorModeChanged,
    DoorOpened,
    DoorUnlocked,
)
from controller.room_events import AreaUncertain
from server.ledger.bulk import run, upsert_rows
from server.ledger.models import LedgerAlarm, LedgerArea, LedgerDevice, LedgerDoor, LedgerPresence

KEYS_AT_ONCE = 500
EDGE = "edge"
SERVER = "server"
Row = dict[str, Any]


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a model."""
    table = model.__table__  # type: ignore[attr-defined]
    assert isinstance(table, Table)
    return table


class Facts:
    """One edge's tables within one transaction of the ledger's writer: loaded, folded, then :meth:`save` d."""

    def __init__(self, connection: Connection, edge_id: int) -> None:
        self._connection = connection
        self._edge_id = edge_id
        self._doors = _Keyed(connection, LedgerDoor, edge_id, "door")
        self._presence = _Replaced(connection, LedgerPresence, edge_id, "holder")
        self._areas = _Keyed(connection, LedgerArea, edge_id, "area")
        self._devices = _Replaced(connection, LedgerDevice, edge_id, "device")
        self._door_facts: dict[tuple[str, str], tuple[str, int]] = {}
        self._alarms = table_of(LedgerAlarm)
        self._changed_alarms: list[Row] = []
        self._new_alarms: list[Row] = []

    @cached_property
    def _standing(self) -> dict[tuple[str, str, str], Row]:
        """Loaded when the first alarm comes: most transactions bring none."""
        found = self._connection.execute(
            select(self._alarms).where(self._alarms.c.edge_id == self._edge_id, self._alarms.c.cleared_us.is_(None))
        )
        return {(row.source, row.alarm, row.subject): dict(row._mapping) for row in found}

    def stands(self, alarm: str, subject: str, source: str = EDGE) -> bool:
        """Whether this alarm is raised and not cleared."""
        return (source, alarm, subject) in self._standing

    def apply(self, event: AnyEvent, at_us: int, seq: int, source: str = EDGE) -> None:
        """Fold one event, at ``seq`` of the ledger's events."""
        fold = _FOLDS.get(type(event))
        if fold is not None:
            fold(self, event, at_us, seq, source)

    def _unlocked(self, event: DoorUnlocked, at_us: int, *_: object) -> None:
        self._door_facts[event.door, "lock"] = ("unlocked", at_us)

    def _locked(self, event: DoorLocked, at_us: int, *_: object) -> None:
        self._door_facts[event.door, "lock"] = ("locked", at_us)

    def _opened(self, event: DoorOpened, at_us: int, *_: object) -> None:
        self._door_facts[event.door, "position"] = ("open", at_us)

    def _closed(self, event: DoorClosed, at_us: int, *_: object) -> None:
        self._door_facts[event.door, "position"] = ("closed", at_us)

    def _mode_changed(self, event: DoorModeChanged, at_us: int, *_: object) -> None:
        self._door_facts[event.door, "mode"] = (event.mode, at_us)

    def _taken(self, event: AccessTaken, at_us: int, *_: object) -> None:
        if event.presence == "gone":
            self._presence.remove(event.holder)
        elif event.presence == "inside":
            self._presence.put(
                event.holder,
                {
                    "area": event.to_area,
                    "since_us": at_us,
                    "door": event.door,
                    "badge": event.badge,
                    "number": event.number,
                    "customer": event.customer,
                },
            )

    def _uncertain(self, event: AreaUncertain, at_us: int, *_: object) -> None:
        if self._areas.get(event.area) is None:
            self._areas.put(event.area, {"uncertain_since_us": at_us, "cause": event.cause})

    def _device(self, event: DeviceStateChanged, at_us: int, *_: object) -> None:
        row = {"kind": event.kind, "working": event.working, "cause": event.cause, "changed_us": at_us}
        self._devices.put(event.device, row)

    def _acknowledged(self, event: AlarmAcknowledged, at_us: int, _seq: int, source: str) -> None:
        row = self._standing.get((source, event.alarm, event.subject))
        if row is not None:
            row |= {"acknowledged_us": at_us, "acknowledged_by": event.operator, "note": event.note}
            self._touch(row)

    def _cleared(self, event: AlarmCleared, at_us: int, _seq: int, source: str) -> None:
        row = self._standing.pop((source, event.alarm, event.subject), None)
        if row is not None:
            row["cleared_us"] = at_us
            self._touch(row)

    def door_reported(self, door: str, at_us: int, reported: dict[str, str]) -> None:
        """A door's facts from a status that is not behind the ledger: they repair what lost records left wrong."""
        known: Row = {name: reported[name] for name in ("mode", "position", "lock") if name in reported}
        row = self._doors.get(door)
        if row is None or any(row[name] != value for name, value in known.items()):
            self._door_facts |= {(door, name): (value, at_us) for name, value in known.items()}

    def save(self) -> None:
        """Write what changed."""
        self._settle_doors()
        for keyed in (self._doors, self._presence, self._areas, self._devices):
            keyed.save()
        for row in self._changed_alarms:  # before the new ones: only one may stand
            self._connection.execute(update(self._alarms).where(self._alarms.c.id == row["id"]).values(row))
        if self._new_alarms:
            self._connection.execute(insert(self._alarms), self._new_alarms)

    def _settle_doors(self) -> None:
        """The last word on each fact of each door."""
        for (door, name), (value, at_us) in self._door_facts.items():
            row = self._doors.change(door)
            if row is None:
                unknown = {"mode": "controlled", "position": "unknown", "lock": "unknown", "changed_us": at_us}
                row = self._doors.put(door, unknown)
            row[name] = value
            row["changed_us"] = max(row["changed_us"], at_us)

    def _raise(self, event: AlarmRaised, at_us: int, seq: int, source: str) -> None:
        key = (source, event.alarm, event.subject)
        if key in self._standing:
            return
        row: Row = {
            "edge_id": self._edge_id,
            "source": source,
            "alarm": event.alarm,
            "subject": event.subject,
            "rule": event.rule,
            "inputs": msgspec.json.encode(event.inputs).decode(),
            "raised_us": at_us,
            "raised_seq": seq,
            "acknowledged_us": None,
            "acknowledged_by": None,
            "note": None,
            "cleared_us": None,
        }
        self._standing[key] = row
        self._new_alarms.append(row)

    def _touch(self, row: Row) -> None:
        if "id" in row and row not in self._changed_alarms:
            self._changed_alarms.append(row)


_FOLDS: dict[type, Callable[[Facts, Any, int, int, str], None]] = {
    DoorUnlocked: Facts._unlocked,
    DoorLocked: Facts._locked,
    DoorOpened: Facts._opened,
    DoorClosed: Facts._closed,
    DoorModeChanged: Facts._mode_changed,
    AccessTaken: Facts._taken,
    AreaUncertain: Facts._uncertain,
    DeviceStateChanged: Facts._device,
    AlarmRaised: Facts._raise,
    AlarmAcknowledged: Facts._acknowledged,
    AlarmCleared: Facts._cleared,
}


class _Replaced:
    """Rows of one edge by their second key column: what is put takes the place of what was there."""

    def __init__(self, connection: Connection, model: type[SQLModel], edge_id: int, key: str) -> None:
        self._connection = connection
        self._table = table_of(model)
        self._edge_id = edge_id
        self._key = key
        self._rows: dict[Any, Row] = {}
        self._dirty: set[Any] = set()

    def put(self, key: Any, row: Row) -> Row:
        row["edge_id"] = self._edge_id
        row[self._key] = key
        self._rows[key] = row
        self._dirty.add(key)
        return row

    def remove(self, key: Any) -> None:
        self._rows.pop(key, None)
        self._dirty.add(key)

    def save(self) -> None:
        gone = [key for key in self._dirty if key not in self._rows]
        for start in range(0, len(gone), KEYS_AT_ONCE):
            part = gone[start : start + KEYS_AT_ONCE]
            where = (self._table.c.edge_id == self._edge_id, self._table.c[self._key].in_(part))
            self._connection.execute(delete(self._table).where(*where))
        columns = self._table.c.keys()
        rows = [tuple(map(self._rows[key].__getitem__, columns)) for key in self._dirty if key in self._rows]
        upsert_rows(self._connection, self._table, columns, ("edge_id", self._key), rows)


class _Keyed(_Replaced):
    """The same with what is stored already at hand: for tables of few rows."""

    def __init__(self, connection: Connection, model: type[SQLModel], edge_id: int, key: str) -> None:
        super().__init__(connection, model, edge_id, key)
        self._loaded = False

    def _load(self) -> None:
        """Before the first look: what is stored, for nothing was put yet."""
        if self._loaded:
            return
        self._loaded = True
        columns = self._table.c.keys()
        names = ", ".join(f'"{name}"' for name in columns)
        statement = f'SELECT {names} FROM "{self._table.name}" WHERE edge_id = ?'  # noqa: S608 - our own names
        found = (dict(zip(columns, row, strict=True)) for row in run(self._connection, statement, (self._edge_id,)))
        self._rows = {row[self._key]: row for row in found}

    def get(self, key: Any) -> Row | None:
        self._load()
        return self._rows.get(key)

    def change(self, key: Any) -> Row | None:
        """The row, to be changed in place."""
        self._load()
        row = self._rows.get(key)
        if row is not None:
            self._dirty.add(key)
        return row
