"""The history of every row, whoever changed it, and no person's data in it (B9, C3, D6)."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlmodel import select

from server.operators.audit import AuditEntry
from server.registry.models import RegistryChange
from tests.server.browser import context_of_app
from tests.server.registry.conftest import API, CONTRACT, made, organisation

CLEAR = ("李小娜", "13800138000", "13900139000", "li.na@example.com", "360426199101010071", "王大伟")


def history(client: TestClient, path: str, /, **params: Any) -> list[dict[str, Any]]:
    answer = client.get(f"{API}/{path}/history", params=params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_every_change_says_who_when_and_only_what_differs(api: TestClient) -> None:
    organisation(api, owner="zhang")
    me = api.get(f"{API}/session").json()["id"]
    api.patch(f"{API}/customers/C001", json={"owner": "li", "remark": "r"})
    api.patch(f"{API}/customers/C001", json={"remark": None})
    first, second, third = history(api, "customers/C001")
    assert (first["op"], first["before"], first["file"]) == ("insert", None, None)
    assert first["after"] == {"code": "C001", "kind": "organisation", "name": "C001 公司", "owner": "zhang"}
    assert (second["op"], second["by"]) == ("update", me)
    assert (second["before"], second["after"]) == ({"owner": "zhang", "remark": None}, {"owner": "li", "remark": "r"})
    assert (third["before"], third["after"]) == ({"remark": "r"}, {"remark": None})
    assert first["at"] <= second["at"] <= third["at"]


def test_a_contracts_history_speaks_as_the_api_does(api: TestClient) -> None:
    organisation(api)
    contract = made(api, "contracts", customer="C001", racks=["A"], **CONTRACT)["id"]
    api.patch(f"{API}/contracts/{contract}", json={"until": "2027-06-30", "areas": ["lobby"]})
    first, second = history(api, f"contracts/{contract}")
    assert first["after"].items() >= {
        "customer": "C001", "from": "2025-12-31T16:00:00Z", "areas": ["hall"], "racks": ["A"], "status": "active",
    }.items()  # fmt: skip
    assert (second["before"], second["after"]) == (
        {"until": "2026-12-31T16:00:00Z", "areas": ["hall"]},
        {"until": "2027-06-30T16:00:00Z", "areas": ["lobby"]},
    )


def test_persons_are_masked_and_a_change_behind_the_mask_still_shows(app: FastAPI, api: TestClient) -> None:
    organisation(api)
    made(
        api,
        "holders",
        external_id="li",
        name="李小娜",
        customer="C001",
        phone="13800138000",
        id_number="360426199101010071",
    )
    api.patch(f"{API}/holders/li", json={"name": "李小丽", "phone": "13900139000"})
    api.patch(f"{API}/holders/li", json={"phone": None})
    first, second, third = history(api, "holders/li")
    assert first["after"].items() >= {"name": "李**", "phone": "138****8000", "customer": "C001"}.items()
    assert (second["before"], second["after"]) == (
        {"name": "李**", "phone": "138****8000"},
        {"name": "李**", "phone": "139****9000"},
    )
    assert (third["before"], third["after"]) == ({"phone": "139****9000"}, {"phone": None})
    assert "cipher" not in str([first, second, third])


def test_pages_of_a_history_follow_one_another(api: TestClient) -> None:
    organisation(api)
    for number in range(5):
        api.patch(f"{API}/customers/C001", json={"remark": f"r{number}"})
    found: list[Any] = []
    after: int | None = 0
    while after is not None:
        page = api.get(f"{API}/customers/C001/history", params={"after": after, "limit": 2}).json()
        found += [item["after"].get("remark") for item in page["items"]]
        after = page["next"]
    assert found == [None, "r0", "r1", "r2", "r3", "r4"]


def test_what_bare_sql_changed_is_in_the_history_under_the_systems_name(app: FastAPI, api: TestClient) -> None:
    organisation(api, source_system="crm", external_id="1")
    with context_of_app(app).database.write() as session:
        session.connection().execute(text("UPDATE customer SET owner = 'wu' WHERE code = 'C001'"))
    last = history(api, "customers/C001")[-1]
    assert last["by"].startswith("sql:crm")
    assert (last["before"], last["after"]) == ({"owner": None}, {"owner": "wu"})
    shown = api.get(f"{API}/customers/C001")
    assert (shown.json()["owner"], shown.headers["etag"]) == ("wu", '"2"')
    assert api.patch(f"{API}/customers/C001", json={"owner": "x"}, headers={"If-Match": '"1"'}).status_code == 412


def test_no_person_stands_in_clear_in_audit_or_changes(app: FastAPI, api: TestClient) -> None:
    organisation(api, "C002")
    made(api, "customers", code="P001", kind="individual", name="客户", id_number="360426199101010071")
    made(
        api, "contacts", external_id="c", customer="C002", name="李小娜", phone="13800138000", email="li.na@example.com"
    )
    made(
        api,
        "holders",
        external_id="h",
        customer="C002",
        name="李小娜",
        phone="13800138000",
        id_number="360426199101010071",
    )
    for path in ("contacts/c", "holders/h", "contacts/by-external/crm/c2", "holders/by-external/crm/h2"):
        body = {"name": "王大伟", "phone": "13900139000"} | ({"customer": "C002"} if "by" in path else {})
        method = "PUT" if "by" in path else "PATCH"
        assert api.request(method, f"{API}/{path}", json=body).status_code == 200
    api.patch(f"{API}/customers/P001", json={"id_number": None})
    api.delete(f"{API}/contacts/c")
    api.delete(f"{API}/holders/h")
    with context_of_app(app).database.read() as session:
        changes = [str(row.model_dump()) for row in session.exec(select(RegistryChange)).all()]
        audit = [str(row.model_dump()) for row in session.exec(select(AuditEntry)).all()]
        assert len(changes) >= 10
        assert len(audit) >= 10
        for table in ("customer", "contact", "holder"):
            rows = [str(tuple(row)) for row in session.connection().execute(text(f"SELECT * FROM {table}"))]
            changes += rows
    for value in CLEAR:
        assert [line for line in changes + audit if value in line] == [], value


@pytest.mark.parametrize("noun", ["customers", "contacts", "contracts", "holders"])
def test_what_is_not_there_has_no_history(api: TestClient, noun: str) -> None:
    assert api.get(f"{API}/{noun}/nobody/history").status_code == 404
