"""The server's MQTT client: the one server file that imports paho (DESIGN 8, 14).

paho's own thread receives; every message goes into one bounded queue that a single thread of the caller drains. A full
queue holds paho's thread back for a moment and then drops: what was not acknowledged by our own ack comes again.
"""

import queue
import ssl
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode

INBOX_MESSAGES = 256
INBOX_WAIT_S = 5.0
KEEPALIVE_S = 20
RECONNECT_MIN_S = 1
RECONNECT_MAX_S = 10
OUTGOING_MESSAGES = 2_000
CONNECT_TIMEOUT_S = 5.0
DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}

log = structlog.get_logger(__name__)


class BrokerUrlError(ValueError):
    """The broker's URL cannot be used. One line: what and what to write instead."""


@dataclass(frozen=True)
class Message:
    """What the broker delivered. ``retained``: stored by the broker earlier, or queued (amqtt sets the flag then too)."""

    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True)
class BrokerAddress:
    """A parsed ``mqtt://[user[:password]@]host[:port]`` or ``mqtts://…``."""

    host: str
    port: int
    tls: bool
    username: str | None
    password: str | None


def parse_broker_url(url: str) -> BrokerAddress:
    """Raises :class:`BrokerUrlError`. The password never appears in the error."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BrokerUrlError("broker_url: port is not a number; write mqtt://HOST:PORT") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise BrokerUrlError("broker_url: write mqtt://HOST:PORT or mqtts://HOST:PORT")
    return BrokerAddress(
        host=parts.hostname,
        port=port or DEFAULT_PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


class MqttClient:
    """A persistent MQTT 3.1.1 session. ``start`` never blocks or raises for an absent broker: it keeps trying.

    ``on_published`` is called in paho's thread with the message id once the broker has taken a message. ``ca``,
    ``certificate``, ``key``: PEM files for TLS, checked by :mod:`server.config`.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        subscriptions: Sequence[str],
        *,
        on_connected: Callable[[], None] = lambda: None,
        on_published: Callable[[int], None] = lambda _mid: None,
        ca: str | None = None,
        certificate: str | None = None,
        key: str | None = None,
    ) -> None:
        self.address = parse_broker_url(url)
        self.inbox: queue.Queue[Message] = queue.Queue(INBOX_MESSAGES)
        self.dropped = 0
        self._subscriptions = [(topic, 1) for topic in subscriptions]
        self._on_connected = on_connected
        self._subscribed = False
        self._started = False
        self._cause = ""
        self._client_error = ""
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
        client.max_queued_messages_set(OUTGOING_MESSAGES)
        client.reconnect_delay_set(RECONNECT_MIN_S, RECONNECT_MAX_S)
        client.connect_timeout = CONNECT_TIMEOUT_S
        if self.address.username is not None:
            client.username_pw_set(self.address.username, self.address.password)
        if self.address.tls:
            client.tls_set(ca_certs=ca, certfile=certificate, keyfile=key, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        client.on_connect = self._connected
        client.on_connect_fail = self._connect_failed
        client.on_log = self._logged
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribe_answered
        client.on_message = self._received
        client.on_publish = lambda _client, _data, mid, _code, _properties: on_published(mid)
        self._client = client

    @property
    def connected(self) -> bool:
        """Connected and subscribed."""
        return self._subscribed and self._client.is_connected()

    @property
    def trouble(self) -> str:
        """Why it is not connected, as far as paho says; empty when it is."""
        return "" if self.connected else self._cause

    def start(self) -> None:
        """Begin connecting, in paho's own thread."""
        self._client.connect_async(self.address.host, self.address.port, KEEPALIVE_S)
        self._started = True
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect and join the thread; what is still queued for sending is lost (our outbox has it)."""
        if not self._started:
            return
        self._started = False
        self._client.disconnect()
        while True:  # a receiver waiting for room would hold the join
            try:
                self.inbox.get_nowait()
            except queue.Empty:
                break
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> int | None:
        """Hand a message to the client. Returns its message id, or None when it was not taken: not connected, or the
        outgoing queue is full."""
        if not self.connected:
            return None
        info = self._client.publish(topic, payload, qos=qos, retain=retain)
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def _connected(
        self, client: paho.Client, _data: object, _flags: object, reason: object, _properties: object
    ) -> None:
        if getattr(reason, "is_failure", False):
            self._down("broker refused the connection", str(reason))
            return
        client.subscribe(self._subscriptions)

    def _subscribe_answered(
        self, _client: paho.Client, _data: object, _mid: int, reasons: Sequence[object], _properties: object
    ) -> None:
        if any(getattr(reason, "is_failure", False) for reason in reasons):
            log.error("broker refused a subscription: check its access list", subscriptions=self._subscriptions)
            return
        log.info("broker connected", host=self.address.host, port=self.address.port)
        self._subscribed = True
        self._cause = ""
        self._on_connected()

    def _disconnected(
        self, _client: paho.Client, _data: object, _flags: object, reason: object, _properties: object
    ) -> None:
        if self._started:
            self._down("broker connection lost", self._client_error or str(reason))
        self._client_error = ""
        self._subscribed = False

    def _connect_failed(self, _client: paho.Client, _data: object) -> None:
        # paho hands over no cause, but calls this while it handles it: refused, unknown host, wrong certificate.
        self._down("no connection to the broker", str(sys.exception()))

    def _logged(self, _client: paho.Client, _data: object, level: int, text: str) -> None:
        """The one place where paho says that the broker refused our certificate (TLS 1.3)."""
        if level == LogLevel.MQTT_LOG_ERR:
            self._client_error = text

    def _down(self, what: str, cause: str) -> None:
        """Log each cause once, however often paho tries again."""
        if cause != self._cause:
            self._cause = cause
            log.warning(what, host=self.address.host, port=self.address.port, cause=cause)

    def _received(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if not self._started:
            return
        try:
            self.inbox.put(Message(message.topic, bytes(message.payload), message.retain), timeout=INBOX_WAIT_S)
        except queue.Full:
            self.dropped += 1
            log.error("inbox full: message dropped, its edge will send it again", topic=message.topic)
