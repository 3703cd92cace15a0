"""A permit's life at customer service: drafted, complete, approved by whom the areas say, ended (B8, R4)."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import select

from server.db.clock import FixedClock
from server.permits.models import PermitApproval
from tests.server.browser import context_of_app
from tests.server.conftest import ON_SQLITE
from tests.server.permits.making import (
    PERSON,
    WINDOW,
    Desk,
    approved,
    checked_in,
    draft,
    pooled,
    problem,
    submitted,
)

TWO_PERSON = {"areas": ["hall"]}


def test_a_permit_goes_from_draft_to_approved_and_expects_its_visitors(desk: Desk) -> None:
    made = draft(desk)
    assert made["status"] == "draft"
    (person,) = made["persons"]
    assert made["missing"] == ["letter", f"{person['id']}.id_copy"]
    assert (person["name"], person["id_number"]) == ("徐*", "1***************2X")
    refused = desk.ask("customer_service", "POST", f"permits/{made['id']}/submit")
    assert problem(refused) == (409, "PERMIT_INCOMPLETE")
    assert refused.json()["missing"] == made["missing"]
    made = submitted(desk, external_id="V1")
    assert (made["status"], made["needed"], made["awaiting"]) == (
        "submitted",
        ["customer_service"],
        ["customer_service"],
    )
    assert made["visits"] == []
    done = desk.post("customer_service", "permits/V1/approve", note="known")
    assert (done["status"], done["awaiting"], len(done["visits"])) == ("approved", [], 1)
    assert [(one["as"], one["note"]) for one in done["approvals"]] == [("customer_service", "known")]


@ON_SQLITE
def test_what_a_person_lacks_is_named_and_can_be_completed(desk: Desk) -> None:
    made = draft(desk, persons=[{"name": "谁"}], customer=None)
    (person,) = made["persons"]
    assert made["missing"] == [f"{person['id']}.{what}" for what in ("id_document", "id_number", "id_copy")]
    path = f"permits/{made['id']}"
    assert desk.ask("customer_service", "DELETE", f"{path}/persons/{person['id']}").json()["missing"] == ["persons"]
    known = desk.post("customer_service", f"{path}/persons", holder="xu")
    assert known["persons"][0]["holder"] == "hol_xu"
    assert problem(desk.ask("customer_service", "POST", f"{path}/persons", holder="xu")) == (409, "person_there")
    assert problem(desk.ask("customer_service", "POST", f"{path}/persons", holder="li")) == (422, "invalid_input")


def test_a_main_room_takes_two_approvals_of_two_people(desk: Desk) -> None:
    made = submitted(desk, **TWO_PERSON)
    path = f"permits/{made['id']}/approve"
    assert made["needed"] == ["customer_service", "it_head"]
    assert problem(desk.ask("guard", "POST", path)) == (403, "not_permitted")
    both = desk.post("administrator", path)
    assert (both["status"], both["awaiting"]) == ("submitted", ["it_head"])
    assert problem(desk.ask("administrator", "POST", path)) == (409, "FOUR_EYES")
    assert problem(desk.ask("customer_service", "POST", path)) == (409, "approved_already")
    assert desk.get("permits", awaiting="it_head")["items"][0]["id"] == made["id"]
    assert desk.get("permits", awaiting="customer_service")["items"] == []
    assert desk.post("it_head", path)["status"] == "approved"
    assert desk.get("permits", awaiting="it_head")["items"] == []


def test_the_database_itself_refuses_both_approvals_of_one_person(app: FastAPI, desk: Desk) -> None:
    from sqlalchemy.exc import IntegrityError

    desk.post("administrator", f"permits/{submitted(desk, **TWO_PERSON)['id']}/approve")
    with context_of_app(app).database.read() as session:
        first = session.exec(select(PermitApproval)).one()
    again = PermitApproval(**first.model_dump(exclude={"id", "role"}), role="it_head")
    with pytest.raises(IntegrityError), context_of_app(app).database.write() as session:
        session.add(again)


@ON_SQLITE
def test_to_operate_systems_takes_the_it_head_as_well(desk: Desk) -> None:
    assert submitted(desk, operates=True)["needed"] == ["customer_service", "it_head"]


@ON_SQLITE
def test_a_refused_permit_says_why_and_stays_refused(desk: Desk) -> None:
    path = f"permits/{submitted(desk)['id']}"
    assert problem(desk.ask("it_head", "POST", f"{path}/refuse", reason="no")) == (403, "not_permitted")
    shown = desk.post("customer_service", f"{path}/refuse", reason="no seal on the letter")
    assert (shown["status"], shown["decision_note"]) == ("refused", "no seal on the letter")
    assert problem(desk.ask("customer_service", "POST", f"{path}/approve")) == (409, "status_conflict")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"areas": ["moon"]}, "unknown_area"),
    ({"areas": ["outside"]}, "invalid_input"),
    ({"areas": ["cage-a"], "customer": "C002"}, "NO_PERMISSION"),
    ({"areas": ["cage-a"], "customer": None}, "NO_PERMISSION"),
    ({"until": "2026-03-02T07:00:00Z", "from": "2026-03-02T06:00:00Z"}, "invalid_input"),
    ({"until": "2026-03-02T08:00:00Z"}, "invalid_input"),
    ({"until": "2026-05-02"}, "invalid_input"),
    ({"kind": "recurring", "customer": "C009"}, "invalid_input"),
    ({"kind": "recurring", "schedule": "office"}, "invalid_input"),
    ({"kind": "recurring", "schedule": "night", "customer": "C009"}, "unknown_schedule"),
    ({"kind": "recurring", "schedule": "office", "customer": "C009", "until": "2027-04-02"}, "invalid_input"),
    ({"escort": "li"}, "invalid_input"),
    ({"escort": "nobody"}, "not_found"),
    ({"level": "royal"}, "invalid_input"),
    ({"customer": "C999"}, "not_found"),
    ({"external_id": "emergency-7"}, "invalid_input"),
]


@ON_SQLITE
def test_what_cannot_be_asked_for_is_refused(desk: Desk) -> None:
    for more, code in REFUSED:
        body = {"customer": "C001", "reason": "x", "areas": ["lobby"]} | WINDOW | more
        body = {key: value for key, value in body.items() if value is not None}
        assert problem(desk.ask("customer_service", "POST", "permits", **body)) == (422, code), more


@ON_SQLITE
def test_dates_are_inclusive_and_a_draft_is_changed_only_while_it_is_one(desk: Desk) -> None:
    made = draft(desk, **{"from": "2026-03-03", "until": "2026-03-03"})
    assert (made["from"], made["until"]) == ("2026-03-02T16:00:00Z", "2026-03-03T16:00:00Z")
    path = f"/api/v1/permits/{made['id']}"
    client = desk.client("customer_service")
    answer = client.patch(path, json={"areas": ["lobby", "hall"], "escort": "guo"}, headers={"If-Match": '"99"'})
    assert answer.status_code == 412
    assert problem(client.patch(path, json={"areas": ["lobby", "hall"], "escort": "guo"})) == (422, "invalid_input")
    shown = client.patch(path, json={"areas": ["hall"], "escort": "guo", "until": "2026-03-04"}).json()
    assert (shown["areas"], shown["escort"], shown["until"]) == (["hall"], "hol_guo", "2026-03-04T16:00:00Z")
    desk.put("customer_service", f"permits/{made['id']}/letter")
    desk.put("customer_service", f"permits/{made['id']}/persons/{made['persons'][0]['id']}/id-copy")
    desk.post("customer_service", f"permits/{made['id']}/submit")
    assert problem(client.patch(path, json={"reason": "another"})) == (409, "status_conflict")
    assert client.put(f"{path}/letter", content=b"x").status_code in (409, 415)


@ON_SQLITE
def test_an_ended_permit_revokes_its_badges_and_closes_when_they_are_back(desk: Desk) -> None:
    pooled(desk)
    permit = approved(desk)
    visit = checked_in(desk, permit)
    ended = desk.post("customer_service", f"permits/{permit['id']}/end", reason="contract ended")
    assert ended["status"] == "ended"
    (badge,) = desk.get(f"visits/{visit['id']}")["badges"]
    assert badge["status"] == "revoked"
    assert [one["why"] for one in desk.get("visits/overdue")["items"]] == [["permit_ended"]]
    assert desk.get("temporary-badges/T1")["state"] == "lent"
    desk.post("guard", f"visits/{visit['id']}/check-out", content="left", operations="none", badge="returned")
    assert desk.get(f"permits/{permit['id']}")["status"] == "closed"
    assert desk.get("visits/overdue")["items"] == []


@ON_SQLITE
def test_what_is_over_ends_by_itself_and_its_papers_are_erased_in_time(
    app: FastAPI, desk: Desk, clock: FixedClock
) -> None:
    from server.personal.erasure import ErasureService

    pooled(desk)
    never_came, came = approved(desk), approved(desk, external_id="V2")
    checked_in(desk, came)
    clock.advance(timedelta(hours=4))
    erasure = ErasureService(context_of_app(app))
    erasure.run_once(clock.now())
    shown = desk.get(f"permits/{never_came['id']}")
    assert (shown["status"], shown["end_reason"]) == ("closed", "its window is over")
    assert desk.get(f"visits/{never_came['visits'][0]}")["status"] == "void"
    assert desk.get("permits/V2")["status"] == "ended"
    assert [one["why"] for one in desk.get("visits/overdue")["items"]] == [["window_over"]]
    clock.advance(timedelta(days=31))
    assert erasure.run_once(clock.now()) == 2
    assert desk.get(f"permits/{never_came['id']}")["letter"] is None
    assert desk.get("permits/V2")["letter"] is not None


@ON_SQLITE
def test_permits_of_another_department_are_not_there(app: FastAPI, desk: Desk) -> None:
    from sqlalchemy import text

    made = approved(desk)
    with context_of_app(app).database.write() as session:
        session.connection().execute(text("UPDATE customer SET department = 'finance' WHERE code = 'C001'"))
    assert problem(desk.ask("customer_service", "GET", f"permits/{made['id']}")) == (404, "not_found")
    assert desk.get("permits")["items"] == []
    assert desk.get("visits")["items"] == []
    assert len(desk.get("permits", "supervisor")["items"]) == 1


@ON_SQLITE
def test_overdue_visits_of_another_department_are_told_to_who_may_see_its_files(desk: Desk) -> None:
    from sqlalchemy import text

    pooled(desk)
    made = approved(desk)
    checked_in(desk, made)
    desk.post("customer_service", f"permits/{made['id']}/end", reason="not needed")
    assert len(desk.get("visits/overdue")["items"]) == 1
    with context_of_app(desk.app).database.write() as session:
        session.connection().execute(text("UPDATE customer SET department = 'finance' WHERE code = 'C001'"))
    assert desk.get("visits/overdue")["items"] == []
    assert len(desk.get("visits/overdue", "supervisor")["items"]) == 1


@ON_SQLITE
def test_letters_and_copies_take_a_recorded_look_and_a_visitor_on_a_permit_is_not_erased(desk: Desk) -> None:
    made = approved(desk)
    copy, holder = made["persons"][0]["id_copy"], made["persons"][0]["holder"]
    look = desk.ask("guard", "POST", f"attachments/{copy}/look", reason="compare at the desk")
    assert problem(look) == (403, "not_permitted")
    look = desk.ask("customer_service", "POST", f"attachments/{copy}/look", reason="compare at the desk")
    assert (look.status_code, look.headers["content-type"]) == (200, "image/jpeg")
    desk.client("customer_service").delete(f"/api/v1/holders/{holder}")
    erased = desk.ask("supervisor", "POST", f"holders/{holder}/erase", reason="asked for it")
    assert problem(erased) == (409, "permit_open")
    desk.post("customer_service", f"permits/{made['id']}/end", reason="not needed")
    assert desk.ask("supervisor", "POST", f"holders/{holder}/erase", reason="asked for it").status_code == 204
    assert desk.get(f"permits/{made['id']}")["persons"][0]["name"] is None


@ON_SQLITE
def test_a_person_is_on_a_permit_by_name_once_more_with_the_same_document(desk: Desk) -> None:
    """Two files of one person are two visitors to us: the desk names the known one."""
    one, two = draft(desk)["persons"][0], draft(desk, persons=[PERSON])["persons"][0]
    assert one["holder"] != two["holder"]
    found = desk.client("customer_service").get("/api/v1/holders", params={"id_number": PERSON["id_number"]}).json()
    assert {row["id"] for row in found["items"]} == {one["holder"], two["holder"]}
