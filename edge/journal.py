"""The journal on SQLite: the edge's append-only log, its hash chain and its outbox position (DESIGN 2-4, 12).

WAL with synchronous=FULL: what :meth:`SqliteJournal.append` returned from survives ``kill -9`` and power loss. Used by one
thread at a time. A second process on the same file is refused: two writers would fork the chain.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from controller.wire import GENESIS_HASH, chain
from edge.journal_schema import create, is_empty, migrate
from edge.ports import JournalFault, JournalRefused, Kept, Random
from edge.wal_checkpointer import WalCheckpointer

SIZE_LIMIT_BYTES = 4 * 1024**3
"""Default limit of the file. Reached, nothing more is committed: a full journal is loud (DESIGN 4)."""
BUSY_TIMEOUT_S = 0.2
"""How long the agent's loop may wait for another process's lock, such as a copy being taken."""
PURGE_ROWS = 5_000
"""At most this many records leave in one purge, so that it stays short."""
COMMAND_MARGIN_US = 86_400 * 1_000_000
"""A command id is forgotten this long after its expiry: a clock set back a little must not revive it."""
_VERIFY_ROWS = 1_000

_CAUSES = {
    sqlite3.SQLITE_FULL: "the disk or the journal's size limit is full; free space, or restore the link to the server",
    sqlite3.SQLITE_BUSY: "locked by another process; end whatever works on the file",
    sqlite3.SQLITE_LOCKED: "locked by another process; end whatever works on the file",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; check the disk, keep the file, start with an empty state_dir",
    sqlite3.SQLITE_NOTADB: "not a journal, or damaged; check the disk, keep the file, start with an empty state_dir",
    sqlite3.SQLITE_READONLY: "not writable; correct its owner and mode, or the mount",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; correct state_dir, its owner and mode",
    sqlite3.SQLITE_IOERR: "the disk fails; check it",
}


class SqliteJournal:
    """Implements :class:`edge.ports.Journal`. Opening makes or migrates the file and checks the chain from the last
    checkpoint on; raises :class:`JournalFault` with one line when anything in it is not as it was written."""

    def __init__(self, path: Path, random: Random, size_limit_bytes: int = SIZE_LIMIT_BYTES) -> None:
        self._path = path
        self._in_doubt = False
        self._journal_id = ""
        self._last_seq = self._acked_upto = self._purged_upto = self._checkpoint_seq = self._wall_high_water_us = 0
        self._head = self._purged_hash = self._checkpoint_hash = GENESIS_HASH
        self._lock_fd = _lock_out_others(path)
        self._connection: sqlite3.Connection | None = None
        try:
            with self._guarded():
                self._connection = _connect(path)
                if is_empty(self._db):
                    create(self._db, random.token())
                else:
                    migrate(self._db, path)
                page_bytes = self._db.execute("PRAGMA page_size").fetchone()[0]
                self._db.execute(f"PRAGMA max_page_count = {max(1, size_limit_bytes // page_bytes):d}").fetchall()
                self._load()
                self._verify_tail()
        except BaseException:
            self._release()
            raise
        self._checkpointer = WalCheckpointer(path)

    @property
    def journal_id(self) -> str:
        return self._journal_id

    @property
    def last_seq(self) -> int:
        return self._last_seq

    @property
    def head(self) -> bytes:
        return self._head

    @property
    def acked_upto(self) -> int:
        return self._acked_upto

    @property
    def first_retained_seq(self) -> int:
        return self._purged_upto + 1

    @property
    def wall_high_water_us(self) -> int:
        return self._wall_high_water_us

    def append(self, records: Sequence[bytes], wall_us: int) -> None:
        if not records:
            return
        rows: list[tuple[int, int, bytes, bytes]] = []
        seq, head = self._last_seq, self._head
        for record in records:
            seq, head = seq + 1, chain(head, record)
            rows.append((seq, wall_us, head, record))
        high_water_us = max(self._wall_high_water_us, wall_us)
        with self._transaction():
            if self._in_doubt:
                # A commit that failed may still have reached the disk. It was reported as not in, so it is not.
                self._db.execute("DELETE FROM records WHERE seq > ?", (self._last_seq,))
            self._db.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", rows)
        self._last_seq, self._head, self._wall_high_water_us = seq, head, high_water_us
        self._in_doubt = False
        with contextlib.suppress(sqlite3.Error):  # the records are in; a disk that fails is told by the next append
            self._checkpointer.committed(self._db, sum(map(len, records)))

    def settle(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # as in append
            self._checkpointer.settle(self._db)

    def after(self, seq: int, limit: int) -> list[Kept]:
        with self._guarded():
            rows = self._db.execute(
                "SELECT seq, record FROM records WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
                (seq, self._last_seq, limit),
            )
            return [Kept(seq, record) for seq, record in rows]

    def hash_at(self, seq: int) -> bytes | None:
        if seq == 0:
            return GENESIS_HASH
        if seq == self._last_seq:
            return self._head
        if seq == self._purged_upto:
            return self._purged_hash
        if not self._purged_upto < seq < self._last_seq:
            return None
        with self._guarded():
            return self._hash_of(seq)

    def acknowledge(self, upto: int) -> None:
        """As the protocol says; more than there is counts as all there is."""
        upto = min(upto, self._last_seq)
        if upto <= self._acked_upto:
            return
        with self._transaction():
            self._db.execute("UPDATE journal SET acked_upto = ?", (upto,))
        self._acked_upto = upto

    def save_checkpoint(self, seq: int, state: bytes) -> None:
        """Raises ValueError for a ``seq`` that the journal does not hold."""
        state_hash = self.hash_at(seq)
        if state_hash is None:
            raise ValueError(f"checkpoint at {seq}; the journal holds {self.first_retained_seq} to {self._last_seq}")
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?, ?)", (seq, state_hash, state))
            # Between checkpoints the records themselves tell it: a second page in each commit would cost a tenth of it.
            self._db.execute("UPDATE journal SET wall_high_water_us = ?", (self._wall_high_water_us,))
        self._checkpoint_seq = seq

    def checkpoint(self) -> tuple[int, bytes] | None:
        with self._guarded():
            row = self._db.execute("SELECT seq, state FROM checkpoint").fetchone()
        return None if row is None else (row[0], row[1])

    def remember_command(self, command_id: str, expires_at_us: int) -> bool:
        with self._transaction():
            self._db.execute(
                "DELETE FROM commands WHERE expires_at_us < ?", (self._wall_high_water_us - COMMAND_MARGIN_US,)
            )
            noted = self._db.execute("INSERT OR IGNORE INTO commands VALUES (?, ?)", (command_id, expires_at_us))
            return noted.rowcount == 1

    def purge(self, before_wall_us: int) -> int:
        """As the protocol says; at most :data:`PURGE_ROWS` a call. A later record keeps all after it, whatever its clock
        said: what is retained has no gap."""
        limit_seq = min(self._acked_upto, self._checkpoint_seq, self._purged_upto + PURGE_ROWS)
        with self._guarded():
            kept_seq = self._db.execute(
                "SELECT min(seq) FROM records WHERE seq <= ? AND wall_us >= ?", (limit_seq, before_wall_us)
            ).fetchone()[0]
        upto = limit_seq if kept_seq is None else kept_seq - 1
        if upto <= self._purged_upto:
            return 0
        purged_hash = self.hash_at(upto)
        assert purged_hash is not None
        with self._transaction():
            self._db.execute("UPDATE journal SET purged_upto = ?, purged_hash = ?", (upto, purged_hash))
            self._db.execute("DELETE FROM records WHERE seq <= ?", (upto,))
        purged = upto - self._purged_upto
        self._purged_upto, self._purged_hash = upto, purged_hash
        return purged

    def verify(self, after_seq: int = 0) -> None:
        """Check numbering and hash chain of all that is retained after ``after_seq``. Raises :class:`JournalFault`."""
        with self._guarded():
            after_seq = max(after_seq, self._purged_upto)
            self._verify_from(after_seq, self.hash_at(after_seq))

    def close(self) -> None:
        self._checkpointer.close()
        self._release()

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalFault(f"{self._path}: closed")
        return self._connection

    def _load(self) -> None:
        head = self._db.execute(
            "SELECT journal_id, acked_upto, wall_high_water_us, purged_upto, purged_hash FROM journal"
        ).fetchone()
        if head is None:
            raise JournalFault(f"{self._path}: its head is gone; keep the file, start with an empty state_dir")
        self._journal_id, self._acked_upto, self._wall_high_water_us, self._purged_upto, self._purged_hash = head
        tail = self._db.execute("SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1").fetchone()
        self._last_seq, self._head = tail if tail is not None else (self._purged_upto, self._purged_hash)
        saved = self._db.execute("SELECT seq, hash FROM checkpoint").fetchone()
        self._checkpoint_seq, self._checkpoint_hash = saved if saved is not None else (0, GENESIS_HASH)
        latest_us = self._db.execute(
            "SELECT max(wall_us) FROM records WHERE seq > ?", (self._checkpoint_seq,)
        ).fetchone()
        self._wall_high_water_us = max(self._wall_high_water_us, latest_us[0] or 0)

    def _verify_tail(self) -> None:
        """What the fold will stand on: from the checkpoint to the end (all that is kept, when there is none)."""
        if max(self._acked_upto, self._checkpoint_seq) > self._last_seq:
            raise self._damage(
                f"records {self._last_seq + 1} to {max(self._acked_upto, self._checkpoint_seq)} are gone"
            )
        start = max(self._checkpoint_seq, self._purged_upto)
        if self._checkpoint_seq >= max(self._purged_upto, 1) and self._hash_of(start) != self._checkpoint_hash:
            raise self._damage(f"record {start} is not the one that the checkpoint was made at")
        self._verify_from(start, self._hash_of(start))

    def _verify_from(self, seq: int, head: bytes | None) -> None:
        while seq < self._last_seq:
            rows = self._db.execute(
                "SELECT seq, hash, record FROM records WHERE seq > ? ORDER BY seq LIMIT ?", (seq, _VERIFY_ROWS)
            ).fetchall()
            for found_seq, found_hash, record in rows:
                if found_seq != seq + 1:
                    raise self._damage(f"records {seq + 1} to {found_seq - 1} are gone")
                if head is None or chain(head, record) != found_hash:
                    raise self._damage(f"record {found_seq} was altered")
                seq, head = found_seq, found_hash

    def _hash_of(self, seq: int) -> bytes | None:
        if seq == self._purged_upto:
            return bytes(self._purged_hash)
        row = self._db.execute("SELECT hash FROM records WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else bytes(row[0])

    def _damage(self, what: str) -> JournalFault:
        return JournalFault(f"{self._path}: {what}; keep the file for examination, start with an empty state_dir")

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            raise JournalFault(f"{self._path}: {_CAUSES.get(code, str(error))}") from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._guarded():
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._in_doubt = True
                if self._db.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")
                raise

    def _release(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _lock_out_others(path: Path) -> int:
    """Hold ``NAME.lock`` for as long as the process lives; ``kill -9`` frees it. Raises :class:`JournalFault`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock_fd = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalFault(
            f"{path}: cannot be opened ({error.strerror}); correct state_dir, its owner and mode"
        ) from error
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock_fd)
        raise JournalRefused(f"{path}: another edge process has it open; end that one first") from error
    return lock_fd
