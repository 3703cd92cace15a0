"""Random moves against a plain model: nothing is dropped, and the inventory is what the moves say, at every moment (E6)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from controller.codes import serial_key
from controller.goods_events import ItemsMoved, ScannedItem
from server.db.engine import Database
from server.db.model import metadata
from server.db.models import import_models
from server.equipment.inventory import stays_at
from server.equipment.models import WorkOrder, WorkOrderLine, WorkOrderSerial
from server.equipment.moves import Moves
from server.equipment.slip_models import ExitSlip, ExitSlipLine
from server.fleet.models import Edge
from server.registry.models import Contract, Customer
from tests.server.conftest import START
from tests.server.edges import AT_US

ONE, OTHER = 1, 2
"""Customers; each has an order and a slip of its own id, with a named line (``2 * id - 1``) and a counted one (``2 * id``)."""
SERIALS = {ONE: ("A1", "A2"), OTHER: ("B1", "B2")}
QUANTITY = 3
EMPTIED = (
    "discrepancy",
    "item_stay",
    "item_movement",
    "item",
    "work_order_serial",
    "work_order_line",
    "exit_slip_line",
    "work_order",
    "exit_slip",
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Two customers, and no triggers: examples follow each other in the same tables."""
    import_models()
    opened = Database(f"sqlite:///{tmp_path_factory.mktemp('moves')}/moves.db")
    metadata.create_all(opened.engine)
    with opened.write() as session:
        session.add(Edge(id=1, name="edge-1", created_at=START, epoch=1))
        for number in (ONE, OTHER):
            name = f"C{number}"
            session.add(
                Customer(id=number, public_id=name, code=name, kind="organisation", name=name, created_at=START)
            )
            session.flush()
            session.add(
                Contract(id=number, public_id=f"con{number}", customer_id=number, from_at=START, created_at=START)
            )
    yield opened
    opened.close()


def documents(database: Database) -> None:
    """Fresh orders and slips of both customers."""
    with database.write() as session:
        for table in EMPTIED:
            session.connection().execute(text(f"DELETE FROM {table}"))
        for number in (ONE, OTHER):
            order = WorkOrder(
                id=number, public_id=f"o{number}", customer_id=number, contract_id=number, status="approved", planned_from=START,
                planned_until=START.replace(year=2030), made_at=START, made_by="x",
            )  # fmt: skip
            slip = ExitSlip(
                id=number, public_id=f"s{number}", kind="repair", status="issued", customer_id=number, purpose="x", number=f"S{number}", code_hash=bytes([number]), code_sealed=b"x", edge_id=1, binding=1, from_at=START,
                until_at=START.replace(year=2030), created_by="x", created_by_name="x", created_at=START, changed_at=START,
            )  # fmt: skip
            session.add_all((order, slip))
            session.flush()
            for line, serials in ((2 * number - 1, list(SERIALS[number])), (2 * number, [])):
                count = len(serials) or QUANTITY
                session.add(
                    WorkOrderLine(
                        id=line,
                        order_id=number,
                        place=line,
                        model="R750",
                        model_key="R750",
                        quantity=count,
                        serials=serials,
                    )
                )
                session.add(
                    ExitSlipLine(id=line, slip_id=number, position=line, model="R750", quantity=count, serials=serials)
                )
                session.flush()
                session.add_all(WorkOrderSerial(line_id=line, serial_key=serial_key(serial)) for serial in serials)


@st.composite
def steps(draw: st.DrawFn) -> tuple[str, int, str, tuple[str, ...]]:
    """Direction, customer, document, devices (empty: counted)."""
    customer = draw(st.sampled_from((ONE, OTHER)))
    direction = draw(st.sampled_from(("in", "out")))
    document = draw(st.sampled_from(("order", "slip"))) if direction == "in" else "slip"
    anyones = draw(st.integers(0, 9)) == 0
    named = [serial for owner, serials in SERIALS.items() for serial in serials if anyones or owner == customer]
    devices = draw(st.lists(st.sampled_from(["", *named]), min_size=1, max_size=3))
    return direction, customer, document, tuple(devices)


@dataclass
class Plain:
    """The inventory as one would keep it on paper."""

    here: dict[str, int] = field(default_factory=dict)
    counted: Counter[int] = field(default_factory=Counter)
    away: Counter[int] = field(default_factory=Counter)
    passed: Counter[tuple[str, int]] = field(default_factory=Counter)

    def move(self, direction: str, customer: int, document: str, serial: str) -> None:
        """One device."""
        line = 2 * customer - (1 if serial else 0)
        self.passed[f"{document}-{direction}", line] += 1
        if serial:
            if direction == "in":
                self.here.setdefault(serial, customer)
            else:
                self.here.pop(serial, None)
        elif direction == "in":
            self.counted[customer] += 1
            if document == "slip":
                self.away[line] = max(0, self.away[line] - 1)
        elif self.counted[customer]:
            self.counted[customer] -= 1
            self.away[line] += 1

    def shown(self) -> Counter[tuple[str, int]]:
        """(serial or empty, owner) of all that is here."""
        counts = Counter({("", owner): count for owner, count in self.counted.items() if count})
        return counts + Counter(dict.fromkeys(self.here.items(), 1))


def stored(database: Database, at_us: int | None) -> Counter[tuple[str, int]]:
    """The same of the tables."""
    with database.read() as session:
        rows = session.connection().execute(stays_at(at_us)).all()
    return Counter((row.serial or "", row.customer_id) for row in rows)


def rows(database: Database, query: str) -> list[Any]:
    with database.read() as session:
        return [tuple(row) for row in session.connection().execute(text(query))]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(steps(), min_size=1, max_size=3), min_size=1, max_size=12))
def test_the_inventory_is_what_the_moves_say_at_every_moment(database: Database, batches: list[list[Any]]) -> None:
    documents(database)
    plain, seq, moved = Plain(), 0, 0
    then: list[tuple[int, Counter[tuple[str, int]]]] = []
    for batch in batches:  # each is one transaction of the ledger
        with database.write() as session:
            moves = Moves(session.connection(), AT_US + seq)
            for direction, customer, document, devices in batch:
                seq += 1
                items = tuple(ScannedItem(2 * customer - (1 if serial else 0), serial) for serial in devices)
                moves.take(
                    1,
                    ItemsMoved("p", "d", document, customer, 1, "N", direction, customer, items, 0, 0, 0),
                    AT_US + seq,
                    seq,
                    seq,
                )
                for serial in devices:
                    moved += 1
                    plain.move(direction, customer, document, serial)
                then.append((AT_US + seq, plain.shown()))
            moves.save()
        assert stored(database, None) == plain.shown()
    for at_us, shown in then:
        assert stored(database, at_us) == shown, at_us - AT_US
    assert rows(database, "SELECT count(*) FROM item_movement") == [(moved,)]
    lines = {("order-in", line): count for line, count in rows(database, "SELECT id, received FROM work_order_line")}
    for line, gone, returned in rows(database, "SELECT id, gone, returned FROM exit_slip_line"):
        lines |= {("slip-out", line): gone, ("slip-in", line): returned}
    assert {key: count for key, count in lines.items() if count} == dict(plain.passed)
    silent = rows(
        database,
        "SELECT m.id FROM item_movement m WHERE NOT EXISTS (SELECT 1 FROM item_stay s WHERE s.in_movement_id = m.id OR"
        " s.out_movement_id = m.id) AND NOT EXISTS (SELECT 1 FROM discrepancy d WHERE d.movement_id = m.id)",
    )
    assert silent == [], "a move that changed nothing is shown"
    crossed = rows(
        database,
        "SELECT s.id FROM item_stay s JOIN item_movement m ON m.id = s.out_movement_id WHERE s.customer_id <> m.customer_id AND NOT"
        " EXISTS (SELECT 1 FROM discrepancy d WHERE d.movement_id = m.id AND d.kind = 'wrong_owner')",
    )
    assert crossed == [], "what entered under one customer never left under another without being shown"
