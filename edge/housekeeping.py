"""Keeps the journal tidy: a checkpoint of the state now and then, and what is beyond its retention leaves (DESIGN 3, D5)."""

import logging

from controller.engine import Engine
from controller.now import SECOND_US, Now
from controller.state import encode_state
from edge.outbox import Outbox
from edge.ports import Journal

CHECKPOINT_RECORDS = 1_000
PURGE_INTERVAL_US = 3_600 * SECOND_US
PURGE_AGAIN_US = 10 * SECOND_US
"""A purge is short: while there is more to drop it goes on after this pause."""

_log = logging.getLogger(__name__)


class Housekeeping:
    """Raises :class:`edge.ports.JournalFault` where the journal does; nothing is lost by trying again."""

    def __init__(self, journal: Journal, outbox: Outbox, retention_us: int) -> None:
        self._journal = journal
        self._outbox = outbox
        self._retention_us = retention_us
        self._checkpoint_at_seq = journal.last_seq + CHECKPOINT_RECORDS
        self._purge_at_us = 0

    def begin(self, now: Now) -> None:
        """The process has started: the first purge is due in a while."""
        self._purge_at_us = now.mono_us + PURGE_INTERVAL_US

    def hurry(self, now: Now) -> None:
        """The journal is in trouble: it may be full of what may go."""
        self._purge_at_us = now.mono_us

    def deadline_us(self) -> int:
        """Boot time of the next purge."""
        return self._purge_at_us

    def checkpoint(self, engine: Engine, stopping: bool) -> None:
        """Keep the folded state when enough records follow the last one kept, and at the end."""
        last_seq = self._journal.last_seq
        enough = last_seq >= self._checkpoint_at_seq or (
            stopping and last_seq > self._checkpoint_at_seq - CHECKPOINT_RECORDS
        )
        if enough and not engine.pending:
            self._journal.save_checkpoint(last_seq, encode_state(engine.state))
            self._checkpoint_at_seq = last_seq + CHECKPOINT_RECORDS

    def purge(self, now: Now) -> None:
        """Drop what is acknowledged and beyond its retention, if it is time."""
        if now.mono_us < self._purge_at_us:
            return
        self._purge_at_us = now.mono_us + PURGE_INTERVAL_US
        if now.wall_trusted and not self._outbox.gone_back:
            purged = self._journal.purge(now.wall_us - self._retention_us)
            if purged:
                self._purge_at_us = now.mono_us + PURGE_AGAIN_US
                _log.info("purged %d records beyond their retention", purged)
