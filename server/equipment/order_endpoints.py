"""``/api/v1/work-orders`` (docs/interfaces.md, Equipment)."""

from typing import Annotated, Literal

from fastapi import Path, Query, Response
from sqlmodel import Session, col, or_, select

from controller.codes import serial_key
from server.context import Context
from server.equipment import desk, orders
from server.equipment.models import Allocation, Item, ItemStay, WorkOrder, WorkOrderLine, WorkOrderSerial
from server.equipment.order_binding import bind, bind_at_approval
from server.equipment.order_inputs import (
    AllocationShown,
    Approval,
    Binding,
    CodeShown,
    NewOrder,
    OrderChange,
    Received,
    Scan,
    Submission,
    Unpacked,
    Why,
)
from server.equipment.order_showing import OrderShown, show_orders
from server.equipment.stock import lock_stock
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.registry.lookup import find_contract, find_customer, living_customer, seen_rows
from server.registry.models import Contract, Customer
from server.registry.moments import begin_of, end_of
from server.registry.validation import refused
from server.routes import AppContext, DbSession, api_router

router = api_router("/work-orders", "equipment")

Reads = Annotated[Actor, requires(Permission.ORDER_READ)]
Writes = Annotated[Actor, requires(Permission.ORDER_WRITE)]
Approves = Annotated[Actor, requires(Permission.ORDER_APPROVE)]
Excepts = Annotated[Actor, requires(Permission.ORDER_EXCEPT)]
Receives = Annotated[Actor, requires(Permission.ORDER_RECEIVE)]
Attests = Annotated[Actor, requires(Permission.ORDER_ATTEST)]
Prints = Annotated[Actor, requires(Permission.ORDER_WRITE, secret_answer=True)]

Status = Literal["draft", "submitted", "refused", "approved", "receiving", "done", "closed", "cancelled"]
Name = Annotated[str, Path(max_length=200)]
Filter = Annotated[str | None, Query(max_length=200)]


@router.post("", status_code=201)
def create_order(
    session: DbSession, context: AppContext, actor: Writes, given: NewOrder, response: Response
) -> OrderShown:
    """A draft, with or without its lines."""
    customer = living_customer(session, given.customer, "customer", actor=actor)
    contract = _contract(session, actor, context, customer, given.contract)
    zone = context.site.time_zone
    planned = begin_of(given.planned_from, zone, "planned_from"), end_of(given.planned_until, zone, "planned_until")
    order = orders.make_order(
        session, context, actor, customer, contract, planned, given.remark, given.external_id, given.lines
    )
    return _answer(session, response, order)


@router.get("")
def list_orders(
    session: DbSession,
    actor: Reads,
    customer: Filter = None,
    status: Status | None = None,
    open: bool = False,
    serial: Filter = None,
    edge: Filter = None,
    after: Cursor = 0,
    limit: Limit = 100,
    newest_first: bool = False,
) -> Page[OrderShown]:
    """Orders in the order of their making; ``newest_first``: those before ``after``, the latest first; ``open``: that still may bring something; ``serial``: that name or brought this device."""
    query = seen_rows(actor, select(WorkOrder), WorkOrder)  # type: ignore[type-var]
    if customer is not None:
        query = query.where(WorkOrder.customer_id == find_customer(session, customer, actor=actor).id)
    if status is not None:
        query = query.where(WorkOrder.status == status)
    if open:
        query = query.where(col(WorkOrder.status).in_(("draft", "submitted", "refused", "approved", "receiving")))
    if serial is not None:
        key = serial_key(serial)
        named = select(WorkOrderSerial.line_id).where(WorkOrderSerial.serial_key == key)
        brought = (
            select(ItemStay.order_line_id).join(Item, col(Item.id) == ItemStay.item_id).where(Item.serial_key == key)
        )
        lines = select(WorkOrderLine.order_id).where(
            or_(col(WorkOrderLine.id).in_(named), col(WorkOrderLine.id).in_(brought))
        )
        query = query.where(col(WorkOrder.id).in_(lines))
    if edge is not None:
        from server.fleet.models import Edge

        query = query.where(col(WorkOrder.edge_id).in_(select(Edge.id).where(Edge.name == edge)))
    rows, following = rows_after(session, query, col(WorkOrder.id), after, limit, newest_first=newest_first)
    return Page(items=show_orders(session, rows), next=following)


@router.get("/{order}")
def get_order(session: DbSession, actor: Reads, order: Name, response: Response) -> OrderShown:
    """One, by id, number or external id."""
    return _answer(session, response, orders.find_order(session, actor, order))


@router.patch("/{order}")
def change_order(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    order: Name,
    given: OrderChange,
    response: Response,
    if_match: IfMatch = None,
) -> OrderShown:
    """Change a draft; of an approved order only a later end."""
    found = _locked(session, actor, order, if_match)
    zone = context.site.time_zone
    planned = (
        None if given.planned_from is None else begin_of(given.planned_from, zone, "planned_from"),
        None if given.planned_until is None else end_of(given.planned_until, zone, "planned_until"),
    )
    orders.change_order(session, context, actor, found, planned=planned, remark=given.remark, lines=given.lines)
    return _answer(session, response, found)


@router.post("/{order}/submit")
def submit(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    order: Name,
    response: Response,
    given: Submission | None = None,
    if_match: IfMatch = None,
) -> OrderShown:
    """It reaches the machine room; WORK_ORDER_LATE when the notice is not kept and no reason is given (E1)."""
    found = _locked(session, actor, order, if_match)
    orders.submit(session, context, actor, found, given.exception_reason if given is not None else None)
    return _answer(session, response, found)


@router.post("/{order}/approve-exception")
def approve_exception(
    session: DbSession, context: AppContext, actor: Excepts, order: Name, response: Response, if_match: IfMatch = None
) -> OrderShown:
    """A supervisor, who is not the applicant, lets a late order in."""
    found = _locked(session, actor, order, if_match)
    orders.approve_exception(session, context, actor, found)
    return _answer(session, response, found)


@router.post("/{order}/approve")
def approve(
    session: DbSession,
    context: AppContext,
    actor: Approves,
    order: Name,
    response: Response,
    given: Approval | None = None,
    if_match: IfMatch = None,
) -> OrderShown:
    """It gets number and code, and an edge, if the site has goods doors."""
    found = _locked(session, actor, order, if_match)
    orders.approve(session, context, actor, found)
    bind_at_approval(session, context, found, given.edge if given is not None else None)
    return _answer(session, response, found)


@router.post("/{order}/refuse")
def refuse(
    session: DbSession,
    context: AppContext,
    actor: Approves,
    order: Name,
    given: Why,
    response: Response,
    if_match: IfMatch = None,
) -> OrderShown:
    """Back to the applicant."""
    found = _locked(session, actor, order, if_match)
    orders.refuse(session, context, actor, found, given.reason)
    return _answer(session, response, found)


@router.post("/{order}/cancel")
def cancel(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    order: Name,
    given: Why,
    response: Response,
    if_match: IfMatch = None,
) -> OrderShown:
    """Nothing comes in under it any more."""
    found = _locked(session, actor, order, if_match)
    orders.cancel(session, context, actor, found, given.reason)
    return _answer(session, response, found)


@router.post("/{order}/close")
def close(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    order: Name,
    given: Why,
    response: Response,
    if_match: IfMatch = None,
) -> OrderShown:
    """The rest of it will not come."""
    found = _locked(session, actor, order, if_match)
    orders.close(session, context, actor, found, given.reason)
    return _answer(session, response, found)


@router.post("/{order}/bind")
def bind_order(
    session: DbSession,
    context: AppContext,
    actor: Approves,
    order: Name,
    given: Binding,
    response: Response,
    if_match: IfMatch = None,
) -> OrderShown:
    """To another edge, or to none. ``awaiting_release`` in the answer: not yet; ask again."""
    found = _locked(session, actor, order, if_match)
    bind(session, context, actor, found, given.edge)
    return _answer(session, response, found)


@router.post("/{order}/unpacked")
def attest_unpacked(
    session: DbSession,
    context: AppContext,
    actor: Attests,
    order: Name,
    given: Unpacked,  # noqa: ARG001 - what it says is checked by its type
    response: Response,
    if_match: IfMatch = None,
) -> OrderShown:
    """No cartons are left: attested by who is signed in (E2)."""
    found = _locked(session, actor, order, if_match)
    orders.attest_unpacked(session, context, actor, found)
    return _answer(session, response, found)


@router.post("/{order}/receive")
def receive(
    session: DbSession, context: AppContext, actor: Receives, order: Name, given: Scan, response: Response
) -> Received:
    """One device at the desk."""
    found = _locked(session, actor, order, None)
    device, place = desk.receive(session, context, actor, found, given.scanned, given.rack)
    shown = _answer(session, response, session.get_one(WorkOrder, found.id))
    return Received(item=device.public_id, serial=device.serial, model=device.model, place=place, order=shown)


@router.post("/{order}/code")
def print_code(session: DbSession, context: AppContext, actor: Prints, order: Name) -> CodeShown:
    """The clear code, to be printed; on record."""
    found = orders.find_order(session, actor, order)
    return CodeShown(code=orders.clear_code(session, context, actor, found), number=found.number or "")


@router.get("/{order}/allocations")
def list_allocations(session: DbSession, actor: Reads, order: Name) -> Page[AllocationShown]:
    """Addresses and ports of its lines, given back ones as well."""
    found = orders.find_order(session, actor, order)
    return Page(items=_allocations(session, found))


@router.post("/{order}/allocations/{allocation}/release")
def release_allocation(
    session: DbSession, context: AppContext, actor: Writes, order: Name, allocation: Name
) -> Page[AllocationShown]:
    """It is free again."""
    found = orders.find_order(session, actor, order, lock=True)
    lines = select(WorkOrderLine.id).where(WorkOrderLine.order_id == found.id)
    query = select(Allocation).where(Allocation.public_id == allocation, col(Allocation.line_id).in_(lines))
    row = session.exec(query).first()
    if row is None:
        raise refused("allocation", "allocation: the order has none of this id.", "allocation：该开工单没有此项。")
    if row.released_at is None:
        row.released_at, row.released_by = context.clock.now(), actor.public_id
        session.add(row)
        record(session, actor, row.released_at, "order.release", found.public_id, before={row.kind: row.value})
        session.flush()
    return Page(items=_allocations(session, found))


def _allocations(session: Session, order: WorkOrder) -> list[AllocationShown]:
    query = select(Allocation, WorkOrderLine).join(WorkOrderLine, col(WorkOrderLine.id) == Allocation.line_id)
    rows = session.exec(query.where(WorkOrderLine.order_id == order.id).order_by(col(Allocation.id))).all()
    return [
        AllocationShown(
            id=row.public_id,
            order=order.public_id,
            place=line.place,
            kind=row.kind,
            value=row.value,
            released_at=None if row.released_at is None else row.released_at.isoformat(),
        )
        for row, line in rows
    ]


def _locked(session: Session, actor: Actor, name: str, if_match: str | None) -> WorkOrder:
    """The stock's turn first, then the row: as ingestion takes them."""
    lock_stock(session.connection())
    found = orders.find_order(session, actor, name, lock=True)
    refuse_stale(if_match, found.version)
    return found


def _answer(session: Session, response: Response, order: WorkOrder) -> OrderShown:
    session.flush()
    response.headers["ETag"] = etag(order.version)
    return show_orders(session, [order])[0]


def _contract(session: Session, actor: Actor, context: Context, customer: Customer, name: str | None) -> Contract:
    if name is not None:
        return find_contract(session, name, actor=actor)
    now = context.clock.now()
    query = select(Contract).where(
        Contract.customer_id == customer.id,
        Contract.status == "active",
        col(Contract.deleted_at).is_(None),
        or_(col(Contract.until_at).is_(None), col(Contract.until_at) > now),
    )
    found = session.exec(query.limit(2)).all()
    if len(found) != 1:
        raise refused(
            "contract",
            f"contract: the customer has {'several' if found else 'none'} in force; name one.",
            f"contract：客户{'有多份' if found else '没有'}生效的合同，请指定。",
        )
    return found[0]
