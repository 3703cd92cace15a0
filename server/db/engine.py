"""Engine and transactions on SQLite and PostgreSQL (DESIGN 15).

    database = Database("sqlite:////var/lib/menjin/menjin.db")
    with database.read() as session: ...      # a reading transaction; writing in it is an error on both databases
    with database.write() as session: ...     # BEGIN IMMEDIATE on SQLite; commits at the end, rolls back on exception

A request does not call these: its session comes from :data:`server.routes.DbSession` and is committed once, after the
answer was built. Threads and periodic work do. Bulk work (ingest) takes ``session.connection()`` and speaks Core.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlmodel import Session

BUSY_TIMEOUT_MS = 5_000
POOL_SIZE = 20
POOL_OVERFLOW = 20
POOL_WAIT_S = 10
CONNECT_WAIT_S = 10
_POSTGRESQL_LIMITS = "-c lock_timeout=10s -c statement_timeout=60s -c idle_in_transaction_session_timeout=120s"


_PASSING_CLASSES = ("08", "25", "40", "53", "55", "57", "58")
"""SQLSTATE classes of what passes by itself: connection, transaction, resources, locks, operator, system."""
_SQLITE_STATEMENT_FAULTS = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG)
_PAIR_OR_HALF = re.compile(
    r"(?P<kept>\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
"""In JSON text: an escaped backslash or a pair of surrogates, else half of a pair."""


class DatabaseError(Exception):
    """The database cannot be used. The message says what, where and what to do."""


def is_away(error: Exception) -> bool:
    """Whether the database is away, busy or full, so that the same may succeed later. False when what was asked is at fault:
    PostgreSQL calls a value too long for its index an operational error, too."""
    if isinstance(error, PoolTimeoutError | InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state)[:2] in _PASSING_CLASSES
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is None or code & 0xFF not in _SQLITE_STATEMENT_FAULTS


class _Pool(QueuePool):
    """A connection that is given back after :meth:`Database.close` is closed then: the engine has another pool, and nobody else would. Given
    back first, then looked: whichever comes first, the closing or the return, the other sees it."""

    _closed = False

    def dispose(self) -> None:
        self._closed = True
        super().dispose()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        if self._closed:
            super().dispose()


class Database:
    """One engine with its two kinds of transaction. ``url``: ``sqlite:///FILE`` or ``postgresql://…`` (psycopg 3)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _make_engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._reading = self.engine.execution_options(**_reading_options(self.is_sqlite))
        self._writing = self.engine.execution_options(menjin_writes=True)

    def new_session(self, *, writes: bool) -> Session:
        """A session that the caller commits, rolls back and closes. Its transaction begins with its first statement."""
        return Session(self._writing if writes else self._reading, expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A reading transaction."""
        session = self.new_session(writes=False)
        try:
            yield session
        finally:
            session.close()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A writing transaction: committed when the block ends, rolled back when it raises."""
        session = self.new_session(writes=True)
        try:
            yield session
            session.commit()
        finally:
            session.close()

    def empty_log(self) -> bool:
        """SQLite: move the write-ahead log into the file and empty it. False when somebody reads or writes just now: it waits for
        nobody. On PostgreSQL there is nothing to do."""
        if not self.is_sqlite:
            return True
        connection: Any = self.engine.raw_connection()
        try:
            connection.execute("PRAGMA busy_timeout = 0")
            ((busy, *_),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.OperationalError:
            return False
        else:
            return not busy
        finally:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            connection.close()

    def close(self) -> None:
        """Close every pooled connection; one that a thread still uses closes when that thread is done with it."""
        self.engine.dispose()


def _reading_options(is_sqlite: bool) -> dict[str, Any]:
    if is_sqlite:
        return {"menjin_writes": False}
    return {"menjin_writes": False, "isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def _make_engine(url: str) -> Engine:
    try:
        parsed = sqlalchemy.make_url(url)
        backend = parsed.get_backend_name()
    except ArgumentError as error:
        raise DatabaseError(
            "database_url: not a database URL; write sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from error
    if backend == "sqlite":
        engine = sqlalchemy.create_engine(
            parsed,
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            pool_timeout=POOL_WAIT_S,
            poolclass=_Pool,
            hide_parameters=True,
            json_deserializer=_read_json,
            connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if backend == "postgresql":
        return sqlalchemy.create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            poolclass=_Pool,
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            pool_timeout=POOL_WAIT_S,
            pool_pre_ping=True,
            hide_parameters=True,  # errors are logged, and names and hashes are parameters (D6)
            json_deserializer=_read_json,
            connect_args={
                "application_name": "menjin",
                "connect_timeout": CONNECT_WAIT_S,
                "options": _POSTGRESQL_LIMITS,
            }
            | dict(parsed.query),
        )
    raise DatabaseError(f"database_url: {backend!r} is not supported; use sqlite or postgresql")


def _read_json(text: str | bytes) -> Any:
    """JSON as a CRM may have written it: half of a surrogate pair, which no answer could carry, is read as U+FFFD."""
    found = text if isinstance(text, str) else text.decode(errors="replace")
    if "\\u" in found:
        found = _PAIR_OR_HALF.sub(lambda match: match["kept"] or "\\ufffd", found)
    return json.loads(found)


def _read_text(stored: bytes) -> str:
    """SQLite holds any bytes as text, and a CRM may have written some: one row that is not UTF-8 must not stop all others."""
    return stored.decode(errors="replace")


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself: _begin_sqlite does
    connection.text_factory = _read_text
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # an ack promises the disk, not the page cache (DESIGN 4)
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # clear text that was taken out leaves its page (D6)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("menjin_writes", True)
    connection.exec_driver_sql(f"PRAGMA query_only = {0 if writes else 1}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
