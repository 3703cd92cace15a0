"""The house of the register's tests, with badges, and operators who hand over to each other."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.badges.models import Badge
from server.operators.permissions import Role
from tests.server.browser import token_client
from tests.server.conftest import START
from tests.server.rooms.conftest import House

API = "/api/v1"


class Shift(House):
    """The house, and who works in it."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(app)
        self.people: dict[str, TestClient] = {}

    def person(self, name: str, role: Role = "guard") -> TestClient:
        """A client of an operator of their own."""
        if name not in self.people:
            self.people[name] = token_client(self.app, role)
        return self.people[name]

    def badge(self, number: str = "M1", holder: int = 1, slot: int = 1, status: str = "active") -> str:
        """The id of a customer badge in the database."""
        with self.context.database.write() as session:
            made = Badge(
                public_id=f"bdg_{number}",
                number=number,
                kind="customer",
                status=status,
                holder_id=holder,
                holder_kind="customer",
                customer_id=1,
                customer_kind="organisation",
                slot=slot,
                technology="desfire",
                credential=number.encode().ljust(32, b"."),
                from_at=START,
                created_at=START,
                issued_at=START,
            )
            session.add(made)
        return f"bdg_{number}"

    def report(self, badge: str, as_: str, reason: str = "", by: str = "supervisor", refused: str | None = None) -> Any:
        """``POST /badges/{badge}/report``; ``refused``: the problem's code."""
        answer = self.client(by).post(f"{API}/badges/{badge}/report", json={"as": as_, "reason": reason})
        shown = answer.json()
        assert shown.get("code") == refused, shown
        return shown

    def post(self, path: str, by: str = "supervisor", expect: int | tuple[int, str] = 200, **body: Any) -> Any:
        """What the API answers to who holds the role ``by``; ``expect``: its status, with a problem's code."""
        return asked(self.client(by), path, expect, **body)


def asked(client: TestClient, path: str, expect: int | tuple[int, str] = 200, **body: Any) -> Any:
    """``POST``; the answer's body, after its status (and code) were compared."""
    answer = client.post(f"{API}/{path}", json=body)
    status, code = expect if isinstance(expect, tuple) else (expect, None)
    assert answer.status_code == status, answer.text
    shown = answer.json()
    if code is not None:
        assert shown["code"] == code, shown
        assert shown["detail"], shown
        assert shown["detail_zh"], shown
    return shown


@pytest.fixture
def shift(app: FastAPI) -> Iterator[Shift]:
    """The house, its edges heard, nothing to be tested."""
    made = Shift(app)
    yield made
    for client in (*made.clients.values(), *made.people.values()):
        client.close()
