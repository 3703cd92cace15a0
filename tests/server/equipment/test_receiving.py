"""What comes in: through a goods door, and over the desk (E1, E2)."""

from tests.server.equipment.conftest import Depot


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
