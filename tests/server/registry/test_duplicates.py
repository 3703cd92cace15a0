"""Files that may be one customer (C3)."""

import itertools
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from server.registry.duplicates import _pairs
from tests.server.registry.conftest import API, made

CREDIT_CODE = "91110000600037341L"
ID_NUMBER = "360426199101010071"

GROUPS = st.dictionaries(
    st.sampled_from(["code", "name", "phone"]),
    st.lists(st.sets(st.integers(1, 12), min_size=2, max_size=5).map(sorted), max_size=4),
)


def pairs(client: TestClient, path: str = "duplicates", /, **params: Any) -> list[tuple[str, str, list[str]]]:
    answer = client.get(f"{API}/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return [(*(row["code"] for row in item["customers"]), item["shared"]) for item in answer.json()["items"]]


def fill(api: TestClient) -> None:
    for code, more in {
        "C001": {"name": "华云数据有限公司", "credit_code": CREDIT_CODE},
        "c001": {"name": "别的"},
        "C003": {"name": "华云 数据 股份有限公司"},
        "C004": {"name": "第四", "credit_code": CREDIT_CODE.lower()},
        "C005": {"name": "王伟", "kind": "individual", "id_number": ID_NUMBER},
        "C006": {"name": "张伟", "kind": "individual", "id_number": ID_NUMBER},
        "C007": {"name": "第七"},
    }.items():
        made(api, "customers", **{"code": code, "kind": "organisation"} | more)
    for code, phone in (("C004", "138 0013 8000"), ("C007", "+8613800138000"), ("C007", "010-65529988")):
        made(api, "contacts", customer=code, name="n", phone=phone)


EXPECTED = [
    ("C001", "c001", ["code"]),
    ("C001", "C003", ["name"]),
    ("C001", "C004", ["credit_code"]),
    ("C004", "C007", ["phone"]),
    ("C005", "C006", ["id_number"]),
]


def test_pairs_say_what_they_share(api: TestClient) -> None:
    fill(api)
    assert pairs(api) == EXPECTED
    assert pairs(api, "customers/C001/duplicates") == EXPECTED[:3]
    assert pairs(api, "customers/C004/duplicates") == [("C004", "C001", ["credit_code"]), ("C004", "C007", ["phone"])]
    found: list[Any] = []
    after: int | None = 0
    while after is not None:
        page = api.get(f"{API}/duplicates", params={"after": after, "limit": 2}).json()
        assert len(page["items"]) <= 2
        found += [tuple(row["code"] for row in item["customers"]) for item in page["items"]]
        after = page["next"]
    assert found == [(one, other) for one, other, _ in EXPECTED]


def test_what_was_deleted_is_no_duplicate(app: FastAPI, api: TestClient) -> None:
    fill(api)
    for code in ("C003", "C006"):
        assert api.delete(f"{API}/customers/{code}").status_code == 204
    contact = api.get(f"{API}/contacts", params={"customer": "C004"}).json()["items"][0]["id"]
    api.delete(f"{API}/contacts/{contact}")
    assert pairs(api) == [EXPECTED[0], EXPECTED[2]]
    assert pairs(api, "customers/C007/duplicates") == []


def test_files_without_codes_and_numbers_share_nothing(api: TestClient) -> None:
    for number in range(3):
        made(api, "customers", code=f"C{number}", kind="organisation", name=f"n{number}")
    assert pairs(api) == []


@given(GROUPS, st.integers(0, 13), st.integers(0, 13))
def test_the_pairs_are_those_of_all_groups_once_each_in_order(
    groups: dict[str, list[list[int]]], first: int, beyond: int
) -> None:
    expected: dict[tuple[int, int], set[str]] = {}
    for name, members in groups.items():
        for ids in members:
            for pair in itertools.combinations(ids, 2):
                expected.setdefault(pair, set()).add(name)
    found = [((pair.one, pair.other), set(pair.shared)) for pair in _pairs(groups, first, beyond)]
    assert found == sorted(item for item in expected.items() if item[0] > (first, beyond))
