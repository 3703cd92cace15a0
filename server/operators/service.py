"""Accounts and tokens: made, changed, closed, always with an audit entry (D1, D2)."""

import os
import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import structlog
from sqlmodel import Session, col, select

from server.ids import new_id
from server.operators.actor import SYSTEM, Actor
from server.operators.audit import record
from server.operators.guard import hash_token
from server.operators.models import ApiToken, Operator
from server.operators.passwords import hash_password, refuse_weak, verify_password
from server.operators.permissions import Permission, Role, allows
from server.operators.sign_in import close_sessions, note_failure, refuse_guessing
from server.problems import Problem, not_found

FIRST_SIGN_IN_FILE = "first-sign-in.txt"
FIRST_USERNAME = "admin"

log = structlog.get_logger()


def ensure_administrator(session: Session, folder: Path, now: datetime) -> None:
    """On an empty database make one administrator; its one-time password goes into ``first-sign-in.txt`` (mode 600)."""
    if session.exec(select(Operator.id).limit(1)).first() is not None:
        return
    secret = secrets.token_urlsafe(12)
    operator = Operator(
        public_id=new_id("opr", now),
        username=FIRST_USERNAME,
        name="Administrator",
        role="administrator",
        password_hash=hash_password(secret),
        password_changed_at=now,
        must_change=True,
        created_at=now,
    )
    session.add(operator)
    record(session, SYSTEM, now, "operator.create", operator.public_id, after=_shown(operator))
    session.flush()
    path = folder / FIRST_SIGN_IN_FILE
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"user name: {FIRST_USERNAME}\npassword:  {secret}\n")
    log.info("administrator made; the one-time password is in this file", file=str(path))


def create_operator(
    session: Session, actor: Actor, now: datetime, username: str, name: str, role: Role, department: str | None = None
) -> tuple[Operator, str]:
    """A new account and its one-time password, which the operator must change at once."""
    if session.exec(select(Operator.id).where(Operator.username == username)).first() is not None:
        raise Problem(
            409,
            "username_taken",
            f"The user name {username!r} is taken.",
            f"用户名 {username} 已被占用。",
            field="username",
        )
    secret = secrets.token_urlsafe(12)
    operator = Operator(
        public_id=new_id("opr", now),
        username=username,
        name=name,
        role=role,
        department=department,
        password_hash=hash_password(secret),
        password_changed_at=now,
        must_change=True,
        created_at=now,
    )
    session.add(operator)
    record(session, actor, now, "operator.create", operator.public_id, after=_shown(operator))
    session.flush()
    return operator, secret


def change_operator(
    session: Session,
    actor: Actor,
    now: datetime,
    public_id: str,
    *,
    name: str | None = None,
    role: Role | None = None,
    disabled: bool | None = None,
    department: str | None = None,
) -> Operator:
    """Rename, move to another role or department (``""``: none), close or reopen an account. What is None stays. A closed account
    is signed out at once (D1)."""
    _one_at_a_time(session)
    operator = find_operator(session, public_id)
    before = _shown(operator)
    if name is not None:
        operator.name = name
    if role is not None:
        operator.role = role
    if disabled is not None:
        operator.disabled = disabled
    if department is not None:
        operator.department = department or None
    session.add(operator)
    session.flush()
    _refuse_without_administrator(session)
    assert operator.id is not None
    if operator.disabled or operator.role != before["role"]:
        close_sessions(session, operator.id)
    record(session, actor, now, "operator.change", public_id, before=before, after=_shown(operator))
    return operator


def reset_password(session: Session, actor: Actor, now: datetime, public_id: str) -> str:
    """A new one-time password for an account, signed out everywhere. Returns the password, to be shown once."""
    operator = find_operator(session, public_id)
    secret = secrets.token_urlsafe(12)
    _set_password(operator, secret, now, must_change=True)
    session.add(operator)
    assert operator.id is not None
    close_sessions(session, operator.id)
    record(session, actor, now, "operator.reset_password", public_id)
    return secret


def change_own_password(session: Session, actor: Actor, now: datetime, current: str, new: str) -> None:
    """The operator's own change: all other sessions end. Raises :class:`Problem` for a wrong or weak password; wrong ones
    count as failed sign-ins, or a stolen session could guess on."""
    operator = find_operator(session, actor.public_id)
    refuse_guessing(session, operator.username, actor.address, now)
    if not verify_password(current, operator.password_hash):
        session.rollback()
        note_failure(session, operator.username, actor.address, now)
        session.commit()  # the refusal rolls back all else
        raise Problem(403, "wrong_password", "The current password is wrong.", "当前密码错误。", field="current")
    if verify_password(new, operator.password_hash):
        raise Problem(
            422, "weak_password", "Choose a new password, not the same.", "新密码不得与当前密码相同。", field="new"
        )
    refuse_weak(new, operator.username, operator.name)
    _set_password(operator, new, now, must_change=False)
    session.add(operator)
    assert operator.id is not None
    close_sessions(session, operator.id, but=actor.session)
    record(session, actor, now, "operator.change_password", operator.public_id)


def find_operator(session: Session, public_id: str) -> Operator:
    """The account, or :class:`Problem` 404."""
    operator = session.exec(select(Operator).where(Operator.public_id == public_id)).first()
    if operator is None:
        raise not_found("operator", "操作员", public_id)
    return operator


def create_token(
    session: Session,
    actor: Actor,
    now: datetime,
    name: str,
    role: Role,
    expires_at: datetime | None = None,
    scopes: Sequence[Permission] | None = None,
) -> tuple[ApiToken, str]:
    """A bearer token for a program, and its text, which is shown once and kept as a hash. ``scopes`` narrow what the role
    may. Raises :class:`Problem` 422 for a scope that the role does not hold."""
    for scope in scopes or ():
        if not allows(role, scope):
            raise Problem(
                422,
                "scope_beyond_role",
                f"scopes: the role {role} does not hold {scope.value}: choose another role or leave it out.",
                f"scopes：角色 {role} 没有权限 {scope.value}：请更换角色或去掉该项。",
                field="scopes",
            )
    named = None if scopes is None else sorted({scope.value for scope in scopes})
    text = f"menjin_{secrets.token_urlsafe(32)}"
    token = ApiToken(
        public_id=new_id("tok", now),
        token_hash=hash_token(text),
        name=name,
        role=role,
        scopes=named,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(token)
    record(session, actor, now, "token.create", token.public_id, after={"name": name, "role": role, "scopes": named})
    session.flush()
    return token, text


def revoke_token(session: Session, actor: Actor, now: datetime, public_id: str) -> None:
    """End a token at once. Raises :class:`Problem` 404."""
    token = session.exec(select(ApiToken).where(ApiToken.public_id == public_id)).first()
    if token is None:
        raise not_found("token", "令牌", public_id)
    if token.revoked_at is None:
        token.revoked_at = now
        session.add(token)
        record(session, actor, now, "token.revoke", public_id)


def _set_password(operator: Operator, password: str, now: datetime, *, must_change: bool) -> None:
    operator.password_hash = hash_password(password)
    operator.password_changed_at = now
    operator.must_change = must_change


def _one_at_a_time(session: Session) -> None:
    """Two administrators who close each other at once must not both succeed: the second waits and then sees the first."""
    session.exec(
        select(Operator.id).where(Operator.role == "administrator").order_by(col(Operator.id)).with_for_update()
    )


def _refuse_without_administrator(session: Session) -> None:
    left = select(Operator.id).where(Operator.role == "administrator", col(Operator.disabled).is_(False))
    if session.exec(left.limit(1)).first() is None:
        raise Problem(
            409,
            "last_administrator",
            "This is the last administrator: make another one first.",
            "这是最后一名管理员，请先新增一名。",
        )


def _shown(operator: Operator) -> dict[str, object]:
    return {
        "username": operator.username,
        "name": operator.name,
        "role": operator.role,
        "department": operator.department,
        "disabled": operator.disabled,
    }
