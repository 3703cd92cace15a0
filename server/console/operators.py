"""Operators: who has an account, what waits for management, tokens, who is locked out; one account with its sessions (D1, D2)."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from sqlmodel import Session, col, or_, select

from server.console.pages import page
from server.context import Context
from server.operators import approvals, second_factor, service, sign_in
from server.operators.actor import Actor
from server.operators.approval_models import Approval
from server.operators.guard import requires
from server.operators.models import ApiToken, Operator
from server.operators.permissions import ACCOUNT_ROLES, ROLES, Permission
from server.operators.shapes import ApprovalShown, OperatorShown, show_operators, show_sessions, show_token
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.OPERATOR_READ)]
MOST = 200
LATEST = 30
"""So many approvals that are over are listed; the API has them all."""


@router.get("/system/operators")
def operators_page(request: Request, session: DbSession, context: AppContext, actor: Reads) -> Response:
    """Every account, open ones first; what waits for approval; tokens; failed sign-ins."""
    now = context.clock.now()
    rows = list(session.exec(select(Operator).order_by(col(Operator.name), col(Operator.id))).all())
    shown = show_operators(session, rows, now)
    tokens = select(ApiToken).where(col(ApiToken.revoked_at).is_(None)).order_by(col(ApiToken.id).desc()).limit(MOST)
    names = {row.public_id: row.name for row in rows}
    open_ones = [one for one in shown if not _is_closed(one, now)]
    ids = {row.username: row.public_id for row in rows}
    return page(
        request, session, context, actor, "operators.html", "system", tab="operators",
        groups=[("open", open_ones), ("closed", [one for one in shown if _is_closed(one, now)])],
        names=names, roles=ACCOUNT_ROLES, token_roles=ROLES, privileged=service.PRIVILEGED,
        departments=sorted({row.department for row in rows if row.department}),
        tokens=[show_token(row) for row in session.exec(tokens)],
        required=second_factor.required_roles(session),
        failures=[(one, ids.get(one.username)) for one in sign_in.recent_failures(session, now)],
        **approvals_shown(session, context, actor),
    )  # fmt: skip


@router.get("/system/operators/{name}")
def operator_page(request: Request, session: DbSession, context: AppContext, actor: Reads, name: str) -> Response:
    """One account: what it is, where it is signed in, what an administrator may do about it."""
    now = context.clock.now()
    row = service.find_operator(session, name)
    [shown] = show_operators(session, [row], now)
    tokens = select(ApiToken).where(ApiToken.made_by == row.public_id, col(ApiToken.revoked_at).is_(None))
    return page(
        request, session, context, actor, "operator.html", "system", tab="operators",
        one=shown, closed=_is_closed(shown, now), sessions=show_sessions(session, row, now, actor.session),
        tokens=[show_token(token) for token in session.exec(tokens)], roles=ACCOUNT_ROLES, privileged=service.PRIVILEGED,
        failures=[one for one in sign_in.recent_failures(session, now) if one.username == row.username],
        of_recovery=row.username == service.RECOVERY_USERNAME, codes_left=second_factor.codes_left(session, row), mine=actor.public_id == row.public_id,
        names={row.public_id: row.name}, **approvals_shown(session, context, actor, row.public_id),
    )  # fmt: skip


def approvals_shown(session: Session, context: Context, actor: Actor, subject: str | None = None) -> dict[str, Any]:
    """``waiting``: (request, may decide it, is who asked); ``decided``: the latest that are over; ``subjects``: names of the accounts that they are about;
    ``approvers``: the roles that approve what waits. All of them, or about one ``subject``."""
    now = context.clock.now()
    query = select(Approval) if subject is None else select(Approval).where(Approval.subject == subject)
    waits = query.where(Approval.status == "waiting", col(Approval.until) > now).order_by(col(Approval.id)).limit(MOST)
    over = query.where(or_(Approval.status != "waiting", col(Approval.until) <= now)).order_by(col(Approval.id).desc())
    waiting, decided = session.exec(waits).all(), session.exec(over.limit(LATEST)).all()
    about = {row.subject for row in (*waiting, *decided)}
    names = session.exec(select(Operator.public_id, Operator.name).where(col(Operator.public_id).in_(about))).all()
    return {
        "waiting": [
            (ApprovalShown.of(row), approvals.may_decide(session, actor, row, now), actor.is_who(row.asked_by))
            for row in waiting
        ],
        "decided": [(ApprovalShown.of(row), _status(row, now)) for row in decided],
        "subjects": dict(names),
        "approvers": {row.public_id: approvals.approvers(session, row) for row in waiting},
    }


def _status(row: Approval, now: datetime) -> str:
    return "over" if row.status in ("waiting", "approved") and row.until <= now else row.status


def _is_closed(one: OperatorShown, now: datetime) -> bool:
    return one.disabled or (one.closes_at is not None and one.closes_at <= now)
