"""The pages of badges: search, one badge with all that can be done to it, those whose card should be back (B2-B6, R8)."""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Form, Query, Request, Response
from sqlmodel import Session, col, or_, select
from starlette.responses import JSONResponse, RedirectResponse

from server.badges import lifecycle, numbering, to_be_returned
from server.badges.documents import has_loss_letter
from server.badges.endpoints import get_history
from server.badges.history import BadgeChange
from server.badges.lifecycle import Act
from server.badges.lookup import find_badge
from server.badges.models import GONE, Application, Badge
from server.badges.printing import PRINTED
from server.badges.searching import STANDINGS, stands_as
from server.console.badge_encoding import Encoding, desks, encoding_of, last_encoding
from server.console.badge_rows import BadgeRow, badge_rows
from server.console.language import language_of
from server.console.pages import page, renderer_of
from server.console.people import operators_of
from server.context import Context
from server.db.clock import to_us
from server.fleet.models import EdgeCommand
from server.fleet.reach_endpoints import badge_reach
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.permits.card_endpoints import get_declaration
from server.permits.declaration import ITEMS
from server.personal.looks import admit_search
from server.problems import Problem, not_found
from server.registry.lookup import may_see_row
from server.registry.models import Customer, Holder
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.BADGE_READ)]
Encodes = Annotated[Actor, requires(Permission.BADGE_ENCODE)]
Text = Annotated[str, Query(max_length=200)]
MOST = 100
"""So many badges on a page."""
CHANGES = 200
"""So many changes of a badge on its page: its first ones."""


class Possible(NamedTuple):
    """What may be reported of a badge now, by this operator; ``needs_letter``: first the letter that states the loss (B4)."""

    acts: list[str]
    needs_letter: bool
    has_letter: bool


@router.get("/badges")
def badges_page(
    request: Request,
    session: DbSession,
    context: AppContext,
    actor: Reads,
    q: Text = "",
    standing: Text = "",
    kind: Text = "",
    customer: Text = "",
    before: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:
    """Badges, newest first: by printed number, customer, standing."""
    given = {"q": q.strip(), "standing": standing, "kind": kind, "customer": customer.strip()}
    query = select(Badge).where(*_conditions(context, given))
    query = query.where(col(Badge.id) < before) if before else query
    some = session.exec(query.order_by(col(Badge.id).desc()).limit(MOST + 1)).all()
    following = some[MOST - 1].id if len(some) > MOST else None
    rows = badge_rows(session, context, actor, some[:MOST])
    return _found(request, session, context, actor, rows, given=given, before=before, following=following)


@router.post("/badges/persons")
def person_page(
    request: Request, context: AppContext, actor: Reads, holder: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Badges of whoever has exactly this name, the newest first; a recorded look. By POST: the name stays out of addresses and logs, and a page that keeps
    itself fresh does not look again."""
    text = holder.strip()
    problem: Problem | None = None
    try:
        admit_search(context, actor, "holder", ["name"] if text else [])
    except Problem as refusal:
        problem = refusal
    with context.database.read() as session:
        some: list[Badge] = []
        if text and problem is None:
            same = select(Holder.id).where(Holder.name_index == context.personal.index("name", text))
            query = select(Badge).where(col(Badge.holder_id).in_(same)).order_by(col(Badge.id).desc())
            some = list(session.exec(query.limit(MOST + 1)).all())
        rows = badge_rows(session, context, actor, some[:MOST])
        return _found(
            request, session, context, actor, rows, problem=problem, sought=True, more=MOST if len(some) > MOST else 0
        )


@router.get("/badges/persons")
def no_person(_actor: Reads) -> Response:
    """Somebody came back to the answer of a search: it is not kept."""
    return RedirectResponse("/badges", 303)


def _found(
    request: Request, session: Session, context: Context, actor: Actor, rows: list[BadgeRow], *,
    given: dict[str, str] | None = None, before: int = 0, following: int | None = None, problem: Problem | None = None,
    sought: bool = False, more: int = 0,
) -> Response:  # fmt: skip
    given = given or {}
    return page(
        request, session, context, actor, "badges.html", "badges", tab="badges", rows=rows, problem=problem, given=given, before=before,
        following=following, standings=STANDINGS, asked={name: value for name, value in given.items() if value},
        sought=sought, more=more,
    )  # fmt: skip


def _conditions(context: Context, given: dict[str, str]) -> Iterator[Any]:
    if text := given["q"]:
        named = or_(
            col(Customer.code).istartswith(text, autoescape=True), col(Customer.name).icontains(text, autoescape=True)
        )
        owners = select(Customer.id).where(named)
        yield or_(
            col(Badge.number).istartswith(text, autoescape=True),
            Badge.public_id == text,
            Badge.external_id == text,
            col(Badge.customer_id).in_(owners),
        )
    if given["customer"]:
        yield col(Badge.customer_id).in_(select(Customer.id).where(Customer.code == given["customer"]))
    if given["standing"] in STANDINGS:
        yield stands_as(given["standing"], context.clock.now())
    yield Badge.kind == given["kind"] if given["kind"] else col(Badge.kind) != "temporary"


@router.get("/badges/to-return")
def to_return_page(
    request: Request,
    session: DbSession,
    context: AppContext,
    actor: Reads,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:
    """Badges whose card should be back, with why and since when; to be worked off and to be printed (B6)."""
    out, following = to_be_returned.page(session, context.clock.now(), after, MOST)
    names = [one.badge.id for one in out]
    badges = {row.public_id: row for row in session.exec(select(Badge).where(col(Badge.public_id).in_(names)))}
    rows = badge_rows(session, context, actor, [badges[name] for name in names])
    return page(
        request, session, context, actor, "badges-to-return.html", "badges", tab="to_return", following=following,
        rows=[(row, one.why, one.since) for row, one in zip(rows, out, strict=True)], possible=_possible_of(session, actor, badges),
    )  # fmt: skip


@router.get("/badges/encodings/{command}")
def encoding_state(
    request: Request, session: DbSession, context: AppContext, _actor: Encodes, command: str
) -> Response:
    """How the writing of a card stands: ``{state, left_s, number, desk, text}``."""
    row = session.exec(select(EdgeCommand).where(EdgeCommand.public_id == command)).first()
    if row is None or row.name != "EncodeCard":
        raise not_found("command", "指令", command[:64])
    one = encoding_of(session, row, to_us(context.clock.now()))
    told = {"state": one.state, "left_s": one.left_s, "number": one.number, "desk": one.desk}
    return JSONResponse(told | {"text": said_of(request, one)})


@router.get("/badges/{name}")
def badge_page(request: Request, session: DbSession, context: AppContext, actor: Reads, name: str) -> Response:
    """One badge: whose, how it stands and where, what was done to it, what can be done now."""
    badge = find_badge(session, name)
    (row,) = badge_rows(session, context, actor, [badge])
    holder = session.get_one(Holder, badge.holder_id)
    seen = may_see_row(session, actor, holder)
    changes = get_history(session, actor, badge.public_id, 0, CHANGES).items
    return page(
        request, session, context, actor, "badge.html", "badges", tab="badges", row=row, badge=row.badge, holder=holder if seen else None,
        seen=seen, reach=badge_reach(session, context, actor, badge.public_id), changes=_told(changes),
        by=operators_of(session, [one.by for one in changes]), possible=possible(session, actor, badge, seen=seen),
        declared=get_declaration(session, actor, row.holder_id).declared_at if seen and badge.kind != "temporary" else None, items=ITEMS,
        prints=badge.status in PRINTED and badge.number is not None, succeeds=_successor(session, badge),
        issuing=issuing_of(request, session, context, actor, badge, seen=seen),
    )  # fmt: skip


def possible(session: Session, actor: Actor, badge: Badge, *, seen: bool) -> Possible:
    """What the table of :mod:`server.badges.lifecycle` and this operator's permissions leave."""
    acts: list[str] = []
    if actor.may(Permission.BADGE_REPORT) and badge.kind != "temporary":
        issues = actor.may(Permission.BADGE_ISSUE) and seen
        reports = {"lost": Act.LOSE, "suspended": Act.SUSPEND, "returned": Act.RETURN}
        if issues:
            reports |= {"active": Act.FIND if badge.status == "lost" else Act.RESUME, "revoked": Act.DEREGISTER}
        acts = [name for name, act in reports.items() if lifecycle.after(badge.status, act) not in (None, badge.status)]
    needs = badge.status == "lost" and badge.kind == "customer"
    return Possible(acts, needs, needs and has_loss_letter(session, badge))


def _possible_of(session: Session, actor: Actor, badges: dict[str, Badge]) -> dict[str, list[str]]:
    return {name: possible(session, actor, badge, seen=False).acts for name, badge in badges.items()}


class Issuing(NamedTuple):
    """What the form that writes a card needs; ``said``: what became of the last order."""

    desks: list[Any]
    number: str
    last: Encoding | None
    said: str
    uid: bool


def issuing_of(
    request: Request, session: Session, context: Context, actor: Actor, badge: Badge, *, seen: bool
) -> Issuing | None:
    """None for a badge that waits for no card, or for who may not write one."""
    may = actor.may(Permission.BADGE_ENCODE) or actor.may(Permission.BADGE_ISSUE)
    if not seen or not may or lifecycle.after(badge.status, Act.ISSUE) is None:
        return None
    if badge.kind == "staff" and not actor.may(Permission.STAFF_PERMIT):
        return None
    last = last_encoding(session, badge, to_us(context.clock.now()))
    number = numbering.next_number(session, badge.kind, badge.public_id)
    said = said_of(request, last) if last is not None else ""
    return Issuing(desks(session), number, last, said, context.config.allow_uid_cards)


def said_of(request: Request, one: Encoding) -> str:
    """The edge's own sentence about a refusal."""
    return renderer_of(request).remedy(one.because, language_of(request)) if one.because else ""


def _successor(session: Session, badge: Badge) -> str | None:
    """The badge, or else the open application, that takes this one's place."""
    newer = select(Badge.public_id).where(Badge.replaces_id == badge.id).order_by(col(Badge.id).desc())
    if badge.status in GONE:
        found = session.exec(newer.limit(1)).first()
        return f"/badges/{found}" if found is not None else None
    asked = select(Application.public_id).where(Application.replaces_id == badge.id, Application.status == "open")
    found = session.exec(asked.limit(1)).first()
    return f"/applications/{found}" if found is not None else None


def _told(changes: list[BadgeChange]) -> list[dict[str, Any]]:
    """Newest first: what the badge became, and what else differs."""
    told = []
    for change in reversed(changes):
        other = {name: value for name, value in change.after.items() if name not in ("status", "reason")}
        told.append(
            {"at": change.at, "by": change.by, "status": change.after.get("status"), "reason": change.after.get("reason"), "other": other}
        )  # fmt: skip
    return told
