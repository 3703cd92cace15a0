"""Personal data are found wherever a process may have left them."""

import json
from pathlib import Path

import msgspec
import pytest

from sim.personal_traces import personal_texts, traces
from sim.scenario_given import Given

GIVEN = msgspec.convert(
    {
        "customers": [
            {"code": "C1", "kind": "organisation", "name": "华云数据"},
            {"code": "C2", "kind": "individual", "name": "周航", "id_number": "11010519491231002X"},
        ],
        "contacts": [
            {"id": "gao", "customer": "C1", "name": "高建国", "phone": "13911112222", "email": "gao@example.com"}
        ],
        "holders": [
            {"id": "li", "customer": "C1", "name": "李娜", "phone": "13812345678"},
            {"id": "zhou", "customer": "C2", "name": "周航"},
        ],
    },
    Given,
)


def test_what_is_looked_for_is_people_not_companies() -> None:
    assert personal_texts(GIVEN) == {
        "11010519491231002X", "高建国", "13911112222", "gao@example.com", "李娜", "13812345678",
    }  # fmt: skip


@pytest.mark.parametrize("folder", ["edge", "desk", "logs", "server/deeper"])
@pytest.mark.parametrize(
    "written",
    ["x 李娜 y".encode(), json.dumps({"name": "李娜"}).encode(), "李娜".encode("utf-16-le")],
    ids=["utf-8", "json", "utf-16"],
)
def test_a_name_is_found_however_it_is_written(tmp_path: Path, folder: str, written: bytes) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "file.db").write_bytes(b"\x00" + written)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "population.yaml").write_bytes(written)
    assert traces(tmp_path, personal_texts(GIVEN)) == [f"{folder}/file.db: 李娜"]


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "edge.log").write_text("badge M1001 granted")
    assert traces(tmp_path, personal_texts(GIVEN)) == []
