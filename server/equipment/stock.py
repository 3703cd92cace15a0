"""The stock of devices under a set of moves: each is squared with inventory and documents, and kept whatever comes of it (E6).

The door's records, the desk, corrections and imports all pass here. Nothing is refused: what a door tells has happened. What the stock has no place for
becomes a :class:`server.equipment.models.Discrepancy` beside its movement.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.engine import Connection

from controller.codes import serial_key
from server.db.clock import to_us
from server.equipment.lines import IDS_AT_ONCE, Line, Lines, parts
from server.equipment.models import Discrepancy, Item, ItemMovement, ItemStay
from server.equipment.slip_models import ExitSlipClaim
from server.equipment.stock_rows import Device, Move, Squared, Stay, follow_merges, new_ids
from server.ids import new_id
from server.ledger.bulk import insert_rows
from server.ledger.keyed_rows import table_of

STOCK_LOCK = 0x6D656E73
"""PostgreSQL: one transaction at a time changes the stock. Taken before any row of it, and before rows of documents."""
_ITEMS, _STAYS = table_of(Item), table_of(ItemStay)
_MOVEMENTS, _DISCREPANCIES = table_of(ItemMovement), table_of(Discrepancy)
_CLAIMS = table_of(ExitSlipClaim)
_CLAIMED = select(_CLAIMS.c.id).where(_CLAIMS.c.item_id == _ITEMS.c.id, _CLAIMS.c.released_at.is_(None)).exists()
_ITEM_COLUMNS = ("id", "public_id", "serial", "serial_key", "model", "model_key", "customer_id", "made_at", "version")
_STAY_COLUMNS = (
    "id", "item_id", "customer_id", "rack", "in_at_us", "out_at_us", "order_line_id", "return_line_id", "slip_line_id",
    "source", "in_movement_id", "out_movement_id",
)  # fmt: skip


def lock_stock(connection: Connection) -> None:
    """Wait until nobody else changes the stock, and keep it until the transaction ends. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({STOCK_LOCK})")


class Stock:
    """Loads what ``moves`` concern, and takes them in order: :meth:`take`, then :meth:`save`."""

    def __init__(self, connection: Connection, moves: Sequence[Move], now: datetime) -> None:
        lock_stock(connection)
        self._connection = connection
        self._now = now
        self._now_us = to_us(now)
        self._count = len(moves)
        self._lines = Lines(
            connection, ((move.document, move.document_id, move.line) for move in moves if move.document)
        )
        self._ids = {
            table.name: iter(new_ids(connection, table, self._count)) for table in (_ITEMS, _STAYS, _MOVEMENTS)
        }
        self._owners = follow_merges(connection, {move.customer for move in moves if move.customer is not None})
        self._by_serial: dict[str, Device] = {}
        self._by_id: dict[int, Device] = {}
        self._load({move.serial for move in moves if move.serial}, {move.item_id for move in moves if move.item_id})
        self._here: dict[tuple[int | None, str], deque[Device]] = {}
        self._away: dict[int, deque[Device]] = {}
        self._claims: dict[int, deque[Device]] = {}
        self._stays: list[Stay] = []
        self._movements: list[tuple[Any, ...]] = []
        self._discrepancies: list[dict[str, Any]] = []

    def take(self, move: Move) -> Squared:
        """Apply one move."""
        kinds: list[str] = []
        line = self._line_of(move, kinds)
        told = None if move.customer is None else self._owners.get(move.customer)
        owner = line.customer if line is not None else told
        if told != owner or (told is None and move.customer is not None):
            kinds.append("wrong_owner")
        device = self._device_of(move, line, owner, kinds)
        stood = None if device is None or device.stay is None else device.stay
        shown = None if stood is None else [stood.in_at_us, stood.out_at_us, stood.customer_id]
        movement_id = next(self._ids["item_movement"])
        if device is not None:
            if move.direction == "in":
                self._enter(move, movement_id, device, line, owner, kinds)
            else:
                self._leave(move, movement_id, device, line, owner, kinds)
        if line is not None:
            if not line.is_open:
                kinds.append("closed_document")
            if line.count(move.direction):
                kinds.append("over_quantity")
        self._note(move, movement_id, device, line, kinds, shown)
        return Squared(movement_id, device, line, tuple(dict.fromkeys(kinds)))

    def save(self) -> None:
        """Write everything. The caller commits."""
        new = [device for device in self._by_id.values() if device.is_new]
        insert_rows(self._connection, _ITEMS, _ITEM_COLUMNS, [self._item_row(device) for device in new])
        changed = [
            {"row": device.id, "customer_id": device.customer}
            for device in self._by_id.values()
            if device.changed and not device.is_new
        ]
        if changed:
            of_row = update(_ITEMS).where(_ITEMS.c.id == bindparam("row"))
            self._connection.execute(of_row.values(version=_ITEMS.c.version + 1), changed)
        insert_rows(self._connection, _MOVEMENTS, _MOVEMENT_COLUMNS, self._movements)
        closed = [
            {
                "row": stay.id,
                "out_at_us": stay.out_at_us,
                "slip_line_id": stay.slip_line_id,
                "out_movement_id": stay.out_movement_id,
            }
            for stay in self._stays
            if not stay.is_new
        ]
        if closed:  # first those that ended: of one device one stay is open
            self._connection.execute(update(_STAYS).where(_STAYS.c.id == bindparam("row")), closed)
        began = [tuple(getattr(stay, name) for name in _STAY_COLUMNS) for stay in self._stays if stay.is_new]
        insert_rows(self._connection, _STAYS, _STAY_COLUMNS, began)
        if self._discrepancies:
            self._connection.execute(_DISCREPANCIES.insert(), self._discrepancies)
        self._lines.save(self._now_us)

    def _line_of(self, move: Move, kinds: list[str]) -> Line | None:
        if not move.document:
            return None
        if (move.document, move.document_id) not in self._lines.documents:
            kinds.append("unknown_document")
            return None
        line = self._lines.find(move.document, move.document_id, move.line)
        if line is None or (move.serial != "" and move.serial not in line.serials):
            kinds.append("unknown_line")
        return line

    def _device_of(self, move: Move, line: Line | None, owner: int | None, kinds: list[str]) -> Device | None:
        if move.item_id is not None:
            return self._by_id.get(move.item_id)
        model = (line.model if line is not None else "") or move.model
        if move.serial:
            return self._by_serial.get(move.serial) or self._new(move, line, model or "?", owner, kinds)
        if not model:
            kinds.append("unknown_device")
            return None
        found: Device | None
        if move.direction == "out":
            found = self._claimed(line) or _first_here(self._counted(owner, serial_key(model)))
            if found is None:
                kinds.append("unknown_device")
            return found
        if line is not None and line.document == "slip" and not line.replaces:
            away = self._gone_under(line.id)
            if away:
                return away.popleft()
            kinds.append("unknown_device")
        return self._new(move, line, model, owner, [])

    def _enter(
        self, move: Move, movement_id: int, device: Device, line: Line | None, owner: int | None, kinds: list[str]
    ) -> None:
        last, returns = device.stay, line is not None and line.document == "slip"
        if last is not None and last.out_at_us is None:
            kinds.append("already_in")
            if last.customer_id != owner:
                kinds.append("wrong_owner")
            return
        if returns and line is not None and not line.replaces:
            if last is None or last.slip_line_id != line.id:
                kinds.append("unknown_device")
            if device.customer != owner:
                kinds.append("wrong_owner")
        if device.customer != owner:
            device.customer, device.changed = owner, True
        if line is not None and move.serial and not returns:
            self._lines.received(line, move.serial)
        rack = (
            move.rack or (line.rack if line is not None else "") or (last.rack if returns and last is not None else "")
        )
        in_at = move.at_us if last is None or last.out_at_us is None else max(move.at_us, last.out_at_us)
        stay = Stay(
            next(self._ids["item_stay"]),
            device.id,
            owner,
            rack,
            in_at,
            order_line_id=line.id if line is not None and not returns else None,
            return_line_id=line.id if line is not None and returns else None,
            source=move.source,
            in_movement_id=movement_id,
            is_new=True,
        )
        device.stay = stay
        self._stays.append(stay)
        if device.serial_key is None and (key := (owner, device.model_key)) in self._here:
            self._here[key].append(device)

    def _leave(
        self, move: Move, movement_id: int, device: Device, line: Line | None, owner: int | None, kinds: list[str]
    ) -> None:
        stay = device.stay
        if stay is None or stay.out_at_us is not None:
            kinds.append("unknown_device" if stay is None else "already_out")
            return
        if stay.customer_id != owner:
            kinds.append("wrong_owner")
        stay.out_at_us = max(move.at_us, stay.in_at_us)
        stay.slip_line_id = line.id if line is not None and line.document == "slip" else None
        stay.out_movement_id = movement_id
        if not stay.is_new and not stay.changed:
            stay.changed = True
            self._stays.append(stay)
        if line is not None and line.document == "slip":
            self._lines.gone(line, device.id)
            if device.serial_key is None and line.id in self._away:
                self._away[line.id].append(device)

    def _new(self, move: Move, line: Line | None, model: str, owner: int | None, kinds: list[str]) -> Device:
        if move.direction == "out":
            kinds.append("unknown_device")
        key = move.serial or None
        device = Device(
            next(self._ids["item"]),
            new_id("itm", self._now),
            _written(move, line) if key else None,
            key,
            model,
            serial_key(model),
            owner,
            is_new=True,
        )
        self._by_id[device.id] = device
        if key:
            self._by_serial[key] = device
        return device

    def _note(
        self, move: Move, movement_id: int, device: Device | None, line: Line | None, kinds: list[str], stood: Any
    ) -> None:
        model = device.model if device is not None else (line.model if line is not None else move.model)
        has = move.document != ""
        self._movements.append(
            (
                movement_id, None if device is None else device.id, move.serial or None, model, move.direction, move.at_us, move.customer,
                move.rack, move.source, move.document, move.document_id if has else None, move.line if has else None, move.number, move.binding,
                move.edge_id, move.door, move.access_point, move.holder, move.badge, move.record_seq, move.event_seq, move.place,
                move.by, move.second, move.reason,
            )
        )  # fmt: skip
        for kind in dict.fromkeys(kinds):
            inputs = {
                "serial": move.serial, "model": model, "direction": move.direction, "document": move.document,
                "number": move.number, "line": move.line, "door": move.door, "stood": stood,
            }  # fmt: skip
            self._discrepancies.append(
                {
                    "public_id": new_id("dsc", self._now),
                    "kind": kind,
                    "at_us": move.at_us,
                    "customer_id": line.customer if line is not None else move.customer,
                    "movement_id": movement_id,
                    "inputs": inputs,
                    "note": "",
                    "version": 1,
                }
            )

    def _item_row(self, device: Device) -> tuple[Any, ...]:
        return (
            device.id, device.public_id, device.serial, device.serial_key, device.model, device.model_key, device.customer, self._now, 1,
        )  # fmt: skip

    def _load(self, serials: set[str], ids: set[int | None]) -> None:
        ordered = sorted(serials)
        conditions = [
            _ITEMS.c.serial_key.in_(ordered[start : start + IDS_AT_ONCE])
            for start in range(0, len(ordered), IDS_AT_ONCE)
        ]
        conditions += [_ITEMS.c.id.in_(some) for some in parts(number for number in ids if number)]
        for condition in conditions:
            self._take_devices(self._connection.execute(select(_ITEMS).where(condition)).mappings())

    def _take_devices(self, rows: Iterable[Any]) -> list[Device]:
        """Devices of these rows, as they are in this transaction."""
        found, new = [], []
        for row in rows:
            device = self._by_id.get(row["id"])
            if device is None:
                device = Device(
                    row["id"], row["public_id"], row["serial"], row["serial_key"], row["model"], row["model_key"], row["customer_id"]
                )  # fmt: skip
                self._by_id[device.id] = device
                if device.serial_key is not None:
                    self._by_serial[device.serial_key] = device
                new.append(device.id)
            found.append(device)
        columns = [_STAYS.c[name] for name in _STAY_COLUMNS]
        for some in parts(new):
            newest = select(func.max(_STAYS.c.id)).where(_STAYS.c.item_id.in_(some)).group_by(_STAYS.c.item_id)
            for row in self._connection.execute(select(*columns).where(_STAYS.c.id.in_(newest))):
                self._by_id[row.item_id].stay = Stay(*row)
        return found

    def _counted(self, owner: int | None, model_key: str) -> deque[Device]:
        """Counted devices of this owner and model that are here: those that no slip claims, and of these the first to come first."""
        here = self._here.get((owner, model_key))
        if here is None:
            query = (
                select(_ITEMS)
                .join(_STAYS, _STAYS.c.item_id == _ITEMS.c.id)
                .where(_ITEMS.c.serial_key.is_(None), _ITEMS.c.model_key == model_key)
                .where(_ITEMS.c.customer_id == owner if owner is not None else _ITEMS.c.customer_id.is_(None))
                .where(_STAYS.c.out_at_us.is_(None))
                .order_by(_CLAIMED, _STAYS.c.in_at_us, _STAYS.c.id)
                .limit(self._count)
            )
            stored = self._take_devices(self._connection.execute(query).mappings())
            stored += [
                device
                for device in self._by_id.values()
                if device.is_new
                and device.serial_key is None
                and (device.customer, device.model_key) == (owner, model_key)
            ]
            stored = [device for device in stored if device.stay is not None and device.stay.out_at_us is None]
            here = self._here[owner, model_key] = deque(stored)
        return here

    def _claimed(self, line: Line | None) -> Device | None:
        """A counted device that this line of a slip claims and that is here: another slip's stay that slip's."""
        if line is None or line.document != "slip":
            return None
        claimed = self._claims.get(line.id)
        if claimed is None:
            query = (
                select(_ITEMS)
                .join(_CLAIMS, _CLAIMS.c.item_id == _ITEMS.c.id)
                .where(_CLAIMS.c.line_id == line.id, _CLAIMS.c.released_at.is_(None), _ITEMS.c.serial_key.is_(None))
                .where(_CLAIMS.c.slip_id == line.document_id)
                .order_by(_CLAIMS.c.id)
            )
            claimed = self._claims[line.id] = deque(self._take_devices(self._connection.execute(query).mappings()))
        return _first_here(claimed)

    def _gone_under(self, line_id: int) -> deque[Device]:
        """Counted devices that went out under this line of a slip and are not back, the first to go first."""
        away = self._away.get(line_id)
        if away is None:
            later = _STAYS.alias()
            query = (
                select(_ITEMS)
                .join(_STAYS, _STAYS.c.item_id == _ITEMS.c.id)
                .where(_STAYS.c.slip_line_id == line_id, _ITEMS.c.serial_key.is_(None))
                .where(~select(later.c.id).where(later.c.item_id == _ITEMS.c.id, later.c.id > _STAYS.c.id).exists())
                .order_by(_STAYS.c.out_at_us, _STAYS.c.id)
                .limit(self._count)
            )
            stored = self._take_devices(self._connection.execute(query).mappings())
            known = {device.id for device in stored}
            stored += [
                device for device in self._by_id.values() if device.serial_key is None and device.id not in known
            ]
            away = self._away[line_id] = deque(
                device
                for device in stored
                if device.stay is not None and device.stay.out_at_us is not None and device.stay.slip_line_id == line_id
            )
        return away


_MOVEMENT_COLUMNS = (
    "id", "item_id", "serial_key", "model", "direction", "at_us", "customer_id", "rack", "source", "document", "document_id", "line", "number",
    "binding", "edge_id", "door", "access_point", "holder", "badge", "record_seq", "event_seq", "place", "by", "second", "reason",
)  # fmt: skip


def _first_here(devices: deque[Device]) -> Device | None:
    """The first that is here still, taken off."""
    while devices:
        device = devices.popleft()
        if device.stay is not None and device.stay.out_at_us is None:
            return device
    return None


def _written(move: Move, line: Line | None) -> str:
    """The serial number as people wrote it."""
    return move.written or (line.serials.get(move.serial) if line is not None else None) or move.serial
