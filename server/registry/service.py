"""Customers, contracts and holders: made and changed, each with an audit entry and a call for new policies (C1-C3)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from controller.policy import CustomerKind
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem
from server.registry.lookup import refuse_taken, taken
from server.registry.models import Contract, Customer, Holder


@dataclass(frozen=True)
class ContractTerms:
    """What a contract says: areas within ``[from_at, until_at)``."""

    areas: list[str]
    from_at: datetime
    until_at: datetime | None


def create_customer(
    session: Session, actor: Actor, now: datetime, *, external_id: str | None, code: str, kind: CustomerKind, name: str
) -> Customer:
    """A new customer file. Raises :class:`Problem` when code or external id are in use."""
    refuse_taken(session, Customer, external_id)
    if session.exec(select(Customer.id).where(Customer.code == code)).first() is not None:
        raise taken("code", code)
    customer = Customer(
        public_id=new_id("cus", now), external_id=external_id, code=code, kind=kind, name=name, created_at=now
    )
    session.add(customer)
    session.flush()
    record(session, actor, now, "customer.create", customer.public_id, after=show(customer))
    return customer


def change_customer(
    session: Session, actor: Actor, now: datetime, customer: Customer, *, name: str | None, kind: CustomerKind | None
) -> None:
    """Rename, or change the kind. A kind whose quota the customer's badges exceed is refused by the database (B2)."""
    before = show(customer)
    if name is not None:
        customer.name = name
    if kind is not None:
        customer.kind = kind
    customer.version += 1
    session.add(customer)
    try:
        session.flush()
    except IntegrityError as error:
        raise Problem(
            409,
            "QUOTA_EXCEEDED",
            f"The customer holds more badges than the kind {kind} allows: deregister badges first.",
            f"该客户的出入证数量超过{kind}类别的限额：请先注销出入证。",
            field="kind",
        ) from error
    record(session, actor, now, "customer.change", customer.public_id, before=before, after=show(customer))


def create_contract(
    session: Session,
    actor: Actor,
    now: datetime,
    customer: Customer,
    terms: ContractTerms,
    external_id: str | None = None,
) -> Contract:
    """A signed contract. Raises :class:`Problem` when it ends before it begins."""
    if terms.until_at is not None and terms.until_at < terms.from_at:
        raise Problem(
            422, "invalid_input", "The contract ends before it begins.", "合同的结束早于开始。", field="until"
        )
    if external_id is not None:
        known = session.exec(select(Contract.id).where(Contract.external_id == external_id)).first()
        if known is not None:
            raise taken("external_id", external_id)
    assert customer.id is not None
    contract = Contract(
        public_id=new_id("con", now),
        external_id=external_id,
        customer_id=customer.id,
        areas=terms.areas,
        from_at=terms.from_at,
        until_at=terms.until_at,
        created_at=now,
    )
    session.add(contract)
    session.flush()
    record(session, actor, now, "contract.create", contract.public_id, after=show(contract))
    return contract


def end_contracts(session: Session, actor: Actor, now: datetime, customer: Customer, at: datetime) -> list[Contract]:
    """Every contract of the customer ends at ``at`` at the latest (B6): at once when that is not in the future."""
    return _change_contracts(session, actor, now, customer, "contract.end", lambda contract: _end(contract, now, at))


def suspend_contracts(session: Session, actor: Actor, now: datetime, customer: Customer) -> list[Contract]:
    """The customer's badges stop; their slots stay taken (MEANINGS 7)."""
    return _change_contracts(
        session, actor, now, customer, "contract.suspend", lambda contract: _restatus(contract, "active", "suspended")
    )


def resume_contracts(session: Session, actor: Actor, now: datetime, customer: Customer) -> list[Contract]:
    """The end of a suspension."""
    return _change_contracts(
        session, actor, now, customer, "contract.resume", lambda contract: _restatus(contract, "suspended", "active")
    )


def _end(contract: Contract, now: datetime, at: datetime) -> None:
    if contract.until_at is None or contract.until_at > at:
        contract.until_at = max(at, contract.from_at)
    if at <= now:
        contract.status = "ended"


def _restatus(contract: Contract, old: str, new: str) -> None:
    if contract.status == old:
        contract.status = new


def _change_contracts(
    session: Session, actor: Actor, now: datetime, customer: Customer, act: str, change: Any
) -> list[Contract]:
    contracts = list(
        session.exec(
            select(Contract)
            .where(Contract.customer_id == customer.id, Contract.status != "ended")
            .order_by(col(Contract.id))
        ).all()
    )
    if not contracts:
        raise Problem(
            409,
            "no_contract",
            f"Customer {customer.code} has no contract that has not ended.",
            f"客户 {customer.code} 没有未结束的合同。",
        )
    for contract in contracts:
        before = show(contract)
        change(contract)
        contract.version += 1
        session.add(contract)
        record(session, actor, now, act, contract.public_id, before=before, after=show(contract))
    session.flush()
    return contracts


def create_holder(session: Session, actor: Actor, now: datetime, holder: Holder) -> Holder:
    """A new person; ``public_id`` and ``created_at`` are set here. Names stay out of the audit log (D6)."""
    refuse_taken(session, Holder, holder.external_id)
    holder.public_id = new_id("hol", now)
    holder.created_at = now
    session.add(holder)
    session.flush()
    record(session, actor, now, "holder.create", holder.public_id, after=show(holder))
    return holder


def show(row: Customer | Contract | Holder) -> dict[str, Any]:
    """A row as the audit log keeps it: JSON values, without personal data and internal ids."""
    exclude = {"id", "public_id", "created_at", "customer_id"} | ({"name"} if isinstance(row, Holder) else set())
    return row.model_dump(mode="json", exclude=exclude)
