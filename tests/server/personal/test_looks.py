"""Looks at personal values over the API: who may, with what reason, and what stays of it (C4)."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import col, select

from server.db.clock import FixedClock
from server.ids import new_id
from server.operators.actor import SYSTEM
from server.operators.models import ApiToken, AuditEntry
from server.operators.permissions import Permission
from server.operators.service import create_token
from server.personal import looks
from server.personal.attachments import schedule_erasure, store_attachment
from server.personal.fields import write_field
from server.registry.models import Contact, Customer, Holder
from tests.server.browser import administrator, context_of_app, token_client
from tests.server.conftest import ON_SQLITE
from tests.server.personal.conftest import DESK, new_application, new_holder, pdf, picture

API = "/api/v1"
REASON = "核对来访登记"


@pytest.fixture
def holder(app: FastAPI) -> Holder:
    context = context_of_app(app)
    with context.database.write() as session:
        return new_holder(session, context)


def look(client: TestClient, path: str, *fields: str, reason: str = REASON, **more: Any) -> Any:
    return client.post(f"{API}/{path}/look", json={"fields": list(fields), "reason": reason}, **more)


def entries(app: FastAPI, act: str = looks.LOOK) -> list[AuditEntry]:
    with context_of_app(app).database.read() as session:
        return list(session.exec(select(AuditEntry).where(AuditEntry.act == act).order_by(col(AuditEntry.id))).all())


def test_a_look_shows_the_clear_values_and_is_recorded_without_them(app: FastAPI, holder: Holder) -> None:
    desk = token_client(app, "customer_service")
    answer = look(desk, f"holders/{holder.public_id}", "name", "id_number")
    assert (answer.status_code, answer.json()) == (200, {"name": "李娜", "id_number": "11010519491231002X"})
    assert answer.headers["cache-control"] == "no-store"
    (entry,) = entries(app)
    assert (entry.subject, entry.after) == (holder.public_id, {"fields": ["name", "id_number"], "reason": REASON})
    assert entry.actor_name == "test-customer_service"
    auditor = token_client(app, "auditor")
    shown = auditor.get(f"{API}/personal/looks", params={"subject": holder.public_id, "actor": entry.actor}).json()
    (item,) = shown["items"]
    assert (item["fields"], item["reason"], item["refused"]) == (["name", "id_number"], REASON, False)
    assert auditor.get(f"{API}/personal/looks", params={"actor": "opr_other"}).json()["items"] == []
    assert desk.get(f"{API}/personal/looks").status_code == 403


def test_contacts_and_individual_customers_are_looked_at_alike(app: FastAPI) -> None:
    context = context_of_app(app)
    now = context.clock.now()
    with context.database.write() as session:
        customer = Customer(public_id=new_id("cus", now), code="P1", kind="individual", name="张三的店", created_at=now)
        write_field(context.personal, customer, "id_number", "11010519491231002X")
        session.add(customer)
        session.flush()
        contact = Contact(public_id=new_id("ctc", now), customer_id=customer.id, created_at=now)
        write_field(context.personal, contact, "email", "li.na@example.com")
        session.add(contact)
    desk = token_client(app, "customer_service")
    assert look(desk, "customers/P1", "id_number").json() == {"id_number": "11010519491231002X"}
    answer = look(desk, f"contacts/{contact.public_id}", "email", "phone")
    assert answer.json() == {"email": "li.na@example.com", "phone": None}
    assert len(entries(app)) == 2


@ON_SQLITE
def test_a_guard_sees_names_and_no_more(app: FastAPI, holder: Holder) -> None:
    guard = token_client(app, "guard")
    assert look(guard, f"holders/{holder.public_id}", "name").status_code == 200
    refused = look(guard, f"holders/{holder.public_id}", "name", "phone")
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (403, "not_permitted", "phone")
    assert "personal.look" in refused.json()["detail"]
    assert look(token_client(app, "auditor"), f"holders/{holder.public_id}", "name").status_code == 403
    assert len(entries(app)) == 1, "what was refused showed nothing"


@ON_SQLITE
def test_a_token_whose_scopes_leave_phones_out_does_not_see_them(app: FastAPI, holder: Holder) -> None:
    context = context_of_app(app)
    with context.database.write() as session:
        _, text = create_token(
            session, SYSTEM, context.clock.now(), "names", "administrator", scopes=[Permission.PERSONAL_NAMES]
        )
    client = TestClient(app, base_url="https://testserver", headers={"Authorization": f"Bearer {text}"})
    assert look(client, f"holders/{holder.public_id}", "name").status_code == 200
    assert look(client, f"holders/{holder.public_id}", "phone").status_code == 403


@ON_SQLITE
@pytest.mark.parametrize("reason", ["", "   ", "abc", " a b c ", "　　　　　"])
def test_a_reason_that_says_nothing_is_refused(app: FastAPI, holder: Holder, reason: str) -> None:
    refused = look(token_client(app), f"holders/{holder.public_id}", "name", reason=reason)
    assert (refused.status_code, refused.json()["code"]) == (422, "reason_missing")
    assert entries(app) == []


@ON_SQLITE
def test_what_cannot_be_looked_at_is_one_clear_error(app: FastAPI, holder: Holder) -> None:
    client = token_client(app)
    refused = look(client, f"holders/{holder.public_id}", "email")
    assert refused.status_code == 422
    assert "it has name, phone, id_number" in refused.json()["detail"]
    assert look(client, f"holders/{holder.public_id}").status_code == 422
    assert look(client, f"holders/{holder.public_id}", "shoe_size").status_code == 422
    assert look(client, "holders/hol_nobody", "name").status_code == 404


@ON_SQLITE
def test_a_look_is_not_kept_for_replay(app: FastAPI, holder: Holder) -> None:
    refused = look(token_client(app), f"holders/{holder.public_id}", "name", headers={"Idempotency-Key": "k1"})
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_refused")


@ON_SQLITE
def test_a_file_of_another_department_is_not_there(app: FastAPI, holder: Holder) -> None:
    context = context_of_app(app)
    with context.database.write() as session:
        customer = session.get_one(Customer, holder.customer_id)
        customer.department = "north"
        session.add(customer)
        attachment = store_attachment(
            session, context, DESK, new_application(session, context, holder), "photo", picture()
        )
    desk = token_client(app, "customer_service")
    assert look(desk, f"holders/{holder.public_id}", "name").status_code == 404
    assert look(desk, f"customers/{customer.code}", "id_number").status_code == 404
    path = f"{API}/attachments/{attachment.public_id}/look"
    assert desk.post(path, json={"reason": REASON}).status_code == 404
    assert look(token_client(app), f"holders/{holder.public_id}", "name").status_code == 200


@ON_SQLITE
def test_a_value_that_does_not_open_is_said_so_in_its_place(app: FastAPI, holder: Holder) -> None:
    with context_of_app(app).database.write() as session:
        row = session.get_one(Holder, holder.id)
        row.name_cipher = row.phone_cipher
        session.add(row)
    answer = look(token_client(app), f"holders/{holder.public_id}", "name", "phone")
    assert answer.json() == {"name": "unreadable", "phone": "13800138000"}


def test_who_looks_too_often_is_stopped_and_recorded_and_may_go_on_later(
    app: FastAPI, holder: Holder, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "LOOKS_PER_WINDOW", 3)
    desk, other = token_client(app, "customer_service"), token_client(app)
    path = f"holders/{holder.public_id}"
    for _ in range(3):
        assert look(desk, path, "name").status_code == 200
        clock.advance(timedelta(minutes=1))
    for _ in range(2):
        refused = look(desk, path, "name")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_looks")
    assert refused.headers["retry-after"] == str(57 * 60)
    assert look(other, path, "name").status_code == 200
    assert len(entries(app, looks.LOOK_REFUSED)) == 1, "noted once in a while, not at every attempt"
    items = token_client(app, "auditor").get(f"{API}/personal/looks").json()["items"]
    assert [item["refused"] for item in items] == [False, False, False, True, False]
    clock.advance(timedelta(minutes=57))
    assert look(desk, path, "name").status_code == 200
    assert look(desk, path, "name").status_code == 429


def test_one_persons_tokens_share_the_bound(app: FastAPI, holder: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "LOOKS_PER_WINDOW", 2)
    admin = administrator(app)
    path = f"holders/{holder.public_id}"
    assert look(admin, path, "name").status_code == 200
    programs = []
    for name in ("one", "two"):
        text = admin.post(f"{API}/tokens", json={"name": name, "role": "supervisor"}).json()["token"]
        programs.append(TestClient(app, base_url="https://testserver", headers={"Authorization": f"Bearer {text}"}))
    assert look(programs[0], path, "name").status_code == 200
    assert look(programs[1], path, "name").status_code == 429
    assert look(token_client(app, "supervisor"), path, "name").status_code == 200, "another's"


def test_a_file_is_shown_to_be_saved_and_never_to_be_run(app: FastAPI) -> None:
    context = context_of_app(app)
    with context.database.write() as session:
        application = new_application(session, context)
        photo = store_attachment(session, context, DESK, application, "photo", picture("PNG"))
        letter = store_attachment(session, context, DESK, application, "letter", pdf())
    guard, desk = token_client(app, "guard"), token_client(app, "customer_service")
    seen = guard.post(f"{API}/attachments/{photo.public_id}/look", json={"reason": REASON})
    assert (seen.status_code, seen.headers["content-type"]) == (200, "image/png")
    assert seen.content.startswith(b"\x89PNG")
    assert seen.headers["content-disposition"] == 'attachment; filename="photo.png"'
    assert seen.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert seen.headers["x-content-type-options"] == "nosniff"
    path = f"{API}/attachments/{letter.public_id}/look"
    assert guard.post(path, json={"reason": REASON}).status_code == 403
    assert desk.post(path, json={"reason": "   "}).status_code == 422
    seen = desk.post(path, json={"reason": REASON})
    assert (seen.headers["content-type"], seen.content) == ("application/pdf", pdf())
    assert desk.post(f"{API}/attachments/att_none/look", json={"reason": REASON}).status_code == 404
    assert [(entry.subject, entry.after and entry.after["fields"]) for entry in entries(app)] == [
        (photo.public_id, ["photo"]),
        (letter.public_id, ["letter"]),
    ]
    with context.database.write() as session:
        assert application.id is not None
        schedule_erasure(session, [application.id], context.clock.now())
    gone = desk.post(path, json={"reason": REASON})
    assert (gone.status_code, gone.json()["code"]) == (410, "erased")
    assert len(entries(app)) == 2


@ON_SQLITE
def test_a_revoked_token_sees_nothing(app: FastAPI, holder: Holder) -> None:
    client = token_client(app)
    with context_of_app(app).database.write() as session:
        for token in session.exec(select(ApiToken)).all():
            token.revoked_at = context_of_app(app).clock.now()
            session.add(token)
    assert look(client, f"holders/{holder.public_id}", "name").status_code == 401


@pytest.mark.parametrize(
    ("path", "field", "table"),
    [
        ("holders", "phone", "holder"),
        ("holders", "id_number", "holder"),
        ("holders", "name", "holder"),
        ("contacts", "phone", "contact"),
        ("customers", "phone", "customer"),
    ],
)
def test_a_search_by_a_masked_value_is_a_look(app: FastAPI, path: str, field: str, table: str) -> None:
    """Asking for 138 0000 0000, 0001, … would show what 138****0000 hides."""
    for role in ("auditor", "guard"):
        answer = token_client(app, role).get(f"{API}/{path}", params={field: "13800000000"})
        if role == "guard" and field == "name":
            assert answer.status_code == 200
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    assert token_client(app, "customer_service").get(f"{API}/{path}", params={field: "13800000000"}).status_code == 200
    last = entries(app)[-1]
    assert (last.subject, last.after) == (table, {"fields": [field], "reason": looks.SEARCHED})
    assert token_client(app, "auditor").get(f"{API}/{path}").status_code == 200


@ON_SQLITE
def test_searches_are_bounded_like_looks(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "LOOKS_PER_WINDOW", 3)
    desk = token_client(app, "customer_service")
    answers = [desk.get(f"{API}/holders", params={"phone": f"1380013800{last}"}).status_code for last in range(5)]
    assert answers == [200, 200, 200, 429, 429]
    assert len(entries(app, looks.LOOK_REFUSED)) == 1
