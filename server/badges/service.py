"""Issuing badges and changing their status (B2-B5). The quota is the database's; here its refusals become answers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, case, col, func, or_, select

from controller.policy import credential_key
from server.badges.models import Badge
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem, not_found
from server.registry.lookup import taken
from server.registry.models import QUOTAS, Customer, Holder

Technology = Literal["desfire", "ultralight-c", "felica-lite-s", "uid"]
Report = Literal["active", "suspended", "lost", "revoked"]

TRANSITIONS: dict[str, frozenset[str]] = {
    "issued": frozenset({"active", "suspended", "lost", "revoked"}),
    "active": frozenset({"suspended", "lost", "revoked"}),
    "suspended": frozenset({"active", "lost", "revoked"}),
    "lost": frozenset({"active", "revoked"}),
    "expired": frozenset({"lost", "revoked"}),
    "revoked": frozenset(),
}
"""Status → what it may become. Revoked is deregistered: its slot is free, and it never comes back (B4, B5)."""


@dataclass(frozen=True)
class NewBadge:
    """What is to be issued. The card's number is hashed with ``hash_key`` and not kept."""

    external_id: str | None
    number: str
    technology: Technology
    card_number: str
    from_at: datetime
    until_at: datetime | None
    schedule: str | None


def issue_badge(session: Session, actor: Actor, now: datetime, holder: Holder, new: NewBadge, hash_key: bytes) -> Badge:
    """Issue a badge to a holder, active at once. A customer's takes the lowest free slot.

    Raises :class:`Problem`: ``QUOTA_EXCEEDED`` when no slot is free, 409 for a card, number or external id in use.
    """
    credential = credential_key(hash_key, new.technology, new.card_number)
    _refuse_used(session, new, credential)
    badge = Badge(
        public_id=new_id("bdg", now),
        external_id=new.external_id,
        number=new.number,
        kind={"customer": "customer", "staff": "staff", "visitor": "temporary"}[holder.kind],
        status="active",
        holder_id=_id(holder.id),
        holder_kind=holder.kind,
        technology=new.technology,
        credential=credential,
        from_at=new.from_at,
        until_at=new.until_at,
        schedule=new.schedule,
        created_at=now,
    )
    if holder.kind == "customer":
        _take_slot(session, badge, session.get_one(Customer, holder.customer_id), new)
    else:
        session.add(badge)
        session.flush()
    record(session, actor, now, "badge.issue", badge.public_id, after=show(badge))
    return badge


def _take_slot(session: Session, badge: Badge, customer: Customer, new: NewBadge) -> None:
    """Insert the badge into the lowest free slot. Whoever raced for it is told apart by the database: try the next."""
    quota = QUOTAS[customer.kind]
    for _ in range(quota + 1):
        used = set(
            session.exec(select(Badge.slot).where(Badge.customer_id == customer.id, Badge.status != "revoked")).all()
        )
        free = [slot for slot in range(1, quota + 1) if slot not in used]
        if not free:
            break
        generations = select(func.max(Badge.generation)).where(Badge.customer_id == customer.id, Badge.slot == free[0])
        badge.customer_id, badge.customer_kind, badge.slot = customer.id, customer.kind, free[0]
        badge.generation = (session.exec(generations).one() or 0) + 1
        try:
            with session.begin_nested():
                session.add(badge)
                session.flush()
        except IntegrityError:
            _refuse_used(session, new, badge.credential)  # it may have been the card or the number that was raced for
            continue
        return
    raise Problem(
        409,
        "QUOTA_EXCEEDED",
        f"Customer {customer.code} ({customer.kind}) may hold {quota} badges and holds them: deregister one first.",
        f"客户 {customer.code} 的出入证限额为 {quota} 张，已用完：请先注销一张。",
        extra={"rule": "B2"},
    )


def report_badge(session: Session, actor: Actor, now: datetime, badge: Badge, report: Report) -> None:
    """Change the status by :data:`TRANSITIONS`; reporting what is so already changes nothing. Raises :class:`Problem`."""
    if badge.status == report:
        return
    if report not in TRANSITIONS[badge.status]:
        raise Problem(
            409,
            "BADGE_REVOKED" if badge.status == "revoked" else "status_conflict",
            f"Badge {badge.number} is {badge.status} and cannot become {report}.",
            f"出入证 {badge.number} 的状态为 {badge.status}，不能改为 {report}。",
            field="as",
        )
    before = show(badge)
    badge.status = report
    badge.deregistered_at = now if report == "revoked" else None
    badge.version += 1
    session.add(badge)
    session.flush()
    record(session, actor, now, f"badge.report_{report}", badge.public_id, before=before, after=show(badge))


def find_badge(session: Session, name: str) -> Badge:
    """By public id or external id, in this order. Raises :class:`Problem` 404."""
    named = or_(Badge.public_id == name, Badge.external_id == name)
    rank = case((col(Badge.public_id) == name, 0), else_=1)
    found = session.exec(select(Badge).where(named).order_by(rank)).first()
    if found is None:
        raise not_found("badge", "出入证", name)
    return found


def _refuse_used(session: Session, new: NewBadge, credential: bytes) -> None:
    live = select(Badge.id).where(Badge.status != "revoked")
    if (
        new.external_id is not None
        and session.exec(select(Badge.id).where(Badge.external_id == new.external_id)).first()
    ):
        raise taken("external_id", new.external_id)
    if session.exec(live.where(Badge.number == new.number)).first():
        raise taken("number", new.number)
    if session.exec(live.where(col(Badge.credential) == credential)).first():
        raise Problem(
            409,
            "card_bound",
            "This card is bound to another badge: deregister that badge first.",
            "该卡已绑定另一张出入证：请先注销。",
            field="card",
        )


def show(badge: Badge) -> dict[str, Any]:
    """A badge as the audit log keeps it: without the credential and internal ids."""
    exclude = {"id", "public_id", "credential", "holder_id", "customer_id", "created_at"}
    return badge.model_dump(mode="json", exclude=exclude)


def _id(value: int | None) -> int:
    assert value is not None, "flush before use"
    return value
