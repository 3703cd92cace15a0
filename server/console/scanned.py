"""Where a scanned code or number leads: a slip's or order's page, a visit, a badge, a device's path."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlmodel import Session, select

from controller.codes import document_of, serial_key
from server.console.pages import day_of
from server.console.visit_search import scanned as visit_of
from server.context import Context
from server.equipment import inventory_endpoints, order_endpoints
from server.equipment.codes import code_hash
from server.equipment.models import Item, WorkOrder
from server.equipment.slip_models import ExitSlip
from server.equipment.slips import endpoints as slip_endpoints
from server.kiosk.looking import badge_of
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.permits import drafting
from server.permits.models import Permit
from server.problems import not_found
from server.routes import AppContext, ReadingSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)


class Scanned(BaseModel):
    """What a scanner read on a page that has no use for it itself."""

    text: Annotated[str, Field(min_length=1, max_length=200)]


class Leads(BaseModel):
    """Where it leads."""

    to: str


@router.post("/scanned")
def scanned(
    session: ReadingSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.LIVE_READ)],
    given: Scanned,
) -> Leads:
    """What the code or number names, of all that this operator may read. By body: a sheet's code is a secret, and addresses are kept in histories and logs.
    404 for everything else."""
    text = given.text.strip()
    known = document_of(text, scanned=True)
    if isinstance(known, tuple):
        kind, code = known
        model: Any = ExitSlip if kind == "slip" else WorkOrder
        hashed = code_hash(context.keys.hash_key, kind, code)
        row = session.exec(select(model).where(model.code_hash == hashed)).first()
        if row is not None:
            return Leads(to=document_path(session, context, actor, row.number or ""))
        raise not_found("slip or order with this code", "此编码的出门条或开工单", "…")
    to = None
    if known is None:
        to = _visit(session, context, actor, text) or _badge(session, actor, text) or _device(session, actor, text)
    return Leads(to=to or document_path(session, context, actor, text.upper()))


def document_path(session: Session, context: Context, actor: Actor, number: str) -> str:
    """Where the slip or order of this number stands. Raises :class:`server.problems.Problem` 404, also for who may not read it."""
    if number.startswith("S-") and actor.may(Permission.SLIP_READ):
        return f"/equipment/slips/{slip_endpoints.get_slip(session, context, actor, number, Response()).id}"
    if number.startswith("W-") and actor.may(Permission.ORDER_READ):
        return f"/equipment/orders/{order_endpoints.get_order(session, actor, number, Response()).id}"
    raise not_found("slip, order, visit, badge or device", "出门条、开工单、来访、出入证或设备", number[:64])


def _visit(session: Session, context: Context, actor: Actor, text: str) -> str | None:
    if not actor.may(Permission.PERMIT_READ):
        return None
    now = context.clock.now()
    found = visit_of(session, text, day_of(context, now), day_of(context, now, 1))
    if found is None or not drafting.sees(session, actor, session.get_one(Permit, found.permit_id)):
        return None
    return f"/visits/{found.public_id}"


def _badge(session: Session, actor: Actor, text: str) -> str | None:
    found = badge_of(session, text) if actor.may(Permission.BADGE_READ) else None
    return None if found is None else f"/badges/{found.public_id}"


def _device(session: Session, actor: Actor, text: str) -> str | None:
    if not serial_key(text) or not actor.may(Permission.INVENTORY_READ):
        return None
    device = session.exec(select(Item.serial).where(Item.serial_key == serial_key(text))).first()
    if not device:
        return None
    inventory_endpoints.get_path(session, actor, device)  # a device of another department is not there
    return f"/equipment/path?{urlencode({'serial': device})}"
