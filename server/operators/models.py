"""Tables of accounts, sessions, tokens and the audit log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, LargeBinary
from sqlmodel import Field

from server.db.columns import BIG_INT
from server.db.model import Model
from server.operators.permissions import ACCOUNT_ROLES, ROLES, Role


def _is_one_of(roles: Sequence[Role]) -> CheckConstraint:
    return CheckConstraint(f"role IN ({', '.join(repr(str(role)) for role in roles)})", name="role")


class Operator(Model, table=True):
    """One person's account; never shared (D1). ``must_change``: the password serves only to choose another (D2).
    ``department``: whose customer files this person sees without ``registry.read_all`` (C4); None: only those of no department.
    ``closes_at``: after this the account is closed by itself (an opened recovery, D3). ``totp_cipher``: the sealed secret of the second factor, which counts
    from ``totp_since``; before that it waits for its first code. ``totp_step``: the last time step of which a code was taken."""

    __tablename__ = "operator"
    __table_args__ = (_is_one_of(ACCOUNT_ROLES),)

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    username: str = Field(unique=True)
    name: str
    role: str
    password_hash: str
    password_changed_at: datetime
    department: str | None = None
    must_change: bool = False
    disabled: bool = False
    created_at: datetime
    closes_at: datetime | None = None
    totp_cipher: bytes | None = Field(default=None, sa_type=LargeBinary)
    totp_since: datetime | None = None
    totp_step: int | None = Field(default=None, sa_type=BIG_INT)


class PastPassword(Model, table=True):
    """A password that an account had: its hash, so that it does not come back (D2)."""

    __tablename__ = "past_password"

    id: int | None = Field(default=None, primary_key=True)
    operator_id: int = Field(foreign_key="operator.id", index=True, ondelete="CASCADE")
    password_hash: str
    until: datetime


class TotpCode(Model, table=True):
    """A one-time code for who has lost the authenticator: only its hash is kept."""

    __tablename__ = "totp_code"

    id: int | None = Field(default=None, primary_key=True)
    operator_id: int = Field(foreign_key="operator.id", index=True, ondelete="CASCADE")
    code_hash: str
    used_at: datetime | None = None


class TotpRole(Model, table=True):
    """A role whose operators must have a second factor."""

    __tablename__ = "totp_role"

    role: str = Field(primary_key=True)
    since: datetime
    by: str


class OperatorSession(Model, table=True):
    """A signed-in browser. Only the hash of its token is kept; deleting the row signs it out at once."""

    __tablename__ = "operator_session"

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    token_hash: str = Field(unique=True)
    operator_id: int = Field(foreign_key="operator.id", index=True, ondelete="CASCADE")
    created_at: datetime
    expires_at: datetime
    address: str
    user_agent: str


class ApiToken(Model, table=True):
    """A bearer token of a program. Only its hash is kept. ``scopes``: permissions (``noun.verb``) out of the role's; None: all of them.
    ``made_by``: the person who answers for what is done through it (public id of an operator; of a token made on the command line its own)."""

    __tablename__ = "api_token"
    __table_args__ = (_is_one_of(ROLES),)

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    token_hash: str = Field(unique=True)
    name: str
    role: str
    scopes: list[str] | None = Field(default=None, sa_type=JSON)
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    made_by: str | None = Field(default=None, index=True)


class SignInFailure(Model, table=True):
    """One refused sign-in, counted by user name and by address; forgotten after a day."""

    __tablename__ = "sign_in_failure"

    id: int | None = Field(default=None, primary_key=True)
    username: str = Field(index=True)
    address: str = Field(index=True)
    at: datetime = Field(index=True)


class AuditEntry(Model, table=True):
    """One act of an operator or program. Written by :func:`server.operators.audit.record` only, never changed."""

    __tablename__ = "audit_entry"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(index=True)
    actor: str
    actor_name: str
    act: str = Field(index=True)
    subject: str = Field(index=True)
    before: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    after: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    address: str = ""
