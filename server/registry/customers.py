"""``/api/v1/customers`` (docs/interfaces.md, Registry)."""

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field
from sqlmodel import Session, col, or_, select

from controller.policy import CustomerKind
from server.context import Context
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.personal.looks import admit_search
from server.problems import Problem
from server.registry import customer_files
from server.registry.contract_terms import create_contract
from server.registry.contracts import ContractMoments, source_values
from server.registry.history import HistoryShown, customer_history
from server.registry.lookup import find_customer, seen_customers
from server.registry.models import Contact, Customer
from server.registry.moments import Moment
from server.registry.names import name_key
from server.registry.records import (
    Areas,
    Code,
    CustomerFields,
    CustomerRecord,
    ExternalId,
    Given,
    Name,
    Source,
    SourceSystem,
    SourceVersion,
    Word,
)
from server.registry.showing import CustomerShown, ModifiedSince, Reads, WithDeleted, Writes, listed, show_customers
from server.registry.upsert import refuse_stale_record, upsert_customer
from server.registry.writing import Writing, Written, refuse_older
from server.routes import AppContext, DbSession, api_router

router = api_router("/customers", "customers")

Filter = Annotated[str | None, Query(max_length=200)]


class FirstContract(ContractMoments):
    """The first contract of a new customer."""

    customer: None = None
    from_: Moment = Field(alias="from")
    areas: Areas


class NewCustomer(CustomerFields, Source):
    """A new customer file, with its contract if there is one."""

    code: Code
    kind: CustomerKind
    name: Name
    contract: FirstContract | None = None


class CustomerChange(CustomerFields, Source):
    """What changes; what is left out stays."""


class CustomerSync(CustomerFields):
    """What another system says of its customer; ``deleted``: gone there (true), or there again (false)."""

    source_version: SourceVersion | None = None
    deleted: bool | None = None


class HandOver(Given):
    """Who leaves, and who takes over (C8)."""

    from_owner: Word
    to_owner: Word


@router.post("", status_code=201)
def create_customer(
    session: DbSession, context: AppContext, actor: Writes, given: NewCustomer, response: Response
) -> CustomerShown:
    """A new customer file, and its first contract, which needs the permission to write contracts."""
    if given.contract is not None and not actor.may(Permission.CONTRACT_WRITE):
        raise Problem(
            403, "not_permitted", "contract: you may not write contracts.", "您无权录入合同。", field="contract"
        )
    w = Writing(session, actor, context.clock.now(), context.personal)
    written = customer_files.create_customer(w, source_values(given, "contract"))
    if given.contract is not None:
        values = given.contract.values("customer", "from_", "until") | given.contract.moments(context.site)
        create_contract(w, context.site, values | {"customer_id": written.row.id})
    return _answer(session, context, response, written)


@router.get("")
def list_customers(
    session: DbSession,
    context: AppContext,
    actor: Reads,
    code: Filter = None,
    credit_code: Filter = None,
    phone: Filter = None,
    name: Filter = None,
    kind: CustomerKind | None = None,
    owner: Filter = None,
    modified_since: ModifiedSince = None,
    deleted: WithDeleted = False,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[CustomerShown]:
    """All customers, or those with exactly this code, credit code, kind, owner or contact's phone (a recorded look); ``name``: however it is spelt."""
    query = listed(select(Customer).where(seen_customers(actor)), Customer, deleted, modified_since)
    exact = {"code": code, "credit_code": credit_code, "kind": kind, "owner": owner}
    for field, value in exact.items():
        if value is not None:
            query = query.where(getattr(Customer, field) == value)
    if name is not None:
        query = query.where(or_(Customer.name == name, Customer.name_key == name_key(name)))
    if phone is not None:
        admit_search(context, actor, "customer", ["phone"])
        index = context.personal.index("phone", phone)
        contacts = select(Contact.customer_id).where(Contact.phone_index == index, col(Contact.deleted_at).is_(None))
        query = query.where(col(Customer.id).in_(contacts))
    rows, following = rows_after(session, query, col(Customer.id), after, limit)
    return Page(items=show_customers(session, context.personal, rows), next=following)


@router.post("/hand-over")
def hand_over(session: DbSession, context: AppContext, actor: Writes, given: HandOver) -> dict[str, Any]:
    """Every file of an owner who leaves gets another one (C8). Answers with their codes."""
    w = Writing(session, actor, context.clock.now(), context.personal)
    rows = customer_files.hand_over(w, given.from_owner, given.to_owner)
    return {"handed_over": len(rows), "customers": [row.code for row in rows]}


@router.get("/{name}")
def get_customer(session: DbSession, context: AppContext, actor: Reads, name: str, response: Response) -> CustomerShown:
    """One customer, by code, id or external id. Code and external id of a merged file lead to the file that took it over."""
    customer = find_customer(session, name, actor=actor)
    response.headers["ETag"] = etag(customer.version)
    return show_customers(session, context.personal, [customer])[0]


@router.get("/{name}/history")
def history(
    session: DbSession, context: AppContext, actor: Reads, name: str, after: Cursor = 0, limit: Limit = 100
) -> Page[HistoryShown]:
    """Every change, whoever made it, those of merged files included; persons' data masked."""
    return customer_history(session, context.personal, find_customer(session, name, actor=actor), after, limit)


@router.patch("/{name}")
def change_customer(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: str,
    given: CustomerChange,
    response: Response,
    if_match: IfMatch = None,
) -> CustomerShown:
    """Change what is named. A kind that the badges do not fit is refused with QUOTA_EXCEEDED."""
    w = Writing(session, actor, context.clock.now(), context.personal)
    customer = find_customer(session, name, actor=actor, lock=True)
    refuse_stale(if_match, customer.version)
    refuse_older(customer, given.source_system or customer.source_system, given.source_version)
    written = customer_files.change_customer(w, customer, source_values(given))
    return _answer(session, context, response, written)


@router.delete("/{name}", status_code=204)
def delete_customer(
    session: DbSession, context: AppContext, actor: Writes, name: str, if_match: IfMatch = None
) -> None:
    """Mark the file as deleted; refused while contracts are in force or badges are out."""
    customer = find_customer(session, name, actor=actor, lock=True)
    refuse_stale(if_match, customer.version)
    customer_files.delete_customer(Writing(session, actor, context.clock.now(), context.personal), customer)


@router.put("/by-external/{source_system}/{external_id:path}")
def put_customer(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    source_system: SourceSystem,
    external_id: ExternalId,
    given: CustomerSync,
    response: Response,
    if_match: IfMatch = None,
) -> CustomerShown:
    """Create or update another system's customer. Writing what is stored already changes nothing."""
    refuse_stale_record(session, Customer, source_system, external_id, if_match)
    record = CustomerRecord(**given.values(), source_system=source_system, external_id=external_id)
    written = upsert_customer(session, actor, context.clock.now(), context.personal, record)
    return _answer(session, context, response, written)


def _answer(session: Session, context: Context, response: Response, written: Written[Customer]) -> CustomerShown:
    response.headers["ETag"] = etag(written.row.version)
    shown = show_customers(session, context.personal, [written.row])[0]
    return shown.model_copy(update={"warnings": written.warnings})
