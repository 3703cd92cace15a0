"""Badges over the API: binding of a card, quota, status, generation."""

import threading

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from controller.policy import credential_key
from server.badges.models import Badge
from server.badges.service import TRANSITIONS
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE


@pytest.fixture
def api(app: FastAPI) -> TestClient:
    client = token_client(app)
    for code, kind in (("C001", "organisation"), ("C003", "individual")):
        body = {"code": code, "kind": kind, "name": "n", "contract": {"from": "2026-01-01", "areas": ["hall"]}}
        assert client.post("/api/v1/customers", json=body).status_code == 201
    people = [
        {"external_id": "li", "name": "n", "customer": "C001"},
        {"external_id": "wang", "name": "n", "customer": "C001"},
        {"external_id": "zhao", "name": "n", "customer": "C003"},
        {"external_id": "guo", "name": "n", "staff": True, "areas": ["hall"]},
        {"external_id": "xu", "name": "n"},
    ]
    for person in people:
        assert client.post("/api/v1/holders", json=person).status_code == 201
    return client


def issue(api: TestClient, holder: str, number: str, /, **more: object):  # type: ignore[no-untyped-def]
    body = {"external_id": f"b-{number}", "holder": holder, "number": number}
    body |= {"card": {"technology": "desfire", "number": number}}
    return api.post("/api/v1/badges", json=body | more)


def test_a_badge_binds_a_card_whose_number_is_kept_as_a_keyed_hash(app: FastAPI, api: TestClient) -> None:
    made = issue(api, "li", "M1001")
    assert made.status_code == 201, made.text
    shown = made.json()
    assert (shown["kind"], shown["status"], shown["slot"], shown["generation"]) == ("customer", "active", 1, 1)
    assert api.get("/api/v1/badges/b-M1001").json() == shown
    context = context_of_app(app)
    with context.database.read() as session:
        stored = session.exec(select(Badge)).one()
    assert stored.credential == credential_key(context.keys.hash_key, "desfire", "M1001")
    assert "credential" not in shown


@ON_SQLITE
def test_the_kind_of_a_badge_follows_its_holder(api: TestClient) -> None:
    assert [issue(api, holder, f"M{n}").json()["kind"] for n, holder in enumerate(("li", "guo", "xu"))] == [
        "customer",
        "staff",
        "temporary",
    ]


@ON_SQLITE
def test_a_uid_is_the_same_card_in_either_case_of_letters(api: TestClient) -> None:
    assert issue(api, "guo", "S1", card={"technology": "uid", "number": "04a1b2c3d4e5f6"}).status_code == 201
    again = issue(api, "guo", "S2", card={"technology": "uid", "number": "04A1B2C3D4E5F6"})
    assert (again.status_code, again.json()["code"]) == (409, "card_bound")


def test_badges_beyond_the_quota_are_refused_with_the_rule(api: TestClient) -> None:
    assert [issue(api, "li", f"M{number}").json()["slot"] for number in (1, 2)] == [1, 2]
    refused = issue(api, "wang", "M3")
    assert (refused.status_code, refused.json()["code"], refused.json()["rule"]) == (409, "QUOTA_EXCEEDED", "B2")
    assert issue(api, "zhao", "M4").status_code == 201
    assert issue(api, "zhao", "M5").json()["code"] == "QUOTA_EXCEEDED"


def test_loss_frees_nothing_and_deregistration_frees_the_slot_for_the_next_generation(api: TestClient) -> None:
    issue(api, "zhao", "M1")
    api.post("/api/v1/badges/b-M1/report", json={"as": "lost"})
    assert issue(api, "zhao", "M2").json()["code"] == "QUOTA_EXCEEDED"
    assert api.post("/api/v1/badges/b-M1/report", json={"as": "revoked"}).json()["status"] == "revoked"
    again = issue(api, "zhao", "M3").json()
    assert (again["slot"], again["generation"]) == (1, 2)
    back = api.post("/api/v1/badges/b-M1/report", json={"as": "active"})
    assert (back.status_code, back.json()["code"]) == (409, "BADGE_REVOKED")


def test_ten_requests_at_once_get_the_quota_and_not_one_badge_more(app: FastAPI, api: TestClient) -> None:
    answers: list[tuple[int, str]] = []

    def ask(number: int) -> None:
        answer = issue(api, ("li", "wang")[number % 2], f"M{number}")
        answers.append((answer.status_code, answer.json().get("code", "")))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [(201, "")] * 2 + [(409, "QUOTA_EXCEEDED")] * 8
    slots = [badge["slot"] for badge in api.get("/api/v1/badges", params={"customer": "C001"}).json()["items"]]
    assert sorted(slots) == [1, 2]


def test_a_smaller_kind_is_refused_while_the_badges_do_not_fit_it(api: TestClient) -> None:
    issue(api, "li", "M1")
    issue(api, "wang", "M2")
    refused = api.patch("/api/v1/customers/C001", json={"kind": "individual"})
    assert (refused.status_code, refused.json()["code"]) == (409, "QUOTA_EXCEEDED")
    api.post("/api/v1/badges/b-M2/report", json={"as": "revoked"})
    assert api.patch("/api/v1/customers/C001", json={"kind": "individual"}).status_code == 200


@ON_SQLITE
def test_every_status_says_what_it_may_become(api: TestClient) -> None:
    for number, (old, allowed) in enumerate(TRANSITIONS.items()):
        if old in ("issued", "expired"):
            continue  # reached by the fleet and by time, not by a report
        for new in ("active", "suspended", "lost", "revoked"):
            name = f"T{number}{new}"
            issue(api, "guo", name)
            if old != "active":
                api.post(f"/api/v1/badges/b-{name}/report", json={"as": old})
            answer = api.post(f"/api/v1/badges/b-{name}/report", json={"as": new})
            assert (answer.status_code == 200) == (new == old or new in allowed), (old, new)


@ON_SQLITE
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"holder": "nobody"}, "not_found"),
        ({"schedule": "never"}, "unknown_schedule"),
        ({"from": "2026-02-01", "until": "2026-01-01"}, "invalid_input"),
        ({"card": {"technology": "mifare-classic", "number": "1"}}, "invalid_input"),
        ({"card": {"technology": "desfire", "number": "x" * 25}}, "invalid_input"),
        ({"number": "中"}, "invalid_input"),
        ({"number": ""}, "invalid_input"),
    ],
)
def test_a_badge_that_cannot_be_is_refused(api: TestClient, change: dict[str, object], code: str) -> None:
    answer = issue(api, "li", "M1", **change)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert api.get("/api/v1/badges").json()["items"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (
            {"external_id": "b-M1", "number": "M2", "card": {"technology": "desfire", "number": "M2"}},
            "external_id_taken",
        ),
        ({"external_id": "b2", "card": {"technology": "desfire", "number": "M2"}}, "number_taken"),
        ({"external_id": "b2", "number": "M2"}, "card_bound"),
    ],
)
def test_card_number_and_external_id_belong_to_one_badge(api: TestClient, change: dict[str, object], code: str) -> None:
    issue(api, "guo", "M1")
    answer = issue(api, "guo", "M1", **change)
    assert (answer.status_code, answer.json()["code"]) == (409, code)


def test_a_schedule_and_dates_are_kept(api: TestClient) -> None:
    shown = issue(api, "li", "M1", schedule="office", **{"from": "2026-01-01", "until": "2026-01-31"}).json()
    assert (shown["from"], shown["until"], shown["schedule"]) == (
        "2025-12-31T16:00:00Z",
        "2026-01-31T16:00:00Z",
        "office",
    )


@ON_SQLITE
def test_a_guard_reports_a_loss_but_does_not_bring_a_badge_back(app: FastAPI, api: TestClient) -> None:
    issue(api, "li", "M1")
    guard = token_client(app, "guard")
    assert guard.post("/api/v1/badges/b-M1/report", json={"as": "lost"}).status_code == 200
    assert guard.post("/api/v1/badges/b-M1/report", json={"as": "active"}).status_code == 403
    assert guard.post("/api/v1/badges/b-M1/report", json={"as": "revoked"}).status_code == 403
    assert issue(guard, "li", "M2").status_code == 403
    acts = [entry["act"] for entry in api.get("/api/v1/audit").json()["items"]]
    assert acts[-1] == "badge.report_lost"
