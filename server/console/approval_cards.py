"""What waits for an operator's word, across the product: one card each, the oldest first (R4, B1, B7, B8, E1, E4, E8; four eyes).

What the server would refuse to this operator is found out by the same check that refuses it, so a card never promises what the API then denies.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from server.badges import application_endpoints
from server.badges.approval import refuse_forbidden_staff, refuse_without_footing
from server.badges.documents import is_complete
from server.badges.models import GONE, Application, Badge
from server.context import Context
from server.equipment import correction_endpoints, corrections, order_endpoints
from server.equipment.models import InventoryCorrection, WorkOrder
from server.equipment.orders import refuse_own_exception
from server.equipment.slip_models import ExitSlip
from server.equipment.slips import endpoints as slip_endpoints
from server.equipment.slips.deciding import refuse_own, refuse_unapprovable
from server.operators.actor import Actor
from server.operators.permissions import Permission
from server.permits import approval, emergencies, emergency_endpoints, permit_endpoints
from server.permits.models import Emergency, Permit
from server.personal.fields import masked_field
from server.problems import Problem
from server.registry.lookup import seen_rows
from server.registry.models import QUOTAS, Customer, Holder

MOST = 100
"""So many cards of a kind on the page, the oldest; what follows comes up as they are decided."""
OWN = frozenset({"own_slip", "own_exception", "own_correction", "FOUR_EYES", "not_permitted"})
"""Refusals that are about who asks: the card waits for somebody else."""


@dataclass(frozen=True)
class Card:
    """One decision. ``kind``: permit, application, slip, exception, order, correction, emergency. ``since``: when it began to wait; ``what``: as the API shows
    it; ``barred``: why this operator may not approve it now; ``more``: what else one must know."""

    kind: str
    since: datetime
    what: Any
    barred: Problem | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def elsewhere(self) -> bool:
        """Whether somebody else must decide it."""
        return self.barred is not None and self.barred.code in OWN

    def waits(self, now: datetime) -> timedelta:
        """For how long, by ``now``."""
        return max(now - self.since, timedelta())


def cards_for(session: Session, context: Context, actor: Actor) -> list[Card]:
    """Everything that waits for ``actor``, and what only somebody else may decide although the role would do; the oldest first."""
    found: list[Card] = []
    for collect in _KINDS:
        found += collect(session, context, actor)
    return sorted(found, key=lambda card: (card.since, card.what.id))


def count_waiting(session: Session, context: Context, actor: Actor) -> int:
    """How many cards ``actor`` may decide, of each kind :data:`MOST` at the most; for the rail: a few indexed queries of rows that wait."""
    found = 0
    if any(actor.may(permission) for permission in approval.TAKES.values()):
        permits = _first(session, seen_rows(actor, select(Permit), Permit).where(Permit.status == "submitted"))  # type: ignore[type-var]
        given = approval.approvals_of(session, permits)
        found += sum(_awaits(context, actor, permit, given.get(permit.id, [])) for permit in permits)
    if actor.may(Permission.APPLICATION_APPROVE):
        asked: Any = select(Holder.kind).join(Application, col(Application.holder_id) == Holder.id)
        query: Any = seen_rows(actor, asked, Holder).outerjoin(Customer, col(Customer.id) == Holder.customer_id)
        kinds = _first(session, query.where(Application.status == "open", is_complete()))
        found += sum(kind != "staff" or actor.may(Permission.STAFF_PERMIT) for kind in kinds)
    if actor.may(Permission.SLIP_APPROVE) or actor.may(Permission.SLIP_APPROVE_SITE):
        slips = _first(session, seen_rows(actor, select(ExitSlip), ExitSlip).where(ExitSlip.status == "inspected"))  # type: ignore[type-var]
        mine = [slip for slip in slips if actor.may(_takes(slip.kind))]
        found += sum(_barred(refuse_own, session, actor, slip) is None for slip in mine)
    if actor.may(Permission.ORDER_APPROVE) or actor.may(Permission.ORDER_EXCEPT):
        orders = _first(session, seen_rows(actor, select(WorkOrder), WorkOrder).where(WorkOrder.status == "submitted"))  # type: ignore[type-var]
        found += sum(
            actor.may(Permission.ORDER_EXCEPT) and _barred(refuse_own_exception, actor, order) is None
            if order.exception_reason is not None and order.exception_by is None
            else actor.may(Permission.ORDER_APPROVE)
            for order in orders
        )
    if actor.may(Permission.INVENTORY_CORRECT):
        written = _first(session, select(InventoryCorrection).where(InventoryCorrection.status == "waiting"))
        found += sum(_barred(corrections.refuse_own, actor, row) is None for row in written)
    if actor.may(Permission.EMERGENCY_CLOSE):
        debts = _first(session, select(Emergency).where(Emergency.status == "admitted"))
        found += sum(_barred(emergencies.refuse_party, session, actor, row) is None for row in debts)
    return found


def may_decide(actor: Actor) -> bool:
    """Whether anything can ever wait for ``actor``."""
    return any(actor.may(permission) for permission in _DECIDES)


_DECIDES = (
    Permission.PERMIT_APPROVE, Permission.PERMIT_APPROVE_IT, Permission.APPLICATION_APPROVE, Permission.SLIP_APPROVE, Permission.SLIP_APPROVE_SITE,
    Permission.ORDER_APPROVE, Permission.ORDER_EXCEPT, Permission.INVENTORY_CORRECT, Permission.EMERGENCY_APPROVE, Permission.EMERGENCY_CLOSE,
)  # fmt: skip


def _barred(check: Callable[..., None], *given: Any) -> Problem | None:
    try:
        check(*given)
    except Problem as problem:
        return problem
    return None


def _first(session: Session, query: Any) -> list[Any]:
    return list(session.exec(query.limit(MOST)).all())


def _rows(session: Session, model: Any, shown: Iterable[Any]) -> dict[str, Any]:
    """The rows behind what the API shows, by public id."""
    names = [one.id for one in shown]
    return {row.public_id: row for row in session.exec(select(model).where(col(model.public_id).in_(names))).all()}


def _takes(kind: str) -> Permission:
    return Permission.SLIP_APPROVE_SITE if kind == "site" else Permission.SLIP_APPROVE


# -- permits and emergencies


def _awaits(context: Context, actor: Actor, permit: Permit, given: list[Any]) -> bool:
    open_ = set(approval.approvals_needed(context.site, permit)) - {one.role for one in given}
    mine = any(actor.may(approval.TAKES[role]) for role in open_)
    return mine and _barred(approval.refuse_same_person, actor, given) is None


def _permits(session: Session, context: Context, actor: Actor) -> list[Card]:
    shown: dict[str, Any] = {}
    for role, permission in approval.TAKES.items():
        if actor.may(permission):
            awaited = permit_endpoints.list_permits(session, context, actor, awaiting=role, limit=MOST).items
            shown |= {one.id: one for one in awaited}
    rows = _rows(session, Permit, shown.values())
    given = approval.approvals_of(session, list(rows.values()))
    cards = []
    for name, row in rows.items():
        one = shown[name]
        barred = _barred(approval.refuse_same_person, actor, given.get(row.id, []))
        cards.append(Card("permit", one.submitted_at or one.created_at, one, barred))
    return cards


def _emergencies(session: Session, context: Context, actor: Actor) -> list[Card]:
    if not actor.may(Permission.EMERGENCY_CLOSE):
        return []
    shown = emergency_endpoints.list_emergencies(session, context, actor, debts=True, limit=MOST).items
    by_name = _rows(session, Emergency, shown)
    cards = []
    for one in shown:
        row = by_name[one.id]
        barred = _barred(emergencies.refuse_party, session, actor, row)
        owed = [what for what in one.owes if what not in ("closing", "reconciliation")]
        more = {"owed": owed, "uncounted": "reconciliation" in one.owes}
        cards.append(Card("emergency", one.admitted_at or one.from_, one, barred, more))
    return cards


# -- badges


def _refuse_application(session: Session, actor: Actor, row: Application, now: datetime) -> None:
    holder = session.get_one(Holder, row.holder_id)
    customer = session.get_one(Customer, holder.customer_id) if holder.customer_id is not None else None
    refuse_forbidden_staff(actor, holder.kind)
    refuse_without_footing(session, holder, customer, now)


def _applications(session: Session, context: Context, actor: Actor) -> list[Card]:
    if not actor.may(Permission.APPLICATION_APPROVE):
        return []
    shown = application_endpoints.list_applications(session, actor, status="complete", limit=MOST).items
    by_name, now = _rows(session, Application, shown), context.clock.now()
    cards = []
    for one in shown:
        row = by_name[one.id]
        holder = session.get_one(Holder, row.holder_id)
        more: dict[str, Any] = {"name": masked_field(context.personal, holder, "name"), "holder_kind": holder.kind}
        if holder.customer_id is not None:
            customer = session.get_one(Customer, holder.customer_id)
            live = select(Badge.id).where(Badge.customer_id == customer.id, col(Badge.status).not_in(GONE))
            more |= {"used": len(session.exec(live).all()), "quota": QUOTAS[customer.kind]}
        barred = _barred(_refuse_application, session, actor, row, now)
        cards.append(Card("application", one.created_at, one, barred, more))
    return cards


# -- equipment


def _slips(session: Session, context: Context, actor: Actor) -> list[Card]:
    cards = []
    now = context.clock.now()
    for kind in ("withdrawal", "repair", "site"):
        if not actor.may(_takes(kind)) or not actor.may(Permission.SLIP_READ):
            continue
        shown = slip_endpoints.list_slips(session, context, actor, status="inspected", kind=kind, limit=MOST).items
        by_name = _rows(session, ExitSlip, shown)
        for one in shown:
            row = by_name[one.id]
            barred = _barred(refuse_unapprovable, session, actor, now, row)
            cards.append(Card("slip", one.inspected_at or one.created_at, one, barred))
    return cards


def _orders(session: Session, context: Context, actor: Actor) -> list[Card]:  # noqa: ARG001 - as the others
    if not actor.may(Permission.ORDER_READ):
        return []
    if not (actor.may(Permission.ORDER_APPROVE) or actor.may(Permission.ORDER_EXCEPT)):
        return []
    shown = order_endpoints.list_orders(session, actor, status="submitted", limit=MOST).items
    by_name = _rows(session, WorkOrder, shown)
    cards = []
    for one in shown:
        row = by_name[one.id]
        since = one.submitted_at or one.made_at
        if one.exception is not None and one.exception.approved_by is None:
            if actor.may(Permission.ORDER_EXCEPT):
                barred = _barred(refuse_own_exception, actor, row)
                cards.append(Card("exception", since, one, barred))
        elif actor.may(Permission.ORDER_APPROVE):
            cards.append(Card("order", since, one))
    return cards


def _corrections(session: Session, context: Context, actor: Actor) -> list[Card]:  # noqa: ARG001 - as the others
    if not actor.may(Permission.INVENTORY_CORRECT):
        return []
    shown = correction_endpoints.list_corrections(session, actor, status="waiting", limit=MOST).items
    by_name = _rows(session, InventoryCorrection, shown)
    cards = []
    for one in shown:
        row = by_name[one.id]
        barred = _barred(corrections.refuse_own, actor, row)
        cards.append(Card("correction", one.made_at, one, barred))
    return cards


_KINDS = (_permits, _emergencies, _applications, _slips, _orders, _corrections)
