"""What comes in: through a goods door, and over the desk (E1, E2)."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from controller.goods_events import ItemsMoved, ScannedItem
from controller.site_checks import parse_site
from server.db.clock import to_us
from server.ledger.writer import Ledger
from tests.server.conftest import ON_SQLITE, SITE, START
from tests.server.equipment.conftest import Depot
from tests.server.registry.conftest import API, code_of


def test_devices_that_passed_the_goods_door_are_the_inventory(depot: Depot) -> None:
    order = depot.approved(
        {"model": "R750", "serials": ["sn-1", "SN 2"], "rack": "A-01"}, {"model": "PDU", "quantity": 2}
    )
    assert (order["edge"], order["binding"], order["number"]) == ("edge-1", 1, "W-20260304-0001")
    named, counted = depot.line_ids(order)
    depot.moved(order, (named, "SN-1"), (counted, ""))
    shown = depot.call("GET", f"work-orders/{order['id']}")
    assert (shown["status"], [line["received"] for line in shown["lines"]]) == ("receiving", [1, 1])
    depot.moved(order, (named, "SN2"), (counted, ""))
    assert depot.call("GET", f"work-orders/{order['id']}")["status"] == "done"
    assert [(row["serial"], row["model"], row["rack"], row["customer"]) for row in depot.inventory()] == [
        ("sn-1", "R750", "A-01", "C001"),
        (None, "PDU", "", "C001"),
        ("SN 2", "R750", "A-01", "C001"),
        (None, "PDU", "", "C001"),
    ]
    assert depot.discrepancies() == []


def test_what_does_not_fit_is_kept_and_shown(depot: Depot) -> None:
    order = depot.approved({"model": "R750", "serials": ["SN-1"]}, {"model": "PDU", "quantity": 1})
    named, counted = depot.line_ids(order)
    depot.moved(order, (named, "SN-1"))
    depot.moved(order, (named, "SN-1"))
    assert depot.discrepancies() == ["already_in", "over_quantity"]
    depot.moved(order, (counted, ""), (counted, ""))
    assert depot.discrepancies()[2:] == ["over_quantity"], "the order is done by then, and both are here all the same"
    assert len(depot.inventory()) == 3
    depot.moved(order, (77_777, "SN-9"))
    depot.moved(order, (1, "SN-8"), document_id=2**40, customer=2**40)
    depot.moved(order, (1, ""), document="slip", direction="out", document_id=99)
    kinds = depot.discrepancies()[3:]
    assert kinds == ["unknown_line", "unknown_document", "wrong_owner", "unknown_document", "unknown_device"]
    assert {row["serial"]: row["customer"] for row in depot.inventory()} == {
        "SN-1": "C001",
        None: "C001",
        "SN-9": "C001",
        "SN-8": None,
    }
    assert len(depot.row("item_movement")) == 7
    [first, *_] = depot.call("GET", "discrepancies")["items"]
    assert (first["move"]["door"], first["inputs"]["serial"], first["customer"]) == ("goods-door", "SN-1", "C001")
    depot.call("POST", f"discrepancies/{first['id']}/resolve", "guard", json={"note": "x"}, expect=403)
    depot.call("POST", f"discrepancies/{first['id']}/resolve", "supervisor", json={"note": "counted: it is one"})
    assert len(depot.discrepancies()) == 7
    assert len(depot.call("GET", "discrepancies", params={"open": False})["items"]) == 8


def test_the_same_record_again_counts_once(depot: Depot) -> None:
    order = depot.approved({"model": "PDU", "quantity": 5})
    [line] = depot.line_ids(order)
    depot.moved(order, (line, ""), (line, ""))
    with Ledger(depot.context.database, "test").writing(to_us(depot.clock.now())) as writer:
        writer.take(depot.edge_id, depot.wire.batch(1, 1))
    assert depot.call("GET", f"work-orders/{order['id']}")["lines"][0]["received"] == 2
    assert len(depot.inventory()) == 2


@ON_SQLITE
def test_a_cancelled_orders_device_that_came_in_before_the_edge_knew_is_here_and_shown(depot: Depot) -> None:
    order = depot.approved({"model": "R750", "serials": ["SN-1"]})
    [line] = depot.line_ids(order)
    depot.call("POST", f"work-orders/{order['id']}/cancel", json={"reason": "wrong rack"})
    depot.moved(order, (line, "SN-1"))
    assert depot.discrepancies() == ["closed_document"]
    assert depot.call("GET", f"work-orders/{order['id']}")["status"] == "cancelled"
    assert [row["serial"] for row in depot.inventory()] == ["SN-1"]


@ON_SQLITE
def test_clocks_that_disagree_break_nothing(depot: Depot) -> None:
    order = depot.approved({"model": "R750", "serials": ["SN-1"]})
    [line] = depot.line_ids(order)
    now_us = to_us(depot.clock.now())
    moved = ItemsMoved("goods-in", "goods-door", "order", 1, 1, "W", "in", 1, (ScannedItem(line, "SN-1"),), 0, 0, 0)
    gone = msgspec.structs.replace(moved, direction="out", document="slip", document_id=9)
    depot.happen(moved, at_us=now_us)
    depot.happen(gone, at_us=now_us - 3_600_000_000)
    depot.happen(moved, at_us=now_us - 7_200_000_000)
    stays = depot.row("item_stay")
    assert [(row["in_at_us"] - now_us, row["out_at_us"]) for row in stays] == [(0, now_us), (0, None)]


def test_the_desk_receives_where_no_goods_door_does(desk: Depot) -> None:
    order = desk.approved({"model": "R750", "serials": ["SN-1"]}, {"model": "PDU", "quantity": 1}, unpacked=False)
    assert order["edge"] is None
    path = f"work-orders/{order['id']}"

    def scan(scanned: str) -> Any:
        return desk.client("guard").post(f"{API}/{path}/receive", json={"scanned": scanned, "rack": "A-07"})

    def refused(scanned: str) -> tuple[int, str]:
        return code_of(scan(scanned))[:2]

    assert refused("SN-1") == (409, "PACKAGING_NOT_REMOVED")
    desk.call("POST", f"{path}/unpacked", "guard", json={"unpacked": True})
    desk.call("POST", f"{path}/unpacked", "guard", json={"unpacked": True}, expect=409)
    assert desk.call("GET", path)["unpacked_by_name"] == "test-guard"
    assert refused("SN-2") == (409, "ITEM_NOT_ON_ORDER")
    got = scan("sn-1 ").json()
    assert (got["serial"], got["place"], got["order"]["status"]) == ("sn-1", 1, "receiving")
    assert refused("SN-1") == (409, "ITEM_ALREADY_IN")
    assert scan("pdu").json()["order"]["status"] == "done"
    assert refused("PDU") == (409, "ORDER_DONE")
    assert [(row["serial"], row["rack"], row["source"]) for row in desk.inventory()] == [
        ("sn-1", "A-07", "desk"),
        (None, "A-07", "desk"),
    ]
    [move, _] = desk.row("item_movement")
    assert (move["source"], move["number"], move["by"] is not None, move["event_seq"]) == (
        "desk",
        order["number"],
        True,
        None,
    )


@ON_SQLITE
def test_the_desk_keeps_to_the_time_the_quantity_and_the_edge(depot: Depot) -> None:
    order = depot.approved({"model": "PDU", "quantity": 1})
    path = f"{API}/work-orders/{order['id']}/receive"
    bound = depot.client("guard").post(path, json={"scanned": "PDU"})
    assert code_of(bound)[1] == "bound_to_edge"
    depot.context.site = parse_site(SITE)
    late = depot.order({"model": "R750", "serials": ["SN-1"]}, planned_from="2026-03-05T10:00:00Z")
    depot.call("POST", f"work-orders/{late['id']}/submit")
    depot.call("POST", f"work-orders/{late['id']}/approve")
    path = f"{API}/work-orders/{late['id']}/receive"
    depot.call("POST", f"work-orders/{late['id']}/unpacked", json={"unpacked": True})
    assert code_of(depot.client("guard").post(path, json={"scanned": "SN-1"}))[1] == "WORK_ORDER_LATE"
    depot.clock.at = START.replace(day=5, hour=9, minute=59)
    again = depot.client("guard").post(path, json={"scanned": "SN-1"})
    assert code_of(again)[1] in ("WORK_ORDER_LATE", "ORDER_WRONG_DATE")
    depot.clock.at = START.replace(day=7)
    assert code_of(depot.client("guard").post(path, json={"scanned": "SN-1"}))[1] == "ORDER_WRONG_DATE"
    depot.clock.at = START.replace(day=6)
    assert code_of(depot.client("guard").post(path, json={"scanned": " "}))[1] == "invalid_input"
    assert depot.client("guard").post(path, json={"scanned": "SN-1"}).status_code == 200


def test_rows_of_movements_are_never_changed(depot: Depot) -> None:
    order = depot.approved({"model": "PDU", "quantity": 1})
    depot.moved(order, (depot.line_ids(order)[0], ""))
    for statement in ("UPDATE item_movement SET door = 'x'", "DELETE FROM item_movement"):
        with depot.context.database.write() as session, pytest.raises(DatabaseError):
            session.connection().execute(text(statement))
