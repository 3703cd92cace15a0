"""The way to the broker: paho-mqtt, and the only file that imports it (DESIGN 8). MQTT 3.1.1, QoS 1, persistent session.

The client's own thread does the network. It answers PUBACK at once: a broker's PUBACK proves nothing (NOTES), the outbox
waits for the server's signed ack. The retain flag of what arrives is ignored, content decides: amqtt sets it on queued
messages. Imports ``threading``.
"""

import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode, MQTTProtocolVersion

from controller.wire import topic
from edge.config import Broker
from edge.ports import LinkDown, LinkUp, MessageArrived, Stimulus

DOWN_LEAVES = ("ack", "policy", "chunk", "delta", "lease", "command")
WILL = b'{"online":false}'
QOS = 1
KEEPALIVE_S = 15
CONNECT_TIMEOUT_S = 5.0
RECONNECT_FIRST_S = 1
RECONNECT_LIMIT_S = 5
MAX_OUTGOING = 64
"""Messages that the client holds until their PUBACK; beyond it :meth:`MqttLink.publish` takes nothing."""
FLUSH_S = 0.5
JOIN_S = 1.0
CRASH_PAUSE_S = 5.0

_log = logging.getLogger(__name__)


class LinkError(ValueError):
    """A certificate or password file that cannot be used. One line: what, where."""


class _Client(mqtt.Client):
    """paho's client, whose thread survives an exception and tells when it has ended."""

    def __init__(self, client_id: str, crashed: Callable[[Exception], bool]) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, protocol=MQTTProtocolVersion.MQTTv311
        )
        self._crashed = crashed
        self.ended = threading.Event()

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """As paho's; called in the thread that ``loop_start`` makes."""
        try:
            while True:
                try:
                    return super().loop_forever(timeout, retry_first_connection)
                except Exception as bug:  # noqa: BLE001 - bytes from a broken broker must not end the link for good
                    if not self._crashed(bug):
                        return MQTTErrorCode.MQTT_ERR_UNKNOWN
        finally:
            self.ended.set()


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
        self._leaf_of = {topic(site, edge, leaf): leaf for leaf in DOWN_LEAVES}
        self._up: bool | None = None
        self._cause = ""
        self._client_error = ""
        self._closing = threading.Event()
        self._handed_over: deque[mqtt.MQTTMessageInfo] = deque(maxlen=MAX_OUTGOING)
        self._client = self._new_client()
        self._client.reconnect_delay_set(reconnect_first_s, reconnect_limit_s)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE_S)
        self._client.loop_start()

    def publish(self, leaf: str, payload: bytes, retain: bool = False) -> bool:
        """Hand over one message at QoS 1. False when not connected or MAX_OUTGOING wait: nothing was taken."""
        if not self._up:
            return False
        # No lock of ours may be held here: the client's thread calls back while it holds its own.
        info = self._client.publish(topic(self._site, self._edge, leaf), payload, qos=QOS, retain=retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._handed_over.append(info)
        return True

    def close(self) -> None:
        """Give what was handed over FLUSH_S to leave, disconnect in order (no will) and end the thread."""
        self._closing.set()
        if self._up:
            self._flush()
        self._client.disconnect()
        self._client.ended.wait(JOIN_S)

    def _flush(self) -> None:
        while self._handed_over:
            info = self._handed_over.pop()  # the last one leaves last
            try:
                info.wait_for_publish(FLUSH_S)
            except (RuntimeError, ValueError):
                return
            if not info.is_published():
                return

    def _new_client(self) -> _Client:
        client = _Client(f"menjin-{self._site}-{self._edge}", self._crashed)
        client.connect_timeout = CONNECT_TIMEOUT_S
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
        client.on_log = self._on_log
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _crashed(self, bug: Exception) -> bool:
        """In the client's thread: whether it shall connect anew."""
        _log.warning("mqtt client failed and connects anew: %s: %s", type(bug).__name__, bug)
        self._went_down(f"mqtt client: {type(bug).__name__}: {bug}")
        if self._closing.wait(CRASH_PAUSE_S):
            return False
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE_S)
        return True

    def _went_down(self, cause: str) -> None:
        if self._up is not False:
            self._up = False
            self._post(LinkDown(cause))
        elif cause != self._cause:
            _log.warning("link still down: %s", cause)
        self._cause = cause

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
        # The client hands over no cause, but calls this while it handles it: refused, unknown host, wrong certificate.
        self._went_down(f"no broker at {self._broker.host}:{self._broker.port}: {sys.exception()}")

    def _on_disconnect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._went_down(f"connection ended: {self._client_error or reason}")
        self._client_error = ""

    def _on_log(self, _client: mqtt.Client, _data: Any, level: int, text: str) -> None:
        """The one place where the client says that the broker refused this edge's certificate (TLS 1.3)."""
        if level == LogLevel.MQTT_LOG_ERR:
            self._client_error = text

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        leaf = self._leaf_of.get(message.topic)
        if leaf is not None:
            self._post(MessageArrived(leaf, bytes(message.payload)))


def _password(path: str) -> str | None:
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise LinkError(f"broker password_file {path}: {error}") from error
