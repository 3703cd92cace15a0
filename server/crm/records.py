"""One customer of the CRM as it answers: written with its contacts, contracts and holders in one transaction, or not at all.

``contacts``, ``contracts`` and ``holders`` are whole lists where they are given: what the CRM had and no longer names is gone there
(a contract has ended, a holder has left). A list that is left out says nothing. A record that is older than what is stored changes nothing.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlmodel import Session, col, select

from server.context import Context
from server.operators.actor import Actor
from server.operators.audit import record as record_act
from server.problems import Problem
from server.registry.models import Contact, Contract, Customer, Holder
from server.registry.moments import begin_of, end_of
from server.registry.records import ContactRecord, ContractRecord, CustomerRecord, HolderRecord
from server.registry.upsert import upsert_contact, upsert_contract, upsert_customer, upsert_holder

OLDER = "older_source_version"
GONE = "customer.gone"
HOLDING = ("badges_out", "contracts_in_force")
"""Why a file stays open although its customer is gone: badges are out, or contracts of another source are in force."""
MAX_ROWS = 5_000
_LISTS = ("contacts", "contracts", "holders")


class _Unfit(Exception):
    """The record cannot be written; one line."""


def crm_actor(source: str) -> Actor:
    """The CRM in the audit log. It may do what customer service may: own staff is not the CRM's to name."""
    return Actor(kind="system", public_id=f"crm:{source}", name=source, role="customer_service")


def apply_record(
    session: Session, context: Context, source: str, external_id: str | None, record: Any, now: datetime
) -> str:
    """Write ``record``; ``external_id``: which customer was asked for. Returns what is wrong with it, then the caller rolls back;
    empty when it is written, or was older than what is stored."""
    actor = crm_actor(source)
    try:
        values, lists = _parts(record, source)
        if external_id is not None and values.get("external_id") != external_id:
            raise _Unfit(f"external_id: {external_id!r} was asked for, {values.get('external_id')!r} came")
        customer = _customer(session, context, actor, now, values)
        if customer is None:
            return ""
        for name in _LISTS:
            given = lists[name]
            if given is not None:
                _write_list(session, context, actor, now, source, customer, name, given)
    except _Unfit as unfit:
        return str(unfit)
    return ""


def apply_gone(session: Session, context: Context, source: str, external_id: str, now: datetime) -> str:
    """The CRM has this customer no more: its contracts of that source end, its holders have left, the file is closed if nothing holds it.

    Badges that are out stay on the list of those to be returned, and the file open with them. Recorded as :data:`GONE`. Returns what is wrong, as :func:`apply_record`.
    """
    found = session.exec(
        select(Customer).where(Customer.source_system == source, col(Customer.external_id) == external_id)
    ).first()
    if found is None or found.deleted_at is not None:
        return ""
    actor = crm_actor(source)
    try:
        for name in _LISTS:
            _write_list(session, context, actor, now, source, found, name, [])
        record_act(session, actor, now, GONE, found.public_id, after={"external_id": external_id})
        values = {"source_system": source, "external_id": external_id, "deleted": True}
        with session.begin_nested():
            upsert_customer(session, actor, now, context.personal, CustomerRecord.model_validate(values))
    except Problem as problem:
        return "" if problem.code in HOLDING else f"{external_id}: {problem.detail}"
    except _Unfit as unfit:
        return str(unfit)
    return ""


def _parts(record: Any, source: str) -> tuple[dict[str, Any], dict[str, list[Any] | None]]:
    if not isinstance(record, dict):
        raise _Unfit("a customer is not a JSON object")
    values = dict(record)
    lists: dict[str, list[Any] | None] = {}
    for name in _LISTS:
        given = values.pop(name, None)
        if given is not None and (not isinstance(given, list) or len(given) > MAX_ROWS):
            raise _Unfit(f"{name}: a list of at most {MAX_ROWS} is expected")
        lists[name] = given
    values["source_system"] = source
    values.setdefault("deleted", False)
    return values, lists


def _customer(
    session: Session, context: Context, actor: Actor, now: datetime, values: dict[str, Any]
) -> Customer | None:
    """The customer's row; None when the record is older than what is stored."""
    record = _checked("customer", CustomerRecord.model_validate, values)
    try:
        row = upsert_customer(session, actor, now, context.personal, record).row
    except Problem as problem:
        if problem.code == OLDER:
            return None
        raise _Unfit(f"customer {record.external_id}: {_field(problem)}{problem.detail}") from problem
    return row


def _write_list(
    session: Session,
    context: Context,
    actor: Actor,
    now: datetime,
    source: str,
    customer: Customer,
    name: str,
    given: list[Any],
) -> None:
    named: set[str] = set()
    for index, item in enumerate(given):
        where = f"customer {customer.external_id}: {name}[{index}]"
        if not isinstance(item, dict):
            raise _Unfit(f"{where}: not a JSON object")
        values = dict(item) | {"source_system": source, "customer": customer.public_id}
        if name != "contracts":
            values.setdefault("deleted", False)  # named again: there again
        _write(session, context, actor, now, where, name, values)
        named.add(str(item.get("external_id")))
    for external_id in _known(session, source, customer, name):
        if external_id not in named:
            gone: dict[str, Any] = {"source_system": source, "external_id": external_id, "deleted": True}
            if name == "contracts":
                gone |= {"status": "ended"}
            _write(session, context, actor, now, f"customer {customer.external_id}: {name}: {external_id}", name, gone)
    session.flush()


def _write(
    session: Session, context: Context, actor: Actor, now: datetime, where: str, name: str, values: dict[str, Any]
) -> None:
    try:
        if name == "contacts":
            contact = _checked(where, ContactRecord.model_validate, values)
            upsert_contact(session, actor, now, context.personal, contact)
        elif name == "holders":
            holder = _checked(where, HolderRecord.model_validate, values)
            upsert_holder(session, actor, now, context.personal, holder, context.site)
        else:
            zone = context.site.time_zone
            for field, moment_of in (("from", begin_of), ("until", end_of)):
                if isinstance(values.get(field), str):
                    values[field] = moment_of(values[field], zone, field)
            contract = _checked(where, ContractRecord.model_validate, values)
            upsert_contract(session, actor, now, context.personal, contract, context.site)
    except Problem as problem:
        if problem.code != OLDER:
            raise _Unfit(f"{where}: {_field(problem)}{problem.detail}") from problem


def _known(session: Session, source: str, customer: Customer, name: str) -> Iterable[str]:
    """What this source has named of the customer before and not taken away. Nothing for a file that took over another: the rows of both are
    of one source then, and a list of the one does not speak of the other's."""
    if session.exec(select(Customer.id).where(Customer.merged_into == customer.id).limit(1)).first() is not None:
        return []
    model: Any = {"contacts": Contact, "contracts": Contract, "holders": Holder}[name]
    query = select(model.external_id).where(
        model.customer_id == customer.id, model.source_system == source, col(model.external_id).is_not(None)
    )
    if name == "contracts":
        query = query.where(model.status != "ended")
    elif name == "holders":
        query = query.where(col(model.left_at).is_(None))
    else:
        query = query.where(col(model.deleted_at).is_(None))
    return list(session.exec(query).all())


_Record = TypeVar("_Record")


def _checked(where: str, validate: Callable[[Any], _Record], values: dict[str, Any]) -> _Record:
    try:
        return validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise _Unfit(f"{where}: {field}: {first['msg']}") from error


def _field(problem: Problem) -> str:
    return f"{problem.field}: " if problem.field is not None and not problem.detail.startswith(problem.field) else ""
