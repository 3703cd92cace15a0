"""Equipment as policies carry it: devices that are here, orders and slips that are bound to an edge (docs/goods.md, At the server).

Read in one transaction of the caller's: all of it, or what some changes touch. A document whose window is over for a day is in no policy.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, delete, insert, or_, select
from sqlalchemy.engine import Connection

from controller.goods_events import DocumentKind
from controller.policy import ExitSlip, Item, Line, WorkOrder
from controller.state import MOVED_KEPT_US
from server.db.clock import from_us, to_us
from server.equipment.models import Item as ItemRow
from server.equipment.models import ItemStay
from server.equipment.models import WorkOrder as OrderRow
from server.equipment.slip_models import ExitSlip as SlipRow
from server.equipment.slip_models import ExitSlipCarrier
from server.fleet.goods_models import GoodsChange
from server.fleet.models import Edge
from server.ledger.facts import table_of

MAX_GOODS_CHANGES = 5_000
"""So many changes are followed by one version of each policy."""
OVER_US = 86_400 * 1_000_000
"""So long after the end of its window a document is still in the policies, for the sake of a good reason at the door."""
GONE_ITEM_KEPT_US = MOVED_KEPT_US + OVER_US
"""So long a device that left stands in the policies: longer than an edge remembers what it saw itself."""
IDS_AT_ONCE = 500
ORDER_STATUSES = ("approved", "receiving", "done")
"""A finished one stays for the sake of a good reason at the door, as what is over does."""
_HOUR_US = 3_600 * 1_000_000
_LINES = tuple[Line, ...]


class GoodsScope(msgspec.Struct, frozen=True):
    """What was read: these ids and no others. ``changes``: rows of ``goods_change`` that are followed by it."""

    items: frozenset[int] = frozenset()
    orders: frozenset[int] = frozenset()
    slips: frozenset[int] = frozenset()
    changes: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)


class Withdrawn(msgspec.Struct, frozen=True):
    """A document that its edge must not allow any more under this binding."""

    document: DocumentKind
    id: int
    binding: int
    edge_id: int


class GoodsFound(msgspec.Struct, frozen=True):
    """Entries by id, of those read that belong in a policy. ``withdrawn``: of the same rows."""

    items: dict[int, Item] = {}
    orders: dict[int, WorkOrder] = {}
    slips: dict[int, ExitSlip] = {}
    withdrawn: tuple[Withdrawn, ...] = ()


def read_changes(connection: Connection) -> GoodsScope:
    """What changed and no policy carries yet, the oldest first."""
    table = table_of(GoodsChange).c
    rows = connection.execute(
        select(table.id, table.kind, table.row_id).order_by(table.id).limit(MAX_GOODS_CHANGES)
    ).all()
    of_kind: dict[str, set[int]] = {"item": set(), "order": set(), "slip": set()}
    for row in rows:
        of_kind[row.kind].add(row.row_id)
    return GoodsScope(
        frozenset(of_kind["item"]),
        frozenset(of_kind["order"]),
        frozenset(of_kind["slip"]),
        tuple(row.id for row in rows),
    )


def forget_changes(connection: Connection, scope: GoodsScope) -> None:
    """They are followed, in the transaction of what follows from them."""
    table = table_of(GoodsChange)
    for ids in _slices(scope.changes):
        connection.execute(delete(table).where(table.c.id.in_(ids)))


def note_over(connection: Connection, documents: Iterable[tuple[str, int]]) -> None:
    """Have these, (kind, id), looked at again: time alone ended them."""
    connection.execute(insert(table_of(GoodsChange)), [{"kind": kind, "row_id": row_id} for kind, row_id in documents])


def read_goods(connection: Connection, now_us: int, scope: GoodsScope | None = None) -> GoodsFound:
    """The entries of ``scope``, or (None) of everything."""
    edges = {row.id: row.name for row in connection.execute(select(table_of(Edge).c.id, table_of(Edge).c.name))}
    withdrawn: list[Withdrawn] = []
    orders = _orders(connection, now_us, edges, None if scope is None else scope.orders, withdrawn)
    slips = _slips(connection, now_us, edges, None if scope is None else scope.slips, withdrawn)
    return GoodsFound(
        {entry.id: entry for entry in _items(connection, now_us, None if scope is None else scope.items)},
        {entry.id: entry for entry in orders},
        {entry.id: entry for entry in slips},
        tuple(withdrawn),
    )


def ends_us(document: WorkOrder | ExitSlip) -> int:
    """When the last thing that a document allows is over."""
    return max(document.until_us, document.return_until_us) if isinstance(document, ExitSlip) else document.until_us


def _items(connection: Connection, now_us: int, ids: Collection[int] | None) -> Iterator[Item]:
    """Devices with serial numbers that are here, or left of late: an edge that saw one pass must learn that the server knows."""
    item, stay = table_of(ItemRow).c, table_of(ItemStay).c
    query = (
        select(item.id, item.serial_key, item.model, stay.customer_id, stay.in_at_us, stay.out_at_us)
        .join_from(table_of(ItemRow), table_of(ItemStay), item.id == stay.item_id)
        .where(item.serial_key.is_not(None), or_(stay.out_at_us.is_(None), stay.out_at_us > now_us - GONE_ITEM_KEPT_US))
    )
    last: dict[int, Item] = {}
    for row in _rows(connection, query, item.id, ids):
        inside = row.out_at_us is None
        entry = Item(
            row.id, row.serial_key, row.model, row.customer_id, inside, row.in_at_us if inside else row.out_at_us
        )
        known = last.get(row.id)
        if known is None or (inside, entry.as_of_us) > (known.inside, known.as_of_us):
            last[row.id] = entry
    yield from last.values()


def _orders(
    connection: Connection,
    now_us: int,
    edges: dict[int, str],
    ids: Collection[int] | None,
    withdrawn: list[Withdrawn],
) -> list[WorkOrder]:
    table = table_of(OrderRow).c
    query = select(table_of(OrderRow)).where(
        table.edge_id.is_not(None),
        table.code_hash.is_not(None),
        table.planned_until > from_us(now_us - OVER_US),
    )
    entries = []
    for row in _rows(connection, query, table.id, ids):
        if row.withdrawn_at is not None or row.status not in ORDER_STATUSES:
            withdrawn.append(Withdrawn("order", row.id, row.binding, row.edge_id))
            continue
        submitted_us = to_us(row.submitted_at or row.made_at)
        entries.append(
            WorkOrder(
                row.id,
                row.code_hash,
                row.number or "",
                row.customer_id,
                edges[row.edge_id],
                row.binding,
                submitted_us + (row.notice_h * _HOUR_US if row.exception_by is None else 0),
                to_us(row.planned_from),
                to_us(row.planned_until),
                row.unpacked_at is not None,
                msgspec.convert(row.bound_lines, _LINES),
            )
        )
    return entries


def _slips(
    connection: Connection,
    now_us: int,
    edges: dict[int, str],
    ids: Collection[int] | None,
    withdrawn: list[Withdrawn],
) -> list[ExitSlip]:
    table = table_of(SlipRow).c
    after = from_us(now_us - OVER_US)
    query = select(table_of(SlipRow)).where(
        table.edge_id.is_not(None),
        table.code_hash.is_not(None),
        table.status.in_(("issued", "cancelled")),
        or_(table.until_at > after, table.return_until_at > after),
    )
    rows = []
    for row in _rows(connection, query, table.id, ids):
        if row.next_edge_id is not None or row.status == "cancelled":
            withdrawn.append(Withdrawn("slip", row.id, row.binding, row.edge_id))
        if row.next_edge_id is None:
            rows.append(row)
    carriers = _carriers(connection, [row.id for row in rows])
    return [
        ExitSlip(
            row.id,
            row.code_hash,
            row.number or "",
            row.kind,
            row.customer_id,
            edges[row.edge_id],
            row.binding,
            to_us(row.from_at),
            to_us(row.until_at),
            msgspec.convert(row.bound_lines, _LINES),
            tuple(sorted(carriers.get(row.id, ()))),
            row.door,
            row.status == "cancelled",
            msgspec.convert(row.bound_returns, _LINES),
            0 if row.return_until_at is None else to_us(row.return_until_at),
        )
        for row in rows
    ]


def _carriers(connection: Connection, slips: Sequence[int]) -> dict[int, list[int]]:
    table = table_of(ExitSlipCarrier).c
    found: dict[int, list[int]] = {}
    for row in _rows(connection, select(table.slip_id, table.holder_id), table.slip_id, slips):
        found.setdefault(row.slip_id, []).append(row.holder_id)
    return found


def _rows(connection: Connection, query: Any, column: ColumnElement[Any], ids: Collection[int] | None) -> Iterator[Any]:
    if ids is None:
        yield from connection.execute(query)
        return
    for some in _slices(ids):
        yield from connection.execute(query.where(column.in_(some)))


def _slices(values: Iterable[int]) -> Iterator[list[int]]:
    iterator = iter(values)
    while some := list(islice(iterator, IDS_AT_ONCE)):
        yield some
