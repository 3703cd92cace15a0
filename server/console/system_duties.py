"""The pages of what must be tested (L5), of the mechanical keys, and of the second channel of alarms."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session, col, func, select

from server.badges.models import Badge
from server.console.pages import page
from server.context import Context
from server.duty import item_endpoints, key_endpoints
from server.duty.items import INTERVAL_DAYS, find_item
from server.duty.keys import holders_of
from server.duty.models import DutyCountersignature, DutyTest, KeyMovement, MechanicalKey
from server.escalation import endpoints as escalation_endpoints
from server.escalation.models import EscalationDelivery
from server.ledger.models import LedgerAlarm
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import MAX_ID
from server.personal.fields import masked_field
from server.registry.models import Holder
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

ReadsDuties = Annotated[Actor, requires(Permission.DUTY_READ)]
ReadsKeys = Annotated[Actor, requires(Permission.KEY_READ)]
ReadsEscalations = Annotated[Actor, requires(Permission.ESCALATION_READ)]
MOST = 1_000
HISTORY = 50
UNSIGNED = 50
SOON_DAYS = 7
KINDS = get_args(item_endpoints.Kind)


@router.get("/system/duties")
def duties_page(
    request: Request, session: DbSession, context: AppContext, actor: ReadsDuties, retired: bool = False
) -> Response:
    """What is overdue, the longest first; what is due this week; the rest; tests that wait for a second signature."""
    found = item_endpoints.list_items(session, context, actor, retired=True, limit=MOST).items
    now = context.clock.now()
    standing = [one for one in found if one.retired_at is None]
    late = sorted(
        (one for one in standing if one.overdue_since is not None), key=lambda one: (one.overdue_since, one.id)
    )
    due = {one.id: _next(one) for one in standing if one.overdue_since is None}
    fine = sorted((one for one in standing if one.overdue_since is None), key=lambda one: (due[one.id], one.id))
    soon = [one for one in fine if due[one.id] <= now + timedelta(days=SOON_DAYS)]
    return page(
        request, session, context, actor, "system-duties.html", "system", tab="duties", late=late, soon=soon,
        fine=[one for one in fine if one not in soon], gone=[one for one in found if one.retired_at is not None], due=due,
        unsigned=_unsigned(session, context, actor), kinds=KINDS, interval=INTERVAL_DAYS, retired=retired,
        subjects=sorted({one.subject for one in found} | {door.id for door in context.site.doors}),
    )  # fmt: skip


@router.get("/system/duties/{item}")
def duty_page(request: Request, session: DbSession, context: AppContext, actor: ReadsDuties, item: str) -> Response:
    """One thing that is tested: what to do, how to record it, and every test with its signatures."""
    one = item_endpoints.get_item(session, context, actor, item, Response())
    rows = session.exec(
        select(DutyTest)
        .where(DutyTest.item_id == find_item(session, item).id)
        .order_by(col(DutyTest.done_at).desc(), col(DutyTest.id).desc())
        .limit(HISTORY)
    ).all()
    return page(
        request, session, context, actor, "system-duty.html", "system", tab="duties", one=one,
        due=_next(one) if one.retired_at is None and one.overdue_since is None else None,
        tests=[item_endpoints.get_test(session, context, actor, row.public_id) for row in rows],
    )  # fmt: skip


@router.get("/system/keys")
def keys_page(request: Request, session: DbSession, context: AppContext, actor: ReadsKeys) -> Response:
    """The mechanical keys: who has which, since when; those in the cabinet; those that are lost."""
    found = key_endpoints.list_keys(session, actor, limit=MOST).items
    groups = {state: [one for one in found if one.state == state] for state in get_args(key_endpoints.State)}
    return page(
        request, session, context, actor, "system-keys.html", "system", tab="keys", groups=groups, count=len(found),
        since=_since(session), people=_people(session, context, {one.holder for one in found}),
        places=_places(context), staff=_staff(session, context) if actor.may(Permission.KEY_LEND) else [],
    )  # fmt: skip


@router.get("/system/keys/{name}")
def key_page(request: Request, session: DbSession, context: AppContext, actor: ReadsKeys, name: str) -> Response:
    """One key: where it is, what can be done with it, and everything that happened to it, newest first."""
    one = key_endpoints.get_key(session, actor, name, Response())
    rows = session.exec(
        select(KeyMovement)
        .join(MechanicalKey, col(MechanicalKey.id) == KeyMovement.key_id)
        .where(MechanicalKey.public_id == one.id)
        .order_by(col(KeyMovement.id).desc())
        .limit(HISTORY)
    ).all()
    holders = holders_of(session, {row.holder_id for row in rows})
    moves = [(row, holders.get(row.holder_id)) for row in rows]
    return page(
        request, session, context, actor, "system-key.html", "system", tab="keys", one=one, moves=moves,
        people=_people(session, context, {one.holder, *holders.values()}), places=_places(context),
        staff=_staff(session, context) if actor.may(Permission.KEY_LEND) else [],
        alarms=_alarms(session, {row.alarm_id for row in rows}),
    )  # fmt: skip


@router.get("/system/escalations")
def escalations_page(
    request: Request, session: DbSession, context: AppContext, actor: ReadsEscalations,
    state: Annotated[escalation_endpoints.State | None, Query()] = None,
    before: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
) -> Response:  # fmt: skip
    """The channels with what came of their last message and test, and every message."""
    shown = escalation_endpoints.list_escalations(session, actor, state=state, before=before, limit=HISTORY)
    channels = escalation_endpoints.list_channels(context, actor)
    counted = session.exec(select(EscalationDelivery.state, func.count()).group_by(col(EscalationDelivery.state))).all()
    return page(
        request, session, context, actor, "system-escalations.html", "system", tab="escalations", items=shown.items,
        following=shown.next, channels=[(one, *_latest(session, one.name)) for one in channels], state=state, counts=dict(counted),
        states=get_args(escalation_endpoints.State), before=before,
    )  # fmt: skip


def _next(item: Any) -> datetime:
    """When an item that is not overdue is due."""
    last: datetime = item.last_done_at
    return last + timedelta(days=item.interval_days)


def _unsigned(session: Session, context: Context, actor: Actor) -> list[Any]:
    """The latest tests that nobody has countersigned yet, newest first."""
    signed = select(DutyCountersignature.test_id)
    query = select(DutyTest.public_id).where(col(DutyTest.id).not_in(signed)).order_by(col(DutyTest.id).desc())
    names = session.exec(query.limit(UNSIGNED)).all()
    return [item_endpoints.get_test(session, context, actor, name) for name in names]


def _since(session: Session) -> dict[str, datetime]:
    """Key → when it last moved."""
    latest = select(func.max(KeyMovement.id)).where(KeyMovement.act != "used").group_by(col(KeyMovement.key_id))
    query = select(MechanicalKey.public_id, KeyMovement.at).join(
        KeyMovement, col(KeyMovement.key_id) == MechanicalKey.id
    )
    return dict(session.exec(query.where(col(KeyMovement.id).in_(latest))).all())


def _people(session: Session, context: Context, ids: set[str | None]) -> dict[str, str]:
    """Public id → masked name with the number of the badge."""
    wanted = {one for one in ids if one is not None}
    rows = session.exec(select(Holder).where(col(Holder.public_id).in_(wanted))).all() if wanted else []
    return dict(_named(session, context, rows))


def _staff(session: Session, context: Context) -> list[tuple[str, str]]:
    """Own people, to whom keys are lent: id, and masked name with the number of the badge."""
    query = select(Holder).where(
        Holder.kind == "staff", col(Holder.left_at).is_(None), col(Holder.deleted_at).is_(None)
    )
    return _named(session, context, session.exec(query.order_by(col(Holder.id)).limit(MOST)).all())


def _named(session: Session, context: Context, rows: Sequence[Holder]) -> list[tuple[str, str]]:
    badges = select(Badge.holder_id, Badge.number).where(
        Badge.status == "active", col(Badge.holder_id).in_([row.id for row in rows])
    )
    numbers = dict(session.exec(badges).all())
    names = ((row, masked_field(context.personal, row, "name") or row.public_id) for row in rows)
    return [(row.public_id, f"{name} {numbers.get(row.id or 0) or ''}".strip()) for row, name in names]


def _places(context: Context) -> list[tuple[str, list[str]]]:
    """Doors and areas of the site, by what they are."""
    return [
        ("doors", [door.id for door in context.site.doors]),
        ("areas", [area.id for area in context.site.areas if not area.public]),
    ]


def _alarms(session: Session, ids: set[int | None]) -> dict[int | None, LedgerAlarm]:
    wanted = {one for one in ids if one is not None}
    rows = session.exec(select(LedgerAlarm).where(col(LedgerAlarm.id).in_(wanted))).all() if wanted else []
    return {row.id: row for row in rows}


def _latest(session: Session, channel: str) -> tuple[EscalationDelivery | None, EscalationDelivery | None]:
    """A channel's latest message of an alarm, and its latest test."""
    query = (
        select(EscalationDelivery)
        .where(EscalationDelivery.channel == channel)
        .order_by(col(EscalationDelivery.id).desc())
    )
    alarm = session.exec(query.where(EscalationDelivery.why != "test").limit(1)).first()
    return alarm, session.exec(query.where(EscalationDelivery.why == "test").limit(1)).first()
