"""What waits for an operator's word, across the product: one card each, the oldest first (R4, B1, B7, B8, D1, D3, E1, E4, E8; four eyes).

What the server would refuse to this operator of permits, applications, slips and orders is found out by the same check that refuses it, so their cards
promise nothing that the API then denies. Whether a correction still holds is seen when it is confirmed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from server.badges.approval import refuse_forbidden_staff
from server.badges.approval import why_unapprovable as why_unapprovable_applications
from server.badges.documents import is_complete
from server.badges.models import Application
from server.console.badge_rows import application_rows
from server.console.people import operators_of
from server.context import Context
from server.equipment import corrections, orders
from server.equipment.correction_endpoints import show_corrections
from server.equipment.models import InventoryCorrection, WorkOrder
from server.equipment.order_showing import show_orders
from server.equipment.slip_models import ExitSlip
from server.equipment.slips.deciding import refuse_own, why_unapprovable, written_by
from server.equipment.slips.lookup import id_of
from server.equipment.slips.showing import show_slips
from server.operators import approvals
from server.operators.actor import Actor
from server.operators.approval_models import Approval
from server.operators.permissions import Permission
from server.operators.shapes import ApprovalShown
from server.permits import approval, emergencies
from server.permits.drafting import refuse_over
from server.permits.models import Emergency, Permit
from server.permits.showing import show_emergencies, show_permits
from server.problems import Problem
from server.registry.lookup import seen_rows
from server.registry.models import Customer, Holder

MOST = 100
"""So many cards of a kind on the page, the oldest; what follows comes up as they are decided."""


@dataclass(frozen=True)
class Card:
    """One decision. ``kind``: permit, application, slip, exception, order, correction, emergency, authority. ``since``: when it began to wait; ``what``: as the API shows
    it; ``barred``: why this operator may not approve it now; ``elsewhere``: somebody else must decide it; ``more``: what else one must know."""

    kind: str
    since: datetime
    what: Any
    barred: Problem | None = None
    elsewhere: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    def waits(self, now: datetime) -> timedelta:
        """For how long, by ``now``."""
        return max(now - self.since, timedelta())


class _Waiting(NamedTuple):
    """A row that waits for a role of the operator's. ``own``: why only somebody else may decide it."""

    row: Any
    own: Problem | None = None


def cards_for(session: Session, context: Context, actor: Actor) -> list[Card]:
    """Everything that waits for ``actor``, and what only somebody else may decide although the role would do; the oldest first."""
    found: list[Card] = []
    for seek, show in _KINDS:
        rows = seek(session, context, actor)
        found += show(session, context, actor, rows) if rows else ()
    return sorted(found, key=lambda card: (card.since, card.what.id))


def count_waiting(session: Session, context: Context, actor: Actor) -> int:
    """How many cards ``actor`` may decide, of each kind :data:`MOST` at the most: for the rail of every page, in one or two queries a kind."""
    return sum(one.own is None for seek, _ in _KINDS for one in seek(session, context, actor))


def may_decide(actor: Actor) -> bool:
    """Whether anything can ever wait for ``actor``."""
    return any(actor.may(permission) for permission in _DECIDES)


_DECIDES = (
    Permission.PERMIT_APPROVE, Permission.PERMIT_APPROVE_IT, Permission.APPLICATION_APPROVE, Permission.SLIP_APPROVE, Permission.SLIP_APPROVE_SITE,
    Permission.ORDER_APPROVE, Permission.ORDER_EXCEPT, Permission.INVENTORY_CORRECT, Permission.EMERGENCY_APPROVE, Permission.EMERGENCY_CLOSE,
    Permission.OPERATOR_AUTHORISE,
)  # fmt: skip


def _barred(check: Callable[..., None], *given: Any) -> Problem | None:
    try:
        check(*given)
    except Problem as problem:
        return problem
    return None


def _oldest(session: Session, query: Any, number: Any) -> list[Any]:
    return list(session.exec(query.order_by(number).limit(MOST)).all())


# -- permits and emergencies


def _permits(session: Session, context: Context, actor: Actor) -> list[_Waiting]:
    roles = {role for role, permission in approval.TAKES.items() if actor.may(permission)}
    if not roles:
        return []
    query: Any = seen_rows(actor, select(Permit), Permit).where(Permit.status == "submitted")  # type: ignore[type-var]
    permits = session.exec(query.order_by(col(Permit.id))).all()
    given = approval.approvals_of(session, permits)
    found = []
    for permit in permits:
        of = given.get(permit.id, [])
        if roles & (set(approval.approvals_needed(context.site, permit)) - {one.role for one in of}):
            found.append(_Waiting(permit, _barred(approval.refuse_same_person, actor, of)))
    return found[:MOST]


def _permit_cards(session: Session, context: Context, actor: Actor, rows: Sequence[_Waiting]) -> list[Card]:  # noqa: ARG001 - as the others
    shown, now = show_permits(session, context, [one.row for one in rows]), context.clock.now()
    return [
        Card(
            "permit", what.submitted_at or what.created_at, what,
            one.own or _barred(refuse_over, one.row, now), one.own is not None,
        )
        for one, what in zip(rows, shown, strict=True)
    ]  # fmt: skip


def _emergencies(session: Session, context: Context, actor: Actor) -> list[_Waiting]:  # noqa: ARG001
    if not actor.may(Permission.EMERGENCY_CLOSE):
        return []
    debts = _oldest(session, select(Emergency).where(Emergency.status == "admitted"), col(Emergency.id))
    took_part = emergencies.took_part_in(session, actor, debts)
    return [_Waiting(row, _barred(emergencies.refuse_party, row, took_part)) for row in debts]


def _emergency_cards(session: Session, context: Context, actor: Actor, rows: Sequence[_Waiting]) -> list[Card]:  # noqa: ARG001
    cards = []
    for one, what in zip(rows, show_emergencies(session, context, [one.row for one in rows]), strict=True):
        owed = [what for what in what.owes if what not in ("closing", "reconciliation")]
        more = {"owed": owed, "uncounted": "reconciliation" in what.owes}
        cards.append(Card("emergency", what.admitted_at or what.from_, what, one.own, one.own is not None, more))
    return cards


# -- badges


def _applications(session: Session, context: Context, actor: Actor) -> list[_Waiting]:  # noqa: ARG001
    if not actor.may(Permission.APPLICATION_APPROVE):
        return []
    asked: Any = select(Application, Holder.kind).join(Holder, col(Holder.id) == Application.holder_id)
    query: Any = seen_rows(actor, asked, Holder).outerjoin(Customer, col(Customer.id) == Holder.customer_id)
    found = _oldest(session, query.where(Application.status == "open", is_complete()), col(Application.id))
    return [_Waiting(row, _barred(refuse_forbidden_staff, actor, kind)) for row, kind in found]


def _application_cards(session: Session, context: Context, actor: Actor, rows: Sequence[_Waiting]) -> list[Card]:  # noqa: ARG001
    shown = application_rows(session, context, [one.row for one in rows])
    why = why_unapprovable_applications(session, context.clock.now(), [one.row for one in rows])
    cards = []
    for one, what in zip(rows, shown, strict=True):
        barred = one.own or why.get(one.row.id)
        more: dict[str, Any] = {"name": what.holder}
        if what.owner is not None:
            more |= {"used": what.owner.quota.used, "quota": what.owner.quota.most}
        application = what.application
        cards.append(Card("application", application.created_at, application, barred, one.own is not None, more))
    return cards


# -- equipment


def _slips(session: Session, context: Context, actor: Actor) -> list[_Waiting]:  # noqa: ARG001
    takes = {
        "withdrawal": Permission.SLIP_APPROVE,
        "repair": Permission.SLIP_APPROVE,
        "site": Permission.SLIP_APPROVE_SITE,
    }
    kinds = [kind for kind, permission in takes.items() if actor.may(permission)]
    if not kinds or not actor.may(Permission.SLIP_READ):
        return []
    query: Any = seen_rows(actor, select(ExitSlip), ExitSlip)
    query = query.where(ExitSlip.status == "inspected", col(ExitSlip.kind).in_(kinds))
    slips = _oldest(session, query, col(ExitSlip.id))
    wrote = written_by(session, actor, slips)
    return [_Waiting(slip, _barred(refuse_own, slip, wrote)) for slip in slips]


def _slip_cards(session: Session, context: Context, actor: Actor, rows: Sequence[_Waiting]) -> list[Card]:
    slips = [one.row for one in rows]
    why = why_unapprovable(session, actor, context.clock.now(), slips)
    return [
        Card(
            "slip", what.inspected_at or what.created_at, what, one.own or why.get(id_of(one.row)), one.own is not None
        )
        for one, what in zip(rows, show_slips(session, context, slips), strict=True)
    ]


def _orders(session: Session, context: Context, actor: Actor) -> list[_Waiting]:  # noqa: ARG001
    approves, excepts = actor.may(Permission.ORDER_APPROVE), actor.may(Permission.ORDER_EXCEPT)
    if not (approves or excepts) or not actor.may(Permission.ORDER_READ):
        return []
    query: Any = seen_rows(actor, select(WorkOrder), WorkOrder).where(WorkOrder.status == "submitted")  # type: ignore[type-var]
    return [
        _Waiting(row, _barred(orders.refuse_own_exception, actor, row) if _is_excepted(row) else None)
        for row in _oldest(session, query, col(WorkOrder.id))
        if (excepts if _is_excepted(row) else approves)
    ]


def _is_excepted(order: WorkOrder) -> bool:
    """Whether it waits for the word that it may come although it is late."""
    return order.exception_reason is not None and order.exception_by is None


def _order_cards(session: Session, context: Context, actor: Actor, rows: Sequence[_Waiting]) -> list[Card]:
    why = orders.why_unapprovable(session, context, actor, [one.row for one in rows if not _is_excepted(one.row)])
    cards = []
    for one, what in zip(rows, show_orders(session, [one.row for one in rows]), strict=True):
        kind, barred = "exception" if _is_excepted(one.row) else "order", one.own or why.get(one.row.id)
        cards.append(Card(kind, what.submitted_at or what.made_at, what, barred, one.own is not None))
    return cards


def _corrections(session: Session, context: Context, actor: Actor) -> list[_Waiting]:  # noqa: ARG001
    if not actor.may(Permission.INVENTORY_CORRECT):
        return []
    query: Any = select(InventoryCorrection).where(InventoryCorrection.status == "waiting")
    query = query.options(defer(InventoryCorrection.acts))  # type: ignore[arg-type] # thousands, of an import
    found = _oldest(session, query, col(InventoryCorrection.id))
    return [_Waiting(row, _barred(corrections.refuse_own, actor, row)) for row in found]


def _correction_cards(session: Session, context: Context, actor: Actor, rows: Sequence[_Waiting]) -> list[Card]:  # noqa: ARG001
    shown = show_corrections(session, [one.row for one in rows])
    return [
        Card("correction", what.made_at, what, one.own, one.own is not None)
        for one, what in zip(rows, shown, strict=True)
    ]


# -- what management authorises


def _authorities(session: Session, context: Context, actor: Actor) -> list[_Waiting]:
    if not actor.may(Permission.OPERATOR_AUTHORISE):
        return []
    now, found = context.clock.now(), []
    query = select(Approval).where(Approval.status == "waiting", col(Approval.until) > now)
    for row in _oldest(session, query, col(Approval.id)):
        barred = _barred(approvals.refuse_deciding, session, actor, now, row)
        if barred is None or barred.code == "FOUR_EYES":  # else another role's, or not in person
            found.append(_Waiting(row, barred))
    return found


def _authority_cards(session: Session, context: Context, actor: Actor, rows: Sequence[_Waiting]) -> list[Card]:  # noqa: ARG001
    accounts = operators_of(session, (one.row.subject for one in rows))
    cards = []
    for one in rows:
        what = ApprovalShown.of(one.row)
        about = "" if what.kind == "recovery" else accounts.get(what.subject, what.subject)
        cards.append(Card("authority", what.asked_at, what, one.own, one.own is not None, {"about": about}))
    return cards


_Seek = Callable[[Session, Context, Actor], list[_Waiting]]
_Show = Callable[[Session, Context, Actor, Sequence[_Waiting]], list[Card]]
_KINDS: tuple[tuple[_Seek, _Show], ...] = (
    (_permits, _permit_cards),
    (_emergencies, _emergency_cards),
    (_applications, _application_cards),
    (_slips, _slip_cards),
    (_orders, _order_cards),
    (_corrections, _correction_cards),
    (_authorities, _authority_cards),
)
"""What finds the rows of a kind that wait, and what shows them."""
