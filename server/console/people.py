"""Whose badge an event names: holder and customer by their ids, persons masked (C4, D6)."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlmodel import Session, col, select

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
