"""Finding badges and applications by the names that requests use, and what they stand on."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, case, col, or_, select

from server.badges.models import Application, Badge
from server.badges.standing import Footing, Terms, contract_standing
from server.operators.actor import Actor
from server.problems import not_found
from server.registry.lookup import may_see_row
from server.registry.models import Contract, Customer, Holder


def find_badge(
    session: Session, name: str, field: str | None = None, *, to_change: bool = False, actor: Actor | None = None
) -> Badge:
    """By public id or external id, in this order. ``to_change`` locks the row: of two acts at once the second sees what the
    first made. With ``actor`` a badge of another department's customer is not there (C4); to look at a badge or to stop one, nobody
    need be of the right department. Raises :class:`Problem`."""
    named = or_(Badge.public_id == name, Badge.external_id == name)
    query = select(Badge).where(named).order_by(case((col(Badge.public_id) == name, 0), else_=1)).limit(1)
    found = session.exec(query.with_for_update() if to_change else query).first()
    if found is None or (actor is not None and not _may_see(session, actor, found)):
        raise not_found("badge", "出入证", name, field)
    return found


def lock_badge(session: Session, badge_id: int) -> Badge:
    """The badge with this id, locked, as it is now."""
    query = select(Badge).where(Badge.id == badge_id).with_for_update().execution_options(populate_existing=True)
    return session.exec(query).one()


def find_application(session: Session, name: str, actor: Actor, *, to_change: bool = False) -> Application:
    """By public id or external id, in this order; one for another department's customer is not there (C4). ``to_change`` locks the
    row. Raises :class:`Problem`."""
    named = or_(Application.public_id == name, Application.external_id == name)
    query = select(Application).where(named).order_by(case((col(Application.public_id) == name, 0), else_=1)).limit(1)
    found = session.exec(query.with_for_update() if to_change else query).first()
    if found is None or not _may_see(session, actor, found):
        raise not_found("application", "申请", name)
    return found


def _may_see(session: Session, actor: Actor, row: Badge | Application) -> bool:
    return may_see_row(session, actor, session.get_one(Holder, row.holder_id))


def terms_of(session: Session, customer_ids: Iterable[int | None]) -> dict[int, list[Terms]]:
    """The contracts of these customers, as far as badges depend on them."""
    wanted = {customer_id for customer_id in customer_ids if customer_id is not None}
    found: dict[int, list[Terms]] = {customer_id: [] for customer_id in wanted}
    query = select(Contract).where(col(Contract.customer_id).in_(wanted), col(Contract.deleted_at).is_(None))
    for row in session.exec(query.order_by(col(Contract.id))).all() if wanted else ():
        number = row.number or row.external_id or row.public_id
        found[row.customer_id].append(Terms(row.kind, row.status, row.from_at, row.until_at, number))
    return found


def footings_of(
    session: Session, badges: Iterable[Badge], holders: dict[int | None, Holder], now: datetime
) -> dict[int | None, Footing]:
    """What each badge stands on besides itself, by badge id. ``holders``: theirs, by id."""
    badges = list(badges)
    customer_ids = {badge.customer_id for badge in badges if badge.customer_id is not None}
    terms = terms_of(session, customer_ids)
    deleted = set(
        session.exec(
            select(Customer.id).where(col(Customer.id).in_(customer_ids), col(Customer.deleted_at).is_not(None))
        ).all()
    )
    footings: dict[int | None, Footing] = {}
    for badge in badges:
        holder = holders[badge.holder_id]
        contract = contract_standing(terms[badge.customer_id], now) if badge.customer_id is not None else None
        gone = has_left(holder, now) or badge.customer_id in deleted
        footings[badge.id] = Footing(contract, gone)
    return footings


def holders_of(session: Session, badges: Iterable[Badge | Application]) -> dict[int | None, Holder]:
    """The holders of these rows, by id."""
    wanted = {row.holder_id for row in badges}
    return {row.id: row for row in session.exec(select(Holder).where(col(Holder.id).in_(wanted))).all()}


def has_left(holder: Holder, now: datetime) -> bool:
    """Whether this person has left or changed job, or the file was deleted (B5)."""
    return holder.deleted_at is not None or (holder.left_at is not None and holder.left_at <= now)
