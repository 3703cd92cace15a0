"""What happened while an operator did not look: counted by kind, with the alarms and refusals themselves."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session

from server.console import view
from server.console.view import EventView
from server.context import Context
from server.db.clock import from_us
from server.fleet.models import Edge
from server.ledger import reading
from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerEvent

COUNTED = 50_000
"""Events that are counted; of more it is only said that there were more."""
LISTED = 12
COUNTS = (
    "AlarmRaised", "AccessDenied", "AccessPending", "AccessGranted", "ExitByRequest", "FireLatched", "LockdownChanged", "EdgeStopped", "RangeLost",
)  # fmt: skip
"""The kinds that are counted, in the order of showing."""
GRAVE = ("AlarmRaised", "AccessDenied", "FireLatched", "RangeLost")


@dataclass(frozen=True)
class Missed:
    """Since the event ``after``. ``restored``: the ledger ends before it, so nothing can be said. ``more``: there was more than was
    counted."""

    after: int
    last: int
    since: datetime | None
    counts: dict[str, int]
    listed: list[EventView]
    restored: bool
    more: bool


def missed_since(session: Session, context: Context, after: int) -> Missed:
    """What came after the event ``after``."""
    last = reading.last_event_seq(session)
    table, edges = table_of(LedgerEvent), table_of(Edge)
    connection = session.connection()
    at_us = connection.scalar(select(table.c.at_us).where(table.c.seq == after))
    since = from_us(at_us) if at_us is not None else None
    if after > last:
        return Missed(after, last, None, {}, [], restored=True, more=False)
    more = last - after > COUNTED
    first = max(after, last - COUNTED)
    by_kind = select(table.c.kind, func.count()).where(table.c.seq > first, table.c.seq <= last).group_by(table.c.kind)
    found = {row[0]: row[1] for row in connection.execute(by_kind)}
    grave = (
        select(table, edges.c.name.label("edge"))
        .join(edges, edges.c.id == table.c.edge_id)
        .where(table.c.seq > first, table.c.seq <= last, table.c.kind.in_(GRAVE))
        .order_by(table.c.seq.desc())
        .limit(LISTED)
    )
    rows = [reading.event_row(row) for row in connection.execute(grave)]
    listed = view.event_views(rows, view.people_in(session, context, rows))
    return Missed(after, last, since, {kind: found[kind] for kind in COUNTS if kind in found}, listed, False, more)
