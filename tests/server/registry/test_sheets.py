"""Cells whose words a Chinese sheet writes in Chinese."""

import pytest

from server.registry.sheets import HOLDERS, find_column, read_cell


@pytest.mark.parametrize("cell", ["主管，值班人员", "主管，警卫", "supervisor;guard", "主管 、 guard"])
def test_duties_are_written_in_either_language(cell: str) -> None:
    column = find_column(HOLDERS, "职责")
    assert column is not None
    assert column is find_column(HOLDERS, "duties")
    assert read_cell(column, cell, "Asia/Shanghai") == ["supervisor", "guard"]
