"""Create or update by the source's own names: over the API, and as the import and the CRM do it (C2)."""

import threading
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, func, select

from server.context import Context
from server.operators.actor import SYSTEM
from server.problems import Problem
from server.registry import upsert
from server.registry.models import Customer, RegistryChange
from server.registry.records import CustomerRecord
from server.registry.upsert import upsert_customers
from tests.server.badges.making import approved_badge
from tests.server.browser import context_of_app
from tests.server.conftest import ON_SQLITE
from tests.server.registry.conftest import API, CONTRACT, code_of, made, organisation

FILE = {"code": "C001", "kind": "organisation", "name": "华云数据"}


def put(client: TestClient, noun: str, name: str, /, **body: Any) -> dict[str, Any]:
    """``PUT …/by-external/crm/NAME`` that must succeed; the row."""
    answer = client.put(f"{API}/{noun}/by-external/crm/{name}", json=body)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    assert answer.headers["etag"] == f'"{shown["version"]}"'
    return shown


def test_the_first_message_makes_the_row_and_the_next_changes_it(api: TestClient) -> None:
    shown = put(api, "customers", "1", **FILE, source_version="1")
    assert (shown["source_system"], shown["external_id"], shown["version"]) == ("crm", "1", 1)
    assert shown["synced_at"] == "2026-03-02T08:00:00Z"
    assert put(api, "customers", "1", **FILE, source_version="1")["version"] == 1, "the same again changes nothing"
    assert (
        put(api, "customers", "1", name="新名", source_version="2").items()
        >= {"name": "新名", "code": "C001", "version": 2}.items()
    )
    contact = put(api, "contacts", "1", customer="1", name="李娜", primary=True)
    assert (contact["customer"], contact["primary"]) == ("C001", True)
    assert put(api, "contacts", "1", phone="13800138000")["phone"] == "138****8000"
    contract = put(api, "contracts", "1", customer="1", **CONTRACT)
    assert (contract["status"], contract["until"]) == ("active", "2026-12-31T16:00:00Z")
    assert put(api, "contracts", "1", until="2027-06-30")["until"] == "2027-06-30T16:00:00Z"
    assert put(api, "holders", "1", customer="1", name="李娜")["kind"] == "customer"
    assert put(api, "holders", "1", name="李丽")["version"] == 2


@pytest.mark.parametrize(("noun", "body"), [
    ("customers", FILE),
    ("contacts", {"customer": "C009", "name": "n"}),
    ("contracts", {"customer": "C009"} | CONTRACT),
    ("holders", {"customer": "C009", "name": "n"}),
])  # fmt: skip
def test_an_older_message_undoes_nothing(api: TestClient, noun: str, body: dict[str, Any]) -> None:
    organisation(api, "C009")
    put(api, noun, "1", **body, source_version="9")
    newer = put(api, noun, "1", **body, source_version="10")
    changed = {"racks": ["A"]} if noun == "contracts" else {"name": "x"}
    refused = api.put(f"{API}/{noun}/by-external/crm/1", json=changed | {"source_version": "9"})
    assert code_of(refused) == (409, "older_source_version", "source_version")
    assert refused.json()["stored"] == "10"
    assert api.get(f"{API}/{noun}/{newer['id']}").json() == newer
    patched = api.patch(f"{API}/{noun}/{newer['id']}", json=changed | {"source_version": "9"})
    assert code_of(patched)[1] == "older_source_version"
    assert api.patch(f"{API}/{noun}/{newer['id']}", json=changed).status_code == 200, (
        "a person at the desk has no such version"
    )


def test_a_file_that_nobody_claimed_is_claimed_by_its_code(api: TestClient) -> None:
    organisation(api)
    assert put(api, "customers", "1", code="C001", name="新名")["version"] == 2
    other = api.put(f"{API}/customers/by-external/erp/1", json=FILE)
    assert code_of(other) == (409, "code_taken", "code")


def test_names_of_two_systems_do_not_meet(api: TestClient) -> None:
    first = put(api, "customers", "1", **FILE)
    second = api.put(f"{API}/customers/by-external/erp/1", json=FILE | {"code": "C002"}).json()
    assert first["id"] != second["id"]
    assert code_of(api.get(f"{API}/customers/1"))[:2] == (409, "ambiguous_name")
    contact = api.put(f"{API}/contacts/by-external/erp/1", json={"customer": "1", "name": "n"}).json()
    assert contact["customer"] == "C002", "a system's own name goes first"


def test_an_external_id_may_hold_what_a_path_does_not(api: TestClient) -> None:
    answer = api.put(f"{API}/customers/by-external/crm/org%2F7%3Fx%23y", json=FILE)
    assert answer.json()["external_id"] == "org/7?x#y"
    assert api.get(f"{API}/customers/C001").json()["external_id"] == "org/7?x#y"


def test_what_is_gone_there_is_gone_here_and_may_come_back(api: TestClient) -> None:
    put(api, "customers", "1", **FILE)
    put(api, "contacts", "1", customer="1", name="n")
    put(api, "contracts", "1", customer="1", **CONTRACT)
    assert put(api, "contacts", "1", deleted=True)["deleted_at"] is not None
    assert put(api, "contacts", "1", deleted=False, role="r")["deleted_at"] is None
    refused = api.put(f"{API}/customers/by-external/crm/1", json={"deleted": True})
    assert code_of(refused)[:2] == (409, "contracts_in_force")
    assert put(api, "contracts", "1", deleted=True)["status"] == "ended"
    assert code_of(api.put(f"{API}/contracts/by-external/crm/1", json={"until": "2028-01-01"}))[1] == "CONTRACT_ENDED"
    assert put(api, "customers", "1", deleted=True)["deleted_at"] is not None
    assert code_of(api.put(f"{API}/customers/by-external/crm/1", json={"name": "x"}))[1] == "deleted"
    assert put(api, "customers", "1", deleted=False, name="x").items() >= {"deleted_at": None, "name": "x"}.items()
    for noun in ("customers", "contacts", "contracts", "holders"):
        never = api.put(f"{API}/{noun}/by-external/crm/404", json={"deleted": True})
        assert code_of(never) == (404, "not_found", "external_id")


def test_a_source_that_calls_a_contract_active_after_its_end_may_go_on_doing_so(api: TestClient) -> None:
    put(api, "customers", "1", **FILE)
    over = {"customer": "1", "from": "2025-01-01", "until": "2025-12-31", "areas": ["hall"], "status": "active"}
    put(api, "contracts", "1", **over)
    assert put(api, "contracts", "1", **over)["version"] == 1
    assert api.post(f"{API}/contracts/1/end").json()["status"] == "ended", "the contract 1, not the customer 1"
    assert put(api, "contracts", "1", **over)["status"] == "ended"


def test_an_earlier_end_from_the_source_is_followed_with_a_warning(api: TestClient) -> None:
    put(api, "customers", "1", **FILE)
    put(api, "contracts", "1", customer="1", **CONTRACT)
    put(api, "holders", "li", customer="1", name="n")
    badge = approved_badge(api, "li")
    shown = put(api, "contracts", "1", until="2026-04-01")
    assert [warning["code"] for warning in shown["warnings"]] == ["badges_out"]
    assert badge in shown["warnings"][0]["detail"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("noun", "body", "field"),
    [
        ("customers", {"kind": "organisation", "name": "n"}, "code"),
        ("customers", {"code": "C1", "name": "n"}, "kind"),
        ("contacts", {"customer": "C009"}, "name"),
        ("contacts", {"name": "n"}, "customer"),
        ("contacts", {"customer": "C404", "name": "n"}, "customer"),
        ("contracts", {"customer": "C009", "areas": []}, "from"),
        ("contracts", CONTRACT, "customer"),
        ("contracts", CONTRACT | {"customer": "C009", "until": "2020-01-01"}, "until"),
        ("holders", {"customer": "C009"}, "name"),
        ("holders", {"customer": "C009", "name": "n", "staff": True}, "staff"),
    ],
    ids=str,
)
def test_a_new_row_that_lacks_something_is_refused_by_name(
    api: TestClient, noun: str, body: dict[str, Any], field: str
) -> None:
    organisation(api, "C009")
    refused = api.put(f"{API}/{noun}/by-external/crm/1", json=body)
    assert code_of(refused)[::2] == (422, field), refused.text


def test_an_upsert_compares_the_etag_when_it_has_one(api: TestClient) -> None:
    path = f"{API}/customers/by-external/crm/1"
    assert code_of(api.put(path, json=FILE, headers={"If-Match": '"1"'}))[:2] == (412, "changed_meanwhile"), "not there"
    tag = api.put(path, json=FILE).headers["etag"]
    assert api.put(path, json={"name": "A"}, headers={"If-Match": tag}).status_code == 200
    assert api.put(path, json={"name": "B"}, headers={"If-Match": tag}).status_code == 412


def many(context: Context, records: list[CustomerRecord]) -> list[Any]:
    with context.database.write() as session:
        return upsert_customers(session, SYSTEM, context.clock.now(), context.personal, records)


def count(session: Session, model: Any) -> int:
    return session.exec(select(func.count()).select_from(model)).one()


def test_many_at_once_are_as_one_after_the_other(app: FastAPI, api: TestClient) -> None:
    organisation(api, "C001")
    context = context_of_app(app)

    def record(number: int, **more: Any) -> CustomerRecord:
        values = {"source_system": "file", "external_id": str(number), "code": f"C{number:03}", "kind": "organisation"}
        return CustomerRecord.model_validate(values | {"name": f"n{number}"} | more)

    records = [
        record(1),  # claims what is there
        record(2),
        record(2, name="again"),
        record(3, code="C002"),  # taken by the one before
        record(4, kind="individual", credit_code="91110000600037341L"),
        record(5, kind="individual", id_number="360426199101010071"),
    ]
    outcomes = many(context, records)
    assert [outcome.code if isinstance(outcome, Problem) else outcome.row.code for outcome in outcomes] == [
        "C001",
        "C002",
        "C002",
        "code_taken",
        "invalid_input",
        "C005",
    ]
    assert [row["name"] for row in api.get(f"{API}/customers").json()["items"]] == ["n1", "again", "n5"]
    with context.database.read() as session:
        noted = count(session, RegistryChange)
    assert not any(outcome.changed for outcome in many(context, [records[0], records[2], records[5]]))
    with context.database.read() as session:
        assert count(session, RegistryChange) == noted, "writing what is stored already changes nothing"


def test_two_first_messages_at_once_make_one_row(app: FastAPI, api: TestClient) -> None:
    together = threading.Barrier(4)
    answers: list[Any] = []

    def send(number: int) -> None:
        together.wait()
        answers.append(api.put(f"{API}/customers/by-external/crm/1", json=FILE | {"name": f"n{number}"}))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answer.status_code for answer in answers] == [200] * 4, [answer.text for answer in answers]
    with context_of_app(app).database.read() as session:
        assert count(session, Customer) == 1


def test_of_changes_with_one_etag_one_is_made(api: TestClient) -> None:
    organisation(api)
    made(api, "contacts", customer="C001", external_id="x", name="n")
    made(api, "holders", customer="C001", external_id="x", name="n")
    contract = api.get(f"{API}/customers/C001").json()["contracts"][0]["id"]
    for path, field in (
        ("customers/C001", "remark"),
        ("contacts/x", "role"),
        ("holders/x", "name"),
        (f"contracts/{contract}", "number"),
    ):
        tag = api.get(f"{API}/{path}").headers["etag"]
        together = threading.Barrier(4)
        statuses: list[int] = []

        def change(
            number: int,
            path: str = path,
            field: str = field,
            tag: str = tag,
            together: threading.Barrier = together,
            statuses: list[int] = statuses,
        ) -> None:
            together.wait()
            answer = api.patch(f"{API}/{path}", json={field: f"v{number}"}, headers={"If-Match": tag})
            statuses.append(answer.status_code)

        threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(statuses) == [200, 412, 412, 412], path
        assert api.get(f"{API}/{path}").json()["version"] == int(tag.strip('"')) + 1


@pytest.mark.parametrize("met", [
    Problem(409, "code_taken", "taken", "已占用"),
    IntegrityError("INSERT", {}, ValueError("UNIQUE")),
])  # fmt: skip
def test_a_row_that_another_message_made_meanwhile_is_changed(app: FastAPI, met: Exception) -> None:
    """The second message can meet the first's row in the database's refusal or as a number that is taken: once, by its own lookup."""
    tries: list[int] = []

    def write() -> Any:
        tries.append(len(tries))
        if len(tries) == 1:
            raise met
        return written

    written: Any = object()
    with context_of_app(app).database.write() as session:
        assert upsert._racing(session, write) is written
    assert tries == [0, 1]


def test_a_conflict_that_stays_is_told(app: FastAPI) -> None:
    def write() -> Any:
        raise Problem(409, "code_taken", "taken", "已占用")

    with context_of_app(app).database.write() as session, pytest.raises(Problem, match="taken"):
        upsert._racing(session, write)
