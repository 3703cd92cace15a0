"""Fixtures of the console's tests: a ledger with an edge, and the app served on a real socket."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
import uvicorn
from fastapi import FastAPI

from controller.event_base import Explanation
from controller.events import AccessDenied, AccessGranted, AnyEvent, Record
from controller.inputs import TimeElapsed
from controller.policy import Version
from server.app import create_app
from server.config import Config
from server.context import Context
from server.db.clock import SystemClock, to_us
from server.fleet.models import Edge
from server.fleet.status import take_status
from server.ledger.writer import Ledger
from server.operators.actor import SYSTEM
from server.personal.attachments import Owner, store_attachment
from server.personal.fields import write_field
from server.registry.models import Customer, Holder
from server.serve import _Server
from tests.server.badges.making import picture
from tests.server.browser import context_of_app
from tests.server.edges import WireEdge
from tests.server.waiting import until


def granted(number: str = "M1001", holder: int = 1, customer: int | None = 1, point: str = "hall-in") -> AccessGranted:
    """A grant at the hall's door."""
    because = Explanation("PERMITTED", "R1", {"area": "hall", "grant": 1})
    return AccessGranted(point, "hall-door", 1, holder, number, because, 0, customer=customer)


def denied(number: str = "M1001", reason: str = "NO_PERMISSION", **inputs: str | int) -> AccessDenied:
    """A refusal at the hall's door."""
    because = Explanation(reason, "R1", {"number": number, "area": "hall"} | inputs)
    return AccessDenied("hall-in", "hall-door", because, 1, 1, number, customer=1)


class EdgeRow:
    """``edge-1``, enrolled and online, whose records go straight into the ledger."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.wire = WireEdge()
        self.ledger = Ledger(context.database, "test")
        now = context.clock.now()
        with context.database.write() as session:
            edge = Edge(name="edge-1", public_key=self.wire.public_key, epoch=1, created_at=now, enrolled_at=now)
            session.add(edge)
            customer = Customer(public_id="cus_1", code="C001", kind="organisation", name="华云数据", created_at=now)
            session.add(customer)
            session.flush()
            holder = Holder(public_id="hld_1", kind="customer", customer_id=customer.id, created_at=now)
            write_field(context.personal, holder, "name", "李娜")
            session.add(holder)
            session.flush()
            assert edge.id is not None
            self.id = edge.id
        self.report()

    def happen(self, *events: AnyEvent) -> None:
        """One record per event, committed."""
        first = len(self.wire.journal) + 1
        for event in events:
            self.wire.record(event)
        with self.ledger.writing(to_us(self.context.clock.now())) as writer:
            writer.take(self.id, self.wire.batch(first, len(self.wire.journal)))

    def happen_at_once(self, *events: AnyEvent) -> None:
        """One record with all of them, of this moment, committed."""
        now_us, seq = to_us(self.context.clock.now()), len(self.wire.journal) + 1
        record = Record(self.wire.journal_id, seq, now_us, seq, "boot-1", Version(1, 1), TimeElapsed(), events)
        self.wire.journal.append(msgspec.json.encode(record))
        with self.ledger.writing(now_us) as writer:
            writer.take(self.id, self.wire.batch(seq, seq))

    def report(self, **changed: object) -> None:
        """A status of the edge."""
        values: dict[str, object] = {
            "readers": {"hall-in": "working"},
            "boards": {"relay-1": "working"},
            "lease_left_s": {"customer": 28_000, "staff": 86_000},
        }
        with self.ledger.writing(to_us(self.context.clock.now())) as writer:
            take_status(writer, self.id, self.wire.status(**(values | changed)), retained=False)


def photo_of(context: Context, holder_id: int) -> str:
    """A photo of the holder on file; its id."""
    with context.database.write() as session:
        owner = Owner("vis_1", holder_id)
        stored = store_attachment(session, context, SYSTEM, owner, "photo", picture(), "image/jpeg")
        return stored.public_id


@pytest.fixture
def edge(app: FastAPI) -> EdgeRow:
    """An online edge in the app's database."""
    return EdgeRow(context_of_app(app))


def bound(port: int) -> socket.socket:
    """A socket at a port (0: any free one) on which nobody is heard before it listens."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made


class Served:
    """An app on a socket of its own, which can be stopped and served again at the same address."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.port = 0
        self.app = create_app(config, clock=SystemClock(), run_services=False)
        self.context = context_of_app(self.app)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self._kept: socket.socket | None = None
        """Between two servings: nobody else gets the port."""

    @property
    def url(self) -> str:
        """The address; a browser treats it as secure."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve; the second time at the same port."""
        listening = self._socket = self._kept or bound(0)
        listening.listen()
        self.port, self._kept = listening.getsockname()[1], None
        self.context.stopping = asyncio.Event()
        options = uvicorn.Config(self.app, lifespan="off", log_config=None, timeout_graceful_shutdown=2)
        server = _Server(options, self.url, self.context.stopping)
        self._thread = threading.Thread(target=lambda: server.run(sockets=[listening]))
        self._thread.start()
        assert until(lambda: server.started)
        self._server = server

    def stop(self) -> None:
        """End as on SIGTERM."""
        if self._server is None or self._thread is None or self._socket is None:
            return
        self._server.should_exit = True
        self._thread.join(15)
        assert not self._thread.is_alive()
        self._socket.close()
        self._server, self._kept = None, bound(self.port)

    def release(self) -> None:
        """It is served no more."""
        if self._kept is not None:
            self._kept.close()


@contextmanager
def serving(config: Config) -> Iterator[Served]:
    """The app of a configuration, served."""
    served = Served(config)
    try:
        served.start()
        yield served
    finally:
        served.stop()
        served.release()
        served.context.database.close()


@pytest.fixture
def served(config: Config) -> Iterator[Served]:
    """The app on a socket, without its background services."""
    with serving(config) as running:
        yield running
