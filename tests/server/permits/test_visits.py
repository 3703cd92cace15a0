"""The guard's desk: document, declaration, photo, badge; in and out by the register; signed, closed (B8, R3, R5, R6, R8, C6)."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlmodel import select

from controller.events import AccessTaken
from server.badges.models import Badge
from server.db.clock import FixedClock
from server.permits.models import TemporaryBadge
from server.registry.models import Holder
from tests.server.browser import context_of_app
from tests.server.conftest import ON_SQLITE
from tests.server.permits.making import (
    ITEMS,
    Desk,
    approved,
    checked_in,
    checked_out,
    pooled,
    problem,
    ready,
    submitted,
)
from tests.server.rooms.conftest import RoomEdge, taken

HALL = {"areas": ["hall"]}


def passage(desk: Desk, visit: dict[str, Any], point: str) -> AccessTaken:
    """The visitor passes with the temporary badge."""
    with context_of_app(desk.app).database.read() as session:
        holder = session.exec(select(Holder).where(Holder.public_id == visit["holder"])).one()
        badge = session.exec(select(Badge).where(Badge.public_id == visit["badges"][-1]["badge"])).one()
    assert holder.id is not None
    return taken(point, holder.id, badge=badge.id, number=badge.number, customer=None, kind="temporary")


def act(desk: Desk, visit: str, name: str, role: Any = "guard", **body: Any) -> Any:
    return desk.ask(role, "POST", f"visits/{visit}/{name}", **body)


def test_a_visitor_is_checked_in_comes_in_leaves_and_is_checked_out(
    desk: Desk, edge: RoomEdge, clock: FixedClock
) -> None:
    pooled(desk)
    permit = approved(desk, **HALL)
    visit = checked_in(desk, permit)
    assert (visit["status"], visit["visitor_badge"], visit["entered_at"]) == ("checked_in", "T1", None)
    assert visit["document"]["matched"]
    assert all(item["confirmed"] for item in visit["declaration"])
    clock.advance(timedelta(minutes=1))
    edge.happen(passage(desk, visit, "hall-in"), at_s=60)
    shown = desk.get(f"visits/{visit['id']}")
    assert (shown["status"], shown["inside"], shown["entered_at"]) == ("inside", ["hall"], "2026-03-02T08:01:00Z")
    assert len(desk.get("register", incomplete=True)["items"]) == 1
    body = {"content": "fan", "operations": "fan replaced", "badge": "returned"}
    clock.advance(timedelta(minutes=1))
    assert problem(act(desk, visit["id"], "check-out", **body)) == (409, "STILL_INSIDE")
    edge.happen(passage(desk, visit, "hall-out"), at_s=120)  # the desk is in the lobby
    clock.advance(timedelta(minutes=1))
    gone = checked_out(desk, visit, operations="fan of rack A1 replaced")
    assert (gone["status"], gone["left_at"], gone["inside"]) == ("closed", None, ["lobby"])
    assert gone["badges"] == [{"badge": visit["badges"][0]["badge"], "number": "T1", "status": "returned"}]
    assert [(one["role"], one["holds"]) for one in gone["signatures"]] == [("operator", True)]
    assert desk.get("register", incomplete=True)["items"] == []
    (entry,) = desk.get("register", area="hall", limit=1)["items"]
    assert entry["operation"] == "fan of rack A1 replaced"
    assert desk.get("temporary-badges/T1")["state"] == "available"


def test_the_badge_is_an_ordinary_one_of_kind_temporary_that_leads_to_its_permit(app: FastAPI, desk: Desk) -> None:
    pooled(desk)
    permit = approved(desk, **HALL)
    checked_in(desk, permit)
    with context_of_app(app).database.read() as session:
        badge = session.exec(select(Badge)).one()
        link = session.exec(select(TemporaryBadge)).one()
    assert (badge.kind, badge.status, badge.number, badge.until_at) == ("temporary", "active", "T1", None)
    assert link.badge_id == badge.id


@ON_SQLITE
def test_what_is_missing_at_the_desk_is_named_in_turn(desk: Desk, clock: FixedClock) -> None:
    pooled(desk)
    permit = approved(desk, **{"from": "2026-03-02T10:00:00Z", "until": "2026-03-02T12:00:00Z"})
    (visit,) = permit["visits"]

    def refusal() -> tuple[int, str]:
        return problem(act(desk, visit, "check-in", card="T1"))

    assert refusal() == (409, "OUTSIDE_PERMIT_WINDOW")
    told = act(desk, visit, "check-in", card="T1").json()
    assert "2026-03-02 18:00 to 2026-03-02 20:00 (site time)" in told["detail"]
    assert "2026-03-02 18:00 至 2026-03-02 20:00（场地时间）" in told["detail_zh"]
    clock.advance(timedelta(minutes=90))
    assert refusal() == (409, "DOCUMENT_UNCHECKED")
    seen = act(desk, visit, "document", id_document="id_card", number="0021").json()
    assert seen["document"]["matched"] is False
    assert refusal() == (409, "DOCUMENT_MISMATCH")
    assert act(desk, visit, "document", id_document="passport", number="002X").json()["document"]["matched"] is False
    assert act(desk, visit, "document", id_document="id_card", number="11010519491231002x").json()["document"][
        "matched"
    ]
    assert refusal() == (409, "DECLARATION_INCOMPLETE")
    said = {item: {"confirmed": item != "camera", "note": "" if item != "camera" else "has one"} for item in ITEMS}
    assert act(desk, visit, "declaration", items=said).status_code == 200
    answer = act(desk, visit, "check-in", card="T1").json()
    assert (answer["code"], answer["missing"], answer["refused"]) == ("DECLARATION_INCOMPLETE", [], ["camera"])
    act(desk, visit, "declaration", items={"camera": {"confirmed": True, "note": "left at the desk"}})
    assert refusal() == (409, "PHOTO_MISSING")
    desk.put("guard", f"visits/{visit}/photo")
    assert problem(act(desk, visit, "check-in")) == (422, "invalid_input")
    assert problem(act(desk, visit, "check-in", card="T9")) == (422, "not_found")
    assert act(desk, visit, "check-in", card="T1").status_code == 200
    clock.advance(timedelta(hours=3))
    assert refusal() == (409, "status_conflict")


@ON_SQLITE
def test_whoever_guesses_document_numbers_is_stopped(desk: Desk) -> None:
    (visit,) = approved(desk)["visits"]
    for _ in range(5):
        assert act(desk, visit, "document", id_document="id_card", number="0000").json()["document"]["matched"] is False
    assert problem(act(desk, visit, "document", id_document="id_card", number="002X")) == (409, "DOCUMENT_MISMATCH")
    assert problem(act(desk, visit, "document", id_document="id_card", number="02X"))[0] == 422


@ON_SQLITE
def test_nobody_is_checked_in_on_what_is_not_approved_or_not_received(desk: Desk) -> None:
    pooled(desk)
    made = submitted(desk)
    arrival = desk.ask("guard", "POST", f"permits/{made['id']}/visits", person=made["persons"][0]["id"])
    assert problem(arrival) == (409, "PERMIT_NOT_APPROVED")
    (visit,) = approved(desk, level="not_received", external_id="V2")["visits"]
    ready(desk, visit)
    refused = act(desk, visit, "check-in", card="T1")
    assert problem(refused) == (409, "NOT_RECEIVED")
    assert "appointment" in refused.json()["detail"]
    away = desk.post("guard", f"visits/{visit}/refuse", reason="turned away politely")
    assert (away["status"], away["note"]) == ("void", "turned away politely")
    assert {one["code"] for one in desk.get("visits/forms")["levels"]} >= {"vip", "work", "not_received"}
    assert [one["item"] for one in desk.get("visits/forms")["declaration"]] == list(ITEMS)


@ON_SQLITE
def test_a_person_is_on_one_visit_at_a_time_and_a_card_with_one_person(desk: Desk) -> None:
    pooled(desk)
    pooled(desk, "T2")
    first = approved(desk)
    holder = first["persons"][0]["holder"]
    second = approved(desk, persons=[{"holder": holder}], external_id="V2")
    visit = checked_in(desk, first)
    (other,) = second["visits"]
    ready(desk, other)
    assert problem(act(desk, other, "check-in", card="T1")) == (409, "card_out")
    assert problem(act(desk, other, "check-in", card="T2")) == (409, "visit_open")
    assert desk.get("temporary-badges/T2")["state"] == "available"
    again = desk.ask("guard", "POST", f"permits/{first['id']}/visits", person=holder)
    assert problem(again) == (409, "visit_open")
    checked_out(desk, visit)
    assert act(desk, other, "check-in", card="T1").status_code == 200
    back = desk.post("guard", f"permits/{first['id']}/visits", person=holder)
    assert back["status"] == "expected"


@ON_SQLITE
def test_a_lost_badge_lets_the_visit_close_and_its_card_waits_until_it_is_found(desk: Desk) -> None:
    pooled(desk)
    pooled(desk, "T2")
    visit = checked_in(desk, approved(desk))
    assert problem(act(desk, visit["id"], "lend", card="T2")) == (409, "badge_out")
    badge = visit["badges"][0]["badge"]
    desk.post("guard", f"badges/{badge}/report", **{"as": "lost", "reason": "dropped"})
    assert desk.post("guard", f"visits/{visit['id']}/lend", card="T2")["badges"][1]["number"] == "T2"
    assert desk.get("temporary-badges", state="lost")["items"][0]["number"] == "T1"
    gone = checked_out(desk, visit)
    assert (gone["status"], [one["status"] for one in gone["badges"]]) == ("closed", ["lost", "returned"])
    retire = desk.client("customer_service").patch("/api/v1/temporary-badges/T2", json={"retired": True})
    assert retire.json()["state"] == "retired"
    found = desk.post("guard", f"visits/{visit['id']}/badge-back")
    assert [one["status"] for one in found["badges"]] == ["returned", "returned"]
    assert desk.get("temporary-badges/T1")["state"] == "available"


@ON_SQLITE
def test_who_leaves_with_the_badge_stays_on_the_list_until_it_is_back(
    app: FastAPI, desk: Desk, clock: FixedClock
) -> None:
    pooled(desk)
    visit = checked_in(desk, approved(desk))
    body = {"content": "fan", "operations": "fan replaced"}
    assert problem(act(desk, visit["id"], "check-out", **body)) == (422, "invalid_input")
    clock.advance(timedelta(hours=5))
    assert [one["why"] for one in desk.get("visits/overdue")["items"]] == [["window_over"]]
    assert desk.get("visits", open=True)["items"][0]["id"] == visit["id"]
    checked_out(desk, visit, badge="lost")
    assert desk.get("visits", open=True)["items"] == []


def test_what_was_operated_is_signed_by_two_people(app: FastAPI, desk: Desk) -> None:
    pooled(desk)
    visit = checked_in(desk, approved(desk, operates=True))
    gone = checked_out(desk, visit, operated=True)
    assert (gone["status"], gone["awaiting"], gone["unapproved"]) == ("checked_out", ["witness"], False)
    assert [one["why"] for one in desk.get("visits/overdue")["items"]] == [["unsigned"]]
    assert problem(act(desk, visit["id"], "witness")) == (409, "FOUR_EYES")
    signed = desk.post("it_head", f"visits/{visit['id']}/witness")
    assert [(one["role"], one["holds"]) for one in signed["signatures"]] == [("operator", True), ("witness", True)]
    assert (signed["status"], signed["overdue"]) == ("closed", [])
    for statement in ("UPDATE permit_signature SET by_name = 'x'", "DELETE FROM permit_signature"):
        with (
            pytest.raises(DatabaseError, match="never changed or deleted"),
            context_of_app(app).database.write() as session,
        ):
            session.connection().execute(text(statement))


@ON_SQLITE
def test_who_changes_a_signed_record_breaks_its_signature(app: FastAPI, desk: Desk) -> None:
    pooled(desk)
    visit = checked_out(desk, checked_in(desk, approved(desk)), operated=True)
    assert visit["unapproved"], "nobody had approved it (R6)"
    with context_of_app(app).database.write() as session:
        session.connection().execute(text("UPDATE visit SET operations = 'nothing'"))
    assert desk.get(f"visits/{visit['id']}")["signatures"][0]["holds"] is False


@ON_SQLITE
def test_a_supplier_comes_again_and_again_in_the_hours_of_the_schedule(desk: Desk, clock: FixedClock) -> None:
    """The office is open from 8 to 18 on weekdays; the tests begin on a Monday at 16:00."""
    pooled(desk)
    person = {"name": "维保", "id_document": "id_card", "id_number": "11010519491231002X"}
    permit = approved(
        desk,
        kind="recurring",
        schedule="office",
        customer="C009",
        persons=[person],
        **{"from": "2026-03-01", "until": "2027-02-28"},
    )
    assert permit["visits"] == []
    name = permit["persons"][0]["id"]
    for _ in range(2):
        visit = desk.post("guard", f"permits/{permit['id']}/visits", person=name)["id"]
        ready(desk, visit)
        checked_out(desk, desk.post("guard", f"visits/{visit}/check-in", card="T1"))
        clock.advance(timedelta(minutes=10))
    clock.advance(timedelta(hours=3))
    visit = desk.post("guard", f"permits/{permit['id']}/visits", person=name)["id"]
    ready(desk, visit)
    assert problem(act(desk, visit, "check-in", card="T1")) == (409, "OUTSIDE_PERMIT_WINDOW")
    clock.advance(timedelta(hours=12, minutes=25))  # Tuesday 07:45
    assert act(desk, visit, "check-in", card="T1").status_code == 200


@ON_SQLITE
def test_badge_holders_sign_once_and_those_who_did_not_are_listed(desk: Desk) -> None:
    from tests.server.badges.making import issued_badge

    badge = issued_badge(desk.client("administrator"), "li", "M1001")
    missing = desk.get("declarations/missing")["items"]
    assert [(one["badge"], one["number"]) for one in missing] == [(badge["id"], "M1001")]
    assert desk.get("holders/li/declaration")["declared_at"] is None
    assert problem(desk.ask("guard", "POST", "holders/li/declaration", signed=False)) == (422, "invalid_input")
    assert problem(desk.ask("guard", "POST", "holders/xu/declaration", signed=True))[0] == 409
    signed = desk.post("customer_service", "holders/li/declaration", signed=True)
    assert signed["declared_at"] == "2026-03-02T08:00:00Z"
    assert desk.get("declarations/missing")["items"] == []


@ON_SQLITE
def test_a_card_of_the_pool_is_nobody_elses(desk: Desk) -> None:
    from tests.server.badges.making import issued_badge

    issued_badge(desk.client("administrator"), "li", "M1001")
    card = {"technology": "desfire", "number": "M1001"}
    taken_already = desk.ask("customer_service", "POST", "temporary-badges", number="T1", card=card)
    assert problem(taken_already) == (409, "card_bound")
    pooled(desk)
    again = desk.ask(
        "customer_service", "POST", "temporary-badges", number="T2", card={"technology": "desfire", "number": "T1"}
    )
    assert problem(again) == (409, "card_bound")
    assert problem(desk.ask("guard", "POST", "temporary-badges", number="T3", card=card)) == (403, "not_permitted")


@ON_SQLITE
def test_a_visit_whose_badge_was_booked_back_as_a_badge_is_closed_at_the_desk(desk: Desk) -> None:
    pooled(desk)
    permit = approved(desk)
    visit = checked_in(desk, permit)
    desk.post("customer_service", f"permits/{permit['id']}/end", reason="called off")
    gone = checked_out(desk, visit, badge="lost")
    assert (gone["status"], gone["awaiting"]) == ("checked_out", ["badge"]), (
        "a revoked badge is not lost: it is awaited"
    )
    desk.post("guard", f"badges/{visit['badges'][0]['badge']}/report", **{"as": "returned"})
    assert desk.get(f"visits/{visit['id']}")["awaiting"] == []
    assert desk.post("guard", f"visits/{visit['id']}/badge-back")["status"] == "closed"
    assert desk.get(f"permits/{permit['id']}")["status"] == "closed", "and its papers have their date of erasure"


@ON_SQLITE
def test_who_leaves_is_not_kept_by_an_entry_that_takes_no_more_notes(
    desk: Desk, edge: RoomEdge, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.rooms.notes.MAX_NOTES", 1)
    pooled(desk)
    visit = checked_in(desk, approved(desk, **HALL))
    clock.advance(timedelta(minutes=1))
    edge.happen(passage(desk, visit, "hall-in"), at_s=60)
    (entry,) = desk.get("register", area="hall", limit=1)["items"]
    desk.post("guard", f"register/{entry['id']}/notes", text="carried a ladder")
    clock.advance(timedelta(minutes=1))
    edge.happen(passage(desk, visit, "hall-out"), at_s=120)
    clock.advance(timedelta(minutes=1))
    assert checked_out(desk, visit)["status"] == "closed"


def test_whose_badge_was_suspended_for_a_violation_is_lent_no_other(desk: Desk) -> None:
    """R9."""
    pooled(desk)
    pooled(desk, "T2")
    visit = checked_in(desk, approved(desk))
    badge = visit["badges"][0]["badge"]
    holder = desk.get(f"badges/{badge}")["holder"]
    made = desk.post("supervisor", "violations", kind="photography", description="a camera", holder=holder)
    desk.post("supervisor", f"violations/{made['id']}/suspend", badges=[badge])
    desk.post("guard", f"badges/{badge}/report", **{"as": "lost", "reason": "thrown away"})
    assert problem(act(desk, visit["id"], "lend", card="T2")) == (409, "BADGE_SUSPENDED")


@ON_SQLITE
def test_a_badge_that_was_lost_on_a_visit_never_opens_again_after_it(desk: Desk) -> None:
    pooled(desk)
    gone = checked_out(desk, checked_in(desk, approved(desk)), badge="lost")
    path = f"badges/{gone['badges'][0]['badge']}/report"
    found = desk.ask("customer_service", "POST", path, **{"as": "active", "reason": "in a drawer"})
    assert problem(found) == (409, "status_conflict"), "its permit still stands, and nobody is on a visit with it"
    assert desk.post("guard", path, **{"as": "returned"})["status"] == "returned"
    assert desk.get("temporary-badges/T1")["state"] == "available"
