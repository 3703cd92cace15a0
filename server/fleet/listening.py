"""PostgreSQL tells of changes the moment they are committed: ``LISTEN`` on a connection of its own (C2).

Only a hint that saves waiting for the next look at the open changes: a notification that is lost costs one turn.
"""

import threading
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from server.db.engine import Database
from server.registry.triggers import CHANNEL

POLL_S = 0.25
"""How long one wait for notifications lasts, and so how soon the thread ends."""
PAUSE_S = 2.0
STOP_WAIT_S = 2.0

log = structlog.get_logger(__name__)


class ChangeListener:
    """Calls ``wake`` in its own thread when something was committed. On SQLite it does nothing: there is the poll."""

    def __init__(self, database: Database, wake: Callable[[], None]) -> None:
        self._database = database
        self._wake = wake
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        driver: Any = database.engine.dialect.loaded_dbapi
        self._faults: tuple[type[Exception], ...] = (SQLAlchemyError, driver.Error, OSError)
        self.listens = threading.Event()
        """Set while a connection listens."""

    def start(self) -> None:
        """Begin in the background; an absent database is tried again."""
        if not self._database.is_sqlite:
            self._thread = threading.Thread(target=self._run, name="registry-listen", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, the thread joined."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_WAIT_S)

    def _run(self) -> None:
        cause = ""
        while not self._stopping.is_set():
            try:
                self._listen()
                cause = ""
            except self._faults as error:
                if str(error) != cause:
                    cause = str(error)
                    log.warning("not listening to the registry, only polling", error=type(error).__name__)
            self.listens.clear()
            self._stopping.wait(PAUSE_S)

    def _listen(self) -> None:
        pooled = self._database.engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()  # it never goes back
        try:
            connection.autocommit = True
            connection.execute(f"LISTEN {CHANNEL}")
            self.listens.set()
            self._wake()  # what was committed before
            while not self._stopping.is_set():
                for _ in connection.notifies(timeout=POLL_S, stop_after=1):
                    self._wake()
        finally:
            connection.close()
