"""Badges and applications as their pages show them: with holder (masked), customer and quota, from few queries for many rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, select

from server.badges.lookup import terms_of
from server.badges.models import Application, Badge
from server.badges.quota import Quota, quotas_of
from server.badges.showing import ApplicationShown, BadgeShown, show_applications, show_badges
from server.badges.standing import contract_standing, why_not_in_force
from server.context import Context
from server.operators.actor import Actor
from server.personal.fields import masked_field
from server.registry.lookup import seen_customers
from server.registry.models import Customer, Holder


class Owner(NamedTuple):
    """The customer beside a badge: ``in_force``, or ``why`` not in English and Chinese (B1). ``seen``: who looks may open the file (C4); else only code and
    name are shown."""

    code: str
    name: str
    kind: str
    quota: Quota
    in_force: bool
    why: tuple[str, str]
    seen: bool = True


class BadgeRow(NamedTuple):
    """One badge; ``holder`` is a masked name, ``holder_id`` what the API calls them."""

    badge: BadgeShown
    holder: str
    holder_id: str
    owner: Owner | None


class ApplicationRow(NamedTuple):
    """One application, in the same way."""

    application: ApplicationShown
    holder: str
    holder_id: str
    owner: Owner | None


def badge_rows(session: Session, context: Context, actor: Actor, rows: Sequence[Badge]) -> list[BadgeRow]:
    """In the same order, badges of other departments' customers too."""
    now = context.clock.now()
    holders, owners = _people(session, context, {row.holder_id for row in rows}, now)
    closed = select(Customer.id).where(col(Customer.id).in_(list(owners)), ~seen_customers(actor))
    for customer_id in session.exec(closed):
        owners[customer_id] = owners[customer_id]._replace(seen=False)
    return [
        BadgeRow(shown, *holders[row.holder_id][:2], owners.get(row.customer_id))
        for row, shown in zip(rows, show_badges(session, rows, now), strict=True)
    ]


def application_rows(session: Session, context: Context, rows: Sequence[Application]) -> list[ApplicationRow]:
    """In the same order; all of customers whose files may be opened."""
    holders, owners = _people(session, context, {row.holder_id for row in rows}, context.clock.now())
    return [
        ApplicationRow(shown, *holders[row.holder_id][:2], owners.get(holders[row.holder_id][2]))
        for row, shown in zip(rows, show_applications(session, rows), strict=True)
    ]


def owners_of(session: Session, customers: Iterable[Customer], now: datetime) -> dict[int | None, Owner]:
    """Each customer with quota and contract, by id."""
    rows = [row for row in customers if row.id is not None]
    quotas, terms = quotas_of(session, rows), terms_of(session, [row.id for row in rows])
    owners: dict[int | None, Owner] = {}
    for row in rows:
        assert row.id is not None
        contracts = terms[row.id]
        gone = row.deleted_at is not None
        why = ("its file was deleted", "档案已删除") if gone else why_not_in_force(contracts, now)
        carried = not gone and contract_standing(contracts, now) == "in_force"
        owners[row.id] = Owner(row.code, row.name, row.kind, quotas[row.id], carried, why)
    return owners


def _people(
    session: Session, context: Context, holder_ids: set[int], now: datetime
) -> tuple[Mapping[int, tuple[str, str, int | None]], dict[int | None, Owner]]:
    found = session.exec(select(Holder).where(col(Holder.id).in_(holder_ids))).all() if holder_ids else []
    holders = {
        row.id: (masked_field(context.personal, row, "name") or "", row.public_id, row.customer_id)
        for row in found
        if row.id is not None
    }
    wanted = {customer_id for _, _, customer_id in holders.values() if customer_id is not None}
    customers = session.exec(select(Customer).where(col(Customer.id).in_(wanted))).all() if wanted else []
    return holders, owners_of(session, customers, now)
