"""Runs the application: uvicorn on a socket of our own, readiness to the supervisor, a short end."""

import asyncio
import errno
import fcntl
import gc
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from server import tls
from server.app import create_app
from server.config import Config, ConfigError
from server.db.clock import SystemClock
from server.http_limits import BoundedHttp
from server.notify import notify

GRACE_S = 2
KEEP_ALIVE_S = 30
MAX_CONNECTIONS = 2_000
BACKLOG = 256

log = structlog.get_logger()


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. Raises :class:`ConfigError` when the port is in use, the address not ours, or another
    server has the SQLite database."""
    with _listen(config) as listening, alone_on_sqlite(config.database_url):
        clock = SystemClock()
        app = create_app(config, clock=clock)
        gc.enable()
        files = _certificate_files(config)
        address = listening.getsockname()
        url = _url("https" if files else "http", config.host, address[1])
        server = _Server(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=BoundedHttp,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=False,
                limit_concurrency=MAX_CONNECTIONS,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
                ssl_certfile=files[0] if files else None,
                ssl_keyfile=files[1] if files else None,
            ),
            url,
            app.state.context.stopping,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # uvicorn ends on it and then raises it again: end with code 0
        server.run(sockets=[listening])
        if not server.started:
            raise ConfigError("the server did not start; the lines above say why")


class _Server(uvicorn.Server):
    """Tells the supervisor when it serves and when it stops, and ends the live streams then."""

    def __init__(self, config: uvicorn.Config, url: str, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            log.info("serving", url=self._url)
            notify("READY=1", f"X_URL={self._url}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        notify("STOPPING=1")
        self._stopping.set()
        await super().shutdown(sockets)


@contextmanager
def alone_on_sqlite(database_url: str) -> Iterator[None]:
    """Hold a SQLite database for this process: two would both lead, ingest and publish (DESIGN 15). The lock ends with the
    process, however it ends. Raises :class:`ConfigError` when another one holds it."""
    try:
        url = make_url(database_url)
    except ArgumentError:  # the database's own error names it
        yield
        return
    if url.get_backend_name() != "sqlite" or not url.database:
        yield
        return
    try:
        descriptor = os.open(f"{url.database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"database_url: {url.database}.lock cannot be made: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"database_url: another menjin server uses {url.database}: stop it, or use PostgreSQL for several"
            ) from error
        yield
    finally:
        os.close(descriptor)


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {config.port} on {config.host} is in use: stop what uses it, or set port"
            ) from error
        raise ConfigError(f"host {config.host}: cannot listen there: {error.strerror}") from error


def _certificate_files(config: Config) -> tuple[str, str] | None:
    if not config.uses_tls:
        return None
    if config.tls_certificate is not None and config.tls_key is not None:
        return str(config.tls_certificate), str(config.tls_key)
    certificate, key = tls.site_certificate(config.dir, config.host, SystemClock().now())
    log.info("own certificate: compare this in the browser", sha256=tls.fingerprint(certificate))
    return str(certificate), str(key)


def _url(scheme: str, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}"
