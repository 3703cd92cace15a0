"""Signing in and out, and the own account: password, second factor, where one is signed in (D1, D2). The forms before the sign-in work without scripts."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlmodel import col, or_, select
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from server.console.errors import HOME, local_path, sign_in_path
from server.console.language import language_of
from server.console.pages import bare_page, page
from server.context import Context
from server.operators import second_factor, sign_in
from server.operators.account_endpoints import own_account
from server.operators.actor import Actor
from server.operators.guard import refuse_forged, requires
from server.operators.models import ApiToken
from server.operators.password_changes import change_own_password, refuse_program
from server.operators.permissions import Permission
from server.operators.recovery_models import RecoveryHalf, RecoverySecret
from server.operators.shapes import show_sessions, show_token
from server.operators.sign_in import NeedsCode, SignedIn, give_cookie, take_cookie
from server.problems import Problem
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Text = Annotated[str, Form(max_length=256)]
Ticket = Annotated[str, Form(max_length=1000)]
Path = Annotated[str, Form(max_length=500)]
OwnAccount = Annotated[Actor, requires(Permission.OWN_ACCOUNT)]


@router.get("/sign-in")
def sign_in_page(request: Request, to: str = HOME, ended: bool = False, changed: bool = False) -> Response:
    """The sign-in form."""
    return _sign_in_page(request, local_path(to), ended=ended, changed=changed)


@router.post("/sign-in")
async def sign_in_form(
    request: Request, context: AppContext, username: Text = "", password: Text = "", to: Path = HOME
) -> Response:
    """Sign in, then go where one was going; by way of the second step where the account has a second factor."""
    refuse_forged(request)
    to = local_path(to)
    outcome = await sign_in.sign_in(context, username, password, *_from_where(request))
    if isinstance(outcome, NeedsCode):
        return _code_page(request, to, outcome.ticket, None)
    if isinstance(outcome, Problem):
        return _sign_in_page(request, to, username, outcome)
    return _signed_in(outcome, to)


@router.post("/sign-in/code")
async def second_step(
    request: Request, context: AppContext, ticket: Ticket = "", code: Text = "", to: Path = HOME
) -> Response:
    """The code of the authenticator, or a one-time code."""
    refuse_forged(request)
    to = local_path(to)
    outcome = await run_in_threadpool(sign_in.sign_in_by_code, context, ticket, code, *_from_where(request))
    if isinstance(outcome, SignedIn):
        return _signed_in(outcome, to)
    if outcome.code == "wrong_code":
        return _code_page(request, to, ticket, outcome)
    return _sign_in_page(request, to, "", outcome)


@router.post("/sign-out")
def sign_out(session: DbSession, context: AppContext, actor: OwnAccount, to: Path = "") -> Response:
    """Sign out: the session is gone at the server at once. ``to``: where the next person at this desk goes on."""
    sign_in.close_session(session, actor, context.clock.now())
    response = RedirectResponse(sign_in_path(local_path(to)) if to else "/sign-in", 303)
    take_cookie(response)
    return response


@router.get("/password")
def password_page(request: Request, actor: OwnAccount, to: str = HOME) -> Response:
    """The form for a new password."""
    return bare_page(request, "password.html", to=local_path(to), actor=actor, problem=None, field=None, suspicion="")


@router.post("/password")
async def password_form(
    request: Request,
    context: AppContext,
    actor: OwnAccount,
    current: Text = "",
    new: Text = "",
    again: Text = "",
    suspicion: Annotated[str, Form(max_length=1000)] = "",
    to: Path = HOME,
) -> Response:
    """Change one's own password. A one-time password opens nothing else."""
    try:
        refuse_program(actor)
        if new != again:
            raise Problem(
                422, "passwords_differ", "The two new passwords differ: type the same twice.", "两次输入的新密码不一致。",
                field="again",
            )  # fmt: skip
        token = await change_own_password(context, actor, current, new, suspicion.strip() or None)
    except Problem as problem:
        return bare_page(
            request, "password.html", problem.status, to=local_path(to), actor=actor, problem=_said(request, problem),
            field=problem.field, suspicion=suspicion,
        )  # fmt: skip
    response = RedirectResponse(local_path(to), 303)
    give_cookie(response, token)
    return response


@router.get("/account")
def account_page(request: Request, session: DbSession, context: AppContext, actor: OwnAccount) -> Response:
    """One's own account: who one is here, password, second factor, sessions, tokens that one made, a half of the recovery secret that waits."""
    operator = own_account(session, actor)
    now = context.clock.now()
    tokens = select(ApiToken).where(ApiToken.made_by == actor.public_id, col(ApiToken.revoked_at).is_(None))
    lasting = tokens.where(or_(col(ApiToken.expires_at).is_(None), col(ApiToken.expires_at) > now))
    halves = (
        select(RecoveryHalf, RecoverySecret)
        .join(RecoverySecret, col(RecoverySecret.id) == col(RecoveryHalf.secret_id))
        .where(RecoveryHalf.holder_id == actor.public_id, col(RecoverySecret.ended_at).is_(None))
    )
    return page(
        request, session, context, actor, "account.html", "account",
        operator=operator, sessions=show_sessions(session, operator, now, actor.session),
        codes_left=second_factor.codes_left(session, operator),
        required=operator.role in second_factor.required_roles(session),
        tokens=[show_token(row) for row in session.exec(lasting.order_by(col(ApiToken.id)))],
        halves=[(half, secret) for half, secret in session.exec(halves)],
        days=_days_left(context, actor),
    )  # fmt: skip


def _days_left(context: Context, actor: Actor) -> int | None:
    """Whole days until the password ends."""
    return None if actor.password_due is None else max(0, (actor.password_due - context.clock.now()).days)


def _from_where(request: Request) -> tuple[str, str]:
    return request.client.host if request.client else "", request.headers.get("user-agent", "")


def _signed_in(outcome: SignedIn, to: str) -> Response:
    response = RedirectResponse(to, 303)
    give_cookie(response, outcome.token)
    return response


def _sign_in_page(
    request: Request,
    to: str,
    username: str = "",
    problem: Problem | None = None,
    *,
    ended: bool = False,
    changed: bool = False,
) -> Response:
    answer = bare_page(
        request, "sign-in.html", 200 if problem is None else problem.status, to=to, username=username, ended=ended,
        changed=changed, path=sign_in_path(to), problem=None if problem is None else _said(request, problem),
        wait_s=None if problem is None else problem.extra.get("retry_after_s"),
    )  # fmt: skip
    if problem is not None:
        answer.headers.update(problem.headers or {})
    return answer


def _code_page(request: Request, to: str, ticket: str, problem: Problem | None) -> Response:
    said = None if problem is None else _said(request, problem)
    return bare_page(
        request, "sign-in-code.html", 200 if problem is None else problem.status, to=to, ticket=ticket, problem=said,
        path=sign_in_path(to),
    )  # fmt: skip


def _said(request: Request, problem: Problem) -> str:
    return problem.said(language_of(request))
