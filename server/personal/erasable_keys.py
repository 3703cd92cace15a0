"""The store of erasable keys: one random key for each photo, ID copy and letter (DESIGN 17; docs/personal-data.md).

The files lie encrypted in the main database, and so in every backup of it. Their keys lie here, in a database of its own
(``Config.erasable_keys_url``; default ``erasable-keys.db`` in the server's ``dir``). Erase the key, and the file is noise in all of them.

**The backup rule: of this store only the newest copy is kept.** Each copy replaces the one before; an old copy would bring erased keys back.
It never goes into the backups of the main database.

A key is committed before the row that needs it. What a row never came for is an orphan, and is removed after a while
(:mod:`server.personal.erasure`).
"""

import contextlib
import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, DateTime, LargeBinary, MetaData, String, Table, delete, event, insert, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from server.db.engine import Database, DatabaseError
from server.key_files import KEY_BYTES, KeysError, refuse_exposed

ERASABLE_FILE = "erasable-keys.db"
CHUNK = 500

_metadata = MetaData()
_keys = Table(
    "erasable_key",
    _metadata,
    Column("id", String, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False, index=True),
)


class ErasableKeys:
    """The store. Each call is a transaction of its own, committed when it returns; used from many threads."""

    def __init__(self, url: str) -> None:
        """Open the store; make it when missing. Raises :class:`server.key_files.KeysError` or
        :class:`server.db.engine.DatabaseError`."""
        _make_private(url)
        self._database = Database(url)
        self.is_sqlite = self._database.is_sqlite
        if self.is_sqlite:
            event.listen(self._database.engine, "connect", _overwrite_what_is_deleted)
        try:
            with self._database.write() as session:
                if not self.is_sqlite:  # servers that start at once make the table one after another
                    session.connection().exec_driver_sql("SELECT pg_advisory_xact_lock(1835363946)")
                _metadata.create_all(session.connection())
        except DBAPIError as error:
            self.close()
            reason = str(error.orig).strip().splitlines()[0]
            raise DatabaseError(f"erasable_keys_url: cannot be used: {reason}") from error

    def make(self, key_id: str, now: datetime) -> bytes:
        """A fresh key, on the disk when this returns."""
        key = secrets.token_bytes(KEY_BYTES)
        with self._database.write() as session:
            session.connection().execute(insert(_keys).values(id=key_id, key=key, made_at=now))
        return key

    def get(self, key_id: str) -> bytes | None:
        """The key; None when it was erased, or never was."""
        with self._database.read() as session:
            found: bytes | None = session.connection().scalar(select(_keys.c.key).where(_keys.c.id == key_id))
        return found

    def missing(self, key_ids: list[str]) -> set[str]:
        """Which of these are not there."""
        absent = set(key_ids)
        with self._database.read() as session:
            for begin in range(0, len(key_ids), CHUNK):
                chunk = key_ids[begin : begin + CHUNK]
                absent.difference_update(session.connection().scalars(select(_keys.c.id).where(_keys.c.id.in_(chunk))))
        return absent

    def made_before(self, at: datetime, after: str, limit: int) -> list[str]:
        """At most ``limit`` ids behind ``after``, in order, of keys made before ``at``: to look for orphans."""
        with self._database.read() as session:
            found = session.connection().scalars(
                select(_keys.c.id).where(_keys.c.made_at < at, _keys.c.id > after).order_by(_keys.c.id).limit(limit)
            )
            return list(found)

    def erase(self, key_ids: list[str]) -> None:
        """Delete keys and overwrite where they stood: in the file and its journal on SQLite; by rewriting the table on PostgreSQL, whose
        write-ahead log forgets when its segments are used again. Keys that are not there are no error."""
        if not key_ids:
            return
        with self._database.write() as session:
            for begin in range(0, len(key_ids), CHUNK):
                session.connection().execute(delete(_keys).where(_keys.c.id.in_(key_ids[begin : begin + CHUNK])))
        statement = "PRAGMA wal_checkpoint(TRUNCATE)" if self.is_sqlite else "VACUUM FULL erasable_key"
        with self._database.engine.connect() as connection:
            # raw: neither statement may run inside a transaction
            raw: Any = connection.connection.driver_connection
            if not self.is_sqlite:
                connection.rollback()
                raw.autocommit = True
            try:
                raw.execute(statement)
            finally:
                if not self.is_sqlite:
                    raw.autocommit = False

    def close(self) -> None:
        """Close every pooled connection."""
        self._database.close()


def open_erasable_keys(url: str, folder: Path, database_url: str) -> ErasableKeys:
    """The store at ``url``, by default in ``folder``. Raises as :class:`ErasableKeys`, also when it is the main database: keys beside what
    they lock are in every backup of it."""
    if url and url == database_url:
        raise KeysError("erasable_keys_url: must not be the main database, whose backups would keep erased keys")
    return ErasableKeys(url or f"sqlite:///{folder / ERASABLE_FILE}")


def _overwrite_what_is_deleted(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA secure_delete = ON")


def _make_private(url: str) -> None:
    with contextlib.suppress(ArgumentError):  # Database says it better
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite" or not parsed.database:
            return
        path = Path(parsed.database)
        with contextlib.suppress(OSError):  # there already, or a folder that Database's own error names
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        if path.exists():
            refuse_exposed(path, path.stat().st_mode)
