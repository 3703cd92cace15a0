"""What is here, what was, and where a device has been; corrections by two; imports; merges (E6)."""

from typing import Any

import pytest

from controller.goods_events import ItemsMoved, ScannedItem
from server.equipment.inventory_files import INVENTORY, ORDER_LINES
from server.registry.exporting import to_csv, to_xlsx
from tests.server.conftest import ON_SQLITE, START
from tests.server.equipment.conftest import Depot
from tests.server.registry.conftest import API, code_of

OCTETS = {"Content-Type": "application/octet-stream"}


def correct(depot: Depot, *acts: dict[str, Any], reason: str = "counted") -> None:
    """Written by one, confirmed by another."""
    body = {"acts": list(acts), "reason": reason}
    made = depot.call("POST", "inventory/corrections", json=body, expect=201)
    depot.call("POST", f"inventory/corrections/{made['id']}/confirm", "supervisor")


def serials(depot: Depot, **query: Any) -> list[str | None]:
    return sorted((row["serial"] for row in depot.inventory(**query)), key=str)


def test_the_inventory_of_a_customer_now_and_at_any_time_before(depot: Depot) -> None:
    correct(
        depot,
        *(
            {"act": "in", "device": f"SN-{n}", "model": "R750", "customer": "C001", "rack": f"A-{n % 2}"}
            for n in range(4)
        ),
    )
    correct(
        depot, {"act": "in", "device": "OWN-1", "model": "Switch"}, {"act": "in", "model": "PDU", "customer": "C002"}
    )
    depot.clock.at = START.replace(day=3)
    correct(depot, {"act": "out", "device": "sn-1"}, {"act": "rack", "device": "SN-2", "rack": "B-1"})
    depot.clock.at = START.replace(day=5)
    correct(
        depot,
        {"act": "owner", "device": "SN-3", "customer": "C002"},
        {"act": "in", "device": "SN-1", "customer": "C001"},
    )
    assert serials(depot, customer="C001") == ["SN-0", "SN-1", "SN-2"]
    assert serials(depot, customer="C002") == [None, "SN-3"]
    assert serials(depot, own=True) == ["OWN-1"]
    assert serials(depot, customer="C001", at="2026-03-04") == ["SN-0", "SN-2", "SN-3"]
    assert serials(depot, customer="C001", at="2026-03-02T07:59:59Z") == []
    assert serials(depot, rack="A-0", at="2026-03-02T12:00:00Z") == ["SN-0", "SN-2"]
    assert serials(depot, rack="A-0") == ["SN-0"]
    assert serials(depot, q="sn") == ["SN-0", "SN-1", "SN-2", "SN-3"]
    assert serials(depot, q="switch") == ["OWN-1"]
    assert serials(depot, q="%") == []
    pages, after = [], 0
    while True:
        page = depot.call("GET", "inventory", params={"limit": 2, "after": after})
        pages += [row["id"] for row in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert len(pages) == len(set(pages)) == 6
    assert depot.discrepancies() == []


def test_the_path_of_a_device_names_orders_slips_doors_and_carriers(depot: Depot) -> None:
    order = depot.approved({"model": "R750", "serials": ["SN-1"], "rack": "A-01"})
    [line] = depot.line_ids(order)
    depot.moved(order, (line, "SN-1"))
    holder = depot.call("POST", "holders", json={"name": "李娜", "customer": "C001"}, expect=201)["id"]
    [row] = depot.row("holder", public_id=holder)
    out = ItemsMoved(
        "goods-out", "goods-door", "slip", 5, 1, "S-1", "out", 1, (ScannedItem(5, "SN-1"),), 0, row["id"], 3
    )
    depot.clock.at = START.replace(day=5)
    depot.happen(out)
    path = depot.call("GET", "inventory/sn-1/path")
    assert (path["here"], path["customer"], [stay["rack"] for stay in path["stays"]]) == (False, "C001", ["A-01"])
    assert [
        (move["direction"], move["document"], move["number"], move["door"], move["holder"], move["edge"])
        for move in path["moves"]
    ] == [
        ("in", "order", order["number"], "goods-door", None, "edge-1"),
        ("out", "slip", "S-1", "goods-door", holder, "edge-1"),
    ]
    assert path["moves"][0]["document_id"] == order["id"]
    assert depot.call("GET", f"inventory/{path['id']}/path") == path
    depot.call("GET", "inventory/SN-404/path", expect=404)
    depot.call("PATCH", "customers/C001", json={"department": "north"})
    depot.call("GET", "inventory/sn-1/path", "guard", expect=404)
    assert depot.call("GET", "inventory", "guard", params={"at": "2026-03-04T12:00:00Z"})["items"] == []


@ON_SQLITE
def test_nothing_is_corrected_before_a_second_operator_confirms(depot: Depot) -> None:
    act = {"act": "in", "device": "SN-1", "model": "R750", "customer": "C001"}
    made = depot.call("POST", "inventory/corrections", json={"acts": [act], "reason": "found"}, expect=201)
    assert (made["status"], made["acts"][0]["serial"], depot.inventory()) == ("waiting", "SN-1", [])
    own = depot.client().post(f"{API}/inventory/corrections/{made['id']}/confirm")
    assert code_of(own)[:2] == (409, "own_correction")
    depot.call("POST", f"inventory/corrections/{made['id']}/confirm", "guard", expect=403)
    depot.call("POST", f"inventory/corrections/{made['id']}/confirm", "supervisor")
    assert (
        code_of(depot.client("supervisor").post(f"{API}/inventory/corrections/{made['id']}/confirm"))[1]
        == "status_conflict"
    )
    [move] = depot.row("item_movement")
    assert (move["source"], move["reason"], move["by"] != move["second"]) == ("correction", "found", True)

    def refused(*acts: dict[str, Any]) -> tuple[int, str]:
        return code_of(depot.client().post(f"{API}/inventory/corrections", json={"acts": list(acts), "reason": "x"}))[
            :2
        ]

    assert refused(act) == (409, "already_there")
    assert refused({"act": "out", "device": "SN-404"}) == (422, "not_found")
    assert refused({"act": "out"}) == (422, "invalid_input")
    assert refused({"act": "in", "device": "SN-2"}) == (422, "invalid_input")
    assert refused({"act": "rack", "device": "SN-1"}) == (422, "invalid_input")
    waiting = depot.call(
        "POST", "inventory/corrections", json={"acts": [{"act": "out", "device": "SN-1"}], "reason": "x"}, expect=201
    )
    correct(depot, {"act": "out", "device": "SN-1"})
    stale = depot.client("supervisor").post(f"{API}/inventory/corrections/{waiting['id']}/confirm")
    assert code_of(stale)[:2] == (409, "not_there")
    depot.call("POST", f"inventory/corrections/{waiting['id']}/withdraw")
    listed = depot.call("GET", "inventory/corrections", params={"status": "withdrawn"})["items"]
    assert [row["id"] for row in listed] == [waiting["id"]]


@pytest.mark.parametrize("form", ["xlsx", "csv"])
@ON_SQLITE
def test_existing_stock_is_imported_from_a_file_that_two_have_seen(depot: Depot, form: str) -> None:
    def file(*rows: list[str]) -> bytes:
        return to_xlsx([(INVENTORY, list(rows))]) if form == "xlsx" else to_csv(INVENTORY, list(rows))

    def send(content: bytes, **query: Any) -> Any:
        query = {"format": form, "reason": "taken over from the old list"} | query
        return depot.call("POST", "inventory/import", params=query, content=content, headers=OCTETS)

    wrong = send(
        file(
            ["C001", "R750", "SN-1", "", "A-01", "2025-01-01"],
            ["C404", "R750", "SN-2", "", "", ""],
            ["C001", "R750", "sn-1", "", "", ""],
            ["C001", "R750", "SN-3", "2", "", ""],
            ["C001", "", "SN-4", "", "", ""],
            ["C001", "PDU", "", "x", "", ""],
            ["C001", "PDU", "", "1", "", "2027-01-01"],
        )
    )
    found = [(fault["cell"], fault["field"]) for fault in wrong["faults"]]
    assert found == [("B6", "model"), ("D7", "quantity")], "cells first"
    good = [["C001", "R750", "SN-1", "", "A-01", "2025-01-01"], ["", "PDU", "", "3", "", ""]]
    wrong = send(
        file(
            *good,
            ["C404", "R750", "SN-2", "", "", ""],
            ["C001", "R750", "sn-1", "", "", ""],
            ["C001", "PDU", "", "1", "", "2027-01-01"],
        )
    )
    assert [(fault["cell"], fault["field"]) for fault in wrong["faults"]] == [
        ("A4", "customer"),
        ("C5", "serial"),
        ("F6", "since"),
    ]
    dry = send(file(*good), dry_run=True)
    assert (dry["rows"], dry["devices"], dry["correction"], depot.row("inventory_correction")) == (2, 4, None, [])
    made = send(file(*good))["correction"]
    assert depot.inventory() == []
    depot.call("POST", f"inventory/corrections/{made['id']}/confirm", "supervisor")
    assert [(row["serial"], row["since"], row["customer"]) for row in depot.inventory()][:2] == [
        ("SN-1", "2024-12-31T16:00:00Z", "C001"),
        (None, "2026-03-02T08:00:00Z", None),
    ]
    again = send(file(*good[:1]))
    assert again["faults"][0]["message"].startswith("this device is in the inventory already")
    exported = depot.client().get(f"{API}/inventory/export", params={"format": form, "customer": "C001"})
    assert exported.status_code == 200
    assert send(exported.content)["faults"][0]["cell"] == "C2", "what is exported is what the import reads"
    assert depot.call("GET", "audit", params={"subject": "C001"})["items"][-1]["act"] == "inventory.export"
    garbage = depot.client().post(
        f"{API}/inventory/import", params={"format": form}, content=b"\xff\xfe junk", headers=OCTETS
    )
    assert code_of(garbage)[:2] == (422, "file_unreadable")


@ON_SQLITE
def test_order_lines_come_from_a_file_and_go_into_one(depot: Depot) -> None:
    order = depot.order({"model": "PDU"})
    path = f"{API}/work-orders/{order['id']}/lines"

    def send(*rows: list[str], **query: Any) -> Any:
        content = to_xlsx([(ORDER_LINES, list(rows))])
        answer = depot.client().put(path, params=query, content=content, headers=OCTETS)
        assert answer.status_code == 200, answer.text
        return answer.json()

    rows = [["R750", "2", "SN-1; SN-2", "A-01", "10.0.0.1", ""], ["PDU", "4", "", "", "", ""]]
    dry = send(*rows, dry_run=True)
    assert (dry["faults"], dry["order"]) == ([], None)
    assert len(depot.call("GET", f"work-orders/{order['id']}")["lines"]) == 1
    wrong = send(rows[0], ["PDU", "many", "", "", "", ""])["faults"]
    assert [fault["cell"] for fault in wrong] == ["B3"]
    twice = send(rows[0], ["R650", "", "sn-1", "", "", ""])["faults"]
    assert [(fault["cell"], "stands twice" in fault["message"]) for fault in twice] == [("C3", True)]
    assert [line["quantity"] for line in send(*rows)["order"]["lines"]] == [2, 4]
    exported = depot.client().get(path, params={"format": "csv"}).content.decode("utf-8-sig")
    assert exported.splitlines()[1] == "R750,2,SN-1; SN-2,A-01,10.0.0.1,"


def test_what_entered_under_a_merged_customer_is_the_kept_ones_and_nobody_elses(depot: Depot) -> None:
    order = depot.approved({"model": "R750", "serials": ["SN-1", "SN-2"]}, customer="C002")
    [line] = depot.line_ids(order)
    [(told, _)] = [(row["customer_id"], row["id"]) for row in depot.row("work_order")]
    depot.moved(order, (line, "SN-1"))
    depot.call("POST", "customers/C001/merge", json={"merged": "C002", "reason": "the same company"})
    depot.moved(order, (line, "SN-2"), customer=told)
    assert depot.discrepancies() == [], "the edge still calls the customer by the merged file's id"
    assert {row["serial"]: row["customer"] for row in depot.inventory()} == {"SN-1": "C001", "SN-2": "C001"}
    assert serials(depot, customer="C001", at=depot.clock.now().isoformat()) == ["SN-1", "SN-2"]
    assert depot.call("GET", f"work-orders/{order['id']}")["customer"] == "C001"
    assert (
        {row["customer_id"] for row in depot.row("item_stay")}
        == {row["customer_id"] for row in depot.row("work_order")}
        != {told}
    )
    assert {row["customer_id"] for row in depot.row("item_movement")} == {told}, "what was told stays as it was told"
