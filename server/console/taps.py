"""The last taps, as the guard's page shows them: the newest large, with the holder's photo beside the person at the door (B3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import Session

from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerEvent
from server.personal.photos import photos_of

if TYPE_CHECKING:
    from server.console.view import EventView

TAPS = ("AccessGranted", "AccessDenied", "AccessPending")
"""The events that are somebody's tap at a reader."""
LOOKED_BACK = 3_000
"""Events behind the newest among which the taps are sought."""
READ = 40
BUSY = timedelta(seconds=30)
"""Doors with a tap within this time before the newest are busy: each has a card."""
SMALL = 3
LOST = "BADGE_LOST"


@dataclass(frozen=True)
class Tap:
    """One card. ``photo``: one is on file; who may see it fetches it by the event's number. ``repeats``: the same badge at the same reader before, with the same answer;
    of cards without a number, any of them."""

    event: "EventView"
    large: bool
    photo: bool
    lost: bool
    repeats: int


def last_taps(events: Sequence["EventView"], photographed: frozenset[int], holder_of: dict[int, int]) -> list[Tap]:
    """``events``: taps, newest first. The newest is large; after it the newest of each other busy door, then the others. A tap that a later one of
    the same badge at the same reader answers, or that only waited for its partner, is not shown again. ``holder_of``: event → holder."""
    kept, repeats = _latest(events, holder_of)
    if not kept:
        return []
    busy: dict[str | None, EventView] = {}
    for event in kept:
        if event.at >= kept[0].at - BUSY:
            busy.setdefault(event.door, event)
    first = list(busy.values())
    shown = [*first, *(event for event in kept if event not in first)][: 1 + SMALL]
    return [
        Tap(
            event,
            event is kept[0],
            holder_of.get(event.seq) in photographed,
            event.because is not None and event.because["reason"] == LOST,
            repeats[event.seq],
        )
        for event in shown
    ]


def _latest(events: Sequence["EventView"], holder_of: dict[int, int]) -> tuple[list["EventView"], dict[int, int]]:
    """One event per stay of a badge at a reader, newest first; and how often each answer was given before. Nothing tells unknown cards apart: those at one
    reader are one event."""
    kept: list[EventView] = []
    repeats: dict[int, int] = {}
    newest: dict[tuple[str | None, str | int | None], EventView] = {}
    let_in: dict[str | None, set[int]] = {}  # by a later grant at that reader
    for event in events:
        who = holder_of.get(event.seq)
        waited = event.kind == "AccessPending" and who in let_in.get(event.access_point, ())
        if event.kind == "AccessGranted":
            let_in.setdefault(event.access_point, set()).update(event.detail["partners"] or ())
        later = newest.get((event.access_point, event.number))
        if waited or (later is not None and later.at - event.at <= BUSY):
            if later is not None and later.kind == event.kind:
                repeats[later.seq] += 1
            continue
        newest[event.access_point, event.number] = event
        repeats[event.seq] = 0
        kept.append(event)
    return kept, repeats


def tap_of_alarm(session: Session, alarm: dict[str, Any]) -> dict[str, Any] | None:
    """Of a ``BADGE_LOST``: the tap that raised it last, as ``{seq, access_point, photo}``; None for every other alarm."""
    holder = alarm["inputs"].get("holder")
    if alarm["alarm"] != LOST or not isinstance(holder, int):
        return None
    events = table_of(LedgerEvent)
    query = (
        select(events.c.seq, events.c.access_point)
        .where(events.c.holder == holder, events.c.kind == "AccessDenied", events.c.reason == LOST)
        .order_by(events.c.seq.desc())
    )
    row = session.connection().execute(query.limit(1)).first()
    if row is None:
        return None
    return {"seq": row.seq, "access_point": row.access_point, "photo": holder in photos_of(session, [holder])}
