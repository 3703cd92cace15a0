"""The alarms of one edge, folded from its events and from the server's own (docs/rooms.md, Repeats)."""

from functools import cached_property

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from controller.events import AlarmAcknowledged, AlarmCleared, AlarmRaised
from server.ledger.keyed_rows import Row, table_of
from server.ledger.models import LedgerAlarm

_ALARMS = table_of(LedgerAlarm)
_UNSEEN: Row = {"acknowledged_us": None, "acknowledged_by": None, "note": None, "key": None}


class AlarmFacts:
    """One edge's alarms within one transaction of the ledger's writer."""

    def __init__(self, connection: Connection, edge_id: int) -> None:
        self._connection = connection
        self._edge_id = edge_id
        self._changed: list[Row] = []
        self._new: list[Row] = []

    @cached_property
    def _standing(self) -> dict[tuple[str, str, str], Row]:
        """Loaded when the first alarm comes: most transactions bring none."""
        found = self._connection.execute(
            select(_ALARMS).where(_ALARMS.c.edge_id == self._edge_id, _ALARMS.c.cleared_us.is_(None))
        )
        return {(row.source, row.alarm, row.subject): dict(row._mapping) for row in found}

    def stands(self, alarm: str, subject: str, source: str) -> bool:
        """Whether this alarm is raised and not cleared."""
        return (source, alarm, subject) in self._standing

    def raised(self, event: AlarmRaised, at_us: int, seq: int, source: str) -> None:
        """A new row; the row of before, where the alarm came back soon or is raised anew while it stands: it wants to be seen again."""
        key = (source, event.alarm, event.subject)
        inputs = msgspec.json.encode(event.inputs).decode()
        row = self._standing.get(key)
        if row is not None and row["inputs"] == inputs and event.repeats <= row["repeats"]:
            return
        if row is None and event.repeats > 0:
            row = self._last(key)
        if row is not None:
            row |= {"inputs": inputs, "repeats": event.repeats, "last_raised_us": at_us, "cleared_us": None} | _UNSEEN
            self._touch(row)
        else:
            row = _UNSEEN | {
                "edge_id": self._edge_id,
                "source": source,
                "alarm": event.alarm,
                "subject": event.subject,
                "rule": event.rule,
                "inputs": inputs,
                "raised_us": at_us,
                "raised_seq": seq,
                "cleared_us": None,
                "repeats": event.repeats,
                "last_raised_us": at_us,
            }
            self._new.append(row)
        self._standing[key] = row

    def acknowledged(self, event: AlarmAcknowledged, at_us: int, _seq: int, source: str) -> None:
        """Somebody has seen it."""
        row = self._standing.get((source, event.alarm, event.subject))
        if row is not None:
            row |= {"acknowledged_us": at_us, "acknowledged_by": event.operator, "note": event.note}
            row["key"] = event.key or None
            self._touch(row)

    def cleared(self, event: AlarmCleared, at_us: int, _seq: int, source: str) -> None:
        """Its cause is gone."""
        self.end(source, event.alarm, event.subject, at_us)

    def end(self, source: str, alarm: str, subject: str, at_us: int) -> None:
        """It stands no more, if it did."""
        row = self._standing.pop((source, alarm, subject), None)
        if row is not None:
            row["cleared_us"] = at_us
            self._touch(row)

    def end_all(self, at_us: int, source: str) -> None:
        """Whoever raised what stands knows nothing of it any more: nobody could ever end it."""
        for key in [key for key in self._standing if key[0] == source]:
            self.end(*key, at_us)

    def save(self) -> None:
        """Write what changed."""
        for row in self._changed:  # before the new ones: only one may stand
            self._connection.execute(update(_ALARMS).where(_ALARMS.c.id == row["id"]).values(row))
        if self._new:
            self._connection.execute(insert(_ALARMS), self._new)

    def _last(self, key: tuple[str, str, str]) -> Row | None:
        """The newest row of an alarm that does not stand."""
        source, alarm, subject = key
        for row in (*reversed(self._new), *reversed(self._changed)):
            if (row["source"], row["alarm"], row["subject"]) == key:
                return row
        found = self._connection.execute(
            select(_ALARMS)
            .where(
                _ALARMS.c.edge_id == self._edge_id,
                _ALARMS.c.subject == subject,
                _ALARMS.c.alarm == alarm,
                _ALARMS.c.source == source,
            )
            .order_by(_ALARMS.c.id.desc())
            .limit(1)
        ).first()
        return dict(found._mapping) if found is not None else None

    def _touch(self, row: Row) -> None:
        if "id" in row and row not in self._changed:
            self._changed.append(row)
