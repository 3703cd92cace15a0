"""A person who has left is taken out of the files, their history included; what happened stays (PIPL)."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from server.badges.models import Application, Badge
from server.context import Context
from server.operators.models import AuditEntry
from server.personal.attachments import store_attachment
from server.personal.erasure import ErasureService
from server.personal.fields import write_field
from server.personal.models import Attachment
from server.registry.models import Holder, RegistryChange
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE, START
from tests.server.personal.conftest import DESK, new_application, new_holder, picture

REASON = "本人书面要求删除"


@pytest.fixture
def context(app: FastAPI) -> Context:
    return context_of_app(app)


def changed(context: Context, holder: Holder, **values: Any) -> None:
    with context.database.write() as session:
        row = session.get_one(Holder, holder.id)
        for name, value in values.items():
            setattr(row, name, value)
        row.version += 1
        row.changed_by = "test"
        session.add(row)


def made(context: Context) -> tuple[Holder, Application, Attachment]:
    """A holder with some history, and a withdrawn application with a photo."""
    with context.database.write() as session:
        holder = new_holder(session, context)
        application = new_application(session, context, holder)
        application.status = "withdrawn"
        session.add(application)
        attachment = store_attachment(session, context, DESK, application, "photo", picture())
    with context.database.write() as session:
        row = session.get_one(Holder, holder.id)
        write_field(context.personal, row, "phone", "13900139000")
        row.version += 1
        row.changed_by = "test"
        session.add(row)
    return holder, application, attachment


def erase(client: TestClient, holder: Holder, **more: Any) -> Any:
    return client.post(f"/api/v1/holders/{holder.public_id}/erase", json={"reason": REASON}, **more)


def test_who_has_left_is_erased_from_row_history_and_documents(app: FastAPI, context: Context) -> None:
    holder, _, attachment = made(context)
    changed(context, holder, left_at=START, id_document="id_card")
    client = token_client(app, "customer_service")
    assert erase(client, holder).status_code == 204
    with context.database.read() as session:
        row = session.get_one(Holder, holder.id)
        changes = session.exec(select(RegistryChange).where(RegistryChange.table_name == "holder")).all()
        entry = session.exec(select(AuditEntry).where(AuditEntry.act == "holder.erase")).one()
    values = row.model_dump()
    sealed = [name for name in values if name.endswith(("_cipher", "_index", "_clear"))]
    assert len(sealed) == 9
    assert {name: values[name] for name in sealed} == dict.fromkeys(sealed)
    assert row.id_document is None
    assert len(changes) >= 4
    for change in changes:
        for then in (change.before, change.after):
            assert all(not value for name, value in (then or {}).items() if name.endswith(("_cipher", "_index")))
        assert change.after["public_id"] == holder.public_id
        assert change.after["kind"] == "customer"
    assert changes[0].before is None, "an insert is still told from an update"
    assert changes[-1].changed_by == row.changed_by
    assert (entry.subject, entry.after) == (
        holder.public_id,
        {"fields": ["name", "phone", "id_number"], "reason": REASON},
    )
    assert ErasureService(context).run_once(context.clock.now()) == 1
    assert context.erasable.get(attachment.key_id) is None
    assert erase(client, holder).status_code == 204


@ON_SQLITE
def test_nobody_is_erased_while_needed(app: FastAPI, context: Context) -> None:
    holder, application, _ = made(context)
    client = token_client(app)
    assert erase(client, holder).json()["code"] == "holder_not_left"
    changed(context, holder, left_at=START)
    with context.database.write() as session:
        row = session.get_one(Application, application.id)
        row.status = "open"
        session.add(row)
        badge = Badge(
            kind="customer",
            status="approved",
            holder_id=holder.id,
            holder_kind="customer",
            customer_id=holder.customer_id,
            customer_kind="organisation",
            slot=1,
            from_at=START - timedelta(days=1),
            created_at=START,
        )
        session.add(badge)
    assert erase(client, holder).json()["code"] == "badge_live"
    with context.database.write() as session:
        live = session.get_one(Badge, badge.id)
        live.status = "revoked"
        live.deregistered_at = START
        live.version += 1
        session.add(live)
    refused = erase(client, holder)
    assert (refused.status_code, refused.json()["code"]) == (409, "application_open")
    with context.database.write() as session:
        row = session.get_one(Application, application.id)
        row.status = "withdrawn"
        session.add(row)
    assert erase(client, holder).status_code == 204


@ON_SQLITE
def test_erasing_takes_both_permissions_a_reason_and_the_newest_version(app: FastAPI, context: Context) -> None:
    holder, _, _ = made(context)
    changed(context, holder, left_at=START)
    for role in ("guard", "auditor"):
        assert erase(token_client(app, role), holder).status_code == 403  # type: ignore[arg-type]
    client = token_client(app)
    path = f"/api/v1/holders/{holder.public_id}/erase"
    assert client.post(path, json={"reason": " "}).json()["code"] == "reason_missing"
    assert erase(client, holder, headers={"If-Match": '"1"'}).status_code == 412
    with context.database.read() as session:
        assert session.get_one(Holder, holder.id).name_cipher is not None


@ON_SQLITE
def test_nothing_else_in_the_history_can_be_changed(context: Context) -> None:
    made(context)
    with context.database.write() as session, pytest.raises(Exception, match="history is never changed"):
        session.connection().exec_driver_sql(
            "UPDATE registry_change SET after = json_set(after, '$.kind', 'staff') WHERE table_name = 'holder'"
        )
