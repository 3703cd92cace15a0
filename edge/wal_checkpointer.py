"""Moves a write-ahead log into its database in the background, so that no commit has to wait for it."""

import contextlib
import sqlite3
import threading
from pathlib import Path

WAL_CHECKPOINT_BYTES = 2 * 1_048_576
"""After this much was written, the log is moved."""
WAL_LIMIT_BYTES = 64 * 1_048_576
"""Beyond this the committing thread moves it itself: the background could not keep up."""
COMMIT_OVERHEAD_BYTES = 16_384
"""What a commit adds to the log besides its records: about four pages."""
PASSES = 3
"""A pass moves what was there when it began; the later ones are short. Only a log moved to its end begins anew."""
BUSY_TIMEOUT_S = 0.2


class WalCheckpointer:
    """One thread and one connection of its own for one database file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._wanted = threading.Event()
        self._written = 0
        self._nearly_all_moved = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"wal {path.name}", daemon=True)
        self._thread.start()

    def settle(self, connection: sqlite3.Connection) -> None:
        """Call between commits, when nobody waits: moves the few that came while the thread moved the others. Then the log begins anew, in
        place; one that only grows costs twice as much a commit. Two disk syncs, so never on the way of a tap. Raises sqlite3.Error."""
        if self._nearly_all_moved:
            self._nearly_all_moved = False
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def committed(self, connection: sqlite3.Connection, written_bytes: int) -> None:
        """Call after a commit: wakes the thread when enough was written. Raises sqlite3.Error only past the limit."""
        self._written += written_bytes + COMMIT_OVERHEAD_BYTES
        if self._written < WAL_CHECKPOINT_BYTES:
            return
        self._written = 0
        self._wanted.set()
        with contextlib.suppress(FileNotFoundError):
            if self._wal.stat().st_size > WAL_LIMIT_BYTES:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """End the thread."""
        self._stopping = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while self._wanted.wait() and not self._stopping:
                self._wanted.clear()
                # A failure here is nobody's loss: the next growth, or the committing thread, tries again and tells.
                with contextlib.suppress(sqlite3.Error):
                    if connection is None:
                        connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
                        connection.execute("PRAGMA synchronous = FULL")
                    # PASSIVE: the other modes would hold off the committing thread for the length of two disk syncs.
                    for _ in range(PASSES):
                        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                    self._nearly_all_moved = True
        finally:
            if connection is not None:
                connection.close()
