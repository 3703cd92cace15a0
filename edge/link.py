"""The way to the broker: paho-mqtt, and the only file that imports it (DESIGN 8). MQTT 3.1.1, QoS 1, persistent session.

The client's own thread does the network. It answers PUBACK at once: a broker's PUBACK proves nothing (NOTES), the outbox
waits for the server's signed ack. The retain flag of what arrives is ignored, content decides: amqtt sets it on queued
messages. Imports ``threading``.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from controller.wire import topic
from edge.config import Broker
from edge.ports import LinkDown, LinkUp, MessageArrived, Stimulus

DOWN_LEAVES = ("ack", "policy", "chunk", "delta", "lease", "command")
WILL = b'{"online":false}'
QOS = 1
KEEPALIVE_S = 15
CONNECT_TIMEOUT_S = 5.0
RECONNECT_FIRST_S = 1
RECONNECT_LIMIT_S = 30
MAX_OUTGOING = 64
"""Messages that the client holds until their PUBACK; beyond it :meth:`MqttLink.publish` takes nothing."""
FLUSH_S = 0.5
JOIN_S = 1.0
CRASH_PAUSE_S = 5.0

_log = logging.getLogger(__name__)


class LinkError(ValueError):
    """A certificate or password file that cannot be used. One line: what, where."""


class MqttLink:
    """One edge's connection. ``post`` is called from the client's thread with LinkUp, LinkDown and MessageArrived."""

    def __init__(
        self,
        site: str,
        edge: str,
        broker: Broker,
        post: Callable[[Stimulus], object],
        reconnect_first_s: int = RECONNECT_FIRST_S,
        reconnect_limit_s: int = RECONNECT_LIMIT_S,
    ) -> None:
        self._site = site
        self._edge = edge
        self._broker = broker
        self._post = post
        self._reconnect_s = (reconnect_first_s, reconnect_limit_s)
        self._leaf_of = {topic(site, edge, leaf): leaf for leaf in DOWN_LEAVES}
        self._up: bool | None = None
        self._closing = threading.Event()
        self._flushed = threading.Condition()
        self._outgoing: set[int] = set()
        self._client = self._new_client()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def publish(self, leaf: str, payload: bytes, retain: bool = False) -> bool:
        """Hand over one message at QoS 1. False when not connected or MAX_OUTGOING wait: nothing was taken."""
        if not self._up:
            return False
        with self._flushed:
            info = self._client.publish(topic(self._site, self._edge, leaf), payload, qos=QOS, retain=retain)
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
            self._outgoing.add(info.mid)
        return True

    def close(self) -> None:
        """Give what was handed over FLUSH_S to leave, disconnect in order (no will) and end the thread."""
        with self._flushed:
            if self._up:
                self._flushed.wait_for(lambda: not self._outgoing, FLUSH_S)
        self._closing.set()
        self._client.disconnect()
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)

    def _new_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"menjin-{self._site}-{self._edge}",
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.reconnect_delay_set(*self._reconnect_s)
        client.max_queued_messages_set(MAX_OUTGOING)
        client.will_set(topic(self._site, self._edge, "status"), WILL, qos=QOS, retain=True)
        broker = self._broker
        if broker.username:
            client.username_pw_set(broker.username, _password(broker.password_file))
        if broker.tls:
            try:
                client.tls_set(
                    ca_certs=broker.ca or None, certfile=broker.certificate or None, keyfile=broker.key or None
                )
            except (OSError, ValueError) as error:
                raise LinkError(
                    f"broker certificates ({broker.ca}, {broker.certificate}, {broker.key}): {error}"
                ) from error
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        return client

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE_S)
                self._client.loop_forever(retry_first_connection=True)
            except Exception as bug:  # noqa: BLE001 - bytes from a broken broker must not end the link for good
                _log.warning("mqtt client failed and is made anew: %s: %s", type(bug).__name__, bug)
                self._went_down(f"mqtt client: {type(bug).__name__}: {bug}")
                self._closing.wait(CRASH_PAUSE_S)
                if not self._closing.is_set():
                    with self._flushed:
                        self._client = self._new_client()
                        self._outgoing.clear()
        self._went_down("closed")

    def _went_down(self, cause: str) -> None:
        if self._up is not False:
            self._up = False
            self._post(LinkDown(cause))

    # called by the client, in its thread

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._went_down(f"broker refuses: {reason}")
            return
        client.subscribe([(name, QOS) for name in self._leaf_of])

    def _on_subscribe(self, _client: mqtt.Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = [leaf for leaf, reason in zip(DOWN_LEAVES, reasons, strict=False) if reason.is_failure]
        if refused:
            self._went_down(f"broker refuses to subscribe {', '.join(refused)}: check its access list")
            return
        self._up = True
        self._post(LinkUp())

    def _on_connect_fail(self, _client: mqtt.Client, _data: Any) -> None:
        self._went_down(f"no broker at {self._broker.host}:{self._broker.port}")

    def _on_disconnect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._went_down(f"connection ended: {reason}")

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        leaf = self._leaf_of.get(message.topic)
        if leaf is not None:
            self._post(MessageArrived(leaf, bytes(message.payload)))

    def _on_publish(self, _client: mqtt.Client, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        with self._flushed:
            self._outgoing.discard(mid)
            self._flushed.notify_all()


def _password(path: str) -> str | None:
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise LinkError(f"broker password_file {path}: {error}") from error
