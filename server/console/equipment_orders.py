"""The pages of work orders: choosing the customer, the draft, one order with what comes next, receiving at the desk (E1-E3)."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session, col, select

from server.console.customer_choice import customers_like
from server.console.pages import page
from server.console.people import customers_named, operators_of
from server.console.waiting import goods_points
from server.context import Context
from server.equipment import order_endpoints, orders
from server.equipment.models import WorkOrder
from server.equipment.order_binding import goods_edges
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.registry.lookup import living_customer
from server.registry.models import Contract, Customer
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.ORDER_READ)]
Writes = Annotated[Actor, requires(Permission.ORDER_WRITE)]
Text = Annotated[str, Query(max_length=200)]


@router.get("/equipment/orders/new")
def new_order_page(
    request: Request, session: DbSession, context: AppContext, actor: Writes, customer: Text = "", q: Text = ""
) -> Response:
    """First the customer, then the contract and the time; its lines follow on the draft's own page."""
    if not customer:
        found, more = customers_like(session, actor, q)
        return page(
            request, session, context, actor, "customer-choice.html", "equipment", tab="documents", found=found, more=more, q=q,
            to="/equipment/orders/new", what="order",
        )  # fmt: skip
    row = living_customer(session, customer, None, actor=actor)
    first, notice_h = orders.notice_of(session, context, row)
    earliest = context.clock.now() + timedelta(hours=notice_h)
    return page(
        request, session, context, actor, "order-new.html", "equipment", tab="documents", customer=row,
        contracts=_in_force(session, context, row), first=first, notice_h=notice_h, earliest=earliest,
    )  # fmt: skip


@router.get("/equipment/orders/{name}")
def order_page(request: Request, session: DbSession, context: AppContext, actor: Reads, name: str) -> Response:
    """One order: lines with what came in, what may be done with it next, receiving at the desk where no edge has it."""
    order = order_endpoints.get_order(session, actor, name, Response())
    row = session.exec(select(WorkOrder).where(WorkOrder.public_id == order.id)).one()
    contract = session.get_one(Contract, row.contract_id)
    first, notice_h = orders.notice_of(session, context, session.get_one(Customer, row.customer_id))
    now = context.clock.now()
    exception = order.exception
    return page(
        request, session, context, actor, "order.html", "equipment", tab="documents", order=order, contract=contract,
        names=customers_named(session, [order.customer]), first=first, notice_h=notice_h,
        late=order.planned_from < now + timedelta(hours=notice_h), over=order.planned_until <= now,
        early=now < order.planned_from, asked_myself=exception is not None and actor.is_who(exception.asked_by),
        allocations=[one for one in order_endpoints.list_allocations(session, actor, name).items if one.released_at is None],
        edges=goods_edges(session, context.site), goods_points=goods_points(context.site),
        by=operators_of(session, [order.made_by, order.approved_by, order.closed_by, *((exception.asked_by, exception.approved_by) if exception else ())]),
    )  # fmt: skip


def _in_force(session: Session, context: Context, customer: Customer) -> list[Contract]:
    """Its contracts under which something may be racked now."""
    now = context.clock.now()
    query = select(Contract).where(
        Contract.customer_id == customer.id, Contract.status == "active", col(Contract.deleted_at).is_(None)
    )
    rows = session.exec(query.order_by(col(Contract.id))).all()
    return [row for row in rows if row.until_at is None or row.until_at > now]
