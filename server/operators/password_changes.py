"""How an account comes to another password: its operator's change, a reset, suspicion (D2)."""

import secrets
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool

from server.context import Context
from server.operators.actor import SYSTEM, Actor
from server.operators.audit import record
from server.operators.models import AuditEntry, Operator, PastPassword
from server.operators.passwords import hash_password, refuse_weak, verify_password
from server.operators.sign_in import (
    close_sessions,
    end_tokens_of,
    forgive,
    note_failure,
    refuse_guessing,
    renew_session,
)
from server.problems import Problem, not_found

FIRST_SIGN_IN_FILE = "first-sign-in.txt"
MAX_AGE = "password.max_age"
DEFAULT_DAYS = 30
HISTORY = 5
"""So many earlier passwords do not come back."""
FORMER_TRIED = " former password of "
"""The name under which refused former passwords are counted, before the user name: each costs as many hashes as there are former ones."""
LIMIT_FORMER = 20


async def change_own_password(
    context: Context, actor: Actor, current: str, new: str, suspicion: str | None = None
) -> str:
    """The operator's own change: all other sessions end, and this one has another token, which is returned: whoever has a copy of the cookie is out.
    ``suspicion``: why the old one may be known to somebody, for the record; the account's tokens end with it. Raises :class:`Problem` for a wrong, weak or
    former password; wrong ones count as failed sign-ins, or a stolen session could guess on. Hashes take turns with those of the sign-ins, and no
    transaction waits for them."""
    async with context.sign_in_turn:
        return await run_in_threadpool(_change, context, actor, current, new, suspicion)


async def confirm_password(context: Context, actor: Actor, password: str) -> None:
    """Who is signed in says the password again. Raises :class:`Problem` 403 and counts it, or 429."""
    async with context.sign_in_turn:
        await run_in_threadpool(_confirm, context, actor, password)


def refuse_program(actor: Actor) -> None:
    """Raise :class:`Problem` 403 for a token."""
    if actor.kind != "operator":
        raise Problem(403, "not_an_operator", "A token has no password.", "访问令牌没有密码。")


def _change(context: Context, actor: Actor, current: str, new: str, suspicion: str | None) -> str:
    refuse_program(actor)
    now = context.clock.now()
    seen, former = _as_it_was(context, actor)
    refuse_weak(new, seen.username, seen.name)
    tries = FORMER_TRIED + seen.username
    with context.database.read() as session:
        refuse_guessing(session, tries, "", now, LIMIT_FORMER)
    _confirm(context, actor, current)
    if any(verify_password(new, one) for one in (seen.password_hash, *former)):
        with context.database.write() as session:
            note_failure(session, tries, "", now)
        raise Problem(
            422,
            "weak_password",
            f"Choose a new password, not the present one or one of the {HISTORY} before it.",
            f"新密码不得与当前密码或最近 {HISTORY} 个密码相同。",
            field="new",
        )
    fresh = hash_password(new)
    with context.database.write() as session:
        operator = session.exec(select(Operator).where(Operator.public_id == actor.public_id)).one()
        if operator.password_hash != seen.password_hash:
            raise Problem(409, "changed_meanwhile", "The password was changed meanwhile.", "密码刚刚已被修改。")
        set_password(session, operator, fresh, now, must_change=False)
        assert operator.id is not None
        close_sessions(session, operator.id, but=actor.session)
        token = renew_session(session, actor.session)
        if suspicion:
            end_tokens_of(session, actor, now, operator.public_id)
        after = {"suspicion": suspicion} if suspicion else None
        record(session, actor, now, "operator.change_password", operator.public_id, after=after)
        forgive(session, tries)
    forget_first_sign_in(context.config.dir, operator.username)
    return token


def _confirm(context: Context, actor: Actor, password: str) -> None:
    refuse_program(actor)
    now = context.clock.now()
    seen, _ = _as_it_was(context, actor)
    with context.database.read() as session:
        refuse_guessing(session, seen.username, actor.address, now)
    if not verify_password(password, seen.password_hash):
        with context.database.write() as session:
            note_failure(session, seen.username, actor.address, now)
        raise Problem(403, "wrong_password", "The current password is wrong.", "当前密码错误。", field="current")


def reset_password(
    session: Session, actor: Actor, now: datetime, operator: Operator, suspicion: str | None = None
) -> str:
    """A new one-time password for an account, signed out everywhere. Returns the password, to be shown once. ``suspicion``: why."""
    secret = secrets.token_urlsafe(12)
    set_password(session, operator, hash_password(secret), now, must_change=True)
    assert operator.id is not None
    close_sessions(session, operator.id)
    forgive(session, operator.username)
    act = "operator.reset_password" if suspicion is None else "operator.suspect"
    after = None if suspicion is None else {"reason": suspicion, "username": operator.username}
    record(session, actor, now, act, operator.public_id, after=after)
    return secret


def set_password(session: Session, operator: Operator, password_hash: str, now: datetime, *, must_change: bool) -> None:
    """Put a hash in place; one that the operator chose goes to those that do not come back."""
    assert operator.id is not None
    if not operator.must_change:
        session.add(PastPassword(operator_id=operator.id, password_hash=operator.password_hash, until=now))
        session.flush()
        mine = select(PastPassword.id).where(PastPassword.operator_id == operator.id)
        keep = session.exec(mine.order_by(col(PastPassword.id).desc()).limit(HISTORY)).all()
        gone = delete(PastPassword).where(
            col(PastPassword.operator_id) == operator.id, col(PastPassword.id).not_in(keep)
        )
        session.connection().execute(gone)
    operator.password_hash = password_hash
    operator.password_changed_at = now
    operator.must_change = must_change
    session.add(operator)


def record_max_age(session: Session, now: datetime, days: int, reason: str) -> None:
    """Write how long passwords last, and by whose decision, when it differs from what was written last; a month is the rule and needs no word (D2)."""
    query = select(AuditEntry).where(AuditEntry.act == MAX_AGE).order_by(col(AuditEntry.id).desc())
    last = session.exec(query.limit(1)).first()
    before = {"days": DEFAULT_DAYS, "reason": ""} if last is None else last.after
    after = {"days": days, "reason": reason}
    if after != before:
        record(session, SYSTEM, now, MAX_AGE, "password_max_age_days", before=before, after=after)


def forget_first_sign_in(folder: Path, username: str) -> None:
    """Remove the first administrator's one-time password once that account has another: its file names the account."""
    path = folder / FIRST_SIGN_IN_FILE
    if path.is_file() and f"user name: {username}\n" in path.read_text("utf-8"):
        path.unlink(missing_ok=True)


def _as_it_was(context: Context, actor: Actor) -> tuple[Operator, list[str]]:
    """The account and its former passwords, read before the hashes are computed: nobody waits for the database meanwhile."""
    with context.database.read() as session:
        operator = session.exec(select(Operator).where(Operator.public_id == actor.public_id)).first()
        if operator is None:
            raise not_found("operator", "操作员", actor.public_id)
        former = select(PastPassword.password_hash).where(PastPassword.operator_id == operator.id)
        return operator, list(session.exec(former).all())
