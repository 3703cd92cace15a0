"""Create or update by ``(source_system, external_id)``: what the CRM's connection and the file import write through (C2).

    row, changed, warnings, changes = upsert_customer(session, actor, now, personal, CustomerRecord(...))
    row, changed, warnings, changes = upsert_contract(session, actor, now, personal, ContractRecord(...), site)

Each returns :class:`server.registry.writing.Written` and raises :class:`server.problems.Problem` (``field`` says where) for what must not
be, having changed nothing. Writing what is stored already changes nothing (``changed`` False). The caller commits. An older
``source_version`` than the stored one is refused with ``older_source_version``.

A file that nobody's system has claimed yet is claimed by the first record of its code. A record of a customer that was merged into
another file is led to that file, with a warning. What a source says of contracts is followed at once, badges out or not (C2): their
numbers stand in a warning.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, and_, col, or_, select

from controller.site import Site
from server.operators.actor import Actor
from server.pages import refuse_stale
from server.personal.cipher import PersonalKeys
from server.problems import Problem
from server.registry.contract_terms import act_on_contract, change_contract, create_contract, has_ended
from server.registry.customer_files import change_customer, create_customer, delete_customer
from server.registry.lookup import follow_merges, living_customer, locked, may_see, may_see_row, taken
from server.registry.models import Contact, Contract, Customer, Holder
from server.registry.people import (
    change_contact,
    change_holder,
    create_contact,
    create_holder,
    delete_contact,
    holder_is_back,
    holder_left,
)
from server.registry.records import ContactRecord, ContractRecord, CustomerRecord, HolderRecord, Record
from server.registry.validation import Warned
from server.registry.writing import Row, Writing, Written, refuse_older

_SPECIAL = ("deleted", "customer", "primary", "staff", "from_", "until")


def upsert_customer(
    session: Session, actor: Actor, now: datetime, personal: PersonalKeys, record: CustomerRecord
) -> Written[Customer]:
    """Create or update one customer file."""
    w = Writing(session, actor, now, personal)
    return _racing(session, lambda: _customer(w, record, None))


def upsert_customers(
    session: Session, actor: Actor, now: datetime, personal: PersonalKeys, records: Sequence[CustomerRecord]
) -> list[Written[Customer] | Problem]:
    """Create or update many, in their order, with few statements: for each what :func:`upsert_customer` returns or raises. A few
    hundred at a time."""
    codes = {record.code for record in records if record.code is not None}
    names = or_(
        *(
            and_(
                Customer.source_system == system,
                col(Customer.external_id).in_({one.external_id for one in records if one.source_system == system}),
            )
            for system in {record.source_system for record in records}
        ),
        col(Customer.code).in_(codes),
    )
    found = session.exec(select(Customer).where(names).order_by(col(Customer.id)).with_for_update(key_share=True))
    known = {row.code: row for row in found.all()}
    rows = {(row.source_system, row.external_id): row for row in known.values()}
    w = Writing(session, actor, now, personal, codes=known)
    outcomes: list[Written[Customer] | Problem] = []
    with session.no_autoflush:
        for record in records:
            try:
                written = _customer(w, record, rows)
            except Problem as problem:
                outcomes.append(problem)
                continue
            rows[written.row.source_system, written.row.external_id] = written.row
            known[written.row.code] = written.row
            outcomes.append(written)
    session.flush()
    return outcomes


def upsert_contact(
    session: Session, actor: Actor, now: datetime, personal: PersonalKeys, record: ContactRecord
) -> Written[Contact]:
    """Create or update one contact."""
    w = Writing(session, actor, now, personal)
    return _racing(session, lambda: _contact(w, record))


def upsert_contract(
    session: Session, actor: Actor, now: datetime, personal: PersonalKeys, record: ContractRecord, site: Site
) -> Written[Contract]:
    """Create or update one contract; ``deleted`` ends it."""
    w = Writing(session, actor, now, personal)
    return _racing(session, lambda: _contract(w, record, site))


def upsert_holder(
    session: Session, actor: Actor, now: datetime, personal: PersonalKeys, record: HolderRecord, site: Site
) -> Written[Holder]:
    """Create or update one holder; ``deleted``: has left."""
    w = Writing(session, actor, now, personal)
    return _racing(session, lambda: _holder(w, record, site))


def refuse_stale_record(
    session: Session, model: type[Row], source_system: str, external_id: str, if_match: str | None
) -> None:
    """Raise :class:`Problem` 412 when the row of that name is not as the caller read it, or is not there."""
    if if_match is not None:
        row = _find(session, model, source_system, external_id)
        refuse_stale(if_match, row.version if row is not None else 0)


def _racing(session: Session, write: Callable[[], Written[Row]]) -> Written[Row]:
    """Two messages about one new row at once: the second finds the first's and changes that. It meets the first's row in the database's
    refusal, or, committed between its own two looks, as a number that is taken."""
    try:
        with session.begin_nested():
            return write()
    except IntegrityError:
        pass
    except Problem as problem:
        if problem.status != 409:
            raise
    with session.begin_nested():
        return write()


def _contact(w: Writing, record: ContactRecord) -> Written[Contact]:
    contact = _find(w.session, Contact, record.source_system, record.external_id)
    values = _values(w, record, contact)
    if "primary" in record.model_fields_set:
        values["is_primary"] = record.primary
    if contact is None:
        if record.deleted:
            raise _never_there(record)
        return create_contact(w, values)
    if record.deleted:
        return delete_contact(w, contact)
    if record.deleted is False:
        values["deleted_at"] = None
    return change_contact(w, contact, values)


def _contract(w: Writing, record: ContractRecord, site: Site) -> Written[Contract]:
    contract = _find(w.session, Contract, record.source_system, record.external_id)
    values = _values(w, record, contract)
    for name, column in (("from_", "from_at"), ("until", "until_at")):
        if name in record.model_fields_set:
            values[column] = getattr(record, name)
    if contract is None:
        if record.deleted:
            raise _never_there(record)
        return create_contract(w, site, values)
    if record.deleted:
        return act_on_contract(w, contract, "end")
    if has_ended(contract, w.now) and values.get("status") in ("active", contract.status):
        values.pop("status")  # a source that knows only the dates calls it active still
    return change_contract(w, site, contract, values, confirmed=True)


def _holder(w: Writing, record: HolderRecord, site: Site) -> Written[Holder]:
    holder = _find(w.session, Holder, record.source_system, record.external_id)
    values = _values(w, record, holder)
    if holder is None:
        if record.deleted:
            raise _never_there(record)
        return create_holder(w, site, values, staff=bool(record.staff))
    if record.deleted:
        return holder_left(w, holder)
    if record.staff is not None and record.staff != (holder.kind == "staff"):
        raise kind_fixed()
    if record.deleted is False and holder.deleted_at is not None:
        values |= holder_is_back(w, holder)
    return change_holder(w, site, holder, values)


def kind_fixed() -> Problem:
    """409: staff stay staff."""
    return Problem(
        409,
        "kind_fixed",
        "staff: a holder stays of one kind; make a new holder.",
        "staff：持证人的类别不能更改；请新建持证人。",
        field="staff",
        extra={"rule": "B5"},
    )


def _customer(
    w: Writing, record: CustomerRecord, rows: dict[tuple[str, str | None], Customer] | None
) -> Written[Customer]:
    name = (record.source_system, record.external_id)
    customer = _find(w.session, Customer, *name) if rows is None else rows.get(name)
    if customer is None:
        customer = _unclaimed(w, record)
    if customer is None:
        if record.deleted:
            raise _never_there(record)
        return create_customer(w, record.values(*_SPECIAL) | {"synced_at": w.now})
    if not may_see(w.actor, customer):
        raise Problem(
            403,
            "not_permitted",
            "external_id: this file belongs to another department.",
            "external_id：该客户属于其他部门。",
            field="external_id",
        )
    refuse_older(customer, record.source_system, record.source_version)
    if record.deleted and customer.merged_into is None:
        return delete_customer(w, customer)
    values = record.values(*_SPECIAL) | {"synced_at": w.now}
    if customer.merged_into is not None:
        return _merged(w, customer, values)
    if record.deleted is False:
        values["deleted_at"] = None
    return change_customer(w, customer, values)


def _merged(w: Writing, merged: Customer, values: dict[str, Any]) -> Written[Customer]:
    """The source still keeps both files: what it changed since its last message goes on to the file that took this one over; else two
    records would write over one another without end. Code and kind are that file's own."""
    own = change_customer(w, merged, values, shadow=True)
    kept = follow_merges(w.session, merged)
    passed = {name: values[name] for name in own.changes if name not in _NOT_PASSED}
    written = change_customer(w, locked(w.session, kept) if w.codes is None else kept, passed)
    led = Warned(
        field="external_id",
        code="merged",
        detail=f"This customer was merged into {kept.code}: changes go there; correct it in the source.",
        detail_zh=f"该客户已合并到 {kept.code}：更改已写入该档案，请在来源系统中更正。",
    )
    return written._replace(warnings=[*own.warnings, led])


_NOT_PASSED = ("source_system", "external_id", "source_version", "synced_at", "code", "kind")


def _unclaimed(w: Writing, record: CustomerRecord) -> Customer | None:
    if record.code is None:
        return None
    if w.codes is not None:
        found = w.codes.get(record.code)
    else:
        found = w.session.exec(select(Customer).where(Customer.code == record.code)).first()
    if found is None or found.external_id is not None or found.source_system or found.deleted_at is not None:
        return None  # in use by another one: creating says so
    return found if w.codes is not None else locked(w.session, found)


def _find(session: Session, model: type[Row], source_system: str, external_id: str) -> Row | None:
    query = select(model).where(model.source_system == source_system, model.external_id == external_id)
    return session.exec(query.with_for_update(key_share=True).execution_options(populate_existing=True)).first()


def _values(w: Writing, record: ContactRecord | ContractRecord | HolderRecord, row: Any) -> dict[str, Any]:
    """What the record says, by column. Raises :class:`Problem` for an older message, an unknown customer, another department's."""
    if row is not None:
        if not may_see_row(w.session, w.actor, row):
            raise taken("external_id", record.external_id)
        refuse_older(row, record.source_system, record.source_version)
    values = record.values(*_SPECIAL) | {"synced_at": w.now}
    if record.customer is not None:
        customer = living_customer(
            w.session, record.customer, "customer", actor=w.actor, source_system=record.source_system
        )
        values["customer_id"] = customer.id
    return values


def _never_there(record: Record) -> Problem:
    return Problem(
        404,
        "not_found",
        f"There is no {record.external_id!r} of {record.source_system} to delete.",
        f"没有来自 {record.source_system} 的 {record.external_id} 可删除。",
        field="external_id",
    )
