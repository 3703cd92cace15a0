"""The pages of exit slips: the application, one slip through its life, who carries it, what the inventory says of it (E4-E6, E8)."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session, and_, col, or_, select

from server.console.customer_choice import customers_like
from server.console.pages import page
from server.console.people import customers_named
from server.context import Context
from server.equipment.slip_models import ExitSlip
from server.equipment.slips import endpoints as slip_endpoints
from server.equipment.slips.deciding import refuse_unapprovable
from server.equipment.slips.reconciling import TEXTS
from server.equipment.slips.showing import SlipShown
from server.fleet.edge_doors import doors_by_edge
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.permits.models import Permit, PermitPerson
from server.personal.fields import masked_field
from server.problems import Problem
from server.registry.lookup import living_customer, seen_rows
from server.registry.models import Holder
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.SLIP_READ)]
Writes = Annotated[Actor, requires(Permission.SLIP_WRITE)]
Text = Annotated[str, Query(max_length=200)]
Kind = Literal["withdrawal", "repair", "site"]
KINDS: tuple[Kind, ...] = ("withdrawal", "repair", "site")
MOST = 200
"""So many people to choose carriers from."""
CHECKED = ("submitted", "reconciled", "inspected", "approved")
"""While nothing has left, the inventory is asked anew each time the page is shown."""


@router.get("/equipment/slips/new")
def new_slip_page(
    request: Request, session: DbSession, context: AppContext, actor: Writes, kind: Kind | None = None, customer: Text = "", q: Text = "",
) -> Response:  # fmt: skip
    """First what it is for, then the customer, then the application; its devices follow on the draft's own page."""
    if kind is None:
        return page(request, session, context, actor, "slip-kind.html", "equipment", tab="documents", kinds=KINDS)
    if kind != "site" and not customer:
        found, more = customers_like(session, actor, q)
        return page(
            request, session, context, actor, "customer-choice.html", "equipment", tab="documents", found=found, more=more, q=q,
            to=f"/equipment/slips/new?kind={kind}", what=kind,
        )  # fmt: skip
    row = living_customer(session, customer, None, actor=actor) if kind != "site" else None
    return page(
        request, session, context, actor, "slip-new.html", "equipment", tab="documents", kind=kind, customer=row
    )


@router.get("/equipment/slips/{name}")
def slip_page(request: Request, session: DbSession, context: AppContext, actor: Reads, name: str) -> Response:
    """One slip: lines, carriers, papers, what the inventory says, its sheet, what is done with it next."""
    slip = slip_endpoints.get_slip(session, context, actor, name, Response())
    row = session.exec(select(ExitSlip).where(ExitSlip.public_id == slip.id)).one()
    approves = Permission.SLIP_APPROVE_SITE if slip.kind == "site" else Permission.SLIP_APPROVE
    found = slip_endpoints.look_up(session, context, actor, slip.id) if slip.status in CHECKED else None
    writes = actor.may(Permission.SLIP_WRITE)
    people = _carriers(session, context, actor, row) if writes and slip.status == "draft" else []
    return page(
        request, session, context, actor, "slip.html", "equipment", tab="documents", slip=slip, approves=actor.may(approves),
        barred=_barred(session, actor, context.clock.now(), row) if slip.status == "inspected" else None, found=found, texts=TEXTS, people=people, more_people=len(people) > MOST,
        doors=_goods_doors(session, context), names=customers_named(session, [slip.customer]),
        unerased=_unerased(slip), away=[line for line in slip.lines if line.out and line.serials],
    )  # fmt: skip


def _barred(session: Session, actor: Actor, now: datetime, row: ExitSlip) -> Problem | None:
    """Why this operator could not approve it now, said before they try."""
    try:
        refuse_unapprovable(session, actor, now, row)
    except Problem as problem:
        return problem
    return None


def _carriers(session: Session, context: Context, actor: Actor, slip: ExitSlip) -> list[dict[str, Any]]:
    """Who may be named: the customer's people and visitors (for the site's own: its staff), who have not left, and visitors of any other who come on a permit
    in force."""
    now = context.clock.now()
    of = Holder.kind == "staff" if slip.customer_id is None else Holder.customer_id == slip.customer_id
    coming = select(PermitPerson.holder_id).join(Permit, col(Permit.id) == PermitPerson.permit_id)
    coming = coming.where(col(Permit.status).in_(("submitted", "approved")), col(Permit.until_at) > now)
    visits = and_(col(Holder.kind) == "visitor", col(Holder.id).in_(coming))
    query = seen_rows(actor, select(Holder), Holder).where(or_(of, visits), col(Holder.deleted_at).is_(None))
    query = query.where(or_(col(Holder.left_at).is_(None), col(Holder.left_at) > now))
    rows = session.exec(query.order_by(col(Holder.kind), col(Holder.id)).limit(MOST + 1)).all()
    return [
        {"id": row.public_id, "kind": row.kind, "name": masked_field(context.personal, row, "name"),
         "id_number": masked_field(context.personal, row, "id_number")}
        for row in rows
    ]  # fmt: skip


def _goods_doors(session: Session, context: Context) -> list[tuple[str, list[str]]]:
    """Edge → its doors through which equipment leaves."""
    out = {door.id for door in context.site.doors if door.goods in ("out", "both")}
    found = doors_by_edge(session, context.site)
    return [
        (edge, [door for door in doors if door in out]) for edge, doors in sorted(found.items()) if out & set(doors)
    ]


def _unerased(slip: SlipShown) -> list[Any]:
    """Lines of storage of the site's own without any record of backup and erasure yet (E8)."""
    done = {one.line for one in slip.inspections if one.act == "erasure" and one.result == "pass"}
    return [line for line in slip.lines if line.storage and line.id not in done]
