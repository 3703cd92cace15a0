"""Two customers become one: what entered under either leaves under the kept one, and under nobody else (C3, E6).

Movements stay as they were told: whoever reads them follows ``merged_into``."""

from sqlalchemy import update
from sqlalchemy.engine import Connection

from server.equipment.models import Item, ItemStay, WorkOrder
from server.equipment.slip_models import ExitSlip
from server.equipment.stock import lock_stock
from server.ledger.keyed_rows import table_of


def begin_merge(connection: Connection) -> None:
    """Before any row is held: ingestion takes the stock's turn before it touches a customer's row."""
    lock_stock(connection)


def move_equipment(connection: Connection, kept_id: int, merged_id: int) -> dict[str, int]:
    """Items, their stays, orders and slips of ``merged_id`` are ``kept_id``'s; how many of each, where there are any."""
    moved: dict[str, int] = {}
    for model, name in ((Item, "items"), (ItemStay, "stays"), (WorkOrder, "work_orders"), (ExitSlip, "exit_slips")):
        table = table_of(model)
        values = {"customer_id": kept_id} | ({"version": table.c.version + 1} if "version" in table.c else {})
        done = connection.execute(update(table).where(table.c.customer_id == merged_id).values(**values))
        if done.rowcount:
            moved[name] = int(done.rowcount)
    return moved
