"""A house with a two-person hall, and edges whose records go straight into the ledger at times of the test's choosing."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from controller.events import AccessTaken, AnyEvent, Record
from controller.inputs import TimeElapsed
from controller.policy import Version
from controller.site_checks import parse_site
from server.context import Context
from server.fleet.models import Edge
from server.ledger.writer import Ledger
from server.personal.fields import write_field
from server.registry.models import Customer, Holder
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import SITE, START
from tests.server.edges import AT_US, WireEdge

HOUSE = (
    SITE.replace('id = "hall"\n', 'id = "hall"\ntwo_person = true\n', 1)
    + """
[[areas]]
id = "annex"
[[doors]]
id = "cage-door"
[[doors]]
id = "annex-door"
edge = "edge-2"
cameras = ["https://nvr.local/annex", "rtsp://guard:secret@cam.local/1", "javascript:alert(1)"]
[[doors]]
id = "rack-door"
kind = "cabinet"
[[access_points]]
id = "lobby-out"
door = "lobby-door"
from_area = "lobby"
to_area = "outside"
out = true
[[access_points]]
id = "cage-in"
door = "cage-door"
from_area = "hall"
to_area = "cage-a"
[[access_points]]
id = "cage-out"
door = "cage-door"
from_area = "cage-a"
to_area = "hall"
out = true
[[access_points]]
id = "annex-in"
door = "annex-door"
from_area = "outside"
to_area = "annex"
[[access_points]]
id = "annex-out"
door = "annex-door"
from_area = "annex"
to_area = "outside"
out = true
[[access_points]]
id = "rack-in"
door = "rack-door"
from_area = "hall"
to_area = "cage-a"
"""
)
LI, WANG = 1, 2
"""Holders of customer 1."""


def taken(point: str, holder: int = LI, **more: Any) -> AccessTaken:
    """A passage, as an edge records it."""
    found = next(one for one in parse_site(HOUSE).access_points if one.id == point)
    values: dict[str, Any] = {
        "badge": holder,
        "number": f"M{holder}",
        "customer": 1,
        "kind": "customer",
        "from_area": found.from_area,
        "to_area": found.to_area,
        "presence": "gone" if found.to_area == "outside" else "inside",
    }
    return AccessTaken(point, found.door, holder=holder, **(values | more))


class RoomEdge:
    """One enrolled edge."""

    def __init__(self, context: Context, name: str) -> None:
        self.wire = WireEdge(name)
        self.context = context
        with context.database.write() as session:
            edge = Edge(
                name=name, created_at=START, epoch=1, public_key=self.wire.public_key, online=True, last_seen_us=AT_US
            )
            session.add(edge)
            session.flush()
            assert edge.id is not None
            self.id = edge.id

    def fall_silent(self) -> None:
        """Its link is cut."""
        with self.context.database.write() as session:
            session.get_one(Edge, self.id).online = False

    def be_revoked(self) -> None:
        """An operator has revoked it."""
        with self.context.database.write() as session:
            edge = session.get_one(Edge, self.id)
            edge.online, edge.revoked_at = False, START

    def note(self, *events: AnyEvent, at_s: float) -> Record:
        """The record, in the edge's journal only."""
        seq = len(self.wire.journal) + 1
        at_us = AT_US + int(at_s * 1_000_000)
        record = Record(self.wire.journal_id, seq, at_us, at_us - AT_US, "boot-1", Version(1, 1), TimeElapsed(), events)
        self.wire.journal.append(msgspec.json.encode(record))
        return record

    def happen(self, *events: AnyEvent, at_s: float = 0, folds: bool = True) -> None:
        """One record with these events, that many seconds after the tests' beginning, ingested; not ``folds``: after it was kept unread."""
        record = self.note(*events, at_s=at_s)
        ledger = Ledger(self.context.database, "test", self.context.site)
        with ledger.writing(record.at_us) as writer:
            seq = record.seq
            if folds:
                writer.take(self.id, self.wire.batch(seq, seq))
                return
            writer.take(self.id, self.wire.batch(seq, seq), quarantine="not readable yet")
            writer.add_events(self.id, writer.head_seq(self.id, record.journal_id) or 0, record, folds=False)


class House:
    """The app, its edges and clients."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.context = context_of_app(app)
        self.context.site = parse_site(HOUSE)
        self.edge = RoomEdge(self.context, "edge-1")
        self.other = RoomEdge(self.context, "edge-2")
        self.clients: dict[str, TestClient] = {}
        with self.context.database.write() as session:
            customer = Customer(public_id="cus_1", code="C001", kind="organisation", name="华云数据", created_at=START)
            session.add(customer)
            session.flush()
            for name in ("李娜", "王伟"):
                holder = Holder(kind="customer", customer_id=customer.id, created_at=START, public_id=f"hld_{name}")
                write_field(self.context.personal, holder, "name", name)
                session.add(holder)
                session.flush()

    def get(self, path: str, role: str = "guard", **query: Any) -> Any:
        """What the API answers to who holds ``role``; it must be 200."""
        answer = self.client(role).get(f"/api/v1/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def client(self, role: str = "guard") -> TestClient:
        """A program with a token of that role."""
        if role not in self.clients:
            self.clients[role] = token_client(self.app, role)  # type: ignore[arg-type]
        return self.clients[role]

    def register(self, **query: Any) -> list[dict[str, Any]]:
        """The items of one page."""
        items: list[dict[str, Any]] = self.get("register", **query)["items"]
        return items


@pytest.fixture
def house(app: FastAPI) -> Iterator[House]:
    """The house, empty."""
    made = House(app)
    yield made
    for client in made.clients.values():
        client.close()


def stays(entry: dict[str, Any]) -> list[tuple[str, str | None, str | None, str | None]]:
    """``(area, in, out, ended_by)`` of an entry's stays, times without their date."""
    return [
        (one["area"], _clock(one["in_at"]), _clock(one["out_at"]), one["ended_by"])
        for one in sorted(entry["stays"], key=lambda one: str(one["area"]))
    ]


def _clock(at: str | None) -> str | None:
    return at[11:19] if at is not None else None
