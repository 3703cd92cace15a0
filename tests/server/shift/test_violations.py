"""Violations: written down, shown, handled; badges suspended for them and given back there (R9, E7)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlmodel import select

from server.badges.models import Badge
from server.db.clock import FixedClock
from server.operators.models import AuditEntry
from server.problems import Problem
from server.registry.models import Customer
from server.shift.models import VIOLATION_KINDS, VIOLATION_STATUSES
from server.shift.violation_lifecycle import HANDLINGS, KINDS, LIFE, Act, refuse_act
from tests.server.badges.making import picture
from tests.server.conftest import ON_SQLITE
from tests.server.rooms.conftest import taken
from tests.server.shift.conftest import Shift

SAID: dict[str, Any] = {"kind": "smoking", "holder": "hld_李娜", "description": "in the hall, by the cage"}


def recorded(shift: Shift, by: str = "guard", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = shift.post("violations", by, 201, **(SAID | more))
    return made


def badge_of(shift: Shift, name: str) -> tuple[str, str]:
    with shift.context.database.read() as session:
        row = session.exec(select(Badge).where(Badge.public_id == name)).one()
    return row.status, row.status_reason


@ON_SQLITE
def test_a_violation_lies_in_the_file_of_the_holders_customer_with_the_person_masked(shift: Shift) -> None:
    made = recorded(shift, area="hall", door="hall-door", rack="A-07", at="2026-03-02T07:00:00Z")
    assert (made["status"], made["name"], made["customer"], made["rule"]) == ("open", "李*", "C001", "R8")
    assert (made["area"], made["door"], made["rack"], made["at"]) == (
        "hall",
        "hall-door",
        "A-07",
        "2026-03-02T07:00:00Z",
    )
    assert [(act["act"], act["by_name"]) for act in made["acts"]] == [("recorded", "test-guard")]
    other = recorded(shift, holder=None, customer="C001", kind="outside_own_rack")
    assert (other["holder"], other["customer"], other["rule"]) == (None, "C001", "E7")
    listed = shift.get("violations", customer="C001")["items"]
    assert [one["id"] for one in listed] == [made["id"], other["id"]]
    assert shift.get("violations", holder="hld_李娜")["items"] == [made]
    assert shift.get("violations", kind="smoking", status="open", until="2026-03-02")["items"] == [made]
    assert shift.get("violations", status="handled")["items"] == []
    assert shift.get("violations", role="auditor", limit=1)["next"] is not None


@ON_SQLITE
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"holder": None}, "holder"),
        ({"holder": "hld_nobody"}, "holder"),
        ({"area": "moon"}, "area"),
        ({"door": "hall"}, "door"),
        ({"at": "2026-03-03T08:00:00Z"}, "at"),
        ({"evidence": [{"event": 77}]}, "event"),
        ({"evidence": [{"alarm": 77}]}, "alarm"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(shift: Shift, wrong: dict[str, Any], field: str) -> None:
    assert shift.post("violations", "guard", 422, **(SAID | wrong))["field"] == field
    assert shift.get("violations")["items"] == []


@ON_SQLITE
def test_files_of_other_departments_are_not_there(shift: Shift) -> None:
    made = recorded(shift)
    with shift.context.database.write() as session:
        customer = session.get_one(Customer, 1)
        customer.department = "north"
        session.add(customer)
    assert shift.get("violations")["items"] == []
    assert shift.client().get(f"/api/v1/violations/{made['id']}").status_code == 404
    assert [one["id"] for one in shift.get("violations", role="auditor")["items"]] == [made["id"]]


@ON_SQLITE
def test_evidence_is_linked_and_a_file_is_handed_in_once(shift: Shift) -> None:
    shift.edge.happen(taken("hall-in"))
    made = recorded(shift, evidence=[{"event": 1, "note": "came in"}])
    path = f"violations/{made['id']}/evidence"
    shown = shift.post(path, "guard", 201, note="photo of the cup")
    assert [(one["kind"], one["event"], one["file"]) for one in shown["evidence"]] == [
        ("event", 1, None),
        ("file", None, None),
    ]
    file = f"/api/v1/{path}/{shown['evidence'][1]['id']}/photo"
    stored = shift.client().put(file, content=picture(), headers={"Content-Type": "image/jpeg"})
    assert stored.status_code == 200, stored.text
    attachment = stored.json()["evidence"][1]["file"]
    again = shift.client().put(file, content=picture("PNG"), headers={"Content-Type": "image/png"})
    assert (again.status_code, again.json()["code"]) == (409, "evidence_stored")
    linked = f"/api/v1/{path}/{shown['evidence'][0]['id']}/photo"
    no_file = shift.client().put(linked, content=picture(), headers={"Content-Type": "image/jpeg"})
    assert no_file.status_code == 404
    look = shift.client("supervisor").post(f"/api/v1/attachments/{attachment}/look", json={"reason": "talk with C001"})
    assert (look.status_code, look.headers["content-type"]) == (200, "image/jpeg")


def test_a_badge_is_suspended_with_the_violation_as_its_reason_and_lifted_there_alone(shift: Shift) -> None:
    badge = shift.badge()
    made = recorded(shift)
    path = f"violations/{made['id']}"
    shown = shift.post(f"{path}/suspend", "guard", note="at once")
    assert [(one["badge"], one["lifted_at"]) for one in shown["suspensions"]] == [(badge, None)]
    assert badge_of(shift, badge) == ("suspended", made["id"])
    refused = shift.report(badge, "active", refused="BADGE_SUSPENDED")
    assert refused["violations"] == [made["id"]]
    shift.report(badge, "lost", by="guard")
    shift.report(badge, "active", "found", refused="BADGE_SUSPENDED")
    shift.post(f"{path}/lift", "guard", 403, reason="served")
    shown = shift.post(f"{path}/lift", reason="served")
    assert [one["act"] for one in shown["acts"]] == ["recorded", "suspended", "lifted"]
    assert badge_of(shift, badge)[0] == "lost"  # lifted, and lost all the same
    shift.report(badge, "active", "found")
    shift.post(f"{path}/suspend")
    shift.post(f"{path}/lift", reason="served again")
    assert badge_of(shift, badge) == ("active", f"{made['id']}: served again")
    shift.post(f"{path}/lift", expect=(409, "nothing_suspended"), reason="twice")


@ON_SQLITE
def test_a_badge_opens_when_the_last_violation_is_lifted(shift: Shift) -> None:
    badge = shift.badge()
    one, two = recorded(shift)["id"], recorded(shift, kind="guests")["id"]
    shift.post(f"violations/{one}/suspend")
    shift.post(f"violations/{two}/suspend")
    shift.post(f"violations/{one}/lift", reason="served")
    assert badge_of(shift, badge) == ("suspended", two)
    shift.post(f"violations/{two}/lift", reason="served")
    assert badge_of(shift, badge)[0] == "active"


@ON_SQLITE
def test_a_badge_that_was_suspended_for_another_reason_stays_so(shift: Shift) -> None:
    badge = shift.badge()
    shift.report(badge, "suspended", "HOLDER_MISMATCH", by="guard")
    made = recorded(shift)["id"]
    shift.post(f"violations/{made}/suspend")
    shift.post(f"violations/{made}/lift", reason="served")
    assert badge_of(shift, badge) == ("suspended", "HOLDER_MISMATCH")
    shift.report(badge, "active")
    assert badge_of(shift, badge)[0] == "active"


@ON_SQLITE
def test_only_badges_of_the_holder_or_the_customer_are_suspended(shift: Shift) -> None:
    own, colleagues = shift.badge("M1", 1, 1), shift.badge("M2", 2, 2)
    made = recorded(shift, holder=None, customer="C001")["id"]
    shift.post(f"violations/{made}/suspend", expect=422)
    shift.post(f"violations/{made}/suspend", badges=[colleagues])
    assert (badge_of(shift, own)[0], badge_of(shift, colleagues)[0]) == ("active", "suspended")
    with shift.context.database.write() as session:
        session.add(
            Customer(
                public_id="cus_2", code="C002", kind="organisation", name="别家", created_at=shift.context.clock.now()
            )
        )
    other = recorded(shift, holder=None, customer="C002")["id"]
    assert shift.post(f"violations/{other}/suspend", expect=422, badges=[own])["field"] == "badges"
    nobody = recorded(shift, holder="hld_王伟")["id"]
    shift.report(colleagues, "returned")
    shift.post(f"violations/{nobody}/suspend", expect=(409, "no_badge"))


@ON_SQLITE
def test_it_is_handled_and_reopened_and_every_act_is_kept(shift: Shift, clock: FixedClock) -> None:
    badge = shift.badge()
    made = recorded(shift)["id"]
    path = f"violations/{made}"
    assert shift.post(f"{path}/handle", expect=422, handling="none")["field"] == "note"
    assert shift.post(f"{path}/handle", expect=422, handling="warning", badges=[badge])["field"] == "badges"
    shift.post(f"{path}/handle", "guard", 403, handling="warning")
    shown = shift.post(f"{path}/handle", handling="suspended", note="for a month")
    assert (shown["status"], shown["handling"], badge_of(shift, badge)) == ("handled", "suspended", ("suspended", made))
    shift.post(f"{path}/suspend", expect=(409, "status_conflict"))
    shift.post(f"{path}/handle", expect=(409, "status_conflict"), handling="warning")
    shift.post(f"{path}/lift", reason="month over")
    shown = shift.post(f"{path}/reopen", reason="did it again")
    assert (shown["status"], shown["handling"]) == ("reopened", None)
    shown = shift.post(f"{path}/handle", handling="contract_talk")
    assert [act["act"] for act in shown["acts"]] == [
        "recorded", "suspended", "handled", "lifted", "reopened", "handled",
    ]  # fmt: skip
    with shift.context.database.read() as session:
        acts = session.exec(select(AuditEntry.act).where(AuditEntry.subject == made).order_by(AuditEntry.id)).all()  # type: ignore[arg-type]
    assert [act.partition(".")[2] for act in acts] == ["record", "suspend", "handle", "lift", "reopen", "handle"]


@ON_SQLITE
def test_a_stale_write_and_a_repeated_one_change_nothing(shift: Shift) -> None:
    answer = shift.client().post("/api/v1/violations", json=SAID, headers={"Idempotency-Key": "k1"})
    again = shift.client().post("/api/v1/violations", json=SAID, headers={"Idempotency-Key": "k1"})
    assert answer.json() == again.json()
    made = answer.json()["id"]
    path = f"/api/v1/violations/{made}/handle"
    stale = shift.client("supervisor").post(path, json={"handling": "warning"}, headers={"If-Match": '"9"'})
    assert stale.status_code == 412
    good = shift.client("supervisor").post(
        path, json={"handling": "warning"}, headers={"If-Match": answer.headers["ETag"]}
    )
    assert (good.status_code, good.headers["ETag"]) == (200, '"2"')


def test_the_database_keeps_acts_and_evidence_as_they_are(shift: Shift) -> None:
    shift.edge.happen(taken("hall-in"))
    recorded(shift, evidence=[{"event": 1}])
    for statement in ("UPDATE violation_act SET note = ''", "DELETE FROM violation_evidence"):
        with pytest.raises(DatabaseError, match="never changed"), shift.context.database.write() as session:
            session.connection().execute(text(statement))


@ON_SQLITE
def test_the_kinds_and_ways_of_handling_are_listed_in_both_languages(shift: Shift) -> None:
    lists = shift.get("violations/lists")
    assert [one["kind"] for one in lists["kinds"]] == list(VIOLATION_KINDS) == list(KINDS)
    assert [one["handling"] for one in lists["handlings"]] == list(HANDLINGS)
    assert all(one["zh"] and one["en"] for one in lists["kinds"] + lists["handlings"])


@given(st.lists(st.sampled_from(list(Act)), max_size=12))
def test_the_table_alone_says_what_becomes_of_a_violation(acts: list[Act]) -> None:
    status = "open"
    assert set(LIFE) == set(VIOLATION_STATUSES)
    for act in acts:
        becomes = LIFE[status].get(act)
        if becomes is None:
            with pytest.raises(Problem) as refused:
                refuse_act(status, act)
            assert refused.value.extra["status_now"] == status
        else:
            status = refuse_act(status, act)
        assert status in LIFE
        assert (Act.SUSPEND in LIFE[status]) == (status != "handled")
