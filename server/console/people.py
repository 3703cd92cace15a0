"""Whose badge an event names: holder and customer by their ids, masked for those without the right (C4)."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlmodel import Session, col, select

from server.registry.models import Customer, Holder

MASK = "*"


class People(NamedTuple):
    """Names by integer id, for one page or one batch of events."""

    holders: dict[int, str]
    customers: dict[int, tuple[str, str]]


def people_of(session: Session, holders: Iterable[int | None], customers: Iterable[int | None]) -> People:
    """The names behind these ids; ids of nobody are left out."""
    holder_ids = {number for number in holders if number is not None}
    customer_ids = {number for number in customers if number is not None}
    names: dict[int, str] = {}
    if holder_ids:
        holders_found = session.exec(select(Holder.id, Holder.name).where(col(Holder.id).in_(holder_ids)))
        names = {number: name for number, name in holders_found if number is not None}
    codes: dict[int, tuple[str, str]] = {}
    if customer_ids:
        query = select(Customer.id, Customer.code, Customer.name).where(col(Customer.id).in_(customer_ids))
        codes = {number: (code, name) for number, code, name in session.exec(query) if number is not None}
    return People(names, codes)


def masked(name: str) -> str:
    """The first character of each word: 李娜 → 李*, Anna Smith → A* S*."""
    return " ".join(word[0] + MASK for word in name.split())
