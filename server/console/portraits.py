"""Photos of who tapped, for the guard who compares photo and person (B3): small, never stored, each look recorded once an hour (C4).

Whose photo it is, is not the operator's choice but the tap's: only events of the last day lead to one. So these looks do not count against the bound of
:mod:`server.personal.looks`, which is against harvesting, and are entered under an act of their own.
"""

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool

from server.console.taps import TAPS
from server.context import Context
from server.db.clock import from_us
from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerEvent
from server.operators import audit
from server.operators.actor import Actor
from server.operators.models import AuditEntry
from server.personal.attachments import read_attachment
from server.personal.looks import DOOR_LOOK
from server.personal.models import Attachment
from server.personal.photos import photos_of
from server.problems import Problem, not_found
from server.registry.lookup import may_see_row
from server.registry.models import Holder
from server.roster.thumbnails import thumbnail

PIXELS = (320, 400)
QUALITY = 80
SHOWN_FOR = timedelta(hours=24)
"""How long after a tap its photo is shown: an alarm may stand for a shift."""
RECORDED_EVERY = timedelta(hours=1)
KEPT = 64
KEPT_FOR = timedelta(minutes=5)
"""Pictures made small are kept in memory, so that twenty consoles cost one."""
DECODED_AT_ONCE = 2
"""A large picture takes up to 300 MB while it is made small, however many taps somebody asks for."""
REASON = "门口核对照片 compared at the door: "
"""Before the access point's id."""


class _Found(NamedTuple):
    holder: str
    photo: str
    access_point: str


class Portraits:
    """The pictures of one process."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._small: OrderedDict[str, tuple[datetime, bytes]] = OrderedDict()
        self._making: dict[str, asyncio.Lock] = {}
        self._turn = asyncio.Semaphore(DECODED_AT_ONCE)

    async def of_tap(self, actor: Actor, seq: int) -> bytes:
        """A JPEG of at most :data:`PIXELS` of who tapped in the event ``seq``; the look is recorded before. Raises :class:`Problem` 404, 410."""
        found = await run_in_threadpool(self._look, actor, seq)
        async with self._making.setdefault(found.photo, asyncio.Lock()):
            try:
                return await self._picture(found.photo)
            finally:
                self._making.pop(found.photo, None)

    async def _picture(self, photo: str) -> bytes:
        now = self._context.clock.now()
        kept = self._small.get(photo)
        if kept is not None and now - kept[0] < KEPT_FOR:
            return kept[1]
        async with self._turn:
            made = await run_in_threadpool(self._make, photo)
        self._small[photo] = (now, made)
        while len(self._small) > KEPT:
            self._small.popitem(last=False)
        return made

    def _make(self, photo: str) -> bytes:
        with self._context.database.read() as session:
            attachment = session.exec(select(Attachment).where(Attachment.public_id == photo)).one()
            made = thumbnail(read_attachment(session, self._context, attachment), PIXELS, QUALITY)
        if made is None:
            raise Problem(409, "unreadable", "The photo is no picture that can be shown.", "照片无法显示。")
        return made

    def _look(self, actor: Actor, seq: int) -> _Found:
        now = self._context.clock.now()
        with self._context.database.read() as session:
            found = self._find(session, actor, seq, now)
            known = _recorded(session, actor, found.holder, now)
        if not known:
            with self._context.database.write() as session:
                if not _recorded(session, actor, found.holder, now):
                    after = {"fields": ["photo"], "reason": REASON + found.access_point}
                    audit.record(session, actor, now, DOOR_LOOK, found.holder, after=after)
        return found

    def _find(self, session: Session, actor: Actor, seq: int, now: datetime) -> _Found:
        table = table_of(LedgerEvent)
        row = session.connection().execute(table.select().where(table.c.seq == seq)).first()
        if row is None or row.kind not in TAPS or row.holder is None:
            raise not_found("tap", "刷卡记录", str(seq))
        if now - from_us(row.at_us) > SHOWN_FOR:
            raise Problem(410, "too_old", "Photos are shown for a day after the tap.", "照片仅在刷卡后一天内显示。")
        holder = session.get(Holder, row.holder)
        if holder is None or not may_see_row(session, actor, holder):
            raise not_found("tap", "刷卡记录", str(seq))
        photo = photos_of(session, [row.holder]).get(row.holder)
        if photo is None:
            raise not_found("photo", "照片", str(seq))
        return _Found(holder.public_id, photo, row.access_point or "")


def _recorded(session: Session, actor: Actor, holder: str, now: datetime) -> bool:
    query = select(AuditEntry.id).where(
        AuditEntry.act == DOOR_LOOK,
        AuditEntry.subject == holder,
        AuditEntry.actor == actor.public_id,
        col(AuditEntry.at) > now - RECORDED_EVERY,
    )
    return session.exec(query.limit(1)).first() is not None
