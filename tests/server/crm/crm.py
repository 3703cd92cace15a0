"""A CRM on loopback that speaks the agreement of docs/registry.md, with the faults that CRMs have."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PAGE = 2
TOKEN = "crm-token"


@dataclass
class Crm:
    """Its customers by id, each with ``modified``; how it answers; what it was asked."""

    url: str = ""
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    modified: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    between_parts: Callable[[], object] | None = None
    asked: list[str] = field(default_factory=list)

    def put(self, record: dict[str, Any], modified: str = "2026-03-01T00:00:00Z") -> None:
        """A customer as it is from now on."""
        self.customers[record["external_id"]] = record
        self.modified[record["external_id"]] = modified

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        """Status and body."""
        if self.fault == "500":
            return 500, b"{}"
        if self.fault == "404" or (self.fault == "404 for each" and path != "/api/customers"):
            return 404, b"{}"
        if self.fault == "garbage":
            return 200, b"<html>"
        if self.fault == "shape":
            return 200, b"[]"
        if self.fault == "endless":
            return 200, json.dumps({"items": [], "next": "again"}).encode()
        if self.fault == "large":
            return 200, b" " * (9 * 2**20)
        if path != "/api/customers":
            found = self.customers.get(unquote(path.removeprefix("/api/customers/")))
            return (404, b"{}") if found is None else (200, json.dumps(found).encode())
        since = query.get("modified_since", [""])[0]
        after = query.get("after", [""])[0]
        names = sorted(name for name, at in self.modified.items() if at >= since and name > after)
        following = names[PAGE - 1] if len(names) > PAGE else None
        items = [self.customers[name] for name in names[:PAGE]]
        return 200, json.dumps({"items": items, "next": following}).encode()


@contextmanager
def running_crm() -> Iterator[Crm]:
    """A CRM that answers until the block ends."""
    crm = Crm()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            crm.asked.append(self.path)
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, body = 401, b"{}"
            else:
                status, body = crm.answer(url.path, parse_qs(url.query))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if crm.between_parts is None:
                self.wfile.write(body)
                return
            with suppress(OSError):
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    crm.between_parts()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        crm.url = f"http://127.0.0.1:{server.server_address[1]}/api"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield crm
        server.shutdown()
        thread.join()
