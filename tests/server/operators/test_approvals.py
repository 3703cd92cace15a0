"""What management authorises before it takes effect, and four eyes that are two persons (D1)."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session

from server.db.clock import FixedClock
from server.operators import approvals
from server.operators.actor import SYSTEM
from server.problems import Problem
from tests.server.browser import PASSWORD, administrator, browser, context_of_app, sign_in, token_client
from tests.server.conftest import ON_SQLITE
from tests.server.operators.people import acts_on, person, refusal, who

pytestmark = ON_SQLITE
OPERATORS, APPROVALS = "/api/v1/operators", "/api/v1/approvals"


def new(client: TestClient, username: str, role: str) -> dict:  # type: ignore[type-arg]
    answer = client.post(OPERATORS, json={"username": username, "name": "New", "role": role, "reason": "night shift"})
    assert answer.status_code in (201, 202), answer.text
    return {**answer.json(), "status": answer.status_code}


def bearer(app: FastAPI, maker: TestClient, role: str) -> TestClient:
    """A program with a token that ``maker`` made."""
    text = maker.post("/api/v1/tokens", json={"name": "script", "role": role}).json()["token"]
    return TestClient(app, base_url="https://testserver", headers={"Authorization": f"Bearer {text}"})


def test_an_administrator_is_authorised_by_another_before_the_account_opens(app: FastAPI) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    made = new(admin, "second", "administrator")
    assert (made["status"], made["one_time_password"], made["disabled"]) == (202, None, True)
    reset = f"{OPERATORS}/{made['id']}/reset-password"
    assert refusal(admin.post(reset)) == (409, "approval_waits")
    approve = f"{APPROVALS}/{made['awaiting']}/approve"
    assert refusal(admin.post(approve, json={})) == (409, "FOUR_EYES")
    assert refusal(person(app, "kim", "guard").post(approve, json={})) == (403, "not_permitted")
    assert boss.post(approve, json={"note": "agreed"}).json()["status"] == "used"
    secret = admin.post(reset).json()["one_time_password"]
    assert sign_in(browser(app), "second", secret).status_code == 200
    assert refusal(boss.post(approve, json={})) == (409, "approval_over"), "it counts once"
    assert acts_on(admin, made["id"]) == ["operator.create", "operator.change", "operator.reset_password"]


def test_the_first_supervisor_needs_nobody_and_every_one_after_that_does(app: FastAPI) -> None:
    admin = administrator(app)
    assert new(admin, "first", "supervisor")["status"] == 201
    assert new(admin, "second", "supervisor")["status"] == 202
    assert acts_on(admin, who(admin)).count("approval.bootstrap") == 1
    first = next(one for one in admin.get(OPERATORS).json()["items"] if one["username"] == "first")
    assert admin.patch(f"{OPERATORS}/{first['id']}", json={"disabled": True}).status_code == 200
    assert new(admin, "third", "supervisor")["status"] == 202, "alone again, but not for the first time"


def test_to_rise_and_to_come_back_wait_and_all_else_of_the_change_does_not(app: FastAPI) -> None:
    admin, boss, guard = administrator(app), person(app, "boss", "supervisor"), person(app, "kim", "guard")
    account = f"{OPERATORS}/{who(guard)}"
    risen = admin.patch(account, json={"role": "supervisor", "name": "Kim Min", "reason": "promoted"})
    assert risen.status_code == 202
    assert (risen.json()["role"], risen.json()["name"]) == ("guard", "Kim Min")
    assert guard.get("/api/v1/session").status_code == 200
    refused = boss.post(f"{APPROVALS}/{risen.json()['awaiting']}/refuse", json={})
    assert refusal(refused) == (422, "invalid_input")
    assert boss.post(f"{APPROVALS}/{risen.json()['awaiting']}/refuse", json={"note": "not yet"}).status_code == 200
    assert admin.get(OPERATORS).json()["items"][2]["role"] == "guard"
    assert admin.patch(f"{OPERATORS}/{who(boss)}", json={"disabled": True}).status_code == 200, (
        "closing waits for nobody"
    )
    assert boss.get("/api/v1/session").status_code == 401
    other = person(app, "chief", "supervisor")
    [closed] = [one for one in admin.get(OPERATORS).json()["items"] if one["username"] == "boss"]
    back = admin.patch(f"{OPERATORS}/{closed['id']}", json={"disabled": False})
    assert (back.status_code, back.json()["disabled"]) == (202, True)
    other.post(f"{APPROVALS}/{back.json()['awaiting']}/approve", json={})
    assert sign_in(browser(app), "boss", PASSWORD).status_code == 200


def test_nobody_approves_through_a_token_nor_their_own_request_made_through_one(app: FastAPI) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    made = new(bearer(app, admin, "administrator"), "second", "administrator")
    approve = f"{APPROVALS}/{made['awaiting']}/approve"
    assert refusal(admin.post(approve, json={})) == (409, "FOUR_EYES")
    for program in (bearer(app, admin, "supervisor"), token_client(app, "supervisor")):
        assert refusal(program.post(approve, json={})) == (403, "in_person")
    assert boss.post(approve, json={}).status_code == 200


def test_who_asked_takes_it_back_and_nobody_else(app: FastAPI) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    made = new(admin, "second", "administrator")
    withdraw = f"{APPROVALS}/{made['awaiting']}/withdraw"
    assert refusal(boss.post(withdraw)) == (403, "not_yours")
    assert admin.post(withdraw).json()["status"] == "withdrawn"
    assert refusal(boss.post(f"{APPROVALS}/{made['awaiting']}/approve", json={})) == (409, "approval_over")


def use(session: Session, clock: FixedClock, subject: str) -> None:
    approvals.use(session, SYSTEM, clock.now(), "restore", subject)


def test_a_restore_takes_a_supervisors_approval_which_counts_once_and_for_a_week(
    app: FastAPI, clock: FixedClock
) -> None:
    admin, boss, second = administrator(app), person(app, "boss", "supervisor"), person(app, "second", "administrator")
    asked = admin.post(APPROVALS, json={"kind": "restore", "subject": "backup-7", "reason": "disk died"})
    assert asked.status_code == 201
    again = admin.post(APPROVALS, json={"kind": "restore", "subject": "backup-7", "reason": "disk died"})
    assert refusal(again) == (409, "approval_waits")
    database = context_of_app(app).database
    with database.write() as session, pytest.raises(Problem, match="approval of another person"):
        use(session, clock, "backup-7")
    approve = f"{APPROVALS}/{asked.json()['id']}/approve"
    assert refusal(second.post(approve, json={})) == (403, "not_permitted"), "a superior, not another administrator"
    assert boss.post(approve, json={}).json()["status"] == "approved"
    with database.write() as session, pytest.raises(Problem):
        use(session, clock, "backup-8")
    with database.write() as session:
        use(session, clock, "backup-7")
    with database.write() as session, pytest.raises(Problem):
        use(session, clock, "backup-7")
    late = admin.post(APPROVALS, json={"kind": "restore", "subject": "backup-9", "reason": "disk died"}).json()
    boss.post(f"{APPROVALS}/{late['id']}/approve", json={})
    clock.advance(approvals.VALID + timedelta(seconds=1))
    with database.write() as session, pytest.raises(Problem):
        use(session, clock, "backup-9")


def test_a_test_of_safety_is_not_countersigned_by_its_makers_own_token_nor_the_other_way_round(app: FastAPI) -> None:
    boss = person(app, "boss", "supervisor")
    admin = administrator(app)
    mine, other = bearer(app, admin, "administrator"), bearer(app, admin, "supervisor")
    item = boss.get("/api/v1/duty-items").json()["items"][0]["id"]
    for maker, friend in ((mine, admin), (admin, mine), (mine, other)):
        made = maker.post(f"/api/v1/duty-items/{item}/tests", json={"result": "pass", "note": "tried"})
        assert made.status_code == 201, made.text
        sign = f"/api/v1/duty-tests/{made.json()['id']}/countersign"
        assert refusal(friend.post(sign)) == (409, "own_test")
        assert boss.post(sign).status_code in (200, 201)


def test_tokens_of_the_command_line_are_persons_of_their_own(app: FastAPI) -> None:
    one, two = token_client(app, "supervisor"), token_client(app, "administrator")
    item = one.get("/api/v1/duty-items").json()["items"][0]["id"]
    made = one.post(f"/api/v1/duty-items/{item}/tests", json={"result": "pass", "note": "tried"}).json()
    child = bearer(app, two, "supervisor")
    assert child.post(f"/api/v1/duty-tests/{made['id']}/countersign").status_code in (200, 201)
    made = two.post(f"/api/v1/duty-items/{item}/tests", json={"result": "pass", "note": "tried"}).json()
    assert refusal(child.post(f"/api/v1/duty-tests/{made['id']}/countersign")) == (409, "own_test")


def test_who_leaves_leaves_no_token_behind(app: FastAPI) -> None:
    administrator(app)
    leaving, staying = person(app, "second", "administrator"), person(app, "third", "administrator")
    program = bearer(app, leaving, "auditor")
    assert program.get("/api/v1/audit").status_code == 200
    assert staying.patch(f"{OPERATORS}/{who(leaving)}", json={"disabled": True}).status_code == 200
    assert program.get("/api/v1/audit").status_code == 401
