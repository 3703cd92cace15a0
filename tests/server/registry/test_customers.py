"""Customer files over the API: fields, refusals, deletion, handing over, departments (C1, C4, C8)."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.operators.actor import SYSTEM
from server.operators.service import create_operator
from tests.server.badges.making import approved_badge, report
from tests.server.browser import PASSWORD, browser, context_of_app, sign_in, token_client
from tests.server.conftest import ON_SQLITE
from tests.server.registry.conftest import API, CONTRACT, code_of, made, organisation

CREDIT_CODE = "91110000600037341L"
ID_NUMBER = "360426199101010071"


def test_a_file_keeps_what_it_is_given(api: TestClient) -> None:
    given: dict[str, Any] = {
        "code": "C001",
        "kind": "organisation",
        "name": "华云数据有限公司",
        "class": "strategic",
        "owner": "zhang",
        "department": "sales",
        "credit_code": "9111 0000 6000 3734 1l",
        "remark": "长期客户",
        "source_system": "crm",
        "external_id": "crm-1",
        "source_version": "7",
    }
    shown = made(api, "customers", **given)
    assert (
        shown.items()
        >= (given | {"credit_code": CREDIT_CODE, "version": 1, "deleted_at": None, "warnings": []}).items()
    )
    assert api.get(f"{API}/customers/C001").json() == shown


def test_an_individual_has_an_id_number_that_no_answer_shows(api: TestClient) -> None:
    shown = made(api, "customers", code="P001", kind="individual", name="王伟", id_number=ID_NUMBER)
    assert shown["id_number"].endswith("71")
    assert "*" in shown["id_number"]
    for path in ("customers/P001", "customers", f"audit?subject={shown['id']}", "customers/P001/history"):
        assert ID_NUMBER not in api.get(f"{API}/{path}").text


def test_what_looks_wrong_is_stored_and_warned_of(api: TestClient) -> None:
    shown = made(api, "customers", code="C001", kind="organisation", name="n", credit_code="911100006000373410")
    assert [warning["code"] for warning in shown["warnings"]] == ["credit_code_checksum"]
    assert api.get(f"{API}/customers/C001").json()["credit_code"] == "911100006000373410"


@ON_SQLITE
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "individual", "credit_code": CREDIT_CODE}, "credit_code"),
        ({"id_number": ID_NUMBER}, "id_number"),
        ({"credit_code": "123"}, "credit_code"),
        ({"kind": "individual", "id_number": "!"}, "id_number"),
        ({"class": "E"}, "class"),
        ({"name": None}, "name"),
        ({"department": ""}, "department"),
        ({"external_id": "with space"}, "external_id"),
        ({"source_system": "?"}, "source_system"),
        ({"contract": {"from": "2026-01-01"}}, "contract.areas"),
        ({"contract": CONTRACT | {"from": None}}, "contract.from"),
        ({"contract": CONTRACT | {"customer": "C002"}}, "contract.customer"),
        ({"contract": CONTRACT | {"ip_allowance": -1}}, "contract.ip_allowance"),
    ],
    ids=str,
)
def test_bad_input_is_one_problem_that_names_its_field(api: TestClient, change: dict[str, Any], field: str) -> None:
    body = {"code": "C001", "kind": "organisation", "name": "n"} | change
    answer = api.post(f"{API}/customers", json=body)
    assert code_of(answer) == (422, "invalid_input", field), answer.text
    assert api.get(f"{API}/customers").json()["items"] == []


def test_what_a_change_leaves_out_stays_and_null_empties(api: TestClient) -> None:
    organisation(api, credit_code=CREDIT_CODE, owner="zhang", remark="r")
    shown = api.patch(f"{API}/customers/C001", json={"owner": None, "name": "新名"}).json()
    assert (shown["owner"], shown["name"], shown["remark"], shown["credit_code"]) == (None, "新名", "r", CREDIT_CODE)
    assert shown["version"] == 2
    same = api.patch(f"{API}/customers/C001", json={"name": "新名"})
    assert (same.status_code, same.json()["version"]) == (200, 2), "what is so already changes nothing"
    assert code_of(api.patch(f"{API}/customers/C001", json={"name": None}))[:2] == (422, "invalid_input")
    assert code_of(api.patch(f"{API}/customers/C001", json={"kind": "individual"}))[2] == "credit_code"
    changed = api.patch(
        f"{API}/customers/C001", json={"kind": "individual", "credit_code": None, "id_number": ID_NUMBER}
    )
    assert changed.status_code == 200, changed.text


def test_a_kind_that_the_badges_exceed_is_refused(api: TestClient) -> None:
    organisation(api)
    for name in ("li", "wang"):
        made(api, "holders", external_id=name, name=name, customer="C001")
        approved_badge(api, name)
    refused = api.patch(f"{API}/customers/C001", json={"kind": "individual"})
    assert code_of(refused) == (409, "QUOTA_EXCEEDED", "kind")
    assert api.get(f"{API}/customers/C001").json()["kind"] == "organisation"


def test_a_file_is_deleted_only_when_nothing_hangs_on_it_and_stays_readable(api: TestClient) -> None:
    organisation(api)
    made(api, "holders", external_id="li", name="李娜", customer="C001")
    badge = approved_badge(api, "li")
    assert code_of(api.delete(f"{API}/customers/C001"))[:2] == (409, "contracts_in_force")
    api.post(f"{API}/contracts/C001/end")
    refused = api.delete(f"{API}/customers/C001")
    assert code_of(refused)[:2] == (409, "badges_out")
    assert refused.json()["badges"] == [badge]
    assert report(api, badge, "revoked", "gone").status_code == 200
    tag = api.get(f"{API}/customers/C001").headers["etag"]
    assert api.delete(f"{API}/customers/C001", headers={"If-Match": '"99"'}).status_code == 412
    assert api.delete(f"{API}/customers/C001", headers={"If-Match": tag}).status_code == 204
    assert api.delete(f"{API}/customers/C001").status_code == 204, "twice is once"
    assert api.get(f"{API}/customers/C001").json()["deleted_at"] is not None
    assert api.get(f"{API}/customers").json()["items"] == []
    assert [row["code"] for row in api.get(f"{API}/customers?deleted=true").json()["items"]] == ["C001"]
    assert code_of(api.patch(f"{API}/customers/C001", json={"name": "x"}))[:2] == (409, "deleted")
    for noun, body in (
        ("contacts", {"name": "n"}),
        ("holders", {"name": "n"}),
        ("contracts", {"from": "2026-01-01", "areas": []}),
    ):
        assert code_of(api.post(f"{API}/{noun}", json={"customer": "C001"} | body)) == (409, "deleted", "customer")


def test_lists_are_filtered(api: TestClient) -> None:
    organisation(api, "C001", name="华云数据有限公司", owner="zhang", credit_code=CREDIT_CODE)
    organisation(api, "C002", owner="li")
    made(api, "contacts", customer="C002", name="李娜", phone="138 0013 8000")

    def codes(**params: str) -> list[str]:
        answer = api.get(f"{API}/customers", params=params)
        assert answer.status_code == 200, answer.text
        return [row["code"] for row in answer.json()["items"]]

    assert codes(code="C002") == ["C002"]
    assert codes(owner="zhang") == ["C001"]
    assert codes(credit_code=CREDIT_CODE) == ["C001"]
    assert codes(name="华云数据") == ["C001"]
    assert codes(phone="+86 13800138000") == ["C002"]
    assert codes(phone="13900000000") == []
    assert codes(kind="individual") == []
    assert codes(kind="organisation", owner="li") == ["C002"]


def test_what_changed_since_a_time_is_listed_with_what_was_deleted(app: FastAPI, api: TestClient) -> None:
    for code in ("C001", "C002", "C003"):
        made(api, "customers", code=code, kind="organisation", name=code)
    changes = [
        item["at"]
        for code in ("C001", "C002", "C003")
        for item in api.get(f"{API}/customers/{code}/history").json()["items"]
    ]
    api.patch(f"{API}/customers/C001", json={"name": "x"})
    api.delete(f"{API}/customers/C002")
    since = api.get(f"{API}/customers/C001/history").json()["items"][-1]["at"]
    assert since >= max(changes)

    def found(**params: str) -> list[str]:
        answer = api.get(f"{API}/customers", params={"modified_since": since} | params)
        return [row["code"] for row in answer.json()["items"]]

    assert found() == ["C001"]
    assert found(deleted="true") == ["C001", "C002"]
    assert api.get(f"{API}/customers", params={"modified_since": "2026-01-01"}).status_code == 422, "without a zone"


def test_files_of_an_owner_who_leaves_are_handed_over_together(api: TestClient) -> None:
    for code, owner in (("C001", "zhang"), ("C002", "li"), ("C003", "zhang")):
        organisation(api, code, owner=owner)
    answer = api.post(f"{API}/customers/hand-over", json={"from_owner": "zhang", "to_owner": "li"})
    assert answer.json() == {"handed_over": 2, "customers": ["C001", "C003"]}
    assert {row["owner"] for row in api.get(f"{API}/customers").json()["items"]} == {"li"}
    again = api.post(f"{API}/customers/hand-over", json={"from_owner": "zhang", "to_owner": "li"})
    assert code_of(again) == (404, "not_found", "from_owner")


def employee(app: FastAPI, department: str | None) -> TestClient:
    """Customer service of a department, signed in."""
    context = context_of_app(app)
    name = f"of-{department or 'none'}"
    with context.database.write() as session:
        _, secret = create_operator(session, SYSTEM, context.clock.now(), name, name, "customer_service", department)
    client = browser(app)
    assert sign_in(client, name, secret).status_code == 200
    assert client.post(f"{API}/account/password", json={"current": secret, "new": PASSWORD}).status_code == 204
    return client


def test_files_of_other_departments_are_not_there(app: FastAPI, api: TestClient) -> None:
    for code, department in (("C001", "sales"), ("C002", "finance"), ("C003", None)):
        organisation(api, code, department=department)
        made(api, "contacts", customer=code, external_id=f"con-{code}", name="n", phone="13800138000")
        made(api, "holders", customer=code, external_id=f"hol-{code}", name="n")
    made(api, "holders", external_id="guest", name="n")
    sales = employee(app, "sales")
    contract = api.get(f"{API}/customers/C002").json()["contracts"][0]["id"]
    assert [row["code"] for row in sales.get(f"{API}/customers").json()["items"]] == ["C001", "C003"]
    for noun in ("contacts", "contracts"):
        assert {row["customer"] for row in sales.get(f"{API}/{noun}").json()["items"]} == {"C001", "C003"}
    assert {row["customer"] for row in sales.get(f"{API}/holders").json()["items"]} == {"C001", "C003", None}
    for path in (
        "customers/C002",
        "customers/C002/history",
        "customers/C002/duplicates",
        "contacts/con-C002",
        "holders/hol-C002",
        f"contracts/{contract}",
        f"contracts/{contract}/history",
        "contacts?customer=C002",
    ):
        assert code_of(sales.get(f"{API}/{path}"))[:2] == (404, "not_found"), path
    for method, path, body in (
        ("PATCH", "customers/C002", {"name": "x"}),
        ("DELETE", "customers/C002", None),
        ("PATCH", "contacts/con-C002", {"name": "x"}),
        ("PATCH", f"contracts/{contract}", {"areas": []}),
        ("POST", "contracts/C002/end", None),
        ("POST", f"contracts/{contract}/end", None),
        ("DELETE", "holders/hol-C002", None),
    ):
        answer = sales.request(method, f"{API}/{path}", json=body)
        assert code_of(answer)[:2] == (404, "not_found"), (method, path, answer.text)
    refused = sales.post(f"{API}/holders", json={"customer": "C002", "name": "n"})
    assert code_of(refused) == (422, "not_found", "customer")
    shared = [pair["customers"] for pair in sales.get(f"{API}/duplicates").json()["items"]]
    assert [[row["code"] for row in pair] for pair in shared] == [["C001", "C003"]]
    assert code_of(sales.patch(f"{API}/customers/C001", json={"department": "finance"})) == (
        403,
        "not_permitted",
        "department",
    )
    assert len(token_client(app, "auditor").get(f"{API}/customers").json()["items"]) == 3


def test_an_operator_without_department_sees_only_files_without(app: FastAPI, api: TestClient) -> None:
    organisation(api, "C001", department="sales")
    organisation(api, "C002")
    assert [row["code"] for row in employee(app, None).get(f"{API}/customers").json()["items"]] == ["C002"]
    operators = api.get(f"{API}/operators").json()["items"]
    number = next(row["id"] for row in operators if row["username"] == "of-none")
    assert api.patch(f"{API}/operators/{number}", json={"department": "sales"}).json()["department"] == "sales"
    assert api.patch(f"{API}/operators/{number}", json={"name": "x"}).json()["department"] == "sales"
    assert api.patch(f"{API}/operators/{number}", json={"department": None}).json()["department"] is None


def test_a_request_that_is_sent_twice_makes_one_file(api: TestClient) -> None:
    body = {"code": "C001", "kind": "organisation", "name": "n"}
    answers = [api.post(f"{API}/customers", json=body, headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len(api.get(f"{API}/customers").json()["items"]) == 1
