"""The stream of changes that pages follow."""

import asyncio
import json
from pathlib import Path

from sim.hall_http import QUEUE_MAX, Watchers
from tests.sim.hall_bench import running_hall


def parse(event: bytes) -> tuple[str, dict[str, object]]:
    name, data = event.decode().strip().split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_a_watcher_gets_the_whole_state_and_then_every_change(tmp_path: Path) -> None:
    async def watch() -> list[tuple[str, dict[str, object]]]:
        with running_hall(tmp_path / "dev") as bench:
            watchers = bench.watchers
            watchers.attach(asyncio.get_running_loop())
            stream = watchers.stream(lambda: b"event: state\ndata: {}\n\n")
            seen = [parse(await anext(stream))]
            await asyncio.to_thread(bench.hall.set_zone, "fire", "z1", True)
            with bench.hall.hands_on("hall-door") as door:
                door.force()
            while seen[-1][1].get("kind") != "door":
                seen.append(parse(await asyncio.wait_for(anext(stream), 5)))
            await stream.aclose()
            assert watchers.count == 0
            return seen

    seen = asyncio.run(watch())
    assert seen[0][0] == "state"
    assert all(name == "change" for name, _ in seen[1:])
    assert [change["kind"] for _, change in seen[1:]] == ["board", "inputs", "board", "board", "board", "door"]
    assert seen[-1][1]["state"]["open"] is True  # type: ignore[index]


def test_a_page_that_does_not_read_is_let_go_instead_of_filling_memory() -> None:
    async def watch() -> int:
        watchers = Watchers()
        watchers.attach(asyncio.get_running_loop())
        stream = watchers.stream(lambda: b"event: state\ndata: {}\n\n")
        await anext(stream)
        for number in range(QUEUE_MAX + 10):
            watchers.changed("board", "b", {"n": number})
        await asyncio.sleep(0)
        return len([event async for event in stream])

    assert asyncio.run(watch()) < QUEUE_MAX


def test_closing_ends_every_stream() -> None:
    async def watch() -> list[bytes]:
        watchers = Watchers()
        watchers.attach(asyncio.get_running_loop())
        stream = watchers.stream(lambda: b"event: state\ndata: {}\n\n")
        await anext(stream)
        watchers.close()
        return [event async for event in stream]

    assert asyncio.run(watch()) == []
