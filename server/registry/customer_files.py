"""Customer files: made, changed, deleted, handed over (C1, C3, C8)."""

from contextlib import nullcontext
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, or_, select

from server.badges.models import GONE, Badge
from server.chinese import in_chinese
from server.problems import Problem
from server.registry import validation
from server.registry.lookup import deleted, seen_customers, sees_all, taken
from server.registry.models import Contract, Customer
from server.registry.names import name_key
from server.registry.validation import Warned, checked, refused
from server.registry.writing import Writing, Written, change_row, new_row, refuse_taken, require


def create_customer(w: Writing, values: dict[str, Any]) -> Written[Customer]:
    """A new file. Raises :class:`Problem` for what is missing, wrong, or in use."""
    require(values, None, "code", "kind", "name")
    values, warnings = _checked(w, None, values)
    _refuse_taken(w, None, values)
    written = new_row(w, Customer, {"source_system": ""} | values)
    return written._replace(warnings=warnings)


def change_customer(
    w: Writing, customer: Customer, values: dict[str, Any], *, shadow: bool = False
) -> Written[Customer]:
    """Change what ``values`` name. A kind whose quota the customer's badges exceed is refused by the database (B2). ``shadow``: the
    file was merged, and goes on keeping what its source says of it."""
    if customer.deleted_at is not None and not shadow and values.get("deleted_at", w.now) is not None:
        raise deleted(customer)
    require(values, customer, "code", "kind", "name")
    values, warnings = _checked(w, customer, values)
    _refuse_taken(w, customer, values)
    try:
        with w.session.begin_nested() if "kind" in values else nullcontext():
            written = change_row(w, customer, values)
            if "kind" in written.changes:
                w.session.flush()
    except IntegrityError as error:
        raise Problem(
            409,
            "QUOTA_EXCEEDED",
            f"The customer holds more badges than the kind {values['kind']} allows: deregister badges first.",
            f"该客户的出入证数量超过“{in_chinese('customer_kind', values['kind'])}”类别的限额：请先注销出入证。",
            field="kind",
            extra={"rule": "B2"},
        ) from error
    return written._replace(warnings=warnings)


def delete_customer(w: Writing, customer: Customer) -> Written[Customer]:
    """Mark the file as deleted. Refused while contracts are in force or badges are out."""
    if customer.deleted_at is not None:
        return Written(customer, False, [], {})
    if w.session.exec(select(Contract.id).where(*in_force(w, customer)).limit(1)).first() is not None:
        raise Problem(
            409,
            "contracts_in_force",
            f"Customer {customer.code} has contracts in force: end them first.",
            f"客户 {customer.code} 有生效中的合同：请先终止合同。",
        )
    out = badges_out(w, customer)
    if out:
        raise Problem(
            409,
            "badges_out",
            f"Customer {customer.code} holds badges: take them back and deregister them first.",
            f"客户 {customer.code} 仍持有出入证：请先收回并注销。",
            extra={"badges": out},
        )
    return change_row(w, customer, {"deleted_at": w.now}, "delete")


def hand_over(w: Writing, from_owner: str, to_owner: str) -> list[Customer]:
    """Every file of ``from_owner`` that the actor may see gets the owner ``to_owner`` (C8). Raises :class:`Problem` 404."""
    query = select(Customer).where(
        Customer.owner == from_owner, col(Customer.deleted_at).is_(None), seen_customers(w.actor)
    )
    customers = w.session.exec(query.order_by(col(Customer.id)).with_for_update(key_share=True)).all()
    if not customers:
        raise Problem(
            404,
            "not_found",
            f"from_owner: nobody named {from_owner!r} looks after a customer.",
            f"from_owner：没有由 {from_owner} 负责的客户。",
            field="from_owner",
        )
    for customer in customers:
        change_row(w, customer, {"owner": to_owner}, "hand_over")
    return list(customers)


def in_force(w: Writing, customer: Customer) -> tuple[Any, ...]:
    """The condition for contracts of this customer that permit, or will."""
    until = col(Contract.until_at)
    return (
        Contract.customer_id == customer.id,
        col(Contract.status).in_(("active", "suspended")),
        col(Contract.deleted_at).is_(None),
        or_(until.is_(None), until > w.now),
    )


def badges_out(w: Writing, customer: Customer) -> list[str]:
    """The printed numbers (before there is one: ids) of the customer's badges that are not deregistered."""
    if customer.id is None:
        return []
    rows = w.session.exec(
        select(Badge.number, Badge.public_id)
        .where(Badge.customer_id == customer.id, col(Badge.status).not_in(GONE))
        .order_by(col(Badge.id))
    )
    return [number or public_id for number, public_id in rows]


def _checked(w: Writing, customer: Customer | None, values: dict[str, Any]) -> tuple[dict[str, Any], list[Warned]]:
    values = dict(values)
    warnings: list[Warned] = []
    today = w.now.date()
    checked(values, "credit_code", validation.credit_code, warnings)
    checked(values, "id_number", lambda text: validation.id_number(text, None, today), warnings)
    kind = values.get("kind", customer.kind if customer is not None else None)
    code = values.get("credit_code", customer.credit_code if customer is not None else None)
    number = values.get("id_number", customer.id_number_cipher if customer is not None else None)
    if kind == "individual" and code is not None:
        raise refused(
            "credit_code",
            "credit_code: an individual has none; give id_number, and null for credit_code.",
            "credit_code：个人客户没有统一社会信用代码；请填写 id_number，并清空 credit_code。",
        )
    if kind != "individual" and number is not None:
        raise refused(
            "id_number",
            f"id_number: only individuals have one; give credit_code for kind {kind}, and null for id_number.",
            "id_number：仅个人客户填写身份证号；其他类别请填写 credit_code，并清空 id_number。",
        )
    if "name" in values:
        values["name_key"] = name_key(values["name"])
    department = values.get("department")
    if department not in (None, w.actor.department) and not sees_all(w.actor):
        raise Problem(
            403,
            "not_permitted",
            "department: you may not put files into another department than your own.",
            "department：您无权将客户归入其他部门。",
            field="department",
        )
    return values, warnings


def _refuse_taken(w: Writing, customer: Customer | None, values: dict[str, Any]) -> None:
    if w.codes is None and ("external_id" in values or "source_system" in values):  # a batch has looked for them
        system = values.get("source_system", customer.source_system if customer is not None else "")
        refuse_taken(
            w, Customer, system, values.get("external_id", customer.external_id if customer else None), customer
        )
    code = values.get("code")
    if code is not None and (customer is None or code != customer.code):
        if w.codes is not None:
            used = code in w.codes
        else:
            used = w.session.exec(select(Customer.id).where(Customer.code == code)).first() is not None
        if used:
            raise taken("code", code)
