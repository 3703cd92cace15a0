"""The stream: nothing missed, nothing doubled, whoever comes, goes, lags behind or is signed out."""

import asyncio
import json
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given as for_any
from hypothesis import settings
from hypothesis import strategies as st

from server.console import live
from server.console.live import LiveHub, Subscription
from server.console.rendering import PANELS, Audience, Renderer
from server.console.stream import EventStream
from server.context import Context
from server.db.clock import FixedClock
from server.ledger import reading
from server.operators.actor import SYSTEM, Actor
from server.operators.models import OperatorSession
from server.operators.password_changes import reset_password
from server.operators.service import change_operator, create_token, find_operator, revoke_token
from server.operators.validity import no_longer_valid
from server.problems import Problem
from tests.server.browser import administrator, context_of_app
from tests.server.conftest import ON_SQLITE
from tests.server.console.conftest import EdgeRow, denied, granted

LIMIT_S = 10.0
CHINESE = Audience("zh-CN", fleet=True)
ENGLISH = Audience("en", fleet=True)


@pytest.fixture
def context(app: FastAPI) -> Context:
    return context_of_app(app)


@pytest.fixture
def guard(context: Context) -> Actor:
    """A program that may look on."""
    with context.database.write() as session:
        token, _ = create_token(session, SYSTEM, context.clock.now(), "guard", "guard")
    return Actor("token", token.public_id, token.name, "guard")


@pytest.fixture
def hub(context: Context) -> LiveHub:
    return LiveHub(context, Renderer(context.site))


def messages(frame: bytes) -> list[tuple[str, str, int | None]]:
    """Event name, data, id of each message in a frame."""
    found = []
    for block in frame.decode().split("\n\n"):
        if block:
            fields = [line.partition(": ")[::2] for line in block.split("\n")]
            data = "\n".join(value for name, value in fields if name == "data")
            named = dict(fields)
            found.append((named["event"], data, int(named["id"]) if "id" in named else None))
    return found


class Reader:
    """Takes frames and keeps what they say."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.seen: list[tuple[str, str, int | None]] = []
        self.ended = False

    async def until(self, holds: Callable[["Reader"], bool]) -> "Reader":
        """Read until the condition holds."""
        async with asyncio.timeout(LIMIT_S):
            while not holds(self):
                frame = await self.subscription.next()
                if frame is None:
                    self.ended = True
                    assert holds(self), "the stream ended"
                    break
                self.seen += messages(frame)
        return self

    @property
    def rows(self) -> list[int]:
        """Numbers of the rows in the order of their coming."""
        return [seq for name, _, seq in self.seen if name == "row" and seq is not None]

    def named(self, wanted: str) -> list[str]:
        """Data of the messages of one name."""
        return [data for name, data, _ in self.seen if name == wanted]


def last_seq(context: Context) -> int:
    with context.database.read() as session:
        return reading.last_event_seq(session)


def test_events_come_as_they_are_committed_each_once_and_in_order(
    hub: LiveHub, edge: EdgeRow, guard: Actor, context: Context
) -> None:
    async def story() -> None:
        start = last_seq(context)
        reader = Reader(await hub.subscribe(guard, CHINESE, None))
        for number in range(5):
            await asyncio.to_thread(edge.happen, granted(), denied())
            await reader.until(lambda read, want=(number + 1) * 2: len(read.rows) >= want)
        assert reader.rows == list(range(start + 1, start + 11))
        assert "放行" in reader.named("row")[0]
        assert "没有进入" in reader.named("row")[1]
        hub.unsubscribe(reader.subscription)

    asyncio.run(story())


def test_a_stream_resumes_after_the_last_event_that_the_page_has(
    hub: LiveHub, edge: EdgeRow, guard: Actor, context: Context
) -> None:
    edge.happen(*[granted() for _ in range(10)])
    last = last_seq(context)

    async def story() -> None:
        reader = await Reader(await hub.subscribe(guard, CHINESE, last - 4)).until(lambda read: len(read.rows) == 4)
        assert reader.rows == list(range(last - 3, last + 1))
        await asyncio.to_thread(edge.happen, denied())
        await reader.until(lambda read: len(read.rows) == 5)
        assert reader.rows[-1] == last + 1
        hub.unsubscribe(reader.subscription)

    asyncio.run(story())


@ON_SQLITE
def test_another_process_reads_the_same_sequence(edge: EdgeRow, guard: Actor, context: Context) -> None:
    hubs = [LiveHub(context, Renderer(context.site)) for _ in range(2)]

    async def story() -> None:
        readers = [Reader(await hub.subscribe(guard, CHINESE, 0)) for hub in hubs]
        await asyncio.to_thread(edge.happen, granted(), granted())
        for reader in readers:
            await reader.until(lambda read: len(read.rows) >= last_seq(context))
        assert readers[0].named("row") == readers[1].named("row")
        for hub, reader in zip(hubs, readers, strict=True):
            hub.unsubscribe(reader.subscription)

    asyncio.run(story())


@ON_SQLITE
def test_whoever_comes_while_events_pour_in_misses_and_doubles_none(
    hub: LiveHub, edge: EdgeRow, guard: Actor, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "QUEUE_FRAMES", 1000)  # nobody reads while they pour in, however long that takes

    async def story() -> None:
        start = last_seq(context)
        loop = asyncio.get_running_loop()
        pouring = loop.run_in_executor(None, lambda: [edge.happen(granted(), denied()) for _ in range(100)])
        readers = []
        for _ in range(20):
            after = await asyncio.to_thread(last_seq, context)
            readers.append((after, Reader(await hub.subscribe(guard, CHINESE, after))))
            await asyncio.sleep(0)
        await pouring
        for after, reader in readers[-8:]:  # a token holds twelve streams at most
            await reader.until(lambda read, want=start + 200 - after: len(read.rows) >= want)
            assert reader.rows == list(range(after + 1, start + 201))
        for _, reader in readers:
            hub.unsubscribe(reader.subscription)

    asyncio.run(story())


@ON_SQLITE
@pytest.mark.parametrize("after", [0, 10**9], ids=["far behind", "ahead of a server that was restored"])
def test_who_cannot_be_brought_up_row_by_row_gets_the_page_anew(
    hub: LiveHub, edge: EdgeRow, guard: Actor, context: Context, after: int
) -> None:
    edge.happen(*[granted() for _ in range(live.RESET_ABOVE + 20)])

    async def story() -> None:
        reader = await Reader(await hub.subscribe(guard, CHINESE, after)).until(lambda read: bool(read.named("reset")))
        assert reader.rows == []
        assert [seq for name, _, seq in reader.seen if name == "reset"] == [last_seq(context)]
        assert reader.named("reset")[0].count("<li") == 200
        await asyncio.to_thread(edge.happen, denied())
        await reader.until(lambda read: len(read.rows) == 1)
        hub.unsubscribe(reader.subscription)

    asyncio.run(story())


@ON_SQLITE
def test_a_flood_comes_as_one_page_instead_of_thousands_of_rows(
    hub: LiveHub, edge: EdgeRow, guard: Actor, context: Context
) -> None:
    async def story() -> None:
        reader = Reader(await hub.subscribe(guard, CHINESE, None))
        await asyncio.to_thread(edge.happen, *[granted() for _ in range(live.RESET_ABOVE + 1)])
        await reader.until(lambda read: bool(read.named("reset")))
        assert reader.rows == []
        hub.unsubscribe(reader.subscription)

    asyncio.run(story())


@ON_SQLITE
def test_an_event_is_rendered_once_per_audience_not_per_client(
    edge: EdgeRow, guard: Actor, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = Renderer(context.site)
    hub = LiveHub(context, renderer)
    rendered: list[Audience] = []
    render = renderer.events

    def counted(audience: Audience, views: list[Any]) -> str:
        rendered.append(audience)
        return render(audience, views)

    monkeypatch.setattr(renderer, "events", counted)

    async def story() -> None:
        readers = [Reader(await hub.subscribe(guard, one, None)) for one in (CHINESE, CHINESE, CHINESE, ENGLISH)]
        await asyncio.to_thread(edge.happen, granted())
        for reader in readers:
            await reader.until(lambda read: len(read.rows) == 1)
        assert sorted(rendered, key=str) == sorted([CHINESE, ENGLISH], key=str)
        assert readers[0].named("row") == readers[2].named("row") != readers[3].named("row")
        for reader in readers:
            hub.unsubscribe(reader.subscription)

    asyncio.run(story())


@ON_SQLITE
def test_panels_come_at_first_whole_and_then_only_what_changed(
    hub: LiveHub, edge: EdgeRow, guard: Actor, context: Context
) -> None:
    async def story() -> None:
        reader = await Reader(await hub.subscribe(guard, ENGLISH, None)).until(lambda read: bool(read.named("panels")))
        assert set(json.loads(reader.named("panels")[0])) == set(PANELS)
        reader.seen.clear()
        await asyncio.to_thread(edge.report, outbox=7)
        await reader.until(lambda read: bool(read.named("panels")))
        changed = json.loads(reader.named("panels")[0])
        assert set(changed) == {"edges"}, "no event came, and still the health is current"
        assert re.search(r"Outbox</dt><dd>7<", changed["edges"])
        hub.unsubscribe(reader.subscription)

    asyncio.run(story())


@ON_SQLITE
def test_who_may_not_read_the_fleet_gets_no_edges(hub: LiveHub, edge: EdgeRow, guard: Actor) -> None:
    async def story() -> None:
        subscription = await hub.subscribe(guard, Audience("en", fleet=False), None)
        reader = await Reader(subscription).until(lambda read: bool(read.named("panels")))
        assert set(json.loads(reader.named("panels")[0])) == {
            "notices",
            "alarms",
            "waiting",
            "taps",
            "plan",
            "doors",
            "areas",
        }
        hub.unsubscribe(subscription)

    asyncio.run(story())


@ON_SQLITE
@pytest.mark.parametrize("broken", ["_read_events", "_read_panels"])
def test_ticks_come_while_the_pages_can_be_drawn_and_stop_when_they_cannot(
    hub: LiveHub, edge: EdgeRow, guard: Actor, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    for period in ("TICK_S", "POLL_S", "PANELS_S"):
        monkeypatch.setattr(live, period, 0.02)

    async def story() -> None:
        reader = await Reader(await hub.subscribe(guard, CHINESE, None)).until(lambda read: len(read.named("tick")) > 3)
        failures = 0

        def breaks(*_: object) -> None:
            nonlocal failures
            failures += 1
            raise OSError("no database, or a row that no template takes")

        with monkeypatch.context() as patch:
            patch.setattr(hub, broken, breaks)
            async with asyncio.timeout(LIMIT_S):
                while failures < 3:
                    await asyncio.sleep(0.01)
                reader.seen.clear()
                while not reader.subscription._frames.empty():
                    await reader.subscription.next()
                before = failures
                while failures < before + 10:
                    await asyncio.sleep(0.01)
            assert reader.subscription._frames.empty(), "a page must not take this server for current"
        await reader.until(lambda read: bool(read.named("tick")))
        hub.unsubscribe(reader.subscription)

    asyncio.run(story())


@ON_SQLITE
def test_a_browser_that_takes_nothing_is_dropped_and_the_others_go_on(
    hub: LiveHub, edge: EdgeRow, guard: Actor, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "QUEUE_FRAMES", 8)

    async def story() -> None:
        slow, quick = [await hub.subscribe(guard, CHINESE, None) for _ in range(2)]
        start = last_seq(context)
        reader = Reader(quick)
        for number in range(live.QUEUE_FRAMES + 2):
            await asyncio.to_thread(edge.happen, granted())
            await reader.until(lambda read, want=number + 1: len(read.rows) >= want)
        assert slow.ended
        assert not quick.ended
        assert await slow.next() is None
        assert reader.rows == list(range(start + 1, start + live.QUEUE_FRAMES + 3))
        for one in (slow, quick):
            hub.unsubscribe(one)

    asyncio.run(story())


@ON_SQLITE
def test_a_revoked_token_ends_its_streams(
    hub: LiveHub, edge: EdgeRow, guard: Actor, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SESSIONS_S", 0.05)

    async def story() -> None:
        reader = Reader(await hub.subscribe(guard, CHINESE, None))
        await reader.until(lambda read: bool(read.named("panels")))
        with context.database.write() as session:
            revoke_token(session, SYSTEM, context.clock.now(), guard.public_id)
        await reader.until(lambda read: bool(read.named("ended")))
        await reader.until(lambda read: read.ended)

    asyncio.run(story())


def test_whose_right_to_look_on_has_ended_is_found(app: FastAPI, context: Context, clock: FixedClock) -> None:
    administrator(app)
    now = clock.now()
    with context.database.read() as session:
        row = session.get_one(OperatorSession, 2 if session.get(OperatorSession, 1) is None else 1)
        operator = find_operator(session, _operator_of(session, row.operator_id))
    actor = Actor("operator", operator.public_id, operator.name, "administrator", "", row.public_id)

    def gone(at: timedelta = timedelta(), max_age_days: int = 30, who: Actor = actor) -> bool:
        with context.database.read() as session:
            return no_longer_valid(session, [who], now + at, max_age_days) == {who}

    assert not gone()
    assert gone(timedelta(hours=13)), "the session has expired"
    assert gone(max_age_days=30, at=timedelta(days=31)), "the password is too old"
    assert gone(who=Actor("operator", "opr_x", "x", "guard", "", row.public_id)), "another role than when let in"
    assert gone(who=Actor("token", "tok_x", "x", "guard")), "no such token"
    with context.database.write() as session:
        reset_password(session, SYSTEM, now, find_operator(session, operator.public_id))
    assert gone(), "signed out everywhere"
    with context.database.write() as session, pytest.raises(Problem):
        change_operator(session, SYSTEM, now, operator.public_id, disabled=True)  # the last administrator stays


def _operator_of(session: Any, operator_id: int) -> str:
    from server.operators.models import Operator

    found: str = session.get_one(Operator, operator_id).public_id
    return found


@ON_SQLITE
def test_a_stopping_server_ends_every_stream_and_takes_no_more(
    hub: LiveHub, edge: EdgeRow, guard: Actor, context: Context
) -> None:
    async def story() -> None:
        reader = Reader(await hub.subscribe(guard, CHINESE, None))
        context.stopping.set()
        await reader.until(lambda read: read.ended)
        with pytest.raises(Problem) as refused:
            await hub.subscribe(guard, CHINESE, None)
        assert refused.value.status == 503

    asyncio.run(story())


@ON_SQLITE
def test_streams_are_bounded_and_a_tab_too_many_ends_the_oldest(
    hub: LiveHub, edge: EdgeRow, guard: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_STREAMS_PER_SESSION", 2)

    async def story() -> None:
        mine = [await hub.subscribe(guard, CHINESE, None) for _ in range(3)]
        assert [one.ended for one in mine] == [True, False, False]
        monkeypatch.setattr(live, "MAX_STREAMS", len(hub))
        with pytest.raises(Problem):
            await hub.subscribe(guard, CHINESE, None)
        for one in mine:
            hub.unsubscribe(one)
        assert len(hub) == 0

    asyncio.run(story())


@ON_SQLITE
def test_the_hub_rests_while_nobody_looks_on_and_goes_on_afterwards(
    hub: LiveHub, edge: EdgeRow, guard: Actor, context: Context
) -> None:
    async def story() -> None:
        first = await hub.subscribe(guard, CHINESE, None)
        hub.unsubscribe(first)
        assert hub._task is not None
        async with asyncio.timeout(LIMIT_S):
            await hub._task
        last = await asyncio.to_thread(last_seq, context)
        await asyncio.to_thread(edge.happen, granted(), denied())
        reader = await Reader(await hub.subscribe(guard, CHINESE, last)).until(lambda read: len(read.rows) == 2)
        assert reader.rows == [last + 1, last + 2]
        hub.unsubscribe(reader.subscription)

    asyncio.run(story())


@ON_SQLITE
def test_panels_that_were_read_for_who_has_left_are_not_what_the_next_one_begins_with(
    hub: LiveHub, edge: EdgeRow, guard: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading_panels, go_on = threading.Event(), threading.Event()
    read_panels = hub._read_panels

    def read_slowly(audiences: frozenset[Audience]) -> dict[Audience, dict[str, str]]:
        reading_panels.set()
        assert go_on.wait(LIMIT_S)
        return {audience: dict.fromkeys(PANELS, "old") for audience in audiences}

    async def story() -> None:
        monkeypatch.setattr(hub, "_read_panels", read_slowly)
        first = await hub.subscribe(guard, CHINESE, None)
        assert await asyncio.to_thread(reading_panels.wait, LIMIT_S)
        hub.unsubscribe(first)
        task = hub._task
        await asyncio.sleep(3 * live.POLL_S)  # the loop has seen that nobody looks on
        other = await hub.subscribe(guard, ENGLISH, None)
        assert hub._task is task, "who comes while the last panels are read is served on"
        monkeypatch.setattr(hub, "_read_panels", read_panels)
        go_on.set()
        reader = await Reader(other).until(lambda read: bool(read.named("tick")))
        await asyncio.to_thread(edge.happen, granted())
        await reader.until(lambda read: len(read.rows) == 1)
        again = await Reader(await hub.subscribe(guard, CHINESE, None)).until(lambda read: bool(read.named("panels")))
        assert "old" not in json.loads(again.named("panels")[0]).values()
        for one in (reader, again):
            hub.unsubscribe(one.subscription)

    asyncio.run(story())


class _Connection:
    """A browser's end of an ASGI connection. ``blocked``: it takes nothing more."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.blocked = False

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self.blocked:
            await asyncio.Event().wait()
        self.sent.append(message)


@ON_SQLITE
def test_a_browser_that_goes_or_blocks_leaves_nothing_behind(
    hub: LiveHub, edge: EdgeRow, guard: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.console.stream.SEND_S", 0.05)

    async def story() -> None:
        for blocks in (False, True):
            browser = _Connection()
            response = EventStream(hub, await hub.subscribe(guard, CHINESE, None))
            serving = asyncio.create_task(response({}, browser.receive, browser.send))
            async with asyncio.timeout(LIMIT_S):
                while len(browser.sent) < 3:
                    await asyncio.sleep(0.01)
                browser.blocked = blocks
                if blocks:
                    await asyncio.to_thread(edge.happen, granted())
                else:
                    browser.gone.set()
                await serving
            assert len(hub) == 0
        assert browser.sent[0]["status"] == 200
        assert (b"content-type", b"text/event-stream; charset=utf-8") in browser.sent[0]["headers"]

    asyncio.run(story())


@for_any(st.lists(st.lists(st.integers(1, 6), max_size=3), max_size=8), st.integers(0, 8), st.integers(0, 40))
@settings(deadline=None)
def test_rows_reach_a_stream_once_and_in_order_however_they_overlap(
    batches: list[list[int]], opened_after: int, position: int
) -> None:
    async def story() -> list[int]:
        subscription = Subscription(SYSTEM, CHINESE)
        last, sent = 0, 0
        for index, steps in enumerate(batches):
            if index == opened_after:
                subscription.open(min(position, last), [])
                sent = min(position, last)
            first = last + 1
            last += len(steps)
            subscription.send_rows([(seq, f"{seq},".encode()) for seq in range(first, last + 1)])
        if opened_after >= len(batches):
            subscription.open(min(position, last), [])
            sent = min(position, last)
        subscription._frames.put_nowait(None)
        got = b""
        while (frame := await subscription.next()) is not None:
            got += frame
        assert [int(seq) for seq in got.split(b",") if seq] == list(range(sent + 1, last + 1))
        return []

    asyncio.run(story())
