"""How much waits in a section: the small numbers in the rail."""

from datetime import datetime

from sqlmodel import Session

from server.console.approval_cards import count_waiting
from server.context import Context
from server.operators.actor import Actor
from server.operators.permissions import Permission
from server.permits.arrivals import waiting_at_desk


def marks_of(
    session: Session, context: Context, actor: Actor, today: datetime, to_decide: int | None = None
) -> dict[str, int]:
    """Section → how much. ``visits``: who said at the kiosk today that they are here, and is not checked in; for whom may check them in.
    ``approvals``: what waits for this operator's word (``to_decide``, where that is known)."""
    waiting = len(waiting_at_desk(session, today)) if actor.may(Permission.PERMIT_CHECK_IN) else 0
    return {"visits": waiting, "approvals": count_waiting(session, context, actor) if to_decide is None else to_decide}
