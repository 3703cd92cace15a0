"""Each role tries each act that it lacks, by every address that the server has: pages and API (D1, C4)."""

import asyncio
import json
import re

import pytest
from fastapi import FastAPI

import server.app
from server.app import PUBLIC_ENDPOINTS
from server.operators import guard
from server.operators.actor import Actor
from server.operators.guard import endpoint_permissions
from server.operators.permissions import ROLES, Permission, Role, allows
from tests.server.browser import token_client
from tests.server.conftest import ON_SQLITE

pytestmark = ON_SQLITE
UNSAFE_OF_AUDITOR = {Permission.OWN_ACCOUNT, Permission.OPERATOR_READ}
"""Signing out, the own password and second factor; ``operator.read`` is what withdrawing one's own request takes, and an auditor asks for nothing."""

SEARCHES = {"POST /visits/search", "POST /scanned", "POST /customers/persons", "POST /badges/persons"}
"""They change nothing; what is looked for does not stand in an address."""
CHECKED_INSIDE = {
    "POST /api/v1/commands",
    "POST /api/v1/permits/{name}/approve",
    "POST /api/v1/permits/{name}/refuse",
    "POST /api/v1/exit-slips/{name}/approve",
    "POST /api/v1/exit-slips/{name}/refuse",
}
"""What they take depends on the command, the area, the kind of slip: tests/server/rooms/test_orders.py, permits, equipment."""


async def answer(app: FastAPI, method: str, path: str) -> tuple[int, str]:
    """Status and problem code. Straight into the application: a client would take longer than the server."""
    sent: list[dict] = []  # type: ignore[type-arg]
    body = [{"type": "http.request", "body": b"{}", "more_body": False}]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "https", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("testclient", 1), "server": ("testserver", 443),
        "headers": [(b"host", b"testserver"), (b"content-type", b"application/json")],
    }  # fmt: skip

    async def receive() -> dict:  # type: ignore[type-arg]
        return body.pop() if body else {"type": "http.disconnect"}

    async def send(message: dict) -> None:  # type: ignore[type-arg]
        sent.append(message)

    await app(scope, receive, send)  # type: ignore[arg-type]
    status = sent[0]["status"]
    text = b"".join(message.get("body", b"") for message in sent[1:])
    return status, json.loads(text).get("code", "") if status >= 400 and text.startswith(b"{") else ""


def forbidden(app: FastAPI, role: Role) -> list[tuple[str, str]]:
    """(method, path) of all that this role must not do, with something in the place of each name."""
    found = []
    for line, permissions in endpoint_permissions(app.routes):
        method, path = line.split(" ", 1)
        if line not in PUBLIC_ENDPOINTS and not all(allows(role, one) for one in permissions):
            found.append((method, re.sub(r"\{[^}]*\}", "a", path)))
    return found


def test_each_role_is_refused_every_act_that_it_lacks(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: list[str] = []

    async def walk(role: Role) -> None:
        for method, path in acts:
            status, code = await answer(app, method, path)
            if status != 403 or (method != "HEAD" and code != "not_permitted"):
                wrong.append(f"{role}: {method} {path}: {status} {code}")

    for role in ROLES:
        acts = forbidden(app, role)
        assert (len(acts) >= 10) == (role != "administrator"), "the walk finds what there is"
        actor = Actor("operator", "opr_x", "Kim", role)
        for module in (guard, server.app):  # who it is, other tests see to; here the database would be most of the time
            monkeypatch.setattr(module, "authenticate", lambda _request, actor=actor: actor)
        asyncio.run(walk(role))
    assert wrong == []


def test_the_auditor_and_the_kiosk_may_change_nothing_but_their_own(app: FastAPI) -> None:
    for role, own in (("auditor", UNSAFE_OF_AUDITOR), ("kiosk", {Permission.OWN_ACCOUNT, Permission.KIOSK_USE})):
        for line, permissions in endpoint_permissions(app.routes):
            changes = (
                not line.startswith(("GET ", "HEAD ")) and line not in PUBLIC_ENDPOINTS | CHECKED_INSIDE | SEARCHES
            )
            if changes and all(allows(role, one) for one in permissions):  # type: ignore[arg-type]
                assert permissions <= own, line


def test_a_page_that_one_may_not_open_says_so_and_shows_nothing_of_it(app: FastAPI) -> None:
    page = token_client(app, "guard").get("/system/operators", headers={"Accept": "text/html"})
    assert page.status_code == 403
    assert "角色“值班人员”没有此项权限。" in page.text
    assert "admin" not in page.text
