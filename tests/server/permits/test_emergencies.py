"""Emergencies: approved by one, admitted by another, a debt until a third has closed it (B7, MEANINGS 21)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlmodel import select

from controller.commands import Admit
from controller.events import DoorClosed
from server.db.clock import FixedClock
from server.fleet.models import Edge, EdgeCommand
from server.permits.models import Emergency
from tests.server.browser import context_of_app
from tests.server.conftest import ON_SQLITE
from tests.server.permits.making import ITEMS, Desk, approved, problem, ready
from tests.server.rooms.conftest import RoomEdge, taken

DOCUMENT = {"id_document": "id_card", "number": "11010519491231002X", "name": "修理工"}


def emergency(desk: Desk, **more: Any) -> dict[str, Any]:
    body = {"reason": "a power supply smokes", "areas": ["hall"]} | more
    return desk.post("supervisor", "emergencies", **body)


def act(desk: Desk, of: str, what: str, role: Any = "guard", /, **body: Any) -> Any:
    return desk.ask(role, "POST", f"emergencies/{of}/{what}", **body)


def admitted(desk: Desk, **more: Any) -> dict[str, Any]:
    made = emergency(desk, **more)
    desk.post("guard", f"emergencies/{made['id']}/document", **DOCUMENT)
    return desk.post("guard", f"emergencies/{made['id']}/admit", access_point="hall-in")


def counted(app: FastAPI, desk: Desk, area: str = "hall") -> None:
    """A guard counted, and the edge said it is done."""
    command = {"name": "ReconcileOccupancy", "area": area, "reason": "after the emergency", "numbers": [], "others": 0}
    made = desk.post("guard", "commands", edge="edge-1", command=command)
    with context_of_app(app).database.write() as session:
        row = session.exec(select(EdgeCommand).where(EdgeCommand.public_id == made["command_id"])).one()
        row.state = "done"
        session.add(row)


@pytest.mark.usefixtures("edge")
def test_a_supervisor_approves_another_admits_and_a_third_closes(app: FastAPI, desk: Desk) -> None:
    made = emergency(desk)
    assert (made["status"], made["owes"], made["until"]) == ("approved", [], "2026-03-02T12:00:00Z")
    path = made["id"]
    assert problem(act(desk, path, "document", "supervisor", **DOCUMENT)) == (409, "FOUR_EYES")
    assert problem(act(desk, path, "admit", access_point="hall-in")) == (409, "DOCUMENT_UNCHECKED")
    desk.post("guard", f"emergencies/{path}/document", **DOCUMENT)
    assert problem(act(desk, path, "admit", "supervisor", access_point="hall-in")) == (409, "FOUR_EYES")
    shown = desk.post("guard", f"emergencies/{path}/admit", access_point="hall-in")
    assert (shown["status"], shown["name"], shown["owes"]) == ("admitted", "修**", ["reconciliation", "closing"])
    with context_of_app(app).database.read() as session:
        row = session.exec(select(EdgeCommand)).one()
    assert row.public_id == shown["command_id"]
    command = msgspec.json.decode(row.command, type=Admit)
    assert (command.person, command.emergency, command.access_point) == (made["id"], True, "hall-in")
    for role in ("supervisor", "guard"):
        assert act(desk, path, "close", role, note="all out").status_code in (403, 409)
    assert problem(act(desk, path, "close", "it_head", note="all out")) == (409, "DEBT_OPEN")
    counted(app, desk, "lobby")
    assert problem(act(desk, path, "close", "it_head", note="all out")) == (409, "DEBT_OPEN")
    counted(app, desk)
    closed = desk.post("it_head", f"emergencies/{path}/close", note="all out, counted")
    assert (closed["status"], closed["owes"], len(closed["reconciled"])) == ("closed", [], 1)
    assert [(one["role"], one["holds"]) for one in closed["signatures"]] == [("closing", True)]
    assert desk.get("emergencies", debts=True)["items"] == []


@ON_SQLITE
@pytest.mark.usefixtures("edge")
def test_a_muster_on_the_spot_reconciles_as_well(desk: Desk) -> None:
    made = admitted(desk)
    closed = desk.post("it_head", f"emergencies/{made['id']}/close", note="muster list compared: 2 of 2", mustered=True)
    assert (closed["status"], closed["reconciled"], closed["signatures"][0]["holds"]) == ("closed", [], True)


@ON_SQLITE
@pytest.mark.usefixtures("edge")
def test_a_named_person_is_compared_with_the_document(desk: Desk) -> None:
    person = approved(desk)["persons"][0]["holder"]
    made = emergency(desk, holder=person)
    seen = act(desk, made["id"], "document", id_document="id_card", number="9999").json()
    assert seen["document"]["matched"] is False
    assert problem(act(desk, made["id"], "admit", access_point="hall-in")) == (409, "DOCUMENT_MISMATCH")
    assert act(desk, made["id"], "document", id_document="id_card", number="002X").json()["document"]["matched"]
    assert act(desk, made["id"], "admit", access_point="hall-in").status_code == 200


@ON_SQLITE
@pytest.mark.usefixtures("edge")
def test_an_approval_is_for_its_areas_and_hours_and_can_be_withdrawn(desk: Desk, clock: FixedClock) -> None:
    made = emergency(desk, hours=1)
    desk.post("guard", f"emergencies/{made['id']}/document", **DOCUMENT)
    assert problem(act(desk, made["id"], "admit", access_point="lobby-in")) == (409, "NO_PERMIT")
    assert problem(act(desk, made["id"], "admit", access_point="hall-out"))[1] in ("NO_PERMIT", "invalid_command")
    assert problem(act(desk, made["id"], "admit", access_point="nowhere")) == (422, "invalid_input")
    clock.advance(timedelta(hours=1))
    late = act(desk, made["id"], "admit", access_point="hall-in")
    assert problem(late) == (409, "NO_PERMIT")
    assert "批准的时间已过（场地时间 2026-03-02 17:00 止）" in late.json()["detail_zh"]
    gone = desk.post("supervisor", f"emergencies/{made['id']}/withdraw", reason="was not needed")
    assert (gone["status"], gone["owes"]) == ("withdrawn", [])
    assert problem(act(desk, made["id"], "admit", access_point="hall-in")) == (409, "status_conflict")
    assert problem(desk.ask("guard", "POST", "emergencies", reason="x", areas=["hall"])) == (403, "not_permitted")


@ON_SQLITE
@pytest.mark.usefixtures("edge")
def test_a_bare_admit_must_name_somebody_who_may_come(desk: Desk, clock: FixedClock) -> None:
    def ask(person: str, role: Any = "guard", **more: Any) -> tuple[int, str]:
        command = {"name": "Admit", "access_point": "hall-in", "person": person, "reason": "repair"} | more
        answer = desk.ask(role, "POST", "commands", edge="edge-1", command=command)
        return problem(answer) if answer.status_code >= 400 else (answer.status_code, "")

    assert ask("P-7") == (409, "NO_PERMIT")
    assert ask("E-17", emergency=True) == (409, "NO_PERMIT")
    made = emergency(desk)
    assert ask(made["id"], emergency=True) == (409, "NO_PERMIT"), "no document was seen"
    assert ask(made["id"], "supervisor", emergency=True) == (409, "FOUR_EYES")
    desk.post("guard", f"emergencies/{made['id']}/document", **DOCUMENT)
    desk.post("guard", f"emergencies/{made['id']}/admit", access_point="hall-in")
    assert ask(made["id"], emergency=True) == (202, "")
    assert ask(made["id"], "supervisor", emergency=True) == (409, "FOUR_EYES")
    assert ask(made["id"]) == (409, "NO_PERMIT")

    permit = approved(desk, areas=["hall"], external_id="V1")
    (visit,) = permit["visits"]
    assert ask("V1") == (409, "NO_PERMIT")
    assert ask(visit) == (409, "NO_PERMIT")
    ready(desk, visit)
    desk.post("guard", f"visits/{visit}/check-in", without_card="no card left", visitor_badge="V-3")
    assert ask("V1") == ask(visit) == (202, "")
    assert ask(visit, access_point="lobby-in") == (409, "NO_PERMIT")
    clock.advance(timedelta(hours=4))
    assert ask("V1") == (409, "OUTSIDE_PERMIT_WINDOW")
    desk.post("customer_service", "permits/V1/end", reason="over")
    assert ask("V1") == (409, "PERMIT_NOT_APPROVED")


def test_an_entry_made_at_the_edge_with_the_link_down_is_a_debt_exactly_once(
    app: FastAPI, desk: Desk, edge: RoomEdge, clock: FixedClock
) -> None:
    unnamed: dict[str, Any] = {"badge": 0, "number": "emergency-9", "customer": None, "kind": None, "emergency": True}
    guard = taken("hall-in", 3, badge=3, number="S1", customer=None, kind="staff", emergency=True)
    edge.happen(taken("hall-in", -4, escort=3, **unnamed), guard, at_s=1)
    edge.happen(taken("hall-out", -4, escort=3, **unnamed), at_s=60)
    (debt,) = desk.get("emergencies", debts=True)["items"]
    assert (debt["status"], debt["person"], debt["areas"], debt["access_point"]) == (
        "admitted", "emergency-9", ["hall"], "hall-in",
    )  # fmt: skip
    assert debt["owes"] == ["reason", "person", "reconciliation", "closing"]
    assert debt["entered_at"] == "2026-03-02T08:00:01Z"
    report = {"reason": "fire in rack B2", "name": "消防员", "id_document": "other", "id_number": "F12345"}
    assert desk.post("guard", f"emergencies/{debt['id']}/report", **report)["owes"] == ["reconciliation", "closing"]
    edge.happen(taken("hall-in", -4, escort=3, **unnamed), at_s=120)
    assert len(desk.get("emergencies")["items"]) == 1
    clock.advance(timedelta(minutes=3))
    counted(app, desk)
    desk.post("it_head", f"emergencies/{debt['id']}/close", note="counted")
    edge.happen(taken("hall-in", -4, escort=3, **unnamed), at_s=180)
    assert [one["status"] for one in desk.get("emergencies")["items"]] == ["closed", "admitted"]


@ON_SQLITE
def test_of_several_edges_the_one_that_reports_the_door_admits(app: FastAPI, desk: Desk, edge: RoomEdge) -> None:
    RoomEdge(context_of_app(app), "edge-9")
    made = emergency(desk)
    desk.post("guard", f"emergencies/{made['id']}/document", **DOCUMENT)
    assert problem(act(desk, made["id"], "admit", access_point="hall-in")) == (409, "no_edge")
    edge.happen(DoorClosed("hall-door"))
    desk.post("guard", f"emergencies/{made['id']}/admit", access_point="hall-in")
    with context_of_app(app).database.read() as session:
        assert session.exec(select(EdgeCommand.edge_id)).all() == [edge.id]


@ON_SQLITE
def test_who_goes_on_through_the_next_door_is_the_same_debt_and_both_areas_are_counted(
    app: FastAPI, desk: Desk, edge: RoomEdge, clock: FixedClock
) -> None:
    unnamed: dict[str, Any] = {"badge": 0, "number": "emergency-9", "customer": None, "kind": None, "emergency": True}
    edge.happen(taken("lobby-in", -4, escort=3, **unnamed), at_s=1)
    edge.happen(taken("hall-in", -4, escort=3, **unnamed), at_s=30)
    (debt,) = desk.get("emergencies", debts=True)["items"]
    assert debt["areas"] == ["hall", "lobby"]
    desk.post(
        "guard",
        f"emergencies/{debt['id']}/report",
        reason="fire",
        name="消防员",
        id_document="other",
        id_number="F12345",
    )
    clock.advance(timedelta(minutes=3))
    counted(app, desk, "hall")
    assert problem(act(desk, debt["id"], "close", "it_head", note="counted")) == (409, "DEBT_OPEN")
    counted(app, desk, "lobby")
    act(desk, debt["id"], "close", "it_head", note="counted")
    assert desk.get("emergencies")["items"][0]["status"] == "closed"


@ON_SQLITE
def test_who_wrote_down_what_was_missing_does_not_close(desk: Desk, edge: RoomEdge) -> None:
    edge.happen(
        taken("hall-in", -4, badge=0, number="emergency-9", customer=None, kind=None, emergency=True, escort=3), at_s=1
    )
    (debt,) = desk.get("emergencies", debts=True)["items"]
    report = {"reason": "fire", "name": "消防员", "id_document": "other", "id_number": "F12345"}
    desk.post("supervisor", f"emergencies/{debt['id']}/report", **report)
    mustered = {"note": "compared", "mustered": True}
    assert problem(act(desk, debt["id"], "close", "supervisor", **mustered)) == (409, "FOUR_EYES")
    desk.post("guard", f"emergencies/{debt['id']}/report", reason="fire in the hall")
    assert problem(act(desk, debt["id"], "close", "supervisor", **mustered)) == (409, "FOUR_EYES"), "not the last alone"
    assert act(desk, debt["id"], "close", "it_head", **mustered).status_code == 200


@ON_SQLITE
@pytest.mark.usefixtures("edge")
@pytest.mark.parametrize("by_command", [False, True], ids=["again", "command"])
def test_who_asked_the_door_once_more_does_not_close(desk: Desk, *, by_command: bool) -> None:
    made = admitted(desk)
    if by_command:
        command = {"name": "Admit", "access_point": "hall-in", "person": made["id"], "reason": "no answer"}
        desk.post("administrator", "commands", edge="edge-1", command=command | {"emergency": True})
    else:
        desk.post("administrator", f"emergencies/{made['id']}/admit", access_point="hall-in")
    mustered = {"note": "compared", "mustered": True}
    assert problem(act(desk, made["id"], "close", "administrator", **mustered)) == (409, "FOUR_EYES")
    assert act(desk, made["id"], "close", "it_head", **mustered).status_code == 200


@ON_SQLITE
def test_an_admission_by_the_desk_adds_no_second_debt(desk: Desk, edge: RoomEdge) -> None:
    made = admitted(desk)
    edge.happen(
        taken("hall-in", -4, badge=0, number=made["id"], customer=None, kind=None, emergency=True, escort=3), at_s=1
    )
    (debt,) = desk.get("emergencies")["items"]
    assert (debt["id"], debt["inside"]) == (made["id"], ["hall", "lobby"][:1])


@ON_SQLITE
@pytest.mark.usefixtures("edge")
def test_the_database_itself_refuses_one_person_in_two_parts(app: FastAPI, desk: Desk) -> None:
    from sqlalchemy.exc import IntegrityError

    made = admitted(desk)
    for change in ("admitted_by = approved_by", "status = 'closed', closed_at = from_at, closed_by = approved_by"):
        with pytest.raises(IntegrityError), context_of_app(app).database.write() as session:
            session.connection().execute(text(f"UPDATE emergency SET {change}"))
    with context_of_app(app).database.read() as session:
        assert session.exec(select(Emergency)).one().public_id == made["id"]
        assert session.exec(select(Edge)).one().name == "edge-1"
    assert len(ITEMS) == 9
