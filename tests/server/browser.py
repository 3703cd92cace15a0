"""Clients of the tests: one with a bearer token, and one that behaves like a browser on the console."""

from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.context import Context
from server.operators.actor import SYSTEM
from server.operators.password_changes import FIRST_SIGN_IN_FILE
from server.operators.permissions import Role
from server.operators.service import create_token

PASSWORD = "correct horse 42 battery"


def context_of_app(app: FastAPI) -> Context:
    """The context inside an app."""
    context = app.state.context
    assert isinstance(context, Context)
    return context


def token_client(app: FastAPI, role: Role = "administrator") -> TestClient:
    """A program with a bearer token of that role."""
    context = context_of_app(app)
    with context.database.write() as session:
        _, text = create_token(session, SYSTEM, context.clock.now(), f"test-{role}", role)
    return TestClient(app, base_url="https://testserver", headers={"Authorization": f"Bearer {text}"})


def browser(app: FastAPI) -> TestClient:
    """A browser on the console's own pages, not signed in."""
    return TestClient(app, base_url="https://testserver", headers={"Sec-Fetch-Site": "same-origin"})


def first_password(app: FastAPI) -> str:
    """The one-time password of the first administrator."""
    text = (context_of_app(app).config.dir / FIRST_SIGN_IN_FILE).read_text("utf-8")
    return text.split("password:")[1].strip()


def sign_in(client: TestClient, username: str, password: str) -> Any:
    """Sign in and return the answer."""
    return client.post("/api/v1/session", json={"username": username, "password": password})


def administrator(app: FastAPI) -> TestClient:
    """A browser in which the first administrator has signed in and chosen a password."""
    client = browser(app)
    secret = first_password(app)
    assert sign_in(client, "admin", secret).status_code == 200
    answer = client.post("/api/v1/account/password", json={"current": secret, "new": PASSWORD})
    assert answer.status_code == 204, answer.text
    return client
