"""What stands now at one edge, folded from its events: alarms, doors, presence, devices.

The live pages read these tables instead of the ledger (NOTES: "who is inside" from ten million events takes 15 s).
"""

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
    AreaUncertain,
    DeviceStateChanged,
    DoorClosed,
    DoorLocked,
    DoorModeChanged,
    DoorOpened,
    DoorUnlocked,
)
from server.ledger.models import LedgerAlarm, LedgerArea, LedgerDevice, LedgerDoor, LedgerPresence

EDGE = "edge"
SERVER = "server"
FOLDED = (
    AccessTaken,
    AlarmAcknowledged,
    AlarmCleared,
    AlarmRaised,
    AreaUncertain,
    DeviceStateChanged,
    DoorClosed,
    DoorLocked,
    DoorModeChanged,
    DoorOpened,
    DoorUnlocked,
)

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
        self._presence = _Keyed(connection, LedgerPresence, edge_id, "holder")
        self._areas = _Keyed(connection, LedgerArea, edge_id, "area")
        self._devices = _Keyed(connection, LedgerDevice, edge_id, "device")
        self._alarms = table_of(LedgerAlarm)
        standing = connection.execute(
            select(self._alarms).where(self._alarms.c.edge_id == edge_id, self._alarms.c.cleared_us.is_(None))
        )
        self._standing: dict[tuple[str, str, str], Row] = {
            (row.source, row.alarm, row.subject): dict(row._mapping) for row in standing
        }
        self._changed_alarms: list[Row] = []
        self._new_alarms: list[Row] = []

    def stands(self, alarm: str, subject: str, source: str = EDGE) -> bool:
        """Whether this alarm is raised and not cleared."""
        return (source, alarm, subject) in self._standing

    def apply(self, event: AnyEvent, at_us: int, seq: int, source: str = EDGE) -> None:
        """Fold one event, at ``seq`` of the ledger's events."""
        match event:
            case DoorUnlocked():
                self._door(event.door, at_us, lock="unlocked")
            case DoorLocked():
                self._door(event.door, at_us, lock="locked")
            case DoorOpened():
                self._door(event.door, at_us, position="open")
            case DoorClosed():
                self._door(event.door, at_us, position="closed")
            case DoorModeChanged():
                self._door(event.door, at_us, mode=event.mode)
            case AccessTaken(presence="inside"):
                self._presence.put(
                    event.holder,
                    area=event.to_area,
                    since_us=at_us,
                    door=event.door,
                    badge=event.badge,
                    number=event.number,
                    customer=event.customer,
                )
            case AccessTaken(presence="gone"):
                self._presence.remove(event.holder)
            case AreaUncertain():
                if self._areas.get(event.area) is None:
                    self._areas.put(event.area, uncertain_since_us=at_us, cause=event.cause)
            case DeviceStateChanged():
                self._devices.put(
                    event.device, kind=event.kind, working=event.working, cause=event.cause, changed_us=at_us
                )
            case AlarmRaised():
                self._raise(event, at_us, seq, source)
            case AlarmAcknowledged():
                row = self._standing.get((source, event.alarm, event.subject))
                if row is not None:
                    row |= {"acknowledged_us": at_us, "acknowledged_by": event.operator, "note": event.note}
                    self._touch(row)
            case AlarmCleared():
                row = self._standing.pop((source, event.alarm, event.subject), None)
                if row is not None:
                    row["cleared_us"] = at_us
                    self._touch(row)
            case _:
                pass

    def door_reported(self, door: str, at_us: int, facts: dict[str, str]) -> None:
        """A door's facts from a status that is not behind the ledger: they repair what lost records left wrong."""
        known = {name: facts[name] for name in ("mode", "position", "lock") if name in facts}
        row = self._doors.get(door)
        if row is None or any(row[name] != value for name, value in known.items()):
            self._door(door, at_us, **known)

    def save(self) -> None:
        """Write what changed."""
        for keyed in (self._doors, self._presence, self._areas, self._devices):
            keyed.save()
        for row in self._changed_alarms:  # before the new ones: only one may stand
            self._connection.execute(update(self._alarms).where(self._alarms.c.id == row["id"]).values(row))
        if self._new_alarms:
            self._connection.execute(insert(self._alarms), self._new_alarms)

    def _door(self, door: str, at_us: int, **facts: str) -> None:
        row = self._doors.get(door) or {"mode": "controlled", "position": "unknown", "lock": "unknown"}
        self._doors.put(door, **(row | facts | {"changed_us": at_us}))

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


class _Keyed:
    """One table's rows of one edge by their second key column."""

    def __init__(self, connection: Connection, model: type[SQLModel], edge_id: int, key: str) -> None:
        self._connection = connection
        self._table = table_of(model)
        self._edge_id = edge_id
        self._key = key
        found = connection.execute(select(self._table).where(self._table.c.edge_id == edge_id))
        self._rows: dict[Any, Row] = {row._mapping[key]: dict(row._mapping) for row in found}
        self._stored = set(self._rows)
        self._dirty: set[Any] = set()

    def get(self, key: Any) -> Row | None:
        return self._rows.get(key)

    def put(self, key: Any, **columns: Any) -> None:
        self._rows[key] = columns | {"edge_id": self._edge_id, self._key: key}
        self._dirty.add(key)

    def remove(self, key: Any) -> None:
        if self._rows.pop(key, None) is not None:
            self._dirty.add(key)

    def save(self) -> None:
        stored = [key for key in self._dirty if key in self._stored]
        for start in range(0, len(stored), 500):
            part = stored[start : start + 500]
            where = (self._table.c.edge_id == self._edge_id, self._table.c[self._key].in_(part))
            self._connection.execute(delete(self._table).where(*where))
        changed = [self._rows[key] for key in self._dirty if key in self._rows]
        if changed:
            self._connection.execute(insert(self._table), changed)
