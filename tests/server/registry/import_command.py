"""The command `menjin registry` against a test's configuration, and workbooks to give it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]
from typer.testing import Result

from server.config import Config
from server.registry.cli import app
from tests.server.command_line import invoke

CUSTOMER = ["code", "kind", "name"]


@dataclass(frozen=True)
class Command:
    """Runs in ``folder``; ``config`` is the server's file there."""

    folder: Path
    config: Path

    def run(self, *arguments: str) -> Result:
        """Its exit code, stdout, stderr."""
        return invoke(app, [*arguments, "--config", str(self.config)])

    def csv(self, content: str | bytes, *arguments: str, noun: str | None = "customers") -> Result:
        """Import a CSV file of this content."""
        path = self.folder / "given.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.run("import", str(path), *(["--noun", noun] if noun else []), *arguments)

    def xlsx(self, sheets: dict[str, list[list[Any]]], *arguments: str) -> Result:
        """Import a workbook of these sheets."""
        return self.run("import", str(workbook(self.folder / "given.xlsx", sheets)), *arguments)

    def json(self, sheets: dict[str, list[list[Any]]], *arguments: str) -> dict[str, Any]:
        """Import a workbook; the one JSON object on stdout."""
        shown: dict[str, Any] = json.loads(self.xlsx(sheets, "--json", *arguments).stdout)
        return shown


def workbook(path: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    """An .xlsx file; dates are cells of Excel's kind, a string ``=…`` is a formula."""
    with xlsxwriter.Workbook(str(path)) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for title, rows in sheets.items():
            sheet = book.add_worksheet(title)
            for number, row in enumerate(rows):
                for index, cell in enumerate(row):
                    if hasattr(cell, "isoformat"):
                        sheet.write_datetime(number, index, cell, day)
                    elif cell is not None:
                        sheet.write(number, index, cell)
    return path


@pytest.fixture
def command(config: Config, tmp_path: Path) -> Command:
    """The command on the test's database."""
    return Command(tmp_path, tmp_path / "server.toml")
