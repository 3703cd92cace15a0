"""The pages of visits and emergencies: who waits at the desk, what is open or expected today, check-in by steps, check-out, approvals (B7, B8, R4-R6, R8)."""

import json
from typing import Annotated, get_args

from fastapi import APIRouter, Form, Query, Request, Response
from sqlmodel import Session, select
from starlette.responses import RedirectResponse

from server.console.language import language_of
from server.console.pages import day_of, page, renderer_of
from server.console.visit_lists import MOST, Day, visit_lists, visits_of
from server.console.visit_search import matching
from server.context import Context
from server.fleet.models import EdgeCommand
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.permits import card_endpoints, drafting, emergency_endpoints, permit_endpoints, visits
from server.permits.approval import Approver
from server.permits.arrivals import is_at_desk
from server.permits.declaration import ITEMS
from server.permits.entrance import printed_code
from server.permits.models import Permit
from server.permits.reception import LEVELS
from server.permits.shapes import VisitShown
from server.permits.showing import show_permits, show_visits
from server.personal.fields import masked_field
from server.registry.models import Holder
from server.registry.records import IdDocument
from server.routes import AppContext, DbSession, ReadingSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.PERMIT_READ)]
Text = Annotated[str, Query(max_length=200)]
APPROVERS: dict[Approver, Permission] = {
    "customer_service": Permission.PERMIT_APPROVE,
    "it_head": Permission.PERMIT_APPROVE_IT,
}
DOCUMENTS = get_args(IdDocument)


@router.get("/visits")
def visits_page(request: Request, session: DbSession, context: AppContext, actor: Reads) -> Response:
    """Who waits at the desk, what is overdue, inside, expected today and over today; emergencies; permits that wait for this operator."""
    return _overview(request, session, context, actor, "")


@router.post("/visits/search")
def search_visits(
    request: Request,
    session: ReadingSession,
    context: AppContext,
    actor: Reads,
    q: Annotated[str, Form(max_length=80)] = "",
) -> Response:
    """The same with the visits of somebody, by a part of the name, the end of a phone number, or a badge's, permit's or visit's number: no name stands in an
    address (D6)."""
    return _overview(request, session, context, actor, q)


@router.get("/visits/search")
def search_again(_actor: Reads) -> Response:
    """Where a page that was searched leads when it is asked for anew."""
    return RedirectResponse("/visits", 303)


def _overview(request: Request, session: Session, context: Context, actor: Actor, q: str) -> Response:
    day = _today(context)
    found = visits_of(session, context, matching(session, context, actor, day, q), day.now) if q.strip() else None
    awaiting = {
        role: permit_endpoints.list_permits(session, context, actor, awaiting=role, limit=MOST)
        for role, permission in APPROVERS.items()
        if actor.may(permission)
    }
    emergencies = emergency_endpoints.list_emergencies(session, context, actor, debts=True, limit=MOST).items
    emergencies += emergency_endpoints.list_emergencies(session, context, actor, status="approved", limit=MOST).items
    return page(
        request, session, context, actor, "visits.html", "visits", lists=visit_lists(session, context, actor, day),
        awaiting=awaiting, emergencies=emergencies, levels=LEVELS,
        areas=[area.id for area in context.site.areas if not area.public], q=q, found=found,
    )  # fmt: skip


def _today(context: Context) -> Day:
    now = context.clock.now()
    return Day(now, day_of(context, now), day_of(context, now, 1))


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
