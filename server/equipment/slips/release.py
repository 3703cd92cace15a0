"""Whether the edge that a slip is bound to has confirmed that it no longer allows it (MEANINGS 26)."""

from datetime import datetime

from sqlmodel import Session

from server.db.clock import to_us
from server.equipment.slip_models import ExitSlip
from server.equipment.slips.standing import window_over
from server.fleet.bindings import binding_of


def is_released(session: Session, slip: ExitSlip, now: datetime) -> bool:
    """Whether nothing can move any more under the slip's present binding, and all that moved is known: it has none, time has ended it, or the ledger has the edge's
    word. Of a cancelled slip nothing comes back either: its window alone counts."""
    if slip.binding == 0 or slip.id is None:
        return True
    if slip.status == "cancelled" and window_over(slip, now):
        return True
    return binding_of(session.connection(), "slip", slip.id, to_us(now)).released
