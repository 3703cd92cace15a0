"""The page of slips and orders, and where a scanned code or printed number leads; the router of all pages of equipment (E1-E8)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlmodel import Session, select
from starlette.responses import RedirectResponse

from controller.codes import document_of, serial_key
from server.console import equipment_orders, equipment_slips, equipment_stock
from server.console.pages import page
from server.console.people import customers_named
from server.context import Context
from server.equipment import inventory_endpoints, order_endpoints
from server.equipment.codes import code_hash
from server.equipment.models import Item, WorkOrder
from server.equipment.slip_models import ExitSlip
from server.equipment.slips import endpoints as slip_endpoints
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.problems import Problem, not_found
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

MOST = 200
"""So many documents on one page; the API has them all."""
ReadsLive = Annotated[Actor, requires(Permission.LIVE_READ)]
ReadsSlips = Annotated[Actor, requires(Permission.SLIP_READ)]
Text = Annotated[str, Query(max_length=200)]


class Scanned(BaseModel):
    """What a scanner read on a page that has no use for it itself."""

    text: Annotated[str, Field(min_length=1, max_length=200)]


class Leads(BaseModel):
    """Where it leads."""

    to: str


@router.get("/equipment")
def documents_page(
    request: Request,
    session: DbSession,
    context: AppContext,
    actor: ReadsSlips,
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
        back = slip_endpoints.list_slips(session, context, actor, customer=wanted, overdue=True, limit=MOST).items
        some = slip_endpoints.list_slips(session, context, actor, customer=wanted, open_=not every, limit=MOST).items
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
        names=customers_named(session, [one.customer for one in (*slips, *orders)]),
    )  # fmt: skip


@router.post("/equipment/scanned")
def scanned(session: DbSession, context: AppContext, actor: ReadsLive, given: Scanned) -> Leads:
    """The slip or order of a printed code or number, or the path of a device. By body: a code is a secret, and addresses are kept in histories and logs."""
    text = given.text.strip()
    known = document_of(text, scanned=True)
    if isinstance(known, tuple):
        kind, code = known
        model: Any = ExitSlip if kind == "slip" else WorkOrder
        hashed = code_hash(context.keys.hash_key, kind, code)
        row = session.exec(select(model).where(model.code_hash == hashed)).first()
        if row is not None:
            return Leads(to=_document(session, context, actor, row.number or ""))
        raise not_found("slip or order with this code", "此编码的出门条或开工单", "…")
    if known is None and serial_key(text) and actor.may(Permission.INVENTORY_READ):
        device = session.exec(select(Item.serial).where(Item.serial_key == serial_key(text))).first()
        if device:
            inventory_endpoints.get_path(session, actor, device)  # a device of another department is not there
            return Leads(to=f"/equipment/path?serial={device}")
    return Leads(to=_document(session, context, actor, text.upper()))


@router.get("/equipment/documents/{number}")
def document(session: DbSession, context: AppContext, actor: ReadsLive, number: str) -> Response:
    """To the slip or order of this printed number: what the live page links to."""
    return RedirectResponse(_document(session, context, actor, number), 303)


def _document(session: Session, context: Context, actor: Actor, number: str) -> str:
    """Where the slip or order of this number stands. Raises :class:`Problem` 404, also for who may not read it."""
    if number.startswith("S-") and actor.may(Permission.SLIP_READ):
        return f"/equipment/slips/{slip_endpoints.get_slip(session, context, actor, number, Response()).id}"
    if number.startswith("W-") and actor.may(Permission.ORDER_READ):
        return f"/equipment/orders/{order_endpoints.get_order(session, actor, number, Response()).id}"
    raise not_found("slip, order or device", "出门条、开工单或设备", number[:64])


for part in (equipment_orders, equipment_slips, equipment_stock):
    router.include_router(part.router)
