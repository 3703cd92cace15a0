"""``/api/v1``: looks at personal data, and erasing it (docs/interfaces.md, Registry, badges, reach)."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import col, select

from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.models import AuditEntry
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, refuse_stale, rows_after
from server.personal.attachments import find_attachment, read_attachment
from server.personal.holder_erasure import erase_holder
from server.personal.looks import DOOR_LOOK, LOOK, LOOK_REFUSED, admit_look, checked_reason, look_at_fields
from server.personal.media_types import EXTENSIONS
from server.problems import Problem
from server.registry.lookup import find_contact, find_customer, find_holder
from server.routes import AppContext, DbSession, api_router

router = api_router("", "personal data")

Looks = Annotated[Actor, requires(Permission.PERSONAL_NAMES, secret_answer=True)]
Reason = Annotated[str, StringConstraints(max_length=500)]
FieldName = Literal["name", "phone", "email", "id_number"]

FILE_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""A file that someone handed in is saved, never run in our origin."""


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FieldsLook(_Input):
    """Which values, and why."""

    fields: Annotated[list[FieldName], Field(min_length=1, max_length=8)]
    reason: Reason


class FileLook(_Input):
    """Why."""

    reason: Reason


class ClearFields(BaseModel):
    """The clear values of the fields asked for; ``unreadable`` stands for one that does not open."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    id_number: str | None = None


class LookShown(BaseModel):
    """One recorded look, or (``refused``) one that went beyond the bound."""

    id: int
    at: datetime
    actor: str
    actor_name: str
    address: str
    subject: str
    fields: list[str]
    reason: str
    refused: bool


@router.post("/customers/{customer}/look", response_model_exclude_unset=True)
def look_at_customer(
    session: DbSession, context: AppContext, actor: Looks, customer: str, given: FieldsLook
) -> ClearFields:
    """The clear ID number of an individual customer; recorded."""
    found = find_customer(session, customer, actor=actor)
    return ClearFields(**look_at_fields(session, context, actor, found, given.fields, given.reason))


@router.post("/contacts/{contact}/look", response_model_exclude_unset=True)
def look_at_contact(
    session: DbSession, context: AppContext, actor: Looks, contact: str, given: FieldsLook
) -> ClearFields:
    """Clear values of a contact; recorded."""
    found = find_contact(session, contact, actor=actor)
    return ClearFields(**look_at_fields(session, context, actor, found, given.fields, given.reason))


@router.post("/holders/{holder}/look", response_model_exclude_unset=True)
def look_at_holder(
    session: DbSession, context: AppContext, actor: Looks, holder: str, given: FieldsLook
) -> ClearFields:
    """Clear values of a holder; recorded."""
    found = find_holder(session, holder, actor=actor)
    return ClearFields(**look_at_fields(session, context, actor, found, given.fields, given.reason))


@router.post("/attachments/{attachment}/look", response_class=Response)
def look_at_attachment(
    session: DbSession, context: AppContext, actor: Looks, attachment: str, given: FileLook
) -> Response:
    """The file itself; recorded. 410 ``erased`` when its time was over."""
    found = find_attachment(session, attachment, actor)
    body = read_attachment(session, context, found)
    admit_look(session, context, actor, found.public_id, [found.part], given.reason)
    name = f"{found.part}{EXTENSIONS[found.media_type]}"
    headers = FILE_HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type=found.media_type, headers=headers)


@router.get("/personal/looks")
def list_looks(
    session: DbSession,
    _actor: Annotated[Actor, requires(Permission.AUDIT_READ)],
    subject: Annotated[str | None, Query(max_length=64)] = None,
    actor: Annotated[str | None, Query(max_length=64)] = None,
    newest_first: bool = False,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[LookShown]:
    """Who looked at what, and why."""
    query = select(AuditEntry).where(col(AuditEntry.act).in_((LOOK, DOOR_LOOK, LOOK_REFUSED)))
    if subject is not None:
        query = query.where(AuditEntry.subject == subject)
    if actor is not None:
        query = query.where(AuditEntry.actor == actor)
    rows, following = rows_after(session, query, col(AuditEntry.id), after, limit, newest_first=newest_first)
    return Page(items=[_shown(row) for row in rows], next=following)


@router.post("/holders/{holder}/erase", status_code=204)
def erase_holder_data(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.REGISTRY_WRITE)],
    holder: str,
    given: FileLook,
    if_match: IfMatch = None,
) -> None:
    """Erase name, phone, ID number and documents of a holder who has left; recorded. There is no way back."""
    if not actor.may(Permission.PERSONAL_LOOK):
        raise Problem(
            403,
            "not_permitted",
            f"Erasing takes the permission {Permission.PERSONAL_LOOK.value} as well.",
            f"删除个人信息还需要权限 {Permission.PERSONAL_LOOK.value}。",
        )
    found = find_holder(session, holder, actor=actor, lock=True)
    refuse_stale(if_match, found.version)
    erase_holder(session, actor, found, checked_reason(given.reason), context.clock.now())


def _shown(entry: AuditEntry) -> LookShown:
    assert entry.id is not None
    after = entry.after or {}
    return LookShown(
        id=entry.id,
        at=entry.at,
        actor=entry.actor,
        actor_name=entry.actor_name,
        address=entry.address,
        subject=entry.subject,
        fields=after.get("fields", []),
        reason=after.get("reason", ""),
        refused=entry.act == LOOK_REFUSED,
    )
