"""The pages of equipment: slips and orders, what is in the rooms now or was then, the path of a device, what does not square (E1-E8)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse

from controller.codes import serial_key
from server.console.pages import page
from server.console.waiting import goods_points
from server.equipment import inventory_endpoints, order_endpoints
from server.equipment.slips import endpoints as slip_endpoints
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.models import ApiToken, Operator
from server.operators.permissions import Permission
from server.problems import Problem, not_found
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

MOST = 200
"""So many documents or devices on one page; the API has them all."""
ReadsLive = Annotated[Actor, requires(Permission.LIVE_READ)]
ReadsSlips = Annotated[Actor, requires(Permission.SLIP_READ)]
ReadsOrders = Annotated[Actor, requires(Permission.ORDER_READ)]
ReadsInventory = Annotated[Actor, requires(Permission.INVENTORY_READ)]
Text = Annotated[str, Query(max_length=200)]


@router.get("/equipment")
def documents_page(
    request: Request,
    session: DbSession,
    context: AppContext,
    actor: ReadsLive,
    customer: Text = "",
    every: bool = False,
) -> Response:
    """Exit slips and work orders: those that are open, or all; of one customer. What does not square stands above."""
    slips: list[Any] = []
    orders: list[Any] = []
    open_discrepancies = 0
    found: Problem | None = None
    wanted = customer.strip() or None
    try:
        if actor.may(Permission.SLIP_READ):
            back = slip_endpoints.list_slips(session, context, actor, customer=wanted, overdue=True, limit=MOST).items
            some = slip_endpoints.list_slips(
                session, context, actor, customer=wanted, open_=not every, limit=MOST
            ).items
            late = {slip.id for slip in back}
            slips = [*back, *(slip for slip in reversed(some) if slip.id not in late)]
        if actor.may(Permission.ORDER_READ):
            orders = order_endpoints.list_orders(session, actor, customer=wanted, open=not every, limit=MOST).items[
                ::-1
            ]
    except Problem as problem:
        found = problem
    if actor.may(Permission.INVENTORY_READ):
        open_discrepancies = len(inventory_endpoints.list_discrepancies(session, actor, limit=MOST).items)
    return page(
        request, session, context, actor, "equipment.html", "equipment", tab="documents", slips=slips, orders=orders, customer=customer,
        every=every, problem=found, open_discrepancies=open_discrepancies, most=MOST,
    )  # fmt: skip


@router.get("/equipment/documents/{number}")
def document(session: DbSession, context: AppContext, actor: ReadsLive, number: str) -> Response:
    """To the slip or order of this printed number: what the live page links to."""
    if number.startswith("S-") and actor.may(Permission.SLIP_READ):
        return RedirectResponse(
            f"/equipment/slips/{slip_endpoints.get_slip(session, context, actor, number, Response()).id}", 303
        )
    if number.startswith("W-") and actor.may(Permission.ORDER_READ):
        return RedirectResponse(
            f"/equipment/orders/{order_endpoints.get_order(session, actor, number, Response()).id}", 303
        )
    raise not_found("slip or order", "出门条或开工单", number[:64])


@router.get("/equipment/slips/{name}")
def slip_page(request: Request, session: DbSession, context: AppContext, actor: ReadsSlips, name: str) -> Response:
    """One slip: lines, carriers, its sheet, what is done with it next."""
    slip = slip_endpoints.get_slip(session, context, actor, name, Response())
    approves = Permission.SLIP_APPROVE_SITE if slip.kind == "site" else Permission.SLIP_APPROVE
    return page(
        request, session, context, actor, "slip.html", "equipment", tab="documents", slip=slip, approves=actor.may(approves),
    )  # fmt: skip


@router.get("/equipment/orders/{name}")
def order_page(request: Request, session: DbSession, context: AppContext, actor: ReadsOrders, name: str) -> Response:
    """One order: lines with what came in, unpacking attested, receiving at the desk where no edge has it."""
    order = order_endpoints.get_order(session, actor, name, Response())
    return page(
        request, session, context, actor, "order.html", "equipment", tab="documents", order=order,
        by=_operators(session, [order.made_by, order.approved_by, order.exception.asked_by if order.exception else None]),
        goods_points=goods_points(context.site),
    )  # fmt: skip


@router.get("/equipment/inventory")
def inventory_page(
    request: Request, session: DbSession, context: AppContext, actor: ReadsInventory,
    customer: Text = "", at: Text = "", rack: Text = "", q: Text = "", own: bool = False, after: int = 0,
) -> Response:  # fmt: skip
    """What of a customer's, or of the site's own, is in the rooms: now, or at the beginning of a date."""
    found, items, following = None, [], None
    asked = {
        "customer": customer.strip() or None,
        "at": at.strip() or None,
        "rack": rack.strip() or None,
        "q": q.strip() or None,
    }
    try:
        some = inventory_endpoints.list_inventory(
            session, context, actor, own=own, after=max(after, 0), limit=MOST, **asked
        )
        items, following = some.items, some.next
    except Problem as problem:
        found = problem
    given = {"customer": customer, "at": at, "rack": rack, "q": q, "own": own}
    return page(
        request, session, context, actor, "inventory.html", "equipment", tab="inventory", items=items, following=following,
        problem=found, given=given, asked={name: value for name, value in asked.items() if value} | ({"own": "true"} if own else {}),
    )  # fmt: skip


@router.get("/equipment/path")
def path_page(
    request: Request, session: DbSession, context: AppContext, actor: ReadsInventory, serial: Text = ""
) -> Response:
    """Where a device has been: every order, slip, door and carrier."""
    found, path = None, None
    if serial_key(serial):
        try:
            path = inventory_endpoints.get_path(session, actor, serial)
        except Problem as problem:
            found = problem
    names = _operators(
        session, [name for move in path.moves for name in (move.by, move.second)] if path is not None else []
    )
    return page(
        request, session, context, actor, "path.html", "equipment", tab="path", serial=serial, way=path, problem=found, by=names,
    )  # fmt: skip


@router.get("/equipment/discrepancies")
def discrepancies_page(
    request: Request, session: DbSession, context: AppContext, actor: ReadsInventory, every: bool = False
) -> Response:
    """Moves that did not fit; whoever may correct the inventory says what was found."""
    items = inventory_endpoints.list_discrepancies(session, actor, open=not every, limit=MOST).items
    return page(
        request, session, context, actor, "discrepancies.html", "equipment", tab="discrepancies", items=items, every=every,
        by=_operators(session, [one.resolved_by for one in items]),
    )  # fmt: skip


def _operators(session: Session, names: list[str | None]) -> dict[str, str]:
    """Names of operators and tokens by public id."""
    wanted = {name for name in names if name}
    found: dict[str, str] = {}
    for model in (Operator, ApiToken):
        query = select(model.public_id, model.name).where(col(model.public_id).in_(wanted))
        found |= dict(session.exec(query).all()) if wanted else {}
    return found
