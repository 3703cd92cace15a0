"""Signing in and out: sessions, and the brake on guessing (D1, D2).

A session is a random token in the cookie, its hash in the database: deleting the row signs out at once. Failures are
counted over a sliding window by (user name, address), by user name and by address; beyond a limit nothing is tried. The two
wider limits do not bind who signed in from that address lately. What was typed as the name of no account is kept as a keyed
hash: it may be a password in the wrong field.
"""

import base64
import hashlib
import hmac
import json
import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import delete, update
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from server.context import Context
from server.ids import new_id
from server.operators import second_factor
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.guard import COOKIE, hash_token, not_signed_in
from server.operators.models import ApiToken, AuditEntry, Operator, OperatorSession, SignInFailure
from server.operators.passwords import verify_password
from server.operators.permissions import Role
from server.personal.cipher import UnreadableError
from server.problems import Problem, not_found

WINDOW = timedelta(minutes=15)
LIMIT_PAIR = 5
LIMIT_USERNAME = 20
LIMIT_ADDRESS = 50
KEEP_FAILURES = timedelta(days=1)
FAMILIAR = timedelta(days=30)
OPENED = "session.open"
CLOSED = "session.close"
MAX_USERNAME_CHARS = 64
OF_NO_ACCOUNT = "?"
"""So begins what is counted for a name that no account has; no account's name begins so."""
MAX_SESSIONS_PER_OPERATOR = 10
STEP = timedelta(minutes=5)
"""So long the second step waits for its code."""
TICKET = ("sign_in", "step", "ticket")


@dataclass(frozen=True)
class SignedIn:
    """A new session. ``token`` goes into the cookie and nowhere else."""

    token: str
    operator: Operator
    expires_at: datetime


@dataclass(frozen=True)
class NeedsCode:
    """The password was right and the account has a second factor. ``ticket`` stands for the password for :data:`STEP` in :func:`sign_in_by_code`; it is
    sealed, and of no use without a code."""

    ticket: str

    def problem(self) -> Problem:
        """The answer to a program, which sends all three together then."""
        return Problem(
            401,
            "second_factor_required",
            "This account has a second factor: send the code of the authenticator, or a one-time code, as code.",
            "该账号已启用第二因素：请在 code 中提供验证器的验证码或一次性恢复码。",
            field="code",
        )


async def sign_in(
    context: Context, username: str, password: str, address: str, user_agent: str, code: str | None = None
) -> SignedIn | NeedsCode | Problem:
    """A session for the right password, and the right ``code`` where the account has a second factor; else the refusal to show, which never says what of
    the three was wrong. Password checks take turns: they cost memory."""
    async with context.sign_in_turn:
        return await run_in_threadpool(_sign_in, context, username, password, address, user_agent, code)


def _sign_in(
    context: Context, username: str, password: str, address: str, user_agent: str, code: str | None
) -> SignedIn | NeedsCode | Problem:
    now = context.clock.now()
    username = username.strip()[:MAX_USERNAME_CHARS]
    with context.database.read() as session:
        operator = session.exec(select(Operator).where(Operator.username == username)).first()
        counted = username if operator is not None else _of_no_account(context, username)
        try:
            refuse_guessing(session, counted, address, now)
        except Problem as refusal:
            return refusal
    fits = verify_password(password, operator.password_hash if operator is not None else None)
    with context.database.write() as session:
        # read again: it may have been disabled or given another password while the hash was computed
        current = session.exec(select(Operator).where(Operator.username == username)).first()
        if not fits or current is None or is_closed(current, now) or current.password_hash != _hash_of(operator):
            note_failure(session, counted, address, now)
            return _wrong(code)
        if current.totp_since is not None:
            if not code:
                return NeedsCode(_ticket(context, current, now))
            if not second_factor.take(session, context.personal, _as_actor(current, address), current, code, now):
                note_failure(session, counted, address, now)
                return _wrong(code)
        return _open(session, current, now, context.config.session_hours, address, user_agent)


def sign_in_by_code(context: Context, ticket: str, code: str, address: str, user_agent: str) -> SignedIn | Problem:
    """The second step, after :class:`NeedsCode`. Wrong codes count as failed sign-ins."""
    now = context.clock.now()
    try:
        sealed = base64.urlsafe_b64decode(ticket.encode())
        shown = json.loads(context.personal.open(*TICKET, sealed))
    except (UnreadableError, ValueError):
        return _step_over()
    with context.database.write() as session:
        operator = session.exec(select(Operator).where(Operator.public_id == shown["operator"])).first()
        fresh = now.timestamp() < shown["until"]
        if operator is None or not fresh or is_closed(operator, now) or shown["password"] != _mark(operator):
            return _step_over()
        try:
            refuse_guessing(session, operator.username, address, now)
        except Problem as refusal:
            return refusal
        if not second_factor.take(session, context.personal, _as_actor(operator, address), operator, code, now):
            note_failure(session, operator.username, address, now)
            return second_factor.wrong_code()
        return _open(session, operator, now, context.config.session_hours, address, user_agent)


def is_closed(operator: Operator, now: datetime) -> bool:
    """Whether nobody signs in to it: closed, or closed by itself (D1, D3)."""
    return operator.disabled or (operator.closes_at is not None and operator.closes_at <= now)


def _of_no_account(context: Context, username: str) -> str:
    return OF_NO_ACCOUNT + hmac.new(context.keys.hash_key, f"sign in\0{username}".encode(), hashlib.sha256).hexdigest()


def _ticket(context: Context, operator: Operator, now: datetime) -> str:
    content = {
        "operator": operator.public_id,
        "password": _mark(operator),
        "until": (now + STEP).timestamp(),
    }
    return base64.urlsafe_b64encode(context.personal.seal(*TICKET, json.dumps(content))).decode()


def _mark(operator: Operator) -> str:
    """Changes with the password."""
    return hash_token(operator.password_hash)


def _wrong(code: str | None) -> Problem:
    if code:
        return Problem(401, "wrong_sign_in", "User name, password or code is wrong.", "用户名、密码或验证码错误。")
    return Problem(401, "wrong_sign_in", "User name or password is wrong.", "用户名或密码错误。")


def _step_over() -> Problem:
    return Problem(
        401, "sign_in_again", "This took too long: begin again with the password.", "操作超时：请重新输入密码登录。"
    )


def _as_actor(operator: Operator, address: str) -> Actor:
    return Actor("operator", operator.public_id, operator.name, cast(Role, operator.role), address)


def _hash_of(operator: Operator | None) -> str | None:
    return operator.password_hash if operator is not None else None


def _open(session: Session, operator: Operator, now: datetime, hours: float, address: str, user_agent: str) -> SignedIn:
    token = secrets.token_urlsafe(32)
    assert operator.id is not None
    session.connection().execute(delete(OperatorSession).where(col(OperatorSession.expires_at) <= now))
    session.connection().execute(delete(SignInFailure).where(col(SignInFailure.username) == operator.username))
    _close_oldest(session, operator, now, address)
    opened = OperatorSession(
        public_id=new_id("ses", now),
        token_hash=hash_token(token),
        operator_id=operator.id,
        created_at=now,
        expires_at=now + timedelta(hours=hours),
        address=address,
        user_agent=user_agent[:200],
    )
    session.add(opened)
    record(session, _as_actor(operator, address), now, OPENED, opened.public_id)
    return SignedIn(token, operator, opened.expires_at)


def _close_oldest(session: Session, operator: Operator, now: datetime, address: str) -> None:
    mine = select(OperatorSession).where(OperatorSession.operator_id == operator.id)
    newest_first = mine.order_by(col(OperatorSession.id).desc())
    for oldest in session.exec(newest_first.offset(MAX_SESSIONS_PER_OPERATOR - 1)).all():
        _close(session, _as_actor(operator, address), now, operator, oldest)


def note_failure(session: Session, username: str, address: str, now: datetime) -> None:
    """Count one wrong password."""
    session.connection().execute(delete(SignInFailure).where(col(SignInFailure.at) <= now - KEEP_FAILURES))
    session.add(SignInFailure(username=username, address=address, at=now))


def refuse_guessing(session: Session, username: str, address: str, now: datetime, limit: int = LIMIT_PAIR) -> None:
    """Raise :class:`Problem` 429 after too many wrong passwords, ``limit`` of them from this address; it says how long."""
    until = locked_until(session, username, address, now, limit)
    if until is None:
        return
    left_s = max(1, math.ceil((until - now).total_seconds()))
    minutes = math.ceil(left_s / 60)
    raise Problem(
        429,
        "too_many_attempts",
        f"Too many failed sign-ins: wait {minutes} min, or ask an administrator to let you in.",
        f"登录失败次数过多：请 {minutes} 分钟后再试，或请管理员解除限制。",
        headers={"Retry-After": str(left_s)},
        extra={"retry_after_s": left_s},
    )


def locked_until(
    session: Session, username: str, address: str, now: datetime, limit: int = LIMIT_PAIR
) -> datetime | None:
    """When the brake lets go, None where it does not hold."""
    recent = select(SignInFailure.at).where(col(SignInFailure.at) > now - WINDOW)
    by_username = recent.where(SignInFailure.username == username)
    pair = _full_since(session, by_username.where(SignInFailure.address == address), limit)
    wide = [
        at
        for at in (
            _full_since(session, by_username, LIMIT_USERNAME),
            _full_since(session, recent.where(SignInFailure.address == address), LIMIT_ADDRESS),
        )
        if at is not None
    ]
    if pair is None and (not wide or _was_here(session, username, address, now)):
        return None
    return max(at for at in (pair, *wide) if at is not None) + WINDOW


def _full_since(session: Session, failures: SelectOfScalar[datetime], limit: int) -> datetime | None:
    """The failure whose end lets the next try pass, where there are ``limit``."""
    return session.exec(failures.order_by(col(SignInFailure.at).desc()).offset(limit - 1).limit(1)).first()


@dataclass(frozen=True)
class Failures:
    """Failed sign-ins to one user name within :data:`WINDOW`. ``username``: begins with :data:`OF_NO_ACCOUNT` where no account has it. ``until``: how long the
    brake holds at the address that tried most lately."""

    username: str
    count: int
    last_at: datetime
    address: str
    until: datetime | None


def recent_failures(session: Session, now: datetime) -> list[Failures]:
    """Who fails to sign in just now, or is guessed at; the latest first, at most :data:`LIMIT_ADDRESS` names. Names with a blank before them count other
    things than sign-ins."""
    query = (
        select(SignInFailure.username, func.count(), func.max(SignInFailure.id))
        .where(col(SignInFailure.at) > now - WINDOW, ~col(SignInFailure.username).startswith(" "))
        .group_by(col(SignInFailure.username))
        .order_by(func.max(SignInFailure.id).desc())
        .limit(LIMIT_ADDRESS)
    )
    found = []
    for username, count, newest in session.exec(query).all():
        last = session.get_one(SignInFailure, newest)
        until = locked_until(session, username, last.address, now)
        found.append(Failures(username, count, last.at, last.address, until))
    return found


def forgive(session: Session, username: str) -> int:
    """Forget the failed sign-ins of a user name; how many there were."""
    gone = session.connection().execute(delete(SignInFailure).where(col(SignInFailure.username) == username))
    return gone.rowcount


def _was_here(session: Session, username: str, address: str, now: datetime) -> bool:
    """Whether this operator has signed in from this address lately: a stranger who guesses from elsewhere, or at other names
    through the same proxy, must not be able to lock everybody out."""
    opened = (
        select(AuditEntry.id)
        .join(Operator, col(Operator.public_id) == col(AuditEntry.actor))
        .where(Operator.username == username, AuditEntry.act == OPENED, AuditEntry.address == address)
        .where(col(AuditEntry.at) > now - FAMILIAR)
    )
    return session.exec(opened.limit(1)).first() is not None


def close_sessions(session: Session, operator_id: int, *, but: str | None = None) -> None:
    """Sign an operator out everywhere, except in the session with the public id ``but``."""
    session.connection().execute(
        delete(OperatorSession).where(
            col(OperatorSession.operator_id) == operator_id, col(OperatorSession.public_id) != (but or "")
        )
    )


def end_tokens_of(session: Session, actor: Actor, now: datetime, person: str) -> None:
    """Who is closed, or no administrator any more, or whose password somebody else may know, leaves no token behind that others do not know of."""
    for token in session.exec(select(ApiToken).where(ApiToken.made_by == person, col(ApiToken.revoked_at).is_(None))):
        token.revoked_at = now
        session.add(token)
        record(session, actor, now, "token.revoke", token.public_id, before=token_shown(token))


def token_shown(token: ApiToken) -> dict[str, object]:
    """A token as the audit log keeps it."""
    return token.model_dump(mode="json", include={"name", "role", "scopes", "made_by", "expires_at"})


def renew_session(session: Session, public_id: str | None) -> str:
    """Another token for a session: whoever has a copy of the cookie is out. Raises :class:`Problem` 401 where it has ended meanwhile."""
    token = secrets.token_urlsafe(32)
    mine = update(OperatorSession).where(col(OperatorSession.public_id) == public_id)
    if session.connection().execute(mine.values(token_hash=hash_token(token))).rowcount != 1:
        raise not_signed_in()
    return token


def close_session(session: Session, actor: Actor, now: datetime) -> None:
    """Sign out, on record. A token has nothing to sign out of."""
    if actor.session is None:
        return
    mine = delete(OperatorSession).where(col(OperatorSession.public_id) == actor.session)
    if session.connection().execute(mine).rowcount == 1:
        record(session, actor, now, CLOSED, actor.session)


def close_session_of(session: Session, actor: Actor, now: datetime, operator: Operator, public_id: str) -> None:
    """Sign one browser of an account out, on record. Raises :class:`Problem` 404."""
    found = session.exec(
        select(OperatorSession).where(
            OperatorSession.public_id == public_id, OperatorSession.operator_id == operator.id
        )
    ).first()
    if found is None:
        raise not_found("session", "登录会话", public_id)
    _close(session, actor, now, operator, found)


def _close(session: Session, actor: Actor, now: datetime, operator: Operator, closed: OperatorSession) -> None:
    session.delete(closed)
    before = {"username": operator.username, "address": closed.address}
    record(session, actor, now, CLOSED, closed.public_id, before=before)


def give_cookie(response: Response, token: str) -> None:
    """Put the session into the browser: Secure, HttpOnly, same site, gone when the browser closes."""
    response.set_cookie(COOKIE, token, path="/", secure=True, httponly=True, samesite="strict")


def take_cookie(response: Response) -> None:
    """Remove the session from the browser."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
