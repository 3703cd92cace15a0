"""What is kept between two readings of the registry is what a fresh reading finds."""

import itertools
from typing import Any

import pytest
from fastapi import FastAPI

from server.fleet.compile import Registry
from server.fleet.registry_rows import RegistryReader
from tests.server.browser import context_of_app, token_client

STEPS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "customers", {"code": "C1", "kind": "organisation", "name": "n"}),
    ("POST", "contracts", {"customer": "C1", "from": "2026-01-01", "areas": ["hall"]}),
    ("POST", "holders", {"external_id": "li", "name": "n", "customer": "C1"}),
    ("POST", "holders", {"external_id": "guo", "name": "n", "staff": True, "areas": ["hall"]}),
    *(
        ("POST", "badges", {"external_id": f"b-{who}", "holder": who, "number": who, "card": {"technology": "desfire", "number": who}})
        for who in ("li", "guo")
    ),
    ("POST", "badges/b-li/report", {"as": "suspended"}),
    ("POST", "badges/b-li/report", {"as": "active"}),
    ("POST", "contracts/C1/suspend", {}),
    ("POST", "contracts/C1/resume", {}),
    ("POST", "badges/b-li/report", {"as": "lost"}),
    ("POST", "badges/b-li/report", {"as": "revoked"}),
    ("POST", "contracts/C1/end", {"at": "2026-12-31"}),
    ("POST", "contracts/C1/end", {}),
]  # fmt: skip


@pytest.mark.parametrize("block_rows", [1, 500])
def test_every_change_over_the_api_is_seen_by_a_reader_that_keeps_the_rest(
    app: FastAPI, block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.fleet.registry_rows.BLOCK_ROWS", block_rows)
    api, database = token_client(app), context_of_app(app).database
    keeping = RegistryReader()
    seen: list[Registry] = []
    for method, path, body in STEPS:
        answer = api.request(method, f"/api/v1/{path}", json=body)
        assert answer.status_code < 300, f"{path}: {answer.text}"
        with database.read() as session:
            seen.append(keeping.read(session.connection()))
            assert seen[-1] == RegistryReader().read(session.connection())
    assert all(before != after for before, after in itertools.pairwise(seen)), "each step changes something"


def test_what_has_not_changed_is_not_read_again(app: FastAPI) -> None:
    api, database = token_client(app), context_of_app(app).database
    for number in range(3):
        assert api.post("/api/v1/customers", json={"code": f"C{number}", "kind": "individual", "name": "n"}).is_success
    keeping = RegistryReader()
    with database.read() as session:
        first, second = keeping.read(session.connection()), keeping.read(session.connection())
    assert all(one is two for one, two in zip(first.customers, second.customers, strict=True))
