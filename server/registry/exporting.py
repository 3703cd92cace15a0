"""Export of the registry into .xlsx or .csv (docs/registry.md): what the import reads back. Persons' data are masked unless asked for."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]
from sqlalchemy import Table, select
from sqlmodel import Session

from server.db.clock import to_us
from server.ledger.facts import table_of
from server.personal.cipher import PersonalKeys
from server.personal.fields import open_cipher
from server.personal.masking import MASKS
from server.registry.models import Customer
from server.registry.sheets import DANGEROUS, Column, Noun
from server.rfc3339 import rfc3339

_FETCH_ROWS = 1_000
_COLUMN_OF = {"from": "from_at", "until": "until_at", "primary": "is_primary"}


def export_rows(session: Session, noun: Noun, personal: PersonalKeys, *, clear: bool) -> Iterator[list[str]]:
    """The rows that are not deleted, as text, by id."""
    table, customers = table_of(noun.model), table_of(Customer)
    query = select(table).where(table.c.deleted_at.is_(None)).order_by(table.c.id)
    has_customer = "customer_id" in table.c
    if has_customer:
        query = query.add_columns(customers.c.code.label("customer_code")).outerjoin(
            customers, customers.c.id == table.c.customer_id
        )
    for row in session.connection().execution_options(yield_per=_FETCH_ROWS).execute(query).mappings():
        yield [_shown(table, column, row, personal, clear=clear) for column in noun.columns]


def _shown(table: Table, column: Column, row: Any, personal: PersonalKeys, *, clear: bool) -> str:
    if column.kind == "personal":
        text = open_cipher(personal, str(table.name), row["public_id"], column.name, row[f"{column.name}_cipher"])
        return "" if text is None else text if clear else MASKS[column.name](text)
    if column.name == "customer":
        return row["customer_code"] or ""
    if column.name == "staff":
        return "yes" if row["kind"] == "staff" else "no"
    value = row[_COLUMN_OF.get(column.name, column.name)]
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return rfc3339(to_us(value))
    if isinstance(value, list):
        return "; ".join(value)
    return str(value)


def to_xlsx(sheets: Sequence[tuple[Noun, Sequence[list[str]]]]) -> bytes:
    """A workbook: a sheet per noun, every cell text, never a formula, number or link."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        as_text = book.add_format({"num_format": "@"})
        heading = book.add_format({"bold": True, "num_format": "@"})
        for noun, rows in sheets:
            sheet = book.add_worksheet(noun.name)
            sheet.freeze_panes(1, 0)
            for index, column in enumerate(noun.columns):
                sheet.set_column(index, index, 18, as_text)
                sheet.write_string(0, index, _heading(column), heading)
            for number, row in enumerate(rows, start=1):
                for index, cell in enumerate(row):
                    if cell:
                        sheet.write_string(number, index, cell, as_text)
    return out.getvalue()


def to_csv(noun: Noun, rows: Sequence[list[str]]) -> bytes:
    """UTF-8 with the mark that spreadsheets need. What they would execute begins with an apostrophe (OWASP, CSV injection), which
    the import takes away again."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([_heading(column) for column in noun.columns])
    writer.writerows([f"'{cell}" if cell.startswith(DANGEROUS) else cell for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _heading(column: Column) -> str:
    return f"{column.name}*" if column.required else column.name


def write_export(path: Path, content: bytes) -> None:
    """A new file for its owner alone (mode 600). Raises :class:`OSError`, also when it is there already."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
