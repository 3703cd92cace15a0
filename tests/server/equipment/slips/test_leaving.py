"""What happens to an issued slip: spent device by device, cancelled, bound elsewhere, come back (E5, E6, E8; MEANINGS 25, 26)."""

import io
from typing import Any

import msgspec
from pypdf import PdfReader

from controller.events import AlarmRaised
from server.equipment.slips.binding import bind_released
from tests.server.conftest import ON_SQLITE
from tests.server.equipment.slips.conftest import R750, SlipDepot
from tests.server.equipment.slips.test_applying import code

TWO = {"model": "R750", "serials": ["SN-1", "SN-2"]}
PDUS = {"model": "PDU", "quantity": 3}


def line_ids(slip: dict[str, Any]) -> list[int]:
    """Row ids of its lines."""
    return [line["id"] for line in slip["lines"]]


def bound(depot: SlipDepot, slip: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """(what may go out, what is out) at the edge, without line ids."""
    row = depot.stored(slip)
    left, out = (
        [line[1:] for line in msgspec.json.decode(text)] if isinstance(text, str) else [line[1:] for line in text]
        for text in (row["bound_lines"], row["bound_returns"])
    )
    return left, out


def test_a_partial_exit_leaves_the_rest_on_the_slip_until_its_date_is_over(depot: SlipDepot) -> None:
    slip = depot.issued(depot.draft(TWO, PDUS))
    servers, pdus = line_ids(slip)
    depot.passed(slip, (servers, "SN-1"), (pdus, ""))
    shown = depot.get(slip)
    assert (shown["standing"], shown["left"], shown["out"]) == ("partly_spent", 3, 2)
    assert [(line["gone"], line["gone_serials"]) for line in shown["lines"]] == [(1, ["SN-1"]), (1, [])]
    other = depot.draft({"model": "R750", "serials": ["SN-2"]}, {"model": "PDU", "quantity": 2}, date="2026-03-03")
    depot.act(other, "submit")
    assert code(depot.act(other, "reconcile", "customer_service", 409)) == "ITEM_ON_ANOTHER_SLIP"
    depot.clock.at = depot.clock.at.replace(hour=16, minute=4)
    assert depot.get(slip)["standing"] == "partly_spent"
    depot.act(other, "reconcile", "customer_service", 409)
    depot.clock.at = depot.clock.at.replace(hour=16, minute=5)
    assert depot.get(slip)["standing"] == "ended", "24:00 at the site, and five minutes for the clocks"
    depot.act(other, "reconcile")


@ON_SQLITE
def test_a_slip_is_spent_with_its_last_device(depot: SlipDepot) -> None:
    slip = depot.issued(depot.draft(TWO))
    [line] = line_ids(slip)
    depot.passed(slip, (line, "SN-1"))
    depot.passed(slip, (line, "SN-2"))
    shown = depot.get(slip)
    assert (shown["standing"], shown["left"], shown["out"]) == ("spent", 0, 2)
    assert [row for row in depot.row("exit_slip_claim") if row["released_at"] is None] == []
    assert depot.discrepancies() == []
    assert int(shown["version"]) > int(slip["version"])


def test_a_cancelled_slip_frees_its_devices_only_when_its_edge_has_confirmed(depot: SlipDepot) -> None:
    slip, again = depot.issued(), depot.draft()
    depot.act(again, "submit")
    gone = depot.act(slip, "cancel", reason="the customer stays")
    assert (gone["status"], gone["standing"], gone["binding"]["awaits"]) == ("cancelled", "cancelling", "edge-1")
    assert gone["binding"]["awaits_en"] == "cancelling: edge-1 has not confirmed"
    assert code(depot.act(again, "reconcile", "customer_service", 409)) == "ITEM_ON_ANOTHER_SLIP"
    depot.confirm_release(slip)
    assert (depot.get(slip)["standing"], depot.get(slip)["binding"]["awaits"]) == ("cancelled", None)
    depot.act(again, "reconcile")
    assert code(depot.act(slip, "cancel", "customer_service", 409, reason="again")) == "status_conflict"
    assert code(depot.call("GET", f"exit-slips/{slip['id']}/sheet.pdf", expect=409)) == "status_conflict"


@ON_SQLITE
def test_a_cancelled_slip_without_the_edges_word_is_over_with_its_window(depot: SlipDepot) -> None:
    slip = depot.issued()
    depot.act(slip, "cancel", reason="x")
    depot.clock.at = depot.clock.at.replace(hour=16, minute=5)
    assert depot.get(slip)["standing"] == "cancelled"


@ON_SQLITE
def test_before_its_issue_a_slip_is_cancelled_at_once(depot: SlipDepot) -> None:
    slip = depot.draft()
    depot.approved(slip)
    assert depot.act(slip, "cancel", reason="x")["standing"] == "cancelled"
    depot.reconciled(depot.draft())


def test_a_slip_is_bound_elsewhere_with_what_is_left_when_its_edge_has_confirmed(depot: SlipDepot) -> None:
    slip = depot.issued(depot.draft(TWO, PDUS, return_until="2026-04-01"))
    servers, pdus = line_ids(slip)
    depot.passed(slip, (servers, "SN-1"), (pdus, ""))
    depot.second_goods_door()
    asked = depot.act(slip, "bind", door="yard-door")
    assert (asked["standing"], asked["binding"]["awaits"], asked["binding"]["next_edge"]) == (
        "rebinding",
        "edge-1",
        "edge-2",
    )
    assert asked["binding"]["awaits_zh"] == "正在改绑：edge-1 尚未确认"
    assert bind_released(depot.context.database, depot.clock.now()) == 0
    assert depot.stored(slip)["binding"] == 1
    depot.passed(slip, (pdus, ""))  # the last word of the old edge, before it confirmed
    depot.confirm_release(slip)
    assert bind_released(depot.context.database, depot.clock.now()) == 1
    shown = depot.get(slip)
    assert (shown["binding"]["edge"], shown["binding"]["door"], shown["binding"]["binding"]) == (
        "edge-2",
        "yard-door",
        2,
    )
    assert (shown["standing"], shown["binding"]["awaits"]) == ("partly_spent", None)
    assert bound(depot, slip) == (
        [["R750", 1, ["SN-2"]], ["PDU", 1, []]],
        [["R750", 1, ["SN-1"]], ["PDU", 2, []]],
    )
    assert bind_released(depot.context.database, depot.clock.now()) == 0


@ON_SQLITE
def test_a_place_is_a_goods_door_of_one_edge(depot: SlipDepot) -> None:
    slip = depot.draft()
    depot.approved(slip)
    assert depot.act(slip, "issue", "customer_service", 422, door="hall-door")["field"] == "door"
    assert depot.act(slip, "issue", "customer_service", 422, edge="edge-9")["field"] == "edge"
    depot.second_goods_door()
    assert depot.act(slip, "issue", "customer_service", 422)["field"] == "edge"
    assert depot.act(slip, "issue", "customer_service", 422, door="yard-door", edge="edge-1")["field"] == "edge"
    assert depot.act(slip, "issue", edge="edge-2")["binding"]["door"] == ""


def test_what_went_for_repair_comes_back_under_the_same_number_and_is_looked_at(depot: SlipDepot) -> None:
    slip = depot.issued(depot.repair(TWO, PDUS))
    servers, pdus = line_ids(slip)
    depot.passed(slip, (servers, "SN-1"), (servers, "SN-2"), (pdus, ""), (pdus, ""), (pdus, ""))
    looked = {"act": "return", "result": "pass", "line": servers, "serials": ["sn-1"]}
    assert code(depot.act(slip, "inspections", "guard", 409, **looked)) == "nothing_returned"
    depot.clock.at = depot.clock.at.replace(day=20)
    depot.passed(slip, (servers, "SN-1"), (pdus, ""), direction="in")
    shown = depot.get(slip)
    assert (shown["standing"], shown["out"], shown["to_inspect"]) == ("spent", 3, 2)
    assert [(line["out"], line["returned_serials"]) for line in shown["lines"]] == [(1, ["SN-1"]), (2, [])]
    assert depot.act(slip, "inspections", "guard", 201, **looked)["to_inspect"] == 1
    assert depot.act(slip, "inspections", "guard", 201, act="return", result="pass", line=pdus)["to_inspect"] == 0
    here = [row["serial"] for row in depot.inventory(customer="C001")]
    assert (len(here), set(here)) == (4, {"SN-1", "SN-3", "SN-4", None})
    assert depot.discrepancies() == []
    assert depot.call("GET", "exit-slips", params={"overdue": True})["items"] == []
    depot.clock.at = depot.clock.at.replace(month=6)
    [late] = depot.call("GET", "exit-slips", params={"overdue": True})["items"]
    assert (late["id"], late["return_overdue"], late["out"]) == (slip["id"], True, 3)
    again = depot.draft({"model": "R750", "serials": ["SN-1"]})
    depot.reconciled(again)


def test_another_device_comes_back_in_the_place_of_one_that_stays_away(depot: SlipDepot) -> None:
    slip = depot.issued(depot.repair(TWO))
    [servers] = line_ids(slip)
    depot.passed(slip, (servers, "SN-1"))
    path = "replacements"
    given = {"line": servers, "serial": "SN-1", "replacement": "SN-100"}
    assert depot.act(slip, path, "customer_service", 422, **(given | {"serial": "SN-2"}))["field"] == "serial"
    assert (
        code(depot.act(slip, path, "customer_service", 409, **(given | {"replacement": "SN-3"}))) == "ITEM_ALREADY_IN"
    )
    depot.order({"model": "R750", "serials": ["SN-55"]})
    assert (
        code(depot.act(slip, path, "customer_service", 409, **(given | {"replacement": "sn-55"}))) == "serial_on_order"
    )
    asked = depot.act(slip, path, "customer_service", 201, **given)
    assert (asked["binding"]["awaits"], asked["binding"]["next_edge"]) == ("edge-1", "edge-1")
    new = asked["lines"][1]
    assert (new["replaces"], new["replaces_line"], new["serials"]) == ("SN-1", servers, ["SN-100"])
    depot.confirm_release(slip)
    assert bind_released(depot.context.database, depot.clock.now()) == 1
    assert bound(depot, slip) == ([["R750", 1, ["SN-2"]]], [["R750", 1, ["SN-100"]]])
    depot.passed(slip, (new["id"], "SN-100"), direction="in")
    shown = depot.get(slip)
    assert (shown["out"], shown["left"], shown["to_inspect"]) == (0, 1, 1)
    assert "SN-100" in [row["serial"] for row in depot.inventory(customer="C001")]
    assert depot.discrepancies() == []
    assert shown["return_overdue"] is False
    assert depot.act(slip, "inspections", "guard", 201, act="return", result="pass", line=new["id"])["to_inspect"] == 0


@ON_SQLITE
def test_a_withdrawal_brings_nothing_back(depot: SlipDepot) -> None:
    slip = depot.issued()
    [line] = line_ids(slip)
    depot.passed(slip, (line, "SN-1"))
    given = {"line": line, "serial": "SN-1", "replacement": "SN-100"}
    assert code(depot.act(slip, "replacements", "customer_service", 409, **given)) == "SLIP_WRONG_DATE"


@ON_SQLITE
def test_the_sites_own_is_accepted_and_checked_for_malware_when_it_is_back(depot: SlipDepot) -> None:
    slip = depot.issued(depot.draft({"model": "NAS", "serials": ["OWN-1"]}, kind="site", return_until="2026-04-01"))
    [line] = line_ids(slip)
    depot.passed(slip, (line, "OWN-1"))
    checked = {"act": "malware_check", "result": "pass", "line": line, "method": "scanner of 2 March"}
    assert code(depot.act(slip, "inspections", "guard", 409, **checked)) == "nothing_returned"
    depot.passed(slip, (line, "OWN-1"), direction="in")
    depot.act(slip, "inspections", "guard", 201, act="return", result="pass")
    depot.act(slip, "inspections", "guard", 201, act="acceptance", result="pass", line=line)
    shown = depot.act(slip, "inspections", "equipment_head", 201, **checked)
    assert [one["act"] for one in shown["inspections"]] == ["inspection", "return", "acceptance", "malware_check"]
    assert shown["to_inspect"] == 0
    other = depot.issued()
    depot.passed(other, (line_ids(other)[0], "SN-1"))
    assert depot.act(other, "inspections", "guard", 422, act="malware_check", result="pass")["field"] == "act"


@ON_SQLITE
def test_a_slip_that_was_shown_again_shows_its_alarm(depot: SlipDepot) -> None:
    slip = depot.issued(depot.draft(R750))
    depot.happen(AlarmRaised("SLIP_REUSED", slip["number"], "E6", {"door": "goods-door"}))
    [alarm] = depot.get(slip)["alarms"]
    assert (alarm["alarm"], alarm["edge"], alarm["state"]) == ("SLIP_REUSED", "edge-1", "raised")


def test_counted_devices_that_leave_are_those_that_their_own_slip_claims(depot: SlipDepot) -> None:
    """Else the first slip's device is gone with the second, and a third is promised what the first still may take."""
    first = depot.issued(depot.draft({"model": "PDU", "quantity": 1}))
    second = depot.issued(depot.draft({"model": "PDU", "quantity": 2}))
    [line] = line_ids(second)
    depot.passed(second, (line, ""), (line, ""))
    third = depot.draft({"model": "PDU", "quantity": 1})
    depot.act(third, "submit")
    assert code(depot.act(third, "reconcile", "customer_service", 409)) == "TOO_FEW_HERE"
    [line] = line_ids(first)
    depot.passed(first, (line, ""))
    assert depot.discrepancies() == []
    assert [row for row in depot.row("exit_slip_claim") if row["released_at"] is None] == []


@ON_SQLITE
def test_a_look_at_what_came_back_says_nothing_of_what_comes_back_later(depot: SlipDepot) -> None:
    slip = depot.issued(depot.repair(TWO, PDUS))
    servers, pdus = line_ids(slip)
    depot.passed(slip, (servers, "SN-1"), (servers, "SN-2"), (pdus, ""), (pdus, ""))
    depot.clock.at = depot.clock.at.replace(day=20)
    depot.passed(slip, (servers, "SN-1"), (pdus, ""), direction="in")
    assert depot.act(slip, "inspections", "guard", 201, act="return", result="pass")["to_inspect"] == 0
    depot.act(
        slip, "inspections", "guard", 201, act="return", result="pass", line=servers, serials=["SN-1"], note="again"
    )
    depot.clock.at = depot.clock.at.replace(day=21)
    depot.passed(slip, (servers, "SN-2"), (pdus, ""), direction="in")
    assert depot.get(slip)["to_inspect"] == 2, "nobody has looked at these"


def _facts(depot: SlipDepot, slip: dict[str, Any], role: Any) -> str:
    """The text of the printed sheet, without white space."""
    page = depot.client(role).get(f"/api/v1/exit-slips/{slip['id']}/sheet.pdf")
    assert page.status_code == 200, page.text
    found = PdfReader(io.BytesIO(page.content)).pages[0].extract_text()
    return "".join(found.replace("\u200b", "").split())


@ON_SQLITE
def test_a_sheet_names_carriers_in_full_only_for_whom_names_are(depot: SlipDepot) -> None:
    slip = depot.issued(depot.repair(TWO))
    assert "李娜" in _facts(depot, slip, "guard")
    head = _facts(depot, slip, "equipment_head")
    assert "李娜" not in head
    assert "李*" in head
