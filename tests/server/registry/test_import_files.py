"""Reading tables out of files and cells: bounded, decoded, never broken by bytes."""

import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xlsxwriter.utility import xl_col_to_name  # type: ignore[import-untyped]

from server.registry import table_files
from server.registry.sheets import NOUNS, CellError, read_cell
from server.registry.table_files import FileFault, column_letter, read_tables
from tests.server.registry.import_command import CUSTOMER, workbook

HEAD = ",".join(CUSTOMER) + "\n"


def pack(path: Path, parts: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return path


def test_a_zip_bomb_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "MAX_UNPACKED_BYTES", 1 << 20)
    with pytest.raises(FileFault, match="unpacks to more than 1 MiB"):
        read_tables(pack(tmp_path / "b.xlsx", {"xl/worksheets/sheet1.xml": b" " * (3 << 20)}))
    with pytest.raises(FileFault, match="parts inside"):
        read_tables(pack(tmp_path / "p.xlsx", {f"{number}": b"" for number in range(1_001)}))


def test_a_cell_at_the_far_corner_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = workbook(tmp_path / "far.xlsx", {"customers": [CUSTOMER]})
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b'r="C1"', b'r="XFD1048576"')
    with pytest.raises(FileFault, match="has cell XFD1048576"):
        read_tables(pack(path, parts))


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_too_many_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(table_files, "MAX_ROWS", 3)
    rows = [CUSTOMER, *([f"C{number}", "organisation", "A"] for number in range(4))]
    path = tmp_path / f"many.{suffix}"
    if suffix == "csv":
        path.write_text("\n".join(",".join(row) for row in rows))
    else:
        workbook(path, {"customers": rows})
    with pytest.raises(FileFault, match="3 rows"):
        read_tables(path)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "MAX_FILE_BYTES", 10)
    (tmp_path / "x.csv").write_text(HEAD)
    with pytest.raises(FileFault, match="is larger than"):
        read_tables(tmp_path / "x.csv")


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader_of_csv(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(content)
        try:
            (table,) = read_tables(path)
        except FileFault:
            return
        assert all(any(str(cell).strip() for cell in cells) for _, cells in table.rows)


@given(
    st.sampled_from([column for noun in NOUNS for column in noun.columns]),
    st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.datetimes(), st.dates(), st.times(), st.none()),
)
def test_every_cell_is_read_or_refused(column: Any, cell: Any) -> None:
    try:
        value = read_cell(column, cell, "Asia/Shanghai")
    except CellError as error:
        assert str(error)
    else:
        assert not isinstance(value, str) or value


@given(st.integers(0, 16_383))
def test_column_letters_are_those_of_spreadsheets(index: int) -> None:
    assert column_letter(index) == xl_col_to_name(index)


def test_a_bomb_in_the_directory_lies_about_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "MAX_UNPACKED_BYTES", 1 << 20)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/a.xml", b" " * (3 << 20))
    content = out.getvalue().replace((3 << 20).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    (tmp_path / "lie.xlsx").write_bytes(content)
    with pytest.raises(FileFault):
        read_tables(tmp_path / "lie.xlsx")
