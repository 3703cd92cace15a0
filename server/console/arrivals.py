"""Who said at the kiosk that they are here and waits for the guard: what the live page tells at once."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from server.context import Context
from server.permits.arrivals import waiting_at_desk
from server.permits.models import Permit
from server.personal.fields import masked_field
from server.registry.lookup import codes_of
from server.registry.models import Holder

MOST = 8


def arrivals(session: Session, context: Context, now: datetime) -> list[dict[str, Any]]:
    """The longest waiting first, masked (C4): ``{visit, name, customer, since}``."""
    waiting = waiting_at_desk(session, now, MOST)
    if not waiting:
        return []
    permits = {one.id: one for one in session.exec(_of(Permit, {visit.permit_id for visit in waiting})).all()}
    holders = {one.id: one for one in session.exec(_of(Holder, {visit.holder_id for visit in waiting})).all()}
    codes = codes_of(session, {one.customer_id for one in permits.values()})
    return [
        {
            "visit": visit.public_id,
            "name": masked_field(context.personal, holders[visit.holder_id], "name"),
            "customer": codes.get(permits[visit.permit_id].customer_id),
            "since": visit.arrived_at,
        }
        for visit in waiting
    ]


def _of(model: Any, ids: set[int]) -> Any:
    return select(model).where(col(model.id).in_(ids))
