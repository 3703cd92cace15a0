"""``/api/v1/session`` and ``/api/v1/account``: signing in and out, the own account (D1, D2)."""

from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import StringConstraints
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from server.context import Context
from server.operators import second_factor, sign_in
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.guard import refuse_forged, requires
from server.operators.models import Operator
from server.operators.password_changes import change_own_password, confirm_password, refuse_program
from server.operators.permissions import Permission
from server.operators.service import find_operator
from server.operators.shapes import Code, Input, Password, Reason, SessionShown, show_operators, show_sessions
from server.problems import Problem
from server.routes import AppContext, DbSession, api_router

session_router = api_router("/session", "session")
account_router = api_router("/account", "account")

OwnAccount = Annotated[Actor, requires(Permission.OWN_ACCOUNT)]
OwnSecret = Annotated[Actor, requires(Permission.OWN_ACCOUNT, secret_answer=True)]
Given = Annotated[str, StringConstraints(max_length=256)]


class SignIn(Input):
    """User name and password, and the code of the second factor where the account has one."""

    username: Given
    password: Given
    code: Given | None = None


class PasswordChange(Input):
    """The current password and the new one. ``suspicion``: why somebody else may know the old one (D2)."""

    current: Password
    new: Password
    suspicion: Reason | None = None


class Confirmed(Input):
    """The current password once more."""

    current: Password


class Coded(Input):
    """A code of the authenticator, or a one-time code."""

    code: Code


@session_router.post("")
async def open_session(request: Request, context: AppContext, given: SignIn) -> Response:
    """Sign in: sets the session cookie. 401 ``second_factor_required`` where the password was right and a code is missing; 401
    ``wrong_sign_in`` for whatever is wrong; 429 after too many."""
    if request.headers.get("sec-fetch-site") is not None or request.headers.get("origin") is not None:
        refuse_forged(request)
    address = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "")
    outcome = await sign_in.sign_in(context, given.username, given.password, address, agent, given.code)
    if isinstance(outcome, sign_in.NeedsCode):
        outcome = outcome.problem()
    if isinstance(outcome, Problem):
        return outcome.response()
    with context.database.read() as session:
        [shown] = show_operators(session, [outcome.operator], context.clock.now())
    answer = {"operator": shown.model_dump(mode="json"), "expires_at": outcome.expires_at.isoformat()}
    response = JSONResponse(answer)
    sign_in.give_cookie(response, outcome.token)
    return response


@session_router.get("")
def who_am_i(actor: OwnAccount) -> dict[str, Any]:
    """Who is signed in, with what role and permissions, whether a new password or a second factor is due, and when the password ends."""
    return {
        "id": actor.public_id,
        "name": actor.name,
        "role": actor.role,
        "must_change": actor.must_change,
        "must_enrol": actor.must_enrol,
        "password_due": None if actor.password_due is None else actor.password_due.isoformat(),
        "permissions": sorted(permission.value for permission in Permission if actor.may(permission)),
    }


@session_router.delete("", status_code=204)
def close_session(session: DbSession, context: AppContext, actor: OwnAccount, response: Response) -> None:
    """Sign out: the session is gone at the server at once."""
    sign_in.close_session(session, actor, context.clock.now())
    sign_in.take_cookie(response)


@account_router.post("/password", status_code=204)
async def change_password(context: AppContext, actor: OwnSecret, given: PasswordChange, response: Response) -> None:
    """Change one's own password. Ends every other session of the account, and copies of this one's cookie: the answer sets another. ``suspicion`` is recorded,
    and ends the tokens that one made (D2)."""
    token = await change_own_password(context, actor, given.current, given.new, given.suspicion)
    sign_in.give_cookie(response, token)


@account_router.get("/sessions")
def list_own_sessions(session: DbSession, context: AppContext, actor: OwnAccount) -> list[SessionShown]:
    """Where one is signed in."""
    return show_sessions(session, own_account(session, actor), context.clock.now(), actor.session)


@account_router.delete("/sessions/{public_id}", status_code=204)
def close_own_session(session: DbSession, context: AppContext, actor: OwnAccount, public_id: str) -> None:
    """Sign out another browser of one's own."""
    sign_in.close_session_of(session, actor, context.clock.now(), own_account(session, actor), public_id)


@account_router.post("/second-factor")
async def begin_second_factor(context: AppContext, actor: OwnSecret, given: Confirmed) -> dict[str, str]:
    """A new secret for the authenticator: ``{secret, uri, qr}``, shown here once. It counts from its first code on. 409 where one counts already."""
    await confirm_password(context, actor, given.current)
    return await run_in_threadpool(_begin, context, actor)


@account_router.post("/second-factor/confirm")
def confirm_second_factor(
    session: DbSession, context: AppContext, actor: OwnSecret, given: Coded, response: Response
) -> dict[str, Any]:
    """The first code: ``{codes}``, the one-time codes for who has lost the authenticator, shown here once. Every other session of the account ends, and
    copies of this one's cookie: the answer sets another."""
    operator, now = own_account(session, actor), context.clock.now()
    sign_in.refuse_guessing(session, operator.username, actor.address, now)
    try:
        codes = second_factor.confirm(session, context.personal, actor, operator, given.code, now)
    except Problem as problem:
        _count_wrong_code(session, context, actor, operator.username, problem)
        raise
    assert operator.id is not None
    sign_in.close_sessions(session, operator.id, but=actor.session)  # they came in without it
    sign_in.give_cookie(response, sign_in.renew_session(session, actor.session))
    return {"codes": codes}


@account_router.post("/second-factor/remove", status_code=204)
def remove_second_factor(session: DbSession, context: AppContext, actor: OwnSecret, given: Coded) -> None:
    """Take one's own second factor away, by a code of it."""
    operator = _coded(session, context, actor, given.code)
    second_factor.remove(session, actor, operator, context.clock.now(), "")


@account_router.post("/second-factor/codes")
def renew_codes(session: DbSession, context: AppContext, actor: OwnSecret, given: Coded) -> dict[str, Any]:
    """Fresh one-time codes in the place of all earlier ones: ``{codes}``, shown here once."""
    operator = _coded(session, context, actor, given.code)
    codes = second_factor.new_codes(session, operator)
    record(session, actor, context.clock.now(), "second_factor.codes", operator.public_id, after={"count": len(codes)})
    return {"codes": codes}


def own_account(session: Session, actor: Actor) -> Operator:
    """The account of who asks. Raises :class:`Problem` 403 for a token."""
    refuse_program(actor)
    return find_operator(session, actor.public_id)


def _begin(context: Context, actor: Actor) -> dict[str, str]:
    with context.database.write() as session:
        begun = second_factor.begin(session, context.personal, own_account(session, actor), context.site.id)
    return {"secret": begun.secret, "uri": begun.uri, "qr": begun.qr}


def _coded(session: Session, context: Context, actor: Actor, code: str) -> Operator:
    operator, now = own_account(session, actor), context.clock.now()
    sign_in.refuse_guessing(session, operator.username, actor.address, now)
    if not second_factor.take(session, context.personal, actor, operator, code, now):
        problem = second_factor.wrong_code()
        _count_wrong_code(session, context, actor, operator.username, problem)
        raise problem
    return operator


def _count_wrong_code(session: Session, context: Context, actor: Actor, username: str, problem: Problem) -> None:
    if problem.code == "wrong_code":
        session.rollback()
        sign_in.note_failure(session, username, actor.address, context.clock.now())
        session.commit()  # the refusal rolls back all else
