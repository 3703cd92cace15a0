"""``/api/v1/approvals``: what management authorises before it takes effect (D1, D3)."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import StringConstraints
from sqlmodel import col, select

from server.operators import approvals, service
from server.operators.actor import Actor
from server.operators.approval_models import Approval, ApprovalKind, ApprovalStatus
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.operators.shapes import ApprovalShown, Input, Name, Reason
from server.pages import Cursor, Limit, Page, rows_after
from server.problems import Problem
from server.routes import AppContext, DbSession, api_router

router = api_router("/approvals", "approvals")

Reads = Annotated[Actor, requires(Permission.OPERATOR_READ)]
Manages = Annotated[Actor, requires(Permission.OPERATOR_MANAGE)]
Authorises = Annotated[Actor, requires(Permission.OPERATOR_AUTHORISE)]


class NewApproval(Input):
    """Restore of data or their repair by hand. ``subject``: the backup's label, or what is repaired."""

    kind: Literal["restore", "repair"]
    subject: Name
    reason: Reason


class Decision(Input):
    """A word to it. A refusal needs one."""

    note: Annotated[str, StringConstraints(max_length=1000, strip_whitespace=True)] = ""


@router.get("")
def list_approvals(
    session: DbSession,
    context: AppContext,
    _actor: Reads,
    kind: ApprovalKind | None = None,
    status: Annotated[ApprovalStatus | None, Query(description="`waiting`: those whose time is not over")] = None,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[ApprovalShown]:
    """The ledger of approvals, the newest first."""
    query = select(Approval)
    if kind is not None:
        query = query.where(Approval.kind == kind)
    if status is not None:
        query = query.where(Approval.status == status)
    if status == "waiting":
        query = query.where(col(Approval.until) > context.clock.now())
    rows, following = rows_after(session, query, Approval.id, after, limit, newest_first=True)
    return Page(items=[ApprovalShown.of(row) for row in rows], next=following)


@router.post("", status_code=201)
def ask(session: DbSession, context: AppContext, actor: Manages, given: NewApproval) -> ApprovalShown:
    """Ask for the approval of a restore or a repair; a supervisor approves. It is used once, within a week. 409 where the same waits."""
    row = approvals.ask(session, actor, context.clock.now(), given.kind, given.subject, given.reason)
    return ApprovalShown.of(row)


@router.get("/{public_id}")
def get_approval(session: DbSession, _actor: Reads, public_id: str) -> ApprovalShown:
    """One approval."""
    return ApprovalShown.of(approvals.find_approval(session, public_id))


@router.post("/{public_id}/approve")
def approve(
    session: DbSession, context: AppContext, actor: Authorises, public_id: str, given: Decision
) -> ApprovalShown:
    """Approve in person. What concerns an account takes effect at once. 403 for a token or another role; 409 ``FOUR_EYES``, ``approval_over``."""
    row, now = approvals.find_approval(session, public_id), context.clock.now()
    approvals.decide(session, actor, now, row, approve=True, note=given.note)
    if row.kind in ("account", "second_factor"):
        service.authorise(session, actor, now, row)
    return ApprovalShown.of(row)


@router.post("/{public_id}/refuse")
def refuse(
    session: DbSession, context: AppContext, actor: Authorises, public_id: str, given: Decision
) -> ApprovalShown:
    """Refuse, with the reason in ``note``."""
    if not given.note:
        raise Problem(422, "invalid_input", "note: say why it is refused.", "note：请说明拒绝原因。", field="note")
    row = approvals.find_approval(session, public_id)
    approvals.decide(session, actor, context.clock.now(), row, approve=False, note=given.note)
    return ApprovalShown.of(row)


@router.post("/{public_id}/withdraw")
def withdraw(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.OPERATOR_READ)],
    public_id: str,
) -> ApprovalShown:
    """Who asked takes it back, as long as nobody decided."""
    row = approvals.find_approval(session, public_id)
    approvals.withdraw(session, actor, context.clock.now(), row)
    return ApprovalShown.of(row)
