"""deploy/ as an engineer uses it: the broker's TLS and access list, a site over them, and examples that load."""

import queue
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from structlog.testing import capture_logs

from controller.site_checks import parse_site
from edge.config import Broker, load_config, policy_mismatches
from edge.link import DOWN_LEAVES, MqttLink
from edge.ports import LinkDown
from server.config import load_config as load_server_config
from server.mqtt import MqttClient
from sim.compare import compare_when_drained
from sim.desk import Desk
from sim.journal_tail import JournalTail
from sim.stack import menjin
from sim.waiting import until
from tests.stack.deployed import (
    BARRED_EDGE,
    DEPLOY,
    EDGE,
    OTHER_EDGE,
    SITE,
    Deployed,
    example,
    make_certificates,
    run,
)

WAIT_S = 30.0
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


class Client:
    """One MQTT client with the certificate of ``name``, keeping what it hears. ``failed`` once it could not connect."""

    def __init__(self, deployed: Deployed, name: str, certificates: Path | None = None, client_id: str = "") -> None:
        folder = certificates if certificates is not None else deployed.certs
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.failed = False
        self.subscribed = False
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id or f"test-{name}")
        if name:
            pair = (str(folder / f"{name}.pem"), str(folder / f"{name}.key"))
            self._client.tls_set(str(deployed.certs / "ca.pem"), *pair)
        else:
            self._client.tls_set(str(deployed.certs / "ca.pem"))
        self._client.on_connect_fail = self._fail
        self._client.on_disconnect = self._fail
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = lambda _c, _d, message: self.heard.put((message.topic, message.payload))
        self._client.connect_async("localhost", deployed.port, 20)
        self._client.loop_start()

    @property
    def connected(self) -> bool:
        return self._client.is_connected()

    def subscribe(self, topic: str) -> None:
        assert until(lambda: self.connected, WAIT_S)
        self._client.subscribe(topic, 1)
        assert until(lambda: self.subscribed, WAIT_S)

    def say(self, topic: str, payload: bytes) -> None:
        assert until(lambda: self.connected, WAIT_S)
        self._client.publish(topic, payload, qos=1).wait_for_publish(WAIT_S)

    def hears(self) -> tuple[str, bytes]:
        return self.heard.get(timeout=WAIT_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _fail(self, *_: object) -> None:
        self.failed = True

    def _on_subscribe(self, *_: object) -> None:
        self.subscribed = True


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    made = Deployed(tmp_path_factory.mktemp("deployed"))
    try:
        made.start_broker()
        yield made
    finally:
        made.stop()


@pytest.fixture
def connect(deployed: Deployed) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def client(*arguments: Any, **named: Any) -> Client:
        made.append(Client(deployed, *arguments, **named))
        return made[-1]

    yield client
    for each in made:
        each.close()


def topic(edge: str, leaf: str) -> str:
    return f"menjin/v1/{SITE}/{edge}/{leaf}"


@pytest.mark.processes
@pytest.mark.parametrize("leaf", ["", EDGE], ids=["no certificate", "a certificate of another authority"])
def test_who_holds_no_certificate_of_the_sites_authority_is_refused(
    connect: Callable[..., Client], leaf: str, tmp_path: Path
) -> None:
    make_certificates(tmp_path / "other", [EDGE])
    client = connect(leaf, tmp_path / "other")
    assert until(lambda: client.failed, WAIT_S)
    assert not client.connected


@pytest.mark.processes
def test_an_edges_certificate_speaks_for_itself_alone_and_the_server_hears_all(connect: Callable[..., Client]) -> None:
    server, one, two = connect("menjin-server"), connect(EDGE), connect(OTHER_EDGE)
    server.subscribe(f"menjin/v1/{SITE}/+/records")
    one.say(topic(OTHER_EDGE, "records"), b"foreign")  # dropped without a word: MQTT 3.1.1 has none
    one.say(topic(EDGE, "records"), b"own")
    assert server.hears() == (topic(EDGE, "records"), b"own")
    two.say(topic(OTHER_EDGE, "records"), b"two")
    assert server.hears() == (topic(OTHER_EDGE, "records"), b"two")


@pytest.mark.processes
def test_an_edge_hears_what_is_for_it_and_nothing_else(connect: Callable[..., Client]) -> None:
    server, one = connect("menjin-server"), connect(EDGE)
    one.subscribe("menjin/#")
    server.say(topic(OTHER_EDGE, "command"), b"for two")
    server.say(topic(EDGE, "command"), b"for one")
    assert one.hears() == (topic(EDGE, "command"), b"for one")


@pytest.mark.processes
def test_an_edge_cannot_speak_as_the_server(connect: Callable[..., Client]) -> None:
    server, one, two = connect("menjin-server"), connect(EDGE), connect(OTHER_EDGE)
    one.subscribe(topic(EDGE, "command"))
    two.say(topic(EDGE, "command"), b"forged")
    server.say(topic(EDGE, "command"), b"true")
    assert one.hears() == (topic(EDGE, "command"), b"true")


@pytest.mark.processes
def test_no_client_takes_anothers_session_by_its_id(connect: Callable[..., Client]) -> None:
    one = connect(EDGE, client_id="menjin-dc1-edge-1")
    one.subscribe(topic(EDGE, "command"))
    thief = connect(OTHER_EDGE, client_id="menjin-dc1-edge-1")
    assert until(lambda: thief.connected, WAIT_S)
    connect("menjin-server").say(topic(EDGE, "command"), b"still here")
    assert one.hears() == (topic(EDGE, "command"), b"still here")
    assert not one.failed


@pytest.mark.processes
def test_a_barred_edge_is_not_heard(connect: Callable[..., Client]) -> None:
    server, barred, one = connect("menjin-server"), connect(BARRED_EDGE), connect(EDGE)
    server.subscribe(f"menjin/v1/{SITE}/+/records")
    barred.say(topic(BARRED_EDGE, "records"), b"stolen")
    one.say(topic(EDGE, "records"), b"own")
    assert server.hears() == (topic(EDGE, "records"), b"own")


@pytest.mark.processes
@pytest.mark.timeout(240)
def test_a_site_runs_over_tls_with_a_certificate_for_each(deployed: Deployed) -> None:
    server, ca = deployed.start_server()
    api = deployed.client(server.ready["X_URL"], deployed.token(), ca)
    hall = deployed.start_hall()
    token = api.post("/api/v1/edges", {"name": EDGE})["token"]
    edge = deployed.enrol_and_start_edge(server.ready["X_URL"], token, ca)
    contract = {"from": "2020-01-01", "areas": ["hall"]}
    api.post("/api/v1/customers", {"code": "C001", "kind": "organisation", "name": "华云数据", "contract": contract})
    api.post("/api/v1/holders", {"external_id": "li", "name": "李娜", "customer": "C001"})
    desk = Desk(api, hall)
    desk.apply("c1", "li")
    desk.approve("c1")
    desk.issue("c1", number="000017")

    def ready() -> bool:
        answer = api.get("/api/v1/policy/current", edge=EDGE)
        reported = api.get(f"/api/v1/edges/{EDGE}")["reported"]
        return bool(answer["current"] and not answer["pending"] and reported.get("lease_left_s", {}).get("customer"))

    assert until(ready, WAIT_S, poll_s=0.2), edge.log_tail()
    seen = hall.post("/present", {"card": "c1", "reader": "hall-in", "hold_s": 15, "wait_s": 15})
    assert seen["unlocked"], edge.log_tail()
    tail = JournalTail(deployed.folder / "edge" / "journal.db")
    compared = compare_when_drained(tail, api, EDGE)
    assert (compared.lost, compared.duplicated) == (0, 0)
    assert "AccessGranted" in {item["kind"] for item in api.get("/api/v1/events", limit=100)["items"]}


@pytest.mark.processes
@pytest.mark.parametrize(
    ("ca", "own", "cause"),
    [
        ("other", "deployed", "certificate verify failed"),
        ("deployed", "other", "on socket: "),  # the broker's alert, or the end of the line if that comes first
    ],
    ids=["the broker's authority is another", "the broker does not know our authority"],
)
@pytest.mark.filterwarnings(
    "ignore:unclosed <ssl.SSLSocket:ResourceWarning"
)  # paho drops the socket of a failed handshake
def test_edge_and_server_say_why_they_do_not_connect(
    deployed: Deployed, tmp_path: Path, ca: str, own: str, cause: str
) -> None:
    make_certificates(tmp_path / "other", [EDGE])
    folders = {"deployed": deployed.certs, "other": tmp_path / "other"}
    files = [str(folders[ca] / "ca.pem"), str(folders[own] / f"{EDGE}.pem"), str(folders[own] / f"{EDGE}.key")]
    url = f"mqtts://localhost:{deployed.port}"
    told: queue.Queue[object] = queue.Queue()
    link = MqttLink(SITE, EDGE, Broker(url, *files), told.put)
    link.start()
    try:
        down = told.get(timeout=WAIT_S)
    finally:
        link.close()
        assert link._client.ended.wait(WAIT_S)  # what its last try leaves must not fall to another test
    assert isinstance(down, LinkDown)
    assert cause in down.cause
    with capture_logs() as logs:
        client = MqttClient(url, "test", (), ca=files[0], certificate=files[1], key=files[2])
        client.start()
        try:
            assert until(lambda: any(cause in line.get("cause", "") for line in logs), WAIT_S), logs
        finally:
            client.stop()


def test_the_examples_load_and_fit_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they stand, in folders of the test's own, with the files they name."""
    monkeypatch.chdir(tmp_path)
    etc = tmp_path / "etc"
    make_certificates(etc, ["menjin-server", EDGE, "desk-1"])
    (etc / "edge.bundle").touch(0o600)
    (etc / "site.toml").write_text(example("site.toml"))
    moved = (("/etc/menjin/", f"{etc}/"), ("/var/lib/", f"{tmp_path}/"))
    for name in ("desk.toml", "edge.toml", "server.toml"):
        (etc / name).write_text(example(name, *moved))
    server = load_server_config(etc / "server.toml")
    site = parse_site(server.site_file.read_text("utf-8"))
    edge, desk = load_config(etc / "edge.toml"), load_config(etc / "desk.toml")
    assert server.uses_tls
    assert (desk.role, desk.broker.url, policy_mismatches(desk, site)) == ("desk", edge.broker.url, [])
    assert server.broker_url == edge.broker.url
    assert policy_mismatches(edge, site) == []
    assert {zone.zone for zone in edge.fire} == {zone for door in edge.doors for zone in door.fire_zones}


def test_a_sites_machines_get_the_versions_that_are_tested() -> None:
    def pins(path: Path) -> set[str]:
        return set(re.findall(r"^[a-z][\w.-]*==\S+", path.read_text("utf-8"), re.M))

    tested, installed = pins(DEPLOY.parent / "requirements.lock"), pins(DEPLOY / "requirements.lock")
    assert installed < tested
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {re.split(r"[^\w-]", line)[0] for line in project["dependencies"]}
    assert wanted <= {pin.partition("==")[0] for pin in installed}


def test_the_access_list_names_exactly_the_topics_of_the_wire_contract() -> None:
    rules = re.findall(r"^(topic|pattern) (read|write) menjin/v1/(\S+)$", example("mosquitto/mosquitto.acl"), re.M)
    down, up = set(DOWN_LEAVES), {"records", "status", "request"}
    assert {(way, name.rpartition("/")[2]) for kind, way, name in rules if kind == "topic"} == {
        *(("read", leaf) for leaf in up),
        *(("write", leaf) for leaf in down),
    }
    assert {(way, name.rpartition("/")[2]) for kind, way, name in rules if kind == "pattern"} == {
        *(("write", leaf) for leaf in up),
        *(("read", leaf) for leaf in down),
    }


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_again_for_ever_and_runs_a_command_that_exists(unit: Path) -> None:
    sections = re.split(r"^\[(\w+)\]$", unit.read_text("utf-8"), flags=re.M)
    keys = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert "StartLimitIntervalSec=0" in keys["Unit"].splitlines()
    assert "Restart=always" in keys["Service"].splitlines()
    commands = re.findall(
        r"^Exec\w+=/opt/menjin/\.venv/bin/menjin (.*) --config /etc/menjin/(\S+)$", unit.read_text(), re.M
    )
    assert commands
    for command, config in commands:
        assert "--config" in run(*menjin(*command.split(), "--help"))
        assert (DEPLOY / config).is_file()


def test_the_edges_unit_lets_it_ask_whether_the_clock_is_synchronised() -> None:
    lines = example("systemd/menjin-edge.service").splitlines()
    allowed = " ".join(line.partition("=")[2] for line in lines if line.startswith("SystemCallFilter=")).split()
    assert {"adjtimex", "clock_adjtime"} <= set(allowed)
    assert "ProtectClock=yes" not in lines
    assert "CapabilityBoundingSet=" in lines  # without CAP_SYS_TIME the same calls cannot set it


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_knows_every_key_of_a_unit(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/menjin/.venv/bin/menjin", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["desk.toml", "edge.toml", "server.toml"])
def test_the_examples_name_the_same_files_as_the_guide(name: str) -> None:
    guide = (DEPLOY.parent / "docs" / "install.md").read_text("utf-8")
    for path in re.findall(r'"(/etc/menjin/[^"]+)"', example(name)):
        assert path.rpartition("/")[2] in guide, path
