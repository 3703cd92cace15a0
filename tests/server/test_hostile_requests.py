"""Requests that no honest program sends: each gets one clear refusal, with the security headers, on both databases."""

import json
import logging
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from server.app import routers
from server.openapi import describe
from server.operators.guard import _endpoints
from server.rim import SECURITY_HEADERS
from tests.server.browser import token_client
from tests.server.conftest import ON_POSTGRESQL, ON_SQLITE

HUGE = str(10**30)
DEEP = b"[" * 100_000 + b"]" * 100_000


def endpoints(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path of the API."""
    found = [line.split(" ", 1) for route in app.routes for line, _ in _endpoints(route)]
    return [(method, path) for method, path in found if path.startswith("/api/")]


def client_of(app: FastAPI) -> TestClient:
    """A program whose requests reach the server's own answer to a crash."""
    client = token_client(app)
    client._transport.raise_server_exceptions = False  # type: ignore[attr-defined]
    return client


@cache
def query_parameters() -> list[tuple[str, str]]:
    """Every list with each query parameter that it takes."""
    bare = FastAPI()
    for router in routers():
        bare.include_router(router)
    described = {path: item["get"] for path, item in describe(bare)["paths"].items() if "get" in item}
    found = [
        (path, parameter["name"])
        for path, endpoint in described.items()
        for parameter in endpoint.get("parameters", [])
        if "{" not in path and parameter["in"] == "query"
    ]
    assert ("/api/v1/badges", "number") in found
    return found


def filled(path: str, value: str) -> str:
    """The path with ``value`` for each of its parameters."""
    while "{" in path:
        before, rest = path.split("{", 1)
        path = before + quote(value, safe="") + rest.split("}", 1)[1]
    return path


@ON_POSTGRESQL
@pytest.mark.parametrize(
    "value", ["\x00", "a\x00b", HUGE, "-1", "\u00e9\u4e2d", "x" * 5_000, "'; DROP TABLE badge; --"]
)
def test_no_path_parameter_breaks_an_endpoint(app: FastAPI, value: str) -> None:
    client = client_of(app)
    for method, path in endpoints(app):
        if "{" in path:
            answer = client.request(method, filled(path, value), json={})
            assert 400 <= answer.status_code < 500, (method, path, answer.text)


@ON_POSTGRESQL
@pytest.mark.parametrize("value", ["\x00", HUGE, "-" + HUGE, "nan", "x" * 5_000])
def test_no_query_parameter_breaks_a_list(app: FastAPI, value: str) -> None:
    client = client_of(app)
    for path, name in query_parameters():
        answer = client.get(path, params={name: value, "history": "true"})
        assert answer.status_code < 500, (path, name, answer.text)


BODIES: list[bytes] = [
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"{",
    b"\xff\xfe",
    b'{"name": NaN}',
    b'{"name": 1e999}',
    b'{"\\ud800": 1}',
    b'{"a\\u0000b": 1}',
    b'{"name": ' + HUGE.encode() + b"}",
    b'{"name": ' + b"9" * 10_000 + b"}",
    b'{"name": ' + DEEP + b"}",
    DEEP,
]


@ON_POSTGRESQL
def test_no_body_breaks_an_endpoint(app: FastAPI) -> None:
    client = client_of(app)
    for method, path in endpoints(app):
        if method in ("POST", "PUT", "PATCH", "DELETE"):
            for body in BODIES:
                answer = client.request(
                    method, filled(path, "x"), content=body, headers={"Content-Type": "application/json"}
                )
                assert answer.status_code < 500, (method, path, body[:40], answer.text)


GIVEN: list[tuple[str, dict[str, Any]]] = [
    ("/customers", {"code": "C001", "kind": "organisation", "name": "?"}),
    ("/holders", {"name": "?", "staff": True}),
    ("/holders", {"name": "n", "areas": ["?"], "staff": True}),
    ("/holders", {"name": "n", "customer": "?"}),
    ("/contracts", {"customer": "?", "from": "2026-01-01", "areas": []}),
    ("/contracts", {"customer": "C", "from": "?", "areas": []}),
    ("/applications", {"holder": "?", "purpose": "x", "consent": True}),
    ("/applications", {"holder": "x", "purpose": "?", "consent": True, "schedule": "?"}),
    ("/applications/x/refuse", {"reason": "?"}),
    ("/badges/x/issue", {"number": "?", "card": {"technology": "desfire", "number": "1"}}),
    ("/badges/x/report", {"as": "lost", "reason": "?"}),
    ("/operators", {"username": "abc", "name": "?", "role": "guard"}),
    ("/tokens", {"name": "?", "role": "guard"}),
    ("/session", {"username": "?", "password": "x"}),
    ("/session", {"username": "x", "password": "?"}),
    ("/edges/enrol", {"token": "?", "public_key": "00" * 32}),
    ("/commands", {"edge": "?", "command": {"name": "Identify", "access_point": "x"}}),
    ("/commands", {"edge": "e", "command": {"name": "UnlockDoor", "door": "x", "reason": "?"}}),
    ("/commands", {"edge": "e", "command": {"name": "?"}}),
    ("/commands", {"edge": "e", "command": {"?": 1}}),
]


@pytest.mark.parametrize("text", ["\\u0000", "a\\u0000b", "\\ud800", "x\\udfffy"])
def test_text_that_a_database_cannot_hold_is_refused_with_one_line(app: FastAPI, text: str) -> None:
    client = client_of(app)
    for path, body in GIVEN:
        content = json.dumps(body).replace("?", text)
        answer = client.post("/api/v1" + path, content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_text"), (path, body, answer.text)


@ON_SQLITE
def test_text_that_only_looks_like_an_escape_is_taken(app: FastAPI) -> None:
    client = token_client(app)
    name = "\\u0000 \\ud800 \U0001f511"
    given = {"code": "C001", "kind": "individual", "name": name}
    for ensure_ascii in (True, False):
        given["code"] += "x"
        answer = client.post("/api/v1/customers", content=json.dumps(given, ensure_ascii=ensure_ascii).encode(),
                             headers={"Content-Type": "application/json"})  # fmt: skip
        assert (answer.status_code, answer.json()["name"]) == (201, name)


@ON_SQLITE
def test_a_form_with_a_nul_is_refused(app: FastAPI) -> None:
    client = client_of(app)
    headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/sign-in", content="username=a%00b&password=x", headers=headers).status_code == 422


def test_the_headers_stand_on_every_answer_a_crash_included(app: FastAPI) -> None:
    client = client_of(app)

    @app.get("/trial/crash")
    def crash() -> None:
        raise RuntimeError("inside")

    for path in ("/trial/crash", "/api/v1/customers", "/api/v1/nothing", "/nothing", "/static/x/y", "/sign-in"):
        answer = client.get(path)
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers.get(name) == value, (path, name)
        assert answer.headers["strict-transport-security"], path
        assert answer.headers["cache-control"], path
    assert client.get("/trial/crash").status_code == 500
    huge = client.post("/api/v1/customers", content=b"x" * 2_000_000)
    assert huge.status_code == 413
    assert huge.headers["x-frame-options"] == "DENY"


def test_what_a_failed_statement_carried_is_in_no_log(
    app: FastAPI, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    from sqlalchemy import text

    @app.get("/trial/statement")
    def statement() -> None:
        with app.state.context.database.read() as session:
            session.connection().execute(text("SELECT :name FROM nowhere"), {"name": "Li Na"})

    with caplog.at_level(logging.DEBUG):
        answer = client_of(app).get("/trial/statement")
    assert answer.status_code >= 500
    with pytest.raises(Exception, match="nowhere") as raised, app.state.context.database.read() as session:
        session.connection().execute(text("SELECT :name FROM nowhere"), {"name": "Li Na"})
    captured = capsys.readouterr()
    assert "Li Na" not in caplog.text + captured.out + captured.err + str(raised.value) + answer.text


def test_the_database_file_is_its_owners_even_where_its_folder_is_open(tmp_path: Path) -> None:
    from server.db.migrate import migrate

    tmp_path.chmod(0o755)
    migrate(f"sqlite:///{tmp_path / 'menjin.db'}")
    for file in tmp_path.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


@ON_SQLITE
def test_neither_the_schema_nor_its_pages_are_served_to_strangers(app: FastAPI) -> None:
    client = TestClient(app, base_url="https://testserver")
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404
    ours = [route.path for route in app.routes if isinstance(route, APIRoute) and "openapi" in route.path]
    assert [client.get(path).status_code for path in ours] == [401]
