"""What answers show of work orders."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlmodel import Session, col, select

from server.equipment.models import Allocation, WorkOrder, WorkOrderLine
from server.equipment.order_binding import edge_names
from server.equipment.order_lines import lines_of
from server.equipment.orders import ready_at
from server.registry.lookup import codes_of
from server.registry.models import Contract


class LineShown(BaseModel):
    """One line. ``received``: how many came in. ``ips``, ``ports``: what its devices got and have not given back."""

    place: int
    model: str
    quantity: int
    serials: list[str]
    rack: str
    received: int
    ips: list[str]
    ports: list[str]


class ExceptionShown(BaseModel):
    """The recorded exception from the notice (E1); ``approved_by`` null: it waits for a supervisor."""

    reason: str
    asked_by: str
    asked_at: datetime
    approved_by: str | None
    approved_at: datetime | None


class OrderShown(BaseModel):
    """A work order. ``ready_at``: when its notice is over; ``first``: the customer's first racking. ``edge`` null: received at the desk;
    ``awaiting_release``: it is asked back from ``edge``, which may still let it in."""

    id: str
    external_id: str | None
    number: str | None
    customer: str
    contract: str
    status: str
    planned_from: datetime
    planned_until: datetime
    remark: str
    made_at: datetime
    made_by: str
    submitted_at: datetime | None
    notice_h: int
    first: bool
    ready_at: datetime | None
    exception: ExceptionShown | None
    approved_at: datetime | None
    approved_by: str | None
    unpacked_at: datetime | None
    unpacked_by: str | None
    unpacked_by_name: str | None
    closed_at: datetime | None
    closed_by: str | None
    closed_reason: str | None
    edge: str | None
    binding: int
    awaiting_release: bool
    lines: list[LineShown]
    version: int


def show_orders(session: Session, orders: Sequence[WorkOrder]) -> list[OrderShown]:
    """Orders with their lines."""
    lines = lines_of(session, orders)
    allocated = _allocated(session, [line for some in lines.values() for line in some])
    codes = codes_of(session, {order.customer_id for order in orders})
    edges = edge_names(session, {order.edge_id for order in orders})
    query = select(Contract.id, Contract.public_id).where(col(Contract.id).in_({order.contract_id for order in orders}))
    contracts = dict(session.exec(query).all())
    kept = set(OrderShown.model_fields) - {
        "id",
        "customer",
        "contract",
        "ready_at",
        "exception",
        "edge",
        "awaiting_release",
        "lines",
    }
    return [
        OrderShown(
            **{name: getattr(order, name) for name in kept},
            id=order.public_id,
            customer=codes[order.customer_id],
            contract=contracts[order.contract_id],
            ready_at=ready_at(order),
            exception=_exception(order),
            edge=edges.get(order.edge_id),
            awaiting_release=order.withdrawn_at is not None,
            lines=[_line(line, allocated.get(line.id or 0, {})) for line in lines[order.id or 0]],
        )
        for order in orders
    ]


def _exception(order: WorkOrder) -> ExceptionShown | None:
    if order.exception_reason is None or order.exception_asked_by is None or order.exception_asked_at is None:
        return None
    return ExceptionShown(
        reason=order.exception_reason,
        asked_by=order.exception_asked_by,
        asked_at=order.exception_asked_at,
        approved_by=order.exception_by,
        approved_at=order.exception_at,
    )


def _line(line: WorkOrderLine, allocated: dict[str, list[str]]) -> LineShown:
    return LineShown(
        place=line.place,
        model=line.model,
        quantity=line.quantity,
        serials=line.serials,
        rack=line.rack,
        received=line.received,
        ips=allocated.get("ip", []),
        ports=allocated.get("port", []),
    )


def _allocated(session: Session, lines: Sequence[WorkOrderLine]) -> dict[int, dict[str, list[str]]]:
    found: dict[int, dict[str, list[str]]] = {}
    query: Any = select(Allocation).where(
        col(Allocation.line_id).in_([line.id for line in lines]), col(Allocation.released_at).is_(None)
    )
    for one in session.exec(query.order_by(col(Allocation.id))).all():
        found.setdefault(one.line_id, {}).setdefault(one.kind, []).append(one.value)
    return found
