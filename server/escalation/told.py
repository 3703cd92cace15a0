"""What the ledger's alarms show of the second channel."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from server.escalation.models import EscalationDelivery


def escalated_at(session: Session, alarm_ids: Sequence[int]) -> dict[int, datetime]:
    """When an alarm was first told by a second channel."""
    query = select(EscalationDelivery.alarm_id, EscalationDelivery.done_at).where(
        col(EscalationDelivery.alarm_id).in_(alarm_ids), EscalationDelivery.state == "sent"
    )
    found: dict[int, datetime] = {}
    for alarm_id, at in session.exec(query).all():
        if alarm_id is not None and at is not None:
            found[alarm_id] = min(at, found.get(alarm_id, at))
    return found
