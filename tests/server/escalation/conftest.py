"""An escalation service driven turn by turn, with a real receiver on loopback, and alarms written as the ledger writes them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.app import create_app
from server.config import Config
from server.context import Context
from server.db.clock import FixedClock, to_us
from server.escalation.service import EscalationService
from server.escalation.settings import EscalationSettings
from server.fleet.models import Edge
from server.ledger.models import LedgerAlarm
from tests.server.browser import context_of_app, token_client
from tests.server.escalation.receiver import Receiver, running_receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Escalation:
    """The service under test and its surroundings."""

    def __init__(self, app: FastAPI, clock: FixedClock, receiver: Receiver) -> None:
        self.app, self.clock, self.receiver = app, clock, receiver
        self.context: Context = context_of_app(app)
        self.api: TestClient = token_client(app)
        self.service = EscalationService(self.context)
        with self.context.database.write() as session:
            edge = Edge(name="edge-1", role="door", created_at=clock.now())
            session.add(edge)
            session.flush()
            self.edge_id = edge.id

    def raised(self, alarm: str = "DoorForcedOpen", subject: str = "hall-door", **more: Any) -> int:
        """An alarm that stands; its id."""
        at_us = to_us(self.clock.now())
        values = {"source": "edge", "rule": "R1", "inputs": "{}", "raised_us": at_us, "raised_seq": at_us} | more
        with self.context.database.write() as session:
            row = LedgerAlarm(edge_id=self.edge_id, alarm=alarm, subject=subject, **values)
            session.add(row)
            session.flush()
            assert row.id is not None
            return row.id

    def change(self, alarm_id: int, **values: Any) -> None:
        """As the ledger folds a later event."""
        with self.context.database.write() as session:
            row = session.get_one(LedgerAlarm, alarm_id)
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)

    def turn(self) -> None:
        """One turn at the clock's time."""
        self.service.run_once(self.clock.now())

    def shown(self) -> list[dict[str, Any]]:
        """What the API says, newest first."""
        found: list[dict[str, Any]] = self.api.get("/api/v1/escalations").json()["items"]
        return found


Make = Callable[..., Escalation]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


def settings(folder: Path, name: str, *lines: str, **more: Any) -> EscalationSettings:
    """A channel with these URLs in its file."""
    path = folder / f"{name}.urls"
    path.write_text("\n".join(["# receivers", "", *lines]) + "\n", "utf-8")
    path.chmod(0o600)
    return EscalationSettings(name=name, url_file=path, **more)


@pytest.fixture
def made(config: Config, clock: FixedClock, receiver: Receiver, tmp_path: Path) -> Iterator[Make]:
    """Makes the service with one channel ``on-call`` at these paths of the receiver, or with channels of the test's own."""
    apps: list[FastAPI] = []

    def make(*paths: str, channels: tuple[EscalationSettings, ...] = (), **more: Any) -> Escalation:
        lines = [f"http://127.0.0.1:{receiver.port}{path} {SECRET}" for path in paths or ("/hook",)]
        own = channels or (settings(tmp_path, "on-call", *lines, **more),)
        update = {"escalation": own, "console_url": "https://menjin.test:8443/"}
        app = create_app(config.model_copy(update=update), clock=clock, run_services=False)
        apps.append(app)
        return Escalation(app, clock, receiver)

    yield make
    for app in apps:
        app.state.context.close()
