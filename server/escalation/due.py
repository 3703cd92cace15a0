"""Which alarms go to which channel now: written to the outbox, once for each alarm and channel, in a transaction of their own.

An alarm that comes back soon after it was cleared is the same row of the ledger, and is not told anew.
"""

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, and_, exists, func, or_
from sqlmodel import Session, col, select

from controller.events import AlarmAcknowledged
from server.db.clock import to_us
from server.escalation.channels import Channel
from server.escalation.models import EscalationDelivery
from server.ids import new_id
from server.ledger.models import LedgerAlarm, LedgerEvent

AT_ONCE = "DURESS"
"""Told at once, whatever the channel's time: whoever is under duress cannot wait, and nothing at the door tells of it."""
OVERDUE = "LONE_OCCUPANT"
"""Told at once when it is raised anew with ``overdue`` = 1: the ledger then forgets that somebody had acknowledged its begin."""
_OVERDUE_TEXT = '"overdue":1'
AHEAD_US = 60_000_000
"""An edge's clock that is further ahead than this does not put off its alarms."""
ALARMS_A_TURN = 200


def is_anything_due(session: Session, channels: tuple[Channel, ...], now: datetime) -> bool:
    """Whether :func:`note_due` has something to add: an idle turn writes nothing."""
    return any(_due(session, channel, to_us(now)) for channel in channels)


def note_due(session: Session, channels: tuple[Channel, ...], now: datetime) -> None:
    """Add what is due to the outbox."""
    for channel in channels:
        for alarm, why in _due(session, channel, to_us(now)):
            of_alarm = select(EscalationDelivery).where(
                EscalationDelivery.alarm_id == alarm.id, EscalationDelivery.channel == channel.name
            )
            delivery = session.exec(of_alarm).first()
            if delivery is None:
                delivery = EscalationDelivery(
                    public_id="", channel=channel.name, alarm_id=alarm.id, why=why, made_at=now, due_at=now
                )
            # or withdrawn before, and raised anew since: another message, which nobody has had
            delivery.public_id, delivery.reached, delivery.tries, delivery.problem = new_id("esc", now), [], 0, ""
            delivery.state, delivery.why, delivery.due_at, delivery.done_at = "waiting", why, now, None
            session.add(delivery)


def _due(session: Session, channel: Channel, now_us: int) -> list[tuple[LedgerAlarm, str]]:
    told = exists().where(
        col(EscalationDelivery.alarm_id) == LedgerAlarm.id,
        col(EscalationDelivery.channel) == channel.name,
        col(EscalationDelivery.state) != "withdrawn",
    )
    unseen = col(LedgerAlarm.acknowledged_us).is_(None)
    query = (
        select(LedgerAlarm)
        .where(
            col(LedgerAlarm.cleared_us).is_(None),
            col(LedgerAlarm.alarm).in_(sorted(channel.alarms)),
            ~told,
            or_(
                unseen & _is_late(now_us, round(channel.after_s * 1_000_000)),
                unseen & (col(LedgerAlarm.alarm) == AT_ONCE),
                (col(LedgerAlarm.alarm) == OVERDUE) & col(LedgerAlarm.inputs).contains(_OVERDUE_TEXT) & unseen,
            ),
        )
        .order_by(col(LedgerAlarm.id))
        .limit(ALARMS_A_TURN)
    )
    return [(alarm, _why(alarm)) for alarm in session.exec(query).all()]


def _is_late(now_us: int, after_us: int) -> ColumnElement[bool]:
    """Nobody has acknowledged it since it was raised last; or since its very beginning, though it came and went."""
    raised, last = col(LedgerAlarm.raised_us), func.coalesce(LedgerAlarm.last_raised_us, LedgerAlarm.raised_us)
    seen = exists().where(
        col(LedgerEvent.alarm) == LedgerAlarm.alarm,
        col(LedgerEvent.seq) > LedgerAlarm.raised_seq,
        col(LedgerEvent.kind) == AlarmAcknowledged.__name__,
        col(LedgerEvent.edge_id) == LedgerAlarm.edge_id,
        col(LedgerEvent.subject) == LedgerAlarm.subject,
    )
    return or_(
        last <= now_us - after_us,
        last > now_us + AHEAD_US,
        and_(raised <= now_us - after_us, ~seen),
    )


def _why(alarm: LedgerAlarm) -> str:
    if alarm.alarm == OVERDUE and msgspec.json.decode(alarm.inputs).get("overdue") == 1:
        return "overdue"
    return "at_once" if alarm.alarm == AT_ONCE else "unacknowledged"
