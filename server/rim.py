"""The outermost layer of HTTP: body size, time for a body to arrive, text that no database holds, security headers."""

import asyncio
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.problems import Problem

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}
HSTS = "max-age=31536000"
BINARY = (b"multipart/", b"image/", b"application/octet-stream", b"application/pdf")
_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_NO_CHARACTER = re.compile(rb"(?<!\\)(?:\\\\)*\\u(?:0000|[dD][89a-fA-F])")
"""In JSON: NUL, or half of a surrogate pair."""


def add_security_headers(headers: MutableHeaders, scheme: str) -> None:
    """What every answer carries; what the answer itself says goes first."""
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")
    if scheme == "https":
        headers.setdefault("Strict-Transport-Security", HSTS)


class Rim:
    """ASGI middleware: refuses what is too large (413) or too slow (408), and sets the headers on every answer."""

    def __init__(self, app: ASGIApp, max_body_bytes: int, body_timeout_s: float) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.body_timeout_s = body_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_security_headers(MutableHeaders(scope=message), scope.get("scheme", "http"))
            await send(message)

        try:
            body = await self._whole_body(scope, receive)
            _refuse_unstorable_text(scope, body.get("body", b""))
        except Problem as problem:
            await problem.response()(scope, receive, send_with_headers)
            return
        waiting = [body]

        async def receive_again() -> Message:
            return waiting.pop() if waiting else await receive()

        await self.app(scope, receive_again, send_with_headers)

    async def _whole_body(self, scope: Scope, receive: Receive) -> Message:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self.max_body_bytes:
                raise self._too_large()
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.body_timeout_s):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return message
                    part = message.get("body", b"")
                    size += len(part)
                    if size > self.max_body_bytes:
                        raise self._too_large()
                    parts.append(part)
                    if not message.get("more_body", False):
                        return {"type": "http.request", "body": b"".join(parts), "more_body": False}
        except TimeoutError as error:
            raise Problem(
                408, "body_timeout", "The request's body did not arrive in time.", "请求内容未及时到达。"
            ) from error

    def _too_large(self) -> Problem:
        return Problem(
            413,
            "body_too_large",
            f"The request's body is larger than {self.max_body_bytes} bytes.",
            f"请求内容超过 {self.max_body_bytes} 字节。",
        )


def _refuse_unstorable_text(scope: Scope, body: bytes) -> None:
    """PostgreSQL holds no NUL, and nothing holds half of a surrogate pair: neither gets as far as a name or a note."""
    content_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"").lower()
    found = "\x00" in scope["path"] or b"%00" in scope.get("query_string", b"")
    if body and not content_type.startswith(BINARY):
        found |= b"\x00" in body or not _is_utf8(body)
        if content_type.startswith(b"application/x-www-form-urlencoded"):
            found |= b"%00" in body
        else:
            found |= _NO_CHARACTER.search(_PAIR.sub(b"", body)) is not None
    if found:
        raise Problem(
            422,
            "invalid_text",
            "Text must be UTF-8 without NUL and without halves of surrogate pairs.",
            "文本必须是 UTF-8，且不得含 NUL 或不成对的代理字符。",
        )


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
