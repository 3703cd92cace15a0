"""The pages of visits and emergencies: who waits at the desk, what is open or expected today, check-in by steps, check-out, approvals (B7, B8, R4-R6, R8)."""

import json
from typing import Annotated, Any, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse

from server.console.language import language_of
from server.console.pages import day_of, page, renderer_of
from server.console.visit_search import matching, scanned
from server.context import Context
from server.fleet.models import EdgeCommand
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.permits import card_endpoints, drafting, emergency_endpoints, permit_endpoints, visits
from server.permits.approval import Approver
from server.permits.arrivals import is_at_desk, waiting_at_desk
from server.permits.declaration import ITEMS
from server.permits.entrance import printed_code
from server.permits.models import Permit, Visit
from server.permits.overdue import open_visits
from server.permits.reception import LEVELS
from server.permits.shapes import VisitShown
from server.permits.showing import show_permits, show_visits
from server.personal.fields import masked_field
from server.registry.lookup import seen_customers, sees_all
from server.registry.models import Customer, Holder
from server.registry.records import IdDocument
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.PERMIT_READ)]
Text = Annotated[str, Query(max_length=200)]
MOST = 200
"""So many visits of a kind on the page; the API has them all."""
APPROVERS: dict[Approver, Permission] = {
    "customer_service": Permission.PERMIT_APPROVE,
    "it_head": Permission.PERMIT_APPROVE_IT,
}
DOCUMENTS = get_args(IdDocument)


@router.get("/visits")
def visits_page(request: Request, session: DbSession, context: AppContext, actor: Reads, code: Text = "") -> Response:
    """Who waits at the desk, what is overdue, inside, expected today and over today; emergencies; permits that wait for this operator. ``code``: what was
    scanned and led to no visit."""
    return _overview(request, session, context, actor, code)


@router.post("/visits/search")
def search_visits(
    request: Request, session: DbSession, context: AppContext, actor: Reads, q: Annotated[str, Form(max_length=80)] = ""
) -> Response:
    """The same with the visits of somebody, by a part of the name, the end of a phone number, or a badge's, permit's or visit's number: no name stands in an
    address (D6)."""
    return _overview(request, session, context, actor, q)


@router.get("/visits/search")
def search_again(_actor: Reads) -> Response:
    """Where a page that was searched leads when it is asked for anew."""
    return RedirectResponse("/visits", 303)


def _overview(request: Request, session: Session, context: Context, actor: Actor, q: str) -> Response:
    day, night = day_of(context, context.clock.now()), day_of(context, context.clock.now(), 1)
    going = show_visits(session, context, _seen(session, actor, open_visits(session)))
    expected = select(Visit).join(Permit, col(Permit.id) == Visit.permit_id).where(Visit.status == "expected")
    today = expected.where(col(Permit.from_at) < night, col(Permit.until_at) > day, Permit.status == "approved")
    gone = select(Visit).where(col(Visit.checked_out_at) >= day, Visit.status == "closed")
    arrived = show_visits(session, context, _seen(session, actor, waiting_at_desk(session, context.clock.now(), MOST)))
    here = {one.id for one in arrived}
    awaiting = {
        role: permit_endpoints.list_permits(session, context, actor, awaiting=role, limit=MOST).items
        for role, permission in APPROVERS.items()
        if actor.may(permission)
    }
    emergencies = emergency_endpoints.list_emergencies(session, context, actor, debts=True, limit=MOST).items
    emergencies += emergency_endpoints.list_emergencies(session, context, actor, status="approved", limit=MOST).items
    later = _rows(session, context, actor, today.order_by(col(Permit.from_at), col(Visit.id)))
    shown: dict[str, Any] = {
        "arrived": arrived,
        "overdue": [one for one in going if one.overdue],
        "inside": [one for one in going if not one.overdue],
        "expected": [one for one in later if one.id not in here],
        "gone": _rows(session, context, actor, gone.order_by(col(Visit.checked_out_at).desc())),
    }
    found = None
    if q.strip():
        every = [one for group in shown.values() for one in group]
        found = matching(session, context, actor, every, q)
    permits = _permits(session, [one.permit for group in shown.values() for one in group])
    return page(
        request, session, context, actor, "visits.html", "visits", **shown, at_desk=here, permits=permits, awaiting=awaiting,
        emergencies=emergencies, levels=LEVELS, areas=[area.id for area in context.site.areas if not area.public], q=q, found=found,
    )  # fmt: skip


@router.get("/visits/find")
def find_scanned(session: DbSession, context: AppContext, actor: Reads, code: Text = "") -> Response:
    """Where a scan belongs: the visit of the badge, permit or visit with this number; else the search says that there is none."""
    day, night = day_of(context, context.clock.now()), day_of(context, context.clock.now(), 1)
    found = scanned(session, code.strip(), day, night)
    rows = _seen(session, actor, [found] if found is not None else [])
    to = f"/visits/{rows[0].public_id}" if rows else f"/visits?{urlencode({'code': code.strip()})}"
    return RedirectResponse(to, 303)


@router.get("/visits/{name}")
def visit_page(request: Request, session: DbSession, context: AppContext, actor: Reads, name: str) -> Response:
    """One visit: its steps, from the document to the last signature."""
    row, permit = visits.find_visit(session, name, actor)
    visit = show_visits(session, context, [row])[0]
    cards = card_endpoints.list_cards(session, actor, state="available", limit=MOST).items
    return page(
        request, session, context, actor, "visit.html", "visits", visit=visit, step=_step(visit), cards=cards,
        at_desk=is_at_desk(row, context.clock.now()),
        permit=show_permits(session, context, [permit])[0], level=LEVELS.get(permit.level), items=ITEMS, documents=DOCUMENTS,
        escort=_escort(session, context, permit), code=printed_code(row.public_id),
    )  # fmt: skip


@router.get("/emergencies/{name}")
def emergency_page(request: Request, session: DbSession, context: AppContext, actor: Reads, name: str) -> Response:
    """One emergency: document, admission, what it owes, the end of the debt (B7). Whoever was admitted is admitted again while the approval stands: the
    edge may not have answered, or the escort come too late."""
    shown = emergency_endpoints.get_emergency(session, context, actor, name, Response())
    points = [point.id for point in context.site.access_points if not point.out and point.to_area in shown.areas]
    return page(
        request, session, context, actor, "emergency.html", "visits", one=shown, documents=DOCUMENTS,
        points=points or [point.id for point in context.site.access_points if not point.out],
        again=shown.approved_at is not None and (shown.until is None or shown.until > context.clock.now()), answer=_answered(request, session, shown.command_id),
    )  # fmt: skip


def _step(visit: VisitShown) -> str:
    """Where the check-in stands: ``document``, ``declaration``, ``photo``, ``badge``; or ``inside``, ``witness``, ``over``."""
    if visit.status in ("void", "closed"):
        return "over"
    if visit.status == "checked_out":
        return "witness"
    if visit.status != "expected":
        return "inside"
    if visit.document is None or not visit.document.matched:
        return "document"
    if not all(item.confirmed for item in visit.declaration):
        return "declaration"
    return "photo" if visit.photo is None else "badge"


def _seen(session: Session, actor: Actor, rows: list[Visit]) -> list[Visit]:
    if sees_all(actor) or not rows:
        return rows
    seen = select(Customer.id).where(seen_customers(actor))
    query = select(Permit.id).where(col(Permit.customer_id).is_(None) | col(Permit.customer_id).in_(seen))
    ids = set(session.exec(query.where(col(Permit.id).in_({row.permit_id for row in rows}))).all())
    return [row for row in rows if row.permit_id in ids]


def _rows(session: Session, context: Context, actor: Actor, query: Any) -> list[VisitShown]:
    return show_visits(session, context, _seen(session, actor, list(session.exec(query.limit(MOST)).all())))


def _permits(session: Session, names: list[str]) -> dict[str, Permit]:
    """What the list says of each visit's permit: reason and areas."""
    rows = session.exec(select(Permit).where(col(Permit.public_id).in_(set(names)))).all() if names else []
    return {row.public_id: row for row in rows}


def _escort(session: Session, context: Context, permit: Permit) -> str | None:
    if permit.escort_id is None:
        return None
    holder = session.get_one(Holder, permit.escort_id)
    return masked_field(context.personal, holder, "name") or drafting.escort_name(session, permit)


def _answered(request: Request, session: Session, command_id: str | None) -> tuple[str, str] | None:
    """What the edge said to the admission: its result and the sentence."""
    if command_id is None:
        return None
    row = session.exec(select(EdgeCommand).where(EdgeCommand.public_id == command_id)).first()
    if row is None:
        return None
    because = json.loads(row.because) if row.because is not None else None
    said = renderer_of(request).remedy(because, language_of(request)) if because else ""
    return ("waiting" if row.state == "sent" else row.state), said
