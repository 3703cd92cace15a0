"""Which process ingests, numbers the ledger and publishes: one, elected by an advisory lock on PostgreSQL (DESIGN 15).

SQLite is served by one process, which always leads.
"""

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from server.db.engine import Database

FLEET_LOCK = 0x6D65_6E6A_666C  # "menjfl"
ESCALATION_LOCK = 0x6D65_6E6A_6573  # "menjes"


class Election:
    """Leadership of this process in what ``lock`` stands for. The lock lives as long as its connection."""

    def __init__(self, database: Database, lock: int = FLEET_LOCK) -> None:
        self._database = database
        self._lock = lock
        self._connection: Connection | None = None

    def lead(self) -> bool:
        """Whether this process leads now; tries to when nobody does."""
        if self._database.is_sqlite:
            return True
        try:
            if self._connection is None:
                self._connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                won = self._connection.scalar(text("SELECT pg_try_advisory_lock(:id)"), {"id": self._lock})
            else:
                won = self._connection.scalar(text("SELECT true"))
        except SQLAlchemyError:
            self.resign()
            return False
        if not won:
            self.resign()
        return bool(won)

    def resign(self) -> None:
        """Let another process lead."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.invalidate()  # closing the session frees the lock, whatever state it is in
            finally:
                connection.close()
