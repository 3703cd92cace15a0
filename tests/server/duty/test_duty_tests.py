"""What must be tested, what is overdue since when, and tests that are signed and kept (L5)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlmodel import select

from server.app import open_context
from server.config import Config
from server.db.clock import FixedClock, to_us
from server.duty.models import DutyItem, DutyTest
from server.duty.overdue import overdue
from server.duty.testing import signature_holds
from server.keys import load_keys, rotate_keys, verifier
from server.ledger.models import LedgerEvent
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE, START

ITEMS, TESTS = "/api/v1/duty-items", "/api/v1/duty-tests"


@pytest.fixture
def api(app: FastAPI) -> TestClient:
    return token_client(app)


def items(client: TestClient, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(ITEMS, params=params).json()["items"]
    return found


def item(client: TestClient, kind: str = "rex", subject: str = "hall-door") -> dict[str, Any]:
    (found,) = items(client, kind=kind, subject=subject, retired=True)
    return found


def noted(client: TestClient, result: str = "pass", of: str = "rex", **body: Any) -> dict[str, Any]:
    answer = client.post(f"{ITEMS}/{item(client, of)['id']}/tests", json={"result": result} | body)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def due(client: TestClient, of: str = "rex") -> tuple[str | None, str | None]:
    shown = item(client, of)
    return shown["overdue_since"], shown["overdue_because"]


def test_the_doors_of_the_site_are_listed_from_the_start_and_overdue_until_they_were_tested(api: TestClient) -> None:
    listed = [(row["subject"], row["kind"]) for row in items(api)]
    kinds = ["exit", "rex", "manual_release", "fire_release"]
    assert listed == [(door, kind) for door in ("lobby-door", "hall-door") for kind in kinds]
    assert due(api) == ("2026-03-02T08:00:00Z", "never_tested")
    assert len(items(api, overdue=True)) == 8
    noted(api)
    assert due(api) == (None, None)
    assert len(items(api, overdue=True)) == 7


def test_a_test_is_due_again_when_its_interval_is_over_and_a_failed_one_at_once(
    api: TestClient, clock: FixedClock
) -> None:
    path = f"{ITEMS}/{item(api)['id']}"
    assert api.patch(path, json={"interval_days": 10}).status_code == 200
    noted(api)
    clock.advance(timedelta(days=10) - timedelta(microseconds=1))
    assert due(api) == (None, None)
    clock.advance(timedelta(microseconds=1))
    assert due(api) == ("2026-03-12T08:00:00Z", "late")
    noted(api, "fail", note="button stuck")
    assert due(api) == ("2026-03-12T08:00:00Z", "failed")
    noted(api, done_at="2026-03-11")  # noted later, done before the failure
    assert due(api) == ("2026-03-12T08:00:00Z", "failed")
    clock.advance(timedelta(hours=1))
    noted(api)
    assert due(api) == (None, None)


def test_handover_reads_the_longest_overdue_first(app: FastAPI, api: TestClient, clock: FixedClock) -> None:
    noted(api, done_at="2026-01-01")
    clock.advance(timedelta(hours=1))
    noted(api, "fail", "exit", note="lever loose")
    with context_of_app(app).database.read() as session:
        found = overdue(session, clock.now())
        assert [(one.item.kind, one.why) for one in found][:2] == [("rex", "late"), ("exit", "never_tested")]
        assert (found[-1].item.kind, found[-1].why, found[-1].since) == ("exit", "failed", clock.now())


def test_a_test_is_signed_and_checked_when_it_is_read(app: FastAPI, api: TestClient) -> None:
    shown = noted(api, note="ok")
    assert (shown["result"], shown["by_name"], shown["holds"], shown["countersigned"]) == (
        "pass",
        "test-administrator",
        True,
        None,
    )
    keys = {key.kid: key.public_key for key in context_of_app(app).keys.keys}
    message = b"menjin/v1/DutyTest\n" + shown["content"].encode()
    assert verifier(keys)(shown["kid"], message, bytes.fromhex(shown["signature"]))
    content = msgspec.json.decode(shown["content"])
    assert (content["subject"], content["kind"], content["done_at_us"]) == ("hall-door", "rex", to_us(START))
    assert api.get(f"{TESTS}/{shown['id']}").json() == shown
    assert api.get(TESTS, params={"item": shown["item"], "result": "pass"}).json()["items"] == [shown]


@ON_SQLITE
@pytest.mark.parametrize(
    "change",
    [
        "result = 'fail'",
        "note = 'x'",
        "by_name = 'x'",
        "done_at = '2026-01-01 00:00:00'",
        "evidence_seq = 7",
        "kid = 'server:00000000'",
    ],
)
def test_whoever_changes_a_test_in_the_database_breaks_its_signature(
    app: FastAPI, api: TestClient, change: str
) -> None:
    shown = noted(api)
    with context_of_app(app).database.write() as session:
        session.connection().execute(text("DROP TRIGGER duty_test_no_update"))
        session.connection().execute(text(f"UPDATE duty_test SET {change}"))
    assert api.get(f"{TESTS}/{shown['id']}").json()["holds"] is False


@ON_SQLITE
def test_a_signature_holds_when_its_key_was_replaced(app: FastAPI, api: TestClient, clock: FixedClock) -> None:
    noted(api)
    context = context_of_app(app)
    later = to_us(clock.now()) + 800 * 86_400_000_000
    keys = rotate_keys(context.config.dir, later)
    assert len(keys.keys) == 1, "the first key has ended and is gone"
    with context.database.read() as session:
        row = session.exec(select(DutyTest)).one()
        assert signature_holds(load_keys(context.config.dir), row, session.get_one(DutyItem, row.item_id))


def test_tests_and_countersignatures_are_never_changed_or_deleted(app: FastAPI, api: TestClient) -> None:
    shown = noted(api)
    assert token_client(app, "guard").post(f"{TESTS}/{shown['id']}/countersign").status_code == 200
    for table in ("duty_test", "duty_countersignature"):
        for statement in (f"UPDATE {table} SET by_name = 'x'", f"DELETE FROM {table}"):
            with (
                pytest.raises(DatabaseError, match="never changed or deleted"),
                context_of_app(app).database.write() as session,
            ):
                session.connection().execute(text(statement))


def test_a_second_person_countersigns_once(app: FastAPI, api: TestClient) -> None:
    shown = noted(api)
    path = f"{TESTS}/{shown['id']}/countersign"
    own = api.post(path)
    assert (own.status_code, own.json()["code"]) == (409, "own_test")
    guard = token_client(app, "guard")
    second = guard.post(path).json()["countersigned"]
    assert (second["by_name"], second["holds"]) == ("test-guard", True)
    again = token_client(app, "supervisor").post(path)
    assert (again.status_code, again.json()["code"]) == (409, "countersigned")
    assert api.get(f"{TESTS}/{shown['id']}").json()["countersigned"] == second


def test_the_ledgers_event_of_that_minute_is_linked(app: FastAPI, api: TestClient, clock: FixedClock) -> None:
    events = [(1, "rex", -61), (2, "grant", 0), (3, "rex", -30), (4, "rex", 59), (5, "fire", 0)]
    with context_of_app(app).database.write() as session:
        for seq, cause, offset_s in events:
            at_us = to_us(START) + offset_s * 1_000_000
            detail = f'{{"type":"DoorUnlocked","door":"hall-door","cause":"{cause}"}}'
            session.add(
                LedgerEvent(seq=seq, edge_id=1, at_us=at_us, kind="DoorUnlocked", door="hall-door", detail=detail)
            )
    assert noted(api)["evidence_seq"] == 3
    assert noted(api, of="fire_release")["evidence_seq"] == 5
    assert noted(api, of="manual_release")["evidence_seq"] is None
    clock.advance(timedelta(minutes=5))
    assert noted(api)["evidence_seq"] is None


def test_what_cannot_be_is_refused(api: TestClient) -> None:
    def code(answer: Any) -> tuple[int, str, str | None]:
        problem = answer.json()
        assert problem["detail_zh"], problem
        return answer.status_code, problem["code"], problem.get("field")

    path = f"{ITEMS}/{item(api)['id']}"
    assert code(api.post(ITEMS, json={"subject": "hall-door", "kind": "rex"})) == (409, "item_exists", "subject")
    assert code(api.post(ITEMS, json={"subject": "moon", "kind": "exit"})) == (422, "invalid_input", "subject")
    assert code(api.post(ITEMS, json={"subject": "z1", "kind": "sprinkler"})) == (422, "invalid_input", "kind")
    assert code(api.post(f"{path}/tests", json={"result": "fail"})) == (422, "invalid_input", "note")
    future = {"result": "pass", "done_at": "2026-03-02T08:02:00Z"}
    assert code(api.post(f"{path}/tests", json=future)) == (422, "invalid_input", "done_at")
    assert code(api.get(f"{ITEMS}/none")) == (404, "not_found", None)
    assert code(api.get(f"{TESTS}/none")) == (404, "not_found", None)
    assert code(api.patch(path, json={"retired": True})) == (422, "invalid_input", "note")
    assert api.patch(path, json={"retired": True, "note": "no button there"}).status_code == 200
    assert code(api.post(f"{path}/tests", json={"result": "pass"})) == (409, "item_retired", None)


def test_a_retired_item_is_neither_overdue_nor_made_again(
    app: FastAPI, api: TestClient, config: Config, clock: FixedClock
) -> None:
    path = f"{ITEMS}/{item(api)['id']}"
    api.patch(path, json={"retired": True, "note": "no button there"})
    assert "rex" not in [row["kind"] for row in items(api, overdue=True, subject="hall-door")]
    assert api.post(f"{ITEMS}/generate").json() == {"made": 0}
    again = open_context(config, clock)
    again.close()
    assert len(items(api, retired=True)) == 8
    assert api.patch(path, json={"retired": False}).json()["overdue_because"] == "never_tested"


@ON_SQLITE
def test_an_edges_battery_and_a_fire_zone_are_items_too(api: TestClient) -> None:
    assert api.post("/api/v1/edges", json={"name": "edge-1"}).status_code == 201
    assert api.post(f"{ITEMS}/generate").json() == {"made": 1}
    assert item(api, "battery", "edge-1")["interval_days"] == 31
    made = api.post(ITEMS, json={"subject": "z1", "kind": "fire_release", "interval_days": 90})
    assert (made.status_code, made.json()["interval_days"], made.headers["ETag"]) == (201, 90, '"1"')
    stale = api.patch(f"{ITEMS}/{made.json()['id']}", json={"note": "x"}, headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    first = api.get(ITEMS, params={"overdue": True, "limit": 3}).json()
    rest = api.get(ITEMS, params={"overdue": True, "after": first["next"]}).json()
    assert len(first["items"]) == 3
    assert len(rest["items"]) == 7
    assert rest["next"] is None


@ON_SQLITE
def test_guards_test_and_supervisors_say_what_is_tested(app: FastAPI, api: TestClient) -> None:
    guard, auditor = token_client(app, "guard"), token_client(app, "auditor")
    assert noted(guard)["by_name"] == "test-guard"
    assert guard.post(f"{ITEMS}/generate").status_code == 403
    assert auditor.get(TESTS).status_code == 200
    assert auditor.post(f"{ITEMS}/{item(api)['id']}/tests", json={"result": "pass"}).status_code == 403
    assert token_client(app, "customer_service").get(ITEMS).status_code == 403
    acts = [entry["act"] for entry in api.get("/api/v1/audit").json()["items"]]
    assert "duty.test" in acts
