"""Order lines and inventory as .xlsx and .csv: what is exported is what the import reads (docs/registry.md, Import, for cells and headings)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from server.equipment.fault_words import in_chinese
from server.equipment.inventory import ItemShown
from server.equipment.models import Item, WorkOrderLine
from server.equipment.order_lines import MAX_DEVICES, LineGiven, Rack, Serial, Word
from server.equipment.order_showing import LineShown
from server.problems import Problem
from server.registry.exporting import to_csv, to_xlsx
from server.registry.import_rows import Fault, read_headings, read_row
from server.registry.sheets import Column, Noun
from server.registry.table_files import FileFault, TableFile, column_letter, tables_in

Format = Literal["xlsx", "csv"]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
FILE_ANSWER: Any = {200: {"content": {XLSX: {}, "text/csv": {}}}}
"""What an endpoint that answers with a file says in the description of the API."""
MAX_FAULTS = 200
"""So many are named; a file with more is better corrected and tried again."""


class InventoryRow(BaseModel):
    """Devices that are here: one by its ``serial``, or ``quantity`` that are counted. ``customer``: a code; None: the site's own."""

    model_config = ConfigDict(extra="forbid")

    customer: Annotated[str, StringConstraints(max_length=200)] | None = None
    model: Word
    serial: Serial | None = None
    quantity: Annotated[int, Field(ge=1, le=MAX_DEVICES)] = 1
    rack: Rack = ""
    since: Any = None


INVENTORY = Noun(
    "inventory",
    "库存",
    Item,
    InventoryRow,
    (
        Column("customer", "客户代码"),
        Column("model", "型号", required=True),
        Column("serial", "序列号"),
        Column("quantity", "数量", "number"),
        Column("rack", "机柜"),
        Column("since", "进入时间", "begin"),
    ),
)
ORDER_LINES = Noun(
    "lines",
    "明细",
    WorkOrderLine,
    LineGiven,
    (
        Column("model", "型号", required=True),
        Column("quantity", "数量", "number"),
        Column("serials", "序列号", "list"),
        Column("rack", "机柜"),
        Column("ips", "IP地址", "list"),
        Column("ports", "端口", "list"),
    ),
)


@dataclass(frozen=True)
class ReadRow:
    """One row of a file. ``letters``: field → column."""

    sheet: str
    number: int
    given: Any
    letters: dict[str, str]

    def fault(self, field: str, message: str, message_zh: str = "") -> Fault:
        """A fault of this row."""
        return Fault(self.sheet, self.number, self.letters.get(field, ""), field, message, message_zh)


def read_file(noun: Noun, content: bytes, format: Format, time_zone: str) -> tuple[list[ReadRow], list[Fault]]:
    """The rows of a file with one such table. Raises :class:`Problem` 422 ``file_unreadable``."""
    try:
        table = _table(noun, tables_in(Path(f"file.{format}"), content))
    except FileFault as error:
        raise Problem(422, "file_unreadable", str(error), f"无法读取文件：{error}", field="file") from error
    sheet = table.title or noun.name
    if not table.rows:
        return [], [Fault(sheet, 0, "", "", "is empty; its first row must be the headings")]
    (heading_number, headings), *lines = table.rows
    faults: list[Fault] = []
    columns = read_headings(noun, sheet, heading_number, headings, faults)
    faults += [Fault(sheet, 0, "", cell, "holds a formula; paste its value instead") for cell in table.formulas]
    letters = {column.name: column_letter(index) for index, column in columns.items()}
    rows: list[ReadRow] = []
    for number, cells in lines if not faults else []:
        values, _, wrong = read_row(columns, cells, time_zone)
        faults += [Fault(sheet, number, letters.get(name, ""), name, message) for name, message in wrong]
        if wrong:
            continue
        try:
            rows.append(ReadRow(sheet, number, noun.record(**values), letters))
        except ValidationError as error:
            for found in error.errors(include_input=False, include_url=False, include_context=False):
                name = str(found["loc"][0]) if found["loc"] else ""
                faults.append(Fault(sheet, number, letters.get(name, ""), name, f"{found['msg']}; correct it"))
    if not rows and not faults:
        faults.append(Fault(sheet, 0, "", "", "has no rows below its headings"))
    return rows, faults


class FaultShown(BaseModel):
    """What cannot be taken, and where: ``cell`` as the spreadsheet calls it."""

    sheet: str
    row: int
    cell: str
    field: str
    message: str
    message_zh: str


def show_faults(faults: Sequence[Fault]) -> list[FaultShown]:
    """The first of them."""
    return [
        FaultShown(
            sheet=fault.sheet,
            row=fault.row,
            cell=f"{fault.letter}{fault.row}" if fault.letter and fault.row else "",
            field=fault.field,
            message=fault.message,
            message_zh=fault.message_zh or in_chinese(fault.message),
        )
        for fault in faults[:MAX_FAULTS]
    ]


def file_answer(noun: Noun, rows: Sequence[list[str]], format: Format) -> Response:
    """A file to be saved."""
    content = to_xlsx([(noun, rows)]) if format == "xlsx" else to_csv(noun, rows)
    headers = {"Content-Disposition": f'attachment; filename="{noun.name}.{format}"'}
    return Response(content, media_type=XLSX if format == "xlsx" else CSV, headers=headers)


def inventory_rows(items: Sequence[ItemShown]) -> list[list[str]]:
    """Rows of :data:`INVENTORY`."""
    return [[item.customer or "", item.model, item.serial or "", "1", item.rack, item.since] for item in items]


def line_rows(lines: Sequence[LineShown]) -> list[list[str]]:
    """Rows of :data:`ORDER_LINES`."""
    return [
        [line.model, str(line.quantity), "; ".join(line.serials), line.rack, "; ".join(line.ips), "; ".join(line.ports)]
        for line in lines
    ]


def _table(noun: Noun, tables: Sequence[TableFile]) -> TableFile:
    named = [table for table in tables if table.title.strip().casefold() in (noun.name, noun.zh)]
    if len(named) == 1:
        return named[0]
    if len(tables) == 1:
        return tables[0]
    raise FileFault(
        f"no sheet is called {noun.name} ({noun.zh}); there are {', '.join(table.title for table in tables) or 'none'}"
    )
