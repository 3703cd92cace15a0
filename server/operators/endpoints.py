"""``/api/v1``: operators and tokens; all routers of this noun (D1, D2)."""

from typing import Annotated, Any

from fastapi import Response
from pydantic import AwareDatetime, Field
from sqlmodel import Session, select

from server.context import Context
from server.operators import approvals, password_changes, second_factor, service, sign_in
from server.operators.account_endpoints import account_router, session_router
from server.operators.actor import Actor
from server.operators.approval_endpoints import router as approval_router
from server.operators.audit import record
from server.operators.audit_endpoints import router as audit
from server.operators.guard import requires
from server.operators.models import ApiToken, Operator
from server.operators.permissions import Permission, Role
from server.operators.recovery_endpoints import router as recovery_router
from server.operators.shapes import (
    ApprovalShown,
    Input,
    Name,
    OperatorShown,
    Reason,
    Reasoned,
    SessionShown,
    TokenShown,
    Username,
    show_operators,
    show_sessions,
    show_token,
)
from server.pages import Cursor, Limit, Page, rows_after
from server.problems import Problem
from server.routes import AppContext, DbSession, api_router

operators_router = api_router("/operators", "operators")
tokens_router = api_router("/tokens", "tokens")
ROUTERS = [session_router, account_router, operators_router, tokens_router, approval_router, recovery_router, audit]

ManagesOperators = Annotated[Actor, requires(Permission.OPERATOR_MANAGE)]
ReadsOperators = Annotated[Actor, requires(Permission.OPERATOR_READ)]
ShowsSecret = Annotated[Actor, requires(Permission.OPERATOR_MANAGE, secret_answer=True)]


class NewOperator(Input):
    """A new account. ``department``: whose customer files it sees (C4). ``reason``: for management, where it authorises the account first (D1)."""

    username: Username
    name: Name
    role: Role
    department: Name | None = None
    reason: Reason | None = None


class OperatorChange(Input):
    """What changes; what is left out stays. ``department`` null: none."""

    name: Name | None = None
    role: Role | None = None
    department: Name | None = None
    disabled: bool | None = None
    reason: Reason | None = None


class NewToken(Input):
    """A new bearer token. ``scopes``: the permissions out of the role's that it may use; all of them, if left out."""

    name: Name
    role: Role
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=len(Permission))] | None = None
    expires_at: AwareDatetime | None = None


class SecondFactorRoles(Input):
    """The roles whose operators must have a second factor."""

    roles: Annotated[list[Role], Field(max_length=10)]


@operators_router.get("")
def list_operators(
    session: DbSession, context: AppContext, _actor: ReadsOperators, after: Cursor = 0, limit: Limit = 100
) -> Page[OperatorShown]:
    """All accounts."""
    rows, following = rows_after(session, select(Operator), Operator.id, after, limit)
    return Page(items=show_operators(session, rows, context.clock.now()), next=following)


@operators_router.post("", status_code=201, responses={202: {"description": "waits for management's approval"}})
def create_operator(
    session: DbSession, context: AppContext, actor: ShowsSecret, given: NewOperator, response: Response
) -> dict[str, Any]:
    """A new account; ``one_time_password`` is shown here once. 202 where management authorises it first: the account is closed until then, ``awaiting``
    names the approval, and the one-time password is made by ``reset-password`` afterwards (D1)."""
    operator, secret = service.create_operator(
        session,
        actor,
        context.clock.now(),
        given.username,
        given.name,
        given.role,
        given.department,
        given.reason or "",
    )
    if secret is None:
        response.status_code = 202
    return {**_shown(session, context, operator).model_dump(mode="json"), "one_time_password": secret}


@operators_router.patch("/{public_id}", responses={202: {"description": "a part waits for management's approval"}})
def change_operator(
    session: DbSession,
    context: AppContext,
    actor: ManagesOperators,
    public_id: str,
    given: OperatorChange,
    response: Response,
) -> OperatorShown:
    """Rename, change role or department, close or reopen. Closing signs out at once and ends the account's tokens. 202 where a part waits for management
    (``awaiting``): to become administrator or supervisor, or such an account reopened (D1)."""
    department = given.department or "" if "department" in given.model_fields_set else None
    before = _awaiting(session, context, public_id)
    operator = service.change_operator(
        session,
        actor,
        context.clock.now(),
        public_id,
        name=given.name,
        role=given.role,
        disabled=given.disabled,
        department=department,
        reason=given.reason or "",
    )
    shown = _shown(session, context, operator)
    if shown.awaiting != before:
        response.status_code = 202
    return shown


@operators_router.post("/{public_id}/reset-password")
def reset_password(session: DbSession, context: AppContext, actor: ShowsSecret, public_id: str) -> dict[str, str]:
    """A new one-time password, shown here once; the account is signed out everywhere. 409 as long as it waits for management."""
    return {"one_time_password": _reset(session, context, actor, public_id, None)}


@operators_router.post("/{public_id}/suspect")
def suspect(
    session: DbSession, context: AppContext, actor: ShowsSecret, public_id: str, given: Reasoned
) -> dict[str, str]:
    """Somebody else may know this account's password: it serves no more, every session ends, the tokens that this person made too. Recorded with the
    reason (D2). ``one_time_password`` is shown here once."""
    sign_in.end_tokens_of(session, actor, context.clock.now(), public_id)
    return {"one_time_password": _reset(session, context, actor, public_id, given.reason)}


@operators_router.post("/{public_id}/unlock", status_code=204)
def unlock(session: DbSession, context: AppContext, actor: ManagesOperators, public_id: str) -> None:
    """Forget the failed sign-ins of this user name: the brake lets go at once."""
    operator = service.find_operator(session, public_id)
    gone = sign_in.forgive(session, operator.username)
    record(session, actor, context.clock.now(), "operator.unlock", public_id, after={"failures": gone})


@operators_router.get("/{public_id}/sessions")
def list_sessions(session: DbSession, context: AppContext, actor: ReadsOperators, public_id: str) -> list[SessionShown]:
    """Where this person is signed in."""
    return show_sessions(session, service.find_operator(session, public_id), context.clock.now(), actor.session)


@operators_router.delete("/{public_id}/sessions/{session_id}", status_code=204)
def close_session_of(
    session: DbSession, context: AppContext, actor: ManagesOperators, public_id: str, session_id: str
) -> None:
    """Sign this browser out."""
    operator = service.find_operator(session, public_id)
    sign_in.close_session_of(session, actor, context.clock.now(), operator, session_id)


@operators_router.post("/{public_id}/reset-second-factor", responses={202: {"model": ApprovalShown}})
def reset_second_factor(
    session: DbSession,
    context: AppContext,
    actor: ManagesOperators,
    public_id: str,
    given: Reasoned,
    response: Response,
) -> ApprovalShown | None:
    """Somebody lost the authenticator and the one-time codes: the second factor is off, the account signed out. Of an administrator or supervisor only with
    the approval of another: 202 with what waits (D1)."""
    operator, now = service.find_operator(session, public_id), context.clock.now()
    if operator.totp_since is None:
        raise Problem(409, "second_factor_off", "This account has no second factor.", "该账号未启用第二因素。")
    if operator.role not in service.PRIVILEGED:
        service.take_second_factor(session, actor, now, operator, given.reason)
        return None
    response.status_code = 202
    return ApprovalShown.of(approvals.ask(session, actor, now, "second_factor", public_id, given.reason))


@operators_router.get("/second-factor/roles")
def second_factor_roles(session: DbSession, _actor: ReadsOperators) -> dict[str, list[str]]:
    """``{roles}``: whose operators must have a second factor."""
    return {"roles": second_factor.required_roles(session)}


@operators_router.put("/second-factor/roles")
def require_second_factor(
    session: DbSession, context: AppContext, actor: ManagesOperators, given: SecondFactorRoles
) -> dict[str, list[str]]:
    """Demand it of these roles and no others: who has none can do nothing else before setting it up."""
    second_factor.require_for(session, actor, context.clock.now(), given.roles)
    return {"roles": second_factor.required_roles(session)}


@tokens_router.get("")
def list_tokens(session: DbSession, _actor: ReadsOperators, after: Cursor = 0, limit: Limit = 100) -> Page[TokenShown]:
    """All bearer tokens, without their text."""
    rows, following = rows_after(session, select(ApiToken), ApiToken.id, after, limit)
    return Page(items=[show_token(row) for row in rows], next=following)


@tokens_router.post("", status_code=201)
def create_token(session: DbSession, context: AppContext, actor: ShowsSecret, given: NewToken) -> dict[str, Any]:
    """A new bearer token; ``token`` is shown here once. What is done through it, its maker did."""
    token, text = service.create_token(
        session, actor, context.clock.now(), given.name, given.role, given.expires_at, given.scopes
    )
    return {**show_token(token).model_dump(mode="json"), "token": text}


@tokens_router.delete("/{public_id}", status_code=204)
def revoke_token(session: DbSession, context: AppContext, actor: ManagesOperators, public_id: str) -> None:
    """End a token at once."""
    service.revoke_token(session, actor, context.clock.now(), public_id)


def _reset(session: Session, context: Context, actor: Actor, public_id: str, suspicion: str | None) -> str:
    operator = service.find_operator(session, public_id)
    if _awaiting(session, context, public_id) is not None and operator.disabled:
        raise Problem(
            409,
            "approval_waits",
            "This account waits for management's approval: the one-time password is made after that.",
            "该账号正在等待批准：批准后再生成一次性密码。",
        )
    secret = password_changes.reset_password(session, actor, context.clock.now(), operator, suspicion)
    password_changes.forget_first_sign_in(context.config.dir, operator.username)
    return secret


def _awaiting(session: Session, context: Context, public_id: str) -> str | None:
    row = approvals.standing(session, context.clock.now(), "account", public_id, "waiting")
    return None if row is None else row.public_id


def _shown(session: Session, context: Context, operator: Operator) -> OperatorShown:
    session.flush()
    return show_operators(session, [operator], context.clock.now())[0]
