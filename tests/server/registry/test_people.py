"""Contacts and holders over the API (C1, B5, R4)."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.server.badges.making import approved_badge, report
from tests.server.browser import token_client
from tests.server.conftest import ON_SQLITE
from tests.server.registry.conftest import API, code_of, made, organisation

ID_NUMBER = "360426199101010071"
LI: dict[str, Any] = {"name": "李小娜", "phone": "138 0013 8000", "email": "li.na@example.com"}
CLEAR = ("李小娜", "13800138000", "138 0013 8000", "li.na@example.com", ID_NUMBER)


def assert_nothing_clear(client: TestClient, *paths: str) -> None:
    """None of these answers shows what a person is called or reached by."""
    for path in paths:
        text = client.get(f"{API}/{path}").text
        assert [value for value in CLEAR if value in text] == [], path


def test_a_contact_is_masked_in_every_answer_and_found_by_what_it_is_called(api: TestClient) -> None:
    organisation(api)
    shown = made(api, "contacts", customer="C001", external_id="c1", role="工程师", primary=True, **LI)
    assert (
        shown.items() >= {"name": "李**", "phone": "138****8000", "email": "l***@example.com", "primary": True}.items()
    )
    assert api.get(f"{API}/contacts/c1").json() == shown
    for params in (
        {"name": "李小娜"},
        {"phone": "+8613800138000"},
        {"email": "LI.NA@example.com"},
        {"customer": "C001"},
    ):
        assert [row["id"] for row in api.get(f"{API}/contacts", params=params).json()["items"]] == [shown["id"]], params
    assert api.get(f"{API}/contacts", params={"phone": "13900000000"}).json()["items"] == []
    api.patch(f"{API}/contacts/c1", json={"name": "李大娜"})
    assert_nothing_clear(api, "contacts", "contacts/c1", "contacts/c1/history", "audit?limit=1000", "customers/C001")


def test_of_a_customer_one_contact_is_the_primary_one(api: TestClient) -> None:
    organisation(api)
    first = made(api, "contacts", customer="C001", name="a", primary=True)
    second = made(api, "contacts", customer="C001", name="b", primary=True)
    assert api.get(f"{API}/contacts/{first['id']}").json()["primary"] is False
    api.patch(f"{API}/contacts/{first['id']}", json={"primary": True})
    assert api.get(f"{API}/contacts/{second['id']}").json()["primary"] is False


def test_a_contact_changes_moves_and_goes(api: TestClient) -> None:
    organisation(api)
    organisation(api, "C002")
    path = f"{API}/contacts/{made(api, 'contacts', customer='C001', **LI)['id']}"
    shown = api.patch(path, json={"phone": None, "role": "r", "customer": "C002"}).json()
    assert (shown["phone"], shown["role"], shown["customer"], shown["version"]) == (None, "r", "C002", 2)
    for change, field in (
        ({"name": None}, "name"),
        ({"customer": None}, "customer"),
        ({"customer": "C404"}, "customer"),
        ({"phone": "call me"}, "phone"),
        ({"email": "nobody"}, "email"),
    ):
        assert code_of(api.patch(path, json=change))[::2] == (422, field)
    assert api.delete(path).status_code == 204
    assert api.delete(path).status_code == 204
    assert code_of(api.patch(path, json={"role": "x"}))[:2] == (409, "deleted")
    assert api.get(f"{API}/contacts").json()["items"] == []


def test_a_holder_keeps_what_it_is_given_and_shows_it_masked(api: TestClient) -> None:
    organisation(api)
    shown = made(
        api, "holders", external_id="li", name="李小娜", customer="C001", phone="13800138000", id_document="id_card", id_number=ID_NUMBER
    )  # fmt: skip
    assert (shown["name"], shown["kind"], shown["customer"], shown["left_at"]) == ("李**", "customer", "C001", None)
    for params in (
        {"name": "李小娜"},
        {"id_number": ID_NUMBER.lower()},
        {"phone": "13800138000"},
        {"kind": "customer"},
    ):
        assert [row["id"] for row in api.get(f"{API}/holders", params=params).json()["items"]] == [shown["id"]], params
    assert_nothing_clear(api, "holders", "holders/li", "holders/li/history", "audit?limit=1000")


@ON_SQLITE
@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"name": None}, 422, "invalid_input", "name"),
        ({"customer": "C002"}, 409, "kind_fixed", "customer"),
        ({"customer": None}, 409, "kind_fixed", "customer"),
        ({"staff": True}, 409, "kind_fixed", "staff"),
        ({"areas": ["hall"]}, 422, "invalid_input", "areas"),
        ({"may_escort": ["moon"]}, 422, "unknown_area", "may_escort"),
        ({"id_document": "id_card", "id_number": "E12345678"}, 422, "invalid_input", "id_number"),
        ({"id_document": "library_card"}, 422, "invalid_input", "id_document"),
    ],
    ids=str,
)
def test_a_change_of_a_holder_that_cannot_be_is_refused(
    api: TestClient, change: dict[str, Any], status: int, code: str, field: str
) -> None:
    organisation(api)
    organisation(api, "C002")
    shown = made(api, "holders", external_id="li", name="n", customer="C001")
    assert code_of(api.patch(f"{API}/holders/li", json=change)) == (status, code, field)
    assert api.get(f"{API}/holders/li").json() == shown


@ON_SQLITE
def test_standing_permissions_are_the_heads_to_give_and_to_take_back(app: FastAPI, api: TestClient) -> None:
    service = token_client(app, "customer_service")
    made(
        api,
        "holders",
        external_id="guo",
        name="n",
        staff=True,
        areas=["hall"],
        may_escort=["hall"],
        keyholder=True,
        duties=["guard"],
    )
    for change in ({"areas": []}, {"may_escort": []}, {"keyholder": False}, {"keyholder": None}, {"duties": []}):
        assert code_of(service.patch(f"{API}/holders/guo", json=change)) == (403, "not_permitted", next(iter(change)))
    assert service.patch(f"{API}/holders/guo", json={"phone": "13800138000", "areas": ["hall"]}).status_code == 200
    assert api.patch(f"{API}/holders/guo", json={"areas": [], "keyholder": None}).json()["keyholder"] is False


def test_who_has_left_is_marked_and_comes_back_only_without_badges(api: TestClient) -> None:
    organisation(api)
    sync = f"{API}/holders/by-external/crm/li"
    assert api.put(sync, json={"customer": "C001", "name": "李娜"}).status_code == 200
    badge = approved_badge(api, "li")
    assert api.delete(f"{API}/holders/li").status_code == 204
    shown = api.get(f"{API}/holders/li").json()
    assert shown["left_at"] == shown["deleted_at"] == "2026-03-02T08:00:00Z"
    assert api.get(f"{API}/holders").json()["items"] == []
    assert code_of(api.patch(f"{API}/holders/li", json={"name": "x"}))[:2] == (409, "deleted")
    assert code_of(api.put(sync, json={"deleted": False}))[:2] == (409, "badges_out")
    assert report(api, badge, "revoked", "left").status_code == 200
    back = api.put(sync, json={"deleted": False}).json()
    assert (back["left_at"], back["deleted_at"]) == (None, None)


def test_duties_are_own_staffs_and_of_the_known_words(api: TestClient) -> None:
    organisation(api)
    made(api, "holders", external_id="guo", name="n", staff=True, duties=["supervisor", "guard", "guard"])
    assert api.get(f"{API}/holders/guo").json()["duties"] == ["guard", "supervisor"]
    assert api.patch(f"{API}/holders/guo", json={"duties": ["guard"]}).json()["duties"] == ["guard"]
    answer = api.post(f"{API}/holders", json={"name": "n", "customer": "C001", "duties": ["guard"]})
    assert code_of(answer) == (422, "invalid_input", "duties")
    assert code_of(api.patch(f"{API}/holders/guo", json={"duties": ["king"]})) == (422, "invalid_input", "duties.0")
    assert api.patch(f"{API}/holders/guo", json={"duties": None}).json()["duties"] == []
    history = api.get(f"{API}/holders/guo/history").json()["items"]
    assert [change["after"].get("duties") for change in history] == [["guard", "supervisor"], ["guard"], []]
