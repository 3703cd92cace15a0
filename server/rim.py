"""The outermost layer of HTTP: body size, time for a body to arrive, text that no database holds, security headers."""

import asyncio
import re
from collections.abc import Awaitable, Callable

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
UPLOAD = re.compile(
    r"/api/v1/(?:applications/[^/]+/attachments/[^/]+|permits/[^/]+/letter|permits/[^/]+/persons/[^/]+/id-copy"
    r"|visits/[^/]+/photo|exit-slips/[^/]+/letter|exit-slips/[^/]+/carriers/[^/]+/id-copy"
    r"|violations/[^/]+/evidence/[^/]+/(?:photo|letter))"
)
"""The only addresses (PUT) whose bodies may be as large as an attachment. Routers below them find the whole file in memory."""
UPLOADS_AT_ONCE = 3
"""So many files are in memory and decoded at a time, which takes up to 300 MB each."""
UPLOAD_TIMEOUT_FACTOR = 4
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
    """ASGI middleware: refuses what is too large (413) or too slow (408), and sets the headers on every answer.

    Files that are handed in (:data:`UPLOAD`) may have ``max_upload_bytes``, of those whom ``admit_upload`` lets pass (it raises
    :class:`Problem` for others) and at most :data:`UPLOADS_AT_ONCE` at a time (503).
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        body_timeout_s: float,
        max_upload_bytes: int | None = None,
        admit_upload: Callable[[Scope], Awaitable[None]] | None = None,
    ) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.body_timeout_s = body_timeout_s
        self.max_upload_bytes = max_upload_bytes or max_body_bytes
        self.admit_upload = admit_upload
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_security_headers(MutableHeaders(scope=message), scope.get("scheme", "http"))
            await send(message)

        if scope["method"] == "PUT" and UPLOAD.fullmatch(scope["path"]):
            await self._serve_upload(scope, receive, send_with_headers)
        else:
            await self._serve(scope, receive, send_with_headers, self.max_body_bytes, self.body_timeout_s)

    async def _serve_upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._uploads >= UPLOADS_AT_ONCE:
            await _busy().response()(scope, receive, send)
            return
        self._uploads += 1
        try:
            if self.admit_upload is not None:
                await self.admit_upload(scope)
            timeout_s = self.body_timeout_s * UPLOAD_TIMEOUT_FACTOR
            await self._serve(scope, receive, send, self.max_upload_bytes, timeout_s)
        except Problem as problem:
            await problem.response()(scope, receive, send)
        finally:
            self._uploads -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send, max_bytes: int, timeout_s: float) -> None:
        try:
            body = await self._whole_body(scope, receive, max_bytes, timeout_s)
            _refuse_unstorable_text(scope, body.get("body", b""))
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        waiting = [body]
        del body

        async def receive_again() -> Message:
            return waiting.pop() if waiting else await receive()

        await self.app(scope, receive_again, send)

    async def _whole_body(self, scope: Scope, receive: Receive, max_bytes: int, timeout_s: float) -> Message:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > max_bytes:
                raise _too_large(max_bytes)
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return message
                    part = message.get("body", b"")
                    size += len(part)
                    if size > max_bytes:
                        raise _too_large(max_bytes)
                    parts.append(part)
                    if not message.get("more_body", False):
                        return {"type": "http.request", "body": b"".join(parts), "more_body": False}
        except TimeoutError as error:
            raise Problem(
                408, "body_timeout", "The request's body did not arrive in time.", "请求内容未及时到达。"
            ) from error


def _too_large(max_bytes: int) -> Problem:
    return Problem(
        413,
        "body_too_large",
        f"The request's body is larger than {max_bytes} bytes.",
        f"请求内容超过 {max_bytes} 字节。",
    )


def _busy() -> Problem:
    return Problem(
        503,
        "uploads_busy",
        f"{UPLOADS_AT_ONCE} files are being handed in already: try again in a moment.",
        f"已有 {UPLOADS_AT_ONCE} 个文件正在上传，请稍后重试。",
        headers={"Retry-After": "2"},
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
