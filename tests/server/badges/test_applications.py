"""Applications: what they must carry, who decides, and what is refused (B1, B2, B4, B5)."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from server.badges.models import Application, Badge
from server.db.clock import FixedClock
from server.operators.permissions import Role
from server.personal.models import Attachment
from server.registry.models import Contract, Customer, Holder
from tests.server.badges.making import (
    API,
    application,
    approve,
    approved_badge,
    attach,
    complete_application,
    issue,
    issued_badge,
    picture,
    report,
)
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE, START


def change(app: FastAPI, model: type[Any], public_id: str, **values: object) -> None:
    """Change a row as the registry's owner would."""
    with context_of_app(app).database.write() as session:
        row = session.exec(select(model).where(model.public_id == public_id)).one()
        row.version += 1
        session.add(row.sqlmodel_update(values))


def refused(answer: Any) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["code"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("holder", "missing"),
    [
        ("li", ["photo", "id_copy", "letter"]),
        ("zhao", ["photo", "id_copy"]),
        ("guo", ["photo", "id_copy"]),
        ("xu", []),
    ],
)
def test_what_is_missing_depends_on_who_asks(api: TestClient, holder: str, missing: list[str]) -> None:
    shown = application(api, holder).json()
    assert shown["missing"] == missing
    assert shown["status"] == ("incomplete" if missing else "complete")


@ON_SQLITE
@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"holder": "nobody"}, "not_found"),
        ({"consent": False}, "invalid_input"),
        ({"consent": None}, "invalid_input"),
        ({"purpose": "  "}, "invalid_input"),
        ({"purpose": "x" * 501}, "invalid_input"),
        ({"schedule": "never"}, "unknown_schedule"),
        ({"from": "2026-02-01", "until": "2026-01-01"}, "invalid_input"),
        ({"until": "2026-01-01"}, "invalid_input"),
        ({"until": "tomorrow"}, "invalid_input"),
        ({"kind": "gift"}, "invalid_input"),
        ({"kind": "reissue"}, "invalid_input"),
        ({"replaces": "nothing"}, "not_found"),
        ({"slot": 3}, "invalid_input"),
    ],
)
def test_an_application_that_cannot_be_is_refused(api: TestClient, given: dict[str, object], code: str) -> None:
    body = {"holder": "li", "purpose": "maintenance", "consent": True} | given
    assert refused(api.post(f"{API}/applications", json=body)) == (422, code)
    assert api.get(f"{API}/applications").json()["items"] == []


@ON_SQLITE
def test_an_application_without_purpose_or_consent_is_refused(api: TestClient) -> None:
    for field in ("purpose", "consent"):
        body: dict[str, object] = {"holder": "li", "purpose": "maintenance", "consent": True}
        del body[field]
        assert refused(api.post(f"{API}/applications", json=body)) == (422, "invalid_input")


@ON_SQLITE
def test_a_text_named_photo_and_a_huge_file_are_refused_and_nothing_is_kept(app: FastAPI, api: TestClient) -> None:
    name = application(api, "li").json()["id"]
    text = attach(api, name, "photo", b"I am a photo, believe me.\n" * 100)
    assert (text.status_code, text.json()["field"]) == (415, "photo")
    huge = attach(api, name, "photo", bytes(200_000_000))
    assert refused(huge) == (413, "body_too_large")
    assert refused(attach(api, name, "passport"))[0] == 422
    assert refused(attach(api, name, "photo", b""))[0] in (415, 422)
    assert api.get(f"{API}/applications/{name}").json()["missing"] == ["photo", "id_copy", "letter"]
    with context_of_app(app).database.read() as session:
        assert session.exec(select(Attachment)).all() == []


@ON_SQLITE
def test_a_document_handed_in_twice_counts_once_and_the_version_goes_on(api: TestClient) -> None:
    name = application(api, "li").json()["id"]
    first = attach(api, name, "photo")
    again = attach(api, name, "photo", picture(side=300))
    assert again.json()["attachments"]["photo"] != first.json()["attachments"]["photo"]
    assert again.json()["missing"] == ["id_copy", "letter"]
    assert (first.headers["etag"], again.headers["etag"]) == ('"2"', '"3"')
    stale = api.put(
        f"{API}/applications/{name}/attachments/letter",
        content=picture(),
        headers={"If-Match": first.headers["etag"], "Content-Type": "image/jpeg"},
    )
    assert refused(stale) == (412, "changed_meanwhile")


@ON_SQLITE
@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({"status": "draft"}, "not signed"),
        ({"status": "suspended"}, "suspended"),
        ({"status": "ended"}, "has ended"),
        ({"kind": "other"}, "not for hosting"),
        ({"until_at": START}, "has ended"),
        ({"from_at": START + timedelta(seconds=1)}, "has not begun"),
        ({"deleted_at": START}, "no contract"),
    ],
)
def test_without_a_signed_hosting_contract_in_force_nothing_is_approved(
    app: FastAPI, api: TestClient, terms: dict[str, object], says: str
) -> None:
    name = complete_application(api, "li")["id"]
    change(app, Contract, "con_C0010", **terms)
    answer = approve(api, name)
    assert refused(answer) == (409, "CONTRACT_ENDED")
    assert says in answer.json()["detail"]
    assert api.get(f"{API}/badges").json()["items"] == []


def test_the_contract_is_looked_at_again_when_the_card_is_bound(app: FastAPI, api: TestClient) -> None:
    badge = approved_badge(api, "li")
    change(app, Contract, "con_C0010", status="ended")
    assert refused(issue(api, badge, "M1")) == (409, "CONTRACT_ENDED")
    assert api.get(f"{API}/badges/{badge}").json()["standing"] == "ended"
    change(app, Contract, "con_C0010", status="active")
    assert issue(api, badge, "M1").json()["standing"] == "active"


@ON_SQLITE
@pytest.mark.parametrize("gone", [{"left_at": START}, {"deleted_at": START}])
def test_who_has_left_gets_no_badge(app: FastAPI, api: TestClient, gone: dict[str, object]) -> None:
    name = complete_application(api, "li")["id"]
    badge = approved_badge(api, "wang")
    for holder in ("li", "wang"):
        change(app, Holder, f"hol_{holder}", **gone)
    assert refused(approve(api, name)) == (409, "holder_left")
    assert refused(issue(api, badge, "M1")) == (409, "holder_left")
    assert refused(application(api, "li")) == (409, "holder_left")


@ON_SQLITE
def test_a_deleted_customer_gets_no_badge(app: FastAPI, api: TestClient) -> None:
    name = complete_application(api, "li")["id"]
    change(app, Customer, "cus_C001", deleted_at=START)
    assert refused(approve(api, name)) == (409, "CONTRACT_ENDED")


def test_the_third_badge_is_refused_and_an_individuals_second(api: TestClient) -> None:
    names = [complete_application(api, holder)["id"] for holder in ("li", "wang", "chen")]
    assert [approve(api, name).status_code for name in names[:2]] == [200, 200]
    third = approve(api, names[2])
    assert (*refused(third), third.json()["rule"]) == (409, "QUOTA_EXCEEDED", "B2")
    assert api.get(f"{API}/applications/{names[2]}").json()["status"] == "complete", "it may be approved later"
    approved_badge(api, "zhao")
    assert refused(approve(api, complete_application(api, "zhao")["id"])) == (409, "QUOTA_EXCEEDED")
    assert refused(approve(api, complete_application(api, "qian")["id"])) == (409, "QUOTA_EXCEEDED"), "a supplier"


@ON_SQLITE
def test_approving_twice_or_after_a_refusal_is_refused(api: TestClient) -> None:
    name = complete_application(api, "li")["id"]
    assert approve(api, name, note="checked at the desk").json()["note"] == "checked at the desk"
    again = approve(api, name)
    assert (*refused(again), again.json()["status_now"]) == (409, "application_decided", "approved")
    other = complete_application(api, "wang")["id"]
    assert refused(api.post(f"{API}/applications/{other}/refuse", json={})) == (422, "invalid_input")
    shown = api.post(f"{API}/applications/{other}/refuse", json={"reason": "the seal is missing"}).json()
    assert (shown["status"], shown["note"], shown["missing"]) == ("refused", "the seal is missing", [])
    assert refused(approve(api, other)) == (409, "application_decided")
    assert refused(attach(api, other, "photo")) == (409, "application_decided")
    third = application(api, "li").json()["id"]
    assert api.post(f"{API}/applications/{third}/withdraw").json()["status"] == "withdrawn"
    assert refused(api.post(f"{API}/applications/{third}/withdraw")) == (409, "application_decided")
    assert len(api.get(f"{API}/badges").json()["items"]) == 1


@ON_SQLITE
def test_what_was_handed_in_for_nothing_is_erased_in_time(app: FastAPI, api: TestClient) -> None:
    names = [complete_application(api, holder)["id"] for holder in ("li", "wang")]
    api.post(f"{API}/applications/{names[0]}/refuse", json={"reason": "no"})
    api.post(f"{API}/applications/{names[1]}/withdraw")
    with context_of_app(app).database.read() as session:
        due = {each.erase_after for each in session.exec(select(Attachment)).all()}
    assert due == {START + timedelta(days=30)}


@ON_SQLITE
def test_a_window_that_passed_before_approval_is_refused(api: TestClient, clock: FixedClock) -> None:
    name = complete_application(api, "li", until="2026-03-05")["id"]
    badge = approved_badge(api, "wang", until="2026-03-05")
    clock.advance(timedelta(days=4))
    assert refused(approve(api, name)) == (409, "BADGE_EXPIRED")
    assert refused(issue(api, badge, "M1")) == (409, "BADGE_EXPIRED")


@ON_SQLITE
@pytest.mark.parametrize("role", ["customer_service", "supervisor"])
def test_own_staffs_badges_are_the_heads_to_give(app: FastAPI, api: TestClient, role: Role) -> None:
    name = complete_application(api, "guo")["id"]
    answer = approve(token_client(app, role), name)
    assert answer.status_code == (403 if role == "customer_service" else 200)
    if role == "supervisor":
        desk = token_client(app, "customer_service")
        assert refused(issue(desk, answer.json()["badge"], "S1")) == (403, "not_permitted")


@ON_SQLITE
@pytest.mark.parametrize("role", ["guard", "auditor"])
def test_who_may_not_decide_does_not(app: FastAPI, api: TestClient, role: Role) -> None:
    name = complete_application(api, "li")["id"]
    other = token_client(app, role)
    assert refused(application(other, "li"))[0] == 403
    assert refused(attach(other, name, "photo"))[0] == 403
    assert refused(approve(other, name))[0] == 403
    assert refused(other.post(f"{API}/applications/{name}/refuse", json={"reason": "no"}))[0] == 403
    assert other.get(f"{API}/applications/{name}").status_code == (200 if role == "auditor" else 403)


def test_lists_by_status_holder_and_customer_agree_with_what_each_shows(api: TestClient) -> None:
    for holder in ("li", "zhao", "guo", "xu", "sun"):
        application(api, holder)
    complete_application(api, "wang")
    attach(api, application(api, "zhao").json()["id"], "photo")
    approved_badge(api, "zhao")
    everything = api.get(f"{API}/applications").json()["items"]
    assert len(everything) == 8
    for status in ("incomplete", "complete", "approved", "refused", "withdrawn"):
        found = api.get(f"{API}/applications", params={"status": status}).json()["items"]
        assert found == [row for row in everything if row["status"] == status], status
    for customer in ("C001", "C003"):
        found = api.get(f"{API}/applications", params={"customer": customer}).json()["items"]
        assert found == [row for row in everything if row["customer"] == customer]
    found = api.get(f"{API}/applications", params={"holder": "zhao", "status": "incomplete"}).json()["items"]
    assert found == [row for row in everything if row["holder"] == "zhao" and row["status"] == "incomplete"]
    page = api.get(f"{API}/applications", params={"limit": 3}).json()
    assert page["items"] == everything[:3]
    assert api.get(f"{API}/applications", params={"after": page["next"]}).json()["items"] == everything[3:]


def test_a_repeated_request_makes_one_application_and_one_badge(api: TestClient) -> None:
    body = {"holder": "xu", "purpose": "visit", "consent": True}
    made = [api.post(f"{API}/applications", json=body, headers={"Idempotency-Key": "k1"}).json() for _ in range(2)]
    assert made[0] == made[1]
    path = f"{API}/applications/{made[0]['id']}/approve"
    answers = [api.post(path, json={}, headers={"Idempotency-Key": "k2"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(api.get(f"{API}/badges").json()["items"]) == 1


@ON_SQLITE
def test_names_in_use_are_refused(api: TestClient) -> None:
    application(api, "li", external_id="a-1")
    assert refused(application(api, "wang", external_id="a-1")) == (409, "external_id_taken")
    approved_badge(api, "li", external_id="b-1")
    name = complete_application(api, "wang")["id"]
    assert refused(approve(api, name, external_id="b-1")) == (409, "external_id_taken")


@ON_SQLITE
def test_nothing_that_people_wrote_is_in_the_audit_log(app: FastAPI, api: TestClient) -> None:
    name = complete_application(api, "li", purpose="secret purpose")["id"]
    approve(api, name, note="secret note")
    assert "secret" not in api.get(f"{API}/audit", params={"limit": 1000}).text
    with context_of_app(app).database.read() as session:
        assert session.exec(select(Application.purpose)).one() == "secret purpose"
        assert session.exec(select(Badge.changed_by)).one() != ""


def test_a_lost_badge_is_replaced_with_the_letter_alone(api: TestClient) -> None:
    old = issued_badge(api, "li", "M1")
    assert refused(application(api, "li", kind="reissue", replaces=old["id"])) == (409, "badge_not_lost")
    assert report(api, old["id"], "lost").json()["standing"] == "lost"
    made = application(api, "li", kind="reissue", replaces=old["id"]).json()
    assert made["missing"] == ["photo", "id_copy", "letter", "loss_letter"]
    for part in ("photo", "id_copy", "letter"):
        attach(api, made["id"], part)
    assert approve(api, made["id"]).json()["missing"] == ["loss_letter"]
    attach(api, made["id"], "loss_letter")
    answer = approve(api, made["id"])
    assert answer.status_code == 200, answer.text
    before, new = (api.get(f"{API}/badges/{name}").json() for name in (old["id"], answer.json()["badge"]))
    assert (before["status"], new["status"], new["replaces"]) == ("revoked", "approved", old["id"])
    assert (new["slot"], new["generation"]) == (before["slot"], before["generation"] + 1)
    shown = issue(api, new["id"], "M2").json()
    assert shown["status"] in ("issued", "active")
    assert refused(application(api, "li", kind="reissue", replaces=old["id"])) == (409, "badge_not_lost")


def test_one_loss_is_replaced_once(api: TestClient) -> None:
    old = issued_badge(api, "li", "M1")["id"]
    report(api, old, "lost")
    first = complete_application(api, "li", kind="reissue", replaces=old)
    second = application(api, "li", kind="reissue", replaces=old)
    assert (*refused(second), second.json()["application"]) == (409, "already_applied", first["id"])
    api.post(f"{API}/applications/{first['id']}/withdraw")
    third = complete_application(api, "wang", kind="reissue", replaces=old)
    assert approve(api, third["id"]).status_code == 200


def test_a_badge_found_after_the_application_is_not_taken_away(api: TestClient) -> None:
    old = issued_badge(api, "li", "M1")["id"]
    report(api, old, "lost")
    name = complete_application(api, "li", kind="reissue", replaces=old)["id"]
    assert report(api, old, "active", "it was in the drawer").json()["status"] == "active"
    assert refused(approve(api, name)) == (409, "badge_not_lost")


@ON_SQLITE
@pytest.mark.parametrize("holder", ["sun", "zhao", "guo", "xu"])
@pytest.mark.parametrize("kind", ["reissue", "transfer"])
def test_nobody_takes_over_the_badge_of_another_customer(api: TestClient, holder: str, kind: str) -> None:
    old = issued_badge(api, "li", "M1")["id"]
    if kind == "reissue":
        report(api, old, "lost")
    assert refused(application(api, holder, kind=kind, replaces=old)) == (422, "another_customer")


@ON_SQLITE
def test_the_badge_of_own_staff_is_reissued_to_the_same_person_alone(app: FastAPI, api: TestClient) -> None:
    from tests.server.badges.conftest import holder as make_holder

    with context_of_app(app).database.write() as session:
        make_holder(session, "lin", kind="staff")
    old = issued_badge(api, "guo", "S1")["id"]
    report(api, old, "lost")
    assert refused(application(api, "lin", kind="reissue", replaces=old)) == (422, "another_customer")
    new = approved_badge(api, "guo", kind="reissue", replaces=old)
    assert api.get(f"{API}/badges/{old}").json()["status"] == "revoked"
    assert issue(api, new, "S2").status_code == 200


def test_a_badge_passes_to_a_colleague_with_documents_of_its_own_and_the_same_card(api: TestClient) -> None:
    approved_badge(api, "chen")
    old = issued_badge(api, "li", "M1")
    assert refused(application(api, "li", kind="transfer", replaces=old["id"])) == (422, "same_holder")
    made = complete_application(api, "wang", kind="transfer", replaces=old["id"])
    assert set(made["attachments"]) == {"photo", "id_copy", "letter"}
    new = approve(api, made["id"]).json()["badge"]
    assert api.get(f"{API}/badges/{old['id']}").json()["status"] == "revoked"
    shown = issue(api, new, "M1").json()
    assert (shown["holder"], shown["slot"], shown["generation"]) == ("wang", old["slot"], old["generation"] + 1)
    assert api.get(f"{API}/badges/{old['id']}").json()["status"] == "returned", "the card is on the new badge"


@ON_SQLITE
def test_a_lost_badge_does_not_pass_to_a_colleague(api: TestClient) -> None:
    old = issued_badge(api, "li", "M1")["id"]
    report(api, old, "lost")
    answer = application(api, "wang", kind="transfer", replaces=old)
    assert refused(answer) == (409, "status_conflict")
    assert "re-issue" in answer.json()["detail"]


@ON_SQLITE
def test_a_list_of_what_changed_since_leaves_out_what_stayed_as_it_was(api: TestClient, clock: FixedClock) -> None:
    old, attached, refused_one = (application(api, holder).json()["id"] for holder in ("li", "wang", "sun"))
    clock.advance(timedelta(hours=1))
    since = clock.now().isoformat()
    made = application(api, "zhao").json()["id"]
    attach(api, attached, "photo")
    assert api.post(f"{API}/applications/{refused_one}/refuse", json={"reason": "no contract"}).status_code == 200
    shown = api.get(f"{API}/applications", params={"modified_since": since}).json()["items"]
    assert [one["id"] for one in shown] == [attached, refused_one, made]
    assert old not in {one["id"] for one in shown}
    assert api.get(f"{API}/applications", params={"modified_since": "2099-01-01T00:00:00Z"}).json()["items"] == []
