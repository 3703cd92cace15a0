"""What every enrolled edge runs, by its last status, and the lease that it was sent last."""

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import Connection

from controller.policy import Version
from server.db.clock import to_us
from server.fleet.models import Edge
from server.ledger.facts import table_of


class Receipt(msgspec.Struct, frozen=True):
    """One edge that is believed. ``enrolment`` counts its enrolments."""

    edge_id: int
    edge: str
    role: str
    enrolment: int
    enrolled_us: int
    online: bool
    version: Version
    digest: str
    lease_version: Version
    lease_sent_us: int


def read_receipts(connection: Connection) -> list[Receipt]:
    """Every edge that is enrolled and not revoked."""
    edges = table_of(Edge).c
    query = select(
        edges.id,
        edges.name,
        edges.role,
        edges.epoch,
        edges.enrolled_at,
        edges.online,
        edges.received_policy_epoch,
        edges.received_policy_n,
        edges.received_policy_digest,
        edges.lease_policy_epoch,
        edges.lease_policy_n,
        edges.lease_sent_us,
    ).where(edges.public_key.is_not(None), edges.revoked_at.is_(None))
    return [
        Receipt(
            edge_id=row.id,
            edge=row.name,
            role=row.role,
            enrolment=row.epoch,
            enrolled_us=to_us(row.enrolled_at) if row.enrolled_at is not None else 0,
            online=row.online,
            version=Version(row.received_policy_epoch, row.received_policy_n),
            digest=row.received_policy_digest,
            lease_version=Version(row.lease_policy_epoch, row.lease_policy_n),
            lease_sent_us=row.lease_sent_us or 0,
        )
        for row in connection.execute(query.order_by(edges.id))
    ]
