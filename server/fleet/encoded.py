"""A card that a desk has written is bound to its badge in the transaction of its record (DESIGN 21)."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.engine import Connection

from controller.events import CardEncoded
from server.badges.binding import bind_encoded
from server.context import Context
from server.db.clock import from_us

Bind = Callable[[Connection, int, CardEncoded, int], None]
"""Connection, id of the desk's edge, event, now in µs."""


def binder(context: Context) -> Bind:
    """Binds under this server's keys and settings."""

    def bind(connection: Connection, edge_id: int, encoded: CardEncoded, now_us: int) -> None:
        erase_after = timedelta(days=context.config.erase_after_days)
        bind_encoded(connection, from_us(now_us), edge_id, encoded, context.keys.hash_key, erase_after)

    return bind
