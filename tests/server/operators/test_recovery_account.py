"""The account that an opened recovery secret gives: an administrator for eight hours, and never a second person beside who opened it (D1, D3)."""

import itertools
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.db.clock import FixedClock
from server.operators.actor import SYSTEM
from server.operators.recovery import OPEN_FOR, open_secret
from server.operators.service import find_operator
from tests.server.browser import administrator, browser, context_of_app, sign_in
from tests.server.conftest import ON_SQLITE
from tests.server.operators.people import acts_on, person, refusal, who
from tests.server.operators.test_approvals import APPROVALS, OPERATORS, bearer, new
from tests.server.operators.test_recovery import approved, opening, sealed

pytestmark = ON_SQLITE
PASSWORDS = (f"quiet river lamp {letter}{letter}" for letter in itertools.cycle("bdfhkmprtw"))
"""None comes back."""
CHANGES = [{"role": "guard"}, {"name": "Nobody"}, {"department": "south"}, {"disabled": False}]


def opened(app: FastAPI, opener: TestClient, head: TestClient, *, maker: TestClient | None = None) -> TestClient:
    """``recovery`` signed in, of a new secret."""
    halves = sealed(maker or opener)
    approved(opener, head)
    given = opening(opener, *halves).json()
    return entered(app, given["username"], given["one_time_password"])


def entered(app: FastAPI, username: str, one_time: str) -> TestClient:
    saved = browser(app)
    assert sign_in(saved, username, one_time).status_code == 200
    body = {"current": one_time, "new": next(PASSWORDS)}
    assert saved.post("/api/v1/account/password", json=body).status_code == 204
    return saved


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_nobody_changes_it_or_opens_it_by_hand_but_it_can_be_closed(app: FastAPI, change: dict[str, object]) -> None:
    admin = administrator(app)
    saved = opened(app, admin, person(app, "boss", "supervisor"))
    account = f"{OPERATORS}/{who(saved)}"
    if change == {"disabled": False}:
        assert admin.patch(account, json={"disabled": True}).status_code == 200
        assert saved.get("/api/v1/session").status_code == 401
    assert refusal(admin.patch(account, json=change)) == (409, "recovery_account")
    page = admin.get(f"/system/operators/{account.rsplit('/', 1)[1]}").text
    assert 'data-act="change"' not in page
    assert 'data-act="reopen-open"' not in page


def test_an_opening_gives_an_administrator_even_where_the_account_had_become_a_guard(
    app: FastAPI, clock: FixedClock
) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    account = who(opened(app, admin, boss))
    with context_of_app(app).database.write() as session:
        operator = find_operator(session, account)
        operator.role = "guard"
        session.add(operator)
    clock.advance(OPEN_FOR + timedelta(hours=1))
    assert opened(app, admin, boss).get(OPERATORS).status_code == 200
    assert "operator.change" in acts_on(admin, account)


def test_a_token_made_in_one_opening_does_not_come_to_life_at_the_next(app: FastAPI, clock: FixedClock) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    program = bearer(app, opened(app, admin, boss), "administrator")
    clock.advance(OPEN_FOR + timedelta(hours=1))
    opened(app, admin, boss)
    assert program.get(OPERATORS).status_code == 401


def test_it_approves_nothing(app: FastAPI) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    saved = opened(app, admin, boss)
    made = new(admin, "second", "supervisor")
    assert refusal(saved.post(f"{APPROVALS}/{made['awaiting']}/approve", json={})) == (403, "recovery_approves_nothing")
    assert f"/{made['awaiting']}/approve" not in saved.get("/system/operators").text


def test_what_it_asks_a_supervisor_approves_who_did_not_open_it(app: FastAPI) -> None:
    admin, second = administrator(app), person(app, "second", "administrator")
    boss, chief = person(app, "boss", "supervisor"), person(app, "chief", "supervisor")
    saved = opened(app, boss, chief, maker=admin)
    approve = f"{APPROVALS}/{new(saved, 'third', 'administrator')['awaiting']}/approve"
    for administers in (admin, second):
        assert refusal(administers.post(approve, json={})) == (403, "not_permitted")
    assert refusal(boss.post(approve, json={})) == (409, "FOUR_EYES"), "who opened it could be it"
    assert chief.post(approve, json={}).status_code == 200


def test_where_no_supervisor_is_left_another_administrator_approves_what_it_asks_and_not_who_opened_it(
    app: FastAPI,
) -> None:
    admin, second, boss = administrator(app), person(app, "second", "administrator"), person(app, "boss", "supervisor")
    saved = opened(app, admin, boss)
    assert admin.patch(f"{OPERATORS}/{who(boss)}", json={"disabled": True}).status_code == 200
    approve = f"{APPROVALS}/{new(saved, 'head', 'supervisor')['awaiting']}/approve"
    assert refusal(admin.post(approve, json={})) == (409, "FOUR_EYES")
    assert second.post(approve, json={}).status_code == 200


def test_a_lone_administrator_gets_a_supervisor_again_by_an_opening_that_the_head_approved_on_paper(
    app: FastAPI,
) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    assert admin.patch(f"{OPERATORS}/{who(boss)}", json={"disabled": True}).status_code == 200
    halves, context = sealed(admin), context_of_app(app)
    with context.database.write() as session:
        given = open_secret(session, SYSTEM, context.clock.now(), halves, "nobody approves", "Wang")
    saved = entered(app, given.username, given.one_time_password)
    approve = f"{APPROVALS}/{new(saved, 'head', 'supervisor')['awaiting']}/approve"
    assert admin.post(approve, json={}).status_code == 200
