"""A site with a goods door, two customers with contracts, and an edge whose records go straight into the ledger."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from controller.events import AnyEvent, Record
from controller.goods_events import ItemsMoved, ScannedItem
from controller.inputs import TimeElapsed
from controller.policy import Version
from controller.site_checks import parse_site
from server.db.clock import FixedClock, to_us
from server.fleet.models import Edge
from server.ledger.writer import Ledger
from server.operators.permissions import Role
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import SITE, START
from tests.server.edges import WireEdge
from tests.server.registry.conftest import organisation

DEPOT = (
    SITE
    + """
[[doors]]
id = "goods-door"
goods = "both"
[[access_points]]
id = "goods-in"
door = "goods-door"
from_area = "lobby"
to_area = "hall"
[[access_points]]
id = "goods-out"
door = "goods-door"
from_area = "hall"
to_area = "lobby"
out = true
"""
)
PLANNED = {"planned_from": "2026-03-04", "planned_until": "2026-03-06"}


class Depot:
    """The app, its edge and clients."""

    def __init__(self, app: FastAPI, *, goods: bool = True) -> None:
        self.app = app
        self.context = context_of_app(app)
        if goods:
            self.context.site = parse_site(DEPOT)
        self.wire = WireEdge("edge-1")
        with self.context.database.write() as session:
            edge = Edge(name="edge-1", created_at=START, epoch=1, public_key=self.wire.public_key, online=True)
            session.add(edge)
            session.flush()
            assert edge.id is not None
            self.edge_id = edge.id
        self.clients: dict[str, TestClient] = {}
        for code in ("C001", "C002"):
            organisation(self.client(), code)

    @property
    def clock(self) -> FixedClock:
        """The app's clock."""
        clock = self.context.clock
        assert isinstance(clock, FixedClock)
        return clock

    def client(self, role: Role = "administrator") -> TestClient:
        """A program with a token of that role."""
        if role not in self.clients:
            self.clients[role] = token_client(self.app, role)
        return self.clients[role]

    def call(self, method: str, path: str, role: Role = "administrator", expect: int = 200, **more: Any) -> Any:
        """What the API answers; with this status."""
        answer = self.client(role).request(method, f"/api/v1/{path}", **more)
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None

    def order(self, *lines: dict[str, Any], customer: str = "C001", **more: Any) -> dict[str, Any]:
        """A draft."""
        body = {"customer": customer, "lines": list(lines)} | PLANNED | more
        made: dict[str, Any] = self.call("POST", "work-orders", json=body, expect=201)
        return made

    def approved(self, *lines: dict[str, Any], unpacked: bool = True, **more: Any) -> dict[str, Any]:
        """An order that may bring its lines from now on."""
        made = self.order(*lines, **more)
        self.call("POST", f"work-orders/{made['id']}/submit")
        self.clock.at = START.replace(day=4, hour=10)
        self.call("POST", f"work-orders/{made['id']}/approve")
        if unpacked:
            self.call("POST", f"work-orders/{made['id']}/unpacked", json={"unpacked": True})
        shown: dict[str, Any] = self.call("GET", f"work-orders/{made['id']}")
        return shown

    def row(self, table: str, **where: Any) -> Any:
        """One row of a table."""
        from sqlalchemy import text

        condition = " AND ".join(f"{name} = :{name}" for name in where) or "1 = 1"
        with self.context.database.read() as session:
            return (
                session.connection().execute(text(f"SELECT * FROM {table} WHERE {condition}"), where).mappings().all()
            )

    def line_ids(self, order: dict[str, Any]) -> list[int]:
        """Row ids of an order's lines, which policies name."""
        with self.context.database.read() as session:
            from sqlalchemy import text

            query = text(
                "SELECT l.id FROM work_order_line l JOIN work_order o ON o.id = l.order_id WHERE o.public_id = :name ORDER BY l.place"
            )
            return list(session.connection().execute(query, {"name": order["id"]}).scalars())

    def moved(self, order: dict[str, Any], *items: tuple[int, str], **more: Any) -> None:
        """The edge tells that these devices (line, serial) passed under an order."""
        [row] = self.row("work_order", public_id=order["id"])
        values: dict[str, Any] = {
            "access_point": "goods-in", "door": "goods-door", "document": "order", "document_id": row["id"], "binding": row["binding"],
            "number": row["number"] or "", "direction": "in", "customer": row["customer_id"],
            "items": tuple(ScannedItem(line, serial) for line, serial in items), "until_us": 0, "holder": 0, "badge": 0,
        }  # fmt: skip
        self.happen(ItemsMoved(**(values | more)))

    def happen(self, *events: AnyEvent, at_us: int | None = None) -> None:
        """One record with these events, ingested."""
        now_us = to_us(self.clock.now())
        seq = len(self.wire.journal) + 1
        record = Record(
            self.wire.journal_id,
            seq,
            now_us if at_us is None else at_us,
            seq,
            "boot-1",
            Version(1, 1),
            TimeElapsed(),
            events,
        )
        self.wire.journal.append(msgspec.json.encode(record))
        with Ledger(self.context.database, "test", self.context.site).writing(now_us) as writer:
            writer.take(self.edge_id, self.wire.batch(seq, seq))

    def inventory(self, **query: Any) -> list[dict[str, Any]]:
        """What is here."""
        items: list[dict[str, Any]] = self.call("GET", "inventory", params=query)["items"]
        return items

    def discrepancies(self) -> list[str]:
        """Kinds, in their order."""
        return [row["kind"] for row in self.call("GET", "discrepancies")["items"]]


@pytest.fixture
def depot(app: FastAPI) -> Iterator[Depot]:
    """A site with a goods door."""
    made = Depot(app)
    yield made
    for client in made.clients.values():
        client.close()


@pytest.fixture
def desk(app: FastAPI) -> Iterator[Depot]:
    """A site without goods doors."""
    made = Depot(app, goods=False)
    yield made
    for client in made.clients.values():
        client.close()
