"""The pages of violations (R9, E7): what was seen, what shows it, how it was handled, badges suspended for it and given back."""

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session, col, select

from server.badges.models import GONE, Badge
from server.console.pages import page
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.models import ApiToken, Operator
from server.operators.permissions import Permission
from server.problems import Problem
from server.registry.lookup import codes_of, may_see, seen_customers
from server.registry.models import Customer, Holder
from server.routes import AppContext, DbSession, TransactionRoute
from server.shift import violation_endpoints
from server.shift.suspending import STOPPABLE
from server.shift.violation_lifecycle import HANDLINGS, KINDS, LIFE, Act, Handling, Kind
from server.shift.violations import find_violation

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.VIOLATION_READ)]
Writes = Annotated[Actor, requires(Permission.VIOLATION_WRITE)]
Text = Annotated[str, Query(max_length=200)]
Number = Annotated[int, Query(ge=0, le=2**62)]
ROWS = 50
MOST_CHOICES = 300
STATUSES = ("open", "handled", "reopened")


@router.get("/violations")
def violations_page(
    request: Request, session: DbSession, context: AppContext, actor: Reads,
    status: Text = "", kind: Text = "", customer: Text = "", holder: Text = "", from_: Annotated[str, Query(alias="from", max_length=40)] = "",
    until: Text = "", after: Number = 0,
) -> Response:  # fmt: skip
    """The running record, the newest first: what is not handled, or by status, kind, customer, person and time."""
    asked: dict[str, Any] = {
        "status": status if status in STATUSES else None,
        "kind": kind if kind in get_args(Kind) else None,
        "customer": customer.strip() or None,
        "holder": holder.strip() or None,
        "from_": from_.strip() or None,
        "until": until.strip() or None,
    }
    items, following, found = [], None, None
    try:
        some = violation_endpoints.list_violations(
            session, context, actor, standing=not status, after=after, limit=ROWS, newest_first=True, **asked
        )
        items, following = some.items, some.next
    except Problem as problem:
        found = problem
    given = {"status": status, "kind": kind, "customer": customer, "holder": holder, "from": from_, "until": until}
    return page(
        request, session, context, actor, "violations.html", "visits", tab="violations", items=items, following=following, problem=found,
        given=given, asked={name: value for name, value in given.items() if value}, statuses=STATUSES, kinds=KINDS, after=after,
    )  # fmt: skip


@router.get("/violations/new")
def new_violation_page(
    request: Request, session: DbSession, context: AppContext, actor: Writes,
    badge: Text = "", event: Text = "", alarm: Text = "",
) -> Response:  # fmt: skip
    """To write one down. ``badge``: whose it is, by the printed number; ``event``, ``alarm``: what shows it."""
    holder, problem = _of_badge(session, actor, badge.strip()) if badge.strip() else (None, None)
    living = select(Customer).where(
        seen_customers(actor), col(Customer.deleted_at).is_(None), col(Customer.merged_into).is_(None)
    )
    return page(
        request, session, context, actor, "violation-new.html", "visits", tab="violations", kinds=KINDS, badge=badge, holder=holder,
        problem=problem, customers=session.exec(living.order_by(Customer.code).limit(MOST_CHOICES)).all(),
        code=codes_of(session, {holder.customer_id}).get(holder.customer_id) if holder is not None else None,
        event=event if event.isdecimal() else "", alarm=alarm if alarm.isdecimal() else "",
        areas=[area.id for area in context.site.areas], doors=[door.id for door in context.site.doors],
    )  # fmt: skip


@router.get("/violations/{name}")
def violation_page(
    request: Request,
    session: DbSession,
    context: AppContext,
    actor: Reads,
    name: str,
    event: Text = "",
    alarm: Text = "",
) -> Response:
    """One violation, and what may be done about it. ``event``, ``alarm``: offered as evidence."""
    shown = violation_endpoints.get_violation(session, context, actor, name, Response())
    row = find_violation(session, name, actor)
    live = col(Badge.status).not_in(GONE)
    whose = Badge.holder_id == row.holder_id if row.holder_id is not None else Badge.customer_id == row.customer_id
    badges = session.exec(select(Badge).where(whose, live).order_by(col(Badge.id)).limit(MOST_CHOICES)).all()
    standing = {one.badge for one in shown.suspensions if one.lifted_at is None}
    possible = LIFE[shown.status]
    return page(
        request, session, context, actor, "violation.html", "visits", tab="violations", one=shown, event=event if event.isdecimal() else "",
        alarm=alarm if alarm.isdecimal() else "", handlings=HANDLINGS,
        handling_order=get_args(Handling), possible={act.value for act in possible},
        badges=[one for one in badges if one.public_id not in standing and one.status in STOPPABLE],
        standing=[one for one in shown.suspensions if one.lifted_at is None],
        lifts=Act.LIFT in possible and actor.may(Permission.VIOLATION_HANDLE) and actor.may(Permission.BADGE_ISSUE),
        by=_operators(session, {who for one in shown.suspensions for who in (one.suspended_by, one.lifted_by) if who}),
    )  # fmt: skip


def _of_badge(session: Session, actor: Actor, number: str) -> tuple[Holder | None, Problem | None]:
    """Who holds the badge with this printed number now; or why nobody can be named."""
    query = select(Holder).join(Badge, col(Badge.holder_id) == Holder.id).where(Badge.number == number)
    holder = session.exec(query.order_by(col(Badge.id).desc())).first()
    customer = session.get(Customer, holder.customer_id) if holder is not None and holder.customer_id else None
    if holder is None or (customer is not None and not may_see(actor, customer)):
        return None, Problem(
            404, "not_found", f"No badge has the number {number}: look at it again, or name the customer.",
            f"没有编号为 {number} 的出入证：请核对，或填写所属客户。",
        )  # fmt: skip
    return holder, None


def _operators(session: Session, ids: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for model in (Operator, ApiToken):
        query = select(model.public_id, model.name).where(col(model.public_id).in_(ids))
        found |= dict(session.exec(query).all()) if ids else {}
    return found
