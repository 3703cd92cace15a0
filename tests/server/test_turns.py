"""Requests wait in line for a session, in order, and not for ever."""

import asyncio

import pytest

from server import turns
from server.problems import Problem
from server.turns import Turns


def test_no_more_than_allowed_go_at_once_and_in_the_order_of_their_coming() -> None:
    async def scene() -> tuple[list[int], int]:
        line = Turns(2)
        done: list[int] = []
        inside = most = 0

        async def go(number: int) -> None:
            nonlocal inside, most
            turn = await line.take()
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            done.append(number)
            inside -= 1
            turn.release()

        await asyncio.gather(*(go(number) for number in range(10)))
        return done, most

    done, most = asyncio.run(scene())
    assert done == list(range(10))
    assert most == 2


def test_who_waits_too_long_is_told_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_WAIT_S", 0.01)

    async def scene() -> None:
        line = Turns(1)
        held = await line.take()
        with pytest.raises(Problem) as refused:
            await line.take()
        assert (refused.value.status, refused.value.code) == (503, "database_unavailable")
        held.release()
        (await line.take()).release()

    asyncio.run(scene())
