"""Signing in and out: sessions, and the brake on guessing (D1, D2).

A session is a random token in the cookie, its hash in the database: deleting the row signs out at once. Failures are
counted over a sliding window by (user name, address), by user name and by address; beyond a limit nothing is tried. The two
wider limits do not bind who signed in from that address lately.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import delete, func
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from server.context import Context
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.guard import COOKIE, hash_token
from server.operators.models import AuditEntry, Operator, OperatorSession, SignInFailure
from server.operators.passwords import verify_password
from server.operators.permissions import Role
from server.problems import Problem

WINDOW = timedelta(minutes=15)
LIMIT_PAIR = 5
LIMIT_USERNAME = 20
LIMIT_ADDRESS = 50
KEEP_FAILURES = timedelta(days=1)
FAMILIAR = timedelta(days=30)
OPENED = "session.open"
MAX_USERNAME_CHARS = 64
MAX_SESSIONS_PER_OPERATOR = 10


@dataclass(frozen=True)
class SignedIn:
    """A new session. ``token`` goes into the cookie and nowhere else."""

    token: str
    operator: Operator
    expires_at: datetime


async def sign_in(context: Context, username: str, password: str, address: str, user_agent: str) -> SignedIn | Problem:
    """A session for the right password, else the refusal to show. Password checks take turns: they cost memory."""
    async with context.sign_in_turn:
        return await run_in_threadpool(_sign_in, context, username, password, address, user_agent)


def _sign_in(context: Context, username: str, password: str, address: str, user_agent: str) -> SignedIn | Problem:
    now = context.clock.now()
    username = username.strip()[:MAX_USERNAME_CHARS]
    with context.database.read() as session:
        try:
            refuse_guessing(session, username, address, now)
        except Problem as refusal:
            return refusal
        operator = session.exec(select(Operator).where(Operator.username == username)).first()
    fits = verify_password(password, operator.password_hash if operator is not None else None)
    with context.database.write() as session:
        # read again: it may have been disabled or given another password while the hash was computed
        current = session.exec(select(Operator).where(Operator.username == username)).first()
        if not fits or current is None or current.disabled or current.password_hash != _hash_of(operator):
            note_failure(session, username, address, now)
            return Problem(401, "wrong_sign_in", "User name or password is wrong.", "用户名或密码错误。")
        return _open(session, current, now, context.config.session_hours, address, user_agent)


def _hash_of(operator: Operator | None) -> str | None:
    return operator.password_hash if operator is not None else None


def _open(session: Session, operator: Operator, now: datetime, hours: float, address: str, user_agent: str) -> SignedIn:
    token = secrets.token_urlsafe(32)
    assert operator.id is not None
    session.connection().execute(delete(OperatorSession).where(col(OperatorSession.expires_at) <= now))
    session.connection().execute(delete(SignInFailure).where(col(SignInFailure.username) == operator.username))
    _close_oldest(session, operator.id)
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
    actor = Actor("operator", operator.public_id, operator.name, cast(Role, operator.role), address)
    record(session, actor, now, OPENED, opened.public_id)
    return SignedIn(token, operator, opened.expires_at)


def _close_oldest(session: Session, operator_id: int) -> None:
    mine = select(OperatorSession.id).where(OperatorSession.operator_id == operator_id)
    keep = session.exec(mine.order_by(col(OperatorSession.id).desc()).limit(MAX_SESSIONS_PER_OPERATOR - 1)).all()
    session.connection().execute(
        delete(OperatorSession).where(
            col(OperatorSession.operator_id) == operator_id, col(OperatorSession.id).not_in(keep)
        )
    )


def note_failure(session: Session, username: str, address: str, now: datetime) -> None:
    """Count one wrong password."""
    session.connection().execute(delete(SignInFailure).where(col(SignInFailure.at) <= now - KEEP_FAILURES))
    session.add(SignInFailure(username=username, address=address, at=now))


def refuse_guessing(session: Session, username: str, address: str, now: datetime) -> None:
    """Raise :class:`Problem` 429 after too many wrong passwords."""
    if _too_many(session, username, address, now):
        raise Problem(
            429,
            "too_many_attempts",
            "Too many failed sign-ins: wait a quarter of an hour, or ask an administrator.",
            "登录失败次数过多：请一刻钟后再试，或联系管理员。",
            headers={"Retry-After": str(int(WINDOW.total_seconds()))},
        )


def _too_many(session: Session, username: str, address: str, now: datetime) -> bool:
    recent = select(func.count()).select_from(SignInFailure).where(col(SignInFailure.at) > now - WINDOW)
    by_username = recent.where(SignInFailure.username == username)
    by_address = recent.where(SignInFailure.address == address)
    if session.exec(by_username.where(SignInFailure.address == address)).one() >= LIMIT_PAIR:
        return True
    if session.exec(by_username).one() < LIMIT_USERNAME and session.exec(by_address).one() < LIMIT_ADDRESS:
        return False
    return not _was_here(session, username, address, now)


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


def close_session(session: Session, public_id: str) -> None:
    """Sign one session out."""
    session.connection().execute(delete(OperatorSession).where(col(OperatorSession.public_id) == public_id))


def give_cookie(response: Response, signed_in: SignedIn) -> None:
    """Put the session into the browser: Secure, HttpOnly, same site, gone when the browser closes."""
    response.set_cookie(COOKIE, signed_in.token, path="/", secure=True, httponly=True, samesite="strict")


def take_cookie(response: Response) -> None:
    """Remove the session from the browser."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
