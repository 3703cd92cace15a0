"""What stands on the list: each part says its own, by what really stands, and names no person (R3, R5, R6, R9, B6, B7, B8, L5)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from controller.events import AlarmAcknowledged, AlarmRaised
from controller.room_events import AreaUncertain
from server.badges.models import Badge
from server.db.clock import FixedClock, to_us
from server.duty.models import DutyItem
from server.equipment.models import Discrepancy, ItemMovement
from server.equipment.slip_models import ExitSlip, ExitSlipLine
from server.fleet.models import Edge
from server.ledger.models import LedgerDoor, LedgerLockdown
from server.permits.models import Emergency, Permit, PermitPerson, TemporaryBadge, TemporaryCard, Visit
from server.registry.models import Holder
from server.shift.debts import KINDS
from tests.server.conftest import ON_SQLITE, START
from tests.server.rooms.conftest import taken
from tests.server.shift.conftest import Shift

UNTIL = START + timedelta(hours=2)


@pytest.fixture
def tested(shift: Shift) -> Shift:
    """Nothing must be tested."""
    with shift.context.database.write() as session:
        for item in session.exec(select(DutyItem)).all():
            item.retired_at = START
            session.add(item)
    return shift


def owed(shift: Shift) -> list[tuple[str, str]]:
    return [(one["kind"], one["text_en"]) for one in shift.get("handovers/debts")["items"]]


def kinds(shift: Shift) -> list[str]:
    return [kind for kind, _ in owed(shift)]


def visit(session: Session, n: int, status: str = "checked_in", **more: Any) -> Visit:
    """A visit of a visitor of their own, with its permit."""
    holder = Holder(kind="visitor", created_at=START, public_id=f"hld_v{n}")
    session.add(holder)
    permit = Permit(
        public_id=f"per_{n}", kind="temporary", status="approved", from_at=START, until_at=UNTIL, areas=["hall"], reason="repair",
        created_by="opr_1", created_at=START, submitted_at=START, decided_at=START,
    )  # fmt: skip
    session.add(permit)
    session.flush()
    assert permit.id is not None
    assert holder.id is not None
    person = PermitPerson(public_id=f"pps_{n}", permit_id=permit.id, holder_id=holder.id)
    session.add(person)
    session.flush()
    assert person.id is not None
    made = Visit(
        public_id=f"vis_{n}", permit_id=permit.id, person_id=person.id, holder_id=holder.id, status=status, created_at=START,
        visitor_badge=f"T{n}", checked_in_at=START, **more,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def lent(session: Session, of: Visit, status: str = "active") -> Badge:
    """A temporary badge that was lent for this visit."""
    gone = START if status in ("revoked", "returned") else None
    badge = Badge(
        public_id=f"bdg_{of.public_id}", number=of.visitor_badge, kind="temporary", status=status, holder_id=of.holder_id,
        holder_kind="visitor", technology="desfire", credential=of.visitor_badge.encode().ljust(32, b"."), from_at=START,
        created_at=START, issued_at=START, lost_at=START if status == "lost" else None, deregistered_at=gone,
    )  # fmt: skip
    card = TemporaryCard(
        public_id=f"tcd_{of.public_id}", number=of.visitor_badge, technology="desfire", credential=badge.credential or b"",
        made_at=START, made_by="opr_1",
    )  # fmt: skip
    session.add(badge)
    session.add(card)
    session.flush()
    assert badge.id is not None
    assert card.id is not None
    assert of.id is not None
    session.add(TemporaryBadge(badge_id=badge.id, permit_id=of.permit_id, visit_id=of.id, card_id=card.id))
    return badge


@ON_SQLITE
def test_nothing_stands_in_a_quiet_house(tested: Shift) -> None:
    assert owed(tested) == []


def test_visits_are_listed_while_they_are_open_and_said_to_be_overdue(tested: Shift, clock: FixedClock) -> None:
    with tested.context.database.write() as session:
        lent(session, visit(session, 1))
        gone = visit(session, 2, "checked_out", checked_out_at=START, operated=True)
        lent(session, gone, "revoked")
        lent(session, visit(session, 3, "closed", checked_out_at=START, closed_at=START), "returned")
        lent(session, visit(session, 4, "closed", checked_out_at=START, closed_at=START), "lost")
        visit(session, 5, "closed", checked_out_at=START, closed_at=START)
    assert owed(tested) == [
        ("visit", "Visit 1, wearing T1"),
        ("temporary_badge", "Temporary badge T2 not returned (2)"),
        ("temporary_badge", "Temporary badge T4 lost (4)"),
        ("unsigned", "Visit 2: systems were operated, no witness has signed"),
    ]
    clock.advance(timedelta(hours=3))
    assert owed(tested)[0] == ("visit_overdue", "Visit 1, wearing T1: its window is over")
    (unsigned,) = tested.get("register/unsigned")["items"]
    assert (unsigned["visit"], unsigned["permit"]) == ("vis_2", "per_2")


@ON_SQLITE
def test_an_emergency_is_owed_until_it_is_closed_and_says_what_it_lacks(tested: Shift) -> None:
    with tested.context.database.write() as session:
        session.add(
            Emergency(
                public_id="emg_1", status="admitted", areas=["hall"], from_at=START, until_at=UNTIL, approved_by="opr_1",
                admitted_by="opr_2", admitted_at=START,
            )
        )  # fmt: skip
    ((kind, words),) = owed(tested)
    assert kind == "emergency"
    assert "the reason" in words
    assert "the closing" in words


@ON_SQLITE
def test_alarms_are_owed_while_they_stand_whoever_saw_them_and_unchecked_equipment_apart(tested: Shift) -> None:
    tested.edge.happen(
        AlarmRaised("DoorHeldOpen", "hall-door", "R1", {}),
        AlarmRaised("EQUIPMENT_UNCHECKED", "lobby-door", "E4", {"openings": 1}),
    )
    held = "Door held open (hall-door, edge-1), not acknowledged"
    assert owed(tested) == [
        ("equipment_unchecked", "Equipment unchecked (lobby-door, edge-1), not acknowledged"),
        ("alarm", held),
    ]
    before = tested.get("handovers/debts")["items"][1]
    tested.edge.happen(AlarmAcknowledged("DoorHeldOpen", "hall-door", "opr_1", "closed it"), at_s=1)
    after = tested.get("handovers/debts")["items"][1]
    assert after["text_en"] == held.replace("not acknowledged", "acknowledged")
    assert (after["subject"], after["since"]) == (before["subject"], before["since"])  # the same debt


@ON_SQLITE
def test_entries_without_their_operation_are_owed_until_it_is_entered(tested: Shift) -> None:
    tested.edge.happen(taken("hall-in"), taken("lobby-in", 2))
    assert owed(tested) == [("register_incomplete", "Register entry 1: M1 into hall, operation not entered")]
    tested.post("register/1/operation", "guard", 201, text="fans")
    assert owed(tested) == []


def test_violations_and_badges_that_should_be_back_are_owed(tested: Shift) -> None:
    made = tested.post("violations", "guard", 201, kind="guests", customer="C001", description="brought a friend")
    assert owed(tested) == [("violation", f"Violation {made['id'][-8:]}: Brought guests")]
    tested.post(f"violations/{made['id']}/handle", handling="warning")
    tested.badge("M7")  # without a contract
    assert owed(tested) == [("badge_out", "Badge M7: should be back")]


def test_equipment_that_does_not_square_or_is_not_back_is_owed(tested: Shift) -> None:
    with tested.context.database.write() as session:
        movement = ItemMovement(direction="in", at_us=to_us(START), source="desk", model="R750")
        session.add(movement)
        session.flush()
        assert movement.id is not None
        session.add(
            Discrepancy(public_id="dsc_1", kind="already_in", at_us=to_us(START), movement_id=movement.id, inputs={})
        )
        back_until = START - timedelta(days=1)
        for n, returned in ((1, 0), (2, 2)):
            slip = ExitSlip(
                public_id=f"slp_{n}", kind="repair", status="issued", customer_id=1, purpose="repair", number=f"S-1-{n}",
                from_at=back_until - timedelta(days=2), until_at=back_until - timedelta(days=1), return_until_at=back_until,
                code_hash=bytes([n]), code_sealed=b"1", edge_id=1, binding=1, created_by="opr_1", created_by_name="one",
                created_at=START, changed_at=START,
            )  # fmt: skip
            session.add(slip)
            session.flush()
            assert slip.id is not None
            session.add(ExitSlipLine(slip_id=slip.id, position=1, model="R750", quantity=2, gone=2, returned=returned))
    assert owed(tested) == [
        ("discrepancy", "Discrepancy dsc_1: was in already"),
        ("return_overdue", "Exit slip S-1-1: 2 not back"),
    ]


def test_safety_tests_and_keys_are_owed(shift: Shift) -> None:
    tests = [words for kind, words in owed(shift) if kind == "duty_test"]
    assert "hall-door, exit button: never tested" in tests
    assert len(tests) == len(owed(shift))
    by = shift.client("supervisor")
    assert (
        by.post("/api/v1/mechanical-keys", json={"number": "K1", "opens": ["hall"], "kept_at": "desk"}).status_code
        == 201
    )
    taken_ = by.post("/api/v1/mechanical-keys/K1/take", json={"holder": "hld_李娜", "reason": "fans"})
    assert taken_.status_code == 200, taken_.text
    assert ("key_out", "Key K1 is out") in owed(shift)


def test_edges_doors_areas_and_lockdowns_are_owed(tested: Shift, clock: FixedClock) -> None:
    tested.edge.happen(AreaUncertain("hall", "rex"))
    with tested.context.database.write() as session:
        edge = session.exec(select(Edge).where(col(Edge.name) == "edge-2")).one()
        edge.online, edge.enrolled_at, edge.online_changed_us = False, START, to_us(START)
        session.add(edge)
        until_us = to_us(START + timedelta(hours=1))
        door = session.get(LedgerDoor, (1, "hall-door")) or LedgerDoor(edge_id=1, door="hall-door", changed_us=0)
        door.maintenance_until_us = until_us
        session.add(door)
        session.add(LedgerLockdown(edge_id=1, area="", cause="command", since_us=to_us(START)))
    found = owed(tested)
    assert ("edge_offline", "Edge edge-2 is offline") in found
    assert ("door_maintenance", "Door hall-door is in maintenance") in found
    assert ("area_uncertain", "Area hall is uncertain: Someone left by the button, without a badge.") in found
    assert ("lockdown", "Everything is locked down") in found
    clock.advance(timedelta(hours=1))
    assert "door_maintenance" not in kinds(tested)


@ON_SQLITE
def test_a_handover_of_the_real_list_refuses_until_visits_and_debts_are_explained(tested: Shift) -> None:
    with tested.context.database.write() as session:
        visit(session, 1)
    tested.edge.happen(taken("hall-in"))
    out = tested.person("out")
    made = out.post("/api/v1/handovers", json={}).json()
    assert [item["kind"] for item in made["items"]] == ["visit", "register_incomplete"]
    assert [item["rule"] for item in made["items"]] == ["R5", "R3"]
    refused = out.post(f"/api/v1/handovers/{made['id']}/sign").json()
    assert (refused["code"], refused["count"]) == ("HANDOVER_UNEXPLAINED", 2)
    said = [{"items": [item["item"] for item in made["items"]], "text": "repair goes on"}]
    assert out.post(f"/api/v1/handovers/{made['id']}/explanations", json={"explanations": said}).status_code == 200
    tested.post("violations", "guard", 201, kind="smoking", customer="C001", description="in the hall")
    assert out.post(f"/api/v1/handovers/{made['id']}/sign").json()["code"] == "HANDOVER_NEW_ITEMS"
    assert {one["kind"] for one in tested.get("handovers/debts")["items"]} <= set(KINDS)
