"""One server to a SQLite file, and requests whose head never ends."""

import asyncio
import contextlib
import multiprocessing
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from server import http_limits
from server.config import ConfigError
from server.http_limits import HEAD_BYTES, MAX_HEADERS, BoundedHttp
from server.serve import alone_on_sqlite


def _hold(url: str, ready: Any) -> None:
    with alone_on_sqlite(url):
        ready.set()
        multiprocessing.Event().wait(110)


def test_a_second_server_on_a_sqlite_file_is_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'menjin.db'}"
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    first = context.Process(target=_hold, args=(url, ready))
    first.start()
    try:
        assert ready.wait(60)
        with pytest.raises(ConfigError, match="another menjin server uses"), alone_on_sqlite(url):
            pass
    finally:
        first.kill()
        first.join(10)
        first.close()
    with alone_on_sqlite(url), alone_on_sqlite("postgresql:///menjin"):
        pass
    assert os.stat(tmp_path / "menjin.db.lock").st_mode & 0o077 == 0


async def _app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def talk(conversation: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]) -> bytes:
    """Serve on loopback, talk, and return what came back."""

    async def run() -> bytes:
        config = uvicorn.Config(_app, http=BoundedHttp, lifespan="off", log_config=None, port=0)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(20):
                return await conversation(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            server.should_exit = True
            await serving

    return asyncio.run(run())


async def _all(reader: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(ConnectionError):
        return await reader.read()
    return b""


def test_an_ordinary_request_is_answered() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 50 + b"\r\n")
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return answer + await _all(reader)

    assert talk(conversation).count(b"204 No Content") == 2


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * (HEAD_BYTES + 1),
        b"GET /" + b"b" * (HEAD_BYTES + 1),
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * (MAX_HEADERS + 1),
    ],
    ids=["headers", "header", "target", "trailers"],
)
def test_a_head_without_end_is_refused_and_the_connection_closed(head: bytes) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(head)
        return b"closed " + await _all(reader)

    assert talk(conversation).startswith(b"closed")


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nA: "])
def test_a_head_that_does_not_arrive_closes_the_connection(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(http_limits, "HEAD_S", 0.1)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        if sent:
            writer.write(sent)
        return b"closed " + await _all(reader)

    assert talk(conversation) == b"closed "


def test_empty_lines_between_requests_do_not_hold_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await reader.readuntil(b"\r\n\r\n")
        monkeypatch.setattr(http_limits, "HEAD_S", 0.1)
        writer.write(b"\r\n")
        return answer + await _all(reader)

    assert b"204 No Content" in talk(conversation)
