"""The superuser's recovery secret: two halves, two holders, an approval, a ledger (D3)."""

import json
import sqlite3
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import DatabaseError
from sqlmodel import select, text

from server.cli import app as command_line
from server.db.clock import FixedClock
from server.operators import recovery
from server.operators import sign_in as limits
from server.operators.models import AuditEntry
from server.operators.recovery_models import RecoveryHalf
from tests.server.browser import PASSWORD, administrator, browser, context_of_app, sign_in
from tests.server.command_line import invoke
from tests.server.conftest import ON_SQLITE
from tests.server.operators.people import person, refusal, who

pytestmark = ON_SQLITE
API = "/api/v1/recovery"


def begin(admin: TestClient, **more: Any) -> Any:
    body = {
        "a": {"name": "何财务", "duty": "finance"},
        "b": {"name": "林行政", "duty": "administration"},
        "reason": "first secret",
    } | more
    return admin.post(f"{API}/secrets", json=body)


def sealed(admin: TestClient) -> tuple[str, str]:
    """Both halves of a secret that is in force."""
    secret = begin(admin).json()["id"]
    halves = []
    for half in ("a", "b"):
        text = admin.post(f"{API}/secrets/{secret}/halves/{half}").json()["half"]
        halves.append(text)
        back = admin.post(f"{API}/secrets/{secret}/halves/{half}/read-back", json={"half": text.lower()})
        assert back.status_code == 200, back.text
    assert admin.get(API).json()["in_force"]["id"] == secret
    return halves[0], halves[1]


def approved(asker: TestClient, head: TestClient) -> None:
    asked = asker.post(f"{API}/requests", json={"reason": "all administrators left"}).json()["approval"]
    assert head.post(f"/api/v1/approvals/{asked}/approve", json={}).status_code == 200


def opening(client: TestClient, a: str, b: str) -> Any:
    return client.post(f"{API}/openings", json={"a": a, "b": b, "reason": "all administrators left"})


def test_a_half_is_shown_once_kept_as_a_hash_and_counts_when_read_back(app: FastAPI) -> None:
    admin = administrator(app)
    secret = begin(admin).json()["id"]
    shown = admin.post(f"{API}/secrets/{secret}/halves/a")
    half = shown.json()["half"]
    assert len(half.replace("-", "")) == recovery.HALF_CHARS + recovery.CHECK_CHARS
    assert refusal(admin.post(f"{API}/secrets/{secret}/halves/a")) == (409, "half_shown")
    back = f"{API}/secrets/{secret}/halves/a/read-back"
    slip = ("A" if half[0] != "A" else "B") + half[1:]
    assert refusal(admin.post(back, json={"half": slip})) == (422, "wrong_half")
    assert admin.post(back, json={"half": half}).json()["halves"][0]["read_back_at"] is not None
    assert admin.get(API).json()["in_force"] is None, "half of a secret opens nothing"
    with context_of_app(app).database.read() as session:
        kept = session.exec(select(RecoveryHalf).where(RecoveryHalf.half == "a")).one()
        log = json.dumps([entry.model_dump(mode="json") for entry in session.exec(select(AuditEntry))])
    bare = half.replace("-", "")[: recovery.HALF_CHARS]
    for place in (str(kept), log, admin.get(f"{API}/entries").text):
        assert bare not in place.replace("-", "")


def test_the_holders_are_two_and_keep_no_system(app: FastAPI) -> None:
    admin = administrator(app)
    same = begin(admin, b={"name": "何财务", "duty": "finance"})
    assert refusal(same) == (422, "one_holder")
    keeper = begin(admin, a={"name": "Administrator", "duty": "it"})
    assert (refusal(keeper), keeper.json()["field"]) == ((422, "holder_keeps_system"), "a.name")
    account = begin(admin, a={"name": "Somebody", "duty": "it", "account": who(admin)})
    assert refusal(account) == (422, "holder_keeps_system")


def test_a_holder_with_an_account_is_shown_the_half_alone(app: FastAPI) -> None:
    admin, holder = administrator(app), person(app, "he", "auditor", "何审计")
    made = begin(admin, a={"name": "何审计", "duty": "audit", "account": who(holder)})
    half = f"{API}/secrets/{made.json()['id']}/halves/a"
    assert refusal(admin.post(half)) == (403, "not_the_holder")
    assert refusal(person(app, "kim", "guard").post(half)) == (403, "not_the_holder")
    assert "何审计" in holder.get("/account", headers={"Accept": "text/html"}).text
    text = holder.post(half).json()["half"]
    assert holder.post(f"{half}/read-back", json={"half": text}).status_code == 200
    assert refusal(holder.post(f"{API}/secrets/{made.json()['id']}/halves/b")) == (403, "not_the_holder")


def test_both_halves_and_a_supervisors_approval_open_it_once(app: FastAPI, clock: FixedClock) -> None:
    admin, boss, chief = administrator(app), person(app, "boss", "supervisor"), person(app, "chief", "supervisor")
    a, b = sealed(admin)
    assert refusal(opening(boss, a, b)) == (409, "approval_missing")
    asked = boss.post(f"{API}/requests", json={"reason": "all administrators left"}).json()["approval"]
    assert refusal(boss.post(f"/api/v1/approvals/{asked}/approve", json={})) == (409, "FOUR_EYES")
    assert refusal(admin.post(f"/api/v1/approvals/{asked}/approve", json={})) == (403, "not_permitted")
    assert chief.post(f"/api/v1/approvals/{asked}/approve", json={}).status_code == 200
    assert refusal(opening(boss, b, a)) == (422, "wrong_half"), "which is A and which is B counts"
    given = opening(boss, a, b).json()
    saved = browser(app)
    assert sign_in(saved, given["username"], given["one_time_password"]).status_code == 200
    body = {"current": given["one_time_password"], "new": PASSWORD}
    assert saved.post("/api/v1/account/password", json=body).status_code == 204
    assert saved.get("/api/v1/operators").status_code == 200
    assert refusal(opening(boss, a, b)) == (409, "no_recovery_secret"), "it is spent"
    ledger = [one["act"] for one in admin.get(f"{API}/entries").json()["items"]]
    assert ledger[:2] == ["opened", "refused"]
    assert "Kim" in admin.get(f"{API}/entries").json()["items"][0]["approved"]
    clock.advance(recovery.OPEN_FOR)
    assert saved.get("/api/v1/session").status_code == 401, "it closes by itself"
    assert sign_in(browser(app), "recovery", PASSWORD).status_code == 401


def test_an_opening_is_a_debt_until_a_new_secret_is_in_force(app: FastAPI) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    a, b = sealed(admin)
    approved(admin, boss)
    assert opening(admin, a, b).status_code == 200

    def owed() -> bool:
        return "recovery_secret" in [one["kind"] for one in boss.get("/api/v1/handovers/debts").json()["items"]]

    assert owed()
    assert admin.get(API).json()["opened_since"] is not None
    begin(admin)
    assert owed()
    sealed(admin)
    assert not owed()
    assert admin.get(API).json()["opened_since"] is None


def test_a_new_secret_ends_the_one_before_and_its_halves_open_nothing(app: FastAPI) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    old = sealed(admin)
    new = sealed(admin)
    approved(admin, boss)
    assert refusal(opening(admin, *old)) == (422, "wrong_half")
    assert refusal(opening(admin, old[0], new[1])) == (422, "wrong_half")
    assert opening(admin, *new).status_code == 200


def test_guessing_halves_is_braked_and_written_down(app: FastAPI) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    a, b = sealed(admin)
    approved(admin, boss)
    for _ in range(limits.LIMIT_PAIR):
        assert refusal(opening(admin, a, a)) == (422, "wrong_half")
    assert refusal(opening(admin, a, b)) == (429, "too_many_attempts")
    acts = [one["act"] for one in admin.get(f"{API}/entries").json()["items"]]
    assert acts.count("refused") == limits.LIMIT_PAIR


@pytest.mark.parametrize("statement", ["UPDATE recovery_entry SET reason = 'x'", "DELETE FROM recovery_entry"])
def test_the_database_itself_keeps_the_ledger(app: FastAPI, statement: str) -> None:
    begin(administrator(app))
    with pytest.raises((DatabaseError, sqlite3.Error)), context_of_app(app).database.write() as session:
        session.connection().execute(text(statement))


def test_where_nobody_can_sign_in_the_command_line_opens_it_with_who_approved_on_paper(app: FastAPI) -> None:
    admin = administrator(app)
    a, b = sealed(admin)
    config = str(context_of_app(app).config.dir.parent / "server.toml")
    asked = ["recover", "--config", config, "--reason", "nobody can sign in"]
    refused = invoke(command_line, asked, f"{a}\n{b}\n")
    assert refused.exit_code == 2
    wrong = invoke(command_line, [*asked, "--head", "Wang"], f"{b}\n{a}\n")
    assert wrong.exit_code == 2
    done = invoke(command_line, [*asked, "--head", "Wang"], f"{a}\n{b}\n")
    assert done.exit_code == 0, done.output
    secret = done.output.split("password:")[1].split()[0]
    assert sign_in(browser(app), "recovery", secret).status_code == 200
    assert admin.get(f"{API}/entries").json()["items"][0]["approved"] == "Wang (on paper)"


def test_the_page_shows_how_it_stands_and_every_line(app: FastAPI, clock: FixedClock) -> None:
    admin = administrator(app)
    before = admin.get("/system/recovery", headers={"Accept": "text/html", "Accept-Language": "en"}).text
    assert "No secret is in force" in before
    a, _b = sealed(admin)
    clock.advance(timedelta(minutes=1))
    after = admin.get("/system/recovery", headers={"Accept": "text/html", "Accept-Language": "en"}).text
    assert "何财务" in after
    assert after.count("data-act-of=") == 6
    assert a not in after
