"""Customers, contracts and holders over the API."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import func, select

from server.registry.models import RegistryChange
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE

CONTRACT = {"from": "2026-01-01", "until": "2026-12-31", "areas": ["hall"]}
CUSTOMER = {"external_id": "crm-1", "code": "C001", "kind": "organisation", "name": "华云数据", "contract": CONTRACT}


@pytest.fixture
def api(app: FastAPI) -> TestClient:
    return token_client(app)


def changes(app: FastAPI) -> int:
    with context_of_app(app).database.read() as session:
        return session.exec(select(func.count()).select_from(RegistryChange)).one()


def test_a_customer_is_found_by_code_id_and_external_id(api: TestClient) -> None:
    made = api.post("/api/v1/customers", json=CUSTOMER)
    assert made.status_code == 201, made.text
    assert made.json()["id"].startswith("cus_")
    for name in ("C001", "crm-1", made.json()["id"]):
        assert api.get(f"/api/v1/customers/{name}").json() == made.json()
    assert api.get("/api/v1/customers/C002").json()["code"] == "not_found"


def test_a_date_is_inclusive_at_the_site_and_a_time_is_exact(api: TestClient) -> None:
    contract = api.post("/api/v1/customers", json=CUSTOMER).json()["contracts"][0]
    assert (contract["from"], contract["until"]) == ("2025-12-31T16:00:00Z", "2026-12-31T16:00:00Z")
    body = {
        "customer": "C001",
        "from": "2026-01-01T00:00:00Z",
        "until": "2026-02-01T00:00:00+08:00",
        "areas": ["lobby"],
    }
    contract = api.post("/api/v1/contracts", json=body).json()
    assert (contract["from"], contract["until"]) == ("2026-01-01T00:00:00Z", "2026-01-31T16:00:00Z")


@ON_SQLITE
@pytest.mark.parametrize(
    "moment", ["2026-13-01", "2026-02-30", "tomorrow", "2026-01-01T00:00:00", "", "20260101", "0000-01-01"]
)
def test_a_moment_that_is_none_is_refused_with_what_to_write(api: TestClient, moment: str) -> None:
    answer = api.post("/api/v1/customers", json={**CUSTOMER, "contract": {**CONTRACT, "until": moment}})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_input", "until")
    assert api.get("/api/v1/customers").json()["items"] == [], "a refused request leaves nothing"


@ON_SQLITE
def test_an_area_that_the_site_does_not_have_is_refused(api: TestClient) -> None:
    answer = api.post("/api/v1/customers", json={**CUSTOMER, "contract": {**CONTRACT, "areas": ["hall", "moon"]}})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_area")
    assert "moon" in answer.json()["detail"]


@ON_SQLITE
@pytest.mark.parametrize(
    "change",
    [
        {"kind": "company"},
        {"code": "with space"},
        {"name": ""},
        {"colour": "red"},
        {"code": None},
        {"external_id": "x" * 65},
        {"contract": {"from": "2026-02-01", "until": "2026-01-01", "areas": []}},
    ],
    ids=str,
)
def test_bad_input_is_one_problem_that_names_the_field(api: TestClient, change: dict[str, object]) -> None:
    answer = api.post("/api/v1/customers", json={**CUSTOMER, **change})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert answer.json()["field"]
    assert answer.json()["detail_zh"]


def test_code_and_external_id_are_given_once(api: TestClient) -> None:
    api.post("/api/v1/customers", json=CUSTOMER)
    assert api.post("/api/v1/customers", json=CUSTOMER).json()["code"] == "external_id_taken"
    assert api.post("/api/v1/customers", json={**CUSTOMER, "external_id": "crm-2"}).json()["code"] == "code_taken"


def test_contracts_are_suspended_resumed_and_ended_for_good(api: TestClient) -> None:
    api.post("/api/v1/customers", json=CUSTOMER)
    assert api.post("/api/v1/contracts/C001/suspend").json()[0]["status"] == "suspended"
    assert api.post("/api/v1/contracts/C001/resume").json()[0]["status"] == "active"
    ended = api.post("/api/v1/contracts/C001/end").json()[0]
    assert (ended["status"], ended["until"]) == ("ended", "2026-03-02T08:00:00Z")
    assert api.post("/api/v1/contracts/C001/resume").json()["code"] == "no_contract"


def test_a_contract_that_ends_later_stays_active_until_then(api: TestClient) -> None:
    api.post("/api/v1/customers", json=CUSTOMER)
    ended = api.post("/api/v1/contracts/C001/end", json={"at": "2026-06-30"}).json()[0]
    assert (ended["status"], ended["until"]) == ("active", "2026-06-30T16:00:00Z")


@ON_SQLITE
def test_an_end_before_the_beginning_makes_an_empty_contract(api: TestClient) -> None:
    api.post("/api/v1/customers", json={**CUSTOMER, "contract": {**CONTRACT, "from": "2026-05-01"}})
    ended = api.post("/api/v1/contracts/C001/end").json()[0]
    assert ended["from"] == ended["until"]


def test_holders_are_of_a_customer_or_staff_or_visitors(api: TestClient) -> None:
    api.post("/api/v1/customers", json=CUSTOMER)
    li = api.post("/api/v1/holders", json={"external_id": "li", "name": "李娜", "customer": "C001"}).json()
    guo = api.post(
        "/api/v1/holders", json={"external_id": "guo", "name": "郭", "staff": True, "areas": ["hall"]}
    ).json()
    xu = api.post("/api/v1/holders", json={"external_id": "xu", "name": "徐"}).json()
    assert [person["kind"] for person in (li, guo, xu)] == ["customer", "staff", "visitor"]
    assert api.get("/api/v1/holders/li").json() == li
    assert [person["external_id"] for person in api.get("/api/v1/holders").json()["items"]] == ["li", "guo", "xu"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"customer": "C404"}, "not_found"),
        ({"customer": "C001", "staff": True}, "invalid_input"),
        ({"areas": ["hall"]}, "invalid_input"),
        ({"staff": True, "may_escort": ["moon"]}, "unknown_area"),
    ],
)
def test_a_holder_that_contradicts_itself_is_refused(api: TestClient, change: dict[str, object], code: str) -> None:
    api.post("/api/v1/customers", json=CUSTOMER)
    answer = api.post("/api/v1/holders", json={"name": "n", **change})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_every_change_is_noted_and_no_refusal_is(app: FastAPI, api: TestClient) -> None:
    api.post("/api/v1/customers", json=CUSTOMER)
    api.post("/api/v1/holders", json={"name": "n", "customer": "C001"})
    api.post("/api/v1/contracts/C001/suspend")
    api.patch("/api/v1/customers/C001", json={"kind": "individual"})
    noted = changes(app)
    assert noted == 5
    api.post("/api/v1/customers", json=CUSTOMER)
    api.post("/api/v1/contracts/C404/end")
    api.patch("/api/v1/customers/C001", json={"kind": "individual"})
    assert changes(app) == noted


def test_who_changed_something_that_changed_meanwhile_is_told(api: TestClient) -> None:
    tag = api.post("/api/v1/customers", json=CUSTOMER).headers["etag"]
    changed = api.patch("/api/v1/customers/C001", json={"name": "A"}, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    refused = api.patch("/api/v1/customers/C001", json={"name": "B"}, headers={"If-Match": tag})
    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")
    assert api.get("/api/v1/customers/C001").json()["name"] == "A"


def test_pages_follow_one_another_without_gap_or_overlap(api: TestClient) -> None:
    for number in range(5):
        api.post("/api/v1/holders", json={"external_id": f"h{number}", "name": "n"})
    found: list[str] = []
    after: int | None = 0
    while after is not None:
        page = api.get("/api/v1/holders", params={"after": after, "limit": 2}).json()
        found += [item["external_id"] for item in page["items"]]
        after = page["next"]
    assert found == [f"h{number}" for number in range(5)]
    assert api.get("/api/v1/holders", params={"limit": 0}).status_code == 422


@ON_SQLITE
def test_names_of_persons_stay_out_of_the_audit_log(api: TestClient) -> None:
    made = api.post("/api/v1/holders", json={"name": "李娜"}).json()
    entries = api.get("/api/v1/audit", params={"subject": made["id"]}).json()["items"]
    assert [entry["act"] for entry in entries] == ["holder.create"]
    assert "李娜" not in str(entries)


@ON_SQLITE
def test_a_guard_reads_the_registry_and_changes_nothing(app: FastAPI) -> None:
    guard = token_client(app, "guard")
    assert guard.get("/api/v1/customers").status_code == 200
    assert guard.post("/api/v1/customers", json=CUSTOMER).status_code == 403
    assert guard.post("/api/v1/contracts/C001/end").status_code == 403
