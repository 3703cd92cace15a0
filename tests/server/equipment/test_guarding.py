"""The console in a scanner's place, and the guard's word on who stands at a door (R8, docs/goods.md)."""

import json
from typing import Any

import msgspec
from sqlalchemy import text
from sqlmodel import select

from controller.commands import CheckEquipment, Command, ConfirmHolder
from server.badges.models import Badge
from server.db.clock import to_us
from tests.server.badges.making import issued_badge
from tests.server.conftest import ON_SQLITE
from tests.server.equipment.slips.conftest import SlipDepot, slip_depot  # noqa: F401 - the fixture


def commands(depot: SlipDepot) -> list[Any]:
    """What edges were asked, in its order."""
    return [msgspec.json.decode(row["command"], type=Command) for row in depot.row("edge_command")]


@ON_SQLITE
def test_a_check_without_a_scanner_sends_hash_and_devices_to_the_edge(depot: SlipDepot) -> None:
    slip = depot.issued()
    code = depot.call("GET", f"exit-slips/{slip['id']}/code")["code"]
    given = {"access_point": "goods-out", "code": code.lower().replace("-", ""), "items": ["sn-1", "SN 2"]}
    asked = depot.call("POST", "equipment-checks", "guard", 202, json=given)
    [command] = commands(depot)
    assert command == CheckEquipment(
        "goods-out", "slip", bytes(depot.stored(slip)["code_hash"]), ("SN-1", "SN2"), "no scanner there"
    )
    assert depot.call("GET", f"commands/{asked['command_id']}", "guard")["result"] == "waiting"
    assert code not in str(depot.call("GET", "audit", params={"limit": 1000}))


@ON_SQLITE
def test_what_cannot_be_checked_is_refused_here(depot: SlipDepot) -> None:
    good = {"access_point": "goods-out", "code": "S-K7Q2M9X-4TFB8HC", "items": []}
    for change, code, field in (
        ({"access_point": "hall-in"}, "NOT_A_GOODS_DOOR", "access_point"),
        ({"access_point": "moon"}, "invalid_input", "access_point"),
        ({"code": "S-K7Q2M9X-4TFB8HD"}, "SCAN_UNREADABLE", "code"),
        ({"code": "hello"}, "SCAN_UNREADABLE", "code"),
        ({"items": ["SN-1", "\u00a0"]}, "invalid_input", "items.1"),
        ({"items": ["x"] * 501}, "invalid_input", "items"),
    ):
        answer = depot.call("POST", "equipment-checks", "guard", 422, json=good | change)
        assert (answer["code"], answer["field"]) == (code, field)
        assert answer["detail_zh"]
    depot.call("POST", "equipment-checks", "customer_service", 403, json=good)
    for name in ("CheckEquipment", "ConfirmHolder"):
        command: dict[str, Any] = {"name": name, "access_point": "goods-out", "number": "M1", "accepted": True}
        command |= {"document": "slip", "code": "AAAA", "items": [], "reason": "x"}
        body = {"edge": "edge-1", "command": command}
        assert depot.call("POST", "commands", "supervisor", 422, json=body)["code"] == "invalid_command"
    assert commands(depot) == []


def a_badge(depot: SlipDepot) -> tuple[str, int, int]:
    """An issued badge of li: public id, its row's id, and the holder's."""
    made = issued_badge(depot.client(), "li", "M1001")
    with depot.context.database.read() as session:
        badge = session.exec(select(Badge.id, Badge.holder_id).where(Badge.public_id == made["id"])).one()
    return made["id"], int(badge[0] or 0), badge[1]


def test_a_holder_who_does_not_match_the_photo_is_suspended_at_once(depot: SlipDepot) -> None:
    badge, _, _ = a_badge(depot)
    path = "holder-confirmations"
    yes = {"access_point": "goods-in", "number": "M1001", "accepted": True}
    assert depot.call("POST", path, "guard", 202, json=yes)["suspended"] is None
    no = yes | {"accepted": False}
    assert depot.call("POST", path, "guard", 422, json=no)["field"] == "reason"
    answer = depot.call("POST", path, "guard", 202, json=no | {"reason": "another face"})
    assert answer["suspended"] == badge
    [row] = depot.row("badge", public_id=badge)
    [violation] = depot.call("GET", "violations", "guard")["items"]
    assert (row["status"], row["status_reason"]) == ("suspended", violation["id"])
    told = violation["kind"], violation["status"], violation["description"], violation["door"]
    assert told == ("lent_badge", "open", "HOLDER_MISMATCH: another face", "goods-door")
    assert [(one.accepted, one.reason) for one in commands(depot) if isinstance(one, ConfirmHolder)] == [
        (True, ""),
        (False, "another face"),
    ]
    acts = [
        (entry["act"], entry["actor_name"]) for entry in depot.call("GET", "audit", params={"subject": badge})["items"]
    ]
    assert acts[-2:] == [("badge.suspend", "test-guard"), ("holder.confirm", "test-guard")]
    unknown = depot.call("POST", path, "guard", 202, json=no | {"number": "M9", "reason": "who is this"})
    assert unknown["suspended"] is None, "the edge says that nobody of that number waits"
    depot.call("POST", path, "customer_service", 403, json=yes)


@ON_SQLITE
def test_who_waits_for_the_guard_is_listed_until_their_time_is_over(depot: SlipDepot) -> None:
    badge, badge_id, holder = a_badge(depot)
    now_us = to_us(depot.clock.now())
    reasons = {
        "goods-in": "GUARD_CONFIRMATION_REQUIRED",
        "goods-out": "GUARD_CHECK_REQUIRED",
        "hall-in": "SECOND_PERSON_REQUIRED",
    }
    with depot.context.database.write() as session:
        for place, reason in reasons.items():
            because = json.dumps({"reason": reason, "rule": "R8", "inputs": {"number": "M1001"}})
            values = {
                "edge_id": depot.edge_id, "place": f"{place}:{holder}", "access_point": place, "door": "goods-door", "holder": holder,
                "badge": badge_id, "number": "M1001", "customer": depot.customers["C001"], "out": place.endswith("out"),
                "because": because, "since_us": now_us, "until_us": now_us + 60_000_000,
            }  # fmt: skip
            names = ", ".join(f'"{name}"' for name in values)
            marks = ", ".join(f":{name}" for name in values)
            session.connection().execute(text(f"INSERT INTO ledger_waiting ({names}) VALUES ({marks})"), values)
    items = depot.call("GET", "waiting-checks", "guard")["items"]
    assert sorted((one["access_point"], one["for"], one["badge"], one["left_s"]) for one in items) == [
        ("goods-in", "confirmation", badge, 60),
        ("goods-out", "check", badge, 60),
    ]
    assert {one["customer_code"] for one in items} == {"C001"}
    assert "李娜" not in str(items), "masked"
    depot.clock.at = depot.clock.at.replace(minute=1)
    assert depot.call("GET", "waiting-checks", "guard")["items"] == []
