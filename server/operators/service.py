"""Accounts and tokens: made, changed, closed, always with an audit entry (D1, D2)."""

import os
import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

import structlog
from sqlmodel import Session, col, select

from server.chinese import in_chinese
from server.ids import new_id
from server.operators import approvals, second_factor
from server.operators.actor import SYSTEM, Actor
from server.operators.approval_models import Approval, ApprovalKind
from server.operators.audit import record
from server.operators.guard import hash_token
from server.operators.models import ApiToken, AuditEntry, Operator
from server.operators.password_changes import FIRST_SIGN_IN_FILE
from server.operators.passwords import hash_password
from server.operators.permissions import ACCOUNT_ROLES, ROLE_PERMISSIONS, Permission, Role, allows
from server.operators.sign_in import close_sessions, end_tokens_of, token_shown
from server.problems import Problem, not_found

FIRST_USERNAME = "admin"
RECOVERY_USERNAME = "recovery"
PRIVILEGED: frozenset[Role] = frozenset({"administrator", "supervisor"})
"""The roles that approve for management: who becomes one, others authorise (D1)."""
BOOTSTRAP = "approval.bootstrap"

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
    session: Session,
    actor: Actor,
    now: datetime,
    username: str,
    name: str,
    role: Role,
    department: str | None = None,
    reason: str = "",
) -> tuple[Operator, str | None]:
    """A new account and its one-time password, which the operator must change at once. Where management authorises it first (D1) the account
    is closed until then, without a password that fits."""
    if session.exec(select(Operator.id).where(Operator.username == username)).first() is not None:
        raise Problem(
            409,
            "username_taken",
            f"The user name {username!r} is taken.",
            f"用户名 {username} 已被占用。",
            field="username",
        )
    if username == RECOVERY_USERNAME:
        raise Problem(
            422,
            "username_reserved",
            f"The user name {username!r} is kept for the recovery secret.",
            f"用户名 {username} 保留给恢复口令使用。",
            field="username",
        )
    _refuse_kiosk(role)
    waits = role in PRIVILEGED and needs_authorising(session, actor, now, role)
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
        disabled=waits,
        created_at=now,
    )
    session.add(operator)
    record(session, actor, now, "operator.create", operator.public_id, after=_shown(operator))
    session.flush()
    if waits:
        effect = {"role": role, "disabled": False}
        approvals.ask(session, actor, now, "account", operator.public_id, reason or f"{username}: {role}", effect)
    return operator, None if waits else secret


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
    reason: str = "",
) -> Operator:
    """Rename, move to another role or department (``""``: none), close or reopen an account. What is None stays. A closed account
    is signed out at once, and its tokens end (D1). What management authorises first waits: the account is left as it was in that."""
    one_at_a_time(session)
    operator = find_operator(session, public_id)
    if operator.username == RECOVERY_USERNAME and (name, role, department, disabled) != (None, None, None, True):
        raise Problem(
            409,
            "recovery_account",
            "The recovery's account is opened by its secret alone, as an administrator: nothing of it is changed, it can only be closed.",
            "恢复账号只能通过恢复口令以管理员身份启用：不可修改，只能停用。",
            extra={"rule": "D3"},
        )
    if role is not None and role != operator.role:
        _refuse_kiosk(role)
    becomes = cast(Role, role or operator.role)
    rises = becomes in PRIVILEGED and becomes != operator.role
    reopens = disabled is False and operator.disabled and becomes in PRIVILEGED
    if (rises or reopens) and needs_authorising(session, actor, now, becomes):
        effect: dict[str, object] = {"role": becomes} | ({"disabled": False} if reopens else {})
        approvals.ask(session, actor, now, "account", public_id, reason or f"{operator.username}: {becomes}", effect)
        role = None
        disabled = None if reopens else disabled
    return _apply(session, actor, now, operator, name=name, role=role, disabled=disabled, department=department)


def authorise(session: Session, actor: Actor, now: datetime, approval: Approval) -> None:
    """What an approved request of kind ``account`` or ``second_factor`` was for takes effect."""
    operator = find_operator(session, approval.subject)
    approvals.use(session, actor, now, cast(ApprovalKind, approval.kind), approval.subject)
    if approval.kind == "second_factor":
        take_second_factor(session, actor, now, operator, approval.reason)
        return
    effect = approval.effect or {}
    _apply(session, actor, now, operator, role=effect.get("role"), disabled=effect.get("disabled"))


def take_second_factor(session: Session, actor: Actor, now: datetime, operator: Operator, reason: str) -> None:
    """Somebody lost the authenticator: it is off, and the account signed out."""
    second_factor.remove(session, actor, operator, now, reason)
    assert operator.id is not None
    close_sessions(session, operator.id)


def needs_authorising(session: Session, actor: Actor, now: datetime, role: Role) -> bool:
    """Whether a second person must agree that an account becomes ``role``. The server itself needs nobody; and the first supervisor is made by the first
    start's administrator alone, once, as long as there is nobody to ask and never was, or whoever closes all others would be alone again:
    recorded as ``approval.bootstrap``."""
    if actor == SYSTEM:
        return False
    others = select(Operator.id).where(col(Operator.role).in_(PRIVILEGED), col(Operator.disabled).is_(False))
    others = others.where(Operator.public_id != actor.person, col(Operator.closes_at).is_(None))
    once = select(AuditEntry.id).where(AuditEntry.act == BOOTSTRAP)
    given = select(Approval.id).where(Approval.kind == "account", Approval.status == "used")
    if role != "supervisor" or any(session.exec(query.limit(1)).first() is not None for query in (others, once, given)):
        return True
    if _had_others(session, actor.person):
        return True
    record(session, actor, now, BOOTSTRAP, actor.public_id, after={"role": role})
    return False


def _had_others(session: Session, person: str) -> bool:
    """Whether the audit log knows of somebody else who was to approve, closed or of another role by now."""
    query = select(AuditEntry.before, AuditEntry.after).where(AuditEntry.subject != person)
    told = session.exec(query.where(col(AuditEntry.act).in_(("operator.create", "operator.change"))))
    return any(kept is not None and kept.get("role") in PRIVILEGED for entry in told for kept in entry)


def _apply(
    session: Session,
    actor: Actor,
    now: datetime,
    operator: Operator,
    *,
    name: str | None = None,
    role: Role | None = None,
    disabled: bool | None = None,
    department: str | None = None,
) -> Operator:
    before = _shown(operator)
    if name is not None:
        operator.name = name
    if role is not None:
        operator.role = role
    if disabled is not None:
        operator.disabled = disabled
    if department is not None:
        operator.department = department or None
    if _shown(operator) == before:
        return operator
    session.add(operator)
    session.flush()
    _refuse_without_administrator(session)
    assert operator.id is not None
    if operator.disabled or operator.role != before["role"]:
        close_sessions(session, operator.id)
        end_tokens_of(session, actor, now, operator.public_id)
    record(session, actor, now, "operator.change", operator.public_id, before=before, after=_shown(operator))
    return operator


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
    may. What is done through it, its maker did (:attr:`Actor.person`); one that the command line made is a person of its own.
    Raises :class:`Problem` 422 for a scope that the role does not hold."""
    for scope in scopes or ():
        if not allows(role, scope):
            raise Problem(
                422,
                "scope_beyond_role",
                f"scopes: the role {role} does not hold {scope.value}: choose another role or leave it out.",
                f"scopes：角色“{in_chinese('role', role)}”没有权限 {scope.value}：请更换角色或去掉该项。",
                field="scopes",
            )
    if actor.scopes is not None and not {one.value for one in scopes or ROLE_PERMISSIONS[role]} <= actor.scopes:
        raise Problem(
            422,
            "scope_beyond_own",
            "scopes: a token with scopes makes no token that may more than itself.",
            "scopes：受限令牌不能创建权限更大的令牌。",
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
        made_by=None if actor == SYSTEM else actor.person,
    )
    session.add(token)
    record(session, actor, now, "token.create", token.public_id, after=token_shown(token))
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
        record(session, actor, now, "token.revoke", public_id, before=token_shown(token))


def one_at_a_time(session: Session) -> None:
    """Two administrators who close each other at once, or begin a recovery secret each, must not both succeed: the second waits and then sees the first."""
    session.exec(
        select(Operator.id).where(Operator.role == "administrator").order_by(col(Operator.id)).with_for_update()
    )


def _refuse_kiosk(role: Role) -> None:
    """An account is one person's (D1); a screen at the entrance is nobody."""
    if role not in ACCOUNT_ROLES:
        raise Problem(
            422,
            "kiosk_is_no_person",
            "role: a kiosk has no account: make a token of this role for it.",
            "role：自助登记屏不使用账号，请为其创建该角色的令牌。",
            field="role",
            extra={"rule": "D1"},
        )


def _refuse_without_administrator(session: Session) -> None:
    left = select(Operator.id).where(Operator.role == "administrator", col(Operator.disabled).is_(False))
    left = left.where(col(Operator.closes_at).is_(None))
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
