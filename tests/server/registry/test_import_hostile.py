"""Files that cannot be imported: each error names its cell, and nothing is written."""

from datetime import datetime
from typing import Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]
from sqlmodel import select

from server.db.engine import Database
from server.registry.models import Customer
from tests.server.conftest import ON_SQLITE
from tests.server.registry.import_command import CUSTOMER, Command, command

__all__ = ["command"]
pytestmark = ON_SQLITE

HEAD = ",".join(CUSTOMER) + "\n"
GOOD = "C1,organisation,华云\n"


def refused(database: Database, result: Any) -> str:
    """stderr of an import that wrote nothing."""
    assert result.exit_code == 2, result.output
    with database.read() as session:
        assert session.exec(select(Customer.id)).all() == []
    text: str = result.stderr
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (f"{GOOD}C2,company,B\n", "row 3, column B (kind): "),
        (f"{GOOD}C2,organisation,\n", "row 3, column C (name): is empty"),
        (f"{GOOD}C1,organisation,B\n", "row 3, column A (code): is the same as in row 2"),
        (f"{GOOD}C2,organisation,=cmd|' /C calc'!A0\n", "row 3, column C (name): begins with ="),
        (f"{GOOD}C2,organisation,@SUM(A1)\n", "row 3, column C (name): begins with"),
        (f"{GOOD}C2,organisation,-1+1\n", "row 3, column C (name): begins with"),
        (f"{GOOD}C2,organisation,+1\n", "row 3, column C (name): begins with"),
        (f"{GOOD}../../x,organisation,B\n", "row 3, column A (code): "),
        (f"{GOOD}C2,organisation,{'x' * 201}\n", "row 3, column C (name): "),
    ],
)
def test_each_error_names_its_cell(command: Command, database: Database, rows: str, said: str) -> None:
    assert said in refused(database, command.csv(HEAD + rows))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ((HEAD + GOOD).encode("utf-16"), "is UTF-16"),
        (
            HEAD.encode() + GOOD.encode() + "C2,organisation,数据\n".encode("gb18030"),
            "line 3: is GB18030, but line 2 is UTF-8",
        ),
        (
            HEAD.encode() + "C2,organisation,数据\n".encode("gb18030") + GOOD.encode(),
            "line 3: is UTF-8, but line 2 is GB18030",
        ),
        (HEAD.encode() + b"C1,organisation,\xff\xff\n", "line 2: is neither UTF-8 nor GB18030"),
        (HEAD.encode() + b"C1,organisation,a\0b\n", "NUL"),
        (b"", "is empty"),
        (b"code,kind,nom\nC1,organisation,A\n", "column C (nom): no such heading; write one of code (客户代码)"),
        (b"code,name\nC1,A\n", "kind: this heading is missing (类型)"),
        (b"code,code,kind,name\nC1,C1,organisation,A\n", "column B (code): this heading stands twice"),
        (b'code,kind,name\nC1,organisation,"A\n', "line 2: unexpected end of data"),
    ],
)
def test_a_file_that_is_none_says_what_to_save(command: Command, database: Database, content: bytes, said: str) -> None:
    assert said in refused(database, command.csv(content))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters_of_spreadsheets_are_read(
    command: Command, database: Database, encoding: str, delimiter: str
) -> None:
    content = (HEAD + GOOD).replace(",", delimiter).replace("\n", "\r\n").encode(encoding)
    assert command.csv(content).exit_code == 0
    with database.read() as session:
        assert session.exec(select(Customer.name)).all() == ["华云"]


def test_a_csv_file_must_say_what_it_holds(command: Command, database: Database) -> None:
    assert "add --noun" in refused(database, command.csv(HEAD + GOOD, noun=None))


def test_a_missing_file_and_a_strange_one_are_one_line(command: Command, database: Database) -> None:
    assert "no-such.csv: No such file" in refused(database, command.run("import", "no-such.csv"))
    (command.folder / "x.pdf").write_bytes(b"%PDF")
    assert "neither .xlsx nor .csv" in refused(database, command.run("import", str(command.folder / "x.pdf")))
    (command.folder / "x.xlsx").write_bytes(b"no zip")
    assert "is no readable .xlsx" in refused(database, command.run("import", str(command.folder / "x.xlsx")))


def test_a_formula_is_refused_by_its_cell(command: Command, database: Database) -> None:
    sheets = {"customers": [CUSTOMER, ["C1", "organisation", "=1+1"]]}
    assert "sheet customers, C2: holds a formula" in refused(database, command.xlsx(sheets))


def test_merged_cells_are_refused_by_their_range(command: Command, database: Database) -> None:
    path = command.folder / "m.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("customers")
        sheet.write_row(0, 0, CUSTOMER)
        sheet.merge_range(1, 0, 2, 0, "C1")
    assert "cells A2:A3 are merged" in refused(database, command.run("import", str(path)))


def test_a_number_that_the_spreadsheet_rounded_is_refused(command: Command, database: Database) -> None:
    sheets = {"customers": [[*CUSTOMER, "id_number"], ["C1", "individual", "A", 110101199003070011]]}
    error = refused(database, command.xlsx(sheets))
    assert "row 2, column D (id_number): holds a long number" in error
    assert "1101011990" not in error


@pytest.mark.parametrize("cell", [datetime(2026, 1, 1, 8, 30), 46_000, "01/02/2026", "2026-02-30", True])  # noqa: DTZ001
def test_a_date_that_is_none_is_refused(command: Command, database: Database, cell: Any) -> None:
    sheets = {
        "customers": [CUSTOMER, ["C1", "organisation", "A"]],
        "contracts": [["customer", "number", "from"], ["C1", "1", cell]],
    }
    assert "sheet contracts, row 2, column C (from): " in refused(database, command.xlsx(sheets))


def test_an_error_in_the_last_sheet_keeps_the_first_from_being_written(command: Command, database: Database) -> None:
    sheets = {
        "customers": [CUSTOMER, ["C1", "organisation", "A"]],
        "contracts": [["customer", "number", "from", "areas"], ["C1", "1", "2026-01-01", "moon"]],
    }
    assert "row 2, column D (areas): areas: the site has no area 'moon'" in refused(database, command.xlsx(sheets))


def test_a_mask_stands_for_no_new_value(command: Command, database: Database) -> None:
    sheets = {
        "customers": [CUSTOMER, ["C1", "organisation", "A"]],
        "contacts": [["customer", "name", "phone", "external_id"], ["C1", "李娜", "138****0000", "K1"]],
    }
    assert "row 2, column C (phone): is masked" in refused(database, command.xlsx(sheets))


def test_a_contact_without_a_name_of_its_own_is_refused(command: Command, database: Database) -> None:
    assert "external_id: is empty; give each row" in refused(
        database, command.csv("customer,name\nC1,李娜\n", noun="联系人")
    )
