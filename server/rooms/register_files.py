"""机房出入登记簿 as a spreadsheet and on paper: site, period, what was asked for, who printed it and when, above the lines (R3)."""

import io
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

from server.context import Context
from server.equipment.sheet import breakable, site_words
from server.operators.actor import Actor
from server.rooms.register_book import COLUMNS, Line, admit_export, book_lines, filter_words, period_words
from server.rooms.register_filters import Filters
from server.site_time import local
from server.typesetting import set_pages

TEMPLATE = Path(__file__).with_name("register.typ")
TITLE_ZH, TITLE_EN = "机房出入登记簿", "Register of entries and exits"
MAX_XLSX = 20_000
"""Lines of one spreadsheet: a month of a busy site, made in some seconds and 100 MB."""
MAX_PDF = 2_000
"""Lines on paper: 100 pages."""
WIDTHS = (6, 19, 19, 14, 26, 12, 26, 28, 22, 20, 26, 40, 36)
_TEXT_ONLY = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


@dataclass(frozen=True)
class Head:
    """What stands above the lines: caption (both languages) and words."""

    facts: tuple[tuple[str, str], ...]


def register_xlsx(context: Context, actor: Actor, filters: Filters, reason: str | None = None) -> bytes:
    """The workbook; ``reason``: with names in full. Recorded. Raises :class:`server.problems.Problem`."""
    head, lines = _made(context, actor, filters, "xlsx", MAX_XLSX, reason)
    return to_workbook(head, lines)


def register_pdf(context: Context, actor: Actor, filters: Filters, reason: str | None = None) -> bytes:
    """The pages, A4 landscape; ``reason``: with names in full. Recorded. Raises :class:`server.problems.Problem`."""
    head, lines = _made(context, actor, filters, "pdf", MAX_PDF, reason)
    return set_pages(TEMPLATE, page_data(head, lines))


def to_workbook(head: Head, lines: list[Line]) -> bytes:
    """One sheet; every cell is text or a time, never a formula or a link."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, _TEXT_ONLY) as book:
        title, caption = book.add_format({"bold": True, "font_size": 16}), book.add_format({"font_color": "#4d5a69"})
        heading = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
        time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss", "valign": "top", "align": "left"})
        sheet = book.add_worksheet(TITLE_ZH)
        sheet.write_string(0, 0, f"{TITLE_ZH} {TITLE_EN}", title)
        for row, (name, words) in enumerate(head.facts, 1):
            sheet.write_string(row, 0, f"{name}: {words}", caption)
        first = len(head.facts) + 2
        for column, (zh, en) in enumerate(COLUMNS):
            sheet.set_column(column, column, WIDTHS[column])
            sheet.write_string(first, column, f"{zh}\n{en}", heading)
        for row, line in enumerate(lines, first + 1):
            for column, cell in enumerate(astuple(line)):
                if isinstance(cell, datetime):
                    sheet.write_datetime(row, column, cell, time)
                elif isinstance(cell, int):
                    sheet.write_number(row, column, cell)
                elif cell:
                    sheet.write_string(row, column, cell, text)
        sheet.freeze_panes(first + 1, 0)
        sheet.autofilter(first, 0, max(first + len(lines), first), len(COLUMNS) - 1)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(first)
        sheet.set_footer(f"&L{TITLE_ZH}&R&P / &N")
    return out.getvalue()


def page_data(head: Head, lines: list[Line]) -> dict[str, Any]:
    """What the template takes."""
    return {
        "title_zh": TITLE_ZH,
        "title_en": TITLE_EN,
        "facts": [list(fact) for fact in head.facts],
        "columns": [list(column) for column in COLUMNS],
        "lines": [[_on_paper(cell) for cell in astuple(line)] for line in lines],
    }


def _made(
    context: Context, actor: Actor, filters: Filters, format: str, most: int, reason: str | None
) -> tuple[Head, list[Line]]:
    sought, names = admit_export(context, actor, filters, format, most, reason)
    lines = book_lines(context, sought, most, names)
    site = context.site
    printed = local(site.time_zone, context.clock.now())
    facts = (
        ("场地 Site", site_words(site)),
        ("期间（按进入时间）Period, by the time of entry", period_words(context, sought)),
        ("筛选 Filters", filter_words(context, filters) or "无 none"),
        ("条数 Lines", str(len(lines))),
        ("姓名 Names", f"完整 in full — {reason.strip()}" if reason is not None else "已脱敏 masked"),
        ("打印 Printed", f"{printed} · {actor.name}"),
    )
    return Head(facts), lines


def _on_paper(cell: object) -> str:
    if cell is None:
        return "—"
    return cell.strftime("%Y-%m-%d %H:%M") if isinstance(cell, datetime) else breakable(str(cell))
