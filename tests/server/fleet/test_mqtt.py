"""The server's side of the wire through a real mosquitto, with an edge written here."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from paho.mqtt.enums import CallbackAPIVersion
from sqlmodel import select

from controller.events import CommandDone, DoorOpened
from controller.wire import ServerCertificate, unseal
from server.app import create_app
from server.config import Config
from server.fleet.service import FleetService
from server.keys import verifier
from server.ledger.models import LedgerRecord
from server.mqtt import BrokerUrlError, parse_broker_url
from tests.server.badges.making import issued_badge
from tests.server.browser import context_of_app, token_client
from tests.server.edges import WireEdge
from tests.server.fleet.conftest import BODIES
from tests.server.mosquitto import PROGRAM, Mosquitto
from tests.server.waiting import until

WILL = b'{"online":false}'


class LiveEdge:
    """A :class:`WireEdge` on a connection of its own; keeps everything it hears."""

    def __init__(self, edge: WireEdge, port: int, by_root: Callable[..., bool]) -> None:
        self.edge = edge
        self.heard: dict[str, list[Any]] = defaultdict(list)
        self._keys: dict[str, bytes] = {}
        self._by_root = by_root
        self._base = f"menjin/v1/demo/{edge.name}"
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=edge.name, clean_session=False)
        self._client.will_set(f"{self._base}/status", WILL, qos=1, retain=True)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe([(f"{self._base}/{leaf}", 1) for leaf in BODIES])
        self._client.on_message = self._received
        self._port = port

    def learn(self, certificates: list[str]) -> None:
        for raw in certificates:
            body = unseal(raw.encode(), self._by_root, (ServerCertificate,), "demo", "*")
            assert isinstance(body, ServerCertificate)
            self._keys[body.kid] = body.public_key

    def connect(self) -> None:
        self._client.connect_async("127.0.0.1", self._port, 60)
        self._client.loop_start()
        assert until(self._client.is_connected)

    def say(self, leaf: str, body: Any, retain: bool = False) -> None:
        self._client.publish(f"{self._base}/{leaf}", self.edge.sealed(body), qos=1, retain=retain)

    def die(self) -> None:
        """The process is gone without a word."""
        self._client.loop_stop()
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def is_connected(self) -> bool:
        return bool(self._client.is_connected())

    def _received(self, _client: Any, _data: Any, message: Any) -> None:
        leaf = message.topic.rsplit("/", 1)[1]
        self.heard[leaf].append(unseal(message.payload, verifier(self._keys), (BODIES[leaf],), "demo", self.edge.name))

    @property
    def acked(self) -> int:
        return max((ack.upto for ack in self.heard["ack"]), default=0)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    if PROGRAM is None:
        pytest.fail("mosquitto is not installed: apt-get install mosquitto")
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def app(config: Config, mosquitto: Mosquitto) -> Iterator[FastAPI]:
    """The application on the system's clock, its fleet service running."""
    made = create_app(config.model_copy(update={"broker_url": mosquitto.url}), run_services=False)
    yield made
    made.state.context.close()


@pytest.fixture
def service(app: FastAPI) -> Iterator[FleetService]:
    made = FleetService(context_of_app(app))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def api(app: FastAPI) -> TestClient:
    return token_client(app)


@pytest.fixture
def live(app: FastAPI, api: TestClient, service: FleetService, mosquitto: Mosquitto) -> Iterator[LiveEdge]:
    """An enrolled, connected edge."""
    edge = WireEdge("edge-1")
    token = api.post("/api/v1/edges", json={"name": "edge-1"}).json()["token"]
    answer = api.post("/api/v1/edges/enrol", json={"token": token, "public_key": edge.public_key.hex()}).json()
    edge.epoch = answer["epoch"]
    connected = LiveEdge(edge, mosquitto.port, verifier({"root": bytes.fromhex(answer["root_public_key"])}))
    connected.learn(answer["certificates"])
    connected.connect()
    assert until(lambda: service.mqtt.connected)
    yield connected
    connected.close()


def shown(api: TestClient) -> dict[str, Any]:
    answer: dict[str, Any] = api.get("/api/v1/edges/edge-1").json()
    return answer


@pytest.mark.processes
def test_policy_lease_command_and_records_go_through_a_real_broker(api: TestClient, live: LiveEdge) -> None:
    edge = live.edge
    assert until(lambda: bool(live.heard["policy"]))
    head = live.heard["policy"][-1]
    live.say("request", edge.request(want="snapshot", version=head.version))
    assert until(lambda: bool(live.heard["chunk"]) and len(live.heard["chunk"]) == live.heard["chunk"][0].of)
    live.say("status", edge.status(policy_version=head.version, policy_digest=head.digest), retain=True)
    assert until(lambda: bool(live.heard["lease"]))
    assert live.heard["lease"][-1].lease.digest == head.digest
    asked = {"edge": "edge-1", "command": {"name": "UnlockDoor", "door": "hall-door", "reason": "delivery"}}
    command_id = api.post("/api/v1/commands", json=asked).json()["command_id"]
    assert until(lambda: bool(live.heard["command"]))
    order = live.heard["command"][-1]
    assert (order.session, order.command_id) == (edge.session, command_id)
    edge.record(CommandDone(command_id, order.command, order.operator, "done"))
    live.say("records", edge.batch(1, 1))
    assert until(lambda: live.acked == 1)
    assert api.get(f"/api/v1/commands/{command_id}").json()["result"] == "done"
    customer = {"code": "C1", "kind": "individual", "name": "n", "contract": {"from": "2026-01-01", "areas": ["hall"]}}
    assert api.post("/api/v1/customers", json=customer).status_code == 201
    assert api.post("/api/v1/holders", json={"external_id": "li", "customer": "C1", "name": "李娜"}).status_code == 201
    issued_badge(api, "li", "M1")
    assert until(lambda: bool(live.heard["delta"]))
    assert live.heard["delta"][0].delta.base == head.version
    live.die()
    assert until(lambda: not shown(api)["online"])


@pytest.mark.processes
def test_no_record_is_lost_or_doubled_when_the_broker_and_the_server_are_killed(
    app: FastAPI, live: LiveEdge, service: FleetService, mosquitto: Mosquitto
) -> None:
    edge = live.edge
    for _ in range(300):
        edge.record(DoorOpened(door="hall-door"))

    def send_until(upto: int) -> None:
        def pushed() -> bool:
            if live.is_connected and live.acked < upto:
                for first in range(live.acked + 1, upto + 1, 50):
                    live.say("records", edge.batch(first, min(first + 49, upto)))
            return until(lambda: live.acked >= upto, 0.5)

        assert until(pushed, 2.0)

    send_until(100)
    mosquitto.kill()
    assert until(lambda: not service.mqtt.connected)
    mosquitto.start()
    assert until(lambda: service.mqtt.connected and live.is_connected)
    send_until(200)
    service.stop()
    live.say("records", edge.batch(201, 250))
    other = FleetService(context_of_app(app))
    other.start()
    try:
        assert until(lambda: other.mqtt.connected)
        send_until(300)
    finally:
        other.stop()
    with context_of_app(app).database.read() as session:
        stored = session.exec(select(LedgerRecord)).all()
    assert [row.record for row in sorted(stored, key=lambda row: row.seq)] == edge.journal


@pytest.mark.processes
def test_a_server_that_finds_no_broker_keeps_trying_and_stops_when_asked(app: FastAPI, mosquitto: Mosquitto) -> None:
    mosquitto.kill()
    service = FleetService(context_of_app(app))
    service.start()
    mosquitto.start()
    assert until(lambda: service.mqtt.connected)
    service.stop()
    assert not service.mqtt.connected


@pytest.mark.parametrize("url", ["http://x", "mqtt://", "mqtt://x:port", "mqtt:///x", "x:1883"])
def test_a_broker_url_that_is_none_is_one_clear_error(url: str) -> None:
    with pytest.raises(BrokerUrlError, match="mqtt://"):
        parse_broker_url(url)


def test_a_broker_url_gives_its_parts_and_hides_its_password() -> None:
    address = parse_broker_url("mqtts://menjin:s%40crat@broker.example")
    assert (address.host, address.port, address.tls) == ("broker.example", 8883, True)
    assert (address.username, address.password) == ("menjin", "s@crat")
    with pytest.raises(BrokerUrlError) as caught:
        parse_broker_url("mqtt://menjin:secret@broker.example:99999999")
    assert "secret" not in str(caught.value)
