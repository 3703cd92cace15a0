"""Files that may be one customer: same code but for case and spaces, same credit code, ID number, contact's phone or normalised name (C3)."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlmodel import Session, col, func, select

from server.operators.actor import Actor
from server.registry.lookup import seen_customers
from server.registry.models import Contact, Customer

CRITERIA = ("code", "credit_code", "id_number", "phone", "name")
_CURSOR_BITS = 31


class Pair(NamedTuple):
    """Two files, the older one first, and by which criteria they are alike."""

    one: int
    other: int
    shared: list[str]


def duplicate_pairs(session: Session, actor: Actor, after: int, limit: int) -> tuple[list[Pair], int | None]:
    """One page of pairs that this actor may see, and the cursor of the next."""
    first, beyond = after >> _CURSOR_BITS, after & (1 << _CURSOR_BITS) - 1
    found: list[Pair] = []
    for pair in _pairs(_groups(session, actor), first, beyond):
        if len(found) == limit:
            return found, (found[-1].one << _CURSOR_BITS) + found[-1].other
        found.append(pair)
    return found, None


def duplicates_of(session: Session, actor: Actor, customer: Customer) -> list[Pair]:
    """The pairs of one file; at most a thousand others."""
    shared: dict[int, list[str]] = {}
    for name in CRITERIA:
        keyed = _keyed(actor, name).subquery()
        own = select(keyed.c.key).where(keyed.c.id == customer.id)
        others = select(keyed.c.id).where(keyed.c.key.in_(own), keyed.c.id != customer.id).distinct()
        for number in session.exec(others.order_by(keyed.c.id).limit(1_000)).all():
            shared.setdefault(int(number), []).append(name)
    return [Pair(customer.id or 0, other, shared[other]) for other in sorted(shared)]


def _groups(session: Session, actor: Actor) -> dict[str, list[list[int]]]:
    """By criterion: the ids of files that are alike, in order."""
    groups: dict[str, list[list[int]]] = {}
    for name in CRITERIA:
        keyed = _keyed(actor, name).subquery()
        several = select(keyed.c.key).group_by(keyed.c.key).having(func.count(keyed.c.id.distinct()) > 1)
        rows = session.exec(
            select(keyed.c.key, keyed.c.id).where(keyed.c.key.in_(several)).distinct().order_by(keyed.c.id)
        )
        by_key: dict[Any, list[int]] = {}
        for key, number in rows:
            by_key.setdefault(key, []).append(number)
        groups[name] = list(by_key.values())
    return groups


def _keyed(actor: Actor, name: str) -> Any:
    """Each file's keys by one criterion: rows (key, id)."""
    if name == "phone":
        key: Any = col(Contact.phone_index)
        query: Any = select(key.label("key"), col(Customer.id).label("id")).join(
            Contact, (col(Contact.customer_id) == col(Customer.id)) & col(Contact.deleted_at).is_(None)
        )
    else:
        key = {
            "code": func.lower(func.replace(Customer.code, " ", "")),
            "credit_code": func.upper(func.replace(func.nullif(Customer.credit_code, ""), " ", "")),
            "id_number": col(Customer.id_number_index),
            "name": col(Customer.name_key),
        }[name]
        query = select(key.label("key"), col(Customer.id).label("id"))
    return query.where(key.is_not(None), col(Customer.deleted_at).is_(None), seen_customers(actor))


def _pairs(groups: dict[str, list[list[int]]], first: int, beyond: int) -> Iterator[Pair]:
    """In the order of (one, other), from after (first, beyond) on. Lazily: a phone that a thousand files share makes half a million."""
    of: dict[int, list[tuple[str, list[int], int]]] = {}
    for name, members in groups.items():
        for ids in members:
            for place, number in enumerate(ids):
                if number >= first:
                    of.setdefault(number, []).append((name, ids, place))
    for one in sorted(of):
        shared: dict[int, list[str]] = {}
        for name, ids, place in of[one]:
            for other in ids[place + 1 :]:
                if name not in (names := shared.setdefault(other, [])):
                    names.append(name)
        for other in sorted(shared):
            if one > first or other > beyond:
                yield Pair(one, other, shared[other])
