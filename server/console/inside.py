"""The page of who is inside, by area with all that lies inside it (R2-R4, L3, MEANINGS 12, 13, 27)."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from sqlmodel import Session

from server.console.pages import page
from server.context import Context
from server.db.clock import to_us
from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerAlarm
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.rooms.occupancy import occupancy
from server.rooms.register_query import Sought, page_query
from server.rooms.showing import show_entries
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.REGISTER_READ)]
MOST = 1_000
"""So many open entries are looked up for company and purpose; whoever is beyond them is listed without."""


@router.get("/inside")
def inside_page(request: Request, session: DbSession, context: AppContext, actor: Reads) -> Response:
    """Everybody inside now; during a fire who was inside when it began, first."""
    now = context.clock.now()
    shown = occupancy(session, context, to_us(now))
    areas = _nested(shown["items"])
    outermost = [area for area in areas if area["depth"] == 0]
    unknown = any(area["highest"] is None for area in outermost)
    return page(
        request, session, context, actor, "inside.html", "inside", areas=areas, muster=shown["muster"],
        entries=_entries(session, context), overstayed=_overstayed(session),
        count=sum(area["count"] for area in outermost), lowest=sum(area["lowest"] for area in outermost),
        highest=None if unknown else sum(area["highest"] for area in outermost),
        certain=all(area["certain"] for area in areas),
        silent=sorted({(one["edge"], one["since"]) for area in areas for one in area["silent"]}, key=lambda one: one[0]),
        seconds_since=lambda at: max(0, int((now - datetime.fromisoformat(at)).total_seconds())),
    )  # fmt: skip


def _nested(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each area after the one that it lies in, with its ``depth``, and ``here``: who is in it and in no inner one."""
    known = {one["area"] for one in items}
    ordered: list[dict[str, Any]] = []

    def add(inside: str | None, depth: int) -> None:
        for one in items:
            if (one["inside"] if one["inside"] in known else None) == inside:
                here = [person for person in one["people"] if person["area"] == one["area"]]
                ordered.append(one | {"depth": depth, "here": here, "deeper": len(one["people"]) - len(here)})
                add(one["area"], depth + 1)

    add(None, 0)
    return ordered


def _entries(session: Session, context: Context) -> dict[tuple[str, int, str], dict[str, Any]]:
    """Who came in with whom and for what: edge, holder and room → the entry that their stay began with. No edge of people with a badge: their
    stays are those of all edges."""
    rows = session.connection().execute(page_query(Sought(open=True), None, MOST, newest_first=True)).all()
    return {
        (entry["edge"] if entry["holder"] < 0 else "", entry["holder"], stay["area"]): entry
        for entry in show_entries(session, context, rows)
        for stay in entry["stays"]
        if stay["ended_by"] is None
    }


def _overstayed(session: Session) -> set[str]:
    """The badges whose right to be inside has ended: for whom OVERSTAY stands."""
    alarms = table_of(LedgerAlarm)
    query = select(alarms.c.subject).where(alarms.c.alarm == "OVERSTAY", alarms.c.cleared_us.is_(None))
    return set(session.connection().scalars(query))
