"""The pages of the register: search, one entry with its notes, and the operations that are still to be entered (R3)."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session, col, select

from server.console.pages import page
from server.console.people import operators_of
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.problems import Problem
from server.registry.models import Holder
from server.rooms.endpoints import entry_with_notes
from server.rooms.endpoints import register_page as register_entries
from server.rooms.register_files import MAX_PDF, MAX_XLSX
from server.rooms.register_filters import Filters
from server.rooms.showing import own_stay, stays_told
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.REGISTER_READ)]
Text = Annotated[str, Query(max_length=200)]
Place = Annotated[str, Query(pattern=r"^([0-9]{1,18}-[0-9]{1,18})?$")]
ON_A_PAGE = 50


@router.get("/register")
def register_page(
    request: Request, session: DbSession, context: AppContext, actor: Reads,
    area: Text = "", customer: Text = "", holder: Text = "", badge: Annotated[str, Query(max_length=24)] = "",
    from_: Annotated[str, Query(alias="from", max_length=40)] = "", until: Annotated[str, Query(max_length=40)] = "",
    open_: Annotated[bool, Query(alias="open")] = False, incomplete: bool = False, passages: bool = False, after: Place = "",
) -> Response:  # fmt: skip
    """Entries, newest first; those without their operation oldest first, to be entered row by row."""
    given = {"area": area, "customer": customer, "holder": holder, "badge": badge, "from": from_, "until": until}
    asked = {name: value.strip() for name, value in given.items() if value.strip()}
    filters = Filters(
        asked.get("area"), asked.get("customer"), asked.get("holder"), asked.get("badge"), asked.get("from"), asked.get("until"),
        open_, incomplete, not passages,
    )  # fmt: skip
    found, items, following = None, [], None
    try:
        some = register_entries(session, context, actor, filters, after or None, ON_A_PAGE, newest_first=not incomplete)
        sought, following = filters.sought(session, context, actor), some["next"]
        items = [one | {"told": stay} for one in some["items"] for stay in stays_told(one, sought)]
    except Problem as problem:
        found = problem
    ticked = {"open": open_, "incomplete": incomplete, "passages": passages}
    searched = asked | {name: "true" for name, value in ticked.items() if value}
    exported = asked | {
        name: "true" for name, value in (ticked | {"book": not passages}).items() if value and name != "passages"
    }
    return page(
        request, session, context, actor, "register.html", "register", items=items, following=following, problem=found,
        faults=_faults(found, asked), given=given | ticked, searched=searched, after=after, holders=_public_ids(session, items), exported=urlencode(exported),
        areas=[one.id for one in context.site.areas if not one.public], most_xlsx=MAX_XLSX, most_pdf=MAX_PDF,
    )  # fmt: skip


@router.get("/register/{entry_id}")
def entry_page(request: Request, session: DbSession, context: AppContext, actor: Reads, entry_id: int) -> Response:
    """One entry: all that is known of it, its notes with their signatures, and what may be added."""
    if not 1 <= entry_id < 2**63:
        entry_id = 0  # nobody's: the API says so
    entry = entry_with_notes(session, context, entry_id)
    entry["told"] = own_stay(entry)
    return page(
        request, session, context, actor, "entry.html", "register", entry=entry, holders=_public_ids(session, [entry]),
        by=operators_of(session, [entry["operator"], *(note["operator"] for note in entry["noted"])]),
    )  # fmt: skip


def _faults(problem: Problem | None, asked: dict[str, str]) -> set[str]:
    """The fields that a search was refused for; what is not there says no field of its own."""
    if problem is None:
        return set()
    return (
        {name for name in ("customer", "holder") if name in asked} if problem.status == 404 else {problem.field or ""}
    )


def _public_ids(session: Session, items: list[dict[str, Any]]) -> dict[int, str]:
    """By what the register's holders are searched for."""
    wanted = {one["holder"] for one in items if one["holder"] is not None and one["holder"] > 0}
    query = select(Holder.id, Holder.public_id).where(col(Holder.id).in_(wanted))
    return {number: name for number, name in session.exec(query) if number is not None} if wanted else {}
