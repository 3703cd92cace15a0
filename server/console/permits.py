"""The pages of permits (B8, R4, R6): drafting by steps, approvals, visits under one, its end; and the pool of temporary badges."""

from collections import Counter
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session, col, select

from server.badges.issuing import Technology
from server.console.kiosk import qr_picture
from server.console.pages import page
from server.context import Context
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.models import ApiToken, Operator
from server.operators.permissions import Permission
from server.permits import card_endpoints, drafting, lending, permit_endpoints
from server.permits.approval import TAKES, approvals_of_area
from server.permits.entrance import entrance_code, printed_code
from server.permits.lending import State
from server.permits.models import Permit, PermitPerson, TemporaryCard, Visit
from server.permits.reception import LEVELS
from server.permits.shapes import PermitShown
from server.permits.showing import show_visits
from server.personal.fields import masked_field
from server.problems import Problem
from server.registry.lookup import seen_customers
from server.registry.models import Customer, Holder
from server.registry.records import IdDocument
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.PERMIT_READ)]
Writes = Annotated[Actor, requires(Permission.PERMIT_WRITE)]
Text = Annotated[str, Query(max_length=200)]
Number = Annotated[int, Query(ge=0, le=2**62)]
ROWS = 50
MOST_CHOICES = 300
"""So many customers, escorts or earlier visitors to choose from; any other is named by code or id."""
STATUSES = get_args(permit_endpoints.Status)
KINDS = get_args(permit_endpoints.Kind)


@router.get("/permits")
def permits_page(
    request: Request, session: DbSession, context: AppContext, actor: Reads,
    status: Text = "", kind: Text = "", customer: Text = "", awaiting: Text = "", after: Number = 0,
) -> Response:  # fmt: skip
    """Permits, the newest first: those that are open, or of one status."""
    asked: dict[str, Any] = {
        "status": status if status in STATUSES else None,
        "kind": kind if kind in KINDS else None,
        "customer": customer.strip() or None,
        "awaiting": awaiting if awaiting in TAKES else None,
    }
    items: list[PermitShown] = []
    following, found = None, None
    open_ = asked["status"] is None and status != "every"
    try:
        some = permit_endpoints.list_permits(
            session, context, actor, open_=open_, after=after, limit=ROWS, newest_first=True, **asked
        )
        items, following = some.items, some.next
    except Problem as problem:
        found = problem
    given = {"status": status, "kind": kind, "customer": customer, "awaiting": awaiting}
    return page(
        request, session, context, actor, "permits.html", "visits", tab="permits", items=items, following=following, problem=found,
        given=given, asked={name: value for name, value in given.items() if value}, statuses=STATUSES, kinds=KINDS,
        names=_customers(session, items), after=after,
    )  # fmt: skip


@router.get("/permits/new")
def new_permit_page(
    request: Request, session: DbSession, context: AppContext, actor: Writes, like: Text = "", customer: Text = ""
) -> Response:
    """What is asked for; persons and papers come on the draft's own page. ``like``: as that permit asked."""
    model = permit_endpoints.get_permit(session, context, actor, like, Response()) if like else None
    return page(
        request, session, context, actor, "permit-new.html", "visits", tab="permits", like=model, customer=customer,
        **_choices(session, context, actor),
    )  # fmt: skip


@router.get("/permits/{name}")
def permit_page(request: Request, session: DbSession, context: AppContext, actor: Reads, name: str) -> Response:
    """One permit: what it lacks, who approves, who came, what may be done next."""
    permit = permit_endpoints.get_permit(session, context, actor, name, Response())
    row = drafting.find_permit(session, name, actor)
    visits = session.exec(select(Visit).where(Visit.permit_id == row.id).order_by(col(Visit.id).desc())).all()
    shown = show_visits(session, context, visits[:MOST_CHOICES])
    given = {one.by for one in permit.approvals}
    own = [one for one in permit.awaiting if actor.may(TAKES[one])]  # type: ignore[index]
    draft = permit.status == "draft" and actor.may(Permission.PERMIT_WRITE)
    return page(
        request, session, context, actor, "permit.html", "visits", tab="permits", permit=permit, visits=shown,
        open_visits={one.person: one for one in shown if one.status in ("expected", "checked_in", "inside")},
        level=LEVELS.get(permit.level), escort=_name(session, context, permit.escort), own=own, gave=bool(given & actor.identities),
        refuses=any(actor.may(TAKES[one]) for one in permit.needed),  # type: ignore[index]
        by=_operators(session, [permit.created_by]), names=_customers(session, [permit]), documents=get_args(IdDocument),
        known=_came_before(session, context, row) if draft else [], code=printed_code(permit.id), max_persons=drafting.MAX_PERSONS,
        **(_choices(session, context, actor) if draft else {}),
    )  # fmt: skip


@router.get("/permits/{name}/code.svg")
def permit_code(session: DbSession, actor: Reads, name: str) -> Response:
    """The number for the entrance as a QR code."""
    return qr_picture(entrance_code(drafting.find_permit(session, name, actor).public_id))


@router.get("/visits/cards")
def cards_page(
    request: Request, session: DbSession, context: AppContext, actor: Reads, state: Text = "", after: Number = 0
) -> Response:
    """The pool of cards: what is free, who has the others since when."""
    wanted: State | None = state if state in get_args(State) else None  # type: ignore[assignment]
    some = card_endpoints.list_cards(session, actor, state=wanted, after=after, limit=ROWS * 4)
    every = session.exec(select(TemporaryCard)).all()
    newest = lending.newest_badges(session, every)
    states = Counter(lending.state_of(card, newest.get(card.id)) for card in every)
    names = {one.visit for one in some.items if one.visit}
    rows = session.exec(select(Visit).where(col(Visit.public_id).in_(names))).all() if names else []
    lent = {one.id: one for one in show_visits(session, context, rows)}
    counts = {one: states[one] for one in get_args(State)}
    return page(
        request, session, context, actor, "cards.html", "visits", tab="cards", items=some.items, following=some.next, lent=lent,
        counts=counts, state=wanted or "", technologies=get_args(Technology), allow_uid=context.config.allow_uid_cards, after=after,
    )  # fmt: skip


def _choices(session: Session, context: Context, actor: Actor) -> dict[str, Any]:
    """What the form of a draft offers."""
    customers = select(Customer).where(seen_customers(actor), col(Customer.deleted_at).is_(None))
    living = customers.where(col(Customer.merged_into).is_(None)).order_by(Customer.code).limit(MOST_CHOICES)
    staff = select(Holder).where(
        Holder.kind == "staff", col(Holder.left_at).is_(None), col(Holder.deleted_at).is_(None)
    )
    escorts = session.exec(staff.order_by(col(Holder.id)).limit(MOST_CHOICES)).all()
    return {
        "customers": session.exec(living).all(),
        "escorts": [
            {
                "id": one.public_id,
                "name": masked_field(context.personal, one, "name") or one.external_id or one.public_id,
                "areas": sorted(set(one.may_escort) | set(one.areas)),
            }
            for one in escorts
            if one.may_escort or one.areas
        ],
        "areas": [(area, approvals_of_area(area)) for area in context.site.areas if not area.public],
        "schedules": [one.id for one in context.site.schedules],
        "levels": LEVELS,
        "kinds": KINDS,
        "max_days": {"temporary": drafting.MAX_TEMPORARY.days, "recurring": drafting.MAX_RECURRING.days},
    }


def _came_before(session: Session, context: Context, permit: Permit) -> list[dict[str, Any]]:
    """Visitors of earlier permits of the same customer who are not on this one: they need not be written down again."""
    here = select(PermitPerson.holder_id).where(PermitPerson.permit_id == permit.id)
    of = select(PermitPerson.holder_id).join(Permit, col(Permit.id) == PermitPerson.permit_id)
    same = of.where(
        Permit.customer_id == permit.customer_id
        if permit.customer_id is not None
        else col(Permit.customer_id).is_(None)
    )
    query = select(Holder).where(
        Holder.kind == "visitor", col(Holder.left_at).is_(None), col(Holder.deleted_at).is_(None),
        col(Holder.id).in_(same), col(Holder.id).not_in(here),
    )  # fmt: skip
    rows = session.exec(query.order_by(col(Holder.id).desc()).limit(MOST_CHOICES)).all()
    return [
        {
            "id": one.public_id,
            "name": masked_field(context.personal, one, "name"),
            "id_number": masked_field(context.personal, one, "id_number"),
            "phone": masked_field(context.personal, one, "phone"),
        }
        for one in rows
    ]


def _customers(session: Session, permits: list[PermitShown]) -> dict[str, str]:
    """Code → name."""
    codes = {one.customer for one in permits if one.customer}
    query = select(Customer.code, Customer.name).where(col(Customer.code).in_(codes))
    return dict(session.exec(query).all()) if codes else {}


def _name(session: Session, context: Context, holder: str | None) -> str | None:
    if holder is None:
        return None
    row = session.exec(select(Holder).where(Holder.public_id == holder)).first()
    return (masked_field(context.personal, row, "name") or holder) if row is not None else holder


def _operators(session: Session, ids: list[str]) -> dict[str, str]:
    found = dict(session.exec(select(Operator.public_id, Operator.name).where(col(Operator.public_id).in_(ids))).all())
    return found | dict(
        session.exec(select(ApiToken.public_id, ApiToken.name).where(col(ApiToken.public_id).in_(ids))).all()
    )
