"""The second factor: set up, asked for, never replayed, demanded of a role, taken away (D1)."""

import base64
import json
from datetime import timedelta

import pyotp
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from server.db.clock import FixedClock
from server.operators import sign_in as limits
from server.operators.models import AuditEntry, Operator, TotpCode
from server.operators.second_factor import CODES, STEP_S
from tests.server.browser import PASSWORD, administrator, browser, context_of_app, sign_in
from tests.server.conftest import ON_SQLITE
from tests.server.operators.people import acts_on, person, refusal, who

pytestmark = ON_SQLITE
ACCOUNT = "/api/v1/account"


def enrol(client: TestClient, clock: FixedClock) -> tuple[pyotp.TOTP, list[str]]:
    """Set it up; the authenticator and the one-time codes."""
    begun = client.post(f"{ACCOUNT}/second-factor", json={"current": PASSWORD})
    assert begun.status_code == 200, begun.text
    totp = pyotp.TOTP(begun.json()["secret"])
    confirmed = client.post(f"{ACCOUNT}/second-factor/confirm", json={"code": totp.at(clock.now())})
    assert confirmed.status_code == 200, confirmed.text
    return totp, confirmed.json()["codes"]


def with_code(app: FastAPI, code: str, password: str = PASSWORD) -> tuple[int, str]:
    """Status and code of a sign-in as admin from a new browser."""
    body = {"username": "admin", "password": password, "code": code}
    answer = browser(app).post("/api/v1/session", json=body)
    return answer.status_code, answer.json().get("code", "")


@pytest.fixture
def totp(app: FastAPI, clock: FixedClock) -> pyotp.TOTP:
    """The administrator's authenticator; the code of its setting up is spent, the next one is not."""
    made, _codes = enrol(administrator(app), clock)
    clock.advance(timedelta(seconds=STEP_S))
    return made


def test_it_is_shown_once_as_qr_code_and_text_and_kept_sealed(app: FastAPI, clock: FixedClock) -> None:
    admin = administrator(app)
    begun = admin.post(f"{ACCOUNT}/second-factor", json={"current": PASSWORD}).json()
    assert begun["qr"].startswith("data:image/svg+xml")
    assert begun["uri"].startswith("otpauth://totp/")
    assert pyotp.parse_uri(begun["uri"]).secret == begun["secret"]
    codes = admin.post(
        f"{ACCOUNT}/second-factor/confirm", json={"code": pyotp.TOTP(begun["secret"]).at(clock.now())}
    ).json()["codes"]
    assert len(set(codes)) == CODES
    with context_of_app(app).database.read() as session:
        kept = session.exec(select(Operator)).one()
        hashes = session.exec(select(TotpCode.code_hash)).all()
        log = json.dumps([entry.model_dump(mode="json") for entry in session.exec(select(AuditEntry))])
    assert kept.totp_cipher is not None
    assert begun["secret"].encode() not in kept.totp_cipher
    assert base64.b32decode(begun["secret"]) not in kept.totp_cipher
    assert not set(hashes) & set(codes)
    assert begun["secret"] not in log
    assert not any(code in log for code in codes)
    assert begun["secret"] not in admin.get("/api/v1/operators").text


def test_it_takes_the_password_to_begin_and_a_right_code_to_count(app: FastAPI) -> None:
    admin = administrator(app)
    refused = admin.post(f"{ACCOUNT}/second-factor", json={"current": "wrong"})
    assert refusal(refused) == (403, "wrong_password")
    admin.post(f"{ACCOUNT}/second-factor", json={"current": PASSWORD})
    assert refusal(admin.post(f"{ACCOUNT}/second-factor/confirm", json={"code": "000000"})) == (403, "wrong_code")
    assert sign_in(browser(app), "admin", PASSWORD).status_code == 200, "what waits for its first code is not asked for"


def test_the_sign_in_asks_for_a_code_and_takes_it_once(app: FastAPI, totp: pyotp.TOTP, clock: FixedClock) -> None:
    assert refusal(sign_in(browser(app), "admin", PASSWORD)) == (401, "second_factor_required")
    code = totp.at(clock.now())
    assert with_code(app, code)[0] == 200
    assert with_code(app, code) == (401, "wrong_sign_in"), "a code is good for one sign-in"
    clock.advance(timedelta(seconds=STEP_S))
    assert with_code(app, totp.at(clock.now()))[0] == 200


def test_no_code_of_an_earlier_step_is_taken_after_a_later_one(
    app: FastAPI, totp: pyotp.TOTP, clock: FixedClock
) -> None:
    later = totp.at(clock.now() + timedelta(seconds=STEP_S))
    assert with_code(app, later)[0] == 200, "the telephone's clock may be ahead"
    assert with_code(app, totp.at(clock.now())) == (401, "wrong_sign_in")


def test_a_wrong_second_factor_does_not_say_whether_the_password_was_right(app: FastAPI, totp: pyotp.TOTP) -> None:
    answers = [
        browser(app).post("/api/v1/session", json={"username": name, "password": password, "code": "000000"})
        for name, password in (("admin", PASSWORD), ("admin", "wrong"), ("nobody", "wrong"))
    ]
    assert len({(one.status_code, one.text) for one in answers}) == 1


def test_guessing_codes_is_braked_like_guessing_passwords(app: FastAPI, totp: pyotp.TOTP, clock: FixedClock) -> None:
    for _ in range(limits.LIMIT_PAIR):
        assert with_code(app, "000000") == (401, "wrong_sign_in")
    assert with_code(app, totp.at(clock.now())) == (429, "too_many_attempts")


def test_a_one_time_code_opens_once_and_stands_in_the_audit_log(app: FastAPI, clock: FixedClock) -> None:
    admin = administrator(app)
    _totp, codes = enrol(admin, clock)
    assert with_code(app, codes[0].lower().replace("-", " "))[0] == 200
    assert with_code(app, codes[0]) == (401, "wrong_sign_in")
    assert "second_factor.code_used" in acts_on(admin, who(admin))


def test_the_page_asks_in_a_second_step_that_holds_no_password(
    app: FastAPI, totp: pyotp.TOTP, clock: FixedClock
) -> None:
    client = browser(app)
    page = client.post("/sign-in", data={"username": "admin", "password": PASSWORD, "to": "/account"})
    assert page.status_code == 200
    assert PASSWORD not in page.text
    ticket = page.text.split('name="ticket" value="')[1].split('"')[0]
    assert "set-cookie" not in page.headers
    wrong = client.post("/sign-in/code", data={"ticket": ticket, "code": "000000", "to": "/account"})
    assert (wrong.status_code, ticket in wrong.text) == (403, True)
    body = {"ticket": ticket, "code": totp.at(clock.now()), "to": "/account"}
    done = client.post("/sign-in/code", data=body, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, "/account")
    assert client.get("/account", headers={"Accept": "text/html"}).status_code == 200


def test_the_second_step_waits_for_minutes_and_ends_with_the_password(
    app: FastAPI, totp: pyotp.TOTP, clock: FixedClock
) -> None:
    def ticket() -> str:
        page = browser(app).post("/sign-in", data={"username": "admin", "password": PASSWORD})
        return page.text.split('name="ticket" value="')[1].split('"')[0]

    stale = ticket()
    clock.advance(limits.STEP)
    assert browser(app).post("/sign-in/code", data={"ticket": stale, "code": totp.at(clock.now())}).status_code == 401
    fresh = ticket()
    with context_of_app(app).database.write() as session:
        operator = session.exec(select(Operator)).one()
        operator.password_hash += "x"
        session.add(operator)
    assert browser(app).post("/sign-in/code", data={"ticket": fresh, "code": totp.at(clock.now())}).status_code == 401
    assert browser(app).post("/sign-in/code", data={"ticket": "bm90aGluZw==", "code": "1"}).status_code == 401


def test_a_role_of_whom_it_is_demanded_does_nothing_else_before(app: FastAPI, clock: FixedClock) -> None:
    admin, guard = administrator(app), person(app, "kim", "guard")
    roles = "/api/v1/operators/second-factor/roles"
    assert admin.put(roles, json={"roles": ["guard"]}).json() == {"roles": ["guard"]}
    assert refusal(guard.get("/api/v1/customers")) == (403, "second_factor_missing")
    page = guard.get("/live", headers={"Accept": "text/html"}, follow_redirects=False)
    assert (page.status_code, page.headers["location"]) == (303, "/account#second-factor")
    enrol(guard, clock)
    assert guard.get("/api/v1/customers").status_code == 200
    assert admin.get("/api/v1/customers").status_code == 200
    assert refusal(admin.put(roles, json={"roles": ["kiosk"]})) == (422, "no_second_factor")
    assert acts_on(admin, "roles") == ["second_factor.require"]


def test_one_takes_it_away_by_a_code_of_it(app: FastAPI, clock: FixedClock) -> None:
    admin = administrator(app)
    totp, codes = enrol(admin, clock)
    assert refusal(admin.post(f"{ACCOUNT}/second-factor/remove", json={"code": "000000"})) == (403, "wrong_code")
    clock.advance(timedelta(seconds=STEP_S))
    renewed = admin.post(f"{ACCOUNT}/second-factor/codes", json={"code": totp.at(clock.now())}).json()["codes"]
    assert refusal(admin.post(f"{ACCOUNT}/second-factor/remove", json={"code": codes[1]})) == (403, "wrong_code")
    assert admin.post(f"{ACCOUNT}/second-factor/remove", json={"code": renewed[0]}).status_code == 204
    assert sign_in(browser(app), "admin", PASSWORD).status_code == 200


def test_an_administrator_takes_it_from_who_lost_the_telephone_on_record(app: FastAPI, clock: FixedClock) -> None:
    admin, guard = administrator(app), person(app, "kim", "guard")
    enrol(guard, clock)
    name = who(guard)
    answer = admin.post(f"/api/v1/operators/{name}/reset-second-factor", json={"reason": "telephone lost"})
    assert answer.status_code == 200
    assert guard.get("/api/v1/session").status_code == 401
    assert sign_in(browser(app), "kim", PASSWORD).status_code == 200
    assert acts_on(admin, name)[-1] == "second_factor.off"


def test_that_of_a_supervisor_only_with_the_approval_of_another(app: FastAPI, clock: FixedClock) -> None:
    admin, boss, other = administrator(app), person(app, "boss", "supervisor"), person(app, "chief", "supervisor")
    enrol(boss, clock)
    asked = admin.post(f"/api/v1/operators/{who(boss)}/reset-second-factor", json={"reason": "telephone lost"})
    assert asked.status_code == 202
    approve = f"/api/v1/approvals/{asked.json()['id']}/approve"
    assert refusal(boss.post(approve, json={})) == (409, "FOUR_EYES"), "not whom it is about"
    assert refusal(sign_in(browser(app), "boss", PASSWORD)) == (401, "second_factor_required")
    assert other.post(approve, json={}).json()["status"] == "used"
    assert sign_in(browser(app), "boss", PASSWORD).status_code == 200
