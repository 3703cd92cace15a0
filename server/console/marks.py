"""How much waits in a section: the small numbers in the rail."""

from sqlmodel import Session

from server.console.approval_cards import count_waiting
from server.context import Context
from server.operators.actor import Actor
from server.operators.permissions import Permission
from server.permits.arrivals import count_at_desk


def marks_of(session: Session, context: Context, actor: Actor, to_decide: int | None = None) -> dict[str, int]:
    """Section → how much. ``visits``: who said at the kiosk that they are here, and waits to be checked in; for whom may check them in.
    ``approvals``: what waits for this operator's word (``to_decide``, where that is known)."""
    may_check_in = actor.may(Permission.PERMIT_CHECK_IN)
    waiting = count_at_desk(session, actor, context.clock.now()) if may_check_in else 0
    return {"visits": waiting, "approvals": count_waiting(session, context, actor) if to_decide is None else to_decide}
