"""A slip's lines as a file, and the sheet of a work order."""

import io
from typing import Any

from pypdf import PdfReader

from server.equipment.order_sheet import sheet_of
from server.equipment.sheet import picture_of
from server.operators.actor import SYSTEM
from tests.server.conftest import ON_SQLITE
from tests.server.equipment.slips.conftest import SlipDepot
from tests.server.equipment.slips.test_sheet import codes_on, words_of

BINARY = {"Content-Type": "application/octet-stream"}


@ON_SQLITE
def test_lines_go_out_as_a_file_and_come_back_as_they_were(depot: SlipDepot) -> None:
    lines = [{"model": "R750", "serials": ["SN-1", "SN-2"], "storage": True}, {"model": "PDU", "quantity": 3}]
    slip = depot.draft(*lines)
    path = f"exit-slips/{slip['id']}/lines"
    for format_ in ("xlsx", "csv"):
        file = depot.client("guard").get(f"/api/v1/{path}", params={"format": format_})
        assert file.status_code == 200
        given: dict[str, Any] = {"headers": BINARY, "content": file.content, "params": {"format": format_}}
        dry = depot.call(
            "PUT",
            path,
            "customer_service",
            headers=BINARY,
            content=file.content,
            params={"format": format_, "dry_run": True},
        )
        assert (dry["rows"], dry["faults"], dry["slip"]) == (2, [], None)
        back = depot.call("PUT", path, "customer_service", **given)["slip"]["lines"]
        kept = ("model", "quantity", "serials", "storage", "position")
        assert [[line[key] for key in kept] for line in back] == [[line[key] for key in kept] for line in slip["lines"]]


@ON_SQLITE
def test_a_fault_names_its_cell_and_changes_nothing(depot: SlipDepot) -> None:
    slip = depot.draft()
    path = f"exit-slips/{slip['id']}/lines"
    file = b"model,quantity,serials\nR750,1,SN-1\nR750,3,SN-2; SN-3\n"
    answer = depot.call("PUT", path, headers=BINARY, content=file, params={"format": "csv"})
    [fault] = answer["faults"]
    assert (fault["row"], fault["cell"], fault["field"], answer["slip"]) == (3, "C3", "serials", None)
    assert "2 serial numbers for 3 devices" in fault["message"]
    assert depot.get(slip) == slip
    depot.issued(slip)
    assert (
        depot.call("PUT", path, headers=BINARY, content=file[:33], params={"format": "csv"}, expect=409)["code"]
        == "status_conflict"
    )


@ON_SQLITE
def test_a_work_orders_sheet_holds_its_code_and_is_on_record(depot: SlipDepot) -> None:
    order = depot.approved_order(
        {"model": "R640", "serials": ["NEW-1"], "rack": "A-01"}, {"model": "PDU", "quantity": 2}
    )
    path = f"/api/v1/work-orders/{order['id']}/sheet.pdf"
    answer = depot.client("guard").get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf"), answer.text
    [page] = PdfReader(io.BytesIO(answer.content)).pages
    words = words_of(page)
    for wanted in (
        "开工单",
        "Workorder",
        order["number"],
        "C001公司(C001)",
        "edge-1",
        "R640",
        "NEW-1",
        "A-01",
        "按数量计",
        "共3件",
    ):
        assert wanted in words
    entries = depot.call("GET", "audit", params={"subject": order["id"]})["items"]
    assert [entry["actor_name"] for entry in entries if entry["act"] == "order.print"] == ["test-guard"]
    with depot.context.database.write() as session:
        sheet = sheet_of(session, depot.context, SYSTEM, order["id"])
    assert codes_on(picture_of(sheet)) == [sheet.code]
    assert sheet.code in words
    assert depot.client("auditor").get(path).status_code == 403
