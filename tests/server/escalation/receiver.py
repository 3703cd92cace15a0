"""A receiver on loopback: keeps what it was sent, and fails as it is told to."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Receiver:
    """``status``: what it answers. ``location``: where it redirects to. ``held``: it answers when this is set."""

    port: int = 0
    status: int = 200
    location: str = ""
    held: threading.Event | None = None
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def bodies(self, path: str = "") -> list[dict[str, Any]]:
        """What came, decoded; at one path, or at all."""
        return [json.loads(body) for at, _, body in self.got if not path or at == path]


@contextmanager
def running_receiver(certificate: tuple[Path, Path] | None = None) -> Iterator[Receiver]:
    """A receiver that answers until the block ends; by TLS with a certificate and its key."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            if receiver.held is not None:
                receiver.held.wait(60)
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def setup(self) -> None:
            if isinstance(self.request, ssl.SSLSocket):
                self.request.do_handshake()
            super().setup()

        def log_message(self, *_args: object) -> None: ...

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_args: object) -> None:
            """A client that does not believe the certificate hangs up."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        if receiver.held is not None:
            receiver.held.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
