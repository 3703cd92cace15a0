"""The console bench's reader of the live stream: it notes each row when it comes, and nothing else."""

import asyncio

from sim.bench.console_clients import _follow, wall_s

FRAMES = (
    b"event: tick\ndata: {}\n\n",
    b"event: panels\ndata: {}\nid: 3\n\n",
    b"event: row\ndata: <li></li>\nid: 41\n\nevent: row\ndata: <li></li>\nid: 42\n\n",
)


def test_rows_are_noted_when_they_come_and_a_stream_is_asked_for_as_a_console_does() -> None:
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for frame in FRAMES:
            writer.write(frame)
            await writer.drain()
        writer.close()

    async def story() -> dict[int, float]:
        seen: dict[int, float] = {}
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with asyncio.timeout(10):
                await _follow(f"http://127.0.0.1:{port}", "secret", "en", seen)
        return seen

    began = wall_s()
    seen = asyncio.run(story())
    assert list(seen) == [41, 42]
    assert all(began <= at <= wall_s() for at in seen.values())
    assert asked[0].startswith("GET /live/stream?language=en HTTP/1.1\r\n")
    assert "Authorization: Bearer secret\r\n" in asked[0]
