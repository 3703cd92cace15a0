"""People with accounts, each in a browser of their own."""

from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.operators.actor import SYSTEM
from server.operators.permissions import Role
from server.operators.service import create_operator
from tests.server.browser import PASSWORD, browser, context_of_app, sign_in


def person(app: FastAPI, username: str, role: Role, name: str = "Kim") -> TestClient:
    """Somebody who has signed in and chosen a password: :data:`PASSWORD`. ``client.who`` is the account's id."""
    context = context_of_app(app)
    with context.database.write() as session:
        operator, secret = create_operator(session, SYSTEM, context.clock.now(), username, name, role)
    client = browser(app)
    assert sign_in(client, username, str(secret)).status_code == 200
    body = {"current": secret, "new": PASSWORD}
    assert client.post("/api/v1/account/password", json=body).status_code == 204
    client.who = operator.public_id  # type: ignore[attr-defined]
    return client


def who(client: TestClient) -> str:
    """The account's id."""
    return str(client.get("/api/v1/session").json()["id"])


def refusal(answer: Any) -> tuple[int, str]:
    """Status and code."""
    return answer.status_code, answer.json()["code"]


def acts_on(client: TestClient, subject: str) -> list[str]:
    """What the audit log says was done to it, oldest first."""
    items = client.get("/api/v1/audit", params={"subject": subject}).json()["items"]
    return [one["act"] for one in items]
