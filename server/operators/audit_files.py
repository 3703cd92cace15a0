"""The audit log as a table for a spreadsheet: headings and acts in both languages, every cell text."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter  # type: ignore[import-untyped]

from server.console.language import translate
from server.console.system_words import act_words
from server.operators.models import AuditEntry
from server.registry.sheets import DANGEROUS, MAX_CELL_CHARS

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
MAX_EXPORTED = 100_000
"""Entries of one export. What is cut off without a word is no log."""
COLUMNS = (
    ("时间 · Time", 22),
    ("操作人 · Who", 16),
    ("操作人编号 · Id", 32),
    ("操作（中文）", 20),
    ("Act (English)", 26),
    ("代码 · Code", 22),
    ("对象 · Subject", 32),
    ("变更前 · Before", 48),
    ("变更后 · After", 48),
    ("地址 · Address", 16),
)


def to_xlsx(rows: Sequence[AuditEntry], time_zone: str) -> bytes:
    """A workbook of one sheet; no cell is ever taken for a formula, number or link."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        as_text = book.add_format({"num_format": "@", "valign": "top"})
        heading = book.add_format({"bold": True, "num_format": "@"})
        sheet = book.add_worksheet("审计日志 Audit log")
        sheet.freeze_panes(1, 0)
        for index, (name, width) in enumerate(COLUMNS):
            sheet.set_column(index, index, width, as_text)
            sheet.write_string(0, index, name, heading)
        for number, cells in enumerate(_lines(rows, time_zone), start=1):
            for index, cell in enumerate(cells):
                sheet.write_string(number, index, cell[:MAX_CELL_CHARS], as_text)
    return out.getvalue()


def to_csv(rows: Sequence[AuditEntry], time_zone: str) -> bytes:
    """UTF-8 with the mark that spreadsheets need; what they would execute begins with an apostrophe (OWASP, CSV injection)."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([name for name, _ in COLUMNS])
    for cells in _lines(rows, time_zone):
        writer.writerow([f"'{cell}" if cell.startswith(DANGEROUS) else cell for cell in cells])
    return out.getvalue().encode("utf-8-sig")


def _lines(rows: Sequence[AuditEntry], time_zone: str) -> Iterator[list[str]]:
    zone = ZoneInfo(time_zone)
    for row in rows:
        yield [
            row.at.astimezone(zone).isoformat(sep=" ", timespec="seconds"),
            row.actor_name,
            row.actor,
            ": ".join(translate("zh-CN", part) for part in act_words(row.act)).replace(": ", "："),
            ": ".join(act_words(row.act)),
            row.act,
            row.subject,
            _text(row.before),
            _text(row.after),
            row.address,
        ]


def _text(kept: dict[str, Any] | None) -> str:
    return "" if kept is None else json.dumps(kept, ensure_ascii=False, sort_keys=True)
