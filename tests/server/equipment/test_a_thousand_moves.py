"""Inventory, slips and doors agree after a thousand random movements with kills in between (issue 5).

The simulator plays a day of deliveries on two real agents (:mod:`sim.goods_day`): edges die, disks are full, cables are cut, slips are cancelled and bound
elsewhere. Its records, in the order in which they arrived, go through the real ledger; what the database then says is compared with where the devices really are.
"""

from collections import Counter
from datetime import datetime
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select
from sqlmodel import Session

from controller.codes import serial_key
from controller.now import SECOND_US
from controller.policy import ExitSlip as PolicySlip
from controller.policy import WorkOrder as PolicyOrder
from controller.wire import GENESIS_HASH, WIRE_VERSION, Records, chain
from server.db.clock import from_us
from server.db.engine import Database
from server.equipment.models import Discrepancy, Item, ItemMovement, ItemStay, WorkOrder, WorkOrderLine, WorkOrderSerial
from server.equipment.slip_models import ExitSlip, ExitSlipLine
from server.equipment.stock import Stock
from server.equipment.stock_rows import Move
from server.fleet.models import Edge
from server.ledger.keyed_rows import table_of
from server.ledger.writer import Ledger
from server.registry.models import Contract, Customer
from sim.day import START_WALL_US
from sim.goods_day import EDGES, GoodsDay
from sim.goods_office import Arrived, Dropped, Made
from sim.site_folder import SiteFolder
from tests.server.conftest import START

MOVES = 1_000
ITEMS, STAYS, DISCREPANCIES = table_of(Item), table_of(ItemStay), table_of(Discrepancy)
ORDER_LINES, SLIP_LINES = table_of(WorkOrderLine), table_of(ExitSlipLine)
AT_ONCE = 200
"""Records of a batch."""


@pytest.fixture
def database_kind() -> str:
    """What moves mean is the same on both; test_moves_properties runs on both."""
    return "sqlite"


class Book:
    """The server's database, told what happened in its order."""

    def __init__(self, database: Database, day: GoodsDay) -> None:
        self.database = database
        self.ledger = Ledger(database, "test", day.site)
        self.heads: dict[str, bytes] = {}
        with database.write() as session:
            self.edges = {name: self._edge(session, name) for name in EDGES}
            self._customers(session)
            stocked = [
                Move(direction="in", at_us=START_WALL_US, customer=None, source="import", serial=serial, model="LTO-9")
                for serial in day.office.stocked
            ]
            stock = Stock(session.connection(), stocked, START)
            for move in stocked:
                stock.take(move)
            stock.save()

    def follow(self, entry: Made | Dropped | Arrived) -> None:
        """The next thing that happened."""
        match entry:
            case Made(document=PolicyOrder() as order, at_us=at_us):
                self._order(order, from_us(at_us))
            case Made(document=PolicySlip() as slip, at_us=at_us):
                self._slip(slip, from_us(at_us))
            case Dropped(document=PolicySlip() as slip, cancelled=True):
                with self.database.write() as session:
                    row = session.get(ExitSlip, slip.id)
                    assert row is not None
                    row.status = "cancelled"
            case Arrived():
                self._records(entry)

    def _records(self, arrived: Arrived) -> None:
        for start in range(0, len(arrived.records), AT_ONCE):
            raw = arrived.records[start : start + AT_ONCE]
            previous = self.heads.get(arrived.journal_id, GENESIS_HASH)
            batch = Records(
                WIRE_VERSION,
                "depot",
                arrived.edge,
                1,
                1,
                START_WALL_US,
                journal_id=arrived.journal_id,
                first_seq=arrived.first_seq + start,
                previous=previous,
                records=tuple(msgspec.Raw(record) for record in raw),
                first_retained_seq=1,
            )
            with self.ledger.writing(START_WALL_US + 90 * 86_400 * SECOND_US) as writer:
                outcome = writer.take(self.edges[arrived.edge], batch)
            assert (outcome.kind, outcome.stored) == ("extends", len(raw))
            for record in raw:
                previous = chain(previous, record)
            self.heads[arrived.journal_id] = previous

    def _order(self, order: PolicyOrder, at: datetime) -> None:
        assert order.customer is not None
        with self.database.write() as session:
            session.add(
                WorkOrder(
                    id=order.id, public_id=f"wo_{order.id}", number=order.number, customer_id=order.customer, contract_id=order.customer,
                    status="approved", planned_from=at, planned_until=at.replace(year=at.year + 1), made_at=at, made_by="op_1", approved_by="op_2", approved_at=at,
                    code_sealed=b"sealed", code_hash=order.code, edge_id=self.edges[order.edge], binding=1, bound_at_us=START_WALL_US,
                )
            )  # fmt: skip
            session.flush()
            for place, line in enumerate(order.lines):
                session.add(
                    WorkOrderLine(
                        id=line.id,
                        order_id=order.id,
                        place=place,
                        model=line.model,
                        model_key=serial_key(line.model),
                        quantity=line.quantity,
                        serials=list(line.serials),
                    )
                )
                session.flush()
                for serial in line.serials:
                    session.add(WorkOrderSerial(line_id=line.id, serial_key=serial))

    def _slip(self, slip: PolicySlip, at: datetime) -> None:
        with self.database.write() as session:
            session.add(
                ExitSlip(
                    id=slip.id, public_id=f"es_{slip.id}", kind=slip.kind, status="issued", customer_id=slip.customer, purpose="x", from_at=at,
                    until_at=at.replace(year=at.year + 1), number=slip.number, code_hash=slip.code, code_sealed=b"sealed",
                    edge_id=self.edges[slip.edge], binding=1, created_by="op_1", created_by_name="A", created_at=at, changed_at=at,
                )
            )  # fmt: skip
            session.flush()
            for position, line in enumerate(slip.lines):
                session.add(
                    ExitSlipLine(
                        id=line.id,
                        slip_id=slip.id,
                        position=position,
                        model=line.model,
                        quantity=line.quantity,
                        serials=list(line.serials),
                    )
                )

    @staticmethod
    def _edge(session: Session, name: str) -> int:
        edge = Edge(name=name, created_at=START, epoch=1)
        session.add(edge)
        session.flush()
        assert edge.id is not None
        return edge.id

    @staticmethod
    def _customers(session: Session) -> None:
        for number in (1, 2):
            session.add(Customer(id=number, code=f"C00{number}", kind="organisation", name=f"Customer {number}"))
            session.flush()
            session.add(Contract(id=number, customer_id=number, status="active", from_at=START))
            session.flush()


@pytest.fixture(scope="module")
def day() -> GoodsDay:
    """A day at the depot, played to its end: the edges' ledger and the doors agree already (the simulator says so)."""
    played = GoodsDay(SiteFolder("depot").site, seed=1, moves=MOVES)
    played.run()
    return played


def test_inventory_slips_and_doors_agree_after_a_thousand_moves(day: GoodsDay, database: Database) -> None:
    book = Book(database, day)
    for entry in day.office.history:
        book.follow(entry)
    inside, counted = day.inventory()
    with database.read() as session:
        assert discrepancies(session) == []
        assert moves_written(session) - len(day.office.stocked) >= MOVES
        standing = session.execute(
            select(ITEMS.c.serial_key, ITEMS.c.model_key, STAYS.c.customer_id)
            .join(STAYS, STAYS.c.item_id == ITEMS.c.id)
            .where(STAYS.c.out_at_us.is_(None))
        ).all()
        assert {row[0] for row in standing if row[0] is not None} == {serial for serial, here in inside.items() if here}
        assert {row[0]: row[2] for row in standing if row[0] is not None} == day.office.owner
        assert Counter((row[2], row[1]) for row in standing if row[0] is None) == counted
        told = day.office.moved
        orders = session.execute(select(ORDER_LINES.c.order_id, ORDER_LINES.c.id, ORDER_LINES.c.received)).all()
        slips = session.execute(
            select(SLIP_LINES.c.slip_id, SLIP_LINES.c.id, SLIP_LINES.c.gone, SLIP_LINES.c.returned)
        ).all()
    assert {row[:2]: row[2] for row in orders} == {row[:2]: told["order", row[0], row[1], "in"] for row in orders}
    assert {row[:2]: (row[2], row[3]) for row in slips} == {
        row[:2]: (told["slip", row[0], row[1], "out"], told["slip", row[0], row[1], "in"]) for row in slips
    }
    assert sum(row[2] for row in slips) > MOVES // 5


def discrepancies(session: Session) -> list[Any]:
    """What the stock had no place for."""
    return [tuple(row) for row in session.execute(select(DISCREPANCIES.c.kind, DISCREPANCIES.c.inputs)).all()]


def moves_written(session: Session) -> int:
    return int(session.execute(select(func.count()).select_from(ItemMovement)).scalar_one())
