"""``/api/v1/holders`` (docs/interfaces.md, Registry)."""

from typing import Annotated, Literal

from fastapi import Query, Response
from sqlmodel import Session, col, select

from server.context import Context
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.personal.looks import admit_search
from server.registry import people
from server.registry.contracts import source_values
from server.registry.history import HistoryShown, row_history
from server.registry.lookup import find_customer, find_holder, living_customer, seen_rows
from server.registry.models import Holder
from server.registry.records import ExternalId, HolderFields, HolderRecord, Name, Source, SourceSystem, SourceVersion
from server.registry.showing import HolderShown, ModifiedSince, Reads, WithDeleted, Writes, listed, show_holders
from server.registry.upsert import kind_fixed, refuse_stale_record, upsert_holder
from server.registry.writing import Writing, Written, refuse_older
from server.routes import AppContext, DbSession, api_router

router = api_router("/holders", "holders")

Filter = Annotated[str | None, Query(max_length=200)]


class NewHolder(HolderFields, Source):
    """A new person: of a customer, of the own staff (``staff``), or else a visitor."""

    name: Name


class HolderChange(HolderFields, Source):
    """What changes; what is left out stays. Kind and customer stay as they are."""


class HolderSync(HolderFields):
    """What another system says of its person; ``deleted``: has left (true), or is there again (false)."""

    source_version: SourceVersion | None = None
    deleted: bool | None = None


@router.post("", status_code=201)
def create_holder(
    session: DbSession, context: AppContext, actor: Writes, given: NewHolder, response: Response
) -> HolderShown:
    """A new person. Own staff, escorts and keyholders take the permission ``staff.permit`` (R4)."""
    w = Writing(session, actor, context.clock.now(), context.personal)
    values = source_values(given, "customer", "staff")
    if given.customer is not None:
        values["customer_id"] = living_customer(session, given.customer, "customer", actor=actor).id
    written = people.create_holder(w, context.site, values, staff=bool(given.staff))
    return _answer(session, context, response, written)


@router.get("")
def list_holders(
    session: DbSession,
    context: AppContext,
    actor: Reads,
    customer: Filter = None,
    kind: Literal["customer", "staff", "visitor"] | None = None,
    name: Filter = None,
    phone: Filter = None,
    id_number: Filter = None,
    modified_since: ModifiedSince = None,
    deleted: WithDeleted = False,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[HolderShown]:
    """All holders, those of one customer or kind, or those with exactly this name, phone or ID number (a recorded look)."""
    query = listed(seen_rows(actor, select(Holder), Holder), Holder, deleted, modified_since)
    if customer is not None:
        query = query.where(Holder.customer_id == find_customer(session, customer, actor=actor).id)
    if kind is not None:
        query = query.where(Holder.kind == kind)
    wanted = {
        field: value
        for field, value in (("name", name), ("phone", phone), ("id_number", id_number))
        if value is not None
    }
    admit_search(context, actor, "holder", list(wanted))
    for field, value in wanted.items():
        query = query.where(getattr(Holder, f"{field}_index") == context.personal.index(field, value))
    rows, following = rows_after(session, query, col(Holder.id), after, limit)
    return Page(items=show_holders(session, context.personal, rows), next=following)


@router.get("/{name}")
def get_holder(session: DbSession, context: AppContext, actor: Reads, name: str, response: Response) -> HolderShown:
    """One holder, by id or external id."""
    holder = find_holder(session, name, actor=actor)
    response.headers["ETag"] = etag(holder.version)
    return show_holders(session, context.personal, [holder])[0]


@router.get("/{name}/history")
def holder_history(
    session: DbSession, context: AppContext, actor: Reads, name: str, after: Cursor = 0, limit: Limit = 100
) -> Page[HistoryShown]:
    """Every change, whoever made it; persons' data masked."""
    return row_history(session, context.personal, find_holder(session, name, actor=actor), after, limit)


@router.patch("/{name}")
def change_holder(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: str,
    given: HolderChange,
    response: Response,
    if_match: IfMatch = None,
) -> HolderShown:
    """Change what is named."""
    w = Writing(session, actor, context.clock.now(), context.personal)
    holder = find_holder(session, name, actor=actor, lock=True)
    refuse_stale(if_match, holder.version)
    refuse_older(holder, given.source_system or holder.source_system, given.source_version)
    if given.staff is not None and given.staff != (holder.kind == "staff"):
        raise kind_fixed()
    values = source_values(given, "customer", "staff")
    if "customer" in given.model_fields_set:
        found = find_customer(session, given.customer, "customer", actor=actor) if given.customer else None
        values["customer_id"] = found.id if found is not None else None
    return _answer(session, context, response, people.change_holder(w, context.site, holder, values))


@router.delete("/{name}", status_code=204)
def delete_holder(session: DbSession, context: AppContext, actor: Writes, name: str, if_match: IfMatch = None) -> None:
    """Has left or changed job: the badges stop at every door (B5)."""
    holder = find_holder(session, name, actor=actor, lock=True)
    refuse_stale(if_match, holder.version)
    people.holder_left(Writing(session, actor, context.clock.now(), context.personal), holder)


@router.put("/by-external/{source_system}/{external_id:path}")
def put_holder(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    source_system: SourceSystem,
    external_id: ExternalId,
    given: HolderSync,
    response: Response,
    if_match: IfMatch = None,
) -> HolderShown:
    """Create or update another system's holder."""
    refuse_stale_record(session, Holder, source_system, external_id, if_match)
    record = HolderRecord(**given.values(), source_system=source_system, external_id=external_id)
    written = upsert_holder(session, actor, context.clock.now(), context.personal, record, context.site)
    return _answer(session, context, response, written)


def _answer(session: Session, context: Context, response: Response, written: Written[Holder]) -> HolderShown:
    response.headers["ETag"] = etag(written.row.version)
    shown = show_holders(session, context.personal, [written.row])[0]
    return shown.model_copy(update={"warnings": written.warnings})
