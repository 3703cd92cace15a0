"""``/api/v1/badges`` (docs/interfaces.md)."""

from datetime import datetime
from typing import Annotated

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session, col, select

from server.badges import service
from server.badges.models import Badge
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.problems import Problem
from server.registry.endpoints import ExternalId
from server.registry.lookup import codes_of, find_customer, find_holder
from server.registry.models import Holder
from server.registry.moments import Moment, begin_of, end_of
from server.routes import AppContext, DbSession, api_router

router = api_router("/badges", "badges")

Reads = Annotated[Actor, requires(Permission.BADGE_READ)]
Printable = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,24}$")]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Card(_Input):
    """The card that is bound: its number is printable ASCII, 1-24 characters (for ``uid`` the UID in hexadecimal)."""

    technology: service.Technology
    number: Printable


class NewBadge(_Input):
    """A badge to issue. A date as ``until`` is inclusive. ``schedule``: an id of the site file."""

    external_id: ExternalId | None = None
    holder: str
    number: Printable
    card: Card
    from_: Moment | None = Field(default=None, alias="from")
    until: Moment | None = None
    schedule: str | None = None


class ReportGiven(_Input):
    """The status that is reported."""

    as_: service.Report = Field(alias="as")


class BadgeShown(BaseModel):
    """A badge as the API shows it."""

    id: str
    external_id: str | None
    number: str
    kind: str
    status: str
    holder: str
    customer: str | None
    slot: int | None
    generation: int
    technology: str
    from_: datetime = Field(alias="from")
    until: datetime | None
    schedule: str | None


@router.post("", status_code=201)
def issue_badge(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.BADGE_ISSUE)],
    given: NewBadge,
    response: Response,
) -> BadgeShown:
    """Issue a badge. 409 QUOTA_EXCEEDED when the customer holds all it may."""
    site, now = context.site, context.clock.now()
    if given.schedule is not None and given.schedule not in {schedule.id for schedule in site.schedules}:
        raise Problem(
            422,
            "unknown_schedule",
            f"schedule: the site has no schedule {given.schedule!r}.",
            f"schedule：场地没有时间表 {given.schedule}。",
            field="schedule",
        )
    from_at = begin_of(given.from_, site.time_zone, "from") if given.from_ is not None else now
    until_at = end_of(given.until, site.time_zone, "until") if given.until is not None else None
    if until_at is not None and until_at < from_at:
        raise Problem(422, "invalid_input", "The badge ends before it begins.", "出入证的结束早于开始。", field="until")
    new = service.NewBadge(
        external_id=given.external_id,
        number=given.number,
        technology=given.card.technology,
        card_number=given.card.number.upper() if given.card.technology == "uid" else given.card.number,
        from_at=from_at,
        until_at=until_at,
        schedule=given.schedule,
    )
    holder = find_holder(session, given.holder, "holder")
    if holder.kind == "staff" and not actor.may(Permission.STAFF_PERMIT):
        raise Problem(
            403,
            "not_permitted",
            "holder: you may not issue badges of own staff.",
            "您无权为员工发放出入证。",
            field="holder",
        )
    badge = service.issue_badge(session, actor, now, holder, new, context.keys.hash_key)
    response.headers["ETag"] = etag(badge.version)
    return _show(session, badge)


@router.get("")
def list_badges(
    session: DbSession, _actor: Reads, customer: str | None = None, after: Cursor = 0, limit: Limit = 100
) -> Page[BadgeShown]:
    """All badges, or those of one customer."""
    query = select(Badge)
    if customer is not None:
        query = query.where(Badge.customer_id == find_customer(session, customer).id)
    rows, following = rows_after(session, query, Badge.id, after, limit)
    return Page(items=_show_all(session, rows), next=following)


@router.get("/{name}")
def get_badge(session: DbSession, _actor: Reads, name: str, response: Response) -> BadgeShown:
    """One badge, by id or external id."""
    badge = service.find_badge(session, name)
    response.headers["ETag"] = etag(badge.version)
    return _show(session, badge)


@router.post("/{name}/report")
def report_badge(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.BADGE_REPORT)],
    name: str,
    given: ReportGiven,
    response: Response,
    if_match: IfMatch = None,
) -> BadgeShown:
    """Report a badge lost or suspended; to make it active again, or to revoke it, takes the permission to issue."""
    if given.as_ in ("active", "revoked") and not actor.may(Permission.BADGE_ISSUE):
        raise Problem(
            403,
            "not_permitted",
            f"as: you may not report a badge as {given.as_}.",
            "您无权恢复或注销出入证。",
            field="as",
        )
    badge = service.find_badge(session, name)
    refuse_stale(if_match, badge.version)
    service.report_badge(session, actor, context.clock.now(), badge, given.as_)
    response.headers["ETag"] = etag(badge.version)
    return _show(session, badge)


def _show(session: Session, badge: Badge) -> BadgeShown:
    return _show_all(session, [badge])[0]


def _show_all(session: Session, badges: list[Badge]) -> list[BadgeShown]:
    wanted = select(Holder).where(col(Holder.id).in_({badge.holder_id for badge in badges}))
    holders = {holder.id: holder.external_id or holder.public_id for holder in session.exec(wanted).all()}
    codes = codes_of(session, {badge.customer_id for badge in badges})
    return [
        BadgeShown(
            **{"from": badge.from_at},
            id=badge.public_id,
            external_id=badge.external_id,
            number=badge.number,
            kind=badge.kind,
            status=badge.status,
            holder=holders[badge.holder_id],
            customer=codes.get(badge.customer_id),
            slot=badge.slot,
            generation=badge.generation,
            technology=badge.technology,
            until=badge.until_at,
            schedule=badge.schedule,
        )
        for badge in badges
    ]
