"""One commit per request, idempotent POSTs, the rim of HTTP, errors as problems."""

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, select

from server.db import engine
from server.db.clock import FixedClock
from server.idempotency import KEEP, IdempotentAnswer
from server.operators.actor import SYSTEM, Actor
from server.operators.audit import record
from server.operators.guard import requires
from server.operators.models import AuditEntry
from server.operators.permissions import Permission
from server.problems import Problem
from server.routes import API_PREFIX, AppContext, DbSession, api_router
from tests.server.browser import browser, context_of_app, token_client
from tests.server.conftest import ON_SQLITE, START

CUSTOMER = {"code": "C001", "kind": "individual", "name": "n"}


def write_something(session: Session) -> None:
    """What a failing request must not leave behind."""
    record(session, SYSTEM, START, "trial.write", "x")
    session.flush()


def with_trial_routes(app: FastAPI) -> TestClient:
    """The app with endpoints that misbehave."""
    router = api_router("/trial", "trial")

    @router.post("/problem")
    def raises_a_problem(session: DbSession) -> None:
        write_something(session)
        raise Problem(409, "no", "No.", "不行。")

    @router.post("/answer")
    def answers_with_an_error(session: DbSession):  # type: ignore[no-untyped-def]
        write_something(session)
        return Problem(409, "no", "No.", "不行。").response()

    @router.post("/crash")
    def crashes(session: DbSession) -> None:
        write_something(session)
        raise RuntimeError("the secret is 42")

    @router.get("/write")
    def writes_while_reading(session: DbSession) -> None:
        session.connection().execute(text("DELETE FROM audit_entry"))

    @router.post("/busy")
    def finds_the_database_busy(context: AppContext) -> None:
        raise OperationalError("x", None, Exception("database is locked"))

    app.include_router(router)
    return TestClient(app, base_url="https://testserver", raise_server_exceptions=False)


@pytest.mark.parametrize("path", ["problem", "answer", "crash"])
def test_a_request_that_fails_leaves_nothing_behind(app: FastAPI, path: str) -> None:
    answer = with_trial_routes(app).post(f"/api/v1/trial/{path}")
    assert answer.status_code in (409, 500)
    assert answer.headers["content-type"] == "application/problem+json"
    with context_of_app(app).database.read() as session:
        acts = session.exec(select(AuditEntry.act)).all()
    assert "trial.write" not in acts


@ON_SQLITE
def test_a_crash_tells_the_caller_nothing_of_its_inside(app: FastAPI) -> None:
    answer = with_trial_routes(app).post("/api/v1/trial/crash")
    assert answer.json()["code"] == "internal_error"
    assert "42" not in answer.text


def test_a_reading_request_cannot_write(app: FastAPI) -> None:
    assert with_trial_routes(app).get("/api/v1/trial/write").status_code in (500, 503)


@ON_SQLITE
def test_a_busy_database_is_an_answer_that_says_try_again(app: FastAPI) -> None:
    answer = with_trial_routes(app).post("/api/v1/trial/busy")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.headers["retry-after"]


def test_a_repeated_post_with_its_key_gets_the_first_answer_and_acts_once(app: FastAPI) -> None:
    api = token_client(app)
    headers = {"Idempotency-Key": "k1"}
    first = api.post("/api/v1/customers", json=CUSTOMER, headers=headers)
    again = api.post("/api/v1/customers", json=CUSTOMER, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert again.headers["idempotent-replay"] == "true"
    assert len(api.get("/api/v1/customers").json()["items"]) == 1


def test_a_key_is_one_senders_and_for_one_request(app: FastAPI) -> None:
    api, other = token_client(app), token_client(app)
    headers = {"Idempotency-Key": "k1"}
    api.post("/api/v1/customers", json=CUSTOMER, headers=headers)
    reused = api.post("/api/v1/customers", json={**CUSTOMER, "code": "C002"}, headers=headers)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert other.post("/api/v1/customers", json=CUSTOMER, headers=headers).json()["code"] == "code_taken"


def test_a_refused_request_may_be_repeated_with_its_key(app: FastAPI) -> None:
    api = token_client(app)
    headers = {"Idempotency-Key": "k1"}
    body = {"customer": "C001", "from": "2026-01-01", "areas": ["hall"]}
    assert api.post("/api/v1/contracts", json=body, headers=headers).status_code == 422
    api.post("/api/v1/customers", json=CUSTOMER)
    assert api.post("/api/v1/contracts", json=body, headers=headers).status_code == 201


def test_one_key_sent_twice_at_once_acts_once(app: FastAPI) -> None:
    api = token_client(app)
    body = {"name": "n"}
    statuses: list[int] = []

    def send() -> None:
        statuses.append(api.post("/api/v1/holders", json=body, headers={"Idempotency-Key": "k1"}).status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert len(api.get("/api/v1/holders").json()["items"]) == 1


def test_answers_are_forgotten_after_a_day(app: FastAPI, clock: FixedClock) -> None:
    api = token_client(app)
    api.post("/api/v1/holders", json={"name": "a"}, headers={"Idempotency-Key": "k1"})
    clock.advance(KEEP + timedelta(seconds=1))
    api.post("/api/v1/holders", json={"name": "b"}, headers={"Idempotency-Key": "k1"})
    with context_of_app(app).database.read() as session:
        assert len(session.exec(select(IdempotentAnswer)).all()) == 1
    assert len(api.get("/api/v1/holders").json()["items"]) == 2


@ON_SQLITE
def test_an_answer_with_a_secret_is_never_kept(app: FastAPI) -> None:
    api = token_client(app)
    body = {"name": "crm", "role": "guard"}
    answer = api.post("/api/v1/tokens", json=body, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_refused")


@ON_SQLITE
def test_a_body_beyond_the_limit_is_refused_however_it_is_announced(app: FastAPI) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    client = browser(app)
    for content in (b"x" * 2_000_000, pieces()):
        answer = client.post("/api/v1/session", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@ON_SQLITE
@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"null", b"\xff", b""])
def test_a_body_that_is_no_json_object_is_one_problem(app: FastAPI, body: bytes) -> None:
    answer = browser(app).post("/api/v1/session", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == ("invalid_text" if body == b"\xff" else "invalid_input")


@ON_SQLITE
@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/api/v1/nowhere", 404), ("PUT", "/api/v1/session", 405)]
)
def test_an_address_that_is_none_is_a_problem_in_both_languages(
    app: FastAPI, method: str, path: str, status: int
) -> None:
    answer = browser(app).request(method, path)
    assert answer.status_code == status
    assert answer.json()["detail_zh"]


@ON_SQLITE
def test_every_address_refuses_the_methods_that_it_does_not_know(app: FastAPI) -> None:
    client = browser(app)
    routes = [route for route in app.routes if isinstance(route, APIRoute) and route.path.startswith(API_PREFIX)]
    wrong = []
    for path in sorted({re.sub(r"\{[^}]*\}", "zz9", route.path) for route in routes}):
        known = {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}
        for method in sorted({"GET", "POST", "PUT", "PATCH", "DELETE"} - known)[:1]:
            answer = client.request(method, path)
            if answer.status_code != 405 or answer.headers["content-type"] != "application/problem+json":
                wrong.append((method, path, answer.status_code))
    assert wrong == []
    assert len(routes) > 200


@ON_SQLITE
def test_every_answer_carries_the_security_headers(app: FastAPI) -> None:
    client = browser(app)
    for path in ("/api/v1/health", "/api/v1/customers", "/nowhere"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["strict-transport-security"]


@ON_SQLITE
def test_a_page_sends_who_is_not_signed_in_to_the_sign_in_page_and_the_api_says_so(app: FastAPI) -> None:
    @app.get("/doors")
    def page(_actor: Annotated[Actor, requires(Permission.LIVE_READ)]) -> str:
        return "doors"

    client = browser(app)
    asked = client.get("/doors", headers={"Accept": "text/html"}, follow_redirects=False)
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?to=%2Fdoors")
    asked = client.get("/api/v1/customers", headers={"Accept": "text/html"}, follow_redirects=False)
    assert (asked.status_code, asked.json()["code"]) == (401, "not_signed_in")


@ON_SQLITE
def test_a_locked_database_refuses_writes_for_now_and_still_answers_questions(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 50)  # for connections that are yet to be made
    api = token_client(app)
    context = context_of_app(app)
    context.database.close()
    with context.database.write() as session:
        write_something(session)
        answer = api.post("/api/v1/customers", json=CUSTOMER)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert api.get("/api/v1/customers").status_code == 200
    assert api.post("/api/v1/customers", json=CUSTOMER).status_code == 201
