"""Signing in, sessions that end at once, and the brake on guessing (D1, D2)."""

import stat
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from server.db.clock import FixedClock
from server.operators import sign_in as limits
from server.operators.guard import COOKIE
from server.operators.models import OperatorSession
from server.operators.password_changes import FIRST_SIGN_IN_FILE
from server.operators.service import ensure_administrator
from tests.server.browser import PASSWORD, administrator, browser, context_of_app, first_password, sign_in
from tests.server.conftest import ON_SQLITE


def test_the_first_password_lies_in_a_file_that_only_its_owner_reads_and_must_be_changed(app: FastAPI) -> None:
    path = context_of_app(app).config.dir / FIRST_SIGN_IN_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    client = browser(app)
    answer = sign_in(client, "admin", first_password(app))
    assert answer.json()["operator"]["must_change"] is True
    refused = client.get("/api/v1/customers")
    assert (refused.status_code, refused.json()["code"]) == (403, "password_change_required")
    assert client.get("/api/v1/session").json()["permissions"] == ["account.own"]
    changed = client.post("/api/v1/account/password", json={"current": first_password(app), "new": PASSWORD})
    assert changed.status_code == 204
    assert client.get("/api/v1/customers").status_code == 200
    assert not path.exists(), "the one-time password is gone with its use"


@ON_SQLITE
def test_a_second_start_makes_no_second_administrator(app: FastAPI) -> None:
    context = context_of_app(app)
    before = first_password(app)
    with context.database.write() as session:
        ensure_administrator(session, context.config.dir, context.clock.now())
    assert first_password(app) == before


@ON_SQLITE
def test_the_cookie_is_bound_to_this_host_and_out_of_reach_of_scripts(app: FastAPI) -> None:
    header = sign_in(browser(app), "admin", first_password(app)).headers["set-cookie"]
    assert header.startswith(f"{COOKIE}=")
    assert COOKIE.startswith("__Host-")
    for attribute in ("HttpOnly", "Secure", "Path=/", "SameSite=strict"):
        assert attribute in header
    assert "Domain" not in header


def test_the_database_holds_no_token_and_no_password(app: FastAPI) -> None:
    client = administrator(app)
    token = client.cookies[COOKIE]
    with context_of_app(app).database.read() as session:
        signed_in = session.exec(select(OperatorSession)).one()
        assert token not in signed_in.model_dump_json()


@ON_SQLITE
@pytest.mark.parametrize(("username", "password"), [("admin", "wrong"), ("nobody", "wrong"), ("", "")])
def test_a_wrong_sign_in_does_not_say_which_part_is_wrong(app: FastAPI, username: str, password: str) -> None:
    answer = sign_in(browser(app), username, password)
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_sign_in")
    assert "set-cookie" not in answer.headers


def test_guessing_is_braked_and_the_brake_wears_off(app: FastAPI, clock: FixedClock) -> None:
    client = browser(app)
    for _ in range(limits.LIMIT_PAIR):
        assert sign_in(client, "admin", "wrong").status_code == 401
    refused = sign_in(client, "admin", first_password(app))
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
    assert int(refused.headers["retry-after"]) > 0
    clock.advance(limits.WINDOW + timedelta(seconds=1))
    assert sign_in(client, "admin", first_password(app)).status_code == 200


def test_signing_out_ends_the_session_at_the_server(app: FastAPI) -> None:
    client = administrator(app)
    token = client.cookies[COOKIE]
    assert client.delete("/api/v1/session").status_code == 204
    again = browser(app)
    again.cookies.set(COOKIE, token, domain="testserver.local")
    assert again.get("/api/v1/session").status_code == 401


def test_a_session_ends_by_itself(app: FastAPI, clock: FixedClock) -> None:
    client = administrator(app)
    clock.advance(timedelta(hours=12) - timedelta(seconds=1))
    assert client.get("/api/v1/session").status_code == 200
    clock.advance(timedelta(seconds=1))
    assert client.get("/api/v1/session").status_code == 401


def new_operator(admin, app: FastAPI, role: str = "guard"):  # type: ignore[no-untyped-def]
    """A guard with a password of their own, signed in; the account's id and the browser."""
    made = admin.post("/api/v1/operators", json={"username": "li.na", "name": "李娜", "role": role}).json()
    client = browser(app)
    assert sign_in(client, "li.na", made["one_time_password"]).status_code == 200
    body = {"current": made["one_time_password"], "new": "gate 9 keeps the hall"}
    assert client.post("/api/v1/account/password", json=body).status_code == 204
    return made["id"], client


def test_a_closed_account_is_out_at_once_and_cannot_sign_in(app: FastAPI) -> None:
    admin = administrator(app)
    account, guard = new_operator(admin, app)
    assert guard.get("/api/v1/customers").status_code == 200
    assert admin.patch(f"/api/v1/operators/{account}", json={"disabled": True}).status_code == 200
    assert guard.get("/api/v1/customers").status_code == 401
    assert sign_in(browser(app), "li.na", "gate 9 keeps the hall").status_code == 401


def test_a_changed_role_signs_out_and_a_reset_password_too(app: FastAPI) -> None:
    admin = administrator(app)
    account, guard = new_operator(admin, app)
    admin.patch(f"/api/v1/operators/{account}", json={"role": "auditor"})
    assert guard.get("/api/v1/session").status_code == 401
    assert sign_in(guard, "li.na", "gate 9 keeps the hall").status_code == 200
    secret = admin.post(f"/api/v1/operators/{account}/reset-password").json()["one_time_password"]
    assert guard.get("/api/v1/session").status_code == 401
    assert sign_in(guard, "li.na", secret).json()["operator"]["must_change"] is True


def test_a_changed_password_ends_the_other_sessions_of_the_account(app: FastAPI) -> None:
    here = administrator(app)
    elsewhere = browser(app)
    assert sign_in(elsewhere, "admin", PASSWORD).status_code == 200
    answer = here.post("/api/v1/account/password", json={"current": PASSWORD, "new": "another horse 43 pile"})
    assert answer.status_code == 204
    assert here.get("/api/v1/session").status_code == 200
    assert elsewhere.get("/api/v1/session").status_code == 401


@ON_SQLITE
def test_a_password_is_due_after_a_month(app: FastAPI, clock: FixedClock) -> None:
    administrator(app)
    clock.advance(timedelta(days=30))
    client = browser(app)
    assert sign_in(client, "admin", PASSWORD).status_code == 200
    assert client.get("/api/v1/customers").json()["code"] == "password_change_required"


def test_the_last_administrator_cannot_be_closed_or_demoted(app: FastAPI) -> None:
    admin = administrator(app)
    account = admin.get("/api/v1/session").json()["id"]
    for change in ({"disabled": True}, {"role": "guard"}):
        answer = admin.patch(f"/api/v1/operators/{account}", json=change)
        assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")
    assert admin.get("/api/v1/operators").json()["items"][0]["role"] == "administrator"


@ON_SQLITE
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "", "Origin": "https://testserver"},
    ],
    ids=str,
)
def test_another_sites_page_cannot_act_with_the_operators_cookie(app: FastAPI, headers: dict[str, str]) -> None:
    client = administrator(app)
    body = {"code": "C1", "kind": "individual", "name": "n"}
    answer = client.post("/api/v1/customers", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
    assert client.get("/api/v1/customers", headers=headers).json()["items"] == [], "reading changes nothing"


@ON_SQLITE
def test_without_fetch_metadata_the_origin_decides(app: FastAPI) -> None:
    client = administrator(app)
    del client.headers["Sec-Fetch-Site"]
    body = {"code": "C1", "kind": "individual", "name": "n"}
    for origin, status in [("", 403), ("https://evil.example", 403), ("null", 403), ("https://testserver", 201)]:
        headers = {"Origin": origin} if origin else {}
        assert client.post("/api/v1/customers", json=body, headers=headers).status_code == status


def test_acts_are_in_the_audit_log_with_who_and_what_before_and_after(app: FastAPI) -> None:
    admin = administrator(app)
    account, _guard = new_operator(admin, app)
    admin.patch(f"/api/v1/operators/{account}", json={"name": "李 娜"})
    entries = admin.get("/api/v1/audit", params={"subject": account}).json()["items"]
    assert [entry["act"] for entry in entries] == ["operator.create", "operator.change_password", "operator.change"]
    last = entries[-1]
    assert (last["before"]["name"], last["after"]["name"]) == ("李娜", "李 娜")
    assert (last["actor_name"], last["address"]) == ("Administrator", "testclient")
    assert "password" not in str(entries[0]["after"])


def closed_sessions(client: TestClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get("/api/v1/audit", params={"act": "session.close"}).json()["items"]
    return items


@ON_SQLITE
@pytest.mark.parametrize("by", ["api", "page"])
def test_who_signs_out_is_on_record(app: FastAPI, by: str) -> None:
    admin = administrator(app)
    account, guard = new_operator(admin, app)
    name = guard.get("/api/v1/account/sessions").json()[0]["id"]
    out = guard.delete("/api/v1/session") if by == "api" else guard.post("/sign-out", follow_redirects=False)
    assert out.status_code in (204, 303)
    [entry] = closed_sessions(admin)
    assert (entry["actor"], entry["subject"]) == (account, name)


@ON_SQLITE
def test_the_oldest_session_that_ends_at_one_sign_in_too_many_is_on_record(app: FastAPI) -> None:
    admin = administrator(app)
    first = admin.get("/api/v1/account/sessions").json()[0]["id"]
    for _ in range(limits.MAX_SESSIONS_PER_OPERATOR):
        last = browser(app)
        assert sign_in(last, "admin", PASSWORD).status_code == 200
    assert admin.get("/api/v1/session").status_code == 401
    assert [entry["subject"] for entry in closed_sessions(last)] == [first]
