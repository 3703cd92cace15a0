"""Choosing a customer before a form that is about one: by code or name, from what this operator may see (C4)."""

from sqlmodel import Session, col, or_, select

from server.operators.actor import Actor
from server.registry.lookup import seen_customers
from server.registry.models import Customer

MOST = 30
"""So many matches are listed; the search says when there are more."""


def customers_like(session: Session, actor: Actor, text: str) -> tuple[list[Customer], bool]:
    """Living customers whose code begins with ``text`` or whose name holds it, by code; and whether there are more."""
    wanted = text.strip()
    query = select(Customer).where(col(Customer.deleted_at).is_(None), seen_customers(actor))
    if wanted:
        found = or_(
            col(Customer.code).istartswith(wanted, autoescape=True),
            col(Customer.name).icontains(wanted, autoescape=True),
        )
        query = query.where(found)
    rows = session.exec(query.order_by(col(Customer.code)).limit(MOST + 1)).all()
    return list(rows[:MOST]), len(rows) > MOST
