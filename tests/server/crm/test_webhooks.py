"""Webhooks of the CRM: believed by their signature, heard once, and only ever a hint."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from server.app import create_app
from server.config import Config, ConfigError, load_config
from server.context import Context
from server.crm.connection import load_connection
from server.crm.models import CrmFetch
from server.crm.signature import secret_of, sign
from server.db.clock import FixedClock
from tests.server.browser import token_client
from tests.server.conftest import ON_SQLITE
from tests.server.crm.configured import SECRET, with_crm

URL = "/api/v1/registry/webhooks/crm"
BODY = json.dumps({"type": "customer.updated", "data": {"customer": "K-1"}}).encode()


@pytest.fixture
def crm_config(config: Config, tmp_path: Path) -> Config:
    return with_crm(config, tmp_path, "https://crm.invalid/api")


@pytest.fixture
def crm_app(crm_config: Config, clock: FixedClock):  # type: ignore[no-untyped-def]
    made = create_app(crm_config, clock=clock, run_services=False)
    yield made
    made.state.context.close()


def send(app: FastAPI, clock: FixedClock, body: bytes = BODY, message: str = "msg_1", late_s: int = 0, **change: str):  # type: ignore[no-untyped-def]
    at = int(clock.now().timestamp()) - late_s
    headers = {
        "webhook-id": message,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(secret_of(SECRET), message, at, body),
        "content-type": "application/json",
    }
    headers |= {name.replace("_", "-"): value for name, value in change.items()}
    return TestClient(app, base_url="https://testserver").post(URL, content=body, headers=headers)


def fetches(app: FastAPI) -> list[CrmFetch]:
    context: Context = app.state.context
    with context.database.read() as session:
        return list(session.exec(select(CrmFetch)).all())


def test_a_genuine_webhook_is_heard_once(crm_app: FastAPI, clock: FixedClock) -> None:
    first = send(crm_app, clock)
    assert (first.status_code, first.json()) == (202, {"heard": True})
    again = send(crm_app, clock)
    assert (again.status_code, again.json()) == (202, {"heard": False})
    assert [(row.external_id, row.state) for row in fetches(crm_app)] == [("K-1", "waiting")]


def test_what_is_not_genuine_changes_nothing(crm_app: FastAPI, clock: FixedClock) -> None:
    wrong = send(crm_app, clock, webhook_signature="v1,AAAA")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "webhook_wrong_signature")
    late = send(crm_app, clock, late_s=301)
    assert (late.status_code, late.json()["code"]) == (400, "webhook_too_old")
    early = send(crm_app, clock, late_s=-301)
    assert (early.status_code, early.json()["code"]) == (400, "webhook_too_new")
    none = TestClient(crm_app, base_url="https://testserver").post(URL, content=BODY)
    assert (none.status_code, none.json()["code"]) == (400, "webhook_malformed")
    assert fetches(crm_app) == []


@ON_SQLITE
@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"x", b'{"data": {"customer": 1}}', b'{"data": {"customer": ""}}', b"1" * 5000]
)
def test_a_genuine_webhook_that_names_no_customer_says_so(crm_app: FastAPI, clock: FixedClock, body: bytes) -> None:
    answer = send(crm_app, clock, body)
    assert (answer.status_code, answer.json()["field"]) == (422, "data.customer")
    assert fetches(crm_app) == []


@ON_SQLITE
def test_another_crms_name_is_not_there(crm_app: FastAPI, app: FastAPI, clock: FixedClock) -> None:
    elsewhere = TestClient(crm_app, base_url="https://testserver").post(URL + "x", content=BODY)
    assert elsewhere.status_code == 404
    assert send(app, clock).status_code == 404  # no CRM configured


@ON_SQLITE
def test_fetching_by_hand_needs_the_permission_and_a_crm(crm_app: FastAPI, app: FastAPI) -> None:
    desk = token_client(crm_app, "customer_service")
    assert desk.post("/api/v1/registry/fetch", json={"customer": "K-7"}).json() == {"asked": "K-7"}
    assert desk.post("/api/v1/registry/fetch").json() == {"asked": "all"}
    shown = desk.get("/api/v1/registry/connection").json()
    assert (shown["name"], shown["webhooks"], shown["waiting"]) == ("crm", True, 1)
    assert token_client(crm_app, "guard").post("/api/v1/registry/fetch").status_code == 403
    refused = token_client(app).post("/api/v1/registry/fetch")
    assert (refused.status_code, refused.json()["code"]) == (404, "no_crm")


@ON_SQLITE
@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('crm_url = "http://crm.example/api"', "only for loopback"),
        ('crm_url = "ftp://crm.example"', "write https"),
        ('crm_url = "https://u:p@crm.example"', "without user"),
    ],
)
def test_a_connection_that_cannot_be_used_is_refused(config: Config, line: str, says: str) -> None:
    key, value = line.split(" = ")
    given = config.model_copy(update={"crm_name": "crm", key: value.strip('"')})
    with pytest.raises(ConfigError, match=says):
        load_connection(given)


@ON_SQLITE
def test_a_secret_that_others_can_read_is_refused(config: Config, tmp_path: Path) -> None:
    given = with_crm(config, tmp_path, "https://crm.example")
    assert given.crm_webhook_secret_file is not None
    given.crm_webhook_secret_file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_connection(given)
    given.crm_webhook_secret_file.chmod(0o600)
    given.crm_webhook_secret_file.write_text("whsec_c2hvcnQ=")
    with pytest.raises(ConfigError, match="24 to 64"):
        load_connection(given)
    with pytest.raises(ConfigError, match="crm_name: missing"):
        load_connection(given.model_copy(update={"crm_name": ""}))


@ON_SQLITE
def test_a_webhooks_memory_ends_with_its_week(crm_app: FastAPI, clock: FixedClock) -> None:
    send(crm_app, clock)
    context: Context = crm_app.state.context
    with context.database.write() as session:
        row = session.exec(select(CrmFetch)).one()
        row.state, row.done_at = "done", clock.now()
        session.add(row)
    clock.advance(timedelta(days=8))
    send(crm_app, clock, message="msg_2")
    assert [row.webhook_id for row in fetches(crm_app)] == ["msg_2"]


def test_the_configuration_file_knows_these_keys(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("", "utf-8")
    for name, text in (("crm.token", "t"), ("crm.webhook", SECRET)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "server.toml"
    path.write_text(
        'dir = "d"\nsite_file = "site.toml"\ncrm_name = "crm"\ncrm_url = "https://crm.example/api/"\n'
        'crm_token_file = "crm.token"\ncrm_webhook_secret_file = "crm.webhook"\n',
        "utf-8",
    )
    connection = load_connection(load_config(path))
    assert connection is not None
    assert (connection.url, connection.token) == ("https://crm.example/api", "t")
    assert SECRET not in repr(connection)
