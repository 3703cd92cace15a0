"""What should be over and is not: for the guards' list and the shift handover (B8, R5, R6)."""

from collections.abc import Sequence
from typing import Literal

from sqlmodel import Session, col, select

from server.badges.models import Badge
from server.context import Context
from server.db.clock import to_us
from server.permits.declaration import declared_holders
from server.permits.models import Emergency, Permit, Visit
from server.permits.visits import awaited

Why = Literal["window_over", "permit_ended", "badge_out", "unsigned"]


def overdue_of(visit: Visit, permit: Permit, awaiting: Sequence[str], now_us: int) -> list[Why]:
    """Why a visit should be over: checked in though its permit's window is over (``window_over``) or the permit ended (``permit_ended``), gone with the badge (``badge_out``), or a witness's signature is missing (``unsigned``)."""
    why: list[Why] = []
    if visit.status == "checked_in":
        if to_us(permit.until_at) <= now_us:
            why.append("window_over")
        elif permit.status != "approved":
            why.append("permit_ended")
    if "badge" in awaiting:
        why.append("badge_out")
    if "witness" in awaiting:
        why.append("unsigned")
    return why


def open_visits(session: Session) -> list[Visit]:
    """Checked in, or checked out and not closed: what a handover lists (R5)."""
    query = select(Visit).where(col(Visit.status).in_(("checked_in", "checked_out")))
    return list(session.exec(query.order_by(col(Visit.id))).all())


def overdue_visits(session: Session, context: Context) -> list[tuple[Visit, list[Why]]]:
    """All that are overdue now, oldest first."""
    rows = open_visits(session)
    wanted = {row.permit_id for row in rows}
    permits = {
        permit.id: permit
        for permit in (session.exec(select(Permit).where(col(Permit.id).in_(wanted))).all() if wanted else ())
    }
    waits = awaited(session, rows)
    now_us = to_us(context.clock.now())
    found = []
    for row in rows:
        why = overdue_of(row, permits[row.permit_id], waits.get(row.id) or [], now_us)
        if why:
            found.append((row, why))
    return found


def open_debts(session: Session) -> list[Emergency]:
    """Emergencies that are not closed (B7), oldest first."""
    query = select(Emergency).where(Emergency.status == "admitted")
    return list(session.exec(query.order_by(col(Emergency.id))).all())


def undeclared_badges(session: Session, after: int, limit: int) -> tuple[list[Badge], int | None]:
    """A page of customer badges in use whose holder did not sign the declaration (R8), and the cursor of the next."""
    found: list[Badge] = []
    while True:
        query = select(Badge).where(Badge.kind == "customer", col(Badge.status).in_(("issued", "active", "suspended")))
        rows = session.exec(query.where(col(Badge.id) > after).order_by(col(Badge.id)).limit(limit + 1)).all()
        declared = declared_holders(session, [row.holder_id for row in rows[:limit]])
        found += [row for row in rows[:limit] if row.holder_id not in declared]
        if len(rows) <= limit:
            return found[:limit], None if len(found) <= limit else found[limit - 1].id
        if len(found) >= limit:
            return found[:limit], found[limit - 1].id
        after = rows[limit - 1].id or 0
