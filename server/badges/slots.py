"""The places of the quota (B2). The database refuses what goes beyond it; here its refusals become answers.

Whoever takes a place, by re-issue or by a new application, waits until every edge knows that the one before opens nothing any more
(:mod:`server.badges.awaiting`): else an edge that was cut off would make it one badge too many.
"""

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from server.badges.awaiting import change_that_stopped
from server.badges.models import GONE, Badge
from server.problems import Problem
from server.registry.lookup import taken
from server.registry.models import QUOTAS, Customer


def take_free_slot(session: Session, badge: Badge, customer: Customer) -> None:
    """Insert the badge into the customer's lowest free slot. Whoever races for it is told apart by the database: the loser tries
    the next. Raises :class:`Problem` QUOTA_EXCEEDED."""
    quota = QUOTAS[customer.kind]
    for _ in range(quota + 1):
        live = select(Badge.slot).where(Badge.customer_id == customer.id, col(Badge.status).not_in(GONE))
        used = set(session.exec(live).all())
        free = [slot for slot in range(1, quota + 1) if slot not in used]
        if not free:
            break
        if _insert(session, badge, customer, free[0]):
            return
    raise quota_exceeded(customer)


def quota_exceeded(customer: Customer) -> Problem:
    """409 QUOTA_EXCEEDED."""
    quota = QUOTAS[customer.kind]
    return Problem(
        409,
        "QUOTA_EXCEEDED",
        f"Customer {customer.code} ({customer.kind}) may hold {quota} badges and holds them: deregister one first.",
        f"客户 {customer.code} 的出入证限额为 {quota} 张，已用完：请先注销一张。",
        extra={"rule": "B2"},
    )


def take_slot_of(session: Session, badge: Badge, customer: Customer, predecessor: Badge) -> None:
    """Insert the badge into the slot that its predecessor, deregistered in this transaction, has just left. Raises
    :class:`Problem` QUOTA_EXCEEDED when the customer's kind no longer has that slot, or someone took it."""
    assert predecessor.slot is not None
    if predecessor.slot > QUOTAS[customer.kind] or not _insert(session, badge, customer, predecessor.slot):
        take_free_slot(session, badge, customer)


def _insert(session: Session, badge: Badge, customer: Customer, slot: int) -> bool:
    newest = select(Badge).where(Badge.customer_id == customer.id, Badge.slot == slot)
    before = session.exec(newest.order_by(col(Badge.generation).desc()).limit(1)).first()
    badge.customer_id, badge.customer_kind, badge.slot = customer.id, customer.kind, slot
    badge.generation = before.generation + 1 if before is not None else 1
    badge.replaces_id = before.id if before is not None else None
    badge.awaits_change_id = change_that_stopped(session, before) if before is not None else None
    try:
        with session.begin_nested():
            session.add(badge)
            session.flush()
    except IntegrityError:
        refuse_external_id(session, badge.external_id)  # it may have been the name that was raced for
        return False
    return True


def refuse_external_id(session: Session, external_id: str | None) -> None:
    """Raise :class:`Problem` 409 for an external id that another badge has."""
    if external_id is None:
        return
    if session.exec(select(Badge.id).where(Badge.external_id == external_id)).first() is not None:
        raise taken("external_id", external_id)
