"""What a :class:`server.equipment.stock.Stock` is made of: moves, and the rows that they touch."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from controller.goods_events import DocumentKind
from server.equipment.lines import Line, parts
from server.ledger.keyed_rows import table_of
from server.registry.models import Customer

_CUSTOMERS = table_of(Customer)


class Move(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One device that moved. ``serial`` empty: counted by its line's model, or by ``model``. ``item_id``: of a counted device that somebody points at. The other
    fields are those of :class:`server.equipment.models.ItemMovement`."""

    direction: Literal["in", "out"]
    at_us: int
    customer: int | None
    source: str
    serial: str = ""
    written: str = ""
    model: str = ""
    item_id: int | None = None
    rack: str = ""
    document: DocumentKind | Literal[""] = ""
    document_id: int = 0
    line: int = 0
    number: str = ""
    binding: int | None = None
    edge_id: int | None = None
    door: str | None = None
    access_point: str | None = None
    holder: int | None = None
    badge: int | None = None
    record_seq: int | None = None
    event_seq: int | None = None
    place: int = 0
    by: str | None = None
    second: str | None = None
    reason: str = ""


class Device(msgspec.Struct, gc=False):
    """A row of ``item``, with its last stay."""

    id: int
    public_id: str
    serial: str | None
    serial_key: str | None
    model: str
    model_key: str
    customer: int | None
    stay: "Stay | None" = None
    is_new: bool = False
    changed: bool = False


class Stay(msgspec.Struct, gc=False):
    """A row of ``item_stay``, in the order of its columns."""

    id: int
    item_id: int
    customer_id: int | None
    rack: str
    in_at_us: int
    out_at_us: int | None = None
    order_line_id: int | None = None
    return_line_id: int | None = None
    slip_line_id: int | None = None
    source: str = "door"
    in_movement_id: int = 0
    out_movement_id: int | None = None
    is_new: bool = False
    changed: bool = False


class Squared(msgspec.Struct, frozen=True):
    """What became of one move. ``kinds``: discrepancies, none where all was in order."""

    movement_id: int
    device: Device | None
    line: Line | None
    kinds: tuple[str, ...]


def new_ids(connection: Connection, table: Any, count: int) -> Iterable[int]:
    """As many fresh ids of a table."""
    if connection.dialect.name == "postgresql":
        query = f"SELECT nextval(pg_get_serial_sequence('{table.name}', 'id')) FROM generate_series(1, {count:d})"  # noqa: S608 - our own names
        return list(connection.exec_driver_sql(query).scalars())
    last: int = connection.scalar(select(func.coalesce(func.max(table.c.id), 0))) or 0
    return range(last + 1, last + 1 + count)


def follow_merges(connection: Connection, customers: set[int]) -> dict[int, int]:
    """Customer → the file that it is now; those that no file has are left out."""
    into: dict[int, int | None] = {}
    wanted = set(customers)
    while wanted:
        found: dict[int, int | None] = {}
        for some in parts(wanted):
            query = select(_CUSTOMERS.c.id, _CUSTOMERS.c.merged_into).where(_CUSTOMERS.c.id.in_(some))
            found |= {row[0]: row[1] for row in connection.execute(query)}
        into |= found
        wanted = {after for after in found.values() if after is not None} - into.keys()
    followed: dict[int, int] = {}
    for customer in customers & into.keys():
        here, passed = customer, set[int]()
        while (after := into.get(here)) is not None and here not in passed:
            passed.add(here)
            here = after
        followed[customer] = here
    return followed
