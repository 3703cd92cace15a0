"""What left through a goods door unchecked: attested, signed, told to the edge, squared with the inventory (MEANINGS 26)."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from controller.events import AlarmAcknowledged, AlarmCleared, AlarmRaised
from tests.server.conftest import ON_SQLITE
from tests.server.equipment.slips.conftest import SlipDepot, slip_depot  # noqa: F401 - the fixture

PATH = "equipment-attestations"


def unchecked(depot: SlipDepot, openings: int = 1) -> int:
    """The alarm stands; its id."""
    depot.happen(AlarmRaised("EQUIPMENT_UNCHECKED", "goods-door", "E4", {"cause": "rex", "openings": openings}))
    alarms = depot.call("GET", "alarms")["items"]
    return int(next(one["id"] for one in alarms if one["alarm"] == "EQUIPMENT_UNCHECKED"))


def commands(depot: SlipDepot) -> list[dict[str, Any]]:
    """What edges were asked, in its order."""
    return [json.loads(row["command"]) for row in depot.row("edge_command")]


def test_an_attestation_is_signed_and_tells_the_edge_how_many_openings_it_covers(depot: SlipDepot) -> None:
    alarm = unchecked(depot, 2)
    given = {"alarm": alarm, "outcome": "nothing_left", "note": "looked at the camera", "openings": 2}
    made = depot.call("POST", PATH, "guard", 201, json=given)
    assert (made["door"], made["openings"], made["by_name"], made["holds"], made["result"]) == (
        "goods-door",
        2,
        "test-guard",
        True,
        "waiting",
    )
    [asked] = commands(depot)
    assert asked == {
        "name": "AcknowledgeAlarm",
        "alarm": "EQUIPMENT_UNCHECKED",
        "subject": "goods-door",
        "note": "looked at the camera",
        "attested": made["id"],
        "openings": 2,
    }
    assert depot.call("GET", f"{PATH}/{made['id']}") == made
    assert depot.call("GET", PATH, "auditor", params={"alarm": alarm})["items"] == [made]
    operator = depot.row("attestation")[0]["by"]
    depot.happen(
        AlarmAcknowledged("EQUIPMENT_UNCHECKED", "goods-door", operator, "looked at the camera"),
        AlarmCleared("EQUIPMENT_UNCHECKED", "goods-door"),
    )
    again = depot.call("POST", PATH, "guard", 422, json=given)
    assert (again["code"], again["field"]) == ("not_found", "alarm")


@ON_SQLITE
def test_an_ordinary_acknowledgement_does_not_end_it(depot: SlipDepot) -> None:
    alarm = unchecked(depot, 3)
    refused = depot.call("POST", f"alarms/{alarm}/acknowledge", "guard", 409, json={"note": "seen"})
    assert (refused["code"], refused["openings"], refused["rule"]) == ("ATTESTATION_REQUIRED", 3, "E4")
    assert "值班人员" in refused["detail_zh"]
    for more in ({}, {"attested": "eqa_made_up", "openings": 3}):
        command = {"name": "AcknowledgeAlarm", "alarm": "EQUIPMENT_UNCHECKED", "subject": "goods-door", "note": "x"}
        refused = depot.call("POST", "commands", "supervisor", 422, json={"edge": "edge-1", "command": command | more})
        assert refused["field"] == "command.attested"
    assert commands(depot) == []


@ON_SQLITE
def test_what_was_not_seen_is_not_covered(depot: SlipDepot) -> None:
    alarm = unchecked(depot)
    depot.happen(AlarmRaised("EQUIPMENT_UNCHECKED", "goods-door", "E4", {"cause": "badge", "openings": 2}, repeats=1))
    given = {"alarm": alarm, "outcome": "nothing_left", "note": "x", "openings": 1}
    refused = depot.call("POST", PATH, "guard", 409, json=given)
    assert (refused["code"], refused["openings"]) == ("openings_changed", 2)
    for wrong, field in (
        ({"outcome": "left"}, "devices"),
        ({"devices": [{"serial": "SN-1"}]}, "devices"),
        ({"outcome": "left", "devices": [{}]}, "devices"),
        ({"note": ""}, "note"),
        ({"alarm": alarm + 99}, "alarm"),
    ):
        answer = depot.call("POST", PATH, "guard", 422, json=given | {"openings": 2} | wrong)
        assert answer["field"] == field
    depot.call("POST", PATH, "customer_service", 403, json=given)
    assert depot.row("attestation") == []


def test_what_left_without_a_slip_is_a_discrepancy_and_no_longer_here(depot: SlipDepot) -> None:
    alarm = unchecked(depot)
    devices = [{"serial": "sn-1", "model": "R750"}, {"serial": "SN-9"}]
    given = {"alarm": alarm, "outcome": "left", "devices": devices, "note": "carried out in the fire drill"}
    made = depot.call("POST", PATH, "guard", 201, json=given)
    assert made["devices"][0] == {"serial": "sn-1", "model": "R750", "slip": ""}
    assert [row["serial"] for row in depot.inventory() if row["serial"]] == ["SN-2", "SN-3", "SN-4", "OWN-1"]
    assert depot.discrepancies() == ["unknown_document", "unknown_document"]
    moves = [row for row in depot.row("item_movement") if row["direction"] == "out"]
    assert [(row["serial_key"], row["source"], row["reason"]) for row in moves] == [
        ("SN-1", "correction", f"attested {made['id']}"),
        ("SN-9", "correction", f"attested {made['id']}"),
    ]
    assert {row["by"] for row in moves} == {made["by"]}
    assert {row["customer_id"] for row in moves} == {depot.customers["C001"], depot.customers["C002"]}


@ON_SQLITE
def test_what_left_under_a_slip_that_nobody_scanned_is_spent_on_it(depot: SlipDepot) -> None:
    slip = depot.issued()
    alarm = unchecked(depot)
    devices = [{"serial": "SN-1", "slip": slip["number"]}]
    depot.call("POST", PATH, "guard", 201, json={"alarm": alarm, "outcome": "left", "devices": devices, "note": "x"})
    assert (depot.get(slip)["standing"], depot.discrepancies()) == ("spent", [])
    wrong = [{"serial": "SN-2", "slip": "S-20260302-9999"}]
    given = {"alarm": alarm, "outcome": "left", "devices": wrong, "note": "x"}
    assert depot.call("POST", PATH, "guard", 422, json=given)["field"] == "devices"


@ON_SQLITE
def test_attestations_are_never_changed_and_their_signatures_show_it(depot: SlipDepot) -> None:
    given = {"alarm": unchecked(depot), "outcome": "nothing_left", "note": "x"}
    made = depot.call("POST", PATH, "guard", 201, json=given)
    with pytest.raises(Exception, match="never changed or deleted"), depot.context.database.write() as session:
        session.connection().execute(text("DELETE FROM attestation"))
    with depot.context.database.write() as session:
        session.connection().execute(text("DROP TRIGGER attestation_no_update"))
        session.connection().execute(text("UPDATE attestation SET openings = 9"))
    assert depot.call("GET", f"{PATH}/{made['id']}")["holds"] is False
