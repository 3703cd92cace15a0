"""A registry with some people in it, made in the database: its API has tests of its own."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session

from server.registry.models import Contract, Customer, Holder
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import START

CUSTOMERS = {"C001": "organisation", "C002": "organisation", "C003": "individual", "C009": "supplier"}
PEOPLE = {"li": "C001", "wang": "C001", "chen": "C001", "sun": "C002", "zhao": "C003", "qian": "C009"}


def customer(session: Session, code: str, kind: str) -> Customer:
    """A customer with a signed hosting contract in force."""
    made = Customer(public_id=f"cus_{code}", code=code, kind=kind, name=f"Name of {code}", created_at=START)
    session.add(made)
    session.flush()
    contract(session, made)
    return made


def contract(session: Session, owner: Customer, **more: Any) -> Contract:
    """A contract, as its customer's others but for ``more``."""
    values = {"status": "active", "from_at": START - timedelta(days=60), "areas": ["hall"]} | more
    made = Contract(
        public_id=f"con_{owner.code}{len(more)}{more.get('number', '')}",
        customer_id=owner.id,
        created_at=START,
        **values,
    )
    session.add(made)
    session.flush()
    return made


def holder(session: Session, name: str, owner: Customer | None = None, *, kind: str = "customer") -> Holder:
    """A person."""
    made = Holder(
        public_id=f"hol_{name}",
        external_id=name,
        kind=kind,
        customer_id=owner.id if owner is not None else None,
        areas=["hall"] if kind == "staff" else [],
        created_at=START,
    )
    session.add(made)
    session.flush()
    return made


def populate(session: Session) -> None:
    """All of the above, one of the own staff (guo), and a visitor (xu)."""
    owners = {code: customer(session, code, kind) for code, kind in CUSTOMERS.items()}
    for name, code in PEOPLE.items():
        holder(session, name, owners[code])
    holder(session, "guo", kind="staff")
    holder(session, "xu", kind="visitor")


@pytest.fixture
def api(app: FastAPI) -> TestClient:
    """An administrator's program, on the populated registry."""
    with context_of_app(app).database.write() as session:
        populate(session)
    return token_client(app)
