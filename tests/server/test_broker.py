"""The embedded broker under paho clients with persistent sessions and QoS 1."""

import asyncio
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from controller.wire import MAX_MESSAGE_BYTES
from server.broker import LoopbackBroker, start_broker
from server.config import ConfigError

WAIT_S = 30.0


class BrokerThread:
    """The broker on a loop of its own thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.broker: LoopbackBroker = self._call(start_broker("127.0.0.1", 0))
        self.port = self.broker.port

    def _call(self, coroutine):  # type: ignore[no-untyped-def]
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(WAIT_S)

    def stop(self) -> None:
        async def end() -> None:
            await self.broker.shutdown()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._call(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(WAIT_S)
        self.loop.close()


@pytest.fixture
def broker() -> Iterator[BrokerThread]:
    started = BrokerThread()
    yield started
    started.stop()


class Client:
    """A paho client with a persistent session."""

    def __init__(self, port: int, name: str, *, clean: bool = False) -> None:
        self.got: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.up = threading.Event()
        self.subscribed = threading.Event()
        self.paho = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean)
        self.paho.on_connect = lambda *_: self.up.set()
        self.paho.on_subscribe = lambda *_: self.subscribed.set()
        self.paho.on_message = lambda _client, _data, message: self.got.put(message)
        self.paho.will_set("will/" + name, b"gone", qos=1, retain=True)
        self.paho.reconnect_delay_set(1, 1)
        self.paho.connect("127.0.0.1", port, keepalive=20)
        self.paho.loop_start()
        assert self.up.wait(WAIT_S)

    def subscribe(self, topic: str) -> None:
        self.subscribed.clear()
        self.paho.subscribe(topic, qos=1)
        assert self.subscribed.wait(WAIT_S), "the broker is deaf"

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self.paho.publish(topic, payload, qos=1, retain=retain).wait_for_publish(WAIT_S)

    def next(self) -> tuple[str, bytes]:
        message = self.got.get(timeout=WAIT_S)
        return message.topic, message.payload

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()

    def vanish(self) -> None:
        """Stop without a word and leave the connection standing, as behind a cut cable."""
        self.paho.loop_stop()
        self.held = socket.socket(fileno=self.paho.socket().detach())  # type: ignore[union-attr]
        self.paho._sock = None  # type: ignore[attr-defined]


@contextmanager
def client(broker: BrokerThread, name: str) -> Iterator[Client]:
    made = Client(broker.port, name)
    try:
        yield made
    finally:
        made.close()


def test_a_message_at_qos_1_reaches_its_subscriber_once(broker: BrokerThread) -> None:
    with client(broker, "edge") as edge, client(broker, "server") as server:
        server.subscribe("menjin/v1/+/+/records")
        for number in range(200):
            edge.publish("menjin/v1/demo/edge-1/records", str(number).encode())
        assert [server.next()[1] for _ in range(200)] == [str(number).encode() for number in range(200)]
        assert server.got.empty()


def test_a_retained_message_waits_for_who_subscribes_later(broker: BrokerThread) -> None:
    with client(broker, "server") as server:
        server.publish("t/policy", b"head", retain=True)
        with client(broker, "edge") as edge:
            edge.subscribe("t/policy")
            assert edge.next() == ("t/policy", b"head")


def test_a_returning_client_keeps_its_subscriptions(broker: BrokerThread) -> None:
    with client(broker, "server") as server:
        first = Client(broker.port, "edge")
        first.subscribe("t/ack")
        first.close()
        with client(broker, "edge") as again:
            server.publish("t/ack", b"1")
            assert again.next() == ("t/ack", b"1")


def test_a_client_that_takes_over_from_its_own_dead_connection_hears_everything(broker: BrokerThread) -> None:
    with client(broker, "server") as server:
        server.subscribe("will/edge")
        first = Client(broker.port, "edge")
        first.subscribe("t/ack")
        first.vanish()
        try:
            with client(broker, "edge") as again:
                assert server.next() == ("will/edge", b"gone"), "the old connection's will was sent"
                for number in range(20):
                    server.publish("t/ack", str(number).encode())
                assert [again.next()[1] for _ in range(20)] == [str(number).encode() for number in range(20)]
                again.subscribe("t/more")
                server.publish("t/more", b"m")
                assert again.next() == ("t/more", b"m")
        finally:
            first.held.close()


def test_many_clients_that_connect_and_subscribe_at_once_are_all_heard(broker: BrokerThread) -> None:
    with client(broker, "server") as server:
        for number in range(20):
            server.publish(f"menjin/{number}/policy", b"head", retain=True)
        for _round in range(2):
            edges: list[Client] = []

            def join(number: int, edges: list[Client] = edges) -> None:
                edge = Client(broker.port, f"edge-{number}")
                edge.subscribe(f"menjin/{number}/#")
                edges.append(edge)

            threads = [threading.Thread(target=join, args=(number,)) for number in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(WAIT_S)
            assert len(edges) == 20
            for edge in edges:
                _topic, payload = edge.next()
                assert payload == b"head"
                assert edge.got.empty(), "nobody else's retained messages"
            for edge in edges:
                edge.close()


def test_another_address_than_loopback_is_refused() -> None:
    with pytest.raises(ConfigError, match="serves loopback only"):
        asyncio.run(start_broker("0.0.0.0", 0))


def test_a_port_in_use_is_refused_with_one_line(broker: BrokerThread) -> None:
    with pytest.raises(ConfigError, match=rf"port {broker.port} on 127.0.0.1 is in use"):
        asyncio.run(start_broker("127.0.0.1", broker.port))


def test_a_message_of_the_largest_size_that_the_wire_allows_passes(broker: BrokerThread) -> None:
    with client(broker, "edge") as edge, client(broker, "server") as server:
        server.subscribe("t/big")
        edge.publish("t/big", bytes(MAX_MESSAGE_BYTES))
        assert server.next() == ("t/big", bytes(MAX_MESSAGE_BYTES))


def test_strangers_and_garbage_do_not_disturb_the_others(broker: BrokerThread) -> None:
    with client(broker, "edge") as edge, client(broker, "server") as server:
        server.subscribe("t/ack")
        for garbage in (
            b"",
            b"\x00" * 50,
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x10\xff\xff\xff\x7f",
            b"\x10\x0c\x00\x04MQTT\x09",
            b"\x30\x02",
        ):
            with socket.create_connection(("127.0.0.1", broker.port), timeout=WAIT_S) as stranger:
                stranger.sendall(garbage)
        edge.publish("t/ack", b"1")
        assert server.next() == ("t/ack", b"1")
