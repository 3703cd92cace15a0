"""The live page's hub: one per process, one query per interval however many browsers look on.

It reads the ledger by its sequence, so that it works beside other processes and goes on after a restart. Rows are rendered once
per audience. While nobody looks on, it does nothing. All of it but the queries runs in the event loop.
"""

import asyncio
import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from fastapi.sse import format_sse_event
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from server.console import view
from server.console.people import People
from server.console.rendering import Audience, Renderer
from server.context import Context
from server.ledger import reading
from server.ledger.reading import EventRow
from server.operators.actor import Actor
from server.operators.validity import no_longer_valid
from server.problems import Problem

POLL_S = 0.1
"""How often the ledger is looked at unhinted: what other processes commit, and the server's own events."""
PANELS_S = 1.0
"""How often what stands is looked at when no event came: the edges' health changes without one."""
SESSIONS_S = 2.0
TICK_S = 5.0
"""The page warns after two missing ticks and a little. A tick says that the panels were drawn since the one before."""
RESET_ABOVE = 400
"""A gap of more events is answered with the page's newest rows instead."""
QUEUE_FRAMES = 64
"""A browser that is this far behind is dropped; it resumes where it was."""
EARLY_ROWS = 2_000
MAX_STREAMS = 500
MAX_STREAMS_PER_SESSION = 12

Frame = bytes
Rows = list[tuple[int, Frame]]

log = structlog.get_logger()


class Subscription:
    """One browser's stream. Until :meth:`open` only rows are kept, so that none is missed while the gap is read."""

    def __init__(self, actor: Actor, audience: Audience) -> None:
        self.actor = actor
        self.audience = audience
        self.position = 0
        self.ended = False
        self._open = False
        self._early: Rows = []
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue(QUEUE_FRAMES + 2)

    def open(self, position: int, frames: Iterable[Frame]) -> None:
        """Begin with ``frames``, which bring the browser up to the event ``position``."""
        self._open, self.position = True, position
        for frame in frames:
            self.send(frame)
        early, self._early = self._early, []
        self.send_rows(early)

    def send(self, frame: Frame) -> None:
        """Queue a frame. Who has not taken :data:`QUEUE_FRAMES` earlier ones is dropped: the page connects again and resumes."""
        if self.ended or not self._open:
            return
        if self._frames.qsize() >= QUEUE_FRAMES:
            log.info("slow browser dropped", session=self.actor.session)
            self.end()
        else:
            self._frames.put_nowait(frame)

    def send_rows(self, rows: Rows) -> None:
        """Queue those rows that come after what was sent."""
        if not self._open:
            self._early += rows
            if len(self._early) > EARLY_ROWS:
                self.end()
            return
        fresh = [frame for seq, frame in rows if seq > self.position]
        if fresh:
            self.position = rows[-1][0]
            self.send(b"".join(fresh))

    def end(self, last: Frame | None = None) -> None:
        """No more frames but ``last``; what still waits is thrown away."""
        if self.ended:
            return
        self.ended = True
        while not self._frames.empty():
            self._frames.get_nowait()
        if last is not None:
            self._frames.put_nowait(last)
        self._frames.put_nowait(None)

    async def next(self) -> Frame | None:
        """The next frame; None at the end."""
        return await self._frames.get()


class LiveHub:
    """Reads the ledger for all streams of this process."""

    def __init__(self, context: Context, renderer: Renderer) -> None:
        self._context = context
        self._renderer = renderer
        self._subscriptions: dict[Subscription, None] = {}  # in the order of their coming
        self._task: asyncio.Task[None] | None = None
        self._last = 0
        self._panels: dict[Audience, dict[str, str]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hinted = asyncio.Event()
        self._refreshing: asyncio.Task[None] | None = None
        self._drawable = True
        self._drawn = False
        """Whether the panels were drawn since the last tick."""

    def hint(self) -> None:
        """Events were committed by this process: look now. May be called from any thread; without it the hub looks each :data:`POLL_S`."""
        loop = self._loop
        if loop is not None and self._subscriptions:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._hinted.set)

    def __len__(self) -> int:
        """Open streams."""
        return len(self._subscriptions)

    async def subscribe(self, actor: Actor, audience: Audience, after: int | None) -> Subscription:
        """A stream of what comes after the event ``after`` (None: from now on). Raises :class:`Problem` 503 when full."""
        if self._context.stopping.is_set() or len(self._subscriptions) >= MAX_STREAMS:
            raise Problem(
                503, "too_many_streams", "Too many live pages: try again.", "实时页面过多，请稍后重试。",
                headers={"Retry-After": "2"},
            )  # fmt: skip
        self._end_oldest_of(actor)
        subscription = Subscription(actor, audience)
        try:
            if self._task is None or self._task.done():
                last = await run_in_threadpool(self._read_last)
                if self._task is None or self._task.done():
                    self._last = last
                    self._task = asyncio.create_task(self._run())
            self._subscriptions[subscription] = None
            caught_up = await run_in_threadpool(self._catch_up, audience, after)
        except BaseException:
            self.unsubscribe(subscription)
            raise
        panels = self._panels.setdefault(audience, caught_up.panels)
        subscription.open(
            caught_up.last,
            [self._tick(), _frame("panels", _json(panels)), *caught_up.frames],
        )
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """The browser has gone."""
        self._subscriptions.pop(subscription, None)
        if subscription.audience not in self._audiences():
            self._panels.pop(subscription.audience, None)

    def _audiences(self) -> set[Audience]:
        return {subscription.audience for subscription in self._subscriptions}

    def _end_oldest_of(self, actor: Actor) -> None:
        mine = [one for one in self._subscriptions if one.actor == actor and not one.ended]
        if len(mine) >= MAX_STREAMS_PER_SESSION:
            mine[0].end()

    # the loop

    async def _run(self) -> None:
        """Until nobody looks on or the server stops."""
        loop = self._loop = asyncio.get_running_loop()
        self._hinted = asyncio.Event()
        due = {"panels": 0.0, "sessions": loop.time() + SESSIONS_S, "tick": loop.time() + TICK_S}
        healthy = True
        while self._subscriptions and not self._context.stopping.is_set():
            try:
                await self._round(loop.time(), due)
                healthy = True
            except Exception:  # no tick goes out meanwhile: the pages say that they are not current
                if healthy:
                    log.exception("live pages cannot read the database")
                healthy = False
            with contextlib.suppress(
                TimeoutError
            ):  # wait_for of Python 3.11 would lose a cancellation that meets the hint
                async with asyncio.timeout(POLL_S):
                    await self._hinted.wait()
            self._hinted.clear()
            if not self._subscriptions and self._refreshing is not None:
                await asyncio.wait([self._refreshing])  # who comes meanwhile is served by this very loop
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.wait([self._refreshing])
            self._refreshing = None
        for subscription in list(self._subscriptions):
            subscription.end()

    async def _round(self, now_s: float, due: dict[str, float]) -> None:
        events = await run_in_threadpool(self._read_events, self._last, frozenset(self._audiences()))
        if events is not None:
            self._last = events.last
            for subscription in list(self._subscriptions):
                self._pass_on(subscription, events)
        if events is not None:
            due["panels"] = 0.0
        if now_s >= due["panels"] and (self._refreshing is None or self._refreshing.done()):
            due["panels"] = now_s + PANELS_S
            self._refreshing = asyncio.create_task(self._refresh())
        if now_s >= due["sessions"]:
            due["sessions"] = now_s + SESSIONS_S
            gone = await run_in_threadpool(self._read_gone, {one.actor for one in self._subscriptions})
            for subscription in list(self._subscriptions):
                if subscription.actor in gone:
                    subscription.end(_frame("ended", ""))
        if now_s >= due["tick"] and self._drawn:
            due["tick"], self._drawn = now_s + TICK_S, False
            tick = self._tick()
            for subscription in list(self._subscriptions):
                subscription.send(tick)

    async def _refresh(self) -> None:
        """The panels, beside the rows: the next tap does not wait until those of the last one are drawn. While they cannot be drawn, or are not
        for too long, no tick goes out either: a page must not say that it is current."""
        try:
            self._pass_on_panels(await run_in_threadpool(self._read_panels, frozenset(self._audiences())))
            self._drawn = self._drawable = True
        except Exception:
            if self._drawable:
                log.exception("live pages cannot be drawn")
            self._drawn = self._drawable = False
        finally:
            self._hinted.set()  # more may have come meanwhile

    def _pass_on(self, subscription: Subscription, events: "_Events") -> None:
        if events.reset:
            frame = events.reset.get(subscription.audience)
            if frame is None:  # came meanwhile, and reads for itself
                return
            subscription.send(frame)
            subscription.position = events.last
        else:
            subscription.send_rows(events.rows.get(subscription.audience, []))

    def _pass_on_panels(self, fresh: dict[Audience, dict[str, str]]) -> None:
        for audience in fresh.keys() & self._audiences():  # what was read for who has left is old when they come back
            panels = fresh[audience]
            before = self._panels.get(audience, {})
            changed = {name: content for name, content in panels.items() if before.get(name) != content}
            self._panels[audience] = panels
            if changed:
                frame = _frame("panels", _json(changed))
                for subscription in list(self._subscriptions):
                    if subscription.audience == audience:
                        subscription.send(frame)

    def _tick(self) -> Frame:
        return _frame("tick", _json({"at": self._context.clock.now().isoformat()}))

    # queries, in the thread pool

    def _read_last(self) -> int:
        with self._context.database.read() as session:
            return reading.last_event_seq(session)

    def _read_events(self, after: int, audiences: frozenset[Audience]) -> "_Events | None":
        """What came after ``after``; None when nothing did."""
        with self._context.database.read() as session:
            last = reading.last_event_seq(session)
            if last == after:
                return None
            if not after < last <= after + RESET_ABOVE:  # too many, or the server was restored from an older copy
                resets = {audience: self._reset(session, audience, last) for audience in audiences}
                return _Events(last, {}, resets)
            rows = reading.events_after(session, after, RESET_ABOVE)
            people = view.people_in(session, self._context, rows)
        return _Events(rows[-1].seq, {audience: self._rows(rows, people, audience) for audience in audiences}, {})

    def _catch_up(self, audience: Audience, after: int | None) -> "_CaughtUp":
        """What a new stream begins with."""
        with self._context.database.read() as session:
            last = reading.last_event_seq(session)
            panels = self._renderer.panels(audience, view.panels(session, self._context, self._context.clock.now()))
            if after is None or after == last:
                return _CaughtUp(last, [], panels)
            if not after < last <= after + RESET_ABOVE:
                return _CaughtUp(last, [self._reset(session, audience, last)], panels)
            rows = reading.events_after(session, after, RESET_ABOVE)
            people = view.people_in(session, self._context, rows)
        frames = [frame for _, frame in self._rows(rows, people, audience)]
        return _CaughtUp(rows[-1].seq, [b"".join(frames)], panels)

    def _rows(self, rows: list[EventRow], people: People, audience: Audience) -> Rows:
        views = view.event_views(rows, people)
        return [(one.seq, _frame("row", self._renderer.events(audience, [one]), one.seq)) for one in views]

    def _reset(self, session: Session, audience: Audience, last: int) -> Frame:
        rows = view.newest(session, last)
        views = view.event_views(rows, view.people_in(session, self._context, rows))
        return _frame("reset", self._renderer.events(audience, views), last)

    def _read_panels(self, audiences: frozenset[Audience]) -> dict[Audience, dict[str, str]]:
        with self._context.database.read() as session:
            shown = view.panels(session, self._context, self._context.clock.now())
        return {audience: self._renderer.panels(audience, shown) for audience in audiences}

    def _read_gone(self, actors: set[Actor]) -> set[Actor]:
        with self._context.database.read() as session:
            now = self._context.clock.now()
            return no_longer_valid(session, actors, now, self._context.config.password_max_age_days)


@dataclass(frozen=True)
class _Events:
    """What one look at the ledger found, by audience."""

    last: int
    rows: dict[Audience, Rows]
    reset: dict[Audience, Frame]


@dataclass(frozen=True)
class _CaughtUp:
    last: int
    frames: list[Frame]
    panels: dict[str, str]


def _frame(event: str, data: str, seq: int | None = None) -> Frame:
    return format_sse_event(event=event, data_str=data, id=None if seq is None else str(seq))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
