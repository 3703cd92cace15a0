"""Emergency entries that no operator of ours approved become debts while their records are ingested (B7, MEANINGS 21).

That is what a supervisor's and a guard's badge at a door with the link down are; and anybody else who is recorded as admitted in an emergency that does not
stand here. In the transaction of the records, once per event of the ledger; who is on an open debt already adds none, but
the area where they went on.
"""

from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from controller.events import AccessTaken
from server.db.clock import from_us
from server.ids import new_id
from server.ledger.keyed_rows import table_of
from server.permits.models import Emergency
from server.rooms.areas import Areas


class EdgeEmergencies:
    """Collects one transaction's emergency entries; :meth:`save` writes the debts."""

    def __init__(self, connection: Connection, areas: Areas, now_us: int) -> None:
        self._connection = connection
        self._areas = areas
        self._now = from_us(now_us)
        self._found: dict[int, tuple[int, AccessTaken, int]] = {}

    def take(self, edge_id: int, taken: AccessTaken, at_us: int, event_seq: int) -> None:
        """Note an entry in an emergency of somebody without a badge."""
        if not taken.emergency or taken.badge != 0 or taken.presence != "inside":
            return
        if not self._areas.leads_out(taken.access_point, taken.from_area, taken.to_area):
            self._found[event_seq] = (edge_id, taken, at_us)

    def save(self) -> None:
        """Write what is not a debt already. The caller commits."""
        table = table_of(Emergency)
        for event_seq, (edge_id, taken, at_us) in sorted(self._found.items()):
            open_debt = select(table.c.id, table.c.areas, table.c.source_seq).where(
                table.c.person == taken.number,
                table.c.status.in_(("approved", "admitted")),
                table.c.edge_id.is_(None) | (table.c.edge_id == edge_id),
            )
            debt = self._connection.execute(open_debt.limit(1)).first()
            if debt is None:
                self._connection.execute(insert(table).values(self._debt(edge_id, taken, at_us, event_seq)))
            elif debt.source_seq is not None and taken.to_area not in debt.areas:  # they went on: count there as well
                areas = sorted({*debt.areas, taken.to_area})
                further = update(table).where(table.c.id == debt.id)
                self._connection.execute(further.values(areas=areas, version=table.c.version + 1))
        self._found = {}

    def _debt(self, edge_id: int, taken: AccessTaken, at_us: int, event_seq: int) -> dict[str, Any]:
        at = from_us(at_us)
        return {
            "public_id": new_id("emg", self._now),
            "status": "admitted",
            "reason": "",
            "areas": [taken.to_area],
            "from_at": at,
            "admitted_at": at,
            "approved_name": "",
            "admitted_name": "",
            "edge_id": edge_id,
            "access_point": taken.access_point,
            "person": taken.number,
            "source_seq": event_seq,
            "guard_holder": taken.escort,
            "reported_name": "",
            "reconciled": "",
            "closing_note": "",
            "version": 1,
        }
