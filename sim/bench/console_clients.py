"""A process of consoles without a browser: each reads the live stream as the page's worker does and notes when a row came."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Sequence
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

LIMIT_BYTES = 8_000_000
STOP_POLL_S = 0.05


def serve(pipe: Connection, url: str, tokens: Sequence[str]) -> None:
    """One stream per token given. Answers ``rows`` with ``[{event: wall clock in s}, …]`` per stream, until ``stop``."""
    asyncio.run(_serve(pipe, url, tokens))


def wall_s() -> float:
    """The clock that the browsers and the server read as well: one machine."""
    return dt.datetime.now(dt.UTC).timestamp()


async def _serve(pipe: Connection, url: str, tokens: Sequence[str]) -> None:
    seen: list[dict[int, float]] = [{} for _ in tokens]
    languages = ("zh-CN", "en")
    async with asyncio.TaskGroup() as group:
        streams = [
            group.create_task(_follow(url, token, languages[index % 2], seen[index]))
            for index, token in enumerate(tokens)
        ]
        while True:
            await asyncio.sleep(STOP_POLL_S)
            if not pipe.poll():
                continue
            verb = pipe.recv()
            if verb == "stop":
                for stream in streams:
                    stream.cancel()
                return
            pipe.send(seen)


async def _follow(url: str, token: str, language: str, seen: dict[int, float]) -> None:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=LIMIT_BYTES)
    request = (
        f"GET /live/stream?language={language} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {token}\r\n"
        "Accept: text/event-stream\r\n\r\n"
    )
    writer.write(request.encode())
    status = (await reader.readline()).split()
    if status[1] != b"200":
        raise RuntimeError(f"the stream was refused: {status}")
    row = False
    try:
        while line := await reader.readline():
            if line.startswith(b"event: "):
                row = line.strip() == b"event: row"
            elif row and line.startswith(b"id: "):
                seen[int(line[4:])] = wall_s()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
