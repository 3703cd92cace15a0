"""The lists of the page of visits: what a list says of a visit, and no more, so that a site with thousands checked in has its page at once.

A list holds up to :data:`MOST` and says how many there are; who is overdue is never left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlmodel import Session, and_, col, func, select

from server.context import Context
from server.db.clock import to_us
from server.operators.actor import Actor
from server.permits import lending
from server.permits.arrivals import at_desk, is_at_desk
from server.permits.drafting import seen_permits
from server.permits.models import Permit, Visit
from server.permits.overdue import overdue_of
from server.permits.presence import NOWHERE, passages_of
from server.permits.visits import awaited
from server.personal.fields import masked_field
from server.registry.lookup import codes_of
from server.registry.models import Holder

MOST = 200
OPEN = col(Visit.status).in_(("checked_in", "checked_out"))

Found = tuple[Visit, Permit]


@dataclass(frozen=True)
class VisitRow:
    """A visit as a list tells it. ``badges``: the numbers of those that are out. ``at_desk_since``: when they said at the kiosk that they are here, while they
    wait."""

    id: str
    customer: str | None
    name: str | None
    status: str
    reason: str
    areas: list[str]
    from_at: datetime
    until_at: datetime
    at_desk_since: datetime | None
    visitor_badge: str
    badges: list[str]
    inside: tuple[str, ...]
    overdue: Sequence[str]


@dataclass(frozen=True)
class VisitList:
    """``count``: how many there are, of which ``rows`` are the first."""

    rows: list[VisitRow]
    count: int


class Day(NamedTuple):
    """``now``, and the site's day around it."""

    now: datetime
    begin: datetime
    end: datetime


def expected_on(day: Day) -> Any:
    """The condition on visits and their permits of who is still expected that day."""
    permitted = and_(Permit.status == "approved", col(Permit.from_at) < day.end, col(Permit.until_at) > day.begin)
    return and_(Visit.status == "expected", permitted, ~at_desk(day.now))


def over_since(begin: datetime) -> Any:
    """The condition on visits that are over, and ended since then."""
    return and_(Visit.status == "closed", col(Visit.checked_out_at) >= begin)


def visit_lists(session: Session, context: Context, actor: Actor, day: Day) -> dict[str, VisitList]:
    """``arrived``, ``overdue``, ``inside``, ``expected``, ``gone``: of whom this actor may see."""
    within = and_(Visit.status == "checked_in", Permit.status == "approved", col(Permit.until_at) > day.now)
    late = _seen(actor, select(Visit, Permit)).where(OPEN, ~within).order_by(col(Visit.id))
    parts = {
        "arrived": _first(session, actor, at_desk(day.now), col(Visit.arrived_at)),
        "late": _Part(list(session.exec(late).all())),
        "inside": _first(session, actor, within, col(Permit.until_at), col(Visit.id)),
        "expected": _first(session, actor, expected_on(day), col(Permit.from_at), col(Visit.id)),
        "gone": _first(session, actor, over_since(day.begin), col(Visit.checked_out_at).desc()),
    }
    shown = visit_rows(session, context, [one for part in parts.values() for one in part.found], day.now)
    lists = {
        name: VisitList([shown[visit.id] for visit, _ in part.found], len(part.found) + part.more)
        for name, part in parts.items()
    }
    late_rows, inside = lists.pop("late").rows, lists["inside"]
    overdue = [row for row in late_rows if row.overdue]
    rest = [row for row in late_rows if not row.overdue]  # gone, and only not closed yet
    return lists | {
        "overdue": VisitList(overdue, len(overdue)),
        "inside": VisitList(rest + inside.rows, len(rest) + inside.count),
    }


def visits_of(session: Session, context: Context, ids: Sequence[int], now: datetime) -> VisitList:
    """The visits with these ids, in this order."""
    found = session.exec(
        select(Visit, Permit).join(Permit, col(Permit.id) == Visit.permit_id).where(col(Visit.id).in_(ids[:MOST]))
    ).all()
    shown = visit_rows(session, context, found, now)
    return VisitList([shown[one] for one in ids[:MOST]], len(ids))


def visit_rows(session: Session, context: Context, found: Sequence[Found], now: datetime) -> dict[int | None, VisitRow]:
    """Visit → its row."""
    visits = [visit for visit, _ in found]
    codes = codes_of(session, {permit.customer_id for _, permit in found})
    names = _names(session, context, {visit.holder_id for visit in visits})
    badges, waits = lending.badges_of_visits(session, visits), awaited(session, visits)
    passages = passages_of(session, [visit for visit in visits if visit.status == "checked_in"])
    rows = {}
    for visit, permit in found:
        inside = passages.get(visit.id, NOWHERE).inside
        rows[visit.id] = VisitRow(
            id=visit.public_id,
            customer=codes.get(permit.customer_id),
            name=names.get(visit.holder_id),
            status="inside" if inside else visit.status,
            reason=permit.reason,
            areas=permit.areas,
            from_at=permit.from_at,
            until_at=permit.until_at,
            at_desk_since=visit.arrived_at if is_at_desk(visit, now) else None,
            visitor_badge=visit.visitor_badge,
            badges=[one.number or "" for one in badges.get(visit.id, ()) if one.status != "returned"],
            inside=inside,
            overdue=overdue_of(visit, permit, waits.get(visit.id, ()), to_us(now)),
        )
    return rows


class _Part(NamedTuple):
    found: list[Found]
    more: int = 0


def _seen(actor: Actor, query: Any) -> Any:
    return query.join(Permit, col(Permit.id) == Visit.permit_id).where(seen_permits(actor))


def _first(session: Session, actor: Actor, condition: Any, *order: Any) -> _Part:
    some = _seen(actor, select(Visit, Permit)).where(condition).order_by(*order).limit(MOST + 1)
    found = list(session.exec(some).all())
    if len(found) <= MOST:
        return _Part(found)
    count: int = session.exec(_seen(actor, select(func.count()).select_from(Visit)).where(condition)).one()
    return _Part(found[:MOST], count - MOST)


def _names(session: Session, context: Context, ids: Iterable[int]) -> dict[int | None, str | None]:
    holders = session.exec(select(Holder).where(col(Holder.id).in_(set(ids)))).all()
    return {one.id: masked_field(context.personal, one, "name") for one in holders}
