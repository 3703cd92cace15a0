"""The kiosk: what a number shows, what may be written with it, and what it never says."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session

from server.db.clock import FixedClock
from server.kiosk import lent
from server.kiosk.misses import LIMIT, WINDOW
from server.operators.actor import SYSTEM
from server.operators.guard import KIOSK_COOKIE
from server.operators.service import create_token
from server.permits.entrance import entrance_code, printed_code
from tests.server.browser import administrator, browser, context_of_app, token_client
from tests.server.conftest import ON_SQLITE
from tests.server.equipment.slips.conftest import SlipDepot, slip_depot  # noqa: F401 - the fixture
from tests.server.operators.people import acts_on, person, refusal, who
from tests.server.permits.conftest import desk  # noqa: F401 - the fixture
from tests.server.permits.making import PERSON, Desk, approved, checked_in, checked_out, pooled
from tests.server.rooms.conftest import taken
from tests.server.shift.conftest import Shift, shift  # noqa: F401 - the fixture

pytestmark = ON_SQLITE


def kiosk(app: FastAPI) -> TestClient:
    """A program with the kiosk's role."""
    return token_client(app, "kiosk")


def scanned(client: TestClient, code: str, expect: int = 200) -> dict[str, Any]:
    """What the kiosk shows for a code."""
    answer = client.post("/api/v1/kiosk/scan", json={"code": code})
    assert answer.status_code == expect, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def test_a_badge_shows_its_own_open_entries_and_no_name(shift: Shift) -> None:  # noqa: F811
    shift.badge("M1001")
    shift.badge("M1002", holder=2, slot=2)
    shift.edge.happen(taken("lobby-in"), taken("hall-in"))
    shift.edge.happen(taken("hall-in", 2), at_s=60)
    found = scanned(kiosk(shift.app), "m1001")
    assert (found["kind"], found["number"], found["stopped"]) == ("badge", "M1001", False)
    assert [entry["id"] for entry in found["entries"]] == [2]
    assert "李" not in str(found)
    assert "hld_" not in str(found)


def test_what_was_done_is_signed_as_the_badges_word_at_this_kiosk_and_completes_the_entry(shift: Shift) -> None:  # noqa: F811
    shift.badge("M1001")
    shift.edge.happen(taken("hall-in"), taken("hall-out"), taken("hall-in"))
    client = kiosk(shift.app)
    made = client.post("/api/v1/kiosk/operation", json={"badge": "M1001", "text": "changed a fan", "entries": [1]})
    assert (made.status_code, made.json()["entries"]) == (201, [1])
    (note,) = shift.get("register/1")["noted"]
    assert note["operator"].startswith("badge M1001 via kiosk tok_")
    assert (note["text"], note["signature_holds"]) == ("changed a fan", True)
    assert [entry["id"] for entry in scanned(client, "M1001")["entries"]] == [3]
    again = client.post("/api/v1/kiosk/operation", json={"badge": "M1001", "text": "again", "entries": [1]})
    assert (again.status_code, again.json()["code"]) == (409, "operation_entered")
    rest = client.post("/api/v1/kiosk/operation", json={"badge": "M1001", "text": "looked around"})
    assert rest.json()["entries"] == [3]
    acts = shift.get("audit", "auditor", subject="1")["items"]
    assert acts[-1]["after"]["by"] == note["operator"]


def test_nobody_writes_into_the_entries_of_others(shift: Shift) -> None:  # noqa: F811
    shift.badge("M1001")
    shift.edge.happen(taken("hall-in", 2))
    client = kiosk(shift.app)
    refused = client.post("/api/v1/kiosk/operation", json={"badge": "M1001", "text": "not mine", "entries": [1]})
    assert refused.status_code == 409
    assert client.post("/api/v1/kiosk/operation", json={"badge": "M9", "text": "whose"}).status_code == 404
    assert shift.get("register/1")["incomplete"]


def test_numbers_that_lead_nowhere_are_counted_and_then_nothing_is_looked_up_for_a_while(
    shift: Shift,  # noqa: F811
    clock: FixedClock,
) -> None:
    shift.badge("M1001")
    client, other = kiosk(shift.app), kiosk(shift.app)
    for number in range(LIMIT - 1):
        assert scanned(client, f"M{2000 + number}")["kind"] == "unknown"
    assert scanned(client, "M1001")["entries"] == [], "a badge without an open entry leads nowhere either"
    told = scanned(client, "M1001", 429)
    assert told["detail"]
    assert told["detail_zh"]
    refused = client.post("/api/v1/kiosk/operation", json={"badge": "M1001", "text": "anything"})
    assert refused.status_code == 429
    assert scanned(other, "M1001")["kind"] == "badge", "another kiosk is not stopped by it"
    clock.advance(WINDOW + timedelta(seconds=1))
    assert scanned(client, "M1001")["kind"] == "badge"


def test_who_guesses_by_writing_is_counted_as_well(shift: Shift) -> None:  # noqa: F811
    shift.badge("M1001")
    client = kiosk(shift.app)
    for number in range(LIMIT // 2):
        body = {"badge": f"M{1001 + number}", "text": "guessed"}
        assert client.post("/api/v1/kiosk/operation", json=body).status_code in (404, 409)
        assert client.post("/api/v1/kiosk/arrival", json={"code": f"0000000{number}", "person": "x"}).status_code == 404
    scanned(client, "M1001", 429)


def test_a_code_with_one_wrong_character_is_misread_and_not_a_guess(depot: SlipDepot) -> None:
    slip = depot.issued()
    code = depot.client("supervisor").get(f"/api/v1/exit-slips/{slip['id']}/code").json()["code"]
    client = kiosk(depot.app)
    found = scanned(client, code)
    assert (found["kind"], found["number"], found["state"]) == ("slip", slip["number"], "issued")
    assert found["lines"] == [
        {"model": line["model"], "quantity": line["quantity"], "left": line["quantity"]} for line in slip["lines"]
    ]
    assert "serial" not in str(found)
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    for _ in range(LIMIT + 1):
        assert scanned(client, wrong) == {"kind": "unknown", "misread": True}


def test_a_visitor_says_that_they_are_here_and_the_desk_sees_it(desk: Desk, clock: FixedClock) -> None:  # noqa: F811
    permit = approved(desk)
    client, code = kiosk(desk.app), printed_code(permit["id"])
    found = scanned(client, code.lower())
    assert (found["kind"], found["early"], found["refuse"]) == ("expected", False, None)
    (comer,) = found["comers"]
    assert (comer["name"], comer["state"]) == ("徐*", "expected")
    assert len(found["declaration"]) == 9
    assert PERSON["name"] not in str(found)
    said = client.post("/api/v1/kiosk/arrival", json={"code": code, "person": comer["person"]})
    assert said.json()["state"] == "arrived"
    (name,) = permit["visits"]
    first = desk.get(f"visits/{name}")
    assert (first["arrived_at"], first["status"]) == ("2026-03-02T08:00:00Z", "expected"), "nobody is checked in by it"
    clock.advance(timedelta(minutes=5))
    client.post("/api/v1/kiosk/arrival", json={"code": name, "person": comer["person"]})
    assert desk.get(f"visits/{name}")["arrived_at"] == first["arrived_at"]
    assert scanned(client, entrance_code(name))["comers"][0]["state"] == "arrived"
    stranger = client.post("/api/v1/kiosk/arrival", json={"code": code, "person": "pps_other"})
    assert stranger.status_code == 404


def test_of_a_permit_that_is_not_approved_or_not_today_nothing_is_known(desk: Desk, clock: FixedClock) -> None:  # noqa: F811
    permit = approved(desk)
    client = kiosk(desk.app)
    desk.post("customer_service", f"permits/{permit['id']}/end", reason="called off")
    assert scanned(client, permit["id"])["kind"] == "unknown"
    another = approved(desk)
    clock.advance(timedelta(days=1))
    assert scanned(client, another["id"])["kind"] == "unknown"


def test_a_visitors_badge_says_how_it_stands_with_the_visit(desk: Desk) -> None:  # noqa: F811
    pooled(desk)
    visit = checked_in(desk, approved(desk, level="business"))
    client = kiosk(desk.app)
    found = scanned(client, "T1")
    assert (found["kind"], found["state"]) == ("visit", "checked_in")
    assert found["fetched_by"]["en"] == "Customer service comes to the desk for you."
    refused = client.post("/api/v1/kiosk/operation", json={"badge": "T1", "text": "a visitor's is said at check-out"})
    assert refused.status_code == 404
    checked_out(desk, visit, badge="lost")
    assert scanned(client, "T1")["state"] == "over", "a lost one that turns up"


def test_the_role_opens_the_kiosk_and_nothing_else(app: FastAPI) -> None:
    client = kiosk(app)
    html = {"Accept": "text/html"}
    assert client.get("/kiosk", headers=html).status_code == 200
    for path in ("/live", "/visits", "/register", "/api/v1/visits", "/api/v1/badges", "/api/v1/register"):
        assert client.get(path, headers=html).status_code == 403, path
    assert token_client(app, "guard").get("/kiosk", headers=html).status_code == 403


def test_a_browser_becomes_the_kiosk_by_a_token_of_its_role_for_its_own_paths_alone(
    app: FastAPI, clock: FixedClock
) -> None:
    context, client = context_of_app(app), browser(app)
    html = {"Accept": "text/html"}

    def token(role: str, session: Session) -> str:
        ends = context.clock.now() + timedelta(days=30)
        return create_token(session, SYSTEM, context.clock.now(), f"entrance {role}", role, ends)[1]  # type: ignore[arg-type]

    assert client.get("/kiosk", headers=html, follow_redirects=False).headers["location"] == "/kiosk/sign-in"
    with context.database.write() as session:
        guard, entrance = token("guard", session), token("kiosk", session)
    for wrong in (guard, "nonsense"):
        answer = client.post("/kiosk/sign-in", data={"token": wrong}, follow_redirects=False)
        assert (answer.headers["location"], KIOSK_COOKIE in client.cookies) == ("/kiosk/sign-in?wrong=true", False)
    answer = client.post("/kiosk/sign-in", data={"token": entrance}, follow_redirects=False)
    assert answer.headers["location"] == "/kiosk"
    kept = answer.headers["set-cookie"]
    assert all(part in kept for part in ("Max-Age=2592000", "HttpOnly", "Secure", "SameSite=strict", "Path=/"))
    assert client.get("/kiosk", headers=html).status_code == 200
    assert scanned(client, "M1")["kind"] == "unknown"
    assert client.get("/api/v1/visits").status_code == 401, "the cookie counts for the kiosk's paths alone"
    assert client.get("/live", headers=html, follow_redirects=False).status_code == 303
    forged = client.post("/api/v1/kiosk/scan", json={"code": "M1"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert forged.status_code == 403
    clock.advance(timedelta(days=31))
    assert client.post("/api/v1/kiosk/scan", json={"code": "M1"}).status_code == 401


def test_the_console_makes_a_kiosks_token_and_offers_nobody_an_account_of_that_role(app: FastAPI) -> None:
    admin = administrator(app)
    page = admin.get("/system/operators", headers={"Accept": "text/html"}).text
    assert '<option value="kiosk">' in page.split('data-act="create-token"')[1]
    assert page.count('value="kiosk"') == 1, "neither a new account's role nor one that needs a second factor"
    person_page = admin.get(f"/system/operators/{who(admin)}", headers={"Accept": "text/html"}).text
    assert 'value="kiosk"' not in person_page
    body = {"username": "entrance", "name": "Entrance", "role": "kiosk"}
    assert refusal(admin.post("/api/v1/operators", json=body)) == (422, "kiosk_is_no_person")
    guard = person(app, "kim", "guard")
    moved = admin.patch(f"/api/v1/operators/{who(guard)}", json={"role": "kiosk"})
    assert refusal(moved) == (422, "kiosk_is_no_person")


def test_taking_the_token_out_of_a_kiosks_browser_is_on_record(app: FastAPI) -> None:
    admin, client = administrator(app), browser(app)
    made = admin.post("/api/v1/tokens", json={"name": "lobby", "role": "kiosk"}).json()
    client.post("/kiosk/sign-in", data={"token": made["token"]}, follow_redirects=False)
    client.post("/kiosk/sign-in", data={"token": ""}, follow_redirects=False)
    assert KIOSK_COOKIE not in client.cookies
    assert acts_on(admin, made["id"]) == ["token.create", "kiosk.sign_in", "kiosk.sign_out"]


def test_lent_badges_are_not_listed_by_their_running_numbers(
    desk: Desk,  # noqa: F811
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lent, "LIMIT", 1)
    pooled(desk)
    pooled(desk, "T2")
    checked_out(desk, checked_in(desk, approved(desk)), badge="lost")
    checked_in(desk, approved(desk), "T2")
    client, other = kiosk(desk.app), kiosk(desk.app)
    for _ in range(3):
        assert scanned(client, "T1")["kind"] == "visit", "one's own again is nothing new"
    assert scanned(client, "T2", 429)["code"] == "too_many_attempts"
    assert scanned(client, "T1")["kind"] == "visit"
    assert scanned(client, "M1001")["kind"] == "unknown", "all else goes on"
    assert scanned(other, "T2")["kind"] == "visit"
    clock.advance(lent.WINDOW)
    assert scanned(client, "T2")["kind"] == "visit"
