"""The register and the muster as files: lines as on paper, names masked unless asked for with a reason, bounds, the audit log (R3, C4, L3)."""

import io
from typing import Any
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook
from sqlmodel import col, select

from controller.events import DoorOpened
from controller.room_events import AreaUncertain
from server.operators.models import AuditEntry
from server.rooms import muster_sheet, register_book, register_files
from server.rooms.occupancy import occupancy
from tests.server.conftest import ON_SQLITE, START
from tests.server.rooms.conftest import WANG, House, taken

pytestmark = ON_SQLITE
XLSX, PDF = "/api/v1/register/export.xlsx", "/api/v1/register/export.pdf"


def table(content: bytes) -> tuple[list[str], list[dict[str, Any]]]:
    """What stands above the table, and its rows by Chinese heading."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    assert book.sheet_names == ["机房出入登记簿"]
    rows = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    head = next(number for number, row in enumerate(rows) if row[1])
    names = [str(cell).split("\n", maxsplit=1)[0] for cell in rows[head]]
    return [str(row[0]) for row in rows[:head] if row[0]], [
        dict(zip(names, row, strict=True)) for row in rows[head + 1 :]
    ]


def acts(house: House, act: str) -> list[AuditEntry]:
    with house.context.database.read() as session:
        return list(session.exec(select(AuditEntry).where(AuditEntry.act == act).order_by(col(AuditEntry.id))).all())


def a_visit(house: House) -> None:
    house.edge.happen(taken("hall-in", partners=(WANG,)), taken("hall-in", WANG, partners=(1,)), at_s=10)
    house.edge.happen(taken("hall-out"), at_s=100)


def test_a_stay_is_one_line_with_both_times_at_the_site_s_zone(house: House) -> None:
    a_visit(house)
    [first, *_] = house.register()
    note = {"text": "=HYPERLINK(1)", "kind": "operation"}
    assert house.client().post(f"/api/v1/register/{first['id']}/notes", json=note).status_code == 201
    answer = house.client().get(XLSX, params={"book": True, "area": "hall", "from": "2026-03-02"})
    assert answer.status_code == 200, answer.text
    head, rows = table(answer.content)
    assert "2026-03-02 00:00 – 现在 now (Asia/Shanghai)" in " ".join(head)
    assert any("hall" in one for one in head)
    assert any("test-guard" in one for one in head)
    assert [(row["姓名"], row["出入证号"]) for row in rows] == [("李*", "M1"), ("王*", "M2")]
    assert str(rows[0]["进入时间"]) == "2026-03-02 16:00:10"
    assert str(rows[0]["离开时间"]) == "2026-03-02 16:01:40"
    assert rows[1]["离开时间"] == "仍在场 still inside"
    assert rows[0]["操作内容"] == "=HYPERLINK(1)"
    assert "missing" in rows[1]["操作内容"]
    assert "王*" in rows[0]["同行人 / 陪同人"]
    assert rows[0]["单位"] == "C001 华云数据"
    assert b"<f>" not in ZipFile(io.BytesIO(answer.content)).read("xl/worksheets/sheet1.xml"), "no cell is a formula"
    [recorded] = acts(house, "register.export")
    assert recorded.after is not None
    assert recorded.after["format"] == "xlsx"
    assert acts(house, "personal.look") == []


def test_what_began_nothing_and_ended_nothing_keeps_its_line(house: House) -> None:
    house.edge.happen(taken("hall-out"), at_s=5)
    _, rows = table(house.client().get(XLSX, params={"book": True}).content)
    assert [(row["区域"], row["备注"]) for row in rows] == [("hall", "仅有离开记录 exit only"), ("lobby", "")]
    assert rows[0]["进入时间"] == ""
    assert str(rows[0]["离开时间"]) == str(rows[1]["进入时间"]) == "2026-03-02 16:00:05"
    [only] = table(house.client().get(XLSX, params={"book": True, "area": "hall"}).content)[1]
    assert only["备注"] == "仅有离开记录 exit only"


def test_each_passage_has_its_line_where_asked_for(house: House) -> None:
    a_visit(house)
    assert len(table(house.client().get(XLSX, params={"area": "hall"}).content)[1]) == 3
    assert len(house.register(area="hall", book=True)) == 2


def test_names_in_full_take_the_right_and_a_reason_and_are_looks(house: House) -> None:
    a_visit(house)
    guard = house.client()
    assert guard.post(XLSX, json={"reason": "x"}).json()["code"] == "reason_missing"
    assert house.client("auditor").post(XLSX, json={"reason": "for the police"}).status_code == 403
    assert (acts(house, "register.export"), acts(house, "personal.look")) == ([], [])
    head, rows = table(
        guard.post(XLSX, params={"area": "hall", "book": True}, json={"reason": "for the police"}).content
    )
    assert [row["姓名"] for row in rows] == ["李娜", "王伟"]
    assert any("for the police" in one for one in head)
    assert [look.subject for look in acts(house, "personal.look")] == ["hld_李娜", "hld_王伟"]
    [exported] = acts(house, "register.export")
    assert exported.after is not None
    assert (exported.after["names"], exported.after["reason"]) == (2, "for the police")


def test_more_names_than_may_be_looked_at_are_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    a_visit(house)
    monkeypatch.setattr(register_book, "LOOKS_PER_WINDOW", 1)
    answer = house.client().post(PDF, json={"reason": "for the police"})
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_names")
    assert acts(house, "personal.look") == []


@pytest.mark.parametrize(("path", "limit"), [(XLSX, "MAX_XLSX"), (PDF, "MAX_PDF")])
def test_a_file_that_would_be_too_long_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch, path: str, limit: str
) -> None:
    a_visit(house)
    monkeypatch.setattr(register_files, limit, 2)
    answer = house.client().get(path)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "too_many_entries", "from")
    assert acts(house, "register.export") == []
    assert house.client().get(path, params={"book": True, "area": "hall"}).status_code == 200


def test_what_is_not_there_is_named(house: House) -> None:
    answer = house.client().get(XLSX, params={"customer": "nobody"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert house.client().get(XLSX, params={"from": "yesterday"}).json()["field"] == "from"


def test_the_register_on_paper_is_a_pdf_also_when_it_is_empty(house: House) -> None:
    for _ in range(2):
        answer = house.client().get(PDF)
        assert answer.content.startswith(b"%PDF"), answer.text
        a_visit(house)


def test_the_muster_names_each_area_and_says_what_is_not_sure(house: House) -> None:
    house.edge.happen(taken("hall-in", escort=WANG), taken("hall-in", WANG), at_s=10)
    house.edge.happen(AreaUncertain("hall", "restart"), at_s=11)
    answer = house.client().get("/api/v1/occupancy/muster.pdf")
    assert answer.content.startswith(b"%PDF"), answer.text
    [printed] = acts(house, "muster.print")
    assert printed.after is not None
    assert printed.after["areas"]["hall"] == 2
    with house.context.database.read() as session:
        shown = occupancy(session, house.context, int(START.timestamp() * 1_000_000))
    [hall] = [
        one for one in muster_sheet.sheet_data(house.context, shown, START, "guard")["areas"] if one["head"] == "hall"
    ]
    assert hall["count"].endswith("– ?")
    assert "控制器曾重启" in hall["doubt"]
    assert [row[0] for row in hall["rows"]] == ["M1", "M2"]
    assert "M2" in hall["rows"][0][4]


def test_the_muster_says_of_a_silent_edge_since_when_it_is_old(house: House) -> None:
    house.edge.happen(DoorOpened("hall-door"), taken("hall-in"))
    house.edge.fall_silent()
    assert house.client().get("/api/v1/occupancy/muster.pdf").content.startswith(b"%PDF")
    [printed] = acts(house, "muster.print")
    assert printed.after is not None
    assert printed.after["silent"] == ["edge-1"]
    with house.context.database.read() as session:
        shown = occupancy(session, house.context, int(START.timestamp() * 1_000_000))
    sheet = {one["head"]: one for one in muster_sheet.sheet_data(house.context, shown, START, "guard")["areas"]}
    assert sheet["hall"]["count"] == "1 ?"
    assert "edge-1 自 2026-03-02 16:00 起失联" in sheet["hall"]["doubt"]
    assert "its doors go on deciding" in sheet["hall"]["doubt"]
    assert (sheet["annex"]["count"], sheet["annex"]["doubt"]) == ("0", "")
