"""What an administrator alone, a stranger or a thief of a session would try against the accounts (D1, D3)."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from server.db.clock import FixedClock
from server.operators import recovery
from server.operators import sign_in as limits
from server.operators.actor import Actor
from server.operators.models import Operator
from server.operators.validity import no_longer_valid
from tests.server.browser import PASSWORD, administrator, browser, context_of_app, sign_in
from tests.server.conftest import ON_SQLITE
from tests.server.operators.people import person, refusal, who
from tests.server.operators.test_approvals import APPROVALS, OPERATORS, bearer, new
from tests.server.operators.test_recovery import approved, opening, sealed
from tests.server.operators.test_second_factor import enrol

pytestmark = ON_SQLITE
OTHER_PASSWORD = "quiet river 58 lamp"


def signed_in_as(app: FastAPI, username: str, one_time: str) -> TestClient:
    """Whoever was told the one-time password."""
    client = browser(app)
    assert sign_in(client, username, one_time).status_code == 200
    changed = client.post("/api/v1/account/password", json={"current": one_time, "new": OTHER_PASSWORD})
    assert changed.status_code == 204, changed.text
    return client


@pytest.mark.parametrize("act", ["reset-password", "suspect"])
def test_who_resets_a_supervisors_password_does_not_approve_their_own_request_as_that_supervisor(
    app: FastAPI, act: str
) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    program = bearer(app, admin, "administrator")
    reset = program.post(f"{OPERATORS}/{who(boss)}/{act}", json={"reason": "says they forgot it"})
    puppet = signed_in_as(app, "boss", reset.json()["one_time_password"])
    made = new(admin, "second", "administrator")
    assert refusal(puppet.post(f"{APPROVALS}/{made['awaiting']}/approve", json={})) == (409, "FOUR_EYES")
    assert f"/{made['awaiting']}/approve" not in puppet.get("/system/operators").text
    other = person(app, "chief", "supervisor")
    again = new(admin, "third", "administrator")
    assert other.post(f"{APPROVALS}/{again['awaiting']}/approve", json={}).status_code == 200, "nobody reset this one"


def taken_over(by: TestClient, app: FastAPI, victim: TestClient, username: str) -> TestClient:
    """Whoever ``by`` is, signed in as the victim."""
    reset = by.post(f"{OPERATORS}/{who(victim)}/reset-password")
    return signed_in_as(app, username, reset.json()["one_time_password"])


def test_who_resets_a_password_does_not_approve_what_that_account_asks_for(app: FastAPI) -> None:
    admin, other = administrator(app), person(app, "other", "administrator")
    puppet = taken_over(admin, app, other, "other")
    made = new(puppet, "second", "supervisor")
    assert refusal(admin.post(f"{APPROVALS}/{made['awaiting']}/approve", json={})) == (409, "FOUR_EYES")
    assert f"/{made['awaiting']}/approve" not in admin.get("/system/operators").text
    third = person(app, "third", "administrator")
    assert third.post(f"{APPROVALS}/{made['awaiting']}/approve", json={}).status_code == 200


def test_two_accounts_whose_passwords_one_person_reset_do_not_approve_for_each_other(app: FastAPI) -> None:
    admin = administrator(app)
    other, boss = person(app, "other", "administrator"), person(app, "boss", "supervisor")
    asker, head = (
        taken_over(bearer(app, admin, "administrator"), app, other, "other"),
        taken_over(admin, app, boss, "boss"),
    )
    asked = asker.post(APPROVALS, json={"kind": "restore", "subject": "backup-7", "reason": "disk died"}).json()
    assert refusal(head.post(f"{APPROVALS}/{asked['id']}/approve", json={})) == (409, "FOUR_EYES")


def test_a_reset_by_way_of_an_account_that_was_reset_counts_as_ones_own(app: FastAPI) -> None:
    admin = administrator(app)
    other, boss = person(app, "other", "administrator"), person(app, "boss", "supervisor")
    head = taken_over(taken_over(admin, app, other, "other"), app, boss, "boss")
    asked = admin.post(APPROVALS, json={"kind": "repair", "subject": "badge 7", "reason": "torn"}).json()
    assert refusal(head.post(f"{APPROVALS}/{asked['id']}/approve", json={})) == (409, "FOUR_EYES")


def test_nobody_approves_their_own_rise_in_the_account_whose_password_they_reset(app: FastAPI) -> None:
    admin = administrator(app)
    rising, boss = person(app, "rising", "administrator"), person(app, "boss", "supervisor")
    head = taken_over(rising, app, boss, "boss")
    risen = admin.patch(f"{OPERATORS}/{who(rising)}", json={"role": "supervisor", "reason": "moves"}).json()
    assert refusal(head.post(f"{APPROVALS}/{risen['awaiting']}/approve", json={})) == (409, "FOUR_EYES")


def test_a_supervisor_with_a_second_factor_of_before_the_reset_still_decides(app: FastAPI, clock: FixedClock) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    totp, _ = enrol(boss, clock)
    clock.advance(timedelta(minutes=1))
    one_time = admin.post(f"{OPERATORS}/{who(boss)}/reset-password").json()["one_time_password"]
    boss = browser(app)
    body = {"username": "boss", "password": one_time, "code": totp.at(clock.now())}
    assert boss.post("/api/v1/session", json=body).status_code == 200
    changed = boss.post("/api/v1/account/password", json={"current": one_time, "new": OTHER_PASSWORD})
    assert changed.status_code == 204
    made = new(admin, "second", "administrator")
    assert boss.post(f"{APPROVALS}/{made['awaiting']}/approve", json={}).status_code == 200


def test_the_first_password_of_a_new_account_is_made_by_an_administrator_and_binds_nobody(app: FastAPI) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    made = new(admin, "chief", "supervisor")
    assert boss.post(f"{APPROVALS}/{made['awaiting']}/approve", json={}).status_code == 200
    one_time = admin.post(f"{OPERATORS}/{made['id']}/reset-password").json()["one_time_password"]
    chief = signed_in_as(app, "chief", one_time)
    second = new(admin, "second", "administrator")
    assert chief.post(f"{APPROVALS}/{second['awaiting']}/approve", json={}).status_code == 200


def test_an_administrator_becomes_no_supervisor_unasked(app: FastAPI) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    second = person(app, "second", "administrator")
    risen = admin.patch(f"{OPERATORS}/{who(second)}", json={"role": "supervisor", "reason": "moves"})
    assert (risen.status_code, risen.json()["role"]) == (202, "administrator")
    assert boss.post(f"{APPROVALS}/{risen.json()['awaiting']}/approve", json={}).status_code == 200


def test_a_token_made_as_recovery_ends_when_that_account_closes_by_itself(app: FastAPI, clock: FixedClock) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    a, b = sealed(admin)
    approved(admin, boss)
    one_time = opening(admin, a, b).json()["one_time_password"]
    program = bearer(app, signed_in_as(app, "recovery", one_time), "administrator")
    assert program.get(OPERATORS).status_code == 200
    clock.advance(recovery.OPEN_FOR + timedelta(seconds=1))
    assert program.get(OPERATORS).status_code == 401


def test_a_stranger_who_guesses_at_recovery_does_not_keep_the_halves_from_opening(app: FastAPI) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    a, b = sealed(admin)
    approved(admin, boss)
    for name in (recovery.GUESSED, "recovery"):
        for number in range(limits.LIMIT_USERNAME):
            address = f"10.0.{number // limits.LIMIT_PAIR}.{len(name)}"
            stranger = TestClient(
                app, base_url="https://testserver", headers={"Sec-Fetch-Site": "same-origin"}, client=(address, 40000)
            )
            sign_in(stranger, name, "wrong")
    assert opening(admin, a, b).status_code == 200


def test_wrong_halves_are_braked_all_the_same(app: FastAPI) -> None:
    admin = administrator(app)
    a, b = sealed(admin)
    for _ in range(limits.LIMIT_PAIR):
        assert refusal(opening(admin, b, a)) == (422, "wrong_half")
    assert refusal(opening(admin, a, b)) == (429, "too_many_attempts")


def test_who_says_that_the_old_password_is_known_leaves_no_token_of_the_thief(app: FastAPI) -> None:
    thief, owner = administrator(app), browser(app)
    program = bearer(app, thief, "administrator")
    assert sign_in(owner, "admin", PASSWORD).status_code == 200
    body = {"current": PASSWORD, "new": OTHER_PASSWORD, "suspicion": "a stranger at my desk"}
    assert owner.post("/api/v1/account/password", json=body).status_code == 204
    assert thief.get("/api/v1/session").status_code == 401
    assert program.get(OPERATORS).status_code == 401


def test_setting_up_a_second_factor_signs_out_who_came_in_without_it(app: FastAPI, clock: FixedClock) -> None:
    here = administrator(app)
    thief = browser(app)
    assert sign_in(thief, "admin", PASSWORD).status_code == 200
    enrol(here, clock)
    assert here.get("/api/v1/session").status_code == 200
    assert thief.get("/api/v1/session").status_code == 401


@pytest.mark.parametrize("change", [{"disabled": True}, {"role": "guard"}], ids=["closed", "demoted"])
def test_whoever_gets_rid_of_all_others_is_not_at_the_first_start_again(
    app: FastAPI, change: dict[str, object]
) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")  # whom no approval and no bootstrap made
    assert admin.patch(f"{OPERATORS}/{who(boss)}", json=change).status_code == 200
    assert new(admin, "puppet", "supervisor")["status"] == 202


def test_open_streams_end_for_who_lacks_the_second_factor_that_is_demanded_now_and_for_tokens_of_who_is_over(
    app: FastAPI, clock: FixedClock
) -> None:
    admin, guard = administrator(app), person(app, "kim", "guard")
    context = context_of_app(app)
    watcher = Actor(
        "operator", who(guard), "Kim", "guard", session=guard.get("/api/v1/account/sessions").json()[0]["id"]
    )

    def gone(actor: Actor) -> bool:
        with context.database.read() as session:
            return actor in no_longer_valid(session, [actor], clock.now(), 30)

    assert not gone(watcher)
    assert admin.put(f"{OPERATORS}/second-factor/roles", json={"roles": ["guard"]}).status_code == 200
    assert gone(watcher)
    made = admin.post("/api/v1/tokens", json={"name": "wall", "role": "guard"}).json()["id"]
    program = Actor("token", made, "wall", "guard", made_by=who(admin))
    assert not gone(program)
    with context.database.write() as session:
        account = session.exec(select(Operator).where(Operator.username == "admin")).one()
        account.closes_at = clock.now()
        session.add(account)
    assert gone(program)
