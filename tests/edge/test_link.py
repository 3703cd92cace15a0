"""The link on a real broker: subscribed before up, will, retained status, bounds, a broker that goes and comes back."""

import queue
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge import link as link_module
from edge.config import Broker
from edge.link import MAX_OUTGOING, WILL, LinkError, MqttLink
from edge.ports import LinkDown, LinkUp, MessageArrived, Stimulus
from sim.stack import free_port

WAIT_S = 15.0
PREFIX = "menjin/v1/demo/edge-1/"

pytestmark = pytest.mark.processes


class Mosquitto:
    """A broker on loopback that can be stopped and started again on the same port."""

    def __init__(self, directory: Path) -> None:
        found = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.port = free_port()
        config = directory / "mosquitto.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n", encoding="utf-8")
        self._command = [found, "-c", str(config)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: _listens(self.port))

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(WAIT_S)
            self._process = None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


class Far:
    """The server's end: everything under the edge's topics, in order of arrival."""

    def __init__(self, port: int) -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        subscribed: queue.Queue[bool] = queue.Queue()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = lambda _c, _d, m: self.heard.put((m.topic.removeprefix(PREFIX), m.payload))
        self.client.on_subscribe = lambda *_: subscribed.put(True)
        self.client.connect("127.0.0.1", port)
        self.client.subscribe(PREFIX + "#", qos=1)
        self.client.loop_start()
        subscribed.get(timeout=WAIT_S)

    def say(self, leaf: str, payload: bytes, retain: bool = False) -> None:
        self.client.publish(PREFIX + leaf, payload, qos=1, retain=retain).wait_for_publish(WAIT_S)

    def next(self, leaf: str) -> bytes:
        while True:
            heard, payload = self.heard.get(timeout=WAIT_S)
            if heard == leaf:
                return payload

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def far(mosquitto: Mosquitto) -> Iterator[Far]:
    end = Far(mosquitto.port)
    yield end
    end.close()


class Near:
    """A link with what it posts."""

    def __init__(self, url: str) -> None:
        self.posted: queue.Queue[Stimulus] = queue.Queue()
        self.link = MqttLink("demo", "edge-1", Broker(url=url), self.posted.put, reconnect_limit_s=1)
        self.link.start()

    def next(self) -> Stimulus:
        return self.posted.get(timeout=WAIT_S)

    def close(self) -> None:
        """Until its thread has ended, which the link itself does not wait for that long."""
        self.link.close()
        assert self.link._client.ended.wait(WAIT_S)


@pytest.fixture
def near(mosquitto: Mosquitto) -> Iterator[Near]:
    end = Near(mosquitto.url)
    yield end
    end.close()


def test_up_means_subscribed_so_nothing_said_after_it_is_missed(near: Near, far: Far) -> None:
    assert near.next() == LinkUp()
    far.say("ack", b"1")
    far.say("command", b"2")
    assert [near.next(), near.next()] == [MessageArrived("ack", b"1"), MessageArrived("command", b"2")]


def test_what_is_published_arrives_and_status_is_retained(near: Near, far: Far, mosquitto: Mosquitto) -> None:
    near.next()
    assert near.link.publish("records", b"batch")
    assert near.link.publish("status", b"here", retain=True)
    assert far.next("records") == b"batch"
    later = Far(mosquitto.port)
    try:
        assert later.next("status") == b"here"
    finally:
        later.close()


def test_the_edge_does_not_hear_itself(near: Near, far: Far) -> None:
    near.next()
    assert near.link.publish("records", b"mine")
    far.next("records")
    far.say("ack", b"yours")
    assert near.next() == MessageArrived("ack", b"yours")


def test_a_retained_head_comes_at_the_first_connect(mosquitto: Mosquitto, far: Far) -> None:
    far.say("policy", b"head", retain=True)
    near = Near(mosquitto.url)
    try:
        assert {type(near.next()), type(near.next())} == {LinkUp, MessageArrived}
    finally:
        near.close()


def test_what_was_said_while_it_was_away_is_delivered_by_the_persistent_session(mosquitto: Mosquitto, far: Far) -> None:
    first = Near(mosquitto.url)
    assert first.next() == LinkUp()
    first.close()
    far.say("delta", b"missed")
    second = Near(mosquitto.url)
    try:
        assert MessageArrived("delta", b"missed") in {second.next(), second.next()}
    finally:
        second.close()


def test_without_a_broker_it_says_so_takes_nothing_and_stops_at_once(tmp_path: Path) -> None:
    near = Near(Mosquitto(tmp_path).url)
    down = near.next()
    assert isinstance(down, LinkDown)
    assert "no broker" in down.cause
    assert not near.link.publish("records", b"x")
    near.close()


def test_a_broker_that_goes_and_comes_back_is_found_again(near: Near, far: Far, mosquitto: Mosquitto) -> None:
    assert near.next() == LinkUp()
    mosquitto.stop()
    assert isinstance(near.next(), LinkDown)
    assert not near.link.publish("records", b"x")
    mosquitto.start()
    assert near.next() == LinkUp()
    until(far.client.is_connected)


def test_a_process_that_dies_leaves_its_will_and_an_orderly_end_does_not(mosquitto: Mosquitto, far: Far) -> None:
    near = Near(mosquitto.url)
    near.next()
    near.link._client.socket().shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    assert far.next("status") == WILL
    assert isinstance(near.next(), LinkDown)
    assert near.next() == LinkUp()
    near.link.publish("status", b"bye", retain=True)
    near.close()
    assert far.next("status") == b"bye"
    far.say("ack", b"mark")
    assert far.heard.get(timeout=WAIT_S) == ("ack", b"mark")


def test_what_waits_for_the_broker_is_bounded(near: Near, mosquitto: Mosquitto) -> None:
    near.next()
    mosquitto._process.send_signal(19)  # type: ignore[union-attr]  # SIGSTOP: connected, but deaf
    try:
        taken = [near.link.publish("records", b"x" * 1000) for _ in range(MAX_OUTGOING + 10)]
    finally:
        mosquitto._process.send_signal(18)  # type: ignore[union-attr]
    assert taken == [True] * MAX_OUTGOING + [False] * 10


def test_an_exception_in_the_client_ends_neither_thread_nor_link(near: Near, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "CRASH_PAUSE_S", 0.01)
    assert near.next() == LinkUp()

    def fails() -> None:
        del near.link._client._packet_handle
        raise IndexError("a byte too few")

    near.link._client._packet_handle = fails  # type: ignore[method-assign]
    near.link.publish("records", b"x")
    down = near.next()
    assert isinstance(down, LinkDown)
    assert "a byte too few" in down.cause
    assert near.next() == LinkUp()


def test_thousands_of_messages_cross_without_a_standstill(near: Near, far: Far) -> None:
    """Publishing from the loop while the client's thread calls back: no lock is taken in the other order."""
    near.next()
    sent = 0
    while sent < 2_000:
        sent += near.link.publish("records", b"%d" % sent)
    assert [far.next("records") for _ in range(2_000)] == [b"%d" % n for n in range(2_000)]


def test_certificates_that_cannot_be_read_are_named() -> None:
    broker = Broker(url="mqtts://127.0.0.1:1", ca="/nowhere/ca.pem")
    with pytest.raises(LinkError, match=r"/nowhere/ca\.pem"):
        MqttLink("demo", "edge-1", broker, print)
