"""`menjin registry export`: what the import reads back, masked, text only, for its owner alone."""

import csv
import io
import stat
from pathlib import Path

from python_calamine import CalamineWorkbook
from sqlmodel import select

from server.db.engine import Database
from server.operators.models import AuditEntry
from server.registry.models import RegistryChange
from server.registry.table_files import read_tables
from tests.server.conftest import ON_SQLITE
from tests.server.registry.import_command import CUSTOMER, Command, command
from tests.server.registry.test_import import FULL

__all__ = ["command"]
pytestmark = ON_SQLITE


def export(command: Command, name: str, *arguments: str) -> Path:
    path = command.folder / name
    result = command.run("export", str(path), *arguments)
    assert result.exit_code == 0, result.output
    return path


def test_an_export_is_masked_private_and_read_back_without_a_change(command: Command, database: Database) -> None:
    command.json(FULL)
    path = export(command, "all.xlsx")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    cells = [cell for table in read_tables(path) for _, row in table.rows for cell in row]
    assert {"李*", "138****1234", "欧**"} <= set(cells)
    assert not {"李娜", "13800001234", "110101199003070011"} & set(cells)
    with database.read() as session:
        before = len(session.exec(select(RegistryChange.id)).all())
    result = command.run("import", str(path), "--dry-run")
    assert "0 new, 0 changed, 6 unchanged" in result.stdout, result.output
    command.run("import", str(path))
    with database.read() as session:
        assert len(session.exec(select(RegistryChange.id)).all()) == before


def test_clear_data_need_a_reason_and_are_recorded(command: Command, database: Database) -> None:
    command.json(FULL)
    refused = command.run("export", str(command.folder / "c.xlsx"), "--clear")
    assert refused.exit_code == 2
    assert "reason" in refused.stderr
    assert not (command.folder / "c.xlsx").exists()
    path = export(command, "c.xlsx", "--clear", "--reason", "yearly audit of badges")
    assert "李娜" in [cell for table in read_tables(path) for _, row in table.rows for cell in row]
    with database.read() as session:
        (entry,) = session.exec(select(AuditEntry).where(AuditEntry.act == "personal.look")).all()
        assert entry.after == {
            "fields": ["email", "id_number", "name", "phone"],
            "reason": "yearly audit of badges",
            "export": ["customers", "contacts", "contracts", "holders"],
        }


def test_what_a_spreadsheet_would_execute_is_text(command: Command) -> None:
    name = '=HYPERLINK("x")'
    quoted = name.replace('"', '""')
    command.csv(f'{",".join(CUSTOMER)}\nC1,organisation,"\'{quoted}"\n')
    as_csv = export(command, "x.csv", "--noun", "customers").read_bytes()
    assert as_csv.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(as_csv.decode("utf-8-sig"))))
    assert rows[1][2] == f"'{name}"
    assert "1 unchanged" in command.run("import", str(command.folder / "x.csv"), "--noun", "客户", "--dry-run").stdout
    path = export(command, "x.xlsx", "--noun", "customers")
    assert read_tables(path)[0].formulas == ()
    assert CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()[1][2] == name


def test_a_template_has_the_headings_and_can_be_imported_when_filled(command: Command) -> None:
    path = export(command, "t.xlsx", "--empty")
    assert [(table.title, table.rows[0][1][0], len(table.rows)) for table in read_tables(path)] == [
        ("customers", "code*", 1),
        ("contacts", "customer*", 1),
        ("contracts", "customer*", 1),
        ("holders", "customer", 1),
    ]
    assert "0 new" in command.run("import", str(path)).stdout


def test_nothing_is_overwritten_and_wrong_names_are_one_line(command: Command) -> None:
    (command.folder / "there.xlsx").write_text("mine")
    for arguments, said in (
        (("there.xlsx",), "is there already"),
        (("no/folder.xlsx",), "No such file"),
        (("x.ods",), "neither .xlsx nor .csv"),
        (("x.csv",), "add --noun"),
        (("x.csv", "--noun", "badges"), "no such noun"),
    ):
        result = command.run("export", str(command.folder / arguments[0]), *arguments[1:])
        assert result.exit_code == 2
        assert said in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert (command.folder / "there.xlsx").read_text() == "mine"
