"""The register of mechanical keys: where each is, and everything that happened to it."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from server.duty.keys import key_in_use, note_use
from server.fleet.models import Edge
from server.ledger.models import LedgerAlarm
from server.operators.actor import SYSTEM
from server.problems import Problem
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE, START

KEYS = "/api/v1/mechanical-keys"
KEY = {"number": "K-1", "opens": ["hall-door", "cage-a", "hall-door"], "kept_at": "cabinet 1, hook 3"}


@pytest.fixture
def api(app: FastAPI) -> TestClient:
    client = token_client(app)
    for name, more in (("guo", {"staff": True}), ("gone", {"staff": True})):
        assert client.post("/api/v1/holders", json={"external_id": name, "name": name} | more).status_code == 201
    client.delete("/api/v1/holders/gone")
    assert client.post(KEYS, json=KEY).status_code == 201
    return client


def moved(client: TestClient, act: str, **body: Any) -> Any:
    return client.post(f"{KEYS}/K-1/{act}", json={"reason": "battery test"} | body)


def acts(client: TestClient) -> list[str]:
    return [row["act"] for row in client.get(f"{KEYS}/K-1/movements").json()["items"]]


def test_a_key_goes_out_comes_back_is_lost_and_found(api: TestClient) -> None:
    holder = api.get("/api/v1/holders/guo").json()["id"]
    made = api.get(f"{KEYS}/K-1").json()
    assert (made["opens"], made["state"], made["holder"], made["version"]) == (
        ["cage-a", "hall-door"],
        "in_cabinet",
        None,
        1,
    )
    states = []
    for act, body in (
        ("take", {"holder": "guo"}),
        ("return", {}),
        ("take", {"holder": "guo"}),
        ("lost", {}),
        ("return", {}),
    ):
        answer = moved(api, act, **body)
        assert answer.status_code == 200, answer.text
        states.append((answer.json()["state"], answer.json()["holder"]))
    assert states == [("out", holder), ("in_cabinet", None), ("out", holder), ("lost", holder), ("in_cabinet", None)]
    assert acts(api) == ["made", "taken", "returned", "taken", "lost", "found"]
    (first, *_) = api.get(f"{KEYS}/K-1/movements", params={"after": 1, "limit": 1}).json()["items"]
    assert (first["holder"], first["reason"], first["by_name"]) == (holder, "battery test", "test-administrator")


def test_what_cannot_be_is_refused(api: TestClient) -> None:
    def code(answer: Any) -> tuple[int, str, str | None]:
        problem = answer.json()
        assert problem["detail_zh"], problem
        return answer.status_code, problem["code"], problem.get("field")

    assert code(api.post(KEYS, json=KEY)) == (409, "number_taken", "number")
    assert code(api.post(KEYS, json=KEY | {"number": "K-2", "opens": ["moon"]})) == (422, "invalid_input", "opens")
    assert code(moved(api, "return")) == (409, "status_conflict", None)
    assert code(moved(api, "take", holder="nobody")) == (422, "not_found", "holder")
    assert code(moved(api, "take", holder="gone")) == (409, "deleted", "holder")
    assert moved(api, "take", holder="guo").status_code == 200
    assert code(moved(api, "take", holder="guo")) == (409, "status_conflict", None)
    assert code(api.get(f"{KEYS}/none")) == (404, "not_found", None)
    assert acts(api) == ["made", "taken"]


def test_a_key_in_use_is_one_that_there_is_and_that_is_not_lost_and_its_use_is_noted(
    app: FastAPI, api: TestClient
) -> None:
    context = context_of_app(app)

    def in_use(number: str) -> bool:
        with context.database.read() as session:
            return key_in_use(session, number)

    assert (in_use("K-1"), in_use("K-9")) == (True, False)
    with context.database.write() as session:
        edge = Edge(name="edge-1", created_at=START)
        session.add(edge)
        session.flush()
        values = {"source": "edge", "rule": "R1", "inputs": "{}", "raised_us": 0, "raised_seq": 1}
        alarm = LedgerAlarm(edge_id=edge.id, alarm="DoorForcedOpen", subject="hall-door", **values)
        session.add(alarm)
        session.flush()
        assert alarm.id is not None
        note_use(session, SYSTEM, START, "K-1", alarm.id, "opened by hand")
        alarm_id = alarm.id
    (_, used) = api.get(f"{KEYS}/K-1/movements").json()["items"]
    assert (used["act"], used["alarm_id"], used["reason"]) == ("used", alarm_id, "opened by hand")
    moved(api, "take", holder="guo")
    assert in_use("K-1")
    moved(api, "lost")
    assert not in_use("K-1")
    with context.database.write() as session, pytest.raises(Problem) as refused:
        note_use(session, SYSTEM, START, "K-1", alarm_id, "opened by hand")
    assert (refused.value.status, refused.value.code, refused.value.field) == (422, "no_such_key", "key")


def test_movements_are_never_changed_or_deleted(app: FastAPI, api: TestClient) -> None:
    for statement in ("UPDATE key_movement SET reason = 'x'", "DELETE FROM key_movement"):
        with (
            pytest.raises(DatabaseError, match="never changed or deleted"),
            context_of_app(app).database.write() as session,
        ):
            session.connection().execute(text(statement))
    assert acts(api) == ["made"]


@ON_SQLITE
def test_a_key_is_corrected_unless_it_changed_meanwhile(api: TestClient) -> None:
    answer = api.patch(f"{KEYS}/K-1", json={"kept_at": "safe"}, headers={"If-Match": '"1"'})
    assert (answer.json()["kept_at"], answer.headers["ETag"]) == ("safe", '"2"')
    assert api.patch(f"{KEYS}/K-1", json={"kept_at": "x"}, headers={"If-Match": '"1"'}).status_code == 412
    key = answer.json()["id"]
    audit = api.get("/api/v1/audit", params={"subject": key}).json()["items"]
    assert [entry["act"] for entry in audit] == ["key.made", "key.change"]


@ON_SQLITE
def test_guards_lend_keys_and_supervisors_make_them(app: FastAPI, api: TestClient) -> None:
    guard = token_client(app, "guard")
    assert guard.post(KEYS, json=KEY | {"number": "K-2"}).status_code == 403
    assert token_client(app, "supervisor").post(KEYS, json=KEY | {"number": "K-2"}).status_code == 201
    assert moved(guard, "take", holder="guo").status_code == 200
    assert [row["number"] for row in guard.get(KEYS, params={"state": "out"}).json()["items"]] == ["K-1"]
    assert moved(token_client(app, "auditor"), "return").status_code == 403
    assert token_client(app, "customer_service").get(KEYS).status_code == 403
