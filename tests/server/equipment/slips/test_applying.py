"""Applying for a slip: what must be there, what the inventory says, who approves (E4, E5, E8; MEANINGS 24)."""

import re
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from controller.codes import document_of
from controller.policy import Line, credential_key
from tests.server.conftest import ON_SQLITE
from tests.server.equipment.slips.conftest import R750, SlipDepot


def code(answer: dict[str, Any]) -> str:
    """The refusal's code, which has both languages."""
    assert answer["detail"]
    assert answer["detail_zh"]
    return str(answer["code"])


def test_a_withdrawal_goes_from_draft_to_an_issued_slip(depot: SlipDepot) -> None:
    slip = depot.draft(R750, {"model": "pdu", "quantity": 2})
    assert (slip["status"], slip["standing"], slip["number"], slip["missing"]) == ("draft", "draft", None, [])
    assert (slip["from_at"], slip["until_at"]) == ("2026-03-01T16:00:00Z", "2026-03-02T16:00:00Z")
    found = depot.reconciled(slip)
    assert [line["result"]["agrees"] for line in found["lines"]] == [True, True]
    assert found["lines"][0]["result"]["devices"][0]["rack"] == "A-01"
    seen = depot.act(slip, "inspections", "guard", 201, result="pass", note="opened and looked at")
    assert (seen["status"], seen["inspected_by_name"]) == ("inspected", "test-guard")
    assert seen["inspections"][0]["holds"]
    assert depot.act(slip, "approve", "supervisor")["approved_by_name"] == "test-supervisor"
    issued = depot.act(slip, "issue")
    assert (issued["standing"], issued["number"], issued["left"]) == ("issued", "S-20260302-0001", 3)
    assert (issued["binding"]["edge"], issued["binding"]["binding"], issued["binding"]["awaits"]) == ("edge-1", 1, None)
    row = depot.stored(slip)
    shown = depot.call("GET", f"exit-slips/{issued['number']}/code", "guard")
    assert document_of(shown["code"]) == ("slip", shown["code"])
    assert bytes(row["code_hash"]) == credential_key(depot.context.keys.hash_key, "slip", shown["code"])
    assert shown["code"].encode() not in bytes(row["code_sealed"])
    assert shown["code"] not in str(depot.call("GET", "audit", params={"limit": 1000}))
    acts = [entry["act"] for entry in depot.call("GET", "audit", params={"subject": slip["id"]})["items"]]
    assert acts == [
        f"slip.{act}" for act in ("create", "submit", "reconcile", "inspect", "approve", "issue", "bind", "code")
    ]


@ON_SQLITE
def test_what_is_bound_is_what_may_leave(depot: SlipDepot) -> None:
    slip = depot.issued(depot.draft({"model": "R750", "serials": ["sn-1", "SN -2"]}, {"model": "PDU", "quantity": 2}))
    row = depot.stored(slip)
    bound = msgspec.json.decode(row["bound_lines"], type=tuple[Line, ...])
    assert [(line.model, line.quantity, line.serials) for line in bound] == [
        ("R750", 2, ("SN-1", "SN-2")),
        ("PDU", 2, ()),
    ]
    assert [line.id for line in bound] == [line["id"] for line in slip["lines"]]
    assert row["bound_returns"] == "[]"


@ON_SQLITE
def test_what_the_inventory_does_not_confirm_is_refused_with_line_and_reason(depot: SlipDepot) -> None:
    for line, reason, said in (
        ({"model": "R750", "serials": ["SN-77"]}, "ITEM_UNKNOWN", "SN-77"),
        ({"model": "R750", "serials": ["SN-9"]}, "ITEM_OF_ANOTHER_CUSTOMER", "SN-9"),
        ({"model": "NAS", "serials": ["OWN-1"]}, "ITEM_OF_ANOTHER_CUSTOMER", "OWN-1"),
        ({"model": "R640", "serials": ["SN-1"]}, "MODEL_DIFFERS", "R750"),
        ({"model": "PDU", "quantity": 4}, "TOO_FEW_HERE", "3"),
        ({"model": "R750", "quantity": 1}, "TOO_FEW_HERE", "0"),
    ):
        slip = depot.draft({"model": "R750", "serials": ["SN-2"]}, line)
        depot.act(slip, "submit")
        looked = depot.call("GET", f"exit-slips/{slip['id']}/reconciliation")
        assert [one["agrees"] for one in looked["lines"]] == [True, False]
        answer = depot.act(slip, "reconcile", "customer_service", 409)
        assert (code(answer), answer["field"]) == (reason, "lines.1")
        assert said in answer["detail"]
        assert answer["lines"] == looked["lines"]
        assert not re.search(r"\bC002\b", str(answer)), "whose it is, is nobody else's business"
        assert depot.get(slip)["status"] == "submitted"
    assert depot.row("exit_slip_claim") == []


@ON_SQLITE
def test_what_left_stands_in_no_room(depot: SlipDepot) -> None:
    first = depot.issued()
    depot.passed(first, (first["lines"][0]["id"], "SN-1"))
    again = depot.draft()
    depot.act(again, "submit")
    assert code(depot.act(again, "reconcile", "customer_service", 409)) == "ITEM_NOT_HERE"


@ON_SQLITE
def test_a_device_stands_on_one_open_slip(depot: SlipDepot) -> None:
    first, second = depot.issued(), depot.draft()
    depot.act(second, "submit")
    answer = depot.act(second, "reconcile", "customer_service", 409)
    assert code(answer) == "ITEM_ON_ANOTHER_SLIP"
    assert first["number"] in answer["detail"]
    other = depot.draft({"model": "PDU", "quantity": 2})
    depot.reconciled(other)
    third = depot.draft({"model": "PDU", "quantity": 2})
    depot.act(third, "submit")
    assert code(depot.act(third, "reconcile", "customer_service", 409)) == "TOO_FEW_HERE"
    depot.act(other, "cancel", reason="not today")
    depot.act(third, "reconcile")


def test_the_database_itself_refuses_a_second_claim(depot: SlipDepot) -> None:
    depot.issued()
    [claimed] = depot.row("exit_slip_claim")
    columns = "item_id, slip_id, line_id, claimed_at"
    insert = text(f"INSERT INTO exit_slip_claim ({columns}) SELECT {columns} FROM exit_slip_claim")
    with pytest.raises(IntegrityError), depot.context.database.write() as session:
        session.connection().execute(insert)
    assert depot.row("exit_slip_claim") == [claimed]


@ON_SQLITE
def test_a_repair_names_its_carriers_and_carries_its_papers(depot: SlipDepot) -> None:
    slip = depot.draft(kind="repair")
    assert slip["missing"] == ["letter", "organisation", "carriers"]
    depot.holder("zhu", "C001", "朱")
    path = f"exit-slips/{slip['id']}"
    slip = depot.call("PATCH", path, json={"organisation": "C001 公司", "carriers": ["li", "zhu"]})
    li, zhu = (carrier["holder"] for carrier in slip["carriers"])
    assert slip["missing"] == ["letter", f"id_copy:{li}", f"id_number:{zhu}", f"id_copy:{zhu}"]
    answer = depot.act(slip, "submit", "customer_service", 409)
    assert (code(answer), answer["missing"]) == ("SLIP_INCOMPLETE", slip["missing"])
    slip = depot.call("PATCH", path, json={"carriers": ["li"]})
    depot.hand_in(slip, "letter")
    assert code(depot.hand_in(slip, "carriers/wang/id-copy", expect=404)) == "not_found"
    slip = depot.hand_in(slip, "carriers/li/id-copy")
    assert (slip["missing"], slip["letter"] is not None) == ([], True)
    assert slip["carriers"][0]["id_number"] != "310101199001011237", "masked"
    assert slip["return_until_at"] == "2026-05-31T16:00:00Z"
    assert depot.call("PATCH", path, json={"purpose": "fan"})["carriers"] == slip["carriers"], (
        "an unchanged carrier keeps the copy"
    )
    assert depot.act(slip, "submit")["status"] == "submitted"


@ON_SQLITE
def test_a_carrier_is_of_the_customer_or_a_visitor(depot: SlipDepot) -> None:
    body = {"kind": "withdrawal", "customer": "C001", "purpose": "x", "lines": [R750]}
    for name in ("sun", "nobody"):
        depot.call("POST", "exit-slips", json=body | {"carriers": [name]}, expect=422)
    depot.holder("guo", None, "郭强")
    answer = depot.call("POST", "exit-slips", json=body | {"carriers": ["guo"]}, expect=422)
    assert (code(answer), answer["field"]) == ("invalid_input", "carriers.0")
    own = {"kind": "site", "purpose": "x", "lines": [{"model": "NAS", "serials": ["OWN-1"]}]}
    depot.call("POST", "exit-slips", json=own | {"carriers": ["guo"]}, expect=201)
    depot.call("POST", "exit-slips", json=own | {"carriers": ["li"]}, expect=422)


@ON_SQLITE
def test_what_cannot_be_is_refused(depot: SlipDepot) -> None:
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"customer": None}, "customer"),
        ({"kind": "site"}, "customer"),
        ({"date": "2026-03-01"}, "until"),
        ({"date": "2026-03-03", "until": "2026-03-04"}, "date"),
        ({"date": "2026-03-03T00:00:00Z"}, "date"),
        ({"return_until": "2026-03-01"}, "return_until"),
        ({"lines": [{"model": "R750", "quantity": 2, "serials": ["SN-1"]}]}, "lines.0.serials"),
        ({"lines": [R750, {"model": "R750", "serials": ["sn -1"]}]}, "lines.1.serials"),
        ({"lines": [{"model": "R750", "serials": ["\u3000"]}]}, "lines.0.serials.0"),
        ({"carriers": ["li", "li"]}, "carriers"),
        ({"lines": [{"model": "R750", "quantity": 0}]}, "lines.0.quantity"),
    )
    for change, field in cases:
        body = {"kind": "withdrawal", "customer": "C001", "purpose": "x", "lines": [R750]} | change
        body = {key: value for key, value in body.items() if value is not None}
        answer = depot.call("POST", "exit-slips", json=body, expect=422)
        assert (code(answer), answer["field"]) == ("invalid_input", field)


@ON_SQLITE
def test_who_wrote_an_application_does_not_approve_it(depot: SlipDepot) -> None:
    slip = depot.draft(role="supervisor")
    depot.inspected(slip)
    assert code(depot.act(slip, "approve", "supervisor", 409)) == "own_slip"
    depot.call("PATCH", f"exit-slips/{slip['id']}", "customer_service", json={"purpose": "more"})
    depot.inspected(slip)
    assert code(depot.act(slip, "approve", "customer_service", 409)) == "own_slip", "a change is writing, too"
    assert depot.act(slip, "approve", "administrator")["status"] == "approved"
    guard = depot.draft({"model": "R750", "serials": ["SN-2"]})
    depot.inspected(guard)
    assert code(depot.act(guard, "approve", "guard", 403)) == "not_permitted"
    assert depot.act(guard, "refuse", "supervisor", reason="not paid")["standing"] == "refused"


@ON_SQLITE
def test_the_sites_own_leaves_erased_and_by_the_equipment_heads_word(depot: SlipDepot) -> None:
    line = {"model": "NAS", "serials": ["OWN-1"], "storage": True}
    slip = depot.draft(line, kind="site", return_until="2026-04-01")
    shown = depot.inspected(slip)
    assert code(depot.act(slip, "approve", "supervisor", 403)) == "not_permitted"
    answer = depot.act(slip, "approve", "equipment_head", 409)
    assert (code(answer), answer["rule"]) == ("ERASURE_MISSING", "E8")
    line_id = shown["lines"][0]["id"]
    erased = {"act": "erasure", "result": "pass", "line": line_id}
    assert depot.act(slip, "inspections", "guard", 422, **erased)["field"] == "method"
    erased |= {"method": "backed up to tape 7, nvme sanitize", "done_by": "周工"}
    assert depot.act(slip, "inspections", "guard", 201, **erased)["status"] == "inspected"
    failed = erased | {"result": "fail", "note": "one disk did not answer"}
    depot.act(slip, "inspections", "guard", 201, **failed)
    assert code(depot.act(slip, "approve", "equipment_head", 409)) == "ERASURE_MISSING"
    depot.act(slip, "inspections", "guard", 201, **erased)
    assert depot.act(slip, "approve", "equipment_head")["status"] == "approved"
    assert code(depot.call("PATCH", f"exit-slips/{slip['id']}", json={"purpose": "x"}, expect=409)) == "status_conflict"


@ON_SQLITE
def test_what_was_attested_of_lines_is_not_written_anew(depot: SlipDepot) -> None:
    slip = depot.draft({"model": "NAS", "serials": ["OWN-1"], "storage": True}, kind="site")
    depot.act(slip, "submit")
    erased = {
        "act": "erasure",
        "result": "pass",
        "line": slip["lines"][0]["id"],
        "method": "shredded",
        "done_by": "周工",
    }
    depot.act(slip, "inspections", "guard", 201, **erased)
    assert code(depot.call("PATCH", f"exit-slips/{slip['id']}", json={"purpose": "x"}, expect=409)) == "attested"


@ON_SQLITE
def test_a_failed_inspection_sends_it_back_and_frees_its_devices(depot: SlipDepot) -> None:
    slip = depot.draft()
    depot.reconciled(slip)
    assert depot.act(slip, "inspections", "guard", 422, result="fail")["field"] == "note"
    failed = depot.act(slip, "inspections", "guard", 201, result="fail", note="another device in the box")
    assert failed["status"] == "submitted"
    depot.reconciled(depot.draft())


@ON_SQLITE
def test_inspections_are_never_changed_and_their_signatures_show_it(depot: SlipDepot) -> None:
    slip = depot.draft()
    depot.inspected(slip)
    with pytest.raises(Exception, match="never changed or deleted"), depot.context.database.write() as session:
        session.connection().execute(text("UPDATE inspection SET by_name = 'x'"))
    with depot.context.database.write() as session:
        session.connection().execute(text("DROP TRIGGER inspection_no_update"))
        session.connection().execute(text("UPDATE inspection SET by_name = 'x'"))
    assert depot.get(slip)["inspections"][0]["holds"] is False


@ON_SQLITE
def test_the_date_of_a_slip_must_not_be_over(depot: SlipDepot) -> None:
    slip = depot.draft()
    depot.inspected(slip)
    depot.clock.at = depot.clock.at.replace(hour=16)
    assert code(depot.act(slip, "approve", "supervisor", 409)) == "SLIP_WRONG_DATE"
    depot.call("PATCH", f"exit-slips/{slip['id']}", json={"date": "2026-03-05"})
    depot.approved(slip)
    depot.clock.at = depot.clock.at.replace(day=5, hour=16)
    assert code(depot.act(slip, "issue", "customer_service", 409)) == "SLIP_WRONG_DATE"


@ON_SQLITE
def test_roles_etags_idempotency_and_other_departments(depot: SlipDepot) -> None:
    slip = depot.draft(external_id="S1")
    assert depot.call("GET", "exit-slips/S1", "guard")["id"] == slip["id"]
    assert depot.call("GET", "exit-slips", "auditor", params={"customer": "C001", "open": True})["items"] == [slip]
    body = {"kind": "withdrawal", "customer": "C001", "purpose": "x", "external_id": "S1"}
    assert code(depot.call("POST", "exit-slips", json=body, expect=409)) == "external_id_taken"
    depot.call("POST", "exit-slips", "guard", json=body, expect=403)
    depot.act(slip, "cancel", "guard", 403, reason="x")
    stale = depot.call("POST", "exit-slips/S1/submit", headers={"If-Match": '"7"'}, expect=412)
    assert code(stale) == "changed_meanwhile"
    once = {"Idempotency-Key": "k1"}
    del body["external_id"]
    first = depot.call("POST", "exit-slips", json=body, headers=once, expect=201)
    assert depot.call("POST", "exit-slips", json=body, headers=once, expect=201) == first
    with depot.context.database.write() as session:
        session.connection().execute(
            text("UPDATE customer SET department = 'north', version = version + 1 WHERE code = 'C001'")
        )
    assert code(depot.call("GET", "exit-slips/S1", "guard", 404)) == "not_found"
    assert depot.call("GET", "exit-slips", "guard")["items"] == []
    assert depot.call("GET", "exit-slips/S1", "supervisor")["id"] == slip["id"]
