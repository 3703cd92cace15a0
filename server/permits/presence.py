"""When somebody on a visit came in and left, by the register: read, never polled (R3, R5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import or_
from sqlmodel import Session, col, select

from server.db.clock import from_us, to_us
from server.permits.models import Emergency, Visit
from server.rooms.models import STAYS_PER_ENTRY, RegisterEntry, RegisterStay

IDS_AT_ONCE = 500
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Passage:
    """``entries``: of the register, into a room, in order. ``inside``: the rooms where they are. ``left_at``: when they were last seen
    leaving, if they are nowhere inside."""

    entries: tuple[int, ...] = ()
    entered_at: datetime | None = None
    left_at: datetime | None = None
    inside: tuple[str, ...] = ()


NOWHERE = Passage()


def passages_of(session: Session, visits: Sequence[Visit]) -> dict[int | None, Passage]:
    """Of each visit that began: what the register has of its holder, or of its id (somebody admitted by command), from the check-in to
    the check-out."""
    begun = [(visit, to_us(visit.checked_in_at)) for visit in visits if visit.checked_in_at is not None]
    since_us = min((begun_us for _, begun_us in begun), default=0)
    rows = _entries(session, {visit.holder_id for visit, _ in begun}, {visit.public_id for visit, _ in begun}, since_us)
    of_holder, of_name = _grouped(rows)
    found: dict[int | None, Passage] = {}
    open_stays = _open_stays(session, rows)
    for visit, begun_us in begun:
        until_us = to_us(visit.checked_out_at) if visit.checked_out_at is not None else None
        both = {row.id: row for row in (*of_holder.get(visit.holder_id, ()), *of_name.get(visit.public_id, ()))}
        own = [row for row in both.values() if row.at_us >= begun_us and (until_us is None or row.at_us < until_us)]
        found[visit.id] = _passage(sorted(own, key=_when), open_stays)
    return found


def passages_of_emergencies(session: Session, emergencies: Sequence[Emergency]) -> dict[int | None, Passage]:
    """The same of emergencies, by the name that the edge has for the person."""
    named = [
        (one, to_us(one.admitted_at - CLOCKS_APART))
        for one in emergencies
        if one.person and one.admitted_at is not None
    ]
    since_us = min((begun_us for _, begun_us in named), default=0)
    rows = _entries(session, set(), {one.person for one, _ in named}, since_us)
    _, of_name = _grouped(rows)
    open_stays = _open_stays(session, rows)
    found: dict[int | None, Passage] = {}
    for one, begun_us in named:
        own = [
            row for row in of_name.get(one.person, ()) if row.at_us >= begun_us and one.edge_id in (None, row.edge_id)
        ]
        found[one.id] = _passage(own, open_stays)
    return found


CLOCKS_APART = timedelta(minutes=5)
"""How far an edge's clock may be behind the server's for a passage to count as after the admission."""


def _passage(rows: Sequence[RegisterEntry], open_stays: dict[int, list[str]]) -> Passage:
    entered = [row for row in rows if row.direction == "in"]
    left = [row for row in rows if row.direction == "out"]
    inside = sorted({area for row in rows for area in open_stays.get(row.id, ())})
    return Passage(
        tuple(row.id for row in entered),
        from_us(entered[0].at_us) if entered else None,
        from_us(left[-1].at_us) if left and not inside else None,
        tuple(inside),
    )


def _entries(session: Session, holders: set[int], names: set[str], since_us: int) -> list[RegisterEntry]:
    """Their entries since then by time, of badges of their own (``number``: on the badge) and without one."""
    found: dict[int, RegisterEntry] = {}
    since = select(RegisterEntry).where(col(RegisterEntry.at_us) >= since_us)
    for some in _parts(sorted(holders)):
        for row in session.exec(since.where(col(RegisterEntry.holder).in_(some))).all():
            found[row.id] = row
    for some_names in _parts(sorted(names)):
        named = col(RegisterEntry.number).in_(some_names)
        without = or_(col(RegisterEntry.badge).is_(None), col(RegisterEntry.badge) == 0)
        for row in session.exec(since.where(named, without)).all():
            found[row.id] = row
    return sorted(found.values(), key=_when)


def _when(row: RegisterEntry) -> tuple[int, int]:
    return row.at_us, row.id


def _grouped(
    rows: Sequence[RegisterEntry],
) -> tuple[dict[int | None, list[RegisterEntry]], dict[str | None, list[RegisterEntry]]]:
    """The rows by holder, and by the name in place of a number."""
    of_holder: dict[int | None, list[RegisterEntry]] = {}
    of_name: dict[str | None, list[RegisterEntry]] = {}
    for row in rows:
        of_holder.setdefault(row.holder, []).append(row)
        of_name.setdefault(row.number, []).append(row)
    return of_holder, of_name


def _open_stays(session: Session, rows: Sequence[RegisterEntry]) -> dict[int, list[str]]:
    """Entry → rooms where what it began goes on."""
    found: dict[int, list[str]] = {}
    began = [row.id * STAYS_PER_ENTRY + number for row in rows for number in range(row.began)]
    for some in _parts(began):
        query = select(RegisterStay).where(col(RegisterStay.id).in_(some), col(RegisterStay.ended_by).is_(None))
        for stay in session.exec(query).all():
            found.setdefault(stay.id // STAYS_PER_ENTRY, []).append(stay.area)
    return found


def _parts(values: Sequence[_Value]) -> list[Sequence[_Value]]:
    return [values[start : start + IDS_AT_ONCE] for start in range(0, len(values), IDS_AT_ONCE)]
