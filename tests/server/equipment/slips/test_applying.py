"""Applying for a slip: what must be there, what the inventory says, who approves (E4, E5, E8; MEANINGS 24)."""

from datetime import timedelta
from typing import Any

import pytest

from controller.codes import document_of
from controller.policy import credential_key
from tests.server.conftest import ON_SQLITE, START
from tests.server.equipment.slips.conftest import R750, SlipDepot


def code(answer: dict[str, Any]) -> str:
    """The refusal's code, which has both languages."""
    assert answer["detail_zh"]
    return str(answer["code"])


def test_a_withdrawal_goes_from_draft_to_an_issued_slip(depot: SlipDepot) -> None:
    slip = depot.draft(R750, {"model": "pdu", "quantity": 2})
    assert (slip["status"], slip["standing"], slip["number"], slip["missing"]) == ("draft", "draft", None, [])
    assert (slip["from_at"], slip["until_at"]) == ("2026-03-01T16:00:00Z", "2026-03-02T16:00:00Z")
    found = depot.reconciled(slip)
    assert found["status"] == "reconciled"
    assert [line["result"]["agrees"] for line in found["lines"]] == [True, True]
    assert found["lines"][0]["result"]["devices"][0]["rack"] == "A-01"
    seen = depot.act(slip, "inspections", "guard", 201, result="pass", note="opened and looked at")
    assert (seen["status"], seen["inspected_by_name"], seen["inspections"][0]["holds"]) == ("inspected", "test-guard", True)
    assert depot.act(slip, "approve", "supervisor")["approved_by_name"] == "test-supervisor"
    issued = depot.act(slip, "issue")
    assert (issued["standing"], issued["number"], issued["left"]) == ("issued", "S-20260302-0001", 3)
    assert (issued["binding"]["edge"], issued["binding"]["binding"], issued["binding"]["awaits"]) == ("edge-1", 1, None)
    row = depot.stored(slip)
    shown = depot.call("GET", f"exit-slips/{slip['number'] or issued['number']}/code", "guard")
    assert document_of(shown["code"]) == ("slip", shown["code"])
    assert bytes(row["code_hash"]) == credential_key(depot.context.keys.hash_key, "slip", shown["code"])
    assert shown["code"].encode() not in bytes(row["code_sealed"])
    assert "code" not in {key for key in issued if key == "code"}


def test_what_is_bound_is_what_may_leave(depot: SlipDepot) -> None:
    from controller.policy import Line
    import msgspec

    slip = depot.issued(depot.draft({"model": "R750", "serials": ["sn-1", "SN -2"]}, {"model": "PDU", "quantity": 2}))
    row = depot.stored(slip)
    lines = row["bound_lines"] if isinstance(row["bound_lines"], list) else msgspec.json.decode(row["bound_lines"])
    bound = msgspec.convert(lines, tuple[Line, ...])
    assert [(line.model, line.quantity, line.serials) for line in bound] == [("R750", 2, ("SN-1", "SN-2")), ("PDU", 2, ())]
