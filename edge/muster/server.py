"""Serves the muster page from the edge's own process, on threads of its own (DESIGN 13, 14, 18; L3).

What is shared with the agent is one reference to an immutable situation, swapped by :meth:`MusterServer.show`. Whatever happens here, a port taken, a
certificate gone, a flood, harms no door: it is said in ``fault``, shown in the status, and tried again. Bounded: connections in all and
of one address, each connection's life. Imports ``threading``, ``ssl``, ``socketserver``.
"""

import logging
import secrets
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from controller.now import SECOND_US
from edge.muster.facts import Situation
from edge.muster.handler import RECEIVE_TIMEOUT_S, Handler
from edge.muster.password import stored_hash
from edge.muster.sign_in import SignIn
from edge.private_file import PrivateFileError, refuse_readable_by_others

MAX_CONNECTIONS = 24
MAX_OF_ONE_ADDRESS = 8
CONNECTION_S = 10.0
"""A connection that has not ended by then is cut, however it dribbles."""
TURN_S = 0.2
RETRY_S = 15.0
STOP_S = 1.0

_log = logging.getLogger(__name__)


class MusterServer:
    """Implements :class:`edge.ports.MusterBoard`. ``tls``: certificate and key; without them the address must be loopback, which ``edge.toml``'s
    check sees to. ``clock_us``: boot time."""

    def __init__(
        self,
        host: str,
        port: int,
        password_file: Path,
        tls: tuple[Path, Path] | None,
        clock_us: Callable[[], int],
    ) -> None:
        self._address = (host, port)
        self.password_file = password_file
        self._tls = tls
        self.clock_us = clock_us
        self.situation: Situation | None = None
        self.sign_in = SignIn(lambda: secrets.token_urlsafe(32))
        self.sign_in_lock = threading.Lock()
        self.checking = threading.Lock()
        self.bound_port = 0
        self._fault = "muster page: not open yet"
        self._password_fault = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="muster page", daemon=True)

    @property
    def fault(self) -> str:
        return self._fault or self._password_fault

    @property
    def tls(self) -> bool:
        return self._tls is not None

    def show(self, situation: Situation) -> None:
        self.situation = situation

    def start(self) -> None:
        """Open the page; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Close it; at most STOP_S."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def password(self) -> str | None:
        """The stored hash; None, with the reason in ``fault``, when it cannot be read."""
        try:
            found = stored_hash(self.password_file)
        except PrivateFileError as error:
            self._password_fault = f"muster page: nobody can sign in: {error}"
            return None
        self._password_fault = ""
        return found

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with _Listener(self._address, self, self._tls_context()) as listener:
                    self.bound_port = listener.server_address[1]
                    self.password()
                    self._fault = ""
                    _log.info("muster page at %s:%d", *listener.server_address[:2])
                    while not self._stopping.is_set():
                        listener.handle_request()
            except Exception as error:  # noqa: BLE001 - see the module's docstring
                self._fault = f"muster page: {self._address[0]}:{self._address[1]}: {_readable(error)}"
                _log.error("%s", self._fault)
            self._stopping.wait(RETRY_S)

    def _tls_context(self) -> ssl.SSLContext | None:
        if self._tls is None:
            return None
        certificate, key = self._tls
        refuse_readable_by_others(key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(certificate, key)
        except OSError as error:  # ssl.SSLError is one
            why = error.strerror if not isinstance(error, ssl.SSLError) else "no certificate with its key, in PEM"
            raise _Unusable(f"{certificate}, {key}: {why}; correct the paths or put the files there") from error
        return context

    def wait_stopping(self, seconds: float) -> None:
        """A pause that an orderly stop ends."""
        self._stopping.wait(seconds)


class _Unusable(Exception):
    """One line."""


def _readable(error: Exception) -> str:
    if isinstance(error, PrivateFileError | _Unusable):
        return str(error)
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
        return f"{error.strerror}{f' ({error.filename})' if error.filename else ''}; tried again every {RETRY_S:.0f} s"
    return f"{type(error).__name__}: {' '.join(str(error).split())}; tried again every {RETRY_S:.0f} s"


class _Listener(socketserver.TCPServer):
    """Accepts in the page's thread; each connection is a thread of its own, within bounds."""

    allow_reuse_address = True
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], page: MusterServer, context: ssl.SSLContext | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.page = page
        self.timeout = TURN_S
        self._context = context
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, tuple[str, int]] = {}
        super().__init__(address, Handler)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        try:
            return self.socket.accept()
        except OSError:
            self.page.wait_stopping(TURN_S)  # no descriptors left, say: not again and again at full speed
            raise

    def service_actions(self) -> None:
        """After each turn: what has lasted too long is cut."""
        now_us = self.page.clock_us()
        with self._lock:
            late = [c for c, (_, since_us) in self._connections.items() if now_us - since_us > CONNECTION_S * SECOND_US]
            for connection in late:
                del self._connections[connection]
        for connection in late:
            _cut(connection)

    def handle_request(self) -> None:
        super().handle_request()
        self.service_actions()

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        host = client_address[0]
        with self._lock:
            of_this = sum(1 for other, _ in self._connections.values() if other == host)
            full = len(self._connections) >= MAX_CONNECTIONS or of_this >= MAX_OF_ONE_ADDRESS
            if not full:
                self._connections[request] = (host, self.page.clock_us())
        if full:
            request.close()
            return
        threading.Thread(
            target=self._serve, args=(request, client_address), name="muster page request", daemon=True
        ).start()

    def _serve(self, plain: socket.socket, client_address: tuple[str, int]) -> None:
        connection: socket.socket = plain
        try:
            plain.settimeout(RECEIVE_TIMEOUT_S)
            if self._context is not None:
                connection = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
                with self._lock:
                    self._connections[connection] = self._connections.pop(plain)
                connection.do_handshake()
            Handler(connection, client_address, self)
        except OSError as error:  # the other side went away, or speaks no TLS
            _log.debug("muster page: %s: %s", client_address[0], error)
        except Exception:  # noqa: BLE001 - one request's failure ends that request
            _log.exception("muster page: a request from %s failed", client_address[0])
        finally:
            with self._lock:
                self._connections.pop(connection, None)
            _cut(connection)
            connection.close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        _log.exception("muster page: %s could not be answered", client_address[0])

    def server_close(self) -> None:
        super().server_close()
        with self._lock:
            left = list(self._connections)
        for connection in left:
            _cut(connection)


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is gone already
