"""Finding rows of the registry by the names that requests use, and refusing names that the site does not have.

With ``actor`` a file of another department is not there (C4). With ``lock`` the row waits for other writers of it and is read as they
left it: what compares an ETag must hold it until the commit.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlmodel import Session, col, or_, select, true
from sqlmodel.sql.expression import SelectOfScalar

from controller.site import Site
from server.operators.actor import Actor
from server.operators.permissions import Permission
from server.problems import Problem, not_found
from server.registry.models import Contact, Contract, Customer, Holder

Belonging = TypeVar("Belonging", Contact, Contract, Holder)
Row = TypeVar("Row", Customer, Contact, Contract, Holder)

WORDS: dict[type[Any], tuple[str, str]] = {
    Customer: ("customer", "客户"),
    Contact: ("contact", "联系人"),
    Contract: ("contract", "合同"),
    Holder: ("holder", "持证人"),
}


def find_customer(
    session: Session,
    name: str,
    field: str | None = None,
    *,
    actor: Actor | None = None,
    lock: bool = False,
    source_system: str = "",
) -> Customer:
    """By code, public id or external id, in this order: one customer's code may be another's external id. Code and external id of a
    file that was merged lead to the file that took it over. Raises :class:`Problem`."""
    named = or_(Customer.code == name, Customer.public_id == name, Customer.external_id == name)
    found = session.exec(select(Customer).where(named)).all()
    customer: Customer | None = (
        _first(found, lambda row: row.code == name)
        or _first(found, lambda row: row.public_id == name)
        or _only([row for row in found if row.external_id == name], source_system, name, field)
    )
    if customer is not None and customer.public_id != name:
        customer = follow_merges(session, customer)
    if customer is None or (actor is not None and not may_see(actor, customer)):
        raise not_found("customer", "客户", name, field)
    return locked(session, customer) if lock else customer


def living_customer(
    session: Session, name: str, field: str | None, *, actor: Actor | None = None, source_system: str = ""
) -> Customer:
    """As :func:`find_customer`, for what is to belong to it: a deleted file takes nothing. Raises :class:`Problem` 409."""
    customer = follow_merges(session, find_customer(session, name, field, actor=actor, source_system=source_system))
    if customer.deleted_at is not None:
        raise deleted(customer, field)
    return customer


def follow_merges(session: Session, customer: Customer) -> Customer:
    """The file that took this one over, in the end; itself, if none did. Where a CRM let the files lead in a circle: one of them."""
    passed = set()
    while customer.merged_into is not None and customer.id not in passed:
        passed.add(customer.id)
        customer = session.get_one(Customer, customer.merged_into)
    return customer


def find_contact(session: Session, name: str, *, actor: Actor | None = None, lock: bool = False) -> Contact:
    """By public id or external id, in this order. Raises :class:`Problem`."""
    return _find(session, Contact, name, None, actor, lock)


def find_contract(session: Session, name: str, *, actor: Actor | None = None, lock: bool = False) -> Contract:
    """By public id or external id, in this order. Raises :class:`Problem`."""
    return _find(session, Contract, name, None, actor, lock)


def find_holder(
    session: Session, name: str, field: str | None = None, *, actor: Actor | None = None, lock: bool = False
) -> Holder:
    """By public id or external id, in this order. Raises :class:`Problem`."""
    return _find(session, Holder, name, field, actor, lock)


def locked(session: Session, row: Row) -> Row:
    """The row, held until the transaction ends and read anew. SQLite's one writer holds everything already."""
    model = type(row)
    return session.exec(
        select(model)
        .where(model.id == row.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def sees_all(actor: Actor) -> bool:
    """Whether departments do not bind this actor: by ``registry.read_all``, or because it is no person (the CRM's connection)."""
    return actor.kind == "system" or actor.may(Permission.REGISTRY_READ_ALL)


def may_see(actor: Actor, customer: Customer) -> bool:
    """Files of other departments take ``registry.read_all`` (C4)."""
    return customer.department in (None, actor.department) or sees_all(actor)


def may_see_row(session: Session, actor: Actor, row: Contact | Contract | Holder) -> bool:
    """As :func:`may_see`, for what belongs to a customer; what belongs to none is everyone's."""
    return row.customer_id is None or may_see(actor, session.get_one(Customer, row.customer_id))


def seen_customers(actor: Actor) -> Any:
    """The condition on :class:`Customer` for what this actor may see."""
    if sees_all(actor):
        return true()
    return or_(col(Customer.department).is_(None), col(Customer.department) == actor.department)


def seen_rows(actor: Actor, query: SelectOfScalar[Belonging], model: type[Belonging]) -> SelectOfScalar[Belonging]:
    """``query`` without rows of files that this actor may not see; what belongs to no customer stays."""
    if sees_all(actor):
        return query
    seen = select(Customer.id).where(seen_customers(actor))
    return query.where(or_(col(model.customer_id).is_(None), col(model.customer_id).in_(seen)))


def codes_of(session: Session, customer_ids: set[int | None]) -> dict[int | None, str]:
    """The codes of these customers, by id."""
    wanted = {customer_id for customer_id in customer_ids if customer_id is not None}
    if not wanted:
        return {}
    return dict(session.exec(select(Customer.id, Customer.code).where(col(Customer.id).in_(wanted))).all())


def refuse_unknown_areas(site: Site, areas: Iterable[str], field: str) -> None:
    """Raise :class:`Problem` 422 for an area that the site file does not have."""
    known = {area.id for area in site.areas}
    for area in areas:
        if area not in known:
            raise Problem(
                422,
                "unknown_area",
                f"{field}: the site has no area {area!r}; it has {', '.join(sorted(known))}.",
                f"{field}：场地没有区域 {area}。",
                field=field,
            )


def taken(field: str, value: str) -> Problem:
    """409: the value must be unique and is in use."""
    return Problem(409, f"{field}_taken", f"{field} {value!r} is in use.", f"{field} {value} 已被占用。", field=field)


def deleted(row: Customer | Contact | Contract | Holder, field: str | None = None) -> Problem:
    """409: what was deleted is not changed any more."""
    what, what_zh = WORDS[type(row)]
    return Problem(
        409,
        "deleted",
        f"This {what} was deleted: it is kept, and not changed any more.",
        f"该{what_zh}已删除：仅保留存档，不能再修改。",
        field=field,
    )


def _find(
    session: Session, model: type[Belonging], name: str, field: str | None, actor: Actor | None, lock: bool
) -> Belonging:
    found = session.exec(select(model).where(or_(model.public_id == name, model.external_id == name))).all()
    row: Belonging | None = _first(found, lambda row: row.public_id == name) or _only(list(found), "", name, field)
    what, what_zh = WORDS[model]
    if row is None:
        raise not_found(what, what_zh, name, field)
    if actor is not None and not may_see_row(session, actor, row):
        raise not_found(what, what_zh, name, field)
    return locked(session, row) if lock else row


def _first(rows: Sequence[Any], matches: Any) -> Any:
    return next((row for row in rows if matches(row)), None)


def _only(rows: list[Any], source_system: str, name: str, field: str | None) -> Any:
    """The row of this system, else the only one. Raises :class:`Problem` 409 when several systems use the name."""
    own = _first(rows, lambda row: row.source_system == source_system)
    if own is not None or len(rows) <= 1:
        return own if own is not None else next(iter(rows), None)
    systems = ", ".join(sorted(row.source_system or "-" for row in rows))
    raise Problem(
        409,
        "ambiguous_name",
        f"{name!r} is an external id in several systems ({systems}): use the id.",
        f"{name} 在多个系统（{systems}）中都是外部编号：请使用 id。",
        field=field,
    )
