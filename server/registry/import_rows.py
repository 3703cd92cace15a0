"""From a file's tables to records: headings found, cells read, every fault named by its cell."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from server.registry.records import Record
from server.registry.sheets import NOUNS, Cell, CellError, Column, Noun, find_column, find_noun, read_cell
from server.registry.table_files import FileFault, TableFile, column_letter

MASKED = ("*", "＊")
"""A personal value with one of these is a mask of an export: it leaves what is stored."""


@dataclass(frozen=True)
class Fault:
    """What cannot be imported, and where. ``row`` 0: the table as a whole; ``letter``: the spreadsheet's name of the column; ``message_zh``: where whoever
    found it said it in Chinese as well."""

    sheet: str
    row: int
    letter: str
    field: str
    message: str
    message_zh: str = ""

    def __str__(self) -> str:
        where = [f"sheet {self.sheet}", *([f"row {self.row}"] if self.row else [])]
        if self.field:
            where.append(f"column {self.letter} ({self.field})" if self.letter else self.field)
        return f"{', '.join(where)}: {self.message}"


@dataclass(frozen=True)
class Row:
    """One row to write. ``letters``: field → column; ``masked``: fields whose mask stood there. ``by_code``: it named no external id,
    so a customer of this code is meant, whoever's it is."""

    noun: Noun
    sheet: str
    number: int
    record: Record
    letters: dict[str, str]
    masked: tuple[str, ...]
    by_code: bool

    def fault(self, field: str | None, message: str) -> Fault:
        """A fault of this row."""
        name = {"from_": "from", "class_": "class"}.get(field or "", field or "")
        return Fault(self.sheet, self.number, self.letters.get(name, ""), name, message)


def read_rows(
    tables: Iterable[TableFile], noun_name: str | None, source: str, time_zone: str
) -> tuple[list[Row], list[Fault]]:
    """The rows of all tables in the order in which they are written. ``noun_name``: of a CSV file. Raises
    :class:`FileFault` when no table is one of the registry's."""
    found: dict[str, tuple[Noun, TableFile]] = {}
    titles = []
    for table in tables:
        title = table.title or noun_name or ""
        titles.append(title)
        noun = find_noun(title)
        if noun is None:
            continue
        if noun.name in found:
            raise FileFault(f"sheets {found[noun.name][1].title} and {table.title} are both {noun.name}; keep one")
        found[noun.name] = (noun, table)
    if not found:
        names = ", ".join(f"{noun.name} ({noun.zh})" for noun in NOUNS)
        if titles == [""]:
            raise FileFault(f"a CSV file does not say what it holds; add --noun, one of {names}")
        raise FileFault(f"no sheet is one of {names}; there are {', '.join(titles) or 'none'}")
    rows: list[Row] = []
    faults: list[Fault] = []
    for noun in NOUNS:
        if noun.name in found:
            _read_table(noun, found[noun.name][1], source, time_zone, rows, faults)
    return rows, faults


def _read_table(
    noun: Noun, table: TableFile, source: str, time_zone: str, rows: list[Row], faults: list[Fault]
) -> None:
    sheet = table.title or noun.name
    if not table.rows:
        faults.append(Fault(sheet, 0, "", "", "is empty; its first row must be the headings"))
        return
    (heading_number, headings), *lines = table.rows
    columns = read_headings(noun, sheet, heading_number, headings, faults)
    faults += [Fault(sheet, 0, "", cell, "holds a formula; paste its value instead") for cell in table.formulas]
    if faults and not columns:
        return
    seen: dict[tuple[str, str], int] = {}
    for number, cells in lines:
        letters = {column.name: column_letter(index) for index, column in columns.items()}
        values, masked, wrong = read_row(columns, cells, time_zone)
        if wrong:
            faults += [Fault(sheet, number, letters[name], name, message) for name, message in wrong]
            continue
        row = _row(noun, sheet, number, values, masked, letters, source, faults)
        if row is None:
            continue
        for field, key in _keys(row):
            first = seen.setdefault((field, key), number)
            if first != number:
                faults.append(row.fault(field, f"is the same as in row {first}; keep one of them"))
        rows.append(row)


def read_headings(noun: Noun, sheet: str, number: int, headings: list[Cell], faults: list[Fault]) -> dict[int, Column]:
    """Which column stands where. What is wrong goes to ``faults``."""
    columns: dict[int, Column] = {}
    for index, heading in enumerate(headings):
        if heading in ("", None):
            continue
        column, letter = find_column(noun, heading), column_letter(index)
        if column is None:
            known = ", ".join(f"{one.name} ({one.zh})" for one in noun.columns)
            faults.append(Fault(sheet, number, letter, str(heading)[:40], f"no such heading; write one of {known}"))
        elif column in columns.values():
            faults.append(Fault(sheet, number, letter, column.name, "this heading stands twice; keep one"))
        else:
            columns[index] = column
    faults += [
        Fault(sheet, number, "", column.name, f"this heading is missing ({column.zh}); add it")
        for column in noun.columns
        if column.required and column not in columns.values()
    ]
    return columns


def read_row(
    columns: dict[int, Column], cells: list[Cell], time_zone: str
) -> tuple[dict[str, Any], tuple[str, ...], list[tuple[str, str]]]:
    """The values of one row, the fields whose mask stood there, and (field, message) of what cannot be taken."""
    values: dict[str, Any] = {}
    masked: list[str] = []
    wrong: list[tuple[str, str]] = []
    for index, column in columns.items():
        try:
            value = read_cell(column, cells[index] if index < len(cells) else None, time_zone)
        except CellError as error:
            wrong.append((column.name, str(error)))
            continue
        if column.kind == "personal" and value is not None and any(mark in value for mark in MASKED):
            masked.append(column.name)
        elif value is not None:
            values[column.name] = value
        elif column.required:
            wrong.append((column.name, "is empty; fill it"))
    return values, tuple(masked), wrong


def _row(
    noun: Noun,
    sheet: str,
    number: int,
    values: dict[str, Any],
    masked: tuple[str, ...],
    letters: dict[str, str],
    source: str,
    faults: list[Fault],
) -> Row | None:
    own = values.get("external_id")
    external_id = own or values.get("code") or values.get("number")
    if external_id is None:
        message = "is empty; give each row a number of your own, by which the next import finds it"
        faults.append(Fault(sheet, number, letters.get("external_id", ""), "external_id", message))
        return None
    try:
        record = noun.record(**{"source_system": source, **values, "external_id": external_id})
    except ValidationError as error:
        for found in error.errors(include_input=False, include_url=False, include_context=False):
            name = str(found["loc"][0]) if found["loc"] else ""
            faults.append(Fault(sheet, number, letters.get(name, ""), name, f"{found['msg']}; correct it"))
        return None
    return Row(noun, sheet, number, record, letters, masked, own is None and noun.name == "customers")


def _keys(row: Row) -> list[tuple[str, str]]:
    keys = [("external_id", f"{row.record.source_system}\0{row.record.external_id}")]
    for field in ("code", "number"):
        value = getattr(row.record, field, None)
        if value is not None:
            keys.append((field, value))
    return keys
