"""The broker forgets everything; strangers on the broker say garbage: both sides go on and nothing is lost (DESIGN 4, 7, 8)."""

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import msgspec
import pytest

from controller.wire import MAX_MESSAGE_BYTES, WIRE_VERSION, Ack, Status, seal
from edge.keys import load_bundle
from server.keys import load_keys, signer
from sim.stack import EDGE, Stack
from sim.waiting import until
from tests.stack.conftest import SharedSite
from tests.stack.mqtt_stranger import Stranger
from tests.stack.open_site import WAIT_S, OpenSite, open_site

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

TOPIC = f"menjin/v1/demo/{EDGE}"
DOWN = ("ack", "policy", "chunk", "delta", "lease", "command")
UP = ("records", "status", "request")
NESTED = b'{"alg":"Ed25519","kid":"x","sig":"","body":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

Sign = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def mosquitto_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSite]:
    with open_site(tmp_path_factory.mktemp("mosquitto"), broker="mosquitto") as opened:
        yield opened


@pytest.fixture(params=["site", "mosquitto_site"])
def broker_site(request: pytest.FixtureRequest, shared_site: SharedSite) -> OpenSite:
    """On the embedded broker and on mosquitto. ``shared_site`` runs on until the last of these tests."""
    opened: OpenSite = request.getfixturevalue(request.param)
    return opened


def listening(site: OpenSite) -> Stranger:
    return Stranger(broker_port(site.stack), f"{TOPIC}/#")


def broker_port(stack: Stack) -> int:
    """Where the broker listens, as the server's configuration says: not through the hall's cable."""
    line = next(line for line in (stack.directory / "server.toml").read_text().splitlines() if "broker_url" in line)
    port = urlsplit(line.split('"')[1]).port
    assert port is not None
    return port


class Body(msgspec.Struct):
    """What these tests read of any message."""

    online: bool = False
    version: tuple[int, int] | None = None


class Envelope(msgspec.Struct):
    body: Body


def body(payload: bytes) -> Body:
    return msgspec.json.decode(payload, type=Envelope).body


def test_a_broker_that_lost_its_state_is_told_everything_again_and_nothing_is_lost(broker_site: OpenSite) -> None:
    site = broker_site
    site.stack.kill("broker")
    assert site.tap("b-li", "lobby-in").decision == "granted"
    site.stack.api.post("/api/v1/badges/b-chen/report", {"as": "suspended"})
    site.stack.restore("broker")
    assert site.is_ready(), "the edge did not get the policy that was made while the broker was dead"
    current = tuple(site.stack.api.get("/api/v1/policy/current", edge=EDGE)["version"])
    # A subscriber that comes now hears only what the broker retains.
    with listening(site) as fresh:
        assert until(lambda: bool(fresh.heard("policy") and fresh.heard("status")), WAIT_S), "nothing is retained"
        assert body(fresh.heard("policy")[0]).version == current
        assert body(fresh.heard("status")[0]).online
    assert site.tap("b-chen", "lobby-in")[:3] == ("denied", "BADGE_SUSPENDED", False)
    found = site.drained()
    assert (found.lost, found.duplicated, found.foreign) == (0, 0, 0)


def test_garbage_from_strangers_is_refused_counted_and_disturbs_nobody(broker_site: OpenSite) -> None:
    site = broker_site
    server_keys = load_keys(site.stack.directory / "server").signing(time.time_ns() // 1000)
    bundle = load_bundle(site.stack.edge_state / "edge.bundle")
    with listening(site) as stranger:
        assert until(lambda: bool(stranger.heard("policy")), WAIT_S)
        old_head = stranger.heard("policy")[0]
        assert site.tap("b-li", "lobby-in").decision == "granted"
        assert until(lambda: bool(stranger.heard("records")), WAIT_S)
        old_batch = stranger.heard("records")[0]
        site.stack.api.post("/api/v1/badges/b-liu/report", {"as": "suspended"})
        assert site.is_ready()

        for leaf in DOWN:
            for payload in spoiled(down_body, server_keys.kid, server_keys.sign):
                stranger.say(f"{TOPIC}/{leaf}", payload)
        stranger.say(f"{TOPIC}/policy", old_head)
        for leaf in UP:
            for payload in spoiled(up_body, bundle.kid, bundle.sign):
                stranger.say(f"{TOPIC}/{leaf}", payload)
        stranger.say(f"{TOPIC}/records", old_batch)
        for side in ("edge-9/records", f"{EDGE}/nonsense"):
            stranger.say(f"menjin/v1/demo/{side}", b"{}")

    wanted = {"malformed", "oversized", "bad_signature", "unknown_key", "wrong_site", "future_version"}
    assert until(lambda: wanted | {"replayed"} <= refused_by_the_edge(site), WAIT_S), refused_by_the_edge(site)
    refused = {("status", reason) for reason in wanted} | {(leaf, "bad_signature") for leaf in UP}
    assert until(lambda: refused <= refused_by_the_server(site), WAIT_S), refused_by_the_server(site)
    assert site.tap("b-li", "lobby-out").decision == "granted"
    assert site.tap("b-liu", "lobby-in")[:3] == ("denied", "BADGE_SUSPENDED", False)
    found = site.drained()
    assert (found.lost, found.duplicated, found.foreign) == (0, 0, 0)
    assert all(site.stack.children[name].running for name in ("broker", "server", "edge"))


def refused_by_the_edge(site: OpenSite) -> set[str]:
    return set(site.edge_reported()["refused_there"])


def refused_by_the_server(site: OpenSite) -> set[tuple[str, str]]:
    """(leaf, reason)."""
    return {(row["leaf"], row["reason"]) for row in site.edge_reported()["refused_here"]}


def spoiled(make: Callable[..., Ack | Status], kid: str, sign: Sign) -> Iterator[bytes]:
    """Noise, and what the true key signed for another place or time, or a stranger under the true key's name."""
    forger = signer(bytes(32))
    yield b"\x00\xff\xfe"
    yield b'{"online":tru'
    yield NESTED
    yield bytes(MAX_MESSAGE_BYTES + 1)
    yield seal(make(), kid, forger)
    yield seal(make(), "nobody", forger)
    yield seal(make(site="other"), kid, sign)
    yield seal(make(v=WIRE_VERSION + 1), kid, sign)


def header(changes: dict[str, object]) -> dict[str, object]:
    return {"v": WIRE_VERSION, "site": "demo", "edge": EDGE, "epoch": 1, "seq": 1, "issued_at_us": 0} | changes


def down_body(**changes: object) -> Ack:
    return msgspec.convert(
        header(changes) | {"type": "Ack", "journal_id": "j", "upto": 0, "head": b"", "expects": 1}, Ack
    )


def up_body(**changes: object) -> Status:
    fields = {
        "online": False,
        "session": "",
        "software": "",
        "boot_id": "",
        "journal_id": "j",
        "last_seq": 0,
        "acked_seq": 0,
    }
    rest = {"outbox": 0, "policy_version": None, "policy_digest": "", "hardware_digest": "", "wall_trusted": True}
    return msgspec.convert(header(changes) | {"type": "Status"} | fields | rest, Status)
