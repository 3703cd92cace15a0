"""One channel's part of the outbox: claim, send, note what came of it. No transaction is open while the receiver is asked.

At least once: a process that dies between the receiver's answer and its note sends again, with the same id.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, or_
from sqlmodel import Session, col, select

from server.context import Context
from server.db.clock import to_us
from server.escalation.channels import Channel
from server.escalation.message import Message, alarm_message, trial_message
from server.escalation.models import EscalationDelivery
from server.escalation.target import NotSent
from server.fleet.models import Edge
from server.ledger.models import LedgerAlarm

RETRY_FIRST = timedelta(seconds=5)
RETRY_MOST = timedelta(minutes=10)
MAX_TRIES = 60
"""About nine hours."""
CLAIMED = timedelta(seconds=90)
"""So long nobody else tries what this process has taken."""
SENT_A_TURN = 20
MAX_PROBLEM = 500

log = structlog.get_logger(__name__)


def is_due(now: datetime) -> ColumnElement[bool]:
    """What is to be tried now, also where the clock had been ahead."""
    due = or_(col(EscalationDelivery.due_at) <= now, col(EscalationDelivery.due_at) > now + RETRY_MOST)
    return (col(EscalationDelivery.state) == "waiting") & due


def send_due(context: Context, channel: Channel, now: datetime) -> int:
    """Try what is due on this channel, oldest first; how many were tried."""
    with context.database.read() as session:
        query = select(EscalationDelivery.id).where(EscalationDelivery.channel == channel.name, is_due(now))
        ids = session.exec(
            query.order_by(col(EscalationDelivery.due_at), col(EscalationDelivery.id)).limit(SENT_A_TURN)
        ).all()
    for delivery_id in ids:
        with context.database.write() as session:
            claimed = _claim(session, context, delivery_id, now)
        if claimed is not None:
            _send(context, channel, delivery_id, *claimed, now)
    return len(ids)


def end_orphans(context: Context, channels: tuple[Channel, ...], now: datetime) -> None:
    """What waits for a channel that is no longer configured waits no more."""
    names = [channel.name for channel in channels]
    with context.database.read() as session:
        orphans = select(EscalationDelivery.id).where(is_due(now), col(EscalationDelivery.channel).not_in(names))
        ids = session.exec(orphans.limit(SENT_A_TURN)).all()
    if ids:
        with context.database.write() as session:
            for delivery in session.exec(select(EscalationDelivery).where(col(EscalationDelivery.id).in_(ids))).all():
                delivery.state, delivery.done_at, delivery.problem = (
                    "failed",
                    now,
                    "the channel is not configured any more",
                )
                session.add(delivery)


def _claim(
    session: Session, context: Context, delivery_id: int | None, now: datetime
) -> tuple[Message, list[str]] | None:
    """The message and whom it has reached already; None when it is not to be sent any more."""
    query = select(EscalationDelivery).where(EscalationDelivery.id == delivery_id, is_due(now))
    delivery = session.exec(query.with_for_update(skip_locked=True)).first()
    if delivery is None:
        return None
    session.add(delivery)
    message = trial_message(delivery, context.site, context.config.console, now)
    if delivery.alarm_id is not None:
        alarm = session.get_one(LedgerAlarm, delivery.alarm_id)
        if alarm.acknowledged_us is not None:  # somebody has seen it meanwhile
            delivery.state, delivery.done_at = "withdrawn", now
            return None
        edge = session.get_one(Edge, alarm.edge_id).name
        message = alarm_message(delivery, alarm, edge, context.site, context.config.console, now)
    delivery.tries += 1
    delivery.due_at = now + CLAIMED
    return message, list(delivery.reached)


def _send(
    context: Context, channel: Channel, delivery_id: int | None, message: Message, reached: list[str], now: datetime
) -> None:
    problems = []
    for target in channel.targets:
        if target.fingerprint in reached:
            continue
        try:
            target.send(message, to_us(now) // 1_000_000)
            reached = [*reached, target.fingerprint]
        except NotSent as error:
            problems.append(f"{target.kind}: {error}")
    with context.database.write() as session:
        delivery = session.get_one(EscalationDelivery, delivery_id)
        delivery.reached = reached
        delivery.problem = "; ".join(problems)[:MAX_PROBLEM]
        if not problems:
            delivery.state, delivery.done_at = "sent", now
        elif delivery.tries >= MAX_TRIES:
            delivery.state, delivery.done_at = "failed", now
        else:
            delivery.due_at = now + min(RETRY_FIRST * 2 ** (delivery.tries - 1), RETRY_MOST)
        session.add(delivery)
        state, tries = delivery.state, delivery.tries
    if problems:
        log.error(
            "escalation: not delivered", channel=channel.name, delivery=message.id, tries=tries, problem=problems[0]
        )
    else:
        log.info("escalation: delivered", channel=channel.name, delivery=message.id, tries=tries, state=state)
