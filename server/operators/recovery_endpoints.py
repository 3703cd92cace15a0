"""``/api/v1/recovery``: the superuser's recovery secret and its ledger (D3)."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, StringConstraints
from sqlmodel import Session, select

from server.operators import recovery
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.operators.recovery_models import Half, RecoveryEntry, RecoverySecret
from server.operators.shapes import Input, Name, Reason
from server.pages import Cursor, Limit, Page, rows_after
from server.problems import Problem
from server.routes import AppContext, DbSession, api_router

router = api_router("/recovery", "recovery")

Reads = Annotated[Actor, requires(Permission.OPERATOR_READ)]
Makes = Annotated[Actor, requires(Permission.OPERATOR_MANAGE)]
Opens = Annotated[Actor, requires(Permission.RECOVERY_OPEN)]
OpensSecret = Annotated[Actor, requires(Permission.RECOVERY_OPEN, secret_answer=True)]
OwnAccount = Annotated[Actor, requires(Permission.OWN_ACCOUNT)]
OwnSecret = Annotated[Actor, requires(Permission.OWN_ACCOUNT, secret_answer=True)]
HalfText = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)]


class HolderGiven(Input):
    """Who keeps a half: name and duty; ``account`` (an operator's id) where they have one, which alone is shown the half then."""

    name: Name
    duty: Name
    account: Name | None = None


class NewSecret(Input):
    """The two holders, who neither develop nor maintain the system."""

    a: HolderGiven
    b: HolderGiven
    reason: Reason


class HalfGiven(Input):
    """A half as it stands on the sheet."""

    half: HalfText


class Opening(Input):
    """Both halves, and why."""

    a: HalfText
    b: HalfText
    reason: Reason


class WhyOpen(Input):
    """Why the secret is to be opened."""

    reason: Reason


class HalfShown(BaseModel):
    """Who keeps a half, and how far it is."""

    half: str
    holder: str
    duty: str
    account: str | None
    shown_at: datetime | None
    read_back_at: datetime | None


class SecretShown(BaseModel):
    """A secret, without anything of its content."""

    id: str
    made_at: datetime
    made_name: str
    reason: str
    in_force_at: datetime | None
    ended_at: datetime | None
    halves: list[HalfShown]


class RecoveryShown(BaseModel):
    """``in_force``: what would open; ``unfinished``: what waits for its holders; ``opened_since``: since when a new one is owed (D3)."""

    in_force: SecretShown | None
    unfinished: SecretShown | None
    opened_since: datetime | None


class EntryShown(BaseModel):
    """One line of the ledger."""

    id: int
    at: datetime
    act: str
    secret: str
    by: str
    by_name: str
    holders: str
    reason: str
    approved: str
    address: str


@router.get("")
def state(session: DbSession, _actor: Reads) -> RecoveryShown:
    """How it stands."""
    return RecoveryShown(
        in_force=_shown(session, recovery.in_force(session)),
        unfinished=_shown(session, recovery.unfinished(session)),
        opened_since=recovery.opened_since(session),
    )


@router.get("/entries")
def list_entries(
    session: DbSession,
    _actor: Reads,
    after: Cursor = 0,
    limit: Limit = 100,
    secret: Annotated[str | None, Query(max_length=64)] = None,
) -> Page[EntryShown]:
    """The ledger, the newest first: every making, showing, opening and sealing anew. Nothing of it is ever changed or deleted."""
    query = select(RecoveryEntry)
    if secret is not None:
        query = query.where(RecoveryEntry.secret == secret)
    rows, following = rows_after(session, query, RecoveryEntry.id, after, limit, newest_first=True)
    return Page(items=[EntryShown.model_validate(row, from_attributes=True) for row in rows], next=following)


@router.post("/secrets", status_code=201)
def make(session: DbSession, context: AppContext, actor: Makes, given: NewSecret) -> SecretShown:
    """Begin a new secret with its two holders. 422 ``holder_keeps_system``, ``one_holder``."""
    holders = (
        recovery.Holder(given.a.name, given.a.duty, given.a.account),
        recovery.Holder(given.b.name, given.b.duty, given.b.account),
    )
    secret = recovery.make(session, actor, context.clock.now(), holders, given.reason)
    return _present(session, secret)


@router.post("/secrets/{public_id}/halves/{half}")
def show_half(session: DbSession, context: AppContext, actor: OwnSecret, public_id: str, half: Half) -> dict[str, Any]:
    """``{half, holder}``: the half, shown here once, to its holder alone. A holder without an account comes to the administrator's screen."""
    secret = _for_holder(session, actor, public_id, half)
    text = recovery.show_half(session, actor, context.clock.now(), secret, half)
    return {"half": text, "holder": recovery.half_of(session, secret, half).holder}


@router.post("/secrets/{public_id}/halves/{half}/read-back")
def read_back(
    session: DbSession, context: AppContext, actor: OwnAccount, public_id: str, half: Half, given: HalfGiven
) -> SecretShown:
    """The holder types the half from paper. With both the secret is in force, and the one before it ends. 422 ``wrong_half``."""
    secret = _for_holder(session, actor, public_id, half)
    recovery.read_back(session, actor, context.clock.now(), secret, half, given.half)
    return _present(session, secret)


@router.post("/requests", status_code=201)
def ask_to_open(session: DbSession, context: AppContext, actor: Opens, given: WhyOpen) -> dict[str, str]:
    """Ask for the opening: ``{approval}``, which a supervisor who is not the one who asks approves (``/approvals``)."""
    return {"approval": recovery.ask_to_open(session, actor, context.clock.now(), given.reason)}


@router.post("/openings")
def open_secret(session: DbSession, context: AppContext, actor: OpensSecret, given: Opening) -> dict[str, str]:
    """Both halves: ``{username, one_time_password, closes_at}``, shown here once. The secret is spent. 409 ``approval_missing``, 422 ``wrong_half``."""
    opened = recovery.open_secret(session, actor, context.clock.now(), (given.a, given.b), given.reason)
    return {
        "username": opened.username,
        "one_time_password": opened.one_time_password,
        "closes_at": opened.closes_at.isoformat(),
    }


def _for_holder(session: Session, actor: Actor, public_id: str, half: Half) -> RecoverySecret:
    """The secret, for its half's holder; where the holder has no account, for who makes secrets. Raises :class:`Problem`."""
    secret = recovery.find_secret(session, public_id)
    allowed = (
        actor.may(Permission.OPERATOR_MANAGE) or recovery.half_of(session, secret, half).holder_id == actor.public_id
    )
    if not allowed or actor.kind != "operator" or actor.must_change or actor.must_enrol:
        raise Problem(403, "not_the_holder", "A half is shown to its holder.", "该部分只显示给其保管人。")
    return secret


def _shown(session: Session, secret: RecoverySecret | None) -> SecretShown | None:
    return None if secret is None else _present(session, secret)


def _present(session: Session, secret: RecoverySecret) -> SecretShown:
    return SecretShown(
        id=secret.public_id,
        made_at=secret.made_at,
        made_name=secret.made_name,
        reason=secret.reason,
        in_force_at=secret.in_force_at,
        ended_at=secret.ended_at,
        halves=[
            HalfShown(
                half=row.half,
                holder=row.holder,
                duty=row.holder_duty,
                account=row.holder_id,
                shown_at=row.shown_at,
                read_back_at=row.read_back_at,
            )
            for row in recovery.halves_of(session, secret)
        ],
    )
