"""What an operator may order of an edge, by role and by what the site has (MEANINGS 20-22, 27; B7)."""

from typing import Any

import msgspec
import pytest
from sqlmodel import select

from controller.events import AlarmRaised
from controller.wire import CommandOrder
from server.db.clock import to_us
from server.fleet.commands import order_commands
from server.fleet.down import Composer
from server.fleet.models import Edge, EdgeCommand, OutboxMessage
from server.ledger.writer import Ledger
from server.operators.models import AuditEntry
from server.operators.permissions import Role
from server.permits.models import Emergency
from tests.server.conftest import ON_SQLITE, START
from tests.server.rooms.conftest import House

pytestmark = ON_SQLITE

WELL: list[dict[str, Any]] = [
    {"name": "LockDown", "area": "hall", "reason": "intruder"},
    {"name": "LockDown", "reason": "intruder"},
    {"name": "Release", "area": "hall", "reason": "searched"},
    {"name": "Admit", "access_point": "hall-in", "person": "E-7", "reason": "repair", "emergency": True, "customer": 1},
    {"name": "ReconcileOccupancy", "area": "hall", "reason": "counted", "numbers": ["M1", "M2"], "others": 1},
    {"name": "SetMaintenance", "door": "hall-door", "minutes": 60, "reason": "new lock"},
    {"name": "SetMaintenance", "door": "hall-door", "minutes": 0, "reason": "done"},
    {"name": "UnlockDoor", "door": "hall-door", "reason": "delivery"},
    {"name": "ResetFire", "zone": "z1", "reason": "all out"},
]
MAY: dict[str, dict[str, bool]] = {
    "LockDown": {"guard": True, "customer_service": False, "supervisor": True, "auditor": False},
    "Release": {"guard": False, "customer_service": False, "supervisor": True, "auditor": False},
    "Admit": {"guard": True, "customer_service": False, "supervisor": True, "auditor": False},
    "ReconcileOccupancy": {"guard": True, "customer_service": False, "supervisor": True, "auditor": False},
    "SetMaintenance": {"guard": False, "customer_service": False, "supervisor": True, "auditor": False},
    "UnlockDoor": {"guard": True, "customer_service": False, "supervisor": True, "auditor": False},
    "ResetFire": {"guard": False, "customer_service": False, "supervisor": True, "auditor": False},
}


def order(house: House, role: str, command: dict[str, Any], edge: str = "edge-1") -> Any:
    """The API's answer."""
    return house.client(role).post("/api/v1/commands", json={"edge": edge, "command": command})


def an_emergency(house: House) -> None:
    """Approved and admitted by others than who order here: who may be admitted at all is tests/server/permits' affair."""
    with house.context.database.write() as session:
        session.add(
            Emergency(
                public_id="emg_7",
                status="admitted",
                areas=["hall"],
                from_at=START,
                person="E-7",
                approved_by="opr_1",
                admitted_by="opr_2",
                admitted_at=START,
            )
        )


def test_each_role_may_order_what_its_permissions_say_and_supervisors_are_marked_by_the_server(house: House) -> None:
    an_emergency(house)
    for command in WELL:
        for role, may in MAY[command["name"]].items():
            answer = order(house, role, command)
            assert answer.status_code == (202 if may else 403), (role, command, answer.text)
            if not may:
                assert answer.json()["detail_zh"]
    with house.context.database.read() as session:
        rows = session.exec(select(EdgeCommand)).all()
        audited = [entry.actor for entry in session.exec(select(AuditEntry)).all() if entry.act == "command.ask"]
    assert {row.supervisor for row in rows} == {True, False}
    supervisors = {row.operator for row in rows if row.supervisor}
    guards = {row.operator for row in rows if not row.supervisor}
    assert len(supervisors) == len(guards) == 1
    assert supervisors != guards
    assert len(audited) == len(rows)


@pytest.mark.parametrize(("role", "supervisor"), [("guard", False), ("supervisor", True), ("administrator", True)])
def test_the_signed_order_says_whether_a_supervisor_gave_it(house: House, role: Role, supervisor: bool) -> None:
    assert order(house, role, WELL[-2]).status_code == 202
    with house.context.database.write() as session:
        edge = session.get_one(Edge, house.edge.id)
        edge.session = "s1"
        session.add(edge)
    composer = Composer("demo", house.context.keys)
    with Ledger(house.context.database, "test").writing(to_us(house.context.clock.now())) as writer:
        order_commands(writer, composer)
    with house.context.database.read() as session:
        [message] = session.exec(select(OutboxMessage)).all()
    body = msgspec.json.decode(_body(message.payload), type=CommandOrder)
    assert body.supervisor is supervisor


def _body(payload: bytes) -> bytes:
    class Envelope(msgspec.Struct):
        body: msgspec.Raw

    return bytes(msgspec.json.decode(payload, type=Envelope).body)


@pytest.mark.parametrize(
    ("command", "field"),
    [
        ({"name": "LockDown", "area": "attic", "reason": "x"}, "command.area"),
        ({"name": "LockDown", "area": "outside", "reason": "x"}, "command.area"),
        ({"name": "LockDown", "area": "hall", "reason": "  "}, "command.reason"),
        ({"name": "Release", "area": "attic", "reason": "x"}, "command.area"),
        ({"name": "Admit", "access_point": "attic-in", "person": "P", "reason": "x"}, "command.access_point"),
        ({"name": "Admit", "access_point": "hall-out", "person": "P", "reason": "x"}, "command.access_point"),
        ({"name": "Admit", "access_point": "annex-in", "person": "P", "reason": "x"}, "command.access_point"),
        ({"name": "Admit", "access_point": "hall-in", "person": "", "reason": "x"}, "command.person"),
        (
            {"name": "Admit", "access_point": "hall-in", "person": "P", "reason": "x", "customer": 99},
            "command.customer",
        ),
        ({"name": "ReconcileOccupancy", "area": "attic", "reason": "x"}, "command.area"),
        ({"name": "ReconcileOccupancy", "area": "hall", "reason": "x", "others": -1}, "command.others"),
        ({"name": "ReconcileOccupancy", "area": "hall", "reason": "x", "numbers": ["M1", "M1"]}, "command.numbers"),
        ({"name": "ReconcileOccupancy", "area": "hall", "reason": "x", "numbers": [""]}, "command.numbers"),
        ({"name": "SetMaintenance", "door": "attic-door", "minutes": 5, "reason": "x"}, "command.door"),
        ({"name": "SetMaintenance", "door": "hall-door", "minutes": 9_000, "reason": "x"}, "command.minutes"),
        ({"name": "UnlockDoor", "door": "annex-door", "reason": "x"}, "command.door"),
        ({"name": "UnlockDoor", "door": "hall-door", "reason": "x" * 501}, "command.reason"),
        ({"name": "Identify", "access_point": "nowhere"}, "command.access_point"),
        ({"name": "Detonate"}, "command"),
        ({"name": "LockDown"}, "command"),
    ],
)
def test_a_command_that_makes_no_sense_here_gets_one_clear_answer(
    house: House, command: dict[str, Any], field: str
) -> None:
    answer = order(house, "supervisor", command)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (422, "invalid_command", field)
    assert problem["detail"].endswith(".")
    assert problem["detail_zh"].endswith("。")
    with house.context.database.read() as session:
        assert session.exec(select(EdgeCommand)).all() == []


def test_the_supervisors_flag_cannot_be_asked_for(house: House) -> None:
    asked = {"edge": "edge-1", "command": WELL[0], "supervisor": True}
    assert house.client("guard").post("/api/v1/commands", json=asked).status_code == 422


def test_a_forced_door_is_explained_by_a_key_of_the_register_only(house: House) -> None:
    house.edge.happen(AlarmRaised("DoorForcedOpen", "hall-door", "R1"), AlarmRaised("TAMPER", "hall-in", "R1"))
    acknowledge = "/api/v1/alarms/{}/acknowledge"
    forced, tamper = (house.get("alarms", alarm=name)["items"][0]["id"] for name in ("DoorForcedOpen", "TAMPER"))
    guard = house.client("guard")
    refused = guard.post(acknowledge.format(forced), json={"note": "x", "key": "K-1"})
    assert (refused.status_code, refused.json()["field"]) == (422, "key")
    key = {"number": "K-1", "opens": ["hall-door"], "kept_at": "desk"}
    made = house.client("supervisor").post("/api/v1/mechanical-keys", json=key)
    assert made.status_code == 201, made.text
    assert (
        guard.post(acknowledge.format(tamper), json={"note": "x", "key": "K-1"}).json()["code"]
        == "key_explains_nothing"
    )
    assert guard.post(acknowledge.format(forced), json={"note": "cleaning", "key": "K-1"}).status_code == 202
    with house.context.database.read() as session:
        [row] = session.exec(select(EdgeCommand)).all()
    assert msgspec.json.decode(row.command)["key"] == "K-1"


def test_a_key_explains_nothing_where_nobody_looks_it_up(house: House) -> None:
    """Else any number, or one that is lost, would end a forced door's alarm unseen by the register of keys."""
    command = {
        "name": "AcknowledgeAlarm",
        "alarm": "DoorForcedOpen",
        "subject": "hall-door",
        "note": "seen",
        "key": "K-9",
    }
    answer = order(house, "guard", command)
    assert (answer.status_code, answer.json()["field"]) == (422, "command.key")
    assert order(house, "guard", command | {"key": ""}).status_code == 202


@pytest.mark.parametrize("person", ["王小明", "Wang Xiaoming", "=cmd()", "-1", "P 7"])
def test_who_is_admitted_is_named_by_an_id_and_not_by_their_name(house: House, person: str) -> None:
    """It goes into the edge's journal for good, and from there into register, export and the second channel, where nobody masks it."""
    command = {"name": "Admit", "access_point": "hall-in", "person": person, "reason": "repair"}
    answer = order(house, "guard", command)
    assert (answer.status_code, answer.json()["field"]) == (422, "command.person")
