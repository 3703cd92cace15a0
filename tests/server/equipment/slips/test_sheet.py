"""The sheet to print: what it says, its QR read back from the page, copies, and who printed it (E4, E5)."""

import io
from dataclasses import replace
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from pypdf import PdfReader

from controller.codes import document_code
from server.equipment.sheet import Sheet, picture_of, print_sheet
from tests.server.conftest import ON_SQLITE
from tests.server.equipment.slips.conftest import R750, SlipDepot

SHEET = Sheet(
    document="slip",
    number="S-20261122-0003",
    code=document_code("slip", "K7Q2M9X4TFB8H"),
    site="华东一号 · East One",
    facts=(("客户 Customer", "华云数据 (C001)"), ("事由 Purpose", '#read("/etc/passwd") $x^2$ *bold*')),
    people_head=("携带人 Carrier", "证件号码 ID number"),
    people_widths=(1, 1),
    people=(("李娜", "3101**********1237"),),
    head=("序 No.", "型号 Model", "数量 Qty", "序列号 Serial numbers"),
    widths=(1, 4, 1, 7),
    lines=(("1", "R750", "2", "SN-1, SN-2"),),
    signatures=("携带人签字 Carrier", "值班人员签字 Guard"),
    marks=(("查验 Inspected", "王保安"),),
    printed="打印 printed 2026-11-22 09:00 · 张三",
)


def codes_on(picture: bytes) -> list[str]:
    """What a reader finds on a page."""
    return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("L"))]


def words_of(page: Any) -> str:
    """A page's text, without white space."""
    return "".join(page.extract_text().replace("\u200b", "").split())


@pytest.mark.parametrize("document", ["slip", "order"])
def test_the_qr_on_the_rendered_page_is_exactly_the_code(document: Any) -> None:
    code = document_code(document, "0123456789ABC")
    picture = picture_of(replace(SHEET, document=document, code=code))
    assert codes_on(picture) == [code]


def test_a_worn_print_is_read_all_the_same() -> None:
    page = Image.open(io.BytesIO(picture_of(SHEET, ppi=120))).convert("L")
    small = page.resize((page.width * 2 // 3, page.height * 2 // 3)).rotate(4, expand=True, fillcolor=255)
    assert [found.text for found in zxingcpp.read_barcodes(small)] == [SHEET.code]


def test_the_page_says_what_is_needed_and_what_people_wrote_is_never_executed() -> None:
    [page] = PdfReader(io.BytesIO(print_sheet(SHEET))).pages
    assert [round(float(side) / 72 * 25.4) for side in page.mediabox[2:]] == [210, 297]
    words = words_of(page)
    for wanted in (
        "出门条", "Exitslip", SHEET.number, SHEET.code, "华云数据(C001)", "李娜", "3101**********1237", "R750", "SN-1,SN-2", "王保安",
        "值班人员签字Guard", "张三", '#read("/etc/passwd")$x^2$*bold*', "1/1",
    ):  # fmt: skip
        assert wanted in words
    assert "COPY" not in words


def test_a_long_slip_has_its_code_on_every_page() -> None:
    lines = tuple((str(n), "R750", "1", f"SN-{n:05d}-" + "X" * 60) for n in range(1, 200))
    pages = PdfReader(io.BytesIO(print_sheet(replace(SHEET, lines=lines, copy=2)))).pages
    assert len(pages) > 3
    for number, page in enumerate(pages, 1):
        words = words_of(page)
        assert SHEET.code in words
        assert "副本COPY2" in words
        assert f"{number}/{len(pages)}" in words
    assert "SN-00199-" + "X" * 60 in "".join(words_of(page) for page in pages)


@ON_SQLITE
def test_a_print_shows_the_slip_and_is_on_record_and_the_next_is_a_copy(depot: SlipDepot) -> None:
    slip = depot.issued(depot.repair(R750))
    path = f"/api/v1/exit-slips/{slip['id']}/sheet.pdf"
    guard = depot.client("guard")
    first, second = guard.get(path), guard.get(path)
    assert (first.status_code, first.headers["content-type"], first.headers["cache-control"]) == (
        200,
        "application/pdf",
        "no-store",
    )
    code = depot.call("GET", f"exit-slips/{slip['id']}/code")["code"]
    [page] = PdfReader(io.BytesIO(first.content)).pages
    words = words_of(page)
    for wanted in (
        slip["number"], code, "李娜", "C001公司(C001)", "送修", "2026-03-0200:00–2026-03-0300:00", "2026-06-0100:00", "edge-1", "SN-1",
        "test-guard·2026-03-0216:00", "test-supervisor", "共1件",
    ):  # fmt: skip
        assert wanted in words
    assert "310101199001011237" not in words, "masked"
    assert "COPY" not in words
    assert "副本COPY1" in words_of(PdfReader(io.BytesIO(second.content)).pages[0])
    assert depot.get(slip)["prints"] == 2
    entries = depot.call("GET", "audit", params={"subject": slip["id"]})["items"]
    prints = [(entry["actor_name"], entry["after"]) for entry in entries if entry["act"] == "slip.print"]
    assert prints == [("test-guard", {"copy": 0}), ("test-guard", {"copy": 1})]
    assert depot.client("auditor").get(path).status_code == 403
    assert guard.get(f"/api/v1/exit-slips/{depot.draft()['id']}/sheet.pdf").status_code == 409
