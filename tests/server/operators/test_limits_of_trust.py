"""Who may lock whom out, who may give whom what, and what happens when two do it at once."""

import threading
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.db.clock import FixedClock
from server.operators import sign_in as limits
from server.operators.actor import SYSTEM
from server.operators.service import change_operator, create_operator
from server.problems import Problem
from tests.server.badges.making import approve, complete_application
from tests.server.browser import PASSWORD, administrator, browser, context_of_app, sign_in, token_client
from tests.server.conftest import ON_SQLITE


def at(app: FastAPI, address: str) -> TestClient:
    """A browser at an address."""
    return TestClient(
        app, base_url="https://testserver", headers={"Sec-Fetch-Site": "same-origin"}, client=(address, 40000)
    )


def test_a_stranger_cannot_lock_an_operator_out_of_the_usual_desk(app: FastAPI, clock: FixedClock) -> None:
    administrator(app)  # from the address "testclient"
    for number in range(limits.LIMIT_USERNAME // limits.LIMIT_PAIR):
        for _ in range(limits.LIMIT_PAIR):
            assert sign_in(at(app, f"10.0.0.{number}"), "admin", "wrong").status_code == 401
    assert sign_in(at(app, "10.0.0.99"), "admin", PASSWORD).status_code == 429
    assert sign_in(browser(app), "admin", PASSWORD).status_code == 200
    clock.advance(limits.WINDOW + timedelta(seconds=1))
    assert sign_in(at(app, "10.0.0.99"), "admin", PASSWORD).status_code == 200


def test_guesses_at_many_names_behind_one_proxy_do_not_lock_out_who_signs_in_there(app: FastAPI) -> None:
    administrator(app)
    for number in range(limits.LIMIT_ADDRESS):
        assert sign_in(browser(app), f"nobody{number}", "wrong").status_code == 401
    assert sign_in(browser(app), "nobody999", "wrong").status_code == 429
    assert sign_in(browser(app), "admin", PASSWORD).status_code == 200
    for _ in range(limits.LIMIT_PAIR):
        assert sign_in(browser(app), "admin", "wrong").status_code == 401
    assert sign_in(browser(app), "admin", PASSWORD).status_code == 429, "its own wrong passwords still count"


def test_a_stolen_session_cannot_guess_the_password(app: FastAPI) -> None:
    thief = administrator(app)
    guess = {"current": "wrong", "new": "another horse 43 pile"}
    for _ in range(limits.LIMIT_PAIR):
        assert thief.post("/api/v1/account/password", json=guess).status_code == 403
    refused = thief.post("/api/v1/account/password", json=guess | {"current": PASSWORD})
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")


def test_two_administrators_who_close_each_other_at_once_do_not_both_succeed(app: FastAPI) -> None:
    administrator(app)
    context = context_of_app(app)
    now = context.clock.now()
    with context.database.write() as session:
        other, _ = create_operator(session, SYSTEM, now, "second", "Second", "administrator")
        other_id = other.public_id
    api = token_client(app)
    first_id = next(row["id"] for row in api.get("/api/v1/operators").json()["items"] if row["username"] == "admin")
    together = threading.Barrier(2)
    outcomes: list[bool] = []

    def close(public_id: str) -> None:
        together.wait()
        try:
            with context.database.write() as session:
                change_operator(session, SYSTEM, now, public_id, disabled=True)
            outcomes.append(True)
        except Problem:
            outcomes.append(False)

    threads = [threading.Thread(target=close, args=(name,)) for name in (first_id, other_id)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == [False, True]


@ON_SQLITE
@pytest.mark.parametrize("role", ["customer_service", "supervisor"])
@pytest.mark.parametrize(
    "given",
    [
        {"staff": True, "areas": ["hall"]},
        {"may_escort": ["hall"]},
        {"keyholder": True},
        {"staff": True, "duties": ["guard"]},
    ],
    ids=str,
)
def test_standing_permissions_are_not_customer_services_to_give(
    app: FastAPI, role: str, given: dict[str, object]
) -> None:
    answer = token_client(app, role).post("/api/v1/holders", json={"name": "n"} | given)  # type: ignore[arg-type]
    assert answer.status_code == (403 if role == "customer_service" else 201), answer.text


@ON_SQLITE
def test_a_badge_of_own_staff_takes_the_same_permission(app: FastAPI) -> None:
    made = token_client(app).post("/api/v1/holders", json={"external_id": "guo", "name": "n", "staff": True})
    assert made.status_code == 201
    made = complete_application(token_client(app), "guo")
    assert approve(token_client(app, "customer_service"), made["id"]).status_code == 403
    assert approve(token_client(app, "supervisor"), made["id"]).status_code == 200


def test_a_code_goes_before_another_customers_external_id(app: FastAPI) -> None:
    api = token_client(app)
    for code, external_id in (("C001", "C002"), ("C002", "C001")):
        body = {"code": code, "external_id": external_id, "kind": "organisation", "name": code}
        body["contract"] = {"from": "2026-01-01", "areas": ["hall"]}  # type: ignore[assignment]
        assert api.post("/api/v1/customers", json=body).status_code == 201
    for code in ("C001", "C002"):
        assert api.get(f"/api/v1/customers/{code}").json()["code"] == code
        assert {row["customer"] for row in api.post(f"/api/v1/contracts/{code}/end").json()} == {code}
