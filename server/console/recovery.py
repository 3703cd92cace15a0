"""The recovery secret: how it stands, its halves and their holders, its ledger (D3)."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from sqlmodel import col, select

from server.console.operators import approvals_shown
from server.console.pages import page
from server.operators import recovery, recovery_endpoints
from server.operators.actor import Actor
from server.operators.approvals import standing
from server.operators.guard import requires
from server.operators.models import Operator
from server.operators.permissions import Permission
from server.pages import Cursor
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

LINES = 50


@router.get("/system/recovery")
def recovery_page(
    request: Request,
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.OPERATOR_READ)],
    after: Cursor = 0,
) -> Response:
    """What would open, what waits for its holders, what is owed; the steps of making and opening; every line of the ledger."""
    state = recovery_endpoints.state(session, actor)
    entries = recovery_endpoints.list_entries(session, actor, after=after, limit=LINES)
    holders = select(Operator).where(col(Operator.disabled).is_(False), Operator.role != "administrator")
    holders = holders.order_by(col(Operator.name))
    approved = None
    if state.in_force is not None:
        approved = standing(session, context.clock.now(), "recovery", state.in_force.id, "approved")
    return page(
        request, session, context, actor, "recovery.html", "system", tab="recovery",
        state=state, entries=entries.items, following=entries.next, after=after, approved=approved,
        accounts=[(row.public_id, row.name, row.role) for row in session.exec(holders)], open_hours=recovery.OPEN_FOR,
        mine=actor.public_id,
        **approvals_shown(session, context, actor, state.in_force.id if state.in_force is not None else "-"),
    )  # fmt: skip
