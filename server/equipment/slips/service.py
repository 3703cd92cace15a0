"""Binds slips anew when the edge that had them has confirmed. Every process may run it: rows are locked."""

import threading
from datetime import datetime

import structlog

from server.context import Context
from server.db.engine import is_away
from server.equipment.slips.binding import any_waiting, bind_waiting

TURN_S = 2.0
STOP_WAIT_S = 2.0

log = structlog.get_logger(__name__)


class SlipService:
    """Background work: ``run_once`` is one turn."""

    name = "slips"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slips", daemon=True)

    def start(self) -> None:
        """Begin in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End, thread joined."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WAIT_S)

    def run_once(self, now: datetime) -> int:
        """Bind what can be bound now; how many. An idle turn writes nothing."""
        with self._context.database.read() as session:
            if not any_waiting(session):
                return 0
        with self._context.database.write() as session:
            bound = bind_waiting(session, now)
        if bound:
            log.info("slips bound anew", slips=bound)
        return bound

    def _run(self) -> None:
        while not self._stopping.wait(TURN_S):
            try:
                self.run_once(self._context.clock.now())
            except Exception as error:
                if is_away(error):
                    log.warning("slips: the database is away, tried again")
                else:
                    log.exception("slips: tries again")
