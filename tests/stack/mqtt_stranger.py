"""Somebody else on the broker: hears what a fresh subscriber hears, says whatever it likes."""

import threading
from types import TracebackType

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from sim.waiting import until

CONNECT_S = 30.0


class Stranger:
    """A client with a clean session of its own, subscribed to ``topic`` from the first moment on."""

    def __init__(self, port: int, topic: str) -> None:
        self._topic = topic
        self._lock = threading.Lock()
        self._heard: list[tuple[str, bytes]] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> "Stranger":
        self._client.loop_start()
        assert self._subscribed.wait(CONNECT_S), "the broker did not answer"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def heard(self, leaf: str) -> list[bytes]:
        """All payloads of a topic's leaf so far."""
        with self._lock:
            return [payload for topic, payload in self._heard if topic.endswith(f"/{leaf}")]

    def say(self, topic: str, payload: bytes) -> None:
        """Publish, and wait until the broker has it."""
        sent = self._client.publish(topic, payload, qos=1)
        assert until(sent.is_published, CONNECT_S), f"the broker did not take {len(payload)} bytes on {topic}"

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        with self._lock:
            self._heard.append((message.topic, bytes(message.payload)))
