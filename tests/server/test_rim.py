"""The rim of HTTP as bare ASGI: what a client cannot be made to send through the test client."""

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from server.rim import Rim


def scope(path: str = "/", **more: Any) -> Scope:
    return {"type": "http", "method": "POST", "path": path, "headers": [], "scheme": "http"} | more


async def answer(messages: list[Message], timeout_s: float = 0.05) -> tuple[int, list[Message]]:
    """Serve one request whose body arrives as ``messages`` and then stalls; the status and what the app received."""
    received: list[Message] = []
    sent: list[Message] = []
    waiting = list(messages)

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        received.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Message) -> None:
        sent.append(message)

    await Rim(app, max_body_bytes=10, body_timeout_s=timeout_s)(scope(), receive, send)
    return sent[0]["status"], received


def part(body: bytes, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_that_does_not_arrive_in_time_is_refused() -> None:
    assert asyncio.run(answer([part(b"abc", True)])) == (408, [])


def test_a_body_in_parts_reaches_the_app_whole() -> None:
    status, received = asyncio.run(answer([part(b"abc", True), part(b"def", False)]))
    assert status == 200
    assert received == [part(b"abcdef", False)]


def test_a_body_that_grows_beyond_the_limit_never_reaches_the_app() -> None:
    assert asyncio.run(answer([part(b"abcdef", True), part(b"ghijkl", True)])) == (413, [])


def test_who_disconnects_early_is_handed_on_as_such() -> None:
    _, received = asyncio.run(answer([part(b"abc", True), {"type": "http.disconnect"}]))
    assert received == [{"type": "http.disconnect"}]
