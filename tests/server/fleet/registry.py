"""Rows of the registry, written as a CRM does: straight into the tables. The triggers note them."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlmodel import Session, SQLModel, col, select

from controller.policy import credential_key
from server.badges.models import Badge
from server.context import Context
from server.registry.models import Contract, Customer, Holder, RegistryChange
from tests.server.conftest import START

Row = TypeVar("Row", bound=SQLModel)


class Registry:
    """Writes in transactions of its own."""

    def __init__(self, context: Context) -> None:
        self.database = context.database
        self._hash_key = context.keys.hash_key

    def customer(self, code: str = "C001", kind: str = "organisation", **contract: Any) -> int:
        """A customer with one signed contract from January on, for the hall unless ``contract`` says more."""
        with self.database.write() as session:
            made = Customer(code=code, kind=kind, name=f"Name of {code}")
            session.add(made)
            session.flush()
            self._contract(session, _id(made), **contract)
            return _id(made)

    def contract(self, customer: int, **terms: Any) -> int:
        """One more contract."""
        with self.database.write() as session:
            return self._contract(session, customer, **terms)

    def holder(self, name: str, customer: int | None = None, **more: Any) -> int:
        """A person of a customer, or of the own staff."""
        kind = "customer" if customer is not None else "staff"
        with self.database.write() as session:
            made = Holder(**({"external_id": name, "kind": kind, "customer_id": customer} | more))
            session.add(made)
            session.flush()
            return _id(made)

    def badge(self, number: str, holder: int, /, *, card: str | None = None, slot: int = 1, **more: Any) -> int:
        """A badge with a card of its own number, active."""
        with self.database.write() as session:
            person = session.get_one(Holder, holder)
            kind = {"customer": "customer", "staff": "staff", "visitor": "temporary"}[person.kind]
            owner = session.get(Customer, person.customer_id) if person.customer_id is not None else None
            values: dict[str, Any] = {
                "external_id": number,
                "number": number,
                "kind": kind,
                "status": "active",
                "holder_id": holder,
                "holder_kind": person.kind,
                "customer_id": person.customer_id,
                "customer_kind": owner.kind if owner is not None else None,
                "slot": slot if kind == "customer" else None,
                "technology": "desfire",
                "credential": self.card(card or number),
                "from_at": START - timedelta(days=30),
                "created_at": START,
            }
            made = Badge(**(values | more))
            session.add(made)
            session.flush()
            return _id(made)

    def card(self, number: str) -> bytes:
        """The credential of a card."""
        return credential_key(self._hash_key, "desfire", number)

    def member(self, number: str, customer: int, /, slot: int = 1, **more: Any) -> int:
        """A holder of the customer and their badge; the badge's id."""
        return self.badge(number, self.holder(f"holder of {number}", customer), slot=slot, **more)

    def change(self, model: type[SQLModel], row_id: int, **values: Any) -> int:
        """Change one row; the id of the change that was noted."""
        with self.database.write() as session:
            row = session.get_one(model, row_id)
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)
        return self.last_change()

    def deregister(self, badge: int, status: str = "revoked") -> int:
        """The badge is deregistered; the change's id."""
        return self.change(Badge, badge, status=status, deregistered_at=START)

    def last_change(self) -> int:
        """The newest change's id."""
        with self.database.read() as session:
            return session.exec(select(RegistryChange.id).order_by(col(RegistryChange.id).desc())).first() or 0

    def changes(self) -> list[RegistryChange]:
        """All that was noted."""
        with self.database.read() as session:
            return list(session.exec(select(RegistryChange).order_by(col(RegistryChange.id))).all())

    def _contract(self, session: Session, customer: int, **terms: Any) -> int:
        values = {"status": "active", "from_at": datetime(2026, 1, 1, tzinfo=UTC), "areas": ["hall"]} | terms
        made = Contract(customer_id=customer, **values)
        session.add(made)
        session.flush()
        return _id(made)


def _id(row: Any) -> int:
    number = row.id
    assert isinstance(number, int), "flush before use"
    return number
