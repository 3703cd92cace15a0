"""Reads an edge's journal from outside while the edge runs: what the edge itself wrote, decoded.

The file is opened read-only for each look, so a killed, restarted or replaced edge needs no care here.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from controller.events import AnyEvent, Record
from sim.waiting import until

OPEN_TIMEOUT_S = 5.0

_decoder = msgspec.json.Decoder(Record)


class JournalTail:
    """The records of one journal file, by sequence."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def raw(self, after: int = 0) -> list[tuple[int, bytes]]:
        """(seq, unchanged bytes) after ``after``. Empty while there is no journal."""
        if not self.path.exists():
            return []
        with closing(self._open()) as database:
            rows = database.execute("SELECT seq, record FROM records WHERE seq > ? ORDER BY seq", (after,))
            return [(int(seq), bytes(record)) for seq, record in rows]

    def last_seq(self) -> int:
        """The sequence of the newest record; 0 when empty."""
        if not self.path.exists():
            return 0
        with closing(self._open()) as database:
            return int(database.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()[0])

    def records(self, after: int = 0) -> list[Record]:
        """Decoded records after ``after``."""
        return [_decoder.decode(raw) for _, raw in self.raw(after)]

    def events(self, after: int = 0) -> list[AnyEvent]:
        """All events after ``after``, in order."""
        return [event for record in self.records(after) for event in record.events]

    def wait_for(self, found: Callable[[Record], bool], after: int, timeout_s: float) -> Record | None:
        """The first record after ``after`` for which ``found`` holds; None when the time is over."""
        seen = after
        match: Record | None = None

        def looked() -> bool:
            nonlocal seen, match
            for record in self.records(seen):
                seen = record.seq
                if found(record):
                    match = record
                    return True
            return False

        until(looked, timeout_s)
        return match

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=OPEN_TIMEOUT_S)
