"""What a new badge waits for before it may open: that the change which ended the old one is in force everywhere (MEANINGS 6)."""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from server.badges.acts import perform
from server.badges.lifecycle import Act
from server.badges.models import AWAITING, Badge
from server.db.clock import to_us
from server.db.engine import Database, is_away
from server.fleet.in_force import LeaseClass, lease_until, standings
from server.fleet.models import Edge, PolicyVersion
from server.operators.actor import SYSTEM
from server.registry.models import Holder, RegistryChange
from server.rfc3339 import rfc3339

log = structlog.get_logger(__name__)


def awaited_edges(session: Session, badge: Badge, now_us: int | None = None) -> list[dict[str, Any]]:
    """The edges that may still open for the old badge: ``[{edge, lease_until}]``, by name. ``lease_until`` None: it was never sent a
    lease. An edge whose lease has ended is awaited no more; without ``now_us`` leases are not looked at.

    A change that no policy carries yet is awaited at every edge. One whose key was revoked hears nothing and goes on under the leases that
    it was sent, so it is awaited until they have ended, whether it was revoked before the change or after; enrolled again, until it runs its current
    policy.
    """
    change_id = badge.awaits_change_id
    change = session.get(RegistryChange, change_id) if change_id is not None else None
    if change is None or change.id is None:
        return []
    lease_class = _lease_class(session, badge)
    until = lease_until(lease_class)
    enrolled = select(col(Edge.name), until).where(col(Edge.public_key).is_not(None))
    revoked = enrolled.where(col(Edge.revoked_at).is_not(None), col(Edge.role) == "door", until > (now_us or 0))
    waits = dict(session.exec(revoked).all())
    if change.done_at is None:
        waits |= dict(session.exec(enrolled.where(col(Edge.revoked_at).is_(None))).all())
    else:
        waits |= {
            each.edge: each.lease_until_us
            for each in standings(session.connection(), [change.id], lease_class)
            if each.since_us is None
            and (now_us is None or (each.lease_until_us is not None and each.lease_until_us > now_us))
        }
        again = enrolled.where(col(Edge.revoked_at).is_(None), col(Edge.role) == "door", until > (now_us or 0))
        waits |= dict(session.exec(again.where(col(Edge.enrolled_at) > change.done_at, ~_runs_newest())).all())
    return [{"edge": name, "lease_until": rfc3339(until_us)} for name, until_us in sorted(waits.items())]


def _runs_newest() -> ColumnElement[bool]:
    """Whether the edge reported its newest version last."""
    versions = col(PolicyVersion.edge_id) == col(Edge.id)
    newest = select(PolicyVersion.digest).where(versions)
    newest = newest.order_by(col(PolicyVersion.epoch).desc(), col(PolicyVersion.n).desc()).limit(1)
    return newest.correlate(Edge).scalar_subquery() == col(Edge.received_policy_digest)


def _lease_class(session: Session, badge: Badge) -> LeaseClass:
    """The lease under which an edge may still let the old badge in."""
    before = badge
    while before.replaces_id is not None and (before is badge or before.issued_at is None):
        before = session.get_one(Badge, before.replaces_id)  # one that never had a card opened nothing itself
    if _was_keyholder(session, before.holder_id):
        return "keyholder"
    return "staff" if before.kind == "staff" else "customer"


def _was_keyholder(session: Session, holder_id: int) -> bool:
    """Whether any edge may still hold this person for a keyholder, who has the longer lease (MEANINGS 17)."""
    if session.get_one(Holder, holder_id).keyholder:
        return True
    noted = select(RegistryChange.before).where(
        RegistryChange.table_name == "holder", RegistryChange.row_id == holder_id
    )
    return any(before is not None and before.get("keyholder") for before in session.exec(noted))


def activate_awaiting(database: Database, now: datetime) -> int:
    """Activate each badge for which nothing is awaited any more, in a transaction of its own. How many. One that cannot be is logged, and
    holds up no other."""
    with database.read() as session:
        waiting = session.exec(select(Badge.id).where(AWAITING).order_by(col(Badge.id))).all()
    activated = 0
    for badge_id in waiting:
        try:
            with database.read() as session:
                waits = _awaits(session, session.get_one(Badge, badge_id), now)
            activated += not waits and _activate(database, badge_id, now)
        except Exception as error:
            if is_away(error):
                raise
            log.exception("badge not activated, tried again", badge=badge_id)
    if activated:
        log.info("badges active: the old ones are refused everywhere", badges=activated)
    return activated


def _activate(database: Database, badge_id: int | None, now: datetime) -> bool:
    with database.write() as session:
        badge = session.exec(select(Badge).where(Badge.id == badge_id).with_for_update()).one()
        if badge.status != "issued" or badge.awaits_change_id is None or _awaits(session, badge, now):
            return False
        return perform(session, SYSTEM, now, badge, Act.ACTIVATE, badge.status_reason)


def _awaits(session: Session, badge: Badge, now: datetime) -> bool:
    change = session.get(RegistryChange, badge.awaits_change_id)
    return (change is not None and change.done_at is None) or bool(awaited_edges(session, badge, to_us(now)))
