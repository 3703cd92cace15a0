"""Approval of an application: the badge begins to be, and takes its slot (B1, B2, B4, B5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlmodel import Session, col, select

from server.badges import lifecycle
from server.badges.acts import erase_documents, loss_letter_missing, perform, show
from server.badges.applications import refuse_decided, refuse_left, refuse_predecessor
from server.badges.applications import show as show_application
from server.badges.awaiting import change_that_stopped
from server.badges.documents import attached_parts, required_parts, with_loss_letter
from server.badges.lifecycle import Act
from server.badges.lookup import lock_badge, terms_of
from server.badges.models import Application, Badge
from server.badges.quota import quotas_of
from server.badges.slots import quota_exceeded, refuse_external_id, take_free_slot, take_slot_of
from server.badges.standing import Terms, contract_standing, why_not_in_force
from server.chinese import all_in_chinese
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.permissions import Permission
from server.problems import Problem
from server.registry.models import Customer, Holder
from server.shift.suspended_for import refuse_suspended, violations_of_holders

_Row = TypeVar("_Row", Application, Badge, Customer, Holder)
KIND_OF_BADGE = {"customer": "customer", "staff": "staff", "visitor": "temporary"}
"""Kind of holder → kind of badge (MEANINGS 4)."""


@dataclass(frozen=True)
class Decision:
    """What the approver adds: the badge's name in the caller's own system, and a note."""

    external_id: str | None = None
    note: str = ""


def approve(
    session: Session, actor: Actor, now: datetime, application: Application, decision: Decision, erase_after: timedelta
) -> Badge:
    """Make the badge. ``application`` is locked. Raises :class:`Problem`: 409 APPLICATION_INCOMPLETE, or as :func:`why_unapprovable` finds, or 403 for own
    staff without the permission."""
    refuse_decided(application)
    refuse_external_id(session, decision.external_id)
    holder = session.get_one(Holder, application.holder_id)
    customer = session.get_one(Customer, holder.customer_id) if holder.customer_id is not None else None
    refuse_forbidden_staff(actor, holder.kind)
    refuse_incomplete(session, application, holder, customer)
    old = lock_badge(session, application.replaces_id) if application.replaces_id is not None else None
    why = why_unapprovable(session, now, [application])
    if why:
        raise why[application.id]
    if old is not None:
        _end_predecessor(session, actor, now, old, application, erase_after)
    badge = _new_badge(now, actor, holder, application, decision)
    if customer is None:
        badge.replaces_id = old.id if old is not None else None
        badge.awaits_change_id = change_that_stopped(session, old) if old is not None else None
        session.add(badge)
        session.flush()
    elif old is None:
        take_free_slot(session, badge, customer)
    else:
        take_slot_of(session, badge, customer, old)
    record(session, actor, now, "badge.approve", badge.public_id, after=show(badge))
    _approved(session, actor, now, application, badge, decision.note)
    return badge


def why_unapprovable(session: Session, now: datetime, rows: Sequence[Application]) -> dict[int | None, Problem]:
    """What stands against the approval of these applications, by id; those that may be approved are left out. The same few queries for any number."""
    holders = _by_id(session, Holder, (row.holder_id for row in rows))
    customers = _by_id(session, Customer, (holder.customer_id for holder in holders.values()))
    olds = _by_id(session, Badge, (row.replaces_id for row in rows))
    terms, quotas = terms_of(session, customers), quotas_of(session, customers.values())
    violations, letters = violations_of_holders(session, list(holders)), with_loss_letter(session, list(olds))
    why: dict[int | None, Problem] = {}
    for row in rows:
        holder, old = holders[row.holder_id], olds.get(row.replaces_id)
        customer = customers.get(holder.customer_id)
        try:
            refuse_footless(holder, customer, terms[customer.id or 0] if customer is not None else [], now)
            refuse_suspended(violations.get(holder.id, ()))
            if row.until_at is not None and row.until_at <= now:
                raise past_window()
            if old is not None:
                refuse_predecessor(row.kind, old, holder)
                if row.kind == "reissue" and old.kind == "customer" and old.id not in letters:
                    raise loss_letter_missing()
            elif customer is not None and quotas[customer.id or 0].used >= quotas[customer.id or 0].most:
                raise quota_exceeded(customer)
        except Problem as problem:
            why[row.id] = problem
    return why


def _by_id(session: Session, model: type[_Row], ids: Iterable[int | None]) -> dict[int | None, _Row]:
    wanted = {one for one in ids if one is not None}
    return {row.id: row for row in session.exec(select(model).where(col(model.id).in_(wanted))).all()} if wanted else {}


def refuse_forbidden_staff(actor: Actor, holder_kind: str) -> None:
    """Raise :class:`Problem` 403: own staff's badges are the head's to give (R4)."""
    if holder_kind == "staff" and not actor.may(Permission.STAFF_PERMIT):
        raise Problem(
            403,
            "not_permitted",
            "Badges of own staff are the head's to give: this takes the permission staff.permit.",
            "员工出入证须由负责人批准。",
        )


def refuse_incomplete(session: Session, application: Application, holder: Holder, customer: Customer | None) -> None:
    """Raise :class:`Problem` 409 that names what is missing (B1)."""
    missing = missing_parts(session, application, holder, customer)
    if missing:
        raise Problem(
            409,
            "APPLICATION_INCOMPLETE",
            f"The application lacks: {', '.join(missing)}.",
            f"申请材料不全，缺：{all_in_chinese('paper', missing)}。",
            extra={"missing": missing, "rule": "B1"},
        )


def missing_parts(session: Session, application: Application, holder: Holder, customer: Customer | None) -> list[str]:
    """What must still be attached."""
    there = attached_parts(session, [application.id]).get(application.id or 0, {})
    required = required_parts(holder.kind, customer.kind if customer is not None else None, application.kind)
    return [part for part in required if part not in there]


def refuse_without_footing(session: Session, holder: Holder, customer: Customer | None, now: datetime) -> None:
    """Raise :class:`Problem` 409 for a person who has left, or a customer without a signed hosting contract in force (B1)."""
    contracts = (
        terms_of(session, [customer.id])[customer.id] if customer is not None and customer.id is not None else []
    )
    refuse_footless(holder, customer, contracts, now)


def refuse_footless(holder: Holder, customer: Customer | None, contracts: Sequence[Terms], now: datetime) -> None:
    """As :func:`refuse_without_footing`, with the customer's contracts at hand."""
    refuse_left(holder, now)
    if customer is None:
        return
    why, why_zh = why_not_in_force(contracts, now)
    if customer.deleted_at is not None:
        why, why_zh = "its file was deleted", "档案已删除"
    elif contract_standing(contracts, now) == "in_force":
        return
    raise Problem(
        409,
        "CONTRACT_ENDED",
        f"Customer {customer.code} has no signed hosting contract in force: {why}.",
        f"客户 {customer.code} 没有生效的托管合同：{why_zh}。",
        extra={"rule": "B1"},
    )


def past_window() -> Problem:
    """409: the badge's time is over before it begins."""
    return Problem(
        409,
        "BADGE_EXPIRED",
        "until: the badge would have expired already; make a new application.",
        "until：有效期已过，请重新申请。",
        field="until",
        extra={"rule": "B3"},
    )


def _end_predecessor(
    session: Session, actor: Actor, now: datetime, old: Badge, application: Application, erase_after: timedelta
) -> None:
    perform(session, actor, now, old, Act.DEREGISTER, f"{application.kind} {application.public_id}")
    if application.kind == "reissue":  # the card of a transfer is still out until it is bound again or comes back
        erase_documents(session, old, now + erase_after)


def _new_badge(now: datetime, actor: Actor, holder: Holder, application: Application, decision: Decision) -> Badge:
    assert holder.id is not None
    return Badge(
        public_id=new_id("bdg", now),
        external_id=decision.external_id,
        kind=KIND_OF_BADGE[holder.kind],
        status=lifecycle.TABLE[lifecycle.NOTHING_YET][Act.APPROVE],
        holder_id=holder.id,
        holder_kind=holder.kind,
        from_at=application.from_at or now,
        until_at=application.until_at,
        schedule=application.schedule,
        created_at=now,
        changed_by=actor.public_id,
    )


def _approved(session: Session, actor: Actor, now: datetime, application: Application, badge: Badge, note: str) -> None:
    before = show_application(application)
    application.status = "approved"
    application.decision_note = note
    application.decided_by = actor.public_id
    application.decided_at = now
    application.badge_id = badge.id
    application.version += 1
    session.add(application)
    session.flush()
    after = show_application(application) | {"badge": badge.public_id}
    record(session, actor, now, "application.approve", application.public_id, before=before, after=after)
