"""What the page of one customer shows beside the facts: its persons, badges, contracts by day, and the running record (C1)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from server.badges.models import GONE, Badge
from server.badges.showing import BadgeShown, show_badges
from server.context import Context
from server.equipment import inventory_endpoints
from server.operators.actor import Actor
from server.operators.permissions import Permission
from server.permits.models import Permit, Visit
from server.permits.shapes import VisitShown
from server.permits.showing import show_visits
from server.problems import Problem
from server.registry import validation
from server.registry.contract_terms import has_ended
from server.registry.models import Contact, Contract, Customer, Holder
from server.registry.showing import ContactShown, ContractShown, HolderShown, show_contacts, show_contract, show_holders
from server.shift.models import Violation
from server.shift.violation_showing import ViolationShown, show_violations

FEW = 10
"""So many visits, devices and violations on the file; links lead to all of them."""
MOST = 500


@dataclass(frozen=True)
class ContractLine:
    """A contract as the page shows it. ``status``: ``over`` when its time has passed though nobody ended it. ``first``, ``last``: its days, the
    last one inclusive (MEANINGS 7); where it does not begin or end at the site's midnight ``from_at``, ``until_at`` hold the moment."""

    shown: ContractShown
    status: str
    first: str
    last: str
    from_at: str
    until_at: str
    """As a form writes them: a date where the contract keeps to days, else the moment."""

    @property
    def by_days(self) -> bool:
        """Whether its form can be filled with dates."""
        return len(self.from_at) == 10 and len(self.until_at) in (0, 10)


@dataclass(frozen=True)
class Person:
    """A holder with the badges that are not deregistered."""

    shown: HolderShown
    badges: list[BadgeShown]


def contract_lines(session: Session, context: Context, customer: Customer) -> list[ContractLine]:
    """Those that count first: in force, suspended, drafts, then what is over, the latest first."""
    query = select(Contract).where(Contract.customer_id == customer.id, col(Contract.deleted_at).is_(None))
    now = context.clock.now()
    order = {"active": 0, "suspended": 1, "draft": 2, "over": 3, "ended": 4}
    found = [_contract_line(row, customer.code, context.site.time_zone, now) for row in session.exec(query).all()]
    return sorted(sorted(found, key=lambda one: one.first, reverse=True), key=lambda one: order[one.status])


def _contract_line(row: Contract, code: str, time_zone: str, now: datetime) -> ContractLine:
    zone = ZoneInfo(time_zone)
    begins = row.from_at.astimezone(zone)
    ends = row.until_at.astimezone(zone) if row.until_at is not None else None
    first = f"{begins:%Y-%m-%d}" if _is_midnight(begins) else f"{begins:%Y-%m-%d %H:%M}"
    from_at = first if _is_midnight(begins) else _instant(row.from_at)
    if ends is None:
        last = until_at = ""
    elif _is_midnight(ends):
        last = until_at = f"{ends - timedelta(days=1):%Y-%m-%d}"
    else:
        last, until_at = f"{ends:%Y-%m-%d %H:%M}", _instant(row.until_at)
    status = "over" if row.status not in ("draft", "ended") and has_ended(row, now) else row.status
    return ContractLine(show_contract(row, code), status, first, last, from_at, until_at)


def _is_midnight(at: datetime) -> bool:
    return (at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0)


def _instant(at: datetime | None) -> str:
    return at.isoformat().replace("+00:00", "Z") if at is not None else ""


def contacts_of(session: Session, context: Context, customer: Customer) -> list[ContactShown]:
    """Masked, the primary one first."""
    query = select(Contact).where(Contact.customer_id == customer.id, col(Contact.deleted_at).is_(None))
    rows = session.exec(query.order_by(col(Contact.is_primary).desc(), col(Contact.id)).limit(MOST)).all()
    return show_contacts(session, context.personal, rows)


def live_badges(session: Session, context: Context, *which: ColumnElement[bool] | bool) -> dict[str, list[BadgeShown]]:
    """Badges that are not deregistered, by their holder's public id: what the API calls a holder may be an external id."""
    query = select(Badge, Holder.public_id).join(Holder, col(Badge.holder_id) == Holder.id)
    rows = session.exec(
        query.where(col(Badge.status).not_in(GONE), *which).order_by(col(Badge.slot), col(Badge.id))
    ).all()
    found: dict[str, list[BadgeShown]] = {}
    for shown, (_badge, holder) in zip(
        show_badges(session, [badge for badge, _ in rows], context.clock.now()), rows, strict=True
    ):
        found.setdefault(holder, []).append(shown)
    return found


def persons_of(session: Session, context: Context, customer: Customer) -> list[Person]:
    """Holders, masked, with their badges; those who have left stay listed while a badge of theirs is out (B5)."""
    badges = live_badges(session, context, Badge.customer_id == customer.id)
    query = select(Holder).where(Holder.customer_id == customer.id).order_by(col(Holder.id)).limit(MOST)
    rows = [row for row in session.exec(query).all() if row.deleted_at is None or row.public_id in badges]
    return [Person(shown, badges.get(shown.id, [])) for shown in show_holders(session, context.personal, rows)]


def credit_code_doubts(customer: Customer) -> list[validation.Warned]:
    """What looks wrong about the credit code that stands in the file."""
    if not customer.credit_code:
        return []
    try:
        return validation.credit_code(customer.credit_code)[1]
    except Problem as problem:  # a CRM may have written it past our checks
        return [
            validation.Warned(
                field="credit_code", code=problem.code, detail=problem.detail, detail_zh=problem.detail_zh
            )
        ]


def visits_of(session: Session, context: Context, actor: Actor, customer: Customer) -> list[VisitShown] | None:
    """The latest visits on this customer's permits; None: not for this actor."""
    if not actor.may(Permission.PERMIT_READ):
        return None
    query = select(Visit).join(Permit, col(Permit.id) == col(Visit.permit_id)).where(Permit.customer_id == customer.id)
    return show_visits(session, context, list(session.exec(query.order_by(col(Visit.id).desc()).limit(FEW)).all()))


def devices_of(session: Session, context: Context, actor: Actor, customer: Customer) -> Any:
    """Some of the devices that are in the rooms now, with whether there are more; None: not for this actor."""
    if not actor.may(Permission.INVENTORY_READ):
        return None
    return inventory_endpoints.list_inventory(session, context, actor, customer=customer.public_id, limit=FEW)


def violations_of(session: Session, context: Context, actor: Actor, customer: Customer) -> list[ViolationShown] | None:
    """The latest violations; None: not for this actor."""
    if not actor.may(Permission.VIOLATION_READ):
        return None
    query = select(Violation).where(Violation.customer_id == customer.id).order_by(col(Violation.id).desc()).limit(FEW)
    return show_violations(session, context, session.exec(query).all())
