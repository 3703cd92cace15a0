"""Changing one's own password: what waits for it, what ends with it, and what of it is kept (D2)."""

import hashlib
from collections.abc import Callable, Iterable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlmodel import select, text
from starlette.routing import BaseRoute

from server.db.clock import FixedClock
from server.idempotency import IdempotentAnswer
from server.operators import password_changes, passwords
from server.operators.actor import SYSTEM
from server.operators.audit import record
from server.operators.guard import COOKIE, Requirement
from server.operators.password_changes import FORMER_TRIED
from tests.server.browser import PASSWORD, administrator, browser, context_of_app, sign_in
from tests.server.conftest import ON_SQLITE
from tests.server.operators.people import person, refusal
from tests.server.operators.test_second_factor import enrol

pytestmark = ON_SQLITE
CHANGE = "/api/v1/account/password"
OTHER = "another horse 43 pile"
BY: dict[str, Callable[[TestClient], object]] = {
    "api": lambda client: client.post(CHANGE, json={"current": PASSWORD, "new": OTHER}).status_code,
    "page": lambda client: (
        client.post(
            "/password", data={"current": PASSWORD, "new": OTHER, "again": OTHER}, follow_redirects=False
        ).status_code
    ),
}


def copied(app: FastAPI, client: TestClient) -> TestClient:
    """Somebody else's browser with a copy of the session's cookie."""
    thief = browser(app)
    thief.cookies.set(COOKIE, client.cookies[COOKIE], domain="testserver.local")
    assert thief.get("/api/v1/session").status_code == 200
    return thief


@pytest.mark.parametrize("by", ["api", "page", "second factor"])
def test_nobody_waits_for_the_database_while_hashes_are_computed(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    client, context = administrator(app), context_of_app(app)
    verify = passwords.verify_password

    def meanwhile(password: str, password_hash: str | None) -> bool:
        with context.database.write() as session:
            record(session, SYSTEM, context.clock.now(), "test.write", "somebody's tap")
        return verify(password, password_hash)

    monkeypatch.setattr(password_changes, "verify_password", meanwhile)
    if by == "second factor":
        assert client.post("/api/v1/account/second-factor", json={"current": PASSWORD}).status_code == 200
    else:
        assert BY[by](client) in (204, 303)


@pytest.mark.parametrize("by", BY)
def test_a_change_puts_out_whoever_has_a_copy_of_this_very_cookie(app: FastAPI, by: str) -> None:
    owner = administrator(app)
    thief = copied(app, owner)
    assert BY[by](owner) in (204, 303)
    assert owner.get("/api/v1/session").status_code == 200
    assert thief.get("/api/v1/session").status_code == 401


def test_switching_the_second_factor_on_puts_out_whoever_has_a_copy_of_this_very_cookie(
    app: FastAPI, clock: FixedClock
) -> None:
    owner = administrator(app)
    thief = copied(app, owner)
    enrol(owner, clock)
    assert owner.get("/api/v1/session").status_code == 200
    assert thief.get("/api/v1/session").status_code == 401


def test_former_passwords_are_not_tried_without_end(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_changes, "LIMIT_FORMER", 2)
    admin, guard = administrator(app), person(app, "kim", "guard")
    former = {"current": PASSWORD, "new": PASSWORD}
    for _ in range(2):
        assert refusal(guard.post(CHANGE, json=former)) == (422, "weak_password")
    assert refusal(guard.post(CHANGE, json=former)) == (429, "too_many_attempts")
    assert sign_in(browser(app), "kim", PASSWORD).status_code == 200, "no failed sign-ins"
    assert FORMER_TRIED.strip() not in admin.get("/system/operators").text


def test_of_the_passwords_in_a_request_not_even_the_hash_for_replays_is_kept(app: FastAPI) -> None:
    client = administrator(app)
    headers = {"Idempotency-Key": "change-1"}
    refused = client.post(CHANGE, json={"current": PASSWORD, "new": OTHER}, headers=headers)
    assert refusal(refused) == (400, "idempotency_key_refused")
    with context_of_app(app).database.read() as session:
        assert session.exec(select(IdempotentAnswer)).all() == []


def test_every_post_that_takes_a_password_refuses_an_idempotency_key(app: FastAPI) -> None:
    found = list(takers_of_passwords(app.routes))
    assert {path for path, _ in found} >= {CHANGE, "/api/v1/account/second-factor"}
    assert [path for path, refuses in found if not refuses] == []


def takers_of_passwords(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, bool]]:
    """Address of each guarded POST with a password in its input, and whether it refuses to be kept for a replay."""
    for route in routes:
        nested = getattr(route, "original_router", None)  # how FastAPI keeps an included router
        if nested is not None:
            yield from takers_of_passwords(nested.routes)
        if not isinstance(route, APIRoute) or "POST" not in (route.methods or ()):
            continue
        fields = {
            name
            for given in route.dependant.body_params
            for name in getattr(given.field_info.annotation, "model_fields", {})
        }
        needs = [one.call for one in route.dependant.dependencies if isinstance(one.call, Requirement)]
        if needs and fields & {"current", "new", "password"}:
            yield route.path, all(one.secret_answer for one in needs)


def test_a_password_typed_into_the_field_of_the_user_name_is_kept_and_shown_nowhere(app: FastAPI) -> None:
    admin = administrator(app)
    for _ in range(5):
        assert sign_in(browser(app), OTHER, "").status_code == 401
    assert sign_in(browser(app), OTHER, "").status_code == 429, "counted all the same"
    page = admin.get("/system/operators", headers={"Accept": "text/html", "Accept-Language": "en"}).text
    assert "A user name that no account has" in page
    assert OTHER not in page
    with context_of_app(app).database.read() as session:
        kept = [str(row) for row in session.connection().execute(text("SELECT * FROM sign_in_failure")).all()]
    assert len(kept) == 5
    plain = hashlib.sha256(OTHER.encode()).hexdigest()
    assert not [row for row in kept if OTHER in row or plain in row]
