"""The policy in force, on disk: its snapshot, the deltas since, and the highest version ever seen (DESIGN 5, MEANINGS 18).

A store that is damaged never stops the edge: it is moved aside, ``damage`` says so in one line, and the edge starts without
a policy, so refuses everyone (R1), and asks the server for a new one. What the highest version was is then still in the
journal.
"""

import contextlib
import hashlib
import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from controller.policy import Delta
from controller.policy_digest import LISTS, Entry
from edge.ports import JournalFault

BUSY_TIMEOUT_S = 0.2
COMPACT_AFTER_DELTAS = 64
"""This many stored deltas are merged into one, so that a start applies one delta however many came."""
APPLICATION_ID = 0x6D6A706F
"""``mjpo``: marks the file as ours."""
VERSION = 1

_SCHEMA = (
    "CREATE TABLE highest (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL, n INTEGER NOT NULL) STRICT",
    "CREATE TABLE snapshot (one INTEGER PRIMARY KEY CHECK (one = 1), sha256 BLOB NOT NULL, body BLOB NOT NULL) STRICT",
    "CREATE TABLE deltas (position INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, body BLOB NOT NULL) STRICT",
    "INSERT INTO highest VALUES (1, 0, 0)",
    f"PRAGMA application_id = {APPLICATION_ID:d}",
    f"PRAGMA user_version = {VERSION:d}",
)


_log = logging.getLogger(__name__)


class PolicyStoreFault(JournalFault):
    """The store cannot keep a policy (disk full, not writable). One line. What was stored before is still there."""


class SqlitePolicyStore:
    """Implements :class:`edge.ports.PolicyStore`. Opening raises :class:`PolicyStoreFault` only when there is no place to
    store at all; ``damage`` is empty or says what was found and moved aside."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damage = ""
        self._connection: sqlite3.Connection | None = None
        self._highest = (0, 0)
        try:
            self._open()
        except _Damaged as damaged:
            self._start_anew(str(damaged))

    @property
    def highest_seen(self) -> tuple[int, int]:
        return self._highest

    def load(self) -> tuple[bytes, list[bytes]] | None:
        """As the protocol says; all deltas come merged into one. None also when what is stored is damaged: then it is
        moved aside and ``damage`` is set."""
        try:
            with self._reading():
                stored = self._db.execute("SELECT sha256, body FROM snapshot").fetchone()
                if stored is None:
                    return None
                snapshot = _checked(stored, "snapshot")
                deltas = [_checked(row, "delta") for row in self._delta_rows()]
                return snapshot, [_merged(deltas)] if len(deltas) > 1 else deltas
        except _Damaged as damaged:
            self._start_anew(str(damaged))
            return None

    def save_snapshot(self, epoch: int, n: int, snapshot: bytes) -> None:
        """Replace all that is stored. Raises :class:`PolicyStoreFault`; then it is as before."""
        with self._transaction(epoch, n):
            self._db.execute("DELETE FROM deltas")
            self._db.execute("INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?)", (_sha256(snapshot), snapshot))

    def save_delta(self, epoch: int, n: int, delta: bytes) -> None:
        """Add the delta that follows what is stored. Raises :class:`PolicyStoreFault`; then it is as before."""
        with self._transaction(epoch, n):
            self._db.execute("INSERT INTO deltas (sha256, body) VALUES (?, ?)", (_sha256(delta), delta))
            if self._db.execute("SELECT count(*) FROM deltas").fetchone()[0] > COMPACT_AFTER_DELTAS:
                merged = _merged([_checked(row, "delta") for row in self._delta_rows()])
                self._db.execute("DELETE FROM deltas")
                self._db.execute("INSERT INTO deltas (sha256, body) VALUES (?, ?)", (_sha256(merged), merged))

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            raise PolicyStoreFault(f"{self._path}: closed")
        return self._connection

    def _delta_rows(self) -> list[tuple[bytes, bytes]]:
        return self._db.execute("SELECT sha256, body FROM deltas ORDER BY position").fetchall()

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise PolicyStoreFault(f"{self._path}: cannot be made ({error.strerror}); correct state_dir") from error
        with self._reading():
            self._connection = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL").fetchall()
            self._db.execute("PRAGMA synchronous = FULL")
            if self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0:
                self._db.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA:
                    self._db.execute(statement)
                self._db.execute("COMMIT")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if self._db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise _Damaged("it is not a menjin policy store")
            if version > VERSION:
                raise _Damaged(f"version {version} was written by a newer menjin (this one knows {VERSION})")
            highest = self._db.execute("SELECT epoch, n FROM highest").fetchone()
            if highest is None:
                raise _Damaged("the highest version seen is gone")
            self._highest = (highest[0], highest[1])

    def _start_anew(self, why: str) -> None:
        """Move the damaged file aside, keep the highest version if it could be read, and begin with an empty store."""
        self.close()
        highest = self._highest
        aside = self._path.with_name(self._path.name + ".damaged")
        try:
            for suffix in ("", "-wal", "-shm"):
                part = self._path.with_name(self._path.name + suffix)
                if part.exists():
                    os.replace(part, aside.with_name(aside.name + suffix))
        except OSError as error:
            raise PolicyStoreFault(f"{self._path}: {why}, and it cannot be moved aside ({error.strerror})") from error
        self.damage = f"{self._path}: {why}; moved to {aside.name}, a new policy is asked for"
        _log.error("%s", self.damage)
        try:
            self._open()
        except _Damaged as damaged:
            raise PolicyStoreFault(f"{self._path}: {damaged}, also when new; check the disk") from damaged
        if highest > self._highest:
            with self._transaction(*highest):
                pass

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
                raise _Damaged(f"damaged ({error})") from error
            self.close()
            raise PolicyStoreFault(f"{self._path}: {error}; check the disk, the folder's owner and mode") from error

    @contextlib.contextmanager
    def _transaction(self, epoch: int, n: int) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                highest = max(self._highest, (epoch, n))
                self._db.execute("UPDATE highest SET epoch = ?, n = ?", highest)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")
                raise
        except (sqlite3.Error, _Damaged) as error:
            raise PolicyStoreFault(f"{self._path}: the policy cannot be kept ({error}); check the disk") from error
        self._highest = highest


class _Damaged(Exception):
    pass


def _sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _checked(row: tuple[bytes, bytes], what: str) -> bytes:
    if _sha256(row[1]) != row[0]:
        raise _Damaged(f"the stored {what} was altered")
    return row[1]


def _merged(encoded: Sequence[bytes]) -> bytes:
    """One delta that does what these do in turn."""
    try:
        deltas = [msgspec.json.decode(delta, type=Delta) for delta in encoded]
    except msgspec.DecodeError as error:
        raise _Damaged(f"a stored delta cannot be read ({error})") from error
    result = deltas[0]
    for delta in deltas[1:]:
        if delta.base != result.version:
            raise _Damaged(f"stored delta {delta.version} does not follow {result.version}")
        result = _then(result, delta)
    return msgspec.json.encode(result)


def _then(first: Delta, second: Delta) -> Delta:
    lists: dict[str, Any] = {}
    for name in LISTS:  # all of them: what a merge forgets is lost at the next start
        gone = f"gone_{name}"
        lists[name], lists[gone] = _overlay(
            getattr(first, name), getattr(first, gone), getattr(second, name), getattr(second, gone)
        )
    return Delta(
        base=first.base,
        version=second.version,
        digest=second.digest,
        site=second.site if second.site is not None else first.site,
        **lists,
    )


def _overlay(
    first: tuple[Entry, ...], first_gone: tuple[int, ...], second: tuple[Entry, ...], second_gone: tuple[int, ...]
) -> tuple[tuple[Entry, ...], tuple[int, ...]]:
    entries = {entry.id: entry for entry in first}
    gone = set(first_gone)
    for entry in second:
        entries[entry.id] = entry
        gone.discard(entry.id)
    for entry_id in second_gone:
        entries.pop(entry_id, None)
        gone.add(entry_id)
    return tuple(entries.values()), tuple(sorted(gone))
