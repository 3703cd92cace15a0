"""``/api/v1``: customers, contracts, holders (docs/interfaces.md)."""

from datetime import datetime
from typing import Annotated

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session, col, select

from controller.policy import CustomerKind
from controller.site import Site
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.problems import Problem
from server.registry import service
from server.registry.lookup import codes_of, find_customer, find_holder, refuse_unknown_areas
from server.registry.models import Contract, Customer, Holder
from server.registry.moments import Moment, begin_of, end_of
from server.routes import AppContext, DbSession, api_router

customers_router = api_router("/customers", "customers")
contracts_router = api_router("/contracts", "contracts")
holders_router = api_router("/holders", "holders")
ROUTERS = [customers_router, contracts_router, holders_router]

Reads = Annotated[Actor, requires(Permission.REGISTRY_READ)]
Writes = Annotated[Actor, requires(Permission.REGISTRY_WRITE)]
WritesContracts = Annotated[Actor, requires(Permission.CONTRACT_WRITE)]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Areas = Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(max_length=500)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ContractTermsGiven(_Input):
    """Areas and time of a contract. A date as ``until`` is inclusive."""

    from_: Moment = Field(alias="from")
    until: Moment | None = None
    areas: Areas

    def terms(self, site: Site) -> service.ContractTerms:
        """Checked against the site. Raises :class:`Problem` 422."""
        refuse_unknown_areas(site, self.areas, "areas")
        until = end_of(self.until, site.time_zone, "until") if self.until is not None else None
        return service.ContractTerms(self.areas, begin_of(self.from_, site.time_zone, "from"), until)


class NewCustomer(_Input):
    """A new customer file, with its contract if there is one."""

    external_id: ExternalId | None = None
    code: Code
    kind: CustomerKind
    name: Name
    contract: ContractTermsGiven | None = None


class CustomerChange(_Input):
    """What changes; what is left out stays."""

    name: Name | None = None
    kind: CustomerKind | None = None


class NewContract(ContractTermsGiven):
    """A new contract of a customer, named by its code."""

    customer: str
    external_id: ExternalId | None = None


class ContractEnd(_Input):
    """When all contracts of a customer end; now, if left out. A date is inclusive."""

    at: Moment | None = None


class NewHolder(_Input):
    """A new person: of a customer (``customer``: its code), of the own staff (``staff``), or else a visitor."""

    external_id: ExternalId | None = None
    name: Name
    customer: str | None = None
    staff: bool = False
    may_escort: Areas = []
    areas: Areas = []
    keyholder: bool = False


class ContractShown(BaseModel):
    """A contract as the API shows it; ``until`` None: no end agreed."""

    id: str
    external_id: str | None
    customer: str
    areas: list[str]
    from_: datetime = Field(alias="from")
    until: datetime | None
    status: str


class CustomerShown(BaseModel):
    """A customer as the API shows it."""

    id: str
    external_id: str | None
    code: str
    kind: str
    name: str
    contracts: list[ContractShown]


class HolderShown(BaseModel):
    """A holder as the API shows it."""

    id: str
    external_id: str | None
    name: str
    kind: str
    customer: str | None
    may_escort: list[str]
    areas: list[str]
    keyholder: bool


@customers_router.post("", status_code=201)
def create_customer(
    session: DbSession, context: AppContext, actor: Writes, given: NewCustomer, response: Response
) -> CustomerShown:
    """A new customer file, and its first contract, which needs the permission to write contracts."""
    now = context.clock.now()
    if given.contract is not None and not actor.may(Permission.CONTRACT_WRITE):
        raise Problem(
            403, "not_permitted", "contract: you may not write contracts.", "您无权录入合同。", field="contract"
        )
    customer = service.create_customer(
        session, actor, now, external_id=given.external_id, code=given.code, kind=given.kind, name=given.name
    )
    if given.contract is not None:
        service.create_contract(session, actor, now, customer, given.contract.terms(context.site))
    response.headers["ETag"] = etag(customer.version)
    return _show_customer(session, customer)


@customers_router.get("")
def list_customers(session: DbSession, _actor: Reads, after: Cursor = 0, limit: Limit = 100) -> Page[CustomerShown]:
    """All customers."""
    rows, following = rows_after(session, select(Customer), Customer.id, after, limit)
    contracts: dict[int, list[Contract]] = {}
    for contract in session.exec(select(Contract).where(col(Contract.customer_id).in_([row.id for row in rows]))).all():
        contracts.setdefault(contract.customer_id, []).append(contract)
    return Page(items=[_with_contracts(row, contracts.get(row.id or 0, [])) for row in rows], next=following)


@customers_router.get("/{name}")
def get_customer(session: DbSession, _actor: Reads, name: str, response: Response) -> CustomerShown:
    """One customer, by code, id or external id."""
    customer = find_customer(session, name)
    response.headers["ETag"] = etag(customer.version)
    return _show_customer(session, customer)


@customers_router.patch("/{name}")
def change_customer(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: str,
    given: CustomerChange,
    response: Response,
    if_match: IfMatch = None,
) -> CustomerShown:
    """Rename, or change the kind: refused with QUOTA_EXCEEDED when the badges do not fit it."""
    customer = find_customer(session, name)
    refuse_stale(if_match, customer.version)
    service.change_customer(session, actor, context.clock.now(), customer, name=given.name, kind=given.kind)
    response.headers["ETag"] = etag(customer.version)
    return _show_customer(session, customer)


@contracts_router.post("", status_code=201)
def create_contract(
    session: DbSession, context: AppContext, actor: WritesContracts, given: NewContract
) -> ContractShown:
    """A new contract."""
    customer = find_customer(session, given.customer, "customer")
    contract = service.create_contract(
        session, actor, context.clock.now(), customer, given.terms(context.site), given.external_id
    )
    return _show_contract(contract, customer.code)


@contracts_router.get("")
def list_contracts(
    session: DbSession, _actor: Reads, customer: str | None = None, after: Cursor = 0, limit: Limit = 100
) -> Page[ContractShown]:
    """All contracts, or those of one customer."""
    query = select(Contract)
    if customer is not None:
        query = query.where(Contract.customer_id == find_customer(session, customer).id)
    rows, following = rows_after(session, query, Contract.id, after, limit)
    codes = codes_of(session, {row.customer_id for row in rows})
    return Page(items=[_show_contract(row, codes[row.customer_id]) for row in rows], next=following)


@contracts_router.post("/{customer}/end")
def end_contracts(
    session: DbSession, context: AppContext, actor: WritesContracts, customer: str, given: ContractEnd | None = None
) -> list[ContractShown]:
    """All contracts of the customer end (B6)."""
    now = context.clock.now()
    at = end_of(given.at, context.site.time_zone, "at") if given is not None and given.at is not None else now
    found = find_customer(session, customer)
    return [_show_contract(row, found.code) for row in service.end_contracts(session, actor, now, found, at)]


@contracts_router.post("/{customer}/suspend")
def suspend_contracts(
    session: DbSession, context: AppContext, actor: WritesContracts, customer: str
) -> list[ContractShown]:
    """All contracts of the customer are suspended; no badge slot becomes free."""
    found = find_customer(session, customer)
    rows = service.suspend_contracts(session, actor, context.clock.now(), found)
    return [_show_contract(row, found.code) for row in rows]


@contracts_router.post("/{customer}/resume")
def resume_contracts(
    session: DbSession, context: AppContext, actor: WritesContracts, customer: str
) -> list[ContractShown]:
    """The end of a suspension."""
    found = find_customer(session, customer)
    rows = service.resume_contracts(session, actor, context.clock.now(), found)
    return [_show_contract(row, found.code) for row in rows]


@holders_router.post("", status_code=201)
def create_holder(session: DbSession, context: AppContext, actor: Writes, given: NewHolder) -> HolderShown:
    """A new person. Own staff, escorts and keyholders take the permission ``staff.permit`` (R4)."""
    if (given.staff or given.may_escort or given.keyholder) and not actor.may(Permission.STAFF_PERMIT):
        raise Problem(
            403,
            "not_permitted",
            "staff, may_escort, keyholder: standing permissions are the head's to give.",
            "员工常驻权限、陪同资格和钥匙持有人须由负责人指定。",
            field="staff" if given.staff else "may_escort" if given.may_escort else "keyholder",
        )
    if given.customer is not None and given.staff:
        raise Problem(
            422,
            "invalid_input",
            "A holder is either of a customer or staff.",
            "持证人要么属于客户，要么是员工。",
            field="staff",
        )
    if given.areas and not given.staff:
        raise Problem(
            422,
            "invalid_input",
            "areas: only staff have areas of their own; a customer's come from the contract.",
            "areas：只有员工有单独授权的区域；客户的区域来自合同。",
            field="areas",
        )
    refuse_unknown_areas(context.site, given.areas, "areas")
    refuse_unknown_areas(context.site, given.may_escort, "may_escort")
    customer = find_customer(session, given.customer, "customer") if given.customer is not None else None
    now = context.clock.now()
    holder = Holder(
        public_id="",
        external_id=given.external_id,
        kind="customer" if customer is not None else "staff" if given.staff else "visitor",
        customer_id=customer.id if customer is not None else None,
        name=given.name,
        may_escort=given.may_escort,
        areas=given.areas,
        keyholder=given.keyholder,
        created_at=now,
    )
    return _show_holder(session, service.create_holder(session, actor, now, holder))


@holders_router.get("")
def list_holders(session: DbSession, _actor: Reads, after: Cursor = 0, limit: Limit = 100) -> Page[HolderShown]:
    """All holders."""
    rows, following = rows_after(session, select(Holder), Holder.id, after, limit)
    codes = codes_of(session, {row.customer_id for row in rows})
    return Page(items=[_with_code(row, codes.get(row.customer_id)) for row in rows], next=following)


@holders_router.get("/{name}")
def get_holder(session: DbSession, _actor: Reads, name: str) -> HolderShown:
    """One holder, by id or external id."""
    return _show_holder(session, find_holder(session, name))


def _show_customer(session: Session, customer: Customer) -> CustomerShown:
    contracts = select(Contract).where(Contract.customer_id == customer.id).order_by(col(Contract.id))
    return _with_contracts(customer, list(session.exec(contracts).all()))


def _with_contracts(customer: Customer, contracts: list[Contract]) -> CustomerShown:
    return CustomerShown(
        id=customer.public_id,
        external_id=customer.external_id,
        code=customer.code,
        kind=customer.kind,
        name=customer.name,
        contracts=[_show_contract(contract, customer.code) for contract in contracts],
    )


def _show_contract(contract: Contract, customer_code: str) -> ContractShown:
    return ContractShown(
        **{"from": contract.from_at},
        id=contract.public_id,
        external_id=contract.external_id,
        customer=customer_code,
        areas=contract.areas,
        until=contract.until_at,
        status=contract.status,
    )


def _show_holder(session: Session, holder: Holder) -> HolderShown:
    return _with_code(holder, codes_of(session, {holder.customer_id}).get(holder.customer_id))


def _with_code(holder: Holder, customer_code: str | None) -> HolderShown:
    return HolderShown(
        id=holder.public_id,
        external_id=holder.external_id,
        name=holder.name,
        kind=holder.kind,
        customer=customer_code,
        may_escort=holder.may_escort,
        areas=holder.areas,
        keyholder=holder.keyholder,
    )
