"""An MQTT client for benches, standing for an edge or a server. The one file of sim/ that imports paho."""

import queue
from types import TracebackType
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from sim.bench.figures import BenchFailed

CONNECT_TIMEOUT_S = 10.0
OUTGOING_MESSAGES = 2_000
RECEIVED_MESSAGES = 20_000


class BenchClient:
    """QoS 1 both ways. What arrives waits in order for :meth:`receive`; beyond :data:`RECEIVED_MESSAGES` it is dropped."""

    def __init__(self, url: str, client_id: str, topics: tuple[str, ...] = ()) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._received: queue.Queue[tuple[str, bytes]] = queue.Queue(RECEIVED_MESSAGES)
        self._ready: queue.Queue[None] = queue.Queue()
        self._topics = topics
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True)
        self._client.max_queued_messages_set(OUTGOING_MESSAGES)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.put(None)
        self._client.on_message = self._arrived
        try:
            self._client.connect(parts.hostname, parts.port)
        except OSError as error:
            raise BenchFailed(f"no broker at {url}: {error}") from error
        self._client.loop_start()
        try:
            self._ready.get(timeout=CONNECT_TIMEOUT_S)
        except queue.Empty:
            self.close()
            raise BenchFailed(f"the broker at {url} does not answer") from None

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Hand over one message; the client's thread sends it."""
        self._client.publish(topic, payload, qos=1, retain=retain)

    def receive(self, timeout_s: float) -> tuple[str, bytes]:
        """The next message: topic and payload. Raises :class:`BenchFailed` when none comes."""
        try:
            return self._received.get(timeout=timeout_s)
        except queue.Empty:
            raise BenchFailed(f"no message in {timeout_s:g} s") from None

    def close(self) -> None:
        """Disconnect; the thread has ended when this returns."""
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> "BenchClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connected(self, client: paho.Client, *_: object) -> None:
        if self._topics:
            client.subscribe([(topic, 1) for topic in self._topics])
        else:
            self._ready.put(None)

    def _arrived(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        try:
            self._received.put_nowait((message.topic, bytes(message.payload)))
        except queue.Full:
            return
