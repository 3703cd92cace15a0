"""The pages of the inventory: what is in the rooms now or was then, its corrections and imports, the path of a device, what does not square (E6)."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import col, select

from controller.codes import serial_key
from server.console.pages import page
from server.console.people import customers_named, operators_of
from server.equipment import correction_endpoints, inventory_endpoints
from server.equipment.models import Item, ItemStay
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.problems import Problem
from server.registry.lookup import codes_of
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

MOST = 200
"""So many devices or discrepancies on one page; the API has them all."""
Reads = Annotated[Actor, requires(Permission.INVENTORY_READ)]
Corrects = Annotated[Actor, requires(Permission.INVENTORY_CORRECT)]
Text = Annotated[str, Query(max_length=200)]
Status = Literal["waiting", "confirmed", "withdrawn"]


@router.get("/equipment/inventory")
def inventory_page(
    request: Request, session: DbSession, context: AppContext, actor: Reads,
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
    waiting = 0
    if actor.may(Permission.INVENTORY_CORRECT):
        waiting = len(correction_endpoints.list_corrections(session, actor, status="waiting").items)
    return page(
        request, session, context, actor, "inventory.html", "equipment", tab="inventory", items=items, following=following,
        problem=found, given=given, asked={name: value for name, value in asked.items() if value} | ({"own": "true"} if own else {}),
        after=after, names=customers_named(session, [one.customer for one in items]), waiting=waiting,
    )  # fmt: skip


@router.get("/equipment/inventory/import")
def import_page(request: Request, session: DbSession, context: AppContext, actor: Corrects) -> Response:
    """What is here already, from a spreadsheet: first looked through, then written down for a second person."""
    return page(request, session, context, actor, "inventory-import.html", "equipment", tab="inventory")


@router.get("/equipment/corrections")
def corrections_page(
    request: Request, session: DbSession, context: AppContext, actor: Corrects, status: Status | None = "waiting", after: int = 0
) -> Response:  # fmt: skip
    """Corrections: those that wait for a second person, or that were decided."""
    some = correction_endpoints.list_corrections(session, actor, status=status, after=max(after, 0), limit=MOST)
    return page(
        request, session, context, actor, "corrections.html", "equipment", tab="inventory", items=some.items, following=some.next,
        asked=status, by=operators_of(session, [name for one in some.items for name in (one.made_by, one.decided_by)]),
    )  # fmt: skip


@router.get("/equipment/corrections/new")
def new_correction_page(
    request: Request, session: DbSession, context: AppContext, actor: Corrects, device: Annotated[list[str] | None, Query()] = None
) -> Response:  # fmt: skip
    """What is wrong in the inventory: the devices that were ticked, or none yet."""
    wanted = (device or [])[:MOST]
    query = select(Item, ItemStay).join(
        ItemStay, (col(ItemStay.item_id) == Item.id) & col(ItemStay.out_at_us).is_(None), isouter=True
    )
    found = session.exec(query.where(col(Item.public_id).in_(wanted)).order_by(col(Item.id))).all() if wanted else []
    codes = codes_of(session, {stay.customer_id for _, stay in found if stay is not None})
    devices = [
        {"id": item.public_id, "serial": item.serial, "model": item.model, "rack": stay.rack if stay else "",
         "customer": codes.get(stay.customer_id) if stay else None, "here": stay is not None}
        for item, stay in found
    ]  # fmt: skip
    return page(request, session, context, actor, "correction-new.html", "equipment", tab="inventory", devices=devices)


@router.get("/equipment/corrections/{name}")
def correction_page(request: Request, session: DbSession, context: AppContext, actor: Corrects, name: str) -> Response:
    """One correction, confirmed by somebody else than who wrote it."""
    one = correction_endpoints.get_correction(session, actor, name, Response())
    return page(
        request, session, context, actor, "correction.html", "equipment", tab="inventory", one=one, own=actor.is_who(one.made_by),
        by=operators_of(session, [one.made_by, one.decided_by]), names=customers_named(session, [act.customer for act in one.acts]),
    )  # fmt: skip


@router.get("/equipment/path")
def path_page(request: Request, session: DbSession, context: AppContext, actor: Reads, serial: Text = "") -> Response:
    """Where a device has been: every order, slip, door and carrier."""
    found, path = None, None
    if serial_key(serial):
        try:
            path = inventory_endpoints.get_path(session, actor, serial)
        except Problem as problem:
            found = problem
    names = operators_of(
        session, [name for move in path.moves for name in (move.by, move.second)] if path is not None else []
    )
    return page(
        request, session, context, actor, "path.html", "equipment", tab="path", serial=serial, way=path, problem=found, by=names,
        names=customers_named(session, [path.customer, *(move.customer for move in path.moves)] if path is not None else []),
    )  # fmt: skip


@router.get("/equipment/discrepancies")
def discrepancies_page(
    request: Request, session: DbSession, context: AppContext, actor: Reads, every: bool = False, after: int = 0
) -> Response:
    """Moves that did not fit; whoever may correct the inventory says what was found."""
    some = inventory_endpoints.list_discrepancies(session, actor, open=not every, after=max(after, 0), limit=MOST)
    return page(
        request, session, context, actor, "discrepancies.html", "equipment", tab="discrepancies", items=some.items, every=every,
        following=some.next, by=operators_of(session, [one.resolved_by for one in some.items]),
    )  # fmt: skip
