"""The embedded MQTT broker: amqtt on a loopback address, for the demo, tests and one-machine sites (DESIGN 8).

It keeps nothing on disk, speaks MQTT 3.1.1 and knows no passwords, so it serves loopback only; a fleet uses mosquitto or
another broker by ``broker_url``. What it loses at a crash comes again: the edge's outbox waits for our own ack.
"""

import asyncio
import errno
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from amqtt.broker import Broker, Server
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.errors import AMQTTError, BrokerError, MQTTError, NoDataError
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import Session

from server.config import ConfigError, is_loopback
from server.notify import notify

STOP_TIMEOUT_S = 3.0
TAKE_OVER_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 10.0
MAX_CONNECTIONS = 500

log = structlog.get_logger()


class LoopbackBroker(Broker):  # type: ignore[misc]
    """amqtt 0.12 with its connection handling mended.

    - A client that connects again while its old connection still stands (cable cut, then back) would be marked
      disconnected when the old one ends: here the old one ends first.
    - A connection that opens with garbage was left open and, for some garbage, counted for ever: here every connection
      is closed and given back, and has a time within which it must say CONNECT.
    - A returning client would be sent the retained messages of everybody's subscriptions, in a loop over a dictionary
      that other clients change meanwhile, which leaves it connected but deaf: here it gets its own when it subscribes.
    """

    def __init__(self, config: BrokerConfig) -> None:
        super().__init__(config)
        self._connections: dict[str, tuple[BrokerProtocolHandler, asyncio.Event]] = {}

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port = self._servers["default"].instance.sockets[0].getsockname()[1]
        assert isinstance(port, int)
        return port

    async def _client_connected(self, listener_name: str, reader: Any, writer: Any) -> None:
        server = self._servers[listener_name]
        await server.acquire_connection()
        try:
            peer = writer.get_peer_info()
            if peer is None:
                return
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                handler, client_session = await self._initialize_client_session(reader, writer, *peer)
            await self._handle_client_session(reader, writer, client_session, handler, server, listener_name)
        except (AMQTTError, MQTTError, NoDataError, OSError, TimeoutError) as error:
            log.info("a connection failed", error=str(error) or type(error).__name__)
        except Exception:
            log.exception("a connection failed")
        finally:
            server.release_connection()
            with suppress(OSError, TimeoutError):
                await writer.close()

    async def _handle_client_session(
        self,
        reader: Any,
        writer: Any,
        client_session: Session,
        handler: BrokerProtocolHandler,
        server: Server,  # noqa: ARG002
        listener_name: str,
    ) -> None:
        client_id = client_session.client_id
        if not await self._authenticate(client_session, self.listeners_config[listener_name]):
            await writer.close()
            return
        await self._end_previous(client_id)
        ended = asyncio.Event()
        self._connections[client_id] = (handler, ended)
        try:
            client_session.transitions.connect()
            handler.attach(client_session, reader, writer)
            self._sessions[client_id] = (client_session, handler)
            await handler.mqtt_connack_authorize(True)
            await handler.start()
            await self._publish_session_retained_messages(client_session)
            await self._client_message_loop(client_session, handler)
        finally:
            if client_session.transitions.is_connected():
                client_session.transitions.disconnect()
            ended.set()
            if self._connections.get(client_id) == (handler, ended):
                del self._connections[client_id]

    async def _end_previous(self, client_id: str) -> None:
        while (previous := self._connections.get(client_id)) is not None:
            handler, ended = previous
            await handler.handle_connection_closed()
            try:
                await asyncio.wait_for(ended.wait(), TAKE_OVER_TIMEOUT_S)
            except TimeoutError:
                log.warning("an old connection does not end", client_id=client_id)
                self._connections.pop(client_id, None)


async def start_broker(host: str, port: int) -> LoopbackBroker:
    """A running broker. Raises :class:`ConfigError` for an address that is not loopback or a port in use."""
    if not is_loopback(host):
        raise ConfigError(
            f"host {host}: the embedded broker knows no passwords and serves loopback only; "
            "use mosquitto with TLS for other machines"
        )
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    broker = LoopbackBroker(
        BrokerConfig(
            listeners={"default": ListenerConfig(bind=bind, max_connections=MAX_CONNECTIONS)},
            plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        )
    )
    try:
        with _untold("amqtt.broker"):
            await broker.start()
    except (BrokerError, OSError) as error:
        in_use = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE
        reason = "is in use: stop what uses it, or give another --port" if in_use else f"cannot be used: {error}"
        raise ConfigError(f"port {port} on {host} {reason}") from error
    return broker


@contextmanager
def _untold(logger: str) -> Iterator[None]:
    """amqtt logs what it then raises, with its traceback: the caller says it in one line."""
    log_of = logging.getLogger(logger)
    level = log_of.level
    log_of.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log_of.setLevel(level)


def run_broker(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises :class:`ConfigError`."""
    asyncio.run(_serve(host, port))


async def _serve(host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    broker = await start_broker(host, port)
    shown = f"[{host}]" if ":" in host else host
    log.info("broker serving", url=f"mqtt://{shown}:{broker.port}")
    notify("READY=1", f"X_URL=mqtt://{shown}:{broker.port}")
    await stop.wait()
    notify("STOPPING=1")
    try:
        await asyncio.wait_for(broker.shutdown(), STOP_TIMEOUT_S)
    except TimeoutError:
        log.warning("connections did not end in time")
