"""``/api/v1/badges`` (docs/interfaces.md)."""

from typing import Annotated, Literal

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session, col, select

from server.badges import acts, binding, issuing, numbering, printing, to_be_returned
from server.badges.application_endpoints import erase_after
from server.badges.application_endpoints import router as applications_router
from server.badges.approval import refuse_forbidden_staff
from server.badges.history import BadgeChange, badge_history, changed_since
from server.badges.lookup import find_badge
from server.badges.models import Badge
from server.badges.searching import stands_as
from server.badges.showing import BadgeShown, show_badges
from server.badges.standing import Standing
from server.context import Context
from server.fleet.lookup import find_edge
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.problems import Problem
from server.registry.lookup import find_customer, find_holder
from server.registry.showing import ModifiedSince
from server.routes import AppContext, DbSession, api_router

router = api_router("/badges", "badges")
ROUTERS = [applications_router, router]

Reads = Annotated[Actor, requires(Permission.BADGE_READ)]
Issues = Annotated[Actor, requires(Permission.BADGE_ISSUE)]
Reports = Annotated[Actor, requires(Permission.BADGE_REPORT)]
Printable = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,24}$")]
Reason = Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)]
Status = Literal["approved", "issued", "active", "suspended", "lost", "revoked", "returned"]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Card(_Input):
    """The card that is bound: its number is printable ASCII, 1-24 characters (for ``uid`` the UID in hexadecimal)."""

    technology: issuing.Technology
    number: Printable


class Issue(_Input):
    """The number that is printed on the badge, and the card."""

    number: Printable
    card: Card


class Encode(_Input):
    """The desk (an edge with the role ``desk``), and the number that is printed on the badge and written onto the card."""

    edge: str
    number: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,24}$")]


class ReportGiven(_Input):
    """What the badge is reported as. The reason is kept: it names no person."""

    as_: acts.Report = Field(alias="as")
    reason: Reason = ""


@router.get("")
def list_badges(
    session: DbSession,
    context: AppContext,
    _actor: Reads,
    customer: str | None = None,
    holder: str | None = None,
    status: Status | None = None,
    standing: Standing | None = None,
    number: str | None = None,
    modified_since: ModifiedSince = None,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[BadgeShown]:
    """Badges, by customer, holder, stored status, standing or printed number."""
    query = select(Badge)
    if customer is not None:
        query = query.where(Badge.customer_id == find_customer(session, customer).id)
    if holder is not None:
        query = query.where(Badge.holder_id == find_holder(session, holder).id)
    if status is not None:
        query = query.where(Badge.status == status)
    if standing is not None:
        query = query.where(stands_as(standing, context.clock.now()))
    if number is not None:
        query = query.where(Badge.number == number)
    if modified_since is not None:
        query = query.where(col(Badge.id).in_(changed_since(modified_since)))
    rows, following = rows_after(session, query, Badge.id, after, limit)
    return Page(items=show_badges(session, rows, context.clock.now()), next=following)


@router.get("/to-be-returned")
def list_to_be_returned(
    session: DbSession, context: AppContext, _actor: Reads, after: Cursor = 0, limit: Limit = 100
) -> Page[to_be_returned.BadgeOut]:
    """Badges whose card should be back at the desk and is not (B6), each with the reason."""
    rows, following = to_be_returned.page(session, context.clock.now(), after, limit)
    return Page(items=rows, next=following)


class NextNumber(BaseModel):
    """A number that no badge had and no desk was asked to write."""

    number: str


@router.get("/next-number")
def propose_number(session: DbSession, _actor: Issues, kind: Literal["customer", "staff"] = "customer") -> NextNumber:
    """The number after the newest of this kind of badge: a proposal, nobody else is kept from it."""
    return NextNumber(number=numbering.next_number(session, kind))


@router.get("/{name}")
def get_badge(session: DbSession, context: AppContext, _actor: Reads, name: str, response: Response) -> BadgeShown:
    """One badge, by id or external id."""
    return _answer(session, context, find_badge(session, name), response)


@router.get("/{name}/face.pdf", response_class=Response, responses={200: {"content": {"application/pdf": {}}}})
def print_badge(
    context: AppContext, actor: Annotated[Actor, requires(Permission.PERSONAL_NAMES)], name: str
) -> Response:
    """The badge to print. A look at its holder's name and photo: it is in the audit log."""
    return Response(
        printing.print_badge(context, actor, name),
        media_type="application/pdf",
        headers={"Content-Disposition": 'inline; filename="badge.pdf"'},
    )


@router.get("/{name}/history")
def get_history(
    session: DbSession, _actor: Reads, name: str, after: Cursor = 0, limit: Limit = 100
) -> Page[BadgeChange]:
    """Every change of the badge, whoever made it: when, by whom, before and after."""
    return badge_history(session, find_badge(session, name), after, limit)


@router.post("/{name}/issue")
def issue_badge(
    session: DbSession,
    context: AppContext,
    actor: Issues,
    name: str,
    given: Issue,
    response: Response,
    if_match: IfMatch = None,
) -> BadgeShown:
    """Bind a card: the badge is active, or issued while an edge is awaited (MEANINGS 6)."""
    if given.card.technology == "uid" and not context.config.allow_uid_cards:
        raise Problem(
            422,
            "UID_NOT_ALLOWED",
            "card: this site binds no bare UIDs; a UID is identified, not authenticated. allow_uid_cards in server.toml permits it.",
            "card：本场地不允许绑定仅凭 UID 的卡；UID 只能识别，不能验证。可在 server.toml 中以 allow_uid_cards 允许。",
            field="card.technology",
        )
    badge = find_badge(session, name, to_change=True, actor=actor)
    refuse_stale(if_match, badge.version)
    refuse_forbidden_staff(actor, badge.holder_kind)
    card = issuing.BoundCard.of_number(given.number, given.card.technology, given.card.number, context.keys.hash_key)
    issuing.issue_badge(session, actor, context.clock.now(), badge, card, erase_after(context))
    return _answer(session, context, badge, response)


@router.post("/{name}/encode", status_code=202)
def encode_badge(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.BADGE_ENCODE)],
    name: str,
    given: Encode,
    if_match: IfMatch = None,
) -> dict[str, str]:
    """Have the desk write the number onto a blank card (DESIGN 21); the badge is bound when its record arrives. The result comes with
    ``GET /commands/{id}``; an interrupted one can be asked for again."""
    badge = find_badge(session, name, to_change=True, actor=actor)
    refuse_stale(if_match, badge.version)
    refuse_forbidden_staff(actor, badge.holder_kind)
    desk = find_edge(session, given.edge, "edge")
    now, hash_key = context.clock.now(), context.keys.hash_key
    return {"command_id": binding.ask_encoding(session, actor, now, badge, desk, given.number, hash_key)}


@router.post("/{name}/report")
def report_badge(
    session: DbSession,
    context: AppContext,
    actor: Reports,
    name: str,
    given: ReportGiven,
    response: Response,
    if_match: IfMatch = None,
) -> BadgeShown:
    """Report a badge lost, suspended or returned; to make it active again, or to revoke it, takes the permission to issue."""
    badge = find_badge(session, name, to_change=True)
    refuse_stale(if_match, badge.version)
    if acts.act_of(given.as_, badge) in acts.NEEDS_ISSUE:
        find_badge(session, name, actor=actor)
    now = context.clock.now()
    acts.report_badge(session, actor, now, badge, given.as_, given.reason, erase_after(context))
    return _answer(session, context, badge, response)


def _answer(session: Session, context: Context, badge: Badge, response: Response) -> BadgeShown:
    response.headers["ETag"] = etag(badge.version)
    return show_badges(session, [badge], context.clock.now())[0]
