"""``/api/v1``: duplicates and merging (docs/interfaces.md, Registry)."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Response
from pydantic import BaseModel, StringConstraints
from sqlmodel import Session, col, select

from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale
from server.registry.duplicates import Pair, duplicate_pairs, duplicates_of
from server.registry.lookup import find_customer
from server.registry.merge import merge_customers
from server.registry.models import Customer
from server.registry.records import Given
from server.registry.showing import CustomerShown, Reads, show_customers
from server.registry.writing import Writing
from server.routes import AppContext, DbSession, api_router

duplicates_router = api_router("/duplicates", "customers")
customers_router = api_router("/customers", "customers")

Merges = Annotated[Actor, requires(Permission.REGISTRY_MERGE)]


class MergeGiven(Given):
    """The file that is taken over, and why they are the same customer."""

    merged: Annotated[str, StringConstraints(max_length=200)]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class FileShown(BaseModel):
    """A file in short."""

    id: str
    code: str
    kind: str
    name: str
    source_system: str
    external_id: str | None


class PairShown(BaseModel):
    """Two files and what they share: code (but for case), credit_code, id_number, phone (of a contact), name (normalised)."""

    customers: list[FileShown]
    shared: list[str]


@duplicates_router.get("")
def list_duplicates(session: DbSession, actor: Reads, after: Cursor = 0, limit: Limit = 100) -> Page[PairShown]:
    """Pairs of files that may be one customer."""
    pairs, following = duplicate_pairs(session, actor, after, limit)
    return Page(items=_show(session, pairs), next=following)


@customers_router.get("/{name}/duplicates")
def customer_duplicates(session: DbSession, actor: Reads, name: str) -> Page[PairShown]:
    """Files that may be the same customer as this one."""
    pairs = duplicates_of(session, actor, find_customer(session, name, actor=actor))
    return Page(items=_show(session, pairs), next=None)


@customers_router.post("/{name}/merge")
def merge(
    session: DbSession,
    context: AppContext,
    actor: Merges,
    name: str,
    given: MergeGiven,
    response: Response,
    if_match: IfMatch = None,
) -> CustomerShown:
    """The file ``merged`` passes into this one, with contacts, contracts, holders and badges. QUOTA_EXCEEDED when they hold too many."""
    kept = find_customer(session, name, actor=actor)
    merged = find_customer(session, given.merged, "merged", actor=actor)
    refuse_stale(if_match, kept.version)
    merge_customers(Writing(session, actor, context.clock.now(), context.personal), kept, merged, given.reason)
    response.headers["ETag"] = etag(kept.version)
    return show_customers(session, context.personal, [kept])[0]


def _show(session: Session, pairs: Sequence[Pair]) -> list[PairShown]:
    wanted = {number for pair in pairs for number in (pair.one, pair.other)}
    files = {row.id: row for row in session.exec(select(Customer).where(col(Customer.id).in_(wanted))).all()}
    return [
        PairShown(customers=[_file(files[pair.one]), _file(files[pair.other])], shared=pair.shared) for pair in pairs
    ]


def _file(row: Customer) -> FileShown:
    return FileShown(
        id=row.public_id,
        code=row.code,
        kind=row.kind,
        name=row.name,
        source_system=row.source_system,
        external_id=row.external_id,
    )
