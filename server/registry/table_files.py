"""Tables out of .xlsx and .csv files that strangers made: bounded, decoded, without formulas (docs/registry.md)."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from server.registry.sheets import Cell

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_PARTS = 1_000
MAX_ROWS = 200_000
"""Of one table, its heading apart."""
MAX_COLUMNS = 100

_FORMULA = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,3}[0-9]{1,7})"[^>]*>\s*<f\b')
_CELL = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_CHUNK_BYTES = 1 << 20


class FileFault(Exception):
    """The file cannot be read. The message says what, where and what to do."""


@dataclass(frozen=True)
class TableFile:
    """One table: ``title`` of its sheet (a CSV file's is empty), ``rows`` with their number in the file, the heading first.
    ``formulas``: cells that hold one, by their name ("B3")."""

    title: str
    rows: list[tuple[int, list[Cell]]]
    formulas: tuple[str, ...] = ()


def read_tables(path: Path) -> list[TableFile]:
    """The tables of a file. Raises :class:`FileFault`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise FileFault(f"{path}: {error.strerror or error}; name a file that can be read") from error
    return tables_in(path, content)


def tables_in(path: Path, content: bytes) -> list[TableFile]:
    """The tables of a file's ``content``; ``path`` names it in messages, and its ending says what it is. Raises :class:`FileFault`."""
    if len(content) > MAX_FILE_BYTES:
        raise FileFault(f"{path}: is larger than {MAX_FILE_BYTES >> 20} MiB; split it")
    suffix = path.suffix.casefold()
    if suffix == ".csv":
        return [_read_csv(path, content)]
    if suffix == ".xlsx":
        return _read_xlsx(path, content)
    raise FileFault(f"{path}: neither .xlsx nor .csv; save it as one of them")


def _read_csv(path: Path, content: bytes) -> TableFile:
    text = _decode(path, content)
    if "\0" in text:
        raise FileFault(f"{path}: holds NUL characters, so it is no CSV text; save it as CSV UTF-8")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count) if first else ","
    csv.field_size_limit(1 << 20)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[Cell]]] = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, list(cells)))
            line = reader.line_num + 1
            _refuse_size(str(path), len(rows), len(cells))
    except csv.Error as error:
        raise FileFault(f"{path}, line {reader.line_num}: {error}; save it as CSV UTF-8") from error
    return TableFile("", rows)


def _refuse_size(where: str, rows: int, columns: int) -> None:
    if rows > MAX_ROWS + 1:
        raise FileFault(f"{where}: has more than {MAX_ROWS} rows; split it")
    if columns > MAX_COLUMNS:
        raise FileFault(f"{where}: has more than {MAX_COLUMNS} columns; remove those without heading")


def _decode(path: Path, content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileFault(f"{path}: is UTF-16; save it as CSV UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    seen: tuple[str, int] | None = None
    for number, line in enumerate(content.split(b"\n"), start=1):
        encoding = _encoding(path, number, line)
        if encoding is None:
            continue
        if seen is not None and seen[0] != encoding:
            raise FileFault(
                f"{path}, line {number}: is {encoding}, but line {seen[1]} is {seen[0]}; save the whole file as CSV UTF-8"
            )
        seen = seen or (encoding, number)
    return content.decode("gb18030")


def _encoding(path: Path, number: int, line: bytes) -> str | None:
    """None: plain ASCII, the same in both."""
    if line.isascii():
        return None
    for encoding in ("UTF-8", "GB18030"):
        try:
            line.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    raise FileFault(f"{path}, line {number}: is neither UTF-8 nor GB18030; save the file as CSV UTF-8")


def _read_xlsx(path: Path, content: bytes) -> list[TableFile]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            _refuse_bomb(path, package)
            _refuse_far_cells(path, package)
            formulas = dict(_formulas(package))
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            return [_read_sheet(path, book, title, formulas) for title in book.sheet_names]
    except PasswordError as error:
        raise FileFault(f"{path}: is protected by a password; save it without") from error
    except (CalamineError, zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise FileFault(f"{path}: is no readable .xlsx file; open it and save it anew") from error


def _refuse_bomb(path: Path, package: zipfile.ZipFile) -> None:
    """Counts what really comes out: what a package says of its sizes may be a lie."""
    names = package.infolist()
    total = 0
    for part in names[: MAX_PARTS + 1]:
        with package.open(part) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                total += len(chunk)
                if total > MAX_UNPACKED_BYTES:
                    raise FileFault(f"{path}: unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB; split it")
    if len(names) > MAX_PARTS:
        raise FileFault(f"{path}: has more than {MAX_PARTS} parts inside; copy the table into a new file")


def _refuse_far_cells(path: Path, package: zipfile.ZipFile) -> None:
    """A single cell at the far corner would make the reader of values fill all that lies before it."""
    for part in package.namelist():
        content = package.read(part) if part.endswith(".xml") else b""
        if b"sheetData" not in content:
            continue
        for letters, row in _CELL.findall(content):
            if int(row) > MAX_ROWS + 1 or len(letters) > 2 or (len(letters) == 2 and letters > b"CV"):
                raise FileFault(
                    f"{path}: has cell {(letters + row).decode()}, beyond {MAX_ROWS} rows or {MAX_COLUMNS} columns; delete what"
                    " stands outside the table"
                )


def _formulas(package: zipfile.ZipFile) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Sheet title → the cells that hold a formula: the reader of values shows only what each was last computed to."""
    names = set(package.namelist())
    if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
        return
    targets = {}
    for relation in re.findall(
        r"<Relationship\b[^>]*>", package.read("xl/_rels/workbook.xml.rels").decode("utf-8", "replace")
    ):
        found = dict(re.findall(r'\b(Id|Target)="([^"]*)"', relation))
        targets[found.get("Id", "")] = found.get("Target", "")
    for position, sheet in enumerate(
        re.findall(r"<(?:\w+:)?sheet\b[^>]*>", package.read("xl/workbook.xml").decode("utf-8", "replace"))
    ):
        found = dict(re.findall(r'\b(?:\w+:)?(name|id)="([^"]*)"', sheet))
        target = targets.get(found.get("id", ""), "").lstrip("/")
        part = target if target.startswith("xl/") else f"xl/{target}"
        if part in names:
            yield str(position), tuple(cell.decode() for cell in _FORMULA.findall(package.read(part)))


def _read_sheet(path: Path, book: CalamineWorkbook, title: str, formulas: dict[str, tuple[str, ...]]) -> TableFile:
    sheet = book.get_sheet_by_name(title)
    _refuse_size(f"{path}, sheet {title}", sheet.total_height, sheet.total_width)
    merged = sheet.merged_cell_ranges or []
    if merged:
        (row, column), (last_row, last_column) = merged[0]
        cells = f"{column_letter(column)}{row + 1}:{column_letter(last_column)}{last_row + 1}"
        raise FileFault(f"{path}, sheet {title}: cells {cells} are merged; unmerge them and fill each")
    rows: list[tuple[int, list[Cell]]] = []
    for number, given in enumerate(sheet.to_python(skip_empty_area=False), start=1):
        if any(cell not in ("", None) for cell in given):
            rows.append((number, [str(cell) if isinstance(cell, timedelta) else cell for cell in given]))
    position = str(book.sheet_names.index(title))
    return TableFile(title, rows, formulas.get(position, ()))


def column_letter(index: int) -> str:
    """0 → A, 26 → AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
