"""The sheet that goes with equipment: an exit slip, a work order; A4, Chinese and English, its code as QR and in words on every page."""

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import segno

from controller.site import Site
from server.site_time import local
from server.typesetting import set_pages

TEMPLATE = Path(__file__).with_name("sheet.typ")
TITLES = {"slip": ("出门条", "Exit slip"), "order": ("开工单", "Work order")}
BREAK_AFTER = 12
"""A serial number or model without a blank may be broken after so many characters: no cell of the table runs over."""
HINT = "扫描上方编码；遗失请立即报告。 Scan this code at the door. Report its loss at once."


@dataclass(frozen=True)
class Sheet:
    """What is printed. ``facts``, ``marks``: (caption, text). ``people``: rows of ``people_head``. ``lines``: rows of ``head``; ``widths`` their shares.
    ``copy``: how often it was printed before."""

    document: Literal["slip", "order"]
    number: str
    code: str
    site: str
    facts: tuple[tuple[str, str], ...]
    head: tuple[str, ...]
    widths: tuple[int, ...]
    lines: tuple[tuple[str, ...], ...]
    signatures: tuple[str, ...]
    printed: str
    people_head: tuple[str, ...] = ()
    people_widths: tuple[int, ...] = ()
    people: tuple[tuple[str, ...], ...] = ()
    marks: tuple[tuple[str, str], ...] = ()
    below: str = ""
    copy: int = 0


def print_sheet(sheet: Sheet) -> bytes:
    """The PDF. Raises :class:`server.problems.Problem` 503 where the font is not installed."""
    return set_pages(TEMPLATE, _data(sheet))


def picture_of(sheet: Sheet, ppi: int = 150) -> bytes:
    """Its first page as a PNG, as it would be printed."""
    return set_pages(TEMPLATE, _data(sheet), format="png", ppi=ppi)


def qr_svg(code: str) -> str:
    """The QR code of exactly ``code``, with its quiet zone, at the highest error correction."""
    made = BytesIO()
    segno.make(code, error="h", micro=False).save(made, kind="svg", border=4, scale=1, xmldecl=False, svgns=True)
    return made.getvalue().decode()


def printed_line(time_zone: str, now: datetime, by: str) -> str:
    """When and by whom it was printed."""
    return f"打印 printed {local(time_zone, now)} · {by}"


def site_words(site: Site) -> str:
    """The site's name in both languages."""
    return " · ".join(dict.fromkeys(part for part in (site.name_zh, site.name_en) if part)) or site.id


def breakable(text: str) -> str:
    """The text with places where a long word may break."""
    return " ".join(
        "\u200b".join(word[start : start + BREAK_AFTER] for start in range(0, len(word), BREAK_AFTER))
        for word in text.split(" ")
    )


def _data(sheet: Sheet) -> dict[str, Any]:
    title_zh, title_en = TITLES[sheet.document]
    facts = [list(fact) for fact in sheet.facts]
    return {
        "title": f"{title_zh} {sheet.number}",
        "title_zh": title_zh,
        "title_en": title_en,
        "number": sheet.number,
        "code": sheet.code,
        "qr": qr_svg(sheet.code),
        "hint": HINT,
        "site": sheet.site,
        "copy": f"副本 COPY {sheet.copy}" if sheet.copy else "",
        "facts": [[caption, breakable(text)] for caption, text in facts],
        "people_head": sheet.people_head,
        "people_widths": sheet.people_widths,
        "people": [[breakable(cell) for cell in row] for row in sheet.people],
        "head": sheet.head,
        "widths": sheet.widths,
        "lines": [[breakable(cell) for cell in row] for row in sheet.lines],
        "below": sheet.below,
        "marks": [[caption, breakable(text)] for caption, text in sheet.marks],
        "signatures": sheet.signatures,
        "printed": sheet.printed,
    }
