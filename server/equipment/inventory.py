"""What stands in the rooms, now or at any time before, and where a device has been (E6)."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Select, or_, select
from sqlalchemy.engine import Connection
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from controller.codes import serial_key
from server.equipment.lines import MAX_ROW_ID
from server.equipment.models import Item, ItemMovement, ItemStay, WorkOrder, WorkOrderLine
from server.equipment.slip_models import ExitSlip
from server.fleet.models import Edge
from server.ledger.keyed_rows import table_of
from server.operators.actor import Actor
from server.problems import not_found
from server.registry.lookup import codes_of, may_see, sees_all
from server.registry.models import Customer, Holder
from server.rfc3339 import rfc3339

_STAYS, _ITEMS, _CUSTOMERS = table_of(ItemStay), table_of(Item), table_of(Customer)
_ORDERS, _LINES = table_of(WorkOrder), table_of(WorkOrderLine)
MAX_MOVES_SHOWN = 1_000


class ItemShown(BaseModel):
    """A device that is, or was then, in the rooms. ``customer`` null: the site's own. ``serial`` null: it is only counted. ``order``: that it came in on;
    ``until`` null: it is here still."""

    id: str
    serial: str | None
    model: str
    customer: str | None
    rack: str
    since: str
    until: str | None
    order: str | None
    source: str


class MoveShown(BaseModel):
    """One step of a device's path. ``document`` ``order`` or ``slip`` with its ``number`` and, where there is such a row, ``document_id``; ``holder``: who carried it;
    ``by``, ``second``: operators. ``discrepancies``: what did not fit."""

    id: int
    at: str
    direction: str
    source: str
    customer: str | None
    rack: str
    document: str
    number: str
    document_id: str | None
    edge: str | None
    door: str | None
    access_point: str | None
    holder: str | None
    by: str | None
    second: str | None
    reason: str
    event_seq: int | None


class StayShown(BaseModel):
    """One time in the rooms."""

    customer: str | None
    rack: str
    since: str
    until: str | None


class PathShown(BaseModel):
    """A device's path, oldest first."""

    id: str | None
    serial: str | None
    model: str | None
    customer: str | None
    here: bool
    stays: list[StayShown]
    moves: list[MoveShown]


def stays_at(at_us: int | None) -> Select[Any]:
    """Stays (joined with their items) at that time, or (None) now, in no order."""
    query = select(
        _STAYS.c.item_id,
        _STAYS.c.customer_id,
        _STAYS.c.rack,
        _STAYS.c.in_at_us,
        _STAYS.c.out_at_us,
        _STAYS.c.order_line_id,
        _STAYS.c.source,
        _ITEMS.c.public_id,
        _ITEMS.c.serial,
        _ITEMS.c.model,
    ).join_from(_STAYS, _ITEMS, _ITEMS.c.id == _STAYS.c.item_id)
    if at_us is None:
        return query.where(_STAYS.c.out_at_us.is_(None))
    return query.where(_STAYS.c.in_at_us <= at_us, or_(_STAYS.c.out_at_us.is_(None), _STAYS.c.out_at_us > at_us))


def narrowed(query: Select[Any], customer_id: int | None, own: bool, rack: str | None, q: str | None) -> Select[Any]:
    """Of one customer, of the site's own, in one rack; ``q``: what serial or model begins with."""
    if customer_id is not None:
        query = query.where(_STAYS.c.customer_id == customer_id)
    if own:
        query = query.where(_STAYS.c.customer_id.is_(None))
    if rack is not None:
        query = query.where(_STAYS.c.rack == rack)
    if q is not None:
        begin = serial_key(q)
        query = query.where(or_(_begins(_ITEMS.c.serial_key, begin), _begins(_ITEMS.c.model_key, begin)))
    return query


def seen(query: Select[Any], actor: Actor) -> Select[Any]:
    """Without devices of files that this actor may not see (C4)."""
    if sees_all(actor):
        return query
    foreign = select(_CUSTOMERS.c.id).where(
        _CUSTOMERS.c.department.is_not(None), _CUSTOMERS.c.department != (actor.department or "")
    )
    return query.where(or_(_STAYS.c.customer_id.is_(None), _STAYS.c.customer_id.not_in(foreign)))


def page(session: Session, query: Select[Any], after: int, limit: int) -> tuple[list[ItemShown], int | None]:
    """Some of them, in the order in which they first came. Of one device at most one stay is found."""
    ordered = query.where(_STAYS.c.item_id > after).order_by(_STAYS.c.item_id)
    rows = session.connection().execute(ordered.limit(limit + 1)).all()
    shown = show_stays(session, rows[:limit])
    return shown, rows[limit - 1].item_id if len(rows) > limit else None


def show_stays(session: Session, rows: Sequence[Any]) -> list[ItemShown]:
    """Rows of :func:`stays_at`."""
    codes = codes_of(session, {row.customer_id for row in rows})
    orders = _orders(session.connection(), {row.order_line_id for row in rows})
    return [
        ItemShown(
            id=row.public_id,
            serial=row.serial,
            model=row.model,
            customer=codes.get(row.customer_id),
            rack=row.rack,
            since=rfc3339(row.in_at_us),
            until=None if row.out_at_us is None else rfc3339(row.out_at_us),
            order=orders.get(row.order_line_id),
            source=row.source,
        )
        for row in rows
    ]


def path_of(session: Session, actor: Actor, name: str) -> PathShown:
    """Where a device has been: by its serial number, or an item's id. Raises :class:`Problem` 404 also for what this actor may not see."""
    key = serial_key(name)
    item = session.exec(select_rows(Item).where(or_(col(Item.serial_key) == key, col(Item.public_id) == name))).first()
    if item is None or not _may_see(session, actor, item):
        raise not_found("device", "设备", name[:64])
    stays = session.exec(select_rows(ItemStay).where(ItemStay.item_id == item.id).order_by(col(ItemStay.id))).all()
    moved = select_rows(ItemMovement).where(ItemMovement.item_id == item.id)
    moves = session.exec(moved.order_by(col(ItemMovement.at_us), col(ItemMovement.id)).limit(MAX_MOVES_SHOWN)).all()
    codes = told_codes(
        session, {item.customer_id, *(stay.customer_id for stay in stays)} | {move.customer_id for move in moves}
    )
    return PathShown(
        id=item.public_id,
        serial=item.serial,
        model=item.model,
        customer=codes.get(item.customer_id),
        here=bool(stays) and stays[-1].out_at_us is None,
        stays=[
            StayShown(
                customer=codes.get(stay.customer_id),
                rack=stay.rack,
                since=rfc3339(stay.in_at_us),
                until=None if stay.out_at_us is None else rfc3339(stay.out_at_us),
            )
            for stay in stays
        ],
        moves=show_moves(session, moves, codes),
    )


def show_moves(session: Session, moves: Sequence[ItemMovement], codes: dict[int | None, str]) -> list[MoveShown]:
    """Movements with their documents, edges and carriers by name."""
    edges = _names(session, Edge.id, Edge.name, {move.edge_id for move in moves})
    holders = _names(session, Holder.id, Holder.public_id, {move.holder for move in moves})
    documents = {
        kind: _names(session, model.id, model.public_id, {move.document_id for move in moves if move.document == kind})
        for kind, model in (("order", WorkOrder), ("slip", ExitSlip))
    }
    return [
        MoveShown(
            id=move.id or 0,
            at=rfc3339(move.at_us),
            direction=move.direction,
            source=move.source,
            customer=codes.get(move.customer_id),
            rack=move.rack,
            document=move.document,
            number=move.number,
            document_id=documents.get(move.document, {}).get(move.document_id),
            edge=edges.get(move.edge_id),
            door=move.door,
            access_point=move.access_point,
            holder=holders.get(move.holder),
            by=move.by,
            second=move.second,
            reason=move.reason,
            event_seq=move.event_seq,
        )
        for move in moves
    ]


def told_codes(session: Session, customers: set[int | None]) -> dict[int | None, str]:
    """The codes of customers as edges told them: some may be numbers that no row has."""
    return codes_of(session, {number for number in customers if number is not None and 0 < number <= MAX_ROW_ID})


def _names(session: Session, key: Any, name: Any, wanted: set[Any]) -> dict[Any, str]:
    ids = [number for number in wanted if number is not None and 0 < number <= MAX_ROW_ID]
    return dict(session.exec(select_rows(key, name).where(col(key).in_(ids))).all()) if ids else {}


def _orders(connection: Connection, lines: set[int | None]) -> dict[int | None, str]:
    """Line → its order's number."""
    ids = [line for line in lines if line is not None]
    if not ids:
        return {}
    query = select(_LINES.c.id, _ORDERS.c.number, _ORDERS.c.public_id).join_from(
        _LINES, _ORDERS, _ORDERS.c.id == _LINES.c.order_id
    )
    return {row.id: row.number or row.public_id for row in connection.execute(query.where(_LINES.c.id.in_(ids)))}


def _may_see(session: Session, actor: Actor, item: Item) -> bool:
    return item.customer_id is None or may_see(actor, session.get_one(Customer, item.customer_id))


def _begins(column: Any, text: str) -> Any:
    return column.startswith(text, autoescape=True)
