"""Lines of orders and slips as moves count on them: looked up, counted, written back (E2, E4, E6).

What came in on an order is ``received``; what went out on a slip ``gone``, and what of it came back ``returned``. Nobody else writes these columns.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.engine import Connection

from controller.codes import serial_key
from controller.goods_events import DocumentKind
from server.db.clock import from_us
from server.equipment.models import WorkOrder, WorkOrderLine, WorkOrderSerial
from server.equipment.slip_models import ExitSlip, ExitSlipClaim, ExitSlipLine
from server.ledger.keyed_rows import table_of

IDS_AT_ONCE = 500
MAX_ROW_ID = 2**31 - 1
_ORDERS, _ORDER_LINES, _SERIALS = table_of(WorkOrder), table_of(WorkOrderLine), table_of(WorkOrderSerial)
_SLIPS, _SLIP_LINES, _CLAIMS = table_of(ExitSlip), table_of(ExitSlipLine), table_of(ExitSlipClaim)
LineKey = tuple[DocumentKind, int]


class Line(msgspec.Struct, gc=False):
    """One line, in memory. ``came``: received on the order, or returned under the slip; ``went``: gone under the slip. ``is_open``: the document lets devices
    pass. ``serials``: key → as written. ``replaces``: of a slip, what comes back in another device's place."""

    document: DocumentKind
    id: int
    document_id: int
    customer: int | None
    model: str
    quantity: int
    serials: dict[str, str]
    rack: str
    is_open: bool
    came: int
    went: int
    replaces: bool = False
    changed: bool = False

    def count(self, direction: Literal["in", "out"]) -> bool:
        """One more device; whether it is one too many."""
        self.changed = True
        if direction == "out":
            self.went += 1
            return self.document == "order" or self.went > (0 if self.replaces else self.quantity)
        self.came += 1
        return self.came > (self.quantity if self.document == "order" or self.replaces else self.went)


class Lines:
    """The lines that a transaction's moves name. ``documents``: which of them there are at all."""

    def __init__(self, connection: Connection, wanted: Iterable[tuple[DocumentKind, int, int]]) -> None:
        """``wanted``: document, its id, the line's id."""
        self._connection = connection
        self._lines: dict[LineKey, Line] = {}
        self._received: dict[int, set[str]] = {}
        self._gone: dict[int, set[int]] = {}
        self.documents: set[LineKey] = set()
        wanted = set(wanted)
        for kind, orders in (("order", True), ("slip", False)):
            documents = {document_id for document, document_id, _ in wanted if document == kind}
            for some in parts(documents):
                table = _ORDERS if orders else _SLIPS
                found = connection.scalars(select(table.c.id).where(table.c.id.in_(some)))
                self.documents |= {("order" if orders else "slip", row) for row in found}
            for some in parts({line for document, _, line in wanted if document == kind}):
                for line in _order_lines(connection, some) if orders else _slip_lines(connection, some):
                    self._lines[line.document, line.id] = line

    def find(self, document: DocumentKind, document_id: int, line: int) -> Line | None:
        """The document's line."""
        found = self._lines.get((document, line))
        return found if found is not None and found.document_id == document_id else None

    def received(self, line: Line, serial: str) -> None:
        """The order's device of this serial number has come: another order may name it again."""
        self._received.setdefault(line.id, set()).add(serial)

    def gone(self, line: Line, item_id: int) -> None:
        """The slip's device has gone: another slip may name it again."""
        self._gone.setdefault(item_id, set()).add(line.document_id)

    def save(self, now_us: int) -> None:
        """Write counters, and what follows for the documents."""
        changed = [line for line in self._lines.values() if line.changed]
        orders = [{"row": line.id, "received": line.came} for line in changed if line.document == "order"]
        slips = [
            {"row": line.id, "gone": line.went, "returned": line.came} for line in changed if line.document == "slip"
        ]
        run = self._connection.execute
        if orders:
            run(update(_ORDER_LINES).where(_ORDER_LINES.c.id == bindparam("row")), orders)
            self._settle_orders({line.document_id for line in changed if line.document == "order"}, now_us)
        if slips:
            run(update(_SLIP_LINES).where(_SLIP_LINES.c.id == bindparam("row")), slips)
            touched = {line.document_id for line in changed if line.document == "slip"}
            run(update(_SLIPS).where(_SLIPS.c.id.in_(touched)).values(version=_SLIPS.c.version + 1))
        for line_id, serials in self._received.items():
            of_line = _SERIALS.c.line_id == line_id, _SERIALS.c.serial_key.in_(serials)
            run(update(_SERIALS).where(*of_line).values(open=False))
        for item_id, documents in self._gone.items():
            claimed = _CLAIMS.c.item_id == item_id, _CLAIMS.c.slip_id.in_(documents), _CLAIMS.c.released_at.is_(None)
            run(update(_CLAIMS).where(*claimed).values(released_at=from_us(now_us)))

    def _settle_orders(self, orders: set[int], now_us: int) -> None:
        """``receiving`` with the first device, ``done`` with the last; what people closed stays closed."""
        missing = select(_ORDER_LINES.c.order_id, func.count()).where(_ORDER_LINES.c.received < _ORDER_LINES.c.quantity)
        for some in parts(orders):
            ids = _ORDER_LINES.c.order_id.in_(some)
            left = {row[0] for row in self._connection.execute(missing.where(ids).group_by(_ORDER_LINES.c.order_id))}
            for order_id in some:
                values: dict[str, Any] = {"version": _ORDERS.c.version + 1}
                this = update(_ORDERS).where(_ORDERS.c.id == order_id)
                if order_id in left:
                    self._connection.execute(this.where(_ORDERS.c.status == "approved").values(status="receiving"))
                else:
                    done = {"status": "done", "closed_at": from_us(now_us)}
                    open_still = _ORDERS.c.status.in_(("approved", "receiving"))
                    self._connection.execute(this.where(open_still).values(**done))
                self._connection.execute(this.values(**values))


def parts(wanted: Iterable[int]) -> Iterator[list[int]]:
    """Row ids, some at a time; numbers that no row has are left out."""
    ordered = sorted(number for number in wanted if 0 < number <= MAX_ROW_ID)
    for start in range(0, len(ordered), IDS_AT_ONCE):
        yield ordered[start : start + IDS_AT_ONCE]


def _order_lines(connection: Connection, ids: list[int]) -> Iterator[Line]:
    query = select(_ORDER_LINES, _ORDERS.c.customer_id, _ORDERS.c.status).join(
        _ORDERS, _ORDERS.c.id == _ORDER_LINES.c.order_id
    )
    for row in connection.execute(query.where(_ORDER_LINES.c.id.in_(ids))).mappings():
        yield Line(
            "order", row["id"], row["order_id"], row["customer_id"], row["model"], row["quantity"],
            {serial_key(text): text for text in row["serials"]}, row["rack"], row["status"] in ("approved", "receiving"), row["received"], 0,
        )  # fmt: skip


def _slip_lines(connection: Connection, ids: list[int]) -> Iterator[Line]:
    query = select(_SLIP_LINES, _SLIPS.c.customer_id, _SLIPS.c.status).join(
        _SLIPS, _SLIPS.c.id == _SLIP_LINES.c.slip_id
    )
    for row in connection.execute(query.where(_SLIP_LINES.c.id.in_(ids))).mappings():
        yield Line(
            "slip", row["id"], row["slip_id"], row["customer_id"], row["model"], row["quantity"],
            {serial_key(text): text for text in row["serials"]}, "", row["status"] == "issued", row["returned"], row["gone"],
            row["replaces_line_id"] is not None,
        )  # fmt: skip
