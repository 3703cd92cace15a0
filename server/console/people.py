"""Whose badge an event names: holder and customer by their ids, persons masked (C4, D6)."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlmodel import Session, col, select

from server.operators.models import ApiToken, Operator
from server.personal.cipher import PersonalKeys
from server.personal.fields import masked_field
from server.registry.models import Customer, Holder


class People(NamedTuple):
    """Names by integer id, for one page or one batch of events. Persons' are masked; customers' are code and name."""

    holders: dict[int, str]
    customers: dict[int, tuple[str, str]]


def people_of(
    session: Session, personal: PersonalKeys, holders: Iterable[int | None], customers: Iterable[int | None]
) -> People:
    """The names behind these ids; ids of nobody, and people without a name, are left out."""
    holder_ids = {number for number in holders if number is not None}
    customer_ids = {number for number in customers if number is not None}
    names: dict[int, str] = {}
    if holder_ids:
        for holder in session.exec(select(Holder).where(col(Holder.id).in_(holder_ids))):
            name = masked_field(personal, holder, "name")
            if name is not None and holder.id is not None:
                names[holder.id] = name
    codes: dict[int, tuple[str, str]] = {}
    if customer_ids:
        query = select(Customer.id, Customer.code, Customer.name).where(col(Customer.id).in_(customer_ids))
        codes = {number: (code, name) for number, code, name in session.exec(query) if number is not None}
    return People(names, codes)


def operators_of(session: Session, names: Iterable[str | None]) -> dict[str, str]:
    """Names of operators and tokens by public id."""
    wanted = {name for name in names if name}
    found: dict[str, str] = {}
    for model in (Operator, ApiToken):
        query = select(model.public_id, model.name).where(col(model.public_id).in_(wanted))
        found |= dict(session.exec(query).all()) if wanted else {}
    return found


def customers_named(session: Session, codes: Iterable[str | None]) -> dict[str, str]:
    """Names of customers by code."""
    wanted = {code for code in codes if code}
    query = select(Customer.code, Customer.name).where(col(Customer.code).in_(wanted))
    return dict(session.exec(query).all()) if wanted else {}
