"""Passwords that end, do not come back, and are changed at once on suspicion (D2)."""

from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlmodel import select

from server.app import create_app
from server.config import Config, ConfigError, load_config
from server.db.clock import FixedClock
from server.operators import sign_in as limits
from server.operators.models import AuditEntry
from server.operators.password_changes import FIRST_SIGN_IN_FILE, HISTORY
from server.operators.password_changes import MAX_AGE as MAX_AGE_ACT
from tests.server.browser import PASSWORD, administrator, browser, context_of_app, first_password, sign_in
from tests.server.conftest import ON_SQLITE
from tests.server.operators.people import acts_on, person, refusal, who

pytestmark = ON_SQLITE
CHANGE = "/api/v1/account/password"


def other(n: int) -> str:
    """The n-th of many good passwords."""
    return f"{'abcdefgh'[n]}nother Horse 4{n} pile"


def test_a_password_does_not_come_back_until_some_others_were_used(app: FastAPI) -> None:
    guard = person(app, "kim", "guard")
    current = PASSWORD
    for n in range(HISTORY):
        assert guard.post(CHANGE, json={"current": current, "new": other(n)}).status_code == 204
        current = other(n)
        for former in (PASSWORD, other(0), current):
            assert refusal(guard.post(CHANGE, json={"current": current, "new": former})) == (422, "weak_password")
    assert guard.post(CHANGE, json={"current": current, "new": other(6)}).status_code == 204
    assert guard.post(CHANGE, json={"current": other(6), "new": PASSWORD}).status_code == 204


def test_the_first_passwords_file_stays_until_its_own_administrator_chose_another(app: FastAPI) -> None:
    path = context_of_app(app).config.dir / FIRST_SIGN_IN_FILE
    person(app, "kim", "guard")
    assert path.exists(), "somebody else's change is no reason"
    admin = administrator(app)
    assert not path.exists()
    assert admin.get("/api/v1/session").status_code == 200


def test_a_reset_of_the_first_administrator_makes_the_file_useless_and_removes_it(app: FastAPI) -> None:
    path = context_of_app(app).config.dir / FIRST_SIGN_IN_FILE
    first_password(app)
    second = person(app, "second", "administrator")
    first = next(one for one in second.get("/api/v1/operators").json()["items"] if one["username"] == "admin")
    second.post(f"/api/v1/operators/{first['id']}/reset-password")
    assert not path.exists()


def test_on_suspicion_an_administrator_ends_password_sessions_and_tokens_at_once(app: FastAPI) -> None:
    admin, second = administrator(app), person(app, "second", "administrator")
    token = second.post("/api/v1/tokens", json={"name": "script", "role": "auditor"}).json()["token"]
    name = who(second)
    suspect = f"/api/v1/operators/{name}/suspect"
    assert refusal(admin.post(suspect, json={"reason": " "})) == (422, "invalid_input")
    secret = admin.post(suspect, json={"reason": "note found under the keyboard"}).json()["one_time_password"]
    assert second.get("/api/v1/session").status_code == 401
    assert browser(app).get("/api/v1/session", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert sign_in(browser(app), "second", PASSWORD).status_code == 401
    again = browser(app)
    assert sign_in(again, "second", secret).json()["operator"]["must_change"] is True
    assert refusal(again.post(CHANGE, json={"current": secret, "new": PASSWORD})) == (422, "weak_password")
    entry = admin.get("/api/v1/audit", params={"subject": name, "act": "operator.suspect"}).json()["items"][-1]
    assert entry["after"] == {"reason": "note found under the keyboard", "username": "second"}
    assert entry["actor_name"] == "Administrator"


def test_ones_own_suspicion_changes_the_password_at_once_on_record(app: FastAPI) -> None:
    admin, guard = administrator(app), person(app, "kim", "guard")
    thief = browser(app)
    sign_in(thief, "kim", PASSWORD)
    page = {"current": PASSWORD, "new": other(1), "again": other(1), "suspicion": "somebody looked on"}
    assert guard.post("/password", data=page, follow_redirects=False).status_code == 303
    assert thief.get("/api/v1/session").status_code == 401
    entry = admin.get("/api/v1/audit", params={"subject": who(guard)}).json()["items"][-1]
    assert (entry["act"], entry["after"]) == ("operator.change_password", {"suspicion": "somebody looked on"})


def test_pages_warn_five_days_before_and_not_earlier(app: FastAPI, clock: FixedClock) -> None:
    guard = person(app, "kim", "guard")
    page = {"Accept": "text/html", "Accept-Language": "en"}
    clock.advance(timedelta(days=25) - timedelta(seconds=1))
    sign_in(guard, "kim", PASSWORD)
    assert "Your password ends" not in guard.get("/account", headers=page).text
    clock.advance(timedelta(seconds=1))
    assert "Your password ends in 5 days" in guard.get("/account", headers=page).text
    clock.advance(timedelta(hours=11))
    assert "Your password ends in 4 days" in guard.get("/visits", headers=page).text


@pytest.mark.parametrize("days", [0, 32, 3650])
def test_more_than_a_month_is_refused_without_who_decided_it_and_why(config: Config, days: int) -> None:
    path = _with(config, f"password_max_age_days = {days}")
    with pytest.raises(ConfigError, match="password_max_age_reason"):
        load_config(path)


def test_the_decision_is_in_the_audit_log_once_and_so_is_its_end(config: Config, clock: FixedClock) -> None:
    said = 'password_max_age_days = 0\npassword_max_age_reason = "Director Wang: second factor for all"'
    for _ in range(2):
        assert len(_decisions(load_config(_with(config, said)), clock)) == 1
    entries = _decisions(load_config(_with(config, "")), clock)
    assert [entry.after["days"] for entry in entries if entry.after] == [0, 30]
    assert entries[0].after == {"days": 0, "reason": "Director Wang: second factor for all"}


def test_a_lockout_says_how_long_and_an_administrator_ends_it(app: FastAPI, clock: FixedClock) -> None:
    admin, guard = administrator(app), person(app, "kim", "guard")
    for _ in range(limits.LIMIT_PAIR):
        sign_in(browser(app), "kim", "wrong")
        clock.advance(timedelta(minutes=1))
    held = sign_in(browser(app), "kim", PASSWORD)
    assert (held.status_code, held.json()["retry_after_s"], held.headers["retry-after"]) == (429, 600, "600")
    page = browser(app).post(
        "/sign-in", data={"username": "kim", "password": PASSWORD}, headers={"Accept-Language": "en"}
    )
    assert "wait 10 min" in page.text
    shown = admin.get("/system/operators", headers={"Accept": "text/html"}).text
    assert 'data-failures="kim"' in shown
    assert admin.post(f"/api/v1/operators/{who(guard)}/unlock").status_code == 204
    assert sign_in(browser(app), "kim", PASSWORD).status_code == 200
    assert acts_on(admin, who(guard))[-1] == "operator.unlock"


def test_sessions_are_listed_and_closed_one_by_one(app: FastAPI) -> None:
    admin, guard = administrator(app), person(app, "kim", "guard")
    elsewhere = browser(app)
    sign_in(elsewhere, "kim", PASSWORD)
    mine = guard.get("/api/v1/account/sessions").json()
    assert [one["here"] for one in mine] == [False, True]
    assert guard.delete(f"/api/v1/account/sessions/{mine[0]['id']}").status_code == 204
    assert elsewhere.get("/api/v1/session").status_code == 401
    assert refusal(admin.delete(f"/api/v1/account/sessions/{mine[1]['id']}")) == (404, "not_found"), (
        "not somebody else's"
    )
    assert admin.delete(f"/api/v1/operators/{who(guard)}/sessions/{mine[1]['id']}").status_code == 204
    assert guard.get("/api/v1/session").status_code == 401


def _with(config: Config, line: str) -> Path:
    path = config.dir.parent / "other.toml"
    path.write_text(
        f'dir = "server"\nsite_file = "site.toml"\ndatabase_url = "{config.database_url}"\n{line}\n', "utf-8"
    )
    return path


def _decisions(config: Config, clock: FixedClock) -> list[AuditEntry]:
    app = create_app(config, clock=clock, run_services=False)
    context = context_of_app(app)
    with context.database.read() as session:
        found = list(session.exec(select(AuditEntry).where(AuditEntry.act == MAX_AGE_ACT)).all())
    context.close()
    return found
