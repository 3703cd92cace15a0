"""Work orders from draft to approval (E1, E3, E7): what is refused, and why."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from controller.codes import document_of
from controller.policy import credential_key
from server.fleet.models import Edge
from server.personal.cipher import key_id_of, rotate_personal_keys
from server.personal.resealing import Cursor, Resealed, reseal_batch
from server.personal.sealed_rows import holds_sealed_values
from tests.server.conftest import ON_SQLITE, START
from tests.server.equipment.conftest import Depot
from tests.server.registry.conftest import API, code_of

R750 = {"model": "R750", "serials": ["SN-1"]}


def post(depot: Depot, path: str, role: Any = "administrator", **body: Any) -> Any:
    return depot.client(role).post(f"{API}/work-orders{path}", json=body)


def new(depot: Depot, *lines: dict[str, Any], **more: Any) -> Any:
    planned = {"planned_from": "2026-03-04", "planned_until": "2026-03-06"}
    return post(depot, "", **({"customer": "C001", "lines": list(lines)} | planned | more))


@ON_SQLITE
def test_lines_are_checked_and_a_mixed_line_becomes_two(depot: Depot) -> None:
    order = depot.order(
        {"model": "R750", "quantity": 3, "serials": ["sn 1"], "ips": ["10.0.0.1", "10.0.0.2"], "ports": ["SW1/1"]}
    )
    assert [(line["quantity"], line["serials"], line["ips"], line["ports"]) for line in order["lines"]] == [
        (1, ["sn 1"], ["10.0.0.1"], ["SW1/1"]),
        (2, [], ["10.0.0.2"], []),
    ]
    for lines, code, field in (
        ([{"model": "R750", "quantity": 1, "serials": ["A", "B"]}], "invalid_input", "lines.0.quantity"),
        ([{"model": "R750", "serials": ["A", "a "]}], "invalid_input", "lines.0.serials"),
        (
            [{"model": "R750", "serials": ["A"]}, {"model": "R650", "serials": ["a"]}],
            "invalid_input",
            "lines.1.serials",
        ),
        ([{"model": "R750", "serials": ["pdu"]}, {"model": "PDU"}], "invalid_input", "lines.0.serials"),
        ([{"model": "R750", "quantity": 5_001}], "invalid_input", "lines.0.quantity"),
        ([{"model": "R750", "ips": ["1", "1"]}], "invalid_input", "lines.0.ips"),
    ):
        answer = new(depot, *lines)
        if code is not None:
            assert code_of(answer) == (422, code, field), lines


@ON_SQLITE
def test_an_order_takes_a_contract_in_force_of_this_customer(depot: Depot) -> None:
    other = depot.call("GET", "contracts", params={"customer": "C002"})["items"][0]["id"]
    assert code_of(new(depot, R750, contract=other)) == (422, "invalid_input", "contract")
    assert code_of(new(depot, R750, planned_from="2026-03-07")) == (422, "invalid_input", "planned_until")
    depot.call("POST", "contracts/C001/suspend")
    assert code_of(new(depot, R750)) == (422, "invalid_input", "contract")
    own = depot.call("GET", "contracts", params={"customer": "C001"})["items"][0]["id"]
    assert code_of(new(depot, R750, contract=own)) == (409, "contract_not_active", "contract")


@ON_SQLITE
def test_equipment_stands_in_the_racks_of_the_contract(depot: Depot) -> None:
    [contract] = depot.call("GET", "contracts", params={"customer": "C001"})["items"]
    depot.call("PATCH", f"contracts/{contract['id']}", json={"racks": ["A-01", "A-02"]})
    assert code_of(new(depot, R750)) == (422, "rack_not_in_contract", "lines.0.rack")
    assert code_of(new(depot, R750 | {"rack": "B-09"})) == (422, "rack_not_in_contract", "lines.0.rack")
    assert new(depot, R750 | {"rack": "A-02"}).status_code == 201
    depot.call("PATCH", f"contracts/{contract['id']}", json={"racks": ["A-01"]})
    made = depot.order({"model": "PDU"})
    assert made["lines"][0]["rack"] == "A-01"


@ON_SQLITE
def test_one_server_one_address_one_port_unless_the_contract_says_more(depot: Depot) -> None:
    two = {"model": "R750", "serials": ["SN-1"], "ips": ["10.0.0.1", "10.0.0.2"]}
    refused = new(depot, two)
    assert code_of(refused) == (409, "ALLOCATION_EXCEEDS_CONTRACT", "lines.0.ips")
    assert (refused.json()["rule"], refused.json()["allowed"], refused.json()["asked"]) == ("E3", 1, 2)
    assert depot.row("allocation") == []
    [contract] = depot.call("GET", "contracts", params={"customer": "C001"})["items"]
    depot.call("PATCH", f"contracts/{contract['id']}", json={"ip_allowance": 2, "port_allowance": 0})
    order = depot.order(two)
    assert code_of(new(depot, {"model": "PDU", "ports": ["SW1/1"]}))[1] == "ALLOCATION_EXCEEDS_CONTRACT"
    assert code_of(new(depot, {"model": "PDU", "ips": ["10.0.0.9"]}))[1] == "ALLOCATION_EXCEEDS_CONTRACT"
    assert code_of(new(depot, {"model": "PDU", "ips": ["10.0.0.1"]}, customer="C002")) == (
        409,
        "address_taken",
        "lines.0.ips",
    )
    [first, _] = depot.call("GET", f"work-orders/{order['id']}/allocations")["items"]
    depot.call("POST", f"work-orders/{order['id']}/allocations/{first['id']}/release")
    assert new(depot, {"model": "PDU", "ips": ["10.0.0.1"]}, customer="C002").status_code == 201
    post(depot, f"/{order['id']}/cancel", reason="not needed")
    assert depot.call("GET", f"work-orders/{order['id']}")["lines"][0]["ips"] == []


@ON_SQLITE
def test_a_late_order_needs_an_exception_that_another_operator_approves(depot: Depot) -> None:
    order = depot.order(R750, planned_from="2026-03-03T07:59:59Z")
    late = post(depot, f"/{order['id']}/submit")
    assert code_of(late) == (409, "WORK_ORDER_LATE", "planned_from")
    assert (late.json()["rule"], late.json()["ready_at"], late.json()["first"]) == (
        "E1",
        "2026-03-03T08:00:00+00:00",
        True,
    )
    assert "plan for 2026-03-03 16:00 (site time) or later" in late.json()["detail"]
    assert "请改为 2026-03-03 16:00（场地时间）之后" in late.json()["detail_zh"]
    assert depot.call("GET", f"work-orders/{order['id']}")["status"] == "draft"
    asked = post(depot, f"/{order['id']}/submit", exception_reason="the carrier comes earlier").json()
    assert (asked["status"], asked["exception"]["approved_by"]) == ("submitted", None)
    assert code_of(post(depot, f"/{order['id']}/approve"))[1] == "WORK_ORDER_LATE"
    assert code_of(post(depot, f"/{order['id']}/approve-exception"))[1] == "own_exception"
    assert code_of(post(depot, f"/{order['id']}/approve-exception", "customer_service"))[1] == "not_permitted"
    granted = post(depot, f"/{order['id']}/approve-exception", "supervisor").json()
    assert granted["ready_at"] == granted["submitted_at"]
    assert code_of(post(depot, f"/{order['id']}/approve-exception", "supervisor"))[1] == "no_exception_asked"
    assert post(depot, f"/{order['id']}/approve").json()["status"] == "approved"
    acts = [row["act"] for row in depot.call("GET", "audit", params={"subject": order["id"]})["items"]]
    assert acts == ["order.create", "order.submit", "order.except", "order.approve"]


@ON_SQLITE
def test_a_punctual_order_needs_none_and_the_second_order_has_the_configured_notice(depot: Depot) -> None:
    order = depot.order(R750, planned_from="2026-03-03T08:00:00Z")
    assert post(depot, f"/{order['id']}/submit").json()["first"] is True
    depot.context.config = depot.context.config.model_copy(update={"order_notice_h": 1})
    again = depot.order({"model": "PDU"}, planned_from="2026-03-02T12:00:00Z")
    assert code_of(post(depot, f"/{again['id']}/submit"))[1] == "WORK_ORDER_LATE", (
        "nothing came in yet: still the first"
    )
    correction = {"acts": [{"act": "in", "model": "PDU", "customer": "C001"}], "reason": "stock"}
    made = depot.call("POST", "inventory/corrections", json=correction, expect=201)
    depot.call("POST", f"inventory/corrections/{made['id']}/confirm", "supervisor")
    shown = post(depot, f"/{again['id']}/submit").json()
    assert (shown["status"], shown["first"], shown["notice_h"]) == ("submitted", False, 1)


def test_a_serial_stands_on_one_open_order_and_in_no_room(depot: Depot) -> None:
    first = depot.order({"model": "R750", "serials": ["SN-1"]})
    again = new(depot, {"model": "R750", "serials": ["sn-1 "]}, customer="C002")
    assert code_of(again) == (409, "serial_on_order", "lines.0")
    assert again.json()["order"] == first["id"]
    depot.call("PATCH", "customers/C001", json={"department": "north"})
    blind = depot.client("customer_service").post(
        f"{API}/work-orders",
        json={"customer": "C002", "planned_from": "2026-03-04", "planned_until": "2026-03-06", "lines": [R750]},
    )
    assert code_of(blind)[1] == "serial_on_order"
    assert "order" not in blind.json(), "other departments' orders are not named (C4)"
    assert first["id"] not in blind.json()["detail"]
    assert post(depot, f"/{first['id']}/cancel", reason="wrong").status_code == 200
    order = depot.approved(R750)
    depot.moved(order, (depot.line_ids(order)[0], "SN-1"))
    here = new(depot, R750, customer="C002", planned_from="2026-03-06", planned_until="2026-03-09")
    assert code_of(here) == (409, "ITEM_ALREADY_IN", "lines.0")


@pytest.mark.parametrize("database_kind", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_the_database_refuses_a_second_open_order_for_a_serial(depot: Depot) -> None:
    depot.order(R750)
    other = depot.order({"model": "PDU"})
    line = depot.line_ids(other)[0]
    insert = text(f"INSERT INTO work_order_serial (line_id, serial_key, open) VALUES ({line}, 'SN-1', true)")
    with depot.context.database.write() as session, pytest.raises(IntegrityError):
        session.connection().execute(insert)


@ON_SQLITE
def test_the_code_is_sealed_known_by_its_hash_and_shown_on_record(depot: Depot) -> None:
    order = depot.approved(R750)
    [row] = depot.row("work_order", public_id=order["id"])
    shown = depot.call("POST", f"work-orders/{order['id']}/code")
    kind, code = document_of(shown["code"]) or ("", "")
    assert (kind, shown["number"]) == ("order", order["number"])
    assert credential_key(depot.context.keys.hash_key, "order", code) == row["code_hash"]
    assert code.encode() not in row["code_sealed"]
    assert code not in str(depot.call("GET", f"work-orders/{order['id']}"))
    acts = [row["act"] for row in depot.call("GET", "audit", params={"subject": order["id"]})["items"]]
    assert acts[-1] == "order.print"
    second = depot.order({"model": "PDU"}, planned_from="2026-03-05T10:00:00Z")
    assert code_of(post(depot, f"/{second['id']}/code"))[1] == "no_code"
    depot.call("POST", f"work-orders/{second['id']}/submit")
    assert post(depot, f"/{second['id']}/approve").json()["number"] == "W-20260304-0002"


@ON_SQLITE
def test_each_step_of_its_life_needs_the_one_before_and_the_newest_version(depot: Depot) -> None:
    order = depot.order(R750, external_id="W1")
    assert code_of(new(depot, R750, external_id="W1"))[:2] == (409, "external_id_taken")
    for act in ("approve", "unpacked", "close", "bind", "refuse"):
        body = {"unpacked": True} if act == "unpacked" else {"edge": None} if act == "bind" else {"reason": "x"}
        body = {} if act == "approve" else body
        assert code_of(post(depot, f"/W1/{act}", **body))[1] == "status_conflict", act
    stale = depot.client().post(f"{API}/work-orders/W1/submit", headers={"If-Match": '"99"'})
    assert code_of(stale)[:2] == (412, "changed_meanwhile")
    depot.call("POST", "work-orders/W1/submit", headers={"Idempotency-Key": "k"})
    replayed = depot.client().post(f"{API}/work-orders/W1/submit", headers={"Idempotency-Key": "k"})
    assert (replayed.status_code, replayed.headers["Idempotent-Replay"]) == (200, "true")
    assert code_of(depot.client().patch(f"{API}/work-orders/W1", json={"remark": "x"}))[1] == "status_conflict"
    assert post(depot, "/W1/refuse", reason="no rack free").json()["closed_reason"] == "no rack free"
    assert depot.client().patch(f"{API}/work-orders/W1", json={"remark": "rack A-02"}).json()["status"] == "draft"
    depot.call("POST", "work-orders/W1/submit")
    assert post(depot, "/W1/approve", edge="edge-9").json()["field"] == "edge"
    assert post(depot, "/W1/approve", "guard").status_code == 403
    approved = depot.call("POST", f"work-orders/{order['id']}/approve")
    assert (approved["edge"], approved["lines"][0]["received"]) == ("edge-1", 0)
    longer = depot.client().patch(f"{API}/work-orders/W1", json={"planned_until": "2026-03-09"})
    assert longer.json()["planned_until"] == "2026-03-09T16:00:00Z"
    assert code_of(depot.client().patch(f"{API}/work-orders/W1", json={"planned_until": "2026-03-08"}))[0] == 422
    assert [
        row["external_id"] for row in depot.call("GET", "work-orders", params={"open": True, "serial": "sn-1"})["items"]
    ] == ["W1"]
    assert depot.call("GET", "work-orders", params={"status": "done"})["items"] == []


@ON_SQLITE
def test_an_order_is_bound_elsewhere_only_after_its_edge_released_it(depot: Depot) -> None:
    order = depot.approved({"model": "PDU", "quantity": 3})
    [line] = depot.line_ids(order)
    depot.moved(order, (line, ""))
    asked = post(depot, f"/{order['id']}/bind", edge=None).json()
    assert (asked["edge"], asked["awaiting_release"], asked["binding"]) == ("edge-1", True, 1)
    assert post(depot, f"/{order['id']}/bind", edge=None).json()["awaiting_release"] is True
    depot.moved(order, (line, ""))
    depot.clock.at = START.replace(
        day=6, hour=16, minute=5
    )  # its window ended at 16:00 UTC; 5 minutes are for the clocks
    free = post(depot, f"/{order['id']}/bind", edge=None).json()
    assert (free["edge"], free["awaiting_release"], free["binding"]) == (None, False, 2)
    bound = post(depot, f"/{order['id']}/bind", edge="edge-1").json()
    assert (bound["edge"], bound["binding"]) == ("edge-1", 3)
    [row] = depot.row("work_order", public_id=order["id"])
    assert str(row["bound_lines"]) in (f'[[{line}, "PDU", 1, []]]', f"[[{line}, 'PDU', 1, []]]")
    assert post(depot, f"/{order['id']}/close", reason="the rest was cancelled").json()["status"] == "closed"


def test_numbers_are_given_out_once(depot: Depot) -> None:
    from server.equipment.codes import new_code, next_number

    with depot.context.database.write() as session:
        given = [next_number(session, "order", "20260304") for _ in range(3)] + [
            next_number(session, "slip", "20260304")
        ]
    assert given == ["W-20260304-0001", "W-20260304-0002", "W-20260304-0003", "S-20260304-0001"]
    assert len({new_code("slip") for _ in range(50)}) == 50


@ON_SQLITE
def test_codes_are_sealed_anew_with_everything_else(depot: Depot) -> None:
    order = depot.approved(R750)
    code = depot.call("POST", f"work-orders/{order['id']}/code")["code"]
    assert holds_sealed_values(depot.context.database)
    rotate_personal_keys(depot.context.config.dir)
    depot.context.personal.refresh()
    done, cursor = Resealed(), Cursor()
    while cursor.table is not None:
        reseal_batch(depot.context.database, depot.context.personal, cursor, done)
    [row] = depot.row("work_order", public_id=order["id"])
    assert (key_id_of(row["code_sealed"]), done.unreadable) == (2, 0)
    assert depot.call("POST", f"work-orders/{order['id']}/code")["code"] == code


@ON_SQLITE
def test_no_order_is_bound_to_an_edge_that_was_revoked(depot: Depot) -> None:
    """Nothing is sent to it: what it was bound to could neither come in there nor be released."""
    order = depot.order({"model": "R750", "serials": ["SN-1"]})
    post(depot, f"/{order['id']}/submit")
    with depot.context.database.write() as session:
        session.get_one(Edge, depot.edge_id).revoked_at = depot.clock.now()
    approved = post(depot, f"/{order['id']}/approve").json()
    assert (approved["status"], approved["edge"]) == ("approved", None), "it is received at the desk"
