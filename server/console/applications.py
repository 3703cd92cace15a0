"""The pages of applications for badges: what is incomplete, to be approved, to be issued; the way from the application to the card (B1, B2, B4, B5, R8)."""

from typing import Annotated, Any, NamedTuple, get_args

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session, case, col, or_, select

from server.badges.application_endpoints import list_applications
from server.badges.lookup import find_application, find_badge
from server.badges.models import GONE, Application, Badge
from server.badges.quota import Quota
from server.console.badge_rows import ApplicationRow, BadgeRow, Owner, application_rows, badge_rows, owners_of
from server.console.badges import issuing_of
from server.console.pages import page
from server.console.people import operators_of
from server.context import Context
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.permits.card_endpoints import get_declaration
from server.permits.declaration import ITEMS
from server.permits.overdue import undeclared_badges
from server.personal.fields import masked_field
from server.problems import Problem
from server.registry.lookup import find_customer, seen_customers, seen_rows
from server.registry.models import Customer, Holder
from server.registry.records import IdDocument
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.APPLICATION_READ)]
Writes = Annotated[Actor, requires(Permission.APPLICATION_WRITE)]
Text = Annotated[str, Query(max_length=200)]
MOST = 100
"""So many of each list."""
PEOPLE = 1_000
"""So many persons to choose from."""
FOUND = 20
"""So many customers that a search shows."""
KINDS = ("new", "reissue", "transfer")
REPLACED = {"reissue": ("lost",), "transfer": ("approved", "issued", "active", "suspended")}
"""Kind of application → statuses of the badge whose place it takes."""


class Person(NamedTuple):
    """Somebody on file: masked name and ID number, and the numbers of the badges that they hold."""

    id: str
    name: str
    id_number: str
    badges: list[str]


@router.get("/applications")
def applications_page(
    request: Request, session: DbSession, context: AppContext, actor: Reads, every: bool = False
) -> Response:
    """Worklists: papers missing, to be approved, to be issued, waiting for edges; declarations that are missing. ``every``: what was decided, too."""

    def listed(status: Any) -> list[ApplicationRow]:
        names = [one.id for one in list_applications(session, actor, status=status, limit=MOST).items]
        rows = session.exec(select(Application).where(col(Application.public_id).in_(names))).all() if names else []
        return application_rows(session, context, sorted(rows, key=lambda row: row.id or 0))

    undeclared, _ = undeclared_badges(session, 0, MOST)
    decided: list[ApplicationRow] = []
    if every:
        query: Any = select(Application).join(Holder, col(Holder.id) == Application.holder_id)
        query = seen_rows(actor, query, Holder).where(Application.status != "open")
        decided = application_rows(
            session, context, session.exec(query.order_by(col(Application.id).desc()).limit(MOST)).all()
        )
    return page(
        request, session, context, actor, "applications.html", "badges", tab="applications", most=MOST, every=every, decided=decided,
        incomplete=listed("incomplete"), complete=listed("complete"), to_issue=_badges(session, context, actor, "approved"),
        awaiting=[row for row in _badges(session, context, actor, "issued") if row.badge.awaiting],
        undeclared=badge_rows(session, context, actor, undeclared), items=ITEMS,
    )  # fmt: skip


def _badges(session: Session, context: Context, actor: Actor, status: str) -> list[BadgeRow]:
    query: Any = seen_rows(actor, select(Badge), Badge)
    query = query.where(Badge.status == status, col(Badge.kind) != "temporary").order_by(col(Badge.id))
    return badge_rows(session, context, actor, session.exec(query.limit(MOST)).all())


@router.get("/applications/new")
def new_page(
    request: Request,
    session: DbSession,
    context: AppContext,
    actor: Writes,
    q: Text = "",
    customer: Text = "",
    staff: bool = False,
    kind: Text = "new",
    replaces: Text = "",
    holder: Text = "",
) -> Response:
    """Which customer; then who, what for, how long. ``kind``, ``replaces``, ``holder`` choose beforehand."""
    kind = kind if kind in KINDS else "new"
    found: Problem | None = None
    chosen: Customer | None = None
    matches: list[Owner] = []
    try:
        old = find_badge(session, replaces, actor=actor) if replaces else None
        if old is not None:
            staff = old.kind == "staff"
            customer = session.get_one(Customer, old.customer_id).code if old.customer_id is not None else ""
        chosen = find_customer(session, customer.strip(), actor=actor) if customer.strip() else None
    except Problem as problem:
        found, old = problem, None
    if chosen is None and not staff:
        matches = _matches(session, context, actor, q.strip())
    ready = chosen is not None or staff
    owner = owners_of(session, [chosen], context.clock.now())[chosen.id] if chosen is not None else None
    held = _held(session, chosen, staff=staff) if ready else []
    holder = holder or _holder_of(session, old, kind)
    people = _people(session, context, chosen, held, holder) if ready else []
    return page(
        request, session, context, actor, "application-new.html", "badges", tab="applications", q=q, matches=matches, problem=found,
        owner=owner, staff=staff, kind=kind, old=old, held=badge_rows(session, context, actor, held), chosen=holder,
        people=people[:PEOPLE], more_people=PEOPLE if len(people) > PEOPLE else 0, documents=get_args(IdDocument), replaced=REPLACED,
        schedules=context.site.schedules,
    )  # fmt: skip


@router.get("/applications/{name}")
def application_page(request: Request, session: DbSession, context: AppContext, actor: Reads, name: str) -> Response:
    """One application: its papers, the decision, the card, the declaration; what is missing, and what comes next."""
    application = find_application(session, name, actor)
    (row,) = application_rows(session, context, [application])
    badge = session.get(Badge, application.badge_id) if application.badge_id is not None else None
    (shown,) = badge_rows(session, context, actor, [badge]) if badge is not None else [None]
    declared = get_declaration(session, actor, row.holder_id).declared_at
    replaced = session.get(Badge, application.replaces_id) if application.replaces_id is not None else None
    staff = row.owner is None
    return page(
        request, session, context, actor, "application.html", "badges", tab="applications", row=row, one=row.application,
        badge=shown.badge if shown is not None else None, declared=declared, items=ITEMS, replaced=replaced,
        by=operators_of(session, [row.application.created_by, row.application.decided_by]),
        approves=actor.may(Permission.APPLICATION_APPROVE) and (not staff or actor.may(Permission.STAFF_PERMIT)),
        issuing=issuing_of(request, session, context, actor, badge, seen=True) if badge is not None else None,
        blocked=_blocked(row), held=_holding(session, context, actor, row), steps=_steps(row, shown, declared is not None),
    )  # fmt: skip


def _matches(session: Session, context: Context, actor: Actor, text: str) -> list[Owner]:
    query = select(Customer).where(
        seen_customers(actor), col(Customer.deleted_at).is_(None), col(Customer.merged_into).is_(None)
    )
    if text:
        query = query.where(
            or_(
                col(Customer.code).istartswith(text, autoescape=True),
                col(Customer.name).icontains(text, autoescape=True),
            )
        )
    rows = session.exec(query.order_by(col(Customer.code)).limit(FOUND + 1)).all()
    return list(owners_of(session, rows, context.clock.now()).values())


def _held(session: Session, customer: Customer | None, *, staff: bool) -> list[Badge]:
    """The badges whose place a new one may take, and those that fill the quota."""
    query = select(Badge).where(col(Badge.status).not_in(GONE))
    if staff or customer is None:
        query = query.where(Badge.kind == "staff")
    else:
        query = query.where(Badge.customer_id == customer.id)
    return list(session.exec(query.order_by(col(Badge.id))).all())


def _people(
    session: Session, context: Context, customer: Customer | None, held: list[Badge], first: str
) -> list[Person]:
    """Who may be chosen, the newest first; before them the one whose id is ``first``. One more than :data:`PEOPLE` where there are more."""
    now = context.clock.now()
    query = select(Holder).where(
        col(Holder.deleted_at).is_(None), or_(col(Holder.left_at).is_(None), col(Holder.left_at) > now)
    )
    query = query.where(Holder.kind == "staff" if customer is None else Holder.customer_id == customer.id)
    named = case((col(Holder.public_id) == first, 0), else_=1)
    numbers: dict[int, list[str]] = {}
    for badge in held:
        numbers.setdefault(badge.holder_id, []).append(badge.number or "")
    return [
        Person(
            row.public_id,
            masked_field(context.personal, row, "name") or row.public_id,
            masked_field(context.personal, row, "id_number") or "",
            numbers.get(row.id or 0, []),
        )
        for row in session.exec(query.order_by(named, col(Holder.id).desc()).limit(PEOPLE + 1)).all()
    ]


def _holder_of(session: Session, old: Badge | None, kind: str) -> str:
    """After a loss the new badge is for the same person, unless somebody says otherwise."""
    return session.get_one(Holder, old.holder_id).public_id if old is not None and kind == "reissue" else ""


def _blocked(row: ApplicationRow) -> list[str]:
    """Why approval would be refused though the papers are there: ``contract``, ``quota``."""
    owner: Owner | None = row.owner
    if owner is None or row.application.status not in ("incomplete", "complete"):
        return []
    quota: Quota = owner.quota
    full = row.application.kind == "new" and quota.full
    return [why for why, holds in (("contract", not owner.in_force), ("quota", full)) if holds]


def _holding(session: Session, context: Context, actor: Actor, row: ApplicationRow) -> list[BadgeRow]:
    """Whose badges fill the quota, where that stands in the way."""
    if row.owner is None or "quota" not in _blocked(row):
        return []
    customer = session.exec(select(Customer).where(Customer.code == row.owner.code)).one()
    return badge_rows(session, context, actor, _held(session, customer, staff=False))


def _steps(row: ApplicationRow, badge: BadgeRow | None, declared: bool) -> list[tuple[str, str]]:
    """The progress line: step → done, now, later, or off (refused, withdrawn)."""
    status, kind = row.application.status, badge.badge.status if badge is not None else ""
    done = {
        "applied": True,
        "papers": not row.application.missing,
        "approved": status == "approved",
        "card": badge is not None and kind not in ("", "approved"),
        "in_force": badge is not None and badge.badge.activated_at is not None,
        "declared": declared,
    }
    if status in ("refused", "withdrawn"):
        return [(step, "done" if done[step] and step in ("applied", "papers") else "off") for step in done]
    first = next((step for step, is_done in done.items() if not is_done), None)
    return [(step, "done" if is_done else "now" if step == first else "later") for step, is_done in done.items()]
