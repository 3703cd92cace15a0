"""Follows ``ItemsMoved`` in the ledger, inside ingestion's transaction: movements, stays, counters, discrepancies (E6, docs/goods.md).

A transaction without such an event costs nothing here.
"""

from sqlalchemy.engine import Connection

from controller.goods_events import ItemsMoved
from server.db.clock import from_us
from server.equipment.stock import Stock
from server.equipment.stock_rows import Move


class Moves:
    """Collects one transaction's moves; :meth:`save` writes them."""

    def __init__(self, connection: Connection, now_us: int) -> None:
        self._connection = connection
        self._now_us = now_us
        self._moves: list[Move] = []

    def take(self, edge_id: int, event: ItemsMoved, at_us: int, event_seq: int, record_seq: int) -> None:
        """Note an event; also one that comes late: the devices have moved."""
        for place, item in enumerate(event.items):
            self._moves.append(
                Move(
                    direction=event.direction,
                    at_us=at_us,
                    customer=event.customer,
                    source="door",
                    serial=item.serial,
                    document=event.document,
                    document_id=event.document_id,
                    line=item.line,
                    number=event.number,
                    binding=event.binding,
                    edge_id=edge_id,
                    door=event.door,
                    access_point=event.access_point,
                    holder=event.holder or None,
                    badge=event.badge or None,
                    record_seq=record_seq,
                    event_seq=event_seq,
                    place=place,
                )
            )

    def save(self) -> None:
        """Write what was taken. The caller commits."""
        if not self._moves:
            return
        stock = Stock(self._connection, self._moves, from_us(self._now_us))
        for move in self._moves:
            stock.take(move)
        stock.save()
        self._moves = []
