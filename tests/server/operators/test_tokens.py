"""Bearer tokens of programs."""

from datetime import timedelta

from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.db.clock import FixedClock
from tests.server.browser import administrator, browser, token_client
from tests.server.conftest import ON_SQLITE


def test_a_token_is_shown_once_works_and_ends_at_once(app: FastAPI) -> None:
    admin = token_client(app)
    made = admin.post("/api/v1/tokens", json={"name": "crm", "role": "customer_service"}).json()
    crm = TestClient(app, base_url="https://testserver", headers={"Authorization": f"Bearer {made['token']}"})
    assert crm.get("/api/v1/session").json()["role"] == "customer_service"
    assert made["token"] not in admin.get("/api/v1/tokens").text
    assert admin.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    assert crm.get("/api/v1/session").status_code == 401


def test_a_token_ends_when_its_time_is_over(app: FastAPI, clock: FixedClock) -> None:
    admin = token_client(app)
    ends = clock.now() + timedelta(hours=1)
    body = {"name": "crm", "role": "auditor", "expires_at": ends.isoformat()}
    text = admin.post("/api/v1/tokens", json=body).json()["token"]
    crm = TestClient(app, base_url="https://testserver", headers={"Authorization": f"Bearer {text}"})
    assert crm.get("/api/v1/session").status_code == 200
    clock.advance(timedelta(hours=1))
    assert crm.get("/api/v1/session").status_code == 401


@ON_SQLITE
def test_a_token_needs_no_proof_of_origin_and_has_no_password(app: FastAPI) -> None:
    admin = token_client(app)
    answer = admin.post("/api/v1/account/password", json={"current": "x", "new": "y"})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_an_operator")


@ON_SQLITE
def test_a_made_up_token_is_nobody(app: FastAPI) -> None:
    for header in ("Bearer menjin_x", "Bearer ", "Basic eDp5", "menjin_x"):
        client = TestClient(app, base_url="https://testserver", headers={"Authorization": header})
        assert client.get("/api/v1/session").status_code == 401


def test_a_token_may_do_what_its_scopes_say_and_no_more(app: FastAPI) -> None:
    admin = token_client(app)
    body = {"name": "crm", "role": "customer_service", "scopes": ["registry.read", "registry.write"]}
    made = admin.post("/api/v1/tokens", json=body).json()
    assert made["scopes"] == ["registry.read", "registry.write"]
    crm = TestClient(app, base_url="https://testserver", headers={"Authorization": f"Bearer {made['token']}"})
    assert crm.get("/api/v1/session").json()["permissions"] == ["account.own", "registry.read", "registry.write"]
    assert crm.get("/api/v1/customers").status_code == 200
    refused = crm.get("/api/v1/badges")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    assert "badge.read" in refused.json()["detail"]


@ON_SQLITE
def test_a_scope_beyond_the_role_or_unknown_is_refused(app: FastAPI) -> None:
    admin = token_client(app)
    beyond = admin.post("/api/v1/tokens", json={"name": "crm", "role": "guard", "scopes": ["contract.write"]})
    assert (beyond.status_code, beyond.json()["code"], beyond.json()["field"]) == (422, "scope_beyond_role", "scopes")
    for scopes in (["registry.everything"], []):
        body = {"name": "crm", "role": "guard", "scopes": scopes}
        assert admin.post("/api/v1/tokens", json=body).status_code == 422


@ON_SQLITE
def test_a_token_with_scopes_makes_none_that_may_more(app: FastAPI) -> None:
    admin = administrator(app)
    body = {"name": "maker", "role": "administrator", "scopes": ["operator.manage", "audit.read"]}
    text = admin.post("/api/v1/tokens", json=body).json()["token"]
    headers = {"Authorization": f"Bearer {text}"}
    for more in ({}, {"scopes": ["badge.issue"]}):
        refused = browser(app).post(
            "/api/v1/tokens", json={"name": "x", "role": "administrator", **more}, headers=headers
        )
        assert (refused.status_code, refused.json()["code"]) == (422, "scope_beyond_own")
    less = {"name": "x", "role": "auditor", "scopes": ["audit.read"]}
    assert browser(app).post("/api/v1/tokens", json=less, headers=headers).status_code == 201


@ON_SQLITE
def test_the_log_says_what_a_token_was_when_it_was_made_and_when_it_ended(app: FastAPI, clock: FixedClock) -> None:
    admin = administrator(app)
    ends = (clock.now() + timedelta(hours=1)).isoformat()
    body = {"name": "crm", "role": "auditor", "scopes": ["audit.read"], "expires_at": ends}
    made = admin.post("/api/v1/tokens", json=body).json()["id"]
    assert admin.delete(f"/api/v1/tokens/{made}").status_code == 204
    created, revoked = admin.get("/api/v1/audit", params={"subject": made}).json()["items"]
    said = {
        "name": "crm",
        "role": "auditor",
        "scopes": ["audit.read"],
        "made_by": admin.get("/api/v1/session").json()["id"],
    }
    assert created["after"].items() >= said.items()
    assert created["after"]["expires_at"].startswith("2026-03-02T09:00")
    assert revoked["before"] == created["after"]
