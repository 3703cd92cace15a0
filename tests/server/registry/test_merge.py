"""Two files of one customer become one (C3, B2, MEANINGS 5)."""

import threading
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from server.badges.models import GONE, Badge
from server.registry.merge import place_badges
from server.registry.models import Customer, CustomerMerge
from tests.server.badges.making import approve, approved_badge, complete_application, issued_badge, report
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE
from tests.server.registry.conftest import API, code_of, made, organisation


def merge(client: TestClient, kept: str, merged: str, reason: str = "the same company", /, **headers: str) -> Any:
    return client.post(f"{API}/customers/{kept}/merge", json={"merged": merged, "reason": reason}, headers=headers)


def badges(app: FastAPI, code: str) -> list[Badge]:
    with context_of_app(app).database.read() as session:
        query = select(Badge).join(Customer, Badge.customer_id == Customer.id).where(Customer.code == code)  # type: ignore[arg-type]
        return list(session.exec(query.order_by(Badge.slot, Badge.generation)).all())


def two_files(api: TestClient) -> None:
    """C001 and C002, each with a contact, a holder with a badge, and a contract."""
    for code, holder in (("C001", "li"), ("C002", "wang")):
        organisation(api, code, source_system="crm", external_id=f"crm-{code}")
        made(api, "contacts", external_id=f"contact-{code}", customer=code, name="n", primary=True)
        made(api, "holders", external_id=holder, customer=code, name="n")
        issued_badge(api, holder, f"M-{holder}")


def test_everything_passes_to_the_kept_file(app: FastAPI, api: TestClient) -> None:
    two_files(api)
    gone = api.get(f"{API}/customers/C002").json()["id"]
    answer = merge(api, "C001", "C002", **{"If-Match": api.get(f"{API}/customers/C001").headers["etag"]})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["contracts"]) == 2
    for noun in ("contacts", "contracts", "holders"):
        assert {row["customer"] for row in api.get(f"{API}/{noun}").json()["items"]} == {"C001"}
    assert [row["primary"] for row in api.get(f"{API}/contacts").json()["items"]] == [True, False]
    held = badges(app, "C001")
    assert [(badge.number, badge.slot, badge.status) for badge in held] == [
        ("M-li", 1, "active"),
        ("M-wang", 2, "active"),
    ]
    assert {row["customer"] for row in api.get(f"{API}/badges").json()["items"]} == {"C001"}
    old = api.get(f"{API}/customers/{gone}").json()
    assert (old["code"], old["merged_into"], old["contracts"]) == ("C002", "C001", [])
    assert old["deleted_at"] is not None
    assert [row["code"] for row in api.get(f"{API}/customers").json()["items"]] == ["C001"]
    made(api, "holders", external_id="sun", customer="C001", name="n")
    assert code_of(approve(api, complete_application(api, "sun")["id"]))[1] == "QUOTA_EXCEEDED"


def test_both_histories_stay_and_the_act_is_on_record(app: FastAPI, api: TestClient) -> None:
    two_files(api)
    api.patch(f"{API}/customers/C002", json={"remark": "of the second"})
    assert merge(api, "C001", "C002").status_code == 200
    items = api.get(f"{API}/customers/C001/history").json()["items"]
    assert {item["file"] for item in items} == {None, "C002"}
    assert {"remark": "of the second"} in [item["after"] for item in items if item["file"] == "C002"]
    assert "merged_into" in [item for item in items if item["file"] == "C002"][-1]["after"]
    kept = api.get(f"{API}/customers/C001").json()["id"]
    entry = api.get(f"{API}/audit", params={"subject": kept}).json()["items"][-1]
    assert entry["act"] == "customer.merge"
    assert entry["after"].items() >= {"code": "C002", "reason": "the same company"}.items()
    assert entry["after"]["moved"] == {"badges": 1, "contacts": 1, "contracts": 1, "holders": 1}
    with context_of_app(app).database.read() as session:
        assert [row.reason for row in session.exec(select(CustomerMerge)).all()] == ["the same company"]
    me = api.get(f"{API}/session").json()["id"]
    moved = api.get(f"{API}/holders/wang/history").json()["items"][-1]
    assert (moved["by"], moved["before"], moved["after"]) == (me, {"customer": "C002"}, {"customer": "C001"})


def test_names_of_a_merged_file_lead_to_the_one_that_is_kept_in_the_end(api: TestClient) -> None:
    two_files(api)
    organisation(api, "C003")
    assert merge(api, "C003", "C002").status_code == 200
    assert merge(api, "C001", "C003").status_code == 200
    for name in ("C003", "C002", "crm-C002"):
        assert api.get(f"{API}/customers/{name}").json()["code"] == "C001"
    assert made(api, "contacts", customer="crm-C002", name="n")["customer"] == "C001"
    assert len(api.get(f"{API}/contacts", params={"customer": "C002"}).json()["items"]) == 3
    assert {item["file"] for item in api.get(f"{API}/customers/C001/history").json()["items"]} == {None, "C002", "C003"}


def test_a_source_that_still_keeps_both_files_is_led_to_the_kept_one(api: TestClient) -> None:
    two_files(api)
    assert merge(api, "C001", "C002").status_code == 200
    path = f"{API}/customers/by-external/crm/crm-C002"
    same = api.put(path, json={"code": "C002", "name": "C002 公司", "source_version": "1"})
    assert same.json().items() >= {"code": "C001", "name": "C001 公司"}.items(), "what the source says anew is nothing"
    assert [warning["code"] for warning in same.json()["warnings"]] == ["merged"]
    changed = api.put(path, json={"code": "C002", "name": "C002 公司", "remark": "new", "source_version": "2"})
    assert changed.json().items() >= {"code": "C001", "name": "C001 公司", "remark": "new"}.items()
    older = api.put(path, json={"remark": "old", "source_version": "1"})
    assert code_of(older)[1] == "older_source_version"
    holder = api.put(f"{API}/holders/by-external/crm/xu", json={"customer": "crm-C002", "name": "n"})
    assert holder.json()["customer"] == "C001"
    assert api.put(path, json={"deleted": True}).status_code == 200
    assert api.get(f"{API}/customers/C001").json()["deleted_at"] is None, "the source cleaned up its side"


def test_too_many_badges_together_are_refused_and_nothing_moves(app: FastAPI, api: TestClient) -> None:
    two_files(api)
    made(api, "holders", external_id="zhao", customer="C002", name="n")
    badge = approved_badge(api, "zhao")
    refused = merge(api, "C001", "C002")
    assert code_of(refused) == (409, "QUOTA_EXCEEDED", "merged")
    assert [len(badges(app, code)) for code in ("C001", "C002")] == [1, 2]
    assert report(api, badge, "revoked", "for the merge").status_code == 200
    assert merge(api, "C001", "C002").status_code == 200
    held = badges(app, "C001")
    assert sorted(badge.slot for badge in held if badge.status not in GONE) == [1, 2]
    assert len({(badge.slot, badge.generation) for badge in held}) == 3


def test_individuals_have_one_badge_together(api: TestClient) -> None:
    for code in ("P001", "P002"):
        organisation(api, code, kind="individual")
        made(api, "holders", external_id=code, customer=code, name="n")
        approved_badge(api, code)
    assert code_of(merge(api, "P001", "P002"))[1] == "QUOTA_EXCEEDED"


@ON_SQLITE
def test_what_cannot_be_merged_is_refused(app: FastAPI, api: TestClient) -> None:
    organisation(api, "C001")
    organisation(api, "C002", kind="individual")
    organisation(api, "C003", department="sales")
    organisation(api, "C004")
    made(api, "customers", code="C005", kind="organisation", name="n")
    api.delete(f"{API}/customers/C005")
    assert code_of(merge(api, "C001", "C001"))[1:] == ("same_customer", "merged")
    assert code_of(merge(api, "C001", "C002"))[1:] == ("kinds_differ", "merged")
    assert code_of(merge(api, "C001", "C003"))[1:] == ("departments_differ", "merged")
    assert code_of(merge(api, "C001", "C005"))[1:] == ("deleted", "merged")
    assert code_of(merge(api, "C001", "C404")) == (422, "not_found", "merged")
    assert code_of(merge(api, "C404", "C001"))[:2] == (404, "not_found")
    assert code_of(merge(api, "C001", "C004", " "))[::2] == (422, "reason")
    assert code_of(merge(api, "C001", "C004", "r", **{"If-Match": '"9"'}))[:2] == (412, "changed_meanwhile")
    assert merge(token_client(app, "customer_service"), "C001", "C004").status_code == 403
    number = api.get(f"{API}/customers/C004").json()["id"]
    assert merge(token_client(app, "supervisor"), "C001", "C004").status_code == 200
    assert code_of(merge(api, "C001", "C004"))[1] == "same_customer", "its name means the kept file now"
    assert code_of(merge(api, "C001", number))[1] == "merged_already"
    assert code_of(api.patch(f"{API}/customers/{number}", json={"name": "x"}))[1] == "deleted"


PLACES = st.lists(
    st.tuples(st.integers(1, 2), st.integers(1, 4), st.booleans()), max_size=5, unique_by=lambda one: one[:2]
)


@settings(max_examples=200)
@given(PLACES, PLACES)
def test_whatever_they_hold_places_stay_unique_and_a_live_badge_is_the_newest_of_its_slot(
    kept: list[tuple[int, int, bool]], merged: list[tuple[int, int, bool]]
) -> None:
    """What is deregistered keeps a place as well: the edge lets only the highest generation of a slot in (MEANINGS 5)."""
    rows = [
        _badge(customer, number, *place)
        for customer, places in ((1, kept), (2, merged))
        for number, place in enumerate(places)
    ]
    for customer in (1, 2):
        _one_live_a_slot([row for row in rows if row.customer_id == customer])
    live = [row for row in rows if row.status == "active"]
    if len(live) > 2:
        return
    before = {id(row): (row.slot, row.generation) for row in rows}
    changed = {id(row) for row in place_badges(rows, kept_id=1, quota=2)}
    assert changed == {id(row) for row in rows if before[id(row)] != (row.slot, row.generation)}
    places = [(row.slot, row.generation) for row in rows]
    assert len(set(places)) == len(places)
    assert len({row.slot for row in live}) == len(live)
    for row in live:
        assert row.slot in (1, 2)
        assert row.generation == max(other.generation for other in rows if other.slot == row.slot)


def _badge(customer: int, number: int, slot: int, generation: int, live: bool) -> Badge:
    return Badge(
        id=customer * 100 + number,
        customer_id=customer,
        slot=slot,
        generation=generation,
        status="active" if live else "revoked",
    )


def _one_live_a_slot(rows: list[Badge]) -> None:
    """As the database has it: of a slot only the newest can be live."""
    for row in rows:
        if row.generation < max(other.generation for other in rows if other.slot == row.slot):
            row.status = "revoked"


def test_a_badge_that_is_approved_during_a_merge_does_not_pass_the_quota(app: FastAPI, api: TestClient) -> None:
    two_files(api)
    made(api, "holders", external_id="zhao", customer="C002", name="n")
    number = complete_application(api, "zhao")["id"]
    together = threading.Barrier(2)
    answers: dict[str, Any] = {}

    def act(name: str, send: Callable[[], Any]) -> None:
        together.wait()
        answers[name] = send()

    threads = [
        threading.Thread(target=act, args=("merge", lambda: merge(api, "C001", "C002"))),
        threading.Thread(target=act, args=("approve", lambda: approve(api, number))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    merged, approved = (answers[name].status_code == 200 for name in ("merge", "approve"))
    assert merged != approved, [answer.text for answer in answers.values()]
    refused = answers["approve" if merged else "merge"]
    if refused.status_code == 503:  # PostgreSQL ended a deadlock: "try again"
        refused = approve(api, number) if merged else merge(api, "C001", "C002")
    assert refused.status_code == 409, refused.text
    live = [badge for code in ("C001", "C002") for badge in badges(app, code) if badge.status not in GONE]
    assert len(live) == (2 if merged else 3)
