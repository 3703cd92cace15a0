"""``/api/v1/contracts`` (docs/interfaces.md, Registry)."""

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field
from sqlmodel import Session, col, select

from controller.site import Site
from server.context import Context
from server.operators.actor import Actor
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.registry import contract_terms as terms
from server.registry.history import HistoryShown, row_history
from server.registry.lookup import find_contract, find_customer, living_customer, seen_rows
from server.registry.models import Contract, Customer
from server.registry.moments import Moment, begin_of, end_of
from server.registry.records import (
    ContractPlaces,
    ContractRecord,
    ContractStatus,
    ExternalId,
    Given,
    Source,
    SourceSystem,
    SourceVersion,
)
from server.registry.showing import (
    ContractShown,
    ModifiedSince,
    Reads,
    WithDeleted,
    WritesContracts,
    listed,
    show_contracts,
)
from server.registry.upsert import refuse_stale_record, upsert_contract
from server.registry.writing import Writing, Written, refuse_older
from server.routes import AppContext, DbSession, api_router

router = api_router("/contracts", "contracts")

_AS_RECORDED = {"from_at": "from_", "until_at": "until"}


class ContractMoments(ContractPlaces):
    """What a contract says, its time as requests write it: a date as ``until`` is inclusive."""

    from_: Moment | None = Field(default=None, alias="from")
    until: Moment | None = None

    def moments(self, site: Site) -> dict[str, Any]:
        """The times that were given, resolved. Raises :class:`server.problems.Problem` 422."""
        times: dict[str, Any] = {}
        if "from_" in self.model_fields_set:
            times["from_at"] = None if self.from_ is None else begin_of(self.from_, site.time_zone, "from")
        if "until" in self.model_fields_set:
            times["until_at"] = None if self.until is None else end_of(self.until, site.time_zone, "until")
        return times


class NewContract(ContractMoments, Source):
    """A new contract; ``status``: ``draft``, or ``active``, which is what it is when left out."""

    customer: str
    from_: Moment = Field(alias="from")


class ContractChange(ContractMoments, Source):
    """What changes; what is left out stays. ``confirm``: an earlier end although badges are out."""

    confirm: bool = False


class ContractSync(ContractMoments):
    """What another system says of its contract; ``deleted``: it is gone there, and so ends."""

    source_version: SourceVersion | None = None
    deleted: bool | None = None


class End(Given):
    """When it ends; now, if left out. A date is inclusive."""

    at: Moment | None = None


@router.post("", status_code=201)
def create_contract(
    session: DbSession, context: AppContext, actor: WritesContracts, given: NewContract, response: Response
) -> ContractShown:
    """A new contract."""
    w = Writing(session, actor, context.clock.now(), context.personal)
    customer = living_customer(session, given.customer, "customer", actor=actor)
    values = contract_values(given, context.site) | {"customer_id": customer.id}
    return _answer(session, response, terms.create_contract(w, context.site, values))


@router.get("")
def list_contracts(
    session: DbSession,
    actor: Reads,
    customer: Annotated[str | None, Query(max_length=200)] = None,
    number: Annotated[str | None, Query(max_length=200)] = None,
    status: ContractStatus | None = None,
    modified_since: ModifiedSince = None,
    deleted: WithDeleted = False,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[ContractShown]:
    """All contracts, those of one customer, or those with a number or status."""
    query = listed(seen_rows(actor, select(Contract), Contract), Contract, deleted, modified_since)
    if customer is not None:
        query = query.where(Contract.customer_id == find_customer(session, customer, actor=actor).id)
    if number is not None:
        query = query.where(Contract.number == number)
    if status is not None:
        query = query.where(Contract.status == status)
    rows, following = rows_after(session, query, col(Contract.id), after, limit)
    return Page(items=show_contracts(session, rows), next=following)


@router.get("/{name}")
def get_contract(session: DbSession, actor: Reads, name: str, response: Response) -> ContractShown:
    """One contract, by id or external id."""
    contract = find_contract(session, name, actor=actor)
    response.headers["ETag"] = etag(contract.version)
    return show_contracts(session, [contract])[0]


@router.get("/{name}/history")
def contract_history(
    session: DbSession, context: AppContext, actor: Reads, name: str, after: Cursor = 0, limit: Limit = 100
) -> Page[HistoryShown]:
    """Every change, whoever made it."""
    return row_history(session, context.personal, find_contract(session, name, actor=actor), after, limit)


@router.patch("/{name}")
def change_contract(
    session: DbSession,
    context: AppContext,
    actor: WritesContracts,
    name: str,
    given: ContractChange,
    response: Response,
    if_match: IfMatch = None,
) -> ContractShown:
    """Change what is named. An earlier end while badges are out: 409 ``badges_out`` with their numbers, unless confirmed."""
    w = Writing(session, actor, context.clock.now(), context.personal)
    contract = find_contract(session, name, actor=actor, lock=True)
    refuse_stale(if_match, contract.version)
    refuse_older(contract, given.source_system or contract.source_system, given.source_version)
    values = contract_values(given, context.site)
    if given.customer is not None:
        values["customer_id"] = find_customer(session, given.customer, "customer", actor=actor).id
    written = terms.change_contract(w, context.site, contract, values, confirmed=given.confirm)
    return _answer(session, response, written)


@router.delete("/{name}", status_code=204)
def delete_contract(
    session: DbSession, context: AppContext, actor: WritesContracts, name: str, if_match: IfMatch = None
) -> None:
    """Take back a draft; what was signed ends instead."""
    contract = find_contract(session, name, actor=actor, lock=True)
    refuse_stale(if_match, contract.version)
    terms.delete_contract(Writing(session, actor, context.clock.now(), context.personal), contract)


@router.put("/by-external/{source_system}/{external_id:path}")
def put_contract(
    session: DbSession,
    context: AppContext,
    actor: WritesContracts,
    source_system: SourceSystem,
    external_id: ExternalId,
    given: ContractSync,
    response: Response,
    if_match: IfMatch = None,
) -> ContractShown:
    """Create or update another system's contract. What it says is followed at once, badges out or not."""
    refuse_stale_record(session, Contract, source_system, external_id, if_match)
    times = {_AS_RECORDED[name]: at for name, at in given.moments(context.site).items()}
    record = ContractRecord(
        **given.values("from_", "until"), **times, source_system=source_system, external_id=external_id
    )
    written = upsert_contract(session, actor, context.clock.now(), context.personal, record, context.site)
    return _answer(session, response, written)


@router.post("/{name}/sign")
def sign(
    session: DbSession, context: AppContext, actor: WritesContracts, name: str, if_match: IfMatch = None
) -> ContractShown | list[ContractShown]:
    """A draft comes into force (B1)."""
    return _act(session, context, actor, name, "sign", if_match)


@router.post("/{name}/suspend")
def suspend(
    session: DbSession, context: AppContext, actor: WritesContracts, name: str, if_match: IfMatch = None
) -> ContractShown | list[ContractShown]:
    """Its badges stop; no badge slot becomes free (MEANINGS 7)."""
    return _act(session, context, actor, name, "suspend", if_match)


@router.post("/{name}/resume")
def resume(
    session: DbSession, context: AppContext, actor: WritesContracts, name: str, if_match: IfMatch = None
) -> ContractShown | list[ContractShown]:
    """The end of a suspension."""
    return _act(session, context, actor, name, "resume", if_match)


@router.post("/{name}/end")
def end(
    session: DbSession,
    context: AppContext,
    actor: WritesContracts,
    name: str,
    given: End | None = None,
    if_match: IfMatch = None,
) -> ContractShown | list[ContractShown]:
    """It ends: one contract, or with a customer's name all of its contracts (B6)."""
    at = given.at if given is not None else None
    return _act(session, context, actor, name, "end", if_match, at)


def contract_values(given: NewContract | ContractChange, site: Site) -> dict[str, Any]:
    """The columns that a request names, its customer apart."""
    return source_values(given, "customer", "from_", "until", "confirm") | given.moments(site)


def source_values(given: Source, *excluded: str) -> dict[str, Any]:
    """The columns that a request names; a source system that is nobody's is empty."""
    values = given.values(*excluded)
    if "source_system" in values:
        values["source_system"] = values["source_system"] or ""
    return values


def _act(
    session: Session,
    context: Context,
    actor: Actor,
    name: str,
    act: terms.Act,
    if_match: str | None,
    at: str | None = None,
) -> ContractShown | list[ContractShown]:
    w = Writing(session, actor, context.clock.now(), context.personal)
    moment = end_of(at, context.site.time_zone, "at") if at is not None else None
    found = terms.contract_or_customer(w, actor, name)
    refuse_stale(if_match, found.version)
    if isinstance(found, Customer):
        return show_contracts(session, terms.act_on_all(w, found, act, moment))
    terms.act_on_contract(w, found, act, moment)
    return show_contracts(session, [found])[0]


def _answer(session: Session, response: Response, written: Written[Contract]) -> ContractShown:
    response.headers["ETag"] = etag(written.row.version)
    return show_contracts(session, [written.row])[0].model_copy(update={"warnings": written.warnings})
