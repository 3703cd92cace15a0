"""What stands in for a journal that cannot be opened: ways out and fire release must work with the disk dead (L1).

Everything else is refused, because nothing can be committed (MEANINGS 2), until the disk is mended and the edge restarted.
"""

from collections.abc import Sequence
from pathlib import Path

from controller.wire import GENESIS_HASH
from edge.journal import SqliteJournal
from edge.ports import Journal, JournalFault, JournalRefused, Kept, Random


def open_journal(path: Path, random: Random) -> Journal:
    """The journal, or :class:`NoJournal` when file or disk are broken. Raises :class:`edge.ports.JournalRefused` when the
    file is sound but not for this process."""
    try:
        return SqliteJournal(path, random)
    except JournalRefused:
        raise
    except JournalFault as fault:
        return NoJournal(str(fault), random)


class NoJournal:
    """Implements :class:`edge.ports.Journal`: empty, and every write raises :class:`JournalFault` with ``cause``."""

    acked_upto = 0
    last_seq = 0
    first_retained_seq = 1
    wall_high_water_us = 0
    head = GENESIS_HASH

    def __init__(self, cause: str, random: Random) -> None:
        self.cause = cause
        self.journal_id = random.token()

    def append(self, records: Sequence[bytes], wall_us: int) -> None:  # noqa: ARG002
        self._refuse()

    def settle(self) -> None:
        """Nothing was appended."""

    def after(self, seq: int, limit: int) -> list[Kept]:  # noqa: ARG002
        return []

    def hash_at(self, seq: int) -> bytes | None:
        return GENESIS_HASH if seq == 0 else None

    def acknowledge(self, upto: int) -> None:  # noqa: ARG002
        self._refuse()

    def save_checkpoint(self, seq: int, state: bytes) -> None:  # noqa: ARG002
        self._refuse()

    def checkpoint(self) -> tuple[int, bytes] | None:
        return None

    def remember_command(self, command_id: str, expires_at_us: int) -> bool:  # noqa: ARG002
        self._refuse()
        return False

    def purge(self, before_wall_us: int) -> int:  # noqa: ARG002
        return 0

    def close(self) -> None:
        """Nothing is open."""

    def _refuse(self) -> None:
        raise JournalFault(self.cause)
