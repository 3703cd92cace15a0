"""``/api/v1``: session, own account, operators, tokens, audit log."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import select
from starlette.responses import JSONResponse

from server.operators import service, sign_in
from server.operators.actor import Actor
from server.operators.audit_endpoints import router as audit
from server.operators.guard import refuse_forged, requires
from server.operators.models import ApiToken, Operator
from server.operators.permissions import Permission, Role
from server.pages import Cursor, Limit, Page, rows_after
from server.problems import Problem
from server.routes import AppContext, DbSession, api_router

session_router = api_router("/session", "session")
account_router = api_router("/account", "account")
operators_router = api_router("/operators", "operators")
tokens_router = api_router("/tokens", "tokens")
ROUTERS = [session_router, account_router, operators_router, tokens_router, audit]

Username = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{1,63}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=256)]
ManagesOperators = Annotated[Actor, requires(Permission.OPERATOR_MANAGE)]
ReadsOperators = Annotated[Actor, requires(Permission.OPERATOR_READ)]
ShowsSecret = Annotated[Actor, requires(Permission.OPERATOR_MANAGE, secret_answer=True)]
OwnAccount = Annotated[Actor, requires(Permission.OWN_ACCOUNT)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SignIn(_Input):
    """User name and password."""

    username: Annotated[str, StringConstraints(max_length=256)]
    password: Annotated[str, StringConstraints(max_length=256)]


class PasswordChange(_Input):
    """The current password and the new one."""

    current: Password
    new: Password


class NewOperator(_Input):
    """A new account. ``department``: whose customer files it sees (C4)."""

    username: Username
    name: Name
    role: Role
    department: Name | None = None


class OperatorChange(_Input):
    """What changes; what is left out stays. ``department`` null: none."""

    name: Name | None = None
    role: Role | None = None
    department: Name | None = None
    disabled: bool | None = None


class NewToken(_Input):
    """A new bearer token. ``scopes``: the permissions out of the role's that it may use; all of them, if left out."""

    name: Name
    role: Role
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=len(Permission))] | None = None
    expires_at: AwareDatetime | None = None


class OperatorShown(BaseModel):
    """An account as the API shows it."""

    id: str
    username: str
    name: str
    role: str
    department: str | None
    disabled: bool
    must_change: bool
    password_changed_at: datetime


class TokenShown(BaseModel):
    """A token without its text."""

    id: str
    name: str
    role: str
    scopes: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@session_router.post("")
async def open_session(request: Request, context: AppContext, given: SignIn) -> Response:
    """Sign in: sets the session cookie. 401 for a wrong sign-in, 429 after too many."""
    if request.headers.get("sec-fetch-site") is not None or request.headers.get("origin") is not None:
        refuse_forged(request)
    address = request.client.host if request.client else ""
    outcome = await sign_in.sign_in(
        context, given.username, given.password, address, request.headers.get("user-agent", "")
    )
    if isinstance(outcome, Problem):
        return outcome.response()
    shown = _show_operator(outcome.operator).model_dump(mode="json")
    response = JSONResponse({"operator": shown, "expires_at": outcome.expires_at.isoformat()})
    sign_in.give_cookie(response, outcome)
    return response


@session_router.get("")
def who_am_i(actor: OwnAccount) -> dict[str, Any]:
    """Who is signed in, with what role and permissions, and whether a new password is due."""
    return {
        "id": actor.public_id,
        "name": actor.name,
        "role": actor.role,
        "must_change": actor.must_change,
        "permissions": sorted(permission.value for permission in Permission if actor.may(permission)),
    }


@session_router.delete("", status_code=204)
def close_session(session: DbSession, actor: OwnAccount, response: Response) -> None:
    """Sign out: the session is gone at the server at once."""
    if actor.session is not None:
        sign_in.close_session(session, actor.session)
    sign_in.take_cookie(response)


@account_router.post("/password", status_code=204)
def change_own_password(session: DbSession, context: AppContext, actor: OwnAccount, given: PasswordChange) -> None:
    """Change one's own password. Ends every other session of the account."""
    if actor.kind != "operator":
        raise Problem(403, "not_an_operator", "A token has no password.", "访问令牌没有密码。")
    service.change_own_password(session, actor, context.clock.now(), given.current, given.new)
    (context.config.dir / service.FIRST_SIGN_IN_FILE).unlink(missing_ok=True)


@operators_router.get("")
def list_operators(
    session: DbSession, _actor: ReadsOperators, after: Cursor = 0, limit: Limit = 100
) -> Page[OperatorShown]:
    """All accounts."""
    rows, following = rows_after(session, select(Operator), Operator.id, after, limit)
    return Page(items=[_show_operator(row) for row in rows], next=following)


@operators_router.post("", status_code=201)
def create_operator(session: DbSession, context: AppContext, actor: ShowsSecret, given: NewOperator) -> dict[str, Any]:
    """A new account; ``one_time_password`` is shown here once."""
    operator, secret = service.create_operator(
        session, actor, context.clock.now(), given.username, given.name, given.role, given.department
    )
    return {**_show_operator(operator).model_dump(mode="json"), "one_time_password": secret}


@operators_router.patch("/{public_id}")
def change_operator(
    session: DbSession, context: AppContext, actor: ManagesOperators, public_id: str, given: OperatorChange
) -> OperatorShown:
    """Rename, change role or department, close or reopen. Closing signs out at once."""
    department = given.department or "" if "department" in given.model_fields_set else None
    return _show_operator(
        service.change_operator(
            session,
            actor,
            context.clock.now(),
            public_id,
            name=given.name,
            role=given.role,
            disabled=given.disabled,
            department=department,
        )
    )


@operators_router.post("/{public_id}/reset-password")
def reset_password(session: DbSession, context: AppContext, actor: ShowsSecret, public_id: str) -> dict[str, str]:
    """A new one-time password, shown here once; the account is signed out everywhere."""
    return {"one_time_password": service.reset_password(session, actor, context.clock.now(), public_id)}


@tokens_router.get("")
def list_tokens(session: DbSession, _actor: ReadsOperators, after: Cursor = 0, limit: Limit = 100) -> Page[TokenShown]:
    """All bearer tokens, without their text."""
    rows, following = rows_after(session, select(ApiToken), ApiToken.id, after, limit)
    return Page(items=[_show_token(row) for row in rows], next=following)


@tokens_router.post("", status_code=201)
def create_token(session: DbSession, context: AppContext, actor: ShowsSecret, given: NewToken) -> dict[str, Any]:
    """A new bearer token; ``token`` is shown here once."""
    token, text = service.create_token(
        session, actor, context.clock.now(), given.name, given.role, given.expires_at, given.scopes
    )
    return {**_show_token(token).model_dump(mode="json"), "token": text}


@tokens_router.delete("/{public_id}", status_code=204)
def revoke_token(session: DbSession, context: AppContext, actor: ManagesOperators, public_id: str) -> None:
    """End a token at once."""
    service.revoke_token(session, actor, context.clock.now(), public_id)


def _show_operator(operator: Operator) -> OperatorShown:
    return OperatorShown.model_validate({**operator.model_dump(include=set(OperatorShown.model_fields)), "id": operator.public_id})


def _show_token(token: ApiToken) -> TokenShown:
    return TokenShown.model_validate({**token.model_dump(include=set(TokenShown.model_fields)), "id": token.public_id})
