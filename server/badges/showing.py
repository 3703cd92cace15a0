"""Badges and applications as the API shows them. No names: the holder is an id."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlmodel import Session, col, select

from server.badges.awaiting import awaited_edges
from server.badges.documents import attached_parts, required_parts
from server.badges.lookup import footings_of, holders_of
from server.badges.models import Application, Badge
from server.badges.standing import standing
from server.registry.lookup import codes_of
from server.registry.models import Customer
from server.registry.validation import Warned


class BadgeShown(BaseModel):
    """A badge. ``standing``: its status and what dates and the registry make of it. ``awaiting``: the edges that must follow before it
    becomes active (MEANINGS 6). ``photo``: the attachment's id, while there is one."""

    id: str
    external_id: str | None
    number: str | None
    kind: str
    status: str
    standing: str
    reason: str
    holder: str
    customer: str | None
    slot: int | None
    generation: int
    technology: str | None
    from_: datetime = Field(alias="from")
    until: datetime | None
    schedule: str | None
    replaces: str | None
    application: str | None
    photo: str | None
    awaiting: list[dict[str, Any]]
    created_at: datetime
    issued_at: datetime | None
    activated_at: datetime | None
    lost_at: datetime | None
    deregistered_at: datetime | None
    version: int


class ApplicationShown(BaseModel):
    """An application. ``status`` of an open one: incomplete while something is ``missing``, else complete. ``warnings``: of the write that
    this answers."""

    id: str
    external_id: str | None
    kind: str
    status: str
    missing: list[str]
    attachments: dict[str, str]
    holder: str
    customer: str | None
    replaces: str | None
    badge: str | None
    purpose: str
    consent_at: datetime | None
    from_: datetime | None = Field(alias="from")
    until: datetime | None
    schedule: str | None
    note: str
    created_by: str
    created_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    version: int
    warnings: list[Warned] = []


def show_badges(session: Session, badges: Sequence[Badge], now: datetime) -> list[BadgeShown]:
    """In the same order, with a fixed number of queries but one for each badge that waits."""
    holders = holders_of(session, badges)
    footings = footings_of(session, badges, holders, now)
    codes = codes_of(session, {badge.customer_id for badge in badges})
    names = badge_names(session, {badge.replaces_id for badge in badges})
    wanted = select(Application).where(col(Application.badge_id).in_([badge.id for badge in badges]))
    applications = {row.badge_id: row for row in session.exec(wanted.order_by(col(Application.id))).all()}
    attached = attached_parts(session, [row.id for row in applications.values()])
    shown = []
    for badge in badges:
        application = applications.get(badge.id)
        holder = holders[badge.holder_id]
        shown.append(
            BadgeShown(
                **{"from": badge.from_at},
                id=badge.public_id,
                external_id=badge.external_id,
                number=badge.number,
                kind=badge.kind,
                status=badge.status,
                standing=standing(badge.status, badge.until_at, footings[badge.id], now),
                reason=badge.status_reason,
                holder=holder.external_id or holder.public_id,
                customer=codes.get(badge.customer_id),
                slot=badge.slot,
                generation=badge.generation,
                technology=badge.technology,
                until=badge.until_at,
                schedule=badge.schedule,
                replaces=names.get(badge.replaces_id),
                application=application.public_id if application is not None else None,
                photo=attached.get(application.id or 0, {}).get("photo") if application is not None else None,
                awaiting=awaited_edges(session, badge, now),
                created_at=badge.created_at,
                issued_at=badge.issued_at,
                activated_at=badge.activated_at,
                lost_at=badge.lost_at,
                deregistered_at=badge.deregistered_at,
                version=badge.version,
            )
        )
    return shown


def show_applications(session: Session, applications: Sequence[Application]) -> list[ApplicationShown]:
    """In the same order, with a fixed number of queries."""
    holders = holders_of(session, applications)
    customer_ids = {holder.customer_id for holder in holders.values()}
    wanted = select(Customer).where(col(Customer.id).in_({each for each in customer_ids if each is not None}))
    customers = {row.id: row for row in session.exec(wanted).all()}
    names = badge_names(session, {row.replaces_id for row in applications} | {row.badge_id for row in applications})
    attached = attached_parts(session, [row.id for row in applications])
    shown = []
    for row in applications:
        holder = holders[row.holder_id]
        customer = customers.get(holder.customer_id)
        there = attached.get(row.id or 0, {})
        required = required_parts(holder.kind, customer.kind if customer is not None else None, row.kind)
        missing = [part for part in required if part not in there]
        shown.append(
            ApplicationShown(
                **{"from": row.from_at},
                id=row.public_id,
                external_id=row.external_id,
                kind=row.kind,
                status=("incomplete" if missing else "complete") if row.status == "open" else row.status,
                missing=missing if row.status == "open" else [],
                attachments=there,
                holder=holder.external_id or holder.public_id,
                customer=customer.code if customer is not None else None,
                replaces=names.get(row.replaces_id),
                badge=names.get(row.badge_id),
                purpose=row.purpose,
                consent_at=row.consent_at,
                until=row.until_at,
                schedule=row.schedule,
                note=row.decision_note,
                created_by=row.created_by,
                created_at=row.created_at,
                decided_by=row.decided_by,
                decided_at=row.decided_at,
                version=row.version,
            )
        )
    return shown


def badge_names(session: Session, badge_ids: set[int | None]) -> dict[int | None, str]:
    """Public ids of badges, by id."""
    wanted = {badge_id for badge_id in badge_ids if badge_id is not None}
    if not wanted:
        return {}
    return dict(session.exec(select(Badge.id, Badge.public_id).where(col(Badge.id).in_(wanted))).all())
