"""The rim of HTTP as bare ASGI: what a client cannot be made to send through the test client."""

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from server.problems import Problem
from server.rim import UPLOADS_AT_ONCE, Rim


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


UPLOAD = "/api/v1/applications/app_1/attachments/photo"


class Uploads:
    """A rim whose app holds every request until told to answer."""

    def __init__(self, **more: Any) -> None:
        self.received: list[int] = []
        self.go_on = asyncio.Event()
        self.rim = Rim(self._app, max_body_bytes=10, body_timeout_s=5, max_upload_bytes=100, **more)

    async def _app(self, _scope: Scope, receive: Receive, send: Send) -> None:
        self.received.append(len((await receive())["body"]))
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def put(self, *parts: bytes, path: str = UPLOAD, method: str = "PUT", length: int | None = None) -> int:
        """Send a body in parts; the status. Whoever takes more parts than there are waits for ever."""
        sent: list[Message] = []
        waiting = [part(piece, number < len(parts) - 1) for number, piece in enumerate(parts)]

        async def receive() -> Message:
            if waiting:
                return waiting.pop(0)
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(b"content-type", b"image/jpeg")]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        await self.rim(scope(path, method=method, headers=headers), receive, send)
        status: int = sent[0]["status"]
        return status


def test_only_a_file_that_is_handed_in_may_be_large() -> None:
    async def all_of_them() -> None:
        uploads = Uploads()
        uploads.go_on.set()
        assert await uploads.put(b"x" * 100) == 200
        assert await uploads.put(b"x" * 101) == 413
        assert await uploads.put(b"x" * 11, method="POST") == 413
        assert await uploads.put(b"x" * 11, path="/api/v1/customers/C001") == 413
        assert await uploads.put(b"x" * 11, path=UPLOAD + "/more") == 413
        assert uploads.received == [100]

    asyncio.run(all_of_them())


def test_200_megabytes_are_refused_by_their_announced_length_and_else_at_the_limit() -> None:
    async def both() -> None:
        uploads = Uploads()
        assert await uploads.put(length=200_000_000) == 413  # nothing of the body is awaited
        taken: list[int] = []

        def endless() -> bytes:
            taken.append(60)
            return b"x" * 60

        sent: list[Message] = []

        async def receive() -> Message:
            return part(endless(), True)

        async def send(message: Message) -> None:
            sent.append(message)

        await uploads.rim(scope(UPLOAD, method="PUT"), receive, send)
        assert sent[0]["status"] == 413
        assert sum(taken) == 120, "read until the limit was passed, and no further"
        assert uploads.received == []

    asyncio.run(both())


def test_so_many_files_at_once_and_no_more() -> None:
    async def one_too_many() -> None:
        uploads = Uploads()
        running = [asyncio.create_task(uploads.put(b"x")) for _ in range(UPLOADS_AT_ONCE)]
        while len(uploads.received) < UPLOADS_AT_ONCE:
            await asyncio.sleep(0)
        assert await uploads.put(b"x") == 503
        uploads.go_on.set()
        assert [await task for task in running] == [200] * UPLOADS_AT_ONCE
        assert await uploads.put(b"x") == 200, "its turn comes"

    asyncio.run(one_too_many())


def test_who_may_not_hand_in_files_is_refused_before_the_body_is_read() -> None:
    async def stranger(_scope: Scope) -> None:
        raise Problem(401, "not_signed_in", "", "")

    async def refused() -> None:
        uploads = Uploads(admit_upload=stranger)
        assert [await uploads.put() for _ in range(UPLOADS_AT_ONCE + 1)] == [401] * (UPLOADS_AT_ONCE + 1)

    asyncio.run(refused())
