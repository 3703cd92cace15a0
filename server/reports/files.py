"""A report as a workbook or a table: both languages, times in the site's zone, never a formula."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter  # type: ignore[import-untyped]

from server.context import Context
from server.equipment.sheet import site_words
from server.registry.sheets import DANGEROUS
from server.reports.shapes import Report
from server.reports.words import FIGURES, TITLES, named
from server.site_time import local

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
_TEXT_ONLY = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
STEPS = {"hour": ("小时", "Hour"), "day": ("日期", "Day")}


def report_xlsx(context: Context, report: Report, by: str, now: datetime, asked: Mapping[str, str | None]) -> bytes:
    """A sheet with what it comes to, one with the hours or days; above both what was asked for, who made it and when."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, _TEXT_ONLY) as book:
        title_zh, title_en = TITLES[report.name]
        facts = _facts(context, report, by, now, asked)
        _sheet(book, f"{title_zh} 汇总", f"{title_zh} {title_en}", facts, *_totals(context, report))
        _sheet(
            book,
            f"{title_zh} {'每小时' if report.step == 'hour' else '每天'}",
            f"{title_zh} {title_en}",
            facts,
            *_buckets(context, report),
        )
    return out.getvalue()


def report_csv(context: Context, report: Report) -> bytes:
    """The hours or days, UTF-8 with the mark that spreadsheets need."""
    head, rows = _buckets(context, report)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([_safe(one.replace("\n", " ")) for one in head])
    writer.writerows(rows)
    return out.getvalue().encode("utf-8-sig")


def _facts(context: Context, report: Report, by: str, now: datetime, asked: Mapping[str, str | None]) -> list[str]:
    zone = context.site.time_zone
    begin, until = (local(zone, datetime.fromisoformat(at)) for at in (report.from_, report.until))
    facts = [f"场地 Site: {site_words(context.site)}", f"期间 Period: {begin} – {until} ({zone})"]
    captions = {"area": "区域 room", "customer": "客户 customer"}
    facts += [f"{captions[name]}: {value}" for name, value in asked.items() if value]
    return [*facts, f"打印 Printed: {local(zone, now)} · {by}"]


def _totals(context: Context, report: Report) -> tuple[list[str], list[list[Any]]]:
    head = [
        "代码\nCode",
        "名称\nName",
        *("\n".join(FIGURES[figure]) + (" (s)" if figure.endswith("_s") else "") for figure in report.figures),
    ]
    rows = []
    for total in report.totals:
        name = total.name or " ".join(dict.fromkeys(named(report.name, total.code, context.site)))
        rows.append([total.code, name, *(total.figures.get(figure, 0) for figure in report.figures)])
    return head, rows


def _buckets(context: Context, report: Report) -> tuple[list[str], list[list[Any]]]:
    zone = ZoneInfo(context.site.time_zone)
    form = "%Y-%m-%d %H:%M" if report.step == "hour" else "%Y-%m-%d"
    head = [
        "\n".join(STEPS[report.step]),
        *("\n".join(dict.fromkeys(named(report.name, code, context.site))) for code in report.codes),
    ]
    return head, [
        [datetime.fromisoformat(one.at).astimezone(zone).strftime(form), *one.counts] for one in report.buckets
    ]


def _sheet(
    book: Any, name: str, title: str, facts: Sequence[str], head: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    sheet = book.add_worksheet(name)
    sheet.write_string(0, 0, title, book.add_format({"bold": True, "font_size": 14}))
    for row, fact in enumerate(facts, 1):
        sheet.write_string(row, 0, fact)
    first = len(facts) + 2
    heading = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
    sheet.set_column(0, max(1, len(head) - 1), 22)
    for column, words in enumerate(head):
        sheet.write_string(first, column, words, heading)
    for number, cells in enumerate(rows, first + 1):
        for column, cell in enumerate(cells):
            if isinstance(cell, int):
                sheet.write_number(number, column, cell)
            else:
                sheet.write_string(number, column, cell)
    sheet.freeze_panes(first + 1, 1)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(first)
    sheet.set_footer("&R&P / &N")


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(DANGEROUS) else cell
