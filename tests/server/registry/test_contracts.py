"""Contracts over the API: one by one and by customer, from draft to ended (B1, B6, MEANINGS 7)."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.db.clock import FixedClock
from tests.server.badges.making import approved_badge
from tests.server.conftest import ON_SQLITE
from tests.server.registry.conftest import API, CONTRACT, code_of, made, organisation


def draft(client: TestClient, /, **more: Any) -> dict[str, Any]:
    """A contract of C001 that is not signed."""
    return made(client, "contracts", **{"customer": "C001", "status": "draft"} | CONTRACT | more)


def test_a_contract_keeps_what_it_is_given(api: TestClient) -> None:
    organisation(api)
    given: dict[str, Any] = {
        "number": "HT-2026-1",
        "kind": "other",
        "racks": ["A-01", "A-02"],
        "cages": ["甲"],
        "ip_allowance": 4,
        "port_allowance": 2,
        "source_system": "crm",
        "external_id": "c-1",
        "source_version": "1",
    }
    shown = draft(api, **given)
    assert shown.items() >= (given | {"status": "draft", "areas": ["hall"], "customer": "C001", "version": 1}).items()
    assert api.get(f"{API}/contracts/c-1").json() == api.get(f"{API}/contracts/{shown['id']}").json() == shown
    assert [row["id"] for row in api.get(f"{API}/contracts?number=HT-2026-1").json()["items"]] == [shown["id"]]
    assert [row["id"] for row in api.get(f"{API}/contracts?status=draft").json()["items"]] == [shown["id"]]
    assert code_of(api.post(f"{API}/contracts", json={"customer": "C001", "number": "HT-2026-1"} | CONTRACT))[1:] == (
        "number_taken",
        "number",
    )


def test_a_life_from_draft_to_ended(api: TestClient) -> None:
    organisation(api)
    path = f"{API}/contracts/{draft(api)['id']}"
    for act, status in (("sign", "active"), ("suspend", "suspended"), ("resume", "active"), ("end", "ended")):
        shown = api.post(f"{path}/{act}").json()
        assert shown["status"] == status
    assert shown["until"] == "2026-03-02T08:00:00Z"
    assert [item["after"].get("status") for item in api.get(f"{path}/history").json()["items"]] == [
        "draft", "active", "suspended", "active", "ended",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("acts", "refused"),
    [
        ([], "suspend"),
        (["sign"], "sign"),
        (["sign", "suspend"], "sign"),
        (["sign", "end"], "resume"),
        (["sign", "end"], "sign"),
        (["end"], "sign"),
    ],
    ids=str,
)
@ON_SQLITE
def test_an_act_that_does_not_follow_is_refused(api: TestClient, acts: list[str], refused: str) -> None:
    organisation(api)
    path = f"{API}/contracts/{draft(api)['id']}"
    for act in acts:
        assert api.post(f"{path}/{act}").status_code == 200
    answer = api.post(f"{path}/{refused}")
    assert answer.status_code == 409
    assert code_of(answer)[1] == ("CONTRACT_ENDED" if "end" in acts else "status_conflict")


@ON_SQLITE
def test_what_is_so_already_changes_nothing(api: TestClient) -> None:
    organisation(api)
    path = f"{API}/contracts/{draft(api, status='active')['id']}"
    for act in ("suspend", "resume", "end"):
        once = api.post(f"{path}/{act}").json()
        assert api.post(f"{path}/{act}").json() == once


def test_a_contract_that_has_ended_is_not_revived(api: TestClient, clock: FixedClock) -> None:
    organisation(api)
    ended, over = draft(api, status="active"), draft(api, status="active", until="2026-03-05")
    api.post(f"{API}/contracts/{ended['id']}/end")
    clock.advance(timedelta(days=10))
    for number in (ended["id"], over["id"]):
        for change in ({"until": "2027-01-01"}, {"until": None}, {"from": "2026-01-02"}, {"areas": ["lobby"]}):
            refused = api.patch(f"{API}/contracts/{number}", json=change)
            assert code_of(refused)[:2] == (409, "CONTRACT_ENDED"), change
        assert api.patch(f"{API}/contracts/{number}", json={"racks": ["A"]}).status_code == 200
    assert code_of(api.patch(f"{API}/contracts/{ended['id']}", json={"status": "active"}))[1] == "CONTRACT_ENDED"


@ON_SQLITE
@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"until": "2025-06-01"}, 422, "invalid_input", "until"),
        ({"from": "2027-02-01"}, 422, "invalid_input", "until"),
        ({"areas": ["moon"]}, 422, "unknown_area", "areas"),
        ({"areas": None}, 422, "invalid_input", "areas"),
        ({"from": None}, 422, "invalid_input", "from"),
        ({"status": "draft"}, 409, "status_conflict", "status"),
        ({"customer": "C002"}, 409, "customer_fixed", "customer"),
        ({"ip_allowance": -1}, 422, "invalid_input", "ip_allowance"),
        ({"kind": "lease"}, 422, "invalid_input", "kind"),
        ({"number": ""}, 422, "invalid_input", "number"),
    ],
    ids=str,
)
def test_a_change_that_cannot_be_is_refused(
    api: TestClient, change: dict[str, Any], status: int, code: str, field: str
) -> None:
    organisation(api)
    organisation(api, "C002")
    contract = api.get(f"{API}/customers/C001").json()["contracts"][0]
    assert code_of(api.patch(f"{API}/contracts/{contract['id']}", json=change)) == (status, code, field)
    assert api.get(f"{API}/contracts/{contract['id']}").json() == contract


def test_an_earlier_end_while_badges_are_out_wants_a_confirmation(api: TestClient) -> None:
    organisation(api)
    made(api, "holders", external_id="li", name="李娜", customer="C001")
    path = f"{API}/contracts/{api.get(f'{API}/customers/C001').json()['contracts'][0]['id']}"
    assert api.patch(path, json={"until": "2026-11-30"}).status_code == 200, "nobody holds a badge"
    badge = approved_badge(api, "li")
    for change in ({"until": "2026-06-30"}, {"kind": "other"}, {"status": "ended"}):
        refused = api.patch(path, json=change)
        assert code_of(refused)[:2] == (409, "badges_out"), change
        assert refused.json()["badges"] == [badge]
    assert api.patch(path, json={"until": "2026-12-31"}).status_code == 200, "later is no loss"
    confirmed = api.patch(path, json={"until": "2026-06-30", "confirm": True}).json()
    assert confirmed["until"] == "2026-06-30T16:00:00Z"
    assert [warning["code"] for warning in confirmed["warnings"]] == ["badges_out"]
    assert api.post(f"{API}/contracts/C001/end").status_code == 200, "an end that is asked for by name needs none"


def test_a_draft_is_taken_back_and_a_signed_contract_is_not(api: TestClient) -> None:
    organisation(api)
    shown = draft(api)
    assert api.delete(f"{API}/contracts/{shown['id']}").status_code == 204
    assert code_of(api.post(f"{API}/contracts/{shown['id']}/sign"))[:2] == (409, "deleted")
    signed = api.get(f"{API}/customers/C001").json()["contracts"][0]["id"]
    assert code_of(api.delete(f"{API}/contracts/{signed}"))[:2] == (409, "contract_signed")
    assert shown["id"] not in [row["id"] for row in api.get(f"{API}/contracts").json()["items"]]


def test_a_name_of_contract_and_customer_is_no_name(api: TestClient) -> None:
    organisation(api, "C001")
    organisation(api, "C002")
    made(api, "contracts", customer="C002", external_id="C001", **CONTRACT)
    assert code_of(api.post(f"{API}/contracts/C001/end"))[:2] == (409, "ambiguous_name")
    number = api.get(f"{API}/customers/C001").json()["id"]
    assert [row["customer"] for row in api.post(f"{API}/contracts/{number}/end").json()] == ["C001"]


def test_acts_compare_the_etag_too(api: TestClient) -> None:
    organisation(api)
    path = f"{API}/contracts/{draft(api)['id']}"
    tag = api.get(path).headers["etag"]
    assert api.post(f"{path}/sign", headers={"If-Match": tag}).status_code == 200
    assert code_of(api.post(f"{path}/suspend", headers={"If-Match": tag}))[:2] == (412, "changed_meanwhile")
    assert code_of(api.delete(path, headers={"If-Match": tag}))[:2] == (412, "changed_meanwhile")
