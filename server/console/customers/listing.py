"""Which customers the list shows, and what it says of each; who of a customer has a phone, name or ID number (a recorded look)."""

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlmodel import Session, col, func, or_, select

from server.badges.models import GONE, Badge
from server.context import Context
from server.operators.actor import Actor
from server.personal.looks import admit_search
from server.registry.lookup import seen_customers, seen_rows
from server.registry.models import QUOTAS, Contact, Contract, Customer, Holder
from server.registry.names import name_key

PER_PAGE = 50
PersonField = Literal["phone", "name", "id_number"]


@dataclass(frozen=True)
class Asked:
    """What the list is narrowed to. ``q``: part of code or name, however it is spelt; ``unowned``: nobody looks after it (C8)."""

    q: str = ""
    kind: str = ""
    class_: str = ""
    owner: str = ""
    unowned: bool = False
    deleted: bool = False
    after: str = ""

    def given(self) -> dict[str, str]:
        """As the query of an address, without the cursor."""
        named = {"q": self.q, "kind": self.kind, "class": self.class_, "owner": self.owner}
        flags = {"unowned": self.unowned, "deleted": self.deleted}
        return {name: value for name, value in named.items() if value} | {
            name: "true" for name, on in flags.items() if on
        }


@dataclass
class Listed:
    """One line. ``contracts``: how many stand in each status, those whose time is over as ``ended``; ``badges``: not deregistered."""

    row: Customer
    quota: int
    badges: int = 0
    contracts: dict[str, int] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)


def list_page(session: Session, context: Context, actor: Actor, asked: Asked) -> tuple[list[Listed], str | None]:
    """One page in the order of codes, and the cursor of the next."""
    query = select(Customer).where(seen_customers(actor))
    if not asked.deleted:
        query = query.where(col(Customer.deleted_at).is_(None))
    if asked.q:
        text, key = asked.q, name_key(asked.q)
        alike = [
            col(Customer.code).icontains(text, autoescape=True),
            col(Customer.name).icontains(text, autoescape=True),
        ]
        query = query.where(or_(*alike, *([col(Customer.name_key).contains(key, autoescape=True)] if key else [])))
    for column, wanted in ((Customer.kind, asked.kind), (Customer.class_, asked.class_), (Customer.owner, asked.owner)):
        if wanted:
            query = query.where(column == wanted)
    if asked.unowned:
        query = query.where(or_(col(Customer.owner).is_(None), Customer.owner == ""))
    query = query.where(col(Customer.code) > asked.after).order_by(col(Customer.code)).limit(PER_PAGE + 1)
    rows = list(session.exec(query).all())
    shown = rows[:PER_PAGE]
    return lines(session, context, shown), shown[-1].code if len(rows) > PER_PAGE else None


def lines(session: Session, context: Context, rows: list[Customer]) -> list[Listed]:
    """What the list says of these files."""
    listed = {row.id: Listed(row, QUOTAS[row.kind]) for row in rows}
    badges: Any = select(Badge.customer_id, func.count()).where(
        col(Badge.customer_id).in_(listed), col(Badge.status).not_in(GONE)
    )
    for number, count in session.exec(badges.group_by(Badge.customer_id)).all():
        listed[number].badges = count
    now = context.clock.now()
    contracts = select(Contract).where(col(Contract.customer_id).in_(listed), col(Contract.deleted_at).is_(None))
    for contract in session.exec(contracts).all():
        over = contract.status != "draft" and contract.until_at is not None and contract.until_at <= now
        status = "ended" if over else contract.status
        counts = listed[contract.customer_id].contracts
        counts[status] = counts.get(status, 0) + 1
    return [listed[row.id] for row in rows]


def owners(session: Session, actor: Actor) -> list[tuple[str | None, int]]:
    """Who looks after how many files; None: nobody (C8)."""
    query: Any = select(Customer.owner, func.count()).where(col(Customer.deleted_at).is_(None), seen_customers(actor))
    found: dict[str | None, int] = {}
    for owner, count in session.exec(query.group_by(Customer.owner).order_by(Customer.owner)).all():
        found[owner or None] = found.get(owner or None, 0) + count
    return sorted(found.items(), key=lambda one: (one[0] is not None, one[0] or ""))


def files_of_person(session: Session, context: Context, actor: Actor, by: PersonField, text: str) -> list[Listed]:
    """The files whose contacts, holders, or own ID number hold exactly this value. Recorded as a look (C4) before it is answered; it is the
    first thing that a request does with the database. Raises :class:`Problem` as :func:`server.personal.looks.admit_look`."""
    admit_search(context, actor, "person", [by])
    index = context.personal.index(by, text)
    found: dict[int, list[str]] = {}
    searched: list[tuple[str, Any]] = [("holder", Holder)]
    if by != "id_number":
        searched.insert(0, ("contact", Contact))
    for name, model in searched:
        query = seen_rows(actor, select(model), model).where(
            getattr(model, f"{by}_index") == index, model.deleted_at.is_(None)
        )
        for row in session.exec(query).all():
            if row.customer_id is not None and name not in (names := found.setdefault(row.customer_id, [])):
                names.append(name)
    if by == "id_number":
        own = select(Customer.id).where(Customer.id_number_index == index, seen_customers(actor))
        for number in session.exec(own).all():
            found.setdefault(number or 0, []).append("file")
    rows = session.exec(select(Customer).where(col(Customer.id).in_(found)).order_by(col(Customer.code))).all()
    shown = lines(session, context, list(rows))
    for one in shown:
        one.found = found[one.row.id or 0]
    return shown
