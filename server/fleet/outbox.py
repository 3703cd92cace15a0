"""From the database's outbox to the broker, in order; a row goes when the broker has taken it (DESIGN 15)."""

from collections import deque

from sqlalchemy import delete, or_, select
from sqlalchemy.engine import Connection

from controller.wire import topic
from server.fleet.models import Edge, OutboxMessage
from server.ledger.facts import table_of
from server.mqtt import MqttClient

IN_FLIGHT = 100


class Publisher:
    """``taken`` is paho's thread's way in; the rest is called by the fleet's thread.

    No lock: paho holds its own while it calls ``taken``, and takes it in ``publish``; a lock of ours around either would let
    the two threads wait for each other for ever. A deque is what they share.
    """

    def __init__(self, site: str) -> None:
        self._site = site
        self._in_flight: dict[int, int] = {}
        self._taken: deque[int] = deque()

    def taken(self, message_id: int) -> None:
        """The broker has a message."""
        self._taken.append(message_id)

    @property
    def has_taken(self) -> bool:
        """Whether rows can be deleted."""
        return bool(self._taken)

    def publish(self, connection: Connection, mqtt: MqttClient, now_us: int) -> None:
        """Hand over what is not in flight, as long as the client takes it."""
        if not mqtt.connected:
            return
        table = table_of(OutboxMessage)
        flying = set(self._in_flight.values())
        alive = or_(table.c.expires_us.is_(None), table.c.expires_us > now_us)
        edges = table_of(Edge).c
        believed = table.c.edge.not_in(select(edges.name).where(edges.revoked_at.is_not(None)))
        query = select(table).where(alive, believed).order_by(table.c.id).limit(IN_FLIGHT + len(flying))
        rows = connection.execute(query).all()
        for row in rows:
            if row.id in flying:
                continue
            if len(self._in_flight) >= IN_FLIGHT:
                break
            message_id = mqtt.publish(topic(self._site, row.edge, row.leaf), row.payload, retain=row.retain)
            if message_id is None:
                break
            self._in_flight[message_id] = row.id

    def clean(self, connection: Connection, now_us: int) -> None:
        """Delete what was taken and what has expired."""
        table = table_of(OutboxMessage)
        ids = [self._taken.popleft() for _ in range(len(self._taken))]
        taken = [row for row in (self._in_flight.pop(message_id, None) for message_id in ids) if row is not None]
        if taken:
            connection.execute(delete(table).where(table.c.id.in_(taken)))
        connection.execute(delete(table).where(table.c.expires_us <= now_us))
