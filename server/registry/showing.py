"""What answers show of the registry: persons' data masked (C4), every row with its version and where it comes from."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, Field
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.personal.cipher import PersonalKeys
from server.personal.fields import masked_field
from server.registry.lookup import codes_of
from server.registry.models import Contact, Contract, Customer, Holder, RegistryChange
from server.registry.validation import Warned
from server.registry.writing import Row

_RESOLUTION = timedelta(milliseconds=1)
"""SQLite's triggers date changes to the millisecond, written shorter than what they are compared with."""
Reads = Annotated[Actor, requires(Permission.REGISTRY_READ)]
Writes = Annotated[Actor, requires(Permission.REGISTRY_WRITE)]
WritesContracts = Annotated[Actor, requires(Permission.CONTRACT_WRITE)]
ModifiedSince = Annotated[
    AwareDatetime | None,
    Query(
        description="rows that changed since then; look back some minutes, for changes are dated before their commit"
    ),
]
WithDeleted = Annotated[bool, Query(description="true: deleted rows as well")]


class Shown(BaseModel):
    """What every row shows. ``version`` is its ``ETag``; ``warnings``: of the write that this answers."""

    id: str
    source_system: str
    external_id: str | None
    source_version: str | None
    synced_at: datetime | None
    deleted_at: datetime | None
    version: int
    warnings: list[Warned] = []


class ContractShown(Shown):
    """A contract; ``until`` None: no end agreed."""

    customer: str
    number: str | None
    kind: str
    status: str
    from_: datetime = Field(alias="from")
    until: datetime | None
    areas: list[str]
    racks: list[str]
    cages: list[str]
    ip_allowance: int | None
    port_allowance: int | None


class CustomerShown(Shown):
    """A customer file with its contracts; ``merged_into``: the code of the file that took it over."""

    code: str
    kind: str
    name: str
    class_: str | None = Field(alias="class")
    owner: str | None
    department: str | None
    credit_code: str | None
    id_number: str | None
    remark: str | None
    merged_into: str | None
    contracts: list[ContractShown]


class ContactShown(Shown):
    """A contact."""

    customer: str
    name: str | None
    phone: str | None
    email: str | None
    role: str | None
    primary: bool


class HolderShown(Shown):
    """A holder; ``left_at``: since when this person has left (B5)."""

    name: str | None
    kind: str
    customer: str | None
    phone: str | None
    id_document: str | None
    id_number: str | None
    may_escort: list[str]
    areas: list[str]
    keyholder: bool
    duties: list[str]
    left_at: datetime | None


def listed(
    query: SelectOfScalar[Row], model: type[Row], with_deleted: bool, modified_since: datetime | None
) -> SelectOfScalar[Row]:
    """The filters that every list has."""
    if not with_deleted:
        query = query.where(col(model.deleted_at).is_(None))
    if modified_since is not None:
        changed = select(RegistryChange.row_id).where(
            RegistryChange.table_name == model.__tablename__, RegistryChange.at >= modified_since - _RESOLUTION
        )
        query = query.where(col(model.id).in_(changed))
    return query


def show_customers(session: Session, personal: PersonalKeys, rows: Sequence[Customer]) -> list[CustomerShown]:
    """Files with their contracts."""
    contracts: dict[int, list[Contract]] = {}
    query = select(Contract).where(col(Contract.customer_id).in_([row.id for row in rows]))
    for contract in session.exec(query.order_by(col(Contract.id))).all():
        contracts.setdefault(contract.customer_id, []).append(contract)
    kept = codes_of(session, {row.merged_into for row in rows})
    return [
        CustomerShown(
            **_shared(row),
            **{"class": row.class_},
            code=row.code,
            kind=row.kind,
            name=row.name,
            owner=row.owner,
            department=row.department,
            credit_code=row.credit_code,
            id_number=masked_field(personal, row, "id_number"),
            remark=row.remark,
            merged_into=kept.get(row.merged_into),
            contracts=[show_contract(contract, row.code) for contract in contracts.get(row.id or 0, [])],
        )
        for row in rows
    ]


def show_contract(row: Contract, code: str) -> ContractShown:
    """One contract of the customer with this code."""
    return ContractShown(
        **_shared(row),
        **{"from": row.from_at},
        customer=code,
        number=row.number,
        kind=row.kind,
        status=row.status,
        until=row.until_at,
        areas=row.areas,
        racks=row.racks,
        cages=row.cages,
        ip_allowance=row.ip_allowance,
        port_allowance=row.port_allowance,
    )


def show_contracts(session: Session, rows: Sequence[Contract]) -> list[ContractShown]:
    """Contracts of any customers."""
    codes = codes_of(session, {row.customer_id for row in rows})
    return [show_contract(row, codes[row.customer_id]) for row in rows]


def show_contacts(session: Session, personal: PersonalKeys, rows: Sequence[Contact]) -> list[ContactShown]:
    """Contacts, masked."""
    codes = codes_of(session, {row.customer_id for row in rows})
    return [
        ContactShown(
            **_shared(row),
            customer=codes[row.customer_id],
            name=masked_field(personal, row, "name"),
            phone=masked_field(personal, row, "phone"),
            email=masked_field(personal, row, "email"),
            role=row.role,
            primary=row.is_primary,
        )
        for row in rows
    ]


def show_holders(session: Session, personal: PersonalKeys, rows: Sequence[Holder]) -> list[HolderShown]:
    """Holders, masked."""
    codes = codes_of(session, {row.customer_id for row in rows})
    return [
        HolderShown(
            **_shared(row),
            name=masked_field(personal, row, "name"),
            kind=row.kind,
            customer=codes.get(row.customer_id),
            phone=masked_field(personal, row, "phone"),
            id_document=row.id_document,
            id_number=masked_field(personal, row, "id_number"),
            may_escort=row.may_escort,
            areas=row.areas,
            keyholder=row.keyholder,
            duties=row.duties,
            left_at=row.left_at,
        )
        for row in rows
    ]


def _shared(row: Customer | Contact | Contract | Holder) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "source_system": row.source_system,
        "external_id": row.external_id,
        "source_version": row.source_version,
        "synced_at": row.synced_at,
        "deleted_at": row.deleted_at,
        "version": row.version,
    }
