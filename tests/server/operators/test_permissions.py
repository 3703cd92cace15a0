"""Every endpoint names its permission, and each role gets what the table says."""

from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI

from server.app import PUBLIC_ENDPOINTS
from server.operators.actor import Actor
from server.operators.guard import endpoints_without_permission, requires
from server.operators.permissions import ROLE_PERMISSIONS, ROLES, Permission, allows
from tests.server.browser import browser, token_client
from tests.server.conftest import ON_SQLITE


@ON_SQLITE
def test_every_endpoint_names_a_permission_or_is_public(app: FastAPI) -> None:
    assert endpoints_without_permission(app.routes, PUBLIC_ENDPOINTS) == []
    assert len(endpoints_without_permission(app.routes, frozenset())) >= 2, "the walk finds the public ones at least"


def test_an_endpoint_without_a_permission_is_found_however_it_is_added() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    outer, inner = APIRouter(prefix="/outer"), APIRouter(prefix="/inner")

    @inner.get("/open")
    def forgotten() -> None: ...

    @inner.get("/guarded")
    def guarded(_actor: Annotated[Actor, requires(Permission.LIVE_READ)]) -> None: ...

    outer.include_router(inner)
    app.include_router(outer, prefix="/api")
    app.add_route("/plain", forgotten)
    found = endpoints_without_permission(app.routes, frozenset())
    assert [line for line in found if "open" in line] == ["GET /api/outer/inner/open"]
    assert [line for line in found if "plain" in line] == ["GET /plain", "HEAD /plain"]
    assert not [line for line in found if "guarded" in line]


def test_every_permission_is_held_by_some_role_and_every_role_holds_some() -> None:
    assert set(ROLE_PERMISSIONS) == set(ROLES)
    assert frozenset().union(*ROLE_PERMISSIONS.values()) == frozenset(Permission)
    assert all(allows(role, Permission.OWN_ACCOUNT) for role in ROLES)


def test_the_auditor_holds_no_permission_to_change_anything() -> None:
    verbs = {permission.value.split(".")[1] for permission in ROLE_PERMISSIONS["auditor"]}
    assert verbs == {"own", "read", "read_all", "export"}


@ON_SQLITE
@pytest.mark.parametrize("role", ["guard", "auditor", "customer_service", "supervisor"])
def test_only_the_administrator_makes_operators(app: FastAPI, role: str) -> None:
    answer = token_client(app, role).post("/api/v1/operators", json={"username": "x1", "name": "X", "role": "guard"})  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


@ON_SQLITE
def test_nobody_gets_in_without_signing_in(app: FastAPI) -> None:
    answer = browser(app).get("/api/v1/customers")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail_zh"]
