"""``/api/v1/mechanical-keys`` (docs/interfaces.md, Duties)."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session, col, select

from server.duty import keys
from server.duty.models import KeyMovement, MechanicalKey
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.routes import AppContext, DbSession, api_router

router = api_router("/mechanical-keys", "duties")

Number = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,23}$")]
Places = Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(min_length=1, max_length=500)]
Where = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
State = Literal["in_cabinet", "out", "lost"]
KeyName = Annotated[str, Path(max_length=64, description="its number or id")]

Reads = Annotated[Actor, requires(Permission.KEY_READ)]
Lends = Annotated[Actor, requires(Permission.KEY_LEND)]
Manages = Annotated[Actor, requires(Permission.KEY_MANAGE)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewKey(_Input):
    """``number``: as stamped on it; ``opens``: doors and areas of the site; ``kept_at``: its cabinet and hook."""

    number: Number
    opens: Places
    kept_at: Where


class KeyChange(_Input):
    """What is corrected; what is left out stays."""

    opens: Places | None = None
    kept_at: Where | None = None


class KeyTaken(_Input):
    """Who takes it (a holder's id or external id), and what for."""

    holder: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    reason: Reason


class KeyMoved(_Input):
    """Why, or what is to be said of it."""

    reason: Reason


class KeyShown(BaseModel):
    """A key; ``holder``: who has it, or had it when it was lost."""

    id: str
    number: str
    opens: list[str]
    kept_at: str
    state: State
    holder: str | None
    version: int


class MovementShown(BaseModel):
    """What happened to a key, and by which operator it was noted."""

    id: int
    act: str
    at: datetime
    holder: str | None
    reason: str
    by: str
    by_name: str
    alarm_id: int | None


@router.get("")
def list_keys(
    session: DbSession, _actor: Reads, state: State | None = None, after: Cursor = 0, limit: Limit = 100
) -> Page[KeyShown]:
    """All keys, or those in one state."""
    query = select(MechanicalKey)
    if state is not None:
        query = query.where(MechanicalKey.state == state)
    rows, following = rows_after(session, query, col(MechanicalKey.id), after, limit)
    holders = keys.holders_of(session, {row.holder_id for row in rows})
    return Page(items=[_shown(row, holders) for row in rows], next=following)


@router.post("", status_code=201)
def create_key(session: DbSession, context: AppContext, actor: Manages, given: NewKey, response: Response) -> KeyShown:
    """A new key, in its cabinet."""
    now = context.clock.now()
    key = keys.make_key(session, context.site, actor, now, given.number, given.opens, given.kept_at)
    return _answer(session, response, key)


@router.get("/{key}")
def get_key(session: DbSession, _actor: Reads, key: KeyName, response: Response) -> KeyShown:
    """One key."""
    return _answer(session, response, keys.find_key(session, key))


@router.patch("/{key}")
def change_key(
    session: DbSession,
    context: AppContext,
    actor: Manages,
    key: KeyName,
    given: KeyChange,
    response: Response,
    if_match: IfMatch = None,
) -> KeyShown:
    """Correct what it opens or where it is kept."""
    found = keys.find_key(session, key, lock=True)
    refuse_stale(if_match, found.version)
    keys.change_key(session, context.site, actor, context.clock.now(), found, given.opens, given.kept_at)
    return _answer(session, response, found)


@router.get("/{key}/movements")
def list_movements(
    session: DbSession, _actor: Reads, key: KeyName, after: Cursor = 0, limit: Limit = 100
) -> Page[MovementShown]:
    """Everything that happened to it, oldest first."""
    query = select(KeyMovement).where(KeyMovement.key_id == keys.find_key(session, key).id)
    rows, following = rows_after(session, query, col(KeyMovement.id), after, limit)
    holders = keys.holders_of(session, {row.holder_id for row in rows})
    return Page(items=[_movement(row, holders) for row in rows], next=following)


@router.post("/{key}/take")
def take_key(
    session: DbSession, context: AppContext, actor: Lends, key: KeyName, given: KeyTaken, response: Response
) -> KeyShown:
    """Somebody takes it out of its cabinet."""
    found = keys.find_key(session, key, lock=True)
    keys.take_key(session, actor, context.clock.now(), found, given.holder, given.reason)
    return _answer(session, response, found)


@router.post("/{key}/return")
def return_key(
    session: DbSession, context: AppContext, actor: Lends, key: KeyName, given: KeyMoved, response: Response
) -> KeyShown:
    """It is back in its cabinet; also a lost one that was found."""
    found = keys.find_key(session, key, lock=True)
    keys.return_key(session, actor, context.clock.now(), found, given.reason)
    return _answer(session, response, found)


@router.post("/{key}/lost")
def lose_key(
    session: DbSession, context: AppContext, actor: Lends, key: KeyName, given: KeyMoved, response: Response
) -> KeyShown:
    """It is lost: locks are to be changed, and it explains no forced door any more."""
    found = keys.find_key(session, key, lock=True)
    keys.lose_key(session, actor, context.clock.now(), found, given.reason)
    return _answer(session, response, found)


def _answer(session: Session, response: Response, key: MechanicalKey) -> KeyShown:
    session.flush()
    response.headers["ETag"] = etag(key.version)
    return _shown(key, keys.holders_of(session, {key.holder_id}))


def _shown(row: MechanicalKey, holders: dict[int | None, str]) -> KeyShown:
    return KeyShown(
        id=row.public_id,
        number=row.number,
        opens=row.opens,
        kept_at=row.kept_at,
        state=row.state,
        holder=holders.get(row.holder_id),
        version=row.version,
    )


def _movement(row: KeyMovement, holders: dict[int | None, str]) -> MovementShown:
    assert row.id is not None
    return MovementShown(
        id=row.id,
        act=row.act,
        at=row.at,
        holder=holders.get(row.holder_id),
        reason=row.reason,
        by=row.by,
        by_name=row.by_name,
        alarm_id=row.alarm_id,
    )
