"""What the API shows of accounts, sessions, tokens and approvals, and the inputs that they share."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlmodel import Session, col, func, select

from server.operators.approval_models import Approval
from server.operators.models import ApiToken, Operator, OperatorSession

Username = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{1,63}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)]


class Input(BaseModel):
    """What is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class Reasoned(Input):
    """An act with its reason, for the audit log."""

    reason: Reason


class OperatorShown(BaseModel):
    """An account. ``second_factor``: whether its second factor is on; ``sessions``: how many browsers are signed in; ``awaiting``: the approval
    that it waits for (D1); ``closes_at``: when it closes by itself."""

    id: str
    username: str
    name: str
    role: str
    department: str | None
    disabled: bool
    must_change: bool
    password_changed_at: datetime
    created_at: datetime
    closes_at: datetime | None
    second_factor: bool
    sessions: int
    tokens: int
    awaiting: str | None


class SessionShown(BaseModel):
    """A signed-in browser. ``here``: the one that asks."""

    id: str
    created_at: datetime
    expires_at: datetime
    address: str
    user_agent: str
    here: bool


class TokenShown(BaseModel):
    """A token without its text. ``made_by``: the person who answers for what is done through it."""

    id: str
    name: str
    role: str
    scopes: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    made_by: str | None


class ApprovalShown(BaseModel):
    """A request for management's approval. ``subject``: an account's id, or what is restored or repaired."""

    id: str
    kind: str
    subject: str
    effect: dict[str, Any] | None
    reason: str
    status: str
    asked_by: str
    asked_name: str
    asked_at: datetime
    until: datetime
    decided_by: str | None
    decided_name: str | None
    decided_at: datetime | None
    note: str
    used_at: datetime | None
    used_name: str | None

    @classmethod
    def of(cls, row: Approval) -> Self:
        """As it stands."""
        return cls.model_validate(row.model_dump(exclude={"id"}) | {"id": row.public_id})


def show_operators(session: Session, rows: list[Operator], now: datetime) -> list[OperatorShown]:
    """The accounts, in the order given."""
    ids, names = [row.id for row in rows], [row.public_id for row in rows]
    open_sessions = (
        select(OperatorSession.operator_id, func.count())
        .where(col(OperatorSession.operator_id).in_(ids), col(OperatorSession.expires_at) > now)
        .group_by(col(OperatorSession.operator_id))
    )
    tokens = (
        select(ApiToken.made_by, func.count())
        .where(col(ApiToken.made_by).in_(names), col(ApiToken.revoked_at).is_(None))
        .group_by(col(ApiToken.made_by))
    )
    waiting = select(Approval.subject, Approval.public_id).where(
        col(Approval.subject).in_(names),
        Approval.kind == "account",
        Approval.status == "waiting",
        col(Approval.until) > now,
    )
    signed_in, made, awaits = (dict(session.exec(query).all()) for query in (open_sessions, tokens, waiting))
    return [
        OperatorShown(
            id=row.public_id,
            username=row.username,
            name=row.name,
            role=row.role,
            department=row.department,
            disabled=row.disabled,
            must_change=row.must_change,
            password_changed_at=row.password_changed_at,
            created_at=row.created_at,
            closes_at=row.closes_at,
            second_factor=row.totp_since is not None,
            sessions=signed_in.get(row.id, 0),
            tokens=made.get(row.public_id, 0),
            awaiting=awaits.get(row.public_id),
        )
        for row in rows
    ]


def show_sessions(session: Session, operator: Operator, now: datetime, here: str | None) -> list[SessionShown]:
    """Where this account is signed in, the newest first. ``here``: the session that asks."""
    query = select(OperatorSession).where(OperatorSession.operator_id == operator.id)
    rows = session.exec(
        query.where(col(OperatorSession.expires_at) > now).order_by(col(OperatorSession.id).desc())
    ).all()
    return [
        SessionShown(
            id=row.public_id,
            created_at=row.created_at,
            expires_at=row.expires_at,
            address=row.address,
            user_agent=row.user_agent,
            here=row.public_id == here,
        )
        for row in rows
    ]


def show_token(token: ApiToken) -> TokenShown:
    """Without its text, which is not kept."""
    return TokenShown.model_validate(
        token.model_dump(exclude={"id", "token_hash", "public_id"}) | {"id": token.public_id}
    )
