"""``/api/v1/registry/changes``: what the doors have not followed yet, and what they could not follow."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel
from sqlmodel import col, select

from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, Limit, Page, rows_after
from server.registry.models import RegistryChange
from server.routes import DbSession, api_router

router = api_router("/registry/changes", "registry")


class ChangeShown(BaseModel):
    """One change. ``row``: the public id of what changed; its history says how. ``done_at`` None: not followed yet."""

    id: int
    table: str
    row: str
    op: str
    at: datetime
    by: str
    done_at: datetime | None
    problem: str | None


@router.get("")
def list_changes(
    session: DbSession,
    _actor: Annotated[Actor, requires(Permission.REGISTRY_SYNC)],
    open_: Annotated[bool | None, Query(alias="open", description="true: not followed yet; false: followed")] = None,
    problem: Annotated[bool | None, Query(description="true: could not wholly be followed")] = None,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[ChangeShown]:
    """Changes of customers, contacts, contracts, holders and badges in the order of their ids, whoever made them."""
    query = select(RegistryChange)
    if open_ is not None:
        done = col(RegistryChange.done_at)
        query = query.where(done.is_(None) if open_ else done.is_not(None))
    if problem is not None:
        text = col(RegistryChange.problem)
        query = query.where(text.is_not(None) if problem else text.is_(None))
    rows, following = rows_after(session, query, RegistryChange.id, after, limit)
    return Page(items=[_show(row) for row in rows], next=following)


def _show(row: RegistryChange) -> ChangeShown:
    assert row.id is not None
    return ChangeShown(
        id=row.id,
        table=row.table_name,
        row=str(row.after.get("public_id", "")),
        op=row.op,
        at=row.at,
        by=row.changed_by,
        done_at=row.done_at,
        problem=row.problem,
    )
