"""Who of several server processes does the work that only one may do: ingest, numbering, publishing (DESIGN 15).

On PostgreSQL an advisory lock, held by a connection of its own, elects one; when that process or its connection dies,
PostgreSQL frees the lock and another takes over. On SQLite there is one process, and it leads.
"""

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from server.db.engine import Database

LEADER_LOCK_ID = 0x6D656E6A_4C454144
"""The advisory lock of the single runner; all processes of one database use the same."""


class Leadership:
    """One process's claim. Used by one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    def held(self) -> bool:
        """Whether this process leads now; it becomes the leader if nobody is. Ask before each round of work."""
        if self._database.is_sqlite:
            return True
        try:
            if self._connection is None:
                return self._claim()
            self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            self.give_up()  # the connection is gone, and with it the lock: another may lead already
            return False
        return True

    def give_up(self) -> None:
        """Let another process lead."""
        if self._connection is not None:
            self._connection.invalidate()  # closes it at PostgreSQL too, which frees the lock
            self._connection.close()
            self._connection = None

    def _claim(self) -> bool:
        connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if connection.execute(text("SELECT pg_try_advisory_lock(:id)"), {"id": LEADER_LOCK_ID}).scalar():
            self._connection = connection
            return True
        connection.close()
        return False
