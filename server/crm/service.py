"""The thread that asks the CRM: what was hinted at, at once; everything that changed, every :data:`LOOK_EVERY` (a hint may be lost).

No database transaction is open while the CRM is asked. On PostgreSQL every server process may run this: a fetch that two processes do
at once writes the same twice, which changes nothing.
"""

import threading
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlmodel import col, or_, select

from server.context import Context
from server.crm.client import CrmAnswerInvalid, CrmAway, CrmClient
from server.crm.connection import CrmConnection
from server.crm.models import CrmFetch, CrmState
from server.crm.records import apply_gone, apply_record
from server.crm.vanished import Doubtful, refuse_doubtful
from server.db.engine import is_away

TURN_S = 0.5
PAUSE_AFTER_FAULT_S = 5.0
LOOK_EVERY = timedelta(minutes=15)
OVERLAP = timedelta(minutes=5)
"""Asked for again at each look: a CRM's slow transaction commits an earlier time late."""
RETRY_FIRST = timedelta(seconds=5)
RETRY_MOST = timedelta(minutes=10)
MAX_TRIES = 20
FETCHES_A_TURN = 20
PAGES_A_LOOK = 10_000
STOP_WAIT_S = 1.5

log = structlog.get_logger(__name__)


class CrmService:
    """Background work. ``run_once`` is one turn."""

    name = "crm"

    def __init__(self, context: Context, connection: CrmConnection) -> None:
        self._context = context
        self._database = context.database
        self._connection = connection
        self._client = CrmClient(connection, context.clock)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="crm", daemon=True)

    def start(self) -> None:
        """Begin in the background."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End, thread joined; a request under way is left to its own end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WAIT_S)
        if not self._thread.is_alive():
            self._client.close()

    def _run(self) -> None:
        while not self._stopping.wait(TURN_S):
            try:
                self.run_once(self._context.clock.now())
            except Exception as error:
                if is_away(error):
                    log.error("crm: database unavailable, tried again")
                else:
                    log.exception("crm: tried again")
                self._stopping.wait(PAUSE_AFTER_FAULT_S)

    def run_once(self, now: datetime) -> None:
        """What is due: fetches first, then the look at everything that changed."""
        with self._database.read() as session:
            due = session.exec(
                select(CrmFetch.id, CrmFetch.external_id)
                .where(
                    CrmFetch.state == "waiting",
                    or_(col(CrmFetch.due_at) <= now, col(CrmFetch.due_at) > now + RETRY_MOST),
                )
                .order_by(col(CrmFetch.due_at))
                .limit(FETCHES_A_TURN)
            ).all()
            state = session.get(CrmState, self._connection.name)
        for fetch_id, external_id in due:
            if self._stopping.is_set():
                return
            assert fetch_id is not None
            self._fetch(fetch_id, external_id, now)
        if state is None or state.due_at <= now or state.due_at > now + LOOK_EVERY:  # the clock was ahead
            self._look(state, now)

    def _fetch(self, fetch_id: int, external_id: str, now: datetime) -> None:
        problem, again, doubtful = "", False, False
        try:
            record = self._client.customer(external_id)
            if record is None:
                refuse_doubtful(self._database, self._client, self._connection.name, external_id, now)
            problem = self._apply(external_id, record, now)
        except CrmAway as error:
            problem, again, doubtful = str(error), True, isinstance(error, Doubtful)
        except CrmAnswerInvalid as error:
            problem = str(error)
        with self._database.write() as session:
            row = session.get(CrmFetch, fetch_id)
            if row is None or row.state != "waiting":
                return
            row.tries += 1
            row.problem = _storable(problem)
            if again and (doubtful or row.tries < MAX_TRIES):
                row.due_at = now + min(RETRY_FIRST * 2 ** min(row.tries - 1, MAX_TRIES), RETRY_MOST)
            else:
                row.state = "failed" if problem else "done"
                row.done_at = now
            session.add(row)
        if problem:
            log.warning("crm: fetch", customer=external_id, tries=row.tries, problem=problem)

    def _look(self, state: CrmState | None, now: datetime) -> None:
        since = state.fetched_until if state is not None else None
        if since is not None and since > now:
            since = None  # the clock was ahead: what changed meanwhile is not known
        problem = ""
        try:
            problem = self._look_at_pages(since - OVERLAP if since is not None else None, now)
        except (CrmAway, CrmAnswerInvalid) as error:
            problem = str(error)
        with self._database.write() as session:
            row = session.get(CrmState, self._connection.name) or CrmState(name=self._connection.name, due_at=now)
            if not problem:
                row.fetched_until = now
            row.last_at, row.problem = now, _storable(problem)
            row.due_at = now + (RETRY_MOST if problem else LOOK_EVERY)
            session.add(row)
        if problem:
            log.warning("crm: look", problem=problem)

    def _look_at_pages(self, since: datetime | None, now: datetime) -> str:
        """All pages; returns the first problem of a record. One bad record does not hold up the others."""
        first_problem, after = "", None
        for _ in range(PAGES_A_LOOK):
            records, after = self._client.modified(since, after)
            for record in records:
                problem = self._apply(None, record, now)
                first_problem = first_problem or problem
            if after is None or self._stopping.is_set():
                return first_problem if after is None else "stopped before the last page"
        return f"more than {PAGES_A_LOOK} pages"

    def _apply(self, external_id: str | None, record: Any, now: datetime) -> str:
        """Write one record in a transaction of its own; returns what is wrong with it, empty when nothing is. Whatever a record makes
        impossible ends with that record; raises only what says that the database is away."""
        with self._database.new_session(writes=True) as session:
            try:
                if record is None:
                    assert external_id is not None
                    problem = apply_gone(session, self._context, self._connection.name, external_id, now)
                else:
                    problem = apply_record(session, self._context, self._connection.name, external_id, record, now)
                if not problem:
                    session.commit()
            except Exception as error:
                if is_away(error):
                    raise
                log.exception("crm: a record cannot be written")
                problem = f"a record cannot be written ({type(error).__name__}): the server's log says why"
            session.rollback()
            return problem


def _storable(problem: str) -> str:
    """In one line that every database holds: a problem quotes what the CRM wrote."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in problem[:500])
