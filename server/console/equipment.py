"""The page of slips and orders, and where a printed number leads; the router of all pages of equipment (E1-E8)."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from server.console import equipment_orders, equipment_slips, equipment_stock
from server.console.pages import page
from server.console.people import customers_named
from server.console.scanned import document_path
from server.equipment import inventory_endpoints, order_endpoints
from server.equipment.slips import endpoints as slip_endpoints
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import MAX_ID, MAX_LIMIT, Page
from server.problems import Problem
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

MOST = 200
"""So many documents of a kind on one page."""
ReadsLive = Annotated[Actor, requires(Permission.LIVE_READ)]
ReadsSlips = Annotated[Actor, requires(Permission.SLIP_READ)]
Text = Annotated[str, Query(max_length=200)]
Before = Annotated[int, Query(ge=0, le=MAX_ID)]


@router.get("/equipment")
def documents_page(
    request: Request,
    session: DbSession,
    context: AppContext,
    actor: ReadsSlips,
    customer: Text = "",
    every: bool = False,
    slips_before: Before = 0,
    orders_before: Before = 0,
) -> Response:
    """Exit slips and work orders: those that are open, or all; of one customer; the newest first, by pages. What should have come back stands above."""
    late: list[Any] = []
    slips = Page[Any](items=[])
    orders = Page[Any](items=[])
    discrepancies = Page[Any](items=[])
    found: Problem | None = None
    wanted = customer.strip() or None
    try:
        late = slip_endpoints.list_slips(session, context, actor, customer=wanted, overdue=True, limit=MAX_LIMIT).items
        slips = slip_endpoints.list_slips(
            session, context, actor, customer=wanted, open_=not every, after=slips_before, limit=MOST, newest_first=True
        )
        if actor.may(Permission.ORDER_READ):
            orders = order_endpoints.list_orders(
                session, actor, customer=wanted, open=not every, after=orders_before, limit=MOST, newest_first=True
            )
    except Problem as problem:
        found = problem
    if actor.may(Permission.INVENTORY_READ):
        discrepancies = inventory_endpoints.list_discrepancies(session, actor, limit=MOST)
    above = {slip.id for slip in late}
    asked = {
        "customer": wanted,
        "every": "true" if every else None,
        "slips_before": slips_before,
        "orders_before": orders_before,
    }
    listed = [*(late if not slips_before else []), *(slip for slip in slips.items if slip.id not in above)]
    return page(
        request, session, context, actor, "equipment.html", "equipment", tab="documents", slips=listed, orders=orders.items, customer=customer,
        every=every, problem=found, open_discrepancies=discrepancies,
        older={"slips": _address(asked, slips_before=slips.next) if slips.next else None, "orders": _address(asked, orders_before=orders.next) if orders.next else None},
        newest={"slips": _address(asked, slips_before=0) if slips_before else None, "orders": _address(asked, orders_before=0) if orders_before else None},
        names=customers_named(session, [one.customer for one in (*listed, *orders.items)]),
    )  # fmt: skip


def _address(asked: dict[str, Any], **other: Any) -> str:
    return "/equipment?" + urlencode({name: value for name, value in (asked | other).items() if value})


@router.get("/equipment/documents/{number}")
def document(session: DbSession, context: AppContext, actor: ReadsLive, number: str) -> Response:
    """To the slip or order of this printed number: what the live page links to."""
    return RedirectResponse(document_path(session, context, actor, number), 303)


for part in (equipment_orders, equipment_slips, equipment_stock):
    router.include_router(part.router)
