"""Where a change of the registry is in force: by what each edge has confirmed, and by its lease at the latest (MEANINGS 6, DESIGN 5.6)."""

from collections.abc import Collection
from typing import Any, Literal

import msgspec
from sqlalchemy import and_, func, or_, select
from sqlalchemy.engine import Connection

from server.fleet.models import Edge, EdgeReceipt, PolicyReach, PolicyVersion
from server.ledger.facts import table_of

LeaseClass = Literal["customer", "staff", "keyholder"]
"""Whose lease is meant; ``keyholder`` is the longest (MEANINGS 17)."""


def lease_until(lease_class: LeaseClass) -> Any:
    """The column of :class:`server.fleet.models.Edge`: when the leases that an edge was sent have ended for this class."""
    return table_of(Edge).c[f"lease_{lease_class}_until_us"]


class Standing(msgspec.Struct, frozen=True):
    """How it stands with one change at one edge that it concerns. ``since_us``: when the edge first reported a policy that has it; None:
    not yet. ``lease_until_us``: when the leases that the edge was sent have ended for the class asked for, at the latest; None: it never had one."""

    change_id: int
    edge_id: int
    edge: str
    revoked: bool
    online: bool
    since_us: int | None
    lease_until_us: int | None


def standings(connection: Connection, changes: Collection[int], lease_class: LeaseClass) -> list[Standing]:
    """For each change the edges that it concerns, by name. A receipt counts for a version that this database made and of that
    digest, or a later one, also in a later epoch: what a restored database never made may lack the change."""
    reach, edges = table_of(PolicyReach).c, table_of(Edge).c
    receipts, versions = table_of(EdgeReceipt).c, table_of(PolicyVersion).c
    confirmed = and_(
        receipts.edge_id == reach.edge_id,
        or_(receipts.epoch > reach.epoch, and_(receipts.epoch == reach.epoch, receipts.n >= reach.n)),
    )
    ours = and_(
        versions.edge_id == receipts.edge_id,
        versions.epoch == receipts.epoch,
        versions.n == receipts.n,
        versions.digest == receipts.digest,
    )
    since = (
        select(func.min(receipts.at_us))
        .select_from(table_of(EdgeReceipt).join(table_of(PolicyVersion), ours))
        .where(confirmed)
        .correlate(table_of(PolicyReach))
        .scalar_subquery()
    )
    query = (
        select(
            reach.change_id,
            edges.id,
            edges.name,
            edges.revoked_at.is_not(None),
            edges.online,
            since,
            lease_until(lease_class),
        )
        .select_from(table_of(PolicyReach).join(table_of(Edge), edges.id == reach.edge_id))
        .where(reach.change_id.in_(changes))
        .order_by(reach.change_id, edges.name)
    )
    return [
        Standing(row[0], row[1], row[2], bool(row[3]), bool(row[4]), row[5], row[6])
        for row in connection.execute(query)
    ]
