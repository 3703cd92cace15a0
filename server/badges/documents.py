"""Which documents an application must carry, and which of them are there (B1, B4)."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlmodel import Session, col, select

from server.badges.models import Application, Badge
from server.personal.models import ATTACHMENT_PARTS, Attachment
from server.registry.models import Customer, Holder


def required_parts(holder_kind: str, customer_kind: str | None, application_kind: str) -> tuple[str, ...]:
    """In the order of ``ATTACHMENT_PARTS``. An individual customer needs no letter of introduction, own staff none at all; a
    visitor's papers are the permit's. What is lost is stated by letter by whoever holds a customer's badge."""
    if holder_kind == "visitor":
        return ()
    parts = {"photo", "id_copy"}
    if holder_kind == "customer":
        if customer_kind != "individual":
            parts.add("letter")
        if application_kind == "reissue":
            parts.add("loss_letter")
    return tuple(part for part in ATTACHMENT_PARTS if part in parts)


def attached_parts(session: Session, application_ids: Iterable[int | None]) -> dict[int, dict[str, str]]:
    """Application id → part → public id of what is attached now."""
    query = (
        select(Attachment.application_id, Attachment.part, Attachment.public_id)
        .where(col(Attachment.application_id).in_(list(application_ids)), col(Attachment.erased_at).is_(None))
        .order_by(col(Attachment.id))
    )
    found: dict[int, dict[str, str]] = {}
    for application_id, part, public_id in session.exec(query).all():
        assert application_id is not None  # it was asked for
        found.setdefault(application_id, {})[part] = public_id
    return found


def is_complete() -> ColumnElement[bool]:
    """:func:`required_parts` for the database: over Application joined with its Holder and, from outside, the Customer."""
    of_customer = col(Holder.kind) == "customer"
    return and_(
        or_(col(Holder.kind) == "visitor", and_(_has("photo"), _has("id_copy"))),
        or_(~of_customer, col(Customer.kind) == "individual", _has("letter")),
        or_(~of_customer, col(Application.kind) != "reissue", _has("loss_letter")),
    )


def has_loss_letter(session: Session, badge: Badge) -> bool:
    """Whether a letter that states the loss is attached to an application for this badge or for the one that replaces it."""
    return badge.id in with_loss_letter(session, [badge.id])


def with_loss_letter(session: Session, badges: Collection[int | None]) -> set[int | None]:
    """Those of these badges for which there is one."""
    query: Any = (
        select(Application.badge_id, Application.replaces_id)
        .join(Attachment, col(Application.id) == Attachment.application_id)
        .where(
            or_(col(Application.badge_id).in_(badges), col(Application.replaces_id).in_(badges)),
            col(Application.status).in_(("open", "approved")),
            Attachment.part == "loss_letter",
            col(Attachment.erased_at).is_(None),
        )
    )
    return {one for pair in session.exec(query).all() for one in pair} & set(badges) - {None}


def _has(part: str) -> ColumnElement[bool]:
    return exists().where(
        col(Attachment.application_id) == col(Application.id),
        col(Attachment.part) == part,
        col(Attachment.erased_at).is_(None),
    )


def changed_since(at: datetime) -> Any:
    """The condition on :class:`Application` for those made, decided, given or deprived of a document since ``at``."""
    handed_in = select(Attachment.application_id).where(
        or_(col(Attachment.created_at) >= at, col(Attachment.erased_at) >= at)
    )
    return or_(col(Application.created_at) >= at, col(Application.decided_at) >= at, col(Application.id).in_(handed_in))
