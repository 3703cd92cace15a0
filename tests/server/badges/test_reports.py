"""Reports: who may, what follows, what is refused; the list of badges that should be back (B2, B4, B6, R9)."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlmodel import select

from server.badges.acts import act_of
from server.badges.lifecycle import TABLE, after
from server.badges.models import Badge
from server.db.clock import FixedClock
from server.fleet.awaited import activate_awaiting
from server.fleet.models import Edge
from server.personal.models import Attachment
from server.registry.models import Contract, Holder
from tests.server.badges.making import (
    API,
    application,
    approve,
    approved_badge,
    attach,
    complete_application,
    issue,
    issued_badge,
    report,
)
from tests.server.badges.test_applications import change, refused
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE, START

REPORTS = ("active", "suspended", "lost", "revoked", "returned")


def due(app: FastAPI) -> set[Any]:
    """When the documents are erased."""
    with context_of_app(app).database.read() as session:
        return {each.erase_after for each in session.exec(select(Attachment)).all()}


def to_be_returned(api: TestClient) -> dict[str, str]:
    """Printed number → why."""
    items = api.get(f"{API}/badges/to-be-returned").json()["items"]
    return {item["badge"]["number"]: item["why"] for item in items}


def make(api: TestClient, status: str, number: str) -> str:
    """A staff badge in that status; its id."""
    badge = approved_badge(api, "guo")
    if status != "approved":
        issue(api, badge, number)
    if status not in ("approved", "active"):
        assert report(api, badge, status).status_code == 200
    return badge


@ON_SQLITE
@pytest.mark.parametrize("status", [status for status in TABLE if status not in ("none", "issued")])
def test_a_report_does_what_the_table_says(api: TestClient, status: str) -> None:
    for number, as_ in enumerate(REPORTS):
        badge = make(api, status, f"N{number}")
        answer = report(api, badge, as_, "checked")
        act = act_of(as_, Badge(status=status))  # type: ignore[arg-type]
        wanted = after(status, act)
        if wanted is None:
            code = "BADGE_REVOKED" if status in ("revoked", "returned") else "status_conflict"
            assert refused(answer) == (409, code), (status, as_)
        else:
            wanted = "active" if wanted == "issued" else wanted  # nothing is awaited here
            assert (answer.status_code, answer.json()["status"]) == (200, wanted), (status, as_)


@ON_SQLITE
def test_a_guard_stops_badges_and_takes_cards_back_and_gives_nothing(app: FastAPI, api: TestClient) -> None:
    guard = token_client(app, "guard")
    badge = issued_badge(api, "li", "M1")["id"]
    for as_ in ("suspended", "lost"):
        assert report(guard, badge, as_, "seen at the door").status_code == 200
        assert refused(report(guard, badge, "active", "found")) == (403, "not_permitted")
        assert refused(report(guard, badge, "revoked")) == (403, "not_permitted")
    assert report(guard, badge, "returned").json()["status"] == "returned"
    assert refused(issue(guard, approved_badge(api, "wang"), "M2"))[0] == 403


def test_every_report_says_who_when_and_why(app: FastAPI, api: TestClient, clock: FixedClock) -> None:
    guard = token_client(app, "guard")
    badge = issued_badge(api, "li", "M1")
    clock.advance(timedelta(minutes=5))
    shown = report(guard, badge["id"], "suspended", "photographed the hall (R9)").json()
    assert (shown["reason"], shown["version"]) == ("photographed the hall (R9)", badge["version"] + 1)
    entry = api.get(f"{API}/audit", params={"subject": badge["id"]}).json()["items"][-1]
    assert (entry["act"], entry["actor_name"]) == ("badge.suspend", "test-guard")
    assert (entry["before"]["status"], entry["after"]["status"]) == ("active", "suspended")
    history = api.get(f"{API}/badges/{badge['id']}/history").json()["items"]
    assert [change["after"]["status"] for change in history] == ["approved", "issued", "active", "suspended"]
    assert history[-1]["by"] == entry["actor"]
    assert "credential" not in str(history)
    assert history[0]["before"] is None
    assert history[1]["before"] == {"status": "approved", "number": None, "technology": None, "issued_at": None}
    assert history[1]["after"]["issued_at"] == "2026-03-02T08:00:00Z"
    assert history[-1]["after"] == {"status": "suspended", "reason": "photographed the hall (R9)"}
    first = api.get(f"{API}/badges/{badge['id']}/history", params={"limit": 1}).json()
    rest = api.get(f"{API}/badges/{badge['id']}/history", params={"after": first["next"]}).json()
    assert first["items"] + rest["items"] == history


@ON_SQLITE
def test_reporting_what_is_so_already_changes_nothing(api: TestClient) -> None:
    badge = issued_badge(api, "li", "M1")["id"]
    first = report(api, badge, "lost", "on the train")
    assert report(api, badge, "lost", "again").json() == first.json()
    stale = api.post(f"{API}/badges/{badge}/report", json={"as": "lost"}, headers={"If-Match": '"1"'})
    assert refused(stale) == (412, "changed_meanwhile")
    right = api.post(
        f"{API}/badges/{badge}/report",
        json={"as": "active", "reason": "found"},
        headers={"If-Match": first.headers["etag"]},
    )
    assert right.status_code == 200


@ON_SQLITE
def test_a_lost_badge_is_found_with_a_reason_alone(api: TestClient) -> None:
    badge = issued_badge(api, "li", "M1")["id"]
    assert report(api, badge, "lost").json()["lost_at"] is not None
    assert refused(report(api, badge, "active")) == (422, "reason_required")
    shown = report(api, badge, "active", "was in the drawer").json()
    assert (shown["status"], shown["lost_at"]) == ("active", None)


def test_a_lost_badge_keeps_its_place_until_the_letter_is_there(app: FastAPI, api: TestClient) -> None:
    badge = issued_badge(api, "zhao", "M1")
    report(api, badge["id"], "lost")
    answer = report(api, badge["id"], "revoked")
    assert (*refused(answer), answer.json()["rule"]) == (409, "LOSS_LETTER_MISSING", "B4")
    assert attach(api, badge["application"], "letter").json()["code"] == "application_decided"
    assert attach(api, badge["application"], "loss_letter").status_code == 200
    assert report(api, badge["id"], "revoked").json()["status"] == "revoked"
    assert due(app) == {START + timedelta(days=30)}, "its card is not waited for"
    assert issued_badge(api, "zhao", "M2")["generation"] == 2


@ON_SQLITE
def test_a_letter_of_a_withdrawn_application_counts_no_more(api: TestClient) -> None:
    badge = issued_badge(api, "zhao", "M1")["id"]
    report(api, badge, "lost")
    name = application(api, "zhao", kind="reissue", replaces=badge).json()["id"]
    attach(api, name, "loss_letter")
    api.post(f"{API}/applications/{name}/withdraw")
    assert refused(report(api, badge, "revoked")) == (409, "LOSS_LETTER_MISSING")


def test_documents_go_a_set_time_after_the_card_came_back(app: FastAPI, api: TestClient, clock: FixedClock) -> None:
    badge = issued_badge(api, "li", "M1")["id"]
    assert report(api, badge, "revoked").status_code == 200
    assert due(app) == {None}, "the card is still out"
    clock.advance(timedelta(days=3))
    assert report(api, badge, "returned").json()["status"] == "returned"
    assert due(app) == {START + timedelta(days=33)}


def test_what_should_be_back_is_listed_with_the_reason_until_it_is(
    app: FastAPI, api: TestClient, clock: FixedClock
) -> None:
    ids = {
        number: issued_badge(api, holder, number, **more)["id"]
        for number, holder, more in (
            ("M1", "li", {}),
            ("M2", "wang", {}),
            ("M3", "sun", {}),
            ("M4", "zhao", {"until": "2026-03-05"}),
            ("S1", "guo", {}),
            ("S2", "guo", {}),
            ("T1", "xu", {}),
        )
    }
    approved_badge(api, "sun")
    assert to_be_returned(api) == {}
    report(api, ids["M3"], "lost")
    report(api, ids["S1"], "revoked")
    change(app, Holder, "hol_wang", left_at=START)
    clock.advance(timedelta(days=4))
    assert to_be_returned(api) == {"M2": "holder_left", "M3": "lost", "M4": "expired", "S1": "revoked"}
    change(app, Contract, "con_C0010", status="ended")
    change(app, Contract, "con_C0020", status="suspended")
    assert to_be_returned(api) == {
        "M1": "contract_ended",
        "M2": "holder_left",
        "M3": "lost",
        "M4": "expired",
        "S1": "revoked",
    }
    for number in ("M1", "M2", "M4", "S1", "M3"):
        assert report(api, ids[number], "returned").status_code == 200
    assert to_be_returned(api) == {}


def test_a_reissued_badge_waits_for_every_edge_that_may_not_know_of_the_loss(app: FastAPI, api: TestClient) -> None:
    old = issued_badge(api, "li", "M1")["id"]
    report(api, old, "lost")
    new = approved_badge(api, "li", kind="reissue", replaces=old)
    database = context_of_app(app).database
    with database.write() as session:
        session.add(Edge(name="edge-9", public_key=b"k" * 32, created_at=START))
    shown = issue(api, new, "M2").json()
    assert (shown["status"], shown["standing"]) == ("issued", "issued")
    assert [each["edge"] for each in shown["awaiting"]] == ["edge-9"]
    assert refused(report(api, new, "active")) == (409, "status_conflict"), "nobody can hurry it"
    assert report(api, new, "suspended").json()["awaiting"] == []
    resumed = report(api, new, "active").json()
    assert (resumed["status"], len(resumed["awaiting"])) == ("issued", 1)
    with database.write() as session:
        session.connection().execute(text("UPDATE edge SET revoked_at = created_at"))
        session.connection().execute(text("UPDATE registry_change SET done_at = at"))
    assert activate_awaiting(database, START) == 1
    shown = api.get(f"{API}/badges/{new}").json()
    assert (shown["status"], shown["awaiting"]) == ("active", [])


def test_a_new_badge_in_the_place_of_one_that_was_out_waits_as_well(app: FastAPI, api: TestClient) -> None:
    old = issued_badge(api, "zhao", "M1")["id"]
    report(api, old, "revoked")
    with context_of_app(app).database.write() as session:
        session.add(Edge(name="edge-9", public_key=b"k" * 32, created_at=START))
    shown = issued_badge(api, "zhao", "M2")
    assert (shown["status"], shown["replaces"], len(shown["awaiting"])) == ("issued", old, 1)


def test_the_standing_in_lists_follows_dates_and_contracts(app: FastAPI, api: TestClient, clock: FixedClock) -> None:
    badge = issued_badge(api, "li", "M1", until="2026-03-05")["id"]

    def shown() -> tuple[str, str]:
        listed = api.get(f"{API}/badges", params={"customer": "C001"}).json()["items"][0]
        assert listed == api.get(f"{API}/badges/{badge}").json()
        return listed["status"], listed["standing"]

    assert shown() == ("active", "active")
    change(app, Contract, "con_C0010", status="suspended")
    assert shown() == ("active", "suspended")
    change(app, Contract, "con_C0010", status="draft")
    assert shown() == ("active", "ended")
    change(app, Contract, "con_C0010", status="active")
    clock.advance(timedelta(days=4))
    assert shown() == ("active", "expired")


@ON_SQLITE
def test_badges_are_listed_by_customer_holder_status_and_number(api: TestClient) -> None:
    for holder, number in (("li", "M1"), ("wang", "M2"), ("zhao", "M3"), ("guo", "S1")):
        issued_badge(api, holder, number)
    report(api, api.get(f"{API}/badges", params={"number": "M2"}).json()["items"][0]["id"], "lost")

    def numbers(**given: str) -> list[str]:
        return [row["number"] for row in api.get(f"{API}/badges", params=given).json()["items"]]

    assert numbers() == ["M1", "M2", "M3", "S1"]
    assert numbers(customer="C001") == ["M1", "M2"]
    assert numbers(customer="C001", status="lost") == ["M2"]
    assert numbers(holder="guo") == ["S1"]
    assert numbers(number="M9") == []
    assert api.get(f"{API}/badges", params={"status": "expired"}).status_code == 422
    assert api.get(f"{API}/badges", params={"customer": "C777"}).status_code == 404


def test_badges_that_changed_since_a_moment_are_listed(api: TestClient) -> None:
    first = issued_badge(api, "li", "M1")["id"]
    second = issued_badge(api, "wang", "M2")["id"]
    last = api.get(f"{API}/badges/{second}/history").json()["items"][-1]["at"]
    report(api, first, "lost")

    def changed(at: str) -> set[str]:
        items = api.get(f"{API}/badges", params={"modified_since": at}).json()["items"]
        return {row["id"] for row in items}

    assert changed("2026-01-01T00:00:00Z") == {first, second}
    assert first in changed(last)
    assert changed("2200-01-01T00:00:00Z") == set()
    assert api.get(f"{API}/badges", params={"modified_since": "yesterday"}).status_code == 422


@ON_SQLITE
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"number": "M1", "card": {"technology": "mifare-classic", "number": "1"}}, "invalid_input"),
        ({"number": "M1", "card": {"technology": "desfire", "number": "x" * 25}}, "invalid_input"),
        ({"number": "中", "card": {"technology": "desfire", "number": "1"}}, "invalid_input"),
        ({"number": "", "card": {"technology": "desfire", "number": "1"}}, "invalid_input"),
        ({"number": "M1"}, "invalid_input"),
        ({"number": "M1", "card": {"technology": "uid", "number": "04A1B2C3"}}, "UID_NOT_ALLOWED"),
    ],
)
def test_a_card_that_cannot_be_bound_is_refused(api: TestClient, body: dict[str, Any], code: str) -> None:
    badge = approved_badge(api, "li")
    assert refused(api.post(f"{API}/badges/{badge}/issue", json=body)) == (422, code)
    assert api.get(f"{API}/badges/{badge}").json()["version"] == 1


def test_number_and_card_belong_to_one_live_badge(api: TestClient) -> None:
    first = issued_badge(api, "li", "M1")["id"]
    assert refused(issue(api, first, "M9")) == (409, "status_conflict"), "issued twice"
    second = approved_badge(api, "wang")
    taken = {"technology": "desfire", "number": "M1"}
    assert refused(issue(api, second, "M1", {"technology": "desfire", "number": "M2"})) == (409, "number_taken")
    assert refused(issue(api, second, "M2", taken)) == (409, "card_bound")
    report(api, first, "revoked")
    assert issue(api, second, "M1", taken).status_code == 200
    assert api.get(f"{API}/badges/{first}").json()["status"] == "returned", "its card is bound anew"


def test_a_lost_card_is_bound_again_only_when_it_is_back(api: TestClient) -> None:
    """The old card and the new badge would else both open: the card lies somewhere (B4)."""
    lost = issued_badge(api, "li", "M1")["id"]
    report(api, lost, "lost")
    made = complete_application(api, "li", kind="reissue", replaces=lost)
    new = approve(api, made["id"]).json()["badge"]
    assert refused(issue(api, new, "M1")) == (409, "card_lost")
    assert refused(issue(api, new, "M2", {"technology": "desfire", "number": "M1"})) == (409, "card_lost")
    assert report(api, lost, "returned").status_code == 200
    assert issue(api, new, "M1").status_code == 200


@ON_SQLITE
def test_bare_uids_are_bound_where_the_site_allows_them_and_in_either_case_once(app: FastAPI, api: TestClient) -> None:
    context = context_of_app(app)
    context.config = context.config.model_copy(update={"allow_uid_cards": True})
    issued_badge(api, "li", "M1", card={"technology": "uid", "number": "04a1b2c3d4e5f6"})
    again = issue(api, approved_badge(api, "wang"), "M2", {"technology": "uid", "number": "04A1B2C3D4E5F6"})
    assert refused(again) == (409, "card_bound")
