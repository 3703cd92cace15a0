"""What the server says to its edges: sealed, numbered, and kept in the database until the broker has it (DESIGN 7, 8, 15)."""

import threading
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection

from controller.wire import WIRE_VERSION, Body, DownTopic, seal
from server.fleet.models import FleetState, OutboxMessage
from server.keys import ServerKeys
from server.ledger.facts import table_of

RESTART_MARGIN = 1_000_000
EDGES_AT_ONCE = 500
MAX_WAITING_PER_EDGE = 500
"""Beyond this many messages that the broker did not take, deltas are dropped: the edge will ask."""


class Numbers:
    """``seq`` of messages down: follows the clock in microseconds and always rises, restarts and clock steps included."""

    def __init__(self) -> None:
        self._last = 0
        self._turn = threading.Lock()

    def load(self, connection: Connection) -> int:
        """Go on above what was said before. Returns the epoch; makes the state's row when there is none."""
        table = table_of(FleetState)
        row = connection.execute(select(table)).first()
        if row is None:
            connection.execute(insert(table).values(id=1, epoch=1, seq_reserved=0))
            return 1
        self._last = max(self._last, row.seq_reserved + RESTART_MARGIN)
        epoch: int = row.epoch
        return epoch

    def next(self, now_us: int) -> int:
        """The next number."""
        with self._turn:
            self._last = max(self._last + 1, now_us)
            return self._last

    def save(self, connection: Connection) -> None:
        """Note how far it went, in the transaction of what was said."""
        table = table_of(FleetState)
        connection.execute(update(table).where(table.c.seq_reserved < self._last).values(seq_reserved=self._last))


class Composer:
    """Seals bodies for edges. ``epoch`` is the policies' own: it opens every body down."""

    def __init__(self, site: str, keys: ServerKeys) -> None:
        self.site = site
        self.keys = keys
        self.epoch = 1
        self.numbers = Numbers()

    def sealed(self, body_type: type[Body], edge: str, now_us: int, **fields: Any) -> bytes:
        """One envelope. Raises :class:`controller.wire.WireError` when it is oversized, and
        :class:`server.keys.KeysError` when no key is valid."""
        key = self.keys.signing(now_us)
        body = body_type(
            v=WIRE_VERSION,
            site=self.site,
            edge=edge,
            epoch=self.epoch,
            seq=self.numbers.next(now_us),
            issued_at_us=now_us,
            **fields,
        )
        return seal(body, key.kid, key.sign)


def put(
    connection: Connection,
    edge: str,
    leaf: DownTopic,
    payload: bytes,
    *,
    retain: bool = False,
    replaces: bool = False,
    expires_us: int | None = None,
) -> None:
    """Put a message into the outbox. ``replaces``: what waits on this leaf for this edge is superseded."""
    table = table_of(OutboxMessage)
    of_edge = (table.c.edge == edge, table.c.leaf == leaf)
    if replaces or (connection.scalar(select(func.count()).where(*of_edge)) or 0) >= MAX_WAITING_PER_EDGE:
        connection.execute(delete(table).where(*of_edge))
    connection.execute(
        insert(table).values(edge=edge, leaf=leaf, payload=payload, retain=retain, expires_us=expires_us)
    )


def put_all(
    connection: Connection,
    leaf: DownTopic,
    payloads: Mapping[str, bytes],
    *,
    retain: bool = False,
    replaces: bool = False,
) -> None:
    """As :func:`put`, for one message to each of many edges, by few statements."""
    if not payloads:
        return
    table = table_of(OutboxMessage)
    superseded = list(payloads) if replaces else _with_too_many(connection, leaf)
    for start in range(0, len(superseded), EDGES_AT_ONCE):
        some = superseded[start : start + EDGES_AT_ONCE]
        connection.execute(delete(table).where(table.c.leaf == leaf, table.c.edge.in_(some)))
    rows = [
        {"edge": edge, "leaf": leaf, "payload": payload, "retain": retain, "expires_us": None}
        for edge, payload in payloads.items()
    ]
    connection.execute(insert(table), rows)


def _with_too_many(connection: Connection, leaf: DownTopic) -> list[str]:
    table = table_of(OutboxMessage).c
    full = select(table.edge).where(table.leaf == leaf).group_by(table.edge)
    return list(connection.scalars(full.having(func.count() >= MAX_WAITING_PER_EDGE)))
