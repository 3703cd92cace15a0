"""``/api/v1/contacts`` (docs/interfaces.md, Registry)."""

from typing import Annotated, Any

from fastapi import Query, Response
from sqlmodel import Session, col, select

from server.context import Context
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.personal.looks import admit_search
from server.registry import people
from server.registry.contracts import source_values
from server.registry.history import HistoryShown, row_history
from server.registry.lookup import find_contact, find_customer, living_customer, seen_rows
from server.registry.models import Contact
from server.registry.records import ContactFields, ContactRecord, ExternalId, Name, Source, SourceSystem, SourceVersion
from server.registry.showing import ContactShown, ModifiedSince, Reads, WithDeleted, Writes, listed, show_contacts
from server.registry.upsert import refuse_stale_record, upsert_contact
from server.registry.writing import Writing, Written, refuse_older
from server.routes import AppContext, DbSession, api_router

router = api_router("/contacts", "contacts")

Filter = Annotated[str | None, Query(max_length=254)]


class NewContact(ContactFields, Source):
    """A new contact of a customer."""

    customer: str
    name: Name


class ContactChange(ContactFields, Source):
    """What changes; what is left out stays."""


class ContactSync(ContactFields):
    """What another system says of its contact; ``deleted``: gone there (true), or there again (false)."""

    source_version: SourceVersion | None = None
    deleted: bool | None = None


@router.post("", status_code=201)
def create_contact(
    session: DbSession, context: AppContext, actor: Writes, given: NewContact, response: Response
) -> ContactShown:
    """A new contact."""
    w = Writing(session, actor, context.clock.now(), context.personal)
    customer = living_customer(session, given.customer, "customer", actor=actor)
    written = people.create_contact(w, _values(given) | {"customer_id": customer.id})
    return _answer(session, context, response, written)


@router.get("")
def list_contacts(
    session: DbSession,
    context: AppContext,
    actor: Reads,
    customer: Filter = None,
    name: Filter = None,
    phone: Filter = None,
    email: Filter = None,
    modified_since: ModifiedSince = None,
    deleted: WithDeleted = False,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[ContactShown]:
    """All contacts, those of one customer, or those with exactly this name, phone or address (a recorded look)."""
    query = listed(seen_rows(actor, select(Contact), Contact), Contact, deleted, modified_since)
    if customer is not None:
        query = query.where(Contact.customer_id == find_customer(session, customer, actor=actor).id)
    wanted = {
        field: value for field, value in (("name", name), ("phone", phone), ("email", email)) if value is not None
    }
    admit_search(context, actor, "contact", list(wanted))
    for field, value in wanted.items():
        query = query.where(getattr(Contact, f"{field}_index") == context.personal.index(field, value))
    rows, following = rows_after(session, query, col(Contact.id), after, limit)
    return Page(items=show_contacts(session, context.personal, rows), next=following)


@router.get("/{name}")
def get_contact(session: DbSession, context: AppContext, actor: Reads, name: str, response: Response) -> ContactShown:
    """One contact, by id or external id."""
    contact = find_contact(session, name, actor=actor)
    response.headers["ETag"] = etag(contact.version)
    return show_contacts(session, context.personal, [contact])[0]


@router.get("/{name}/history")
def contact_history(
    session: DbSession, context: AppContext, actor: Reads, name: str, after: Cursor = 0, limit: Limit = 100
) -> Page[HistoryShown]:
    """Every change, whoever made it; persons' data masked."""
    return row_history(session, context.personal, find_contact(session, name, actor=actor), after, limit)


@router.patch("/{name}")
def change_contact(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: str,
    given: ContactChange,
    response: Response,
    if_match: IfMatch = None,
) -> ContactShown:
    """Change what is named."""
    w = Writing(session, actor, context.clock.now(), context.personal)
    contact = find_contact(session, name, actor=actor, lock=True)
    refuse_stale(if_match, contact.version)
    refuse_older(contact, given.source_system or contact.source_system, given.source_version)
    values = _values(given)
    if "customer" in given.model_fields_set:
        found = living_customer(session, given.customer, "customer", actor=actor) if given.customer else None
        values["customer_id"] = found.id if found is not None else None
    return _answer(session, context, response, people.change_contact(w, contact, values))


@router.delete("/{name}", status_code=204)
def delete_contact(session: DbSession, context: AppContext, actor: Writes, name: str, if_match: IfMatch = None) -> None:
    """Gone; the row stays, marked."""
    contact = find_contact(session, name, actor=actor, lock=True)
    refuse_stale(if_match, contact.version)
    people.delete_contact(Writing(session, actor, context.clock.now(), context.personal), contact)


@router.put("/by-external/{source_system}/{external_id:path}")
def put_contact(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    source_system: SourceSystem,
    external_id: ExternalId,
    given: ContactSync,
    response: Response,
    if_match: IfMatch = None,
) -> ContactShown:
    """Create or update another system's contact."""
    refuse_stale_record(session, Contact, source_system, external_id, if_match)
    record = ContactRecord(**given.values(), source_system=source_system, external_id=external_id)
    written = upsert_contact(session, actor, context.clock.now(), context.personal, record)
    return _answer(session, context, response, written)


def _values(given: NewContact | ContactChange) -> dict[str, Any]:
    values = source_values(given, "customer", "primary")
    if "primary" in given.model_fields_set:
        values["is_primary"] = given.primary
    return values


def _answer(session: Session, context: Context, response: Response, written: Written[Contact]) -> ContactShown:
    response.headers["ETag"] = etag(written.row.version)
    shown = show_contacts(session, context.personal, [written.row])[0]
    return shown.model_copy(update={"warnings": written.warnings})
