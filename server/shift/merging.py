"""Two customers become one: their record of violations, too (C3)."""

from sqlalchemy import update
from sqlalchemy.engine import Connection

from server.ledger.keyed_rows import table_of
from server.shift.models import Violation


def move_violations(connection: Connection, kept_id: int, merged_id: int) -> dict[str, int]:
    """Two customers become one: the record of ``merged_id`` is ``kept_id``'s (C3)."""
    table = table_of(Violation)
    wanted = update(table).where(table.c.customer_id == merged_id)
    done = connection.execute(wanted.values(customer_id=kept_id, version=table.c.version + 1))
    return {"violations": int(done.rowcount)} if done.rowcount else {}
