"""What is due is erased: first its key, then its row (DESIGN 17, PIPL).

A process that dies between the two leaves a row without key that is still due: the next turn ends the work. Every process may run it; on
PostgreSQL the rows of a turn are locked, so that two processes never take the same.
"""

import threading
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from server.context import Context
from server.operators import audit
from server.operators.actor import SYSTEM
from server.permits.approval import any_over, end_what_is_over
from server.personal.models import Attachment

PER_TURN = 200
TURN_S = 10.0
STOP_WAIT_S = 2.0
ORPHAN_AGE = timedelta(days=1)
"""A key that no row came for in this time belongs to a request that was given up."""
MISSING_LOOKED_FOR_EVERY = timedelta(hours=1)

log = structlog.get_logger()


class ErasureService:
    """Background work: ``run_once`` is one turn. It also ends permits whose window is over, or their papers would stay."""

    name = "erasure"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="erasure", daemon=True)
        self._orphans_after = ""
        self._present_after = 0
        self._missing_due: datetime | None = None

    def start(self) -> None:
        """Begin in the background."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End, thread joined."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WAIT_S)

    def run_once(self, now: datetime) -> int:
        """One turn: at most :data:`PER_TURN` files that are due, orphan keys, and a look for keys that are missing. How many files."""
        self._context.personal.refresh()
        self._end_permits(now)
        erased = self._erase_due(now)
        self._erase_orphans(now)
        if self._missing_due is None or now >= self._missing_due:
            self._report_missing(now)
        return erased

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                more = self.run_once(self._context.clock.now()) == PER_TURN
            except Exception:
                log.exception("erasure: tries again")
                more = False
            if not more:
                self._stopping.wait(TURN_S)

    def _end_permits(self, now: datetime) -> None:
        """What is over is closed, and its papers are erased in time."""
        with self._context.database.read() as session:
            if not any_over(session, now):
                return
        with self._context.database.write() as session:
            end_what_is_over(session, now, timedelta(days=self._context.config.erase_after_days), PER_TURN)

    def _erase_due(self, now: datetime) -> int:
        with self._context.database.read() as session:  # an idle turn writes nothing
            if session.exec(_due(now).limit(1)).first() is None:
                return 0
        with self._context.database.write() as session:
            due = session.exec(_due(now).limit(PER_TURN).with_for_update(skip_locked=True)).all()
            self._context.erasable.erase([attachment.key_id for attachment in due])
            for attachment in due:
                self._empty(session, attachment, now)
        if due:
            log.info("attachments erased", count=len(due))
        return len(due)

    def _empty(self, session: Session, attachment: Attachment, now: datetime) -> None:
        attachment.cipher = None
        attachment.erased_at = now
        session.add(attachment)
        of = {"subject": attachment.subject} if attachment.subject else {"application_id": attachment.application_id}
        after = {"part": attachment.part} | of
        audit.record(session, SYSTEM, now, "attachment.erase", attachment.public_id, after=after)

    def _erase_orphans(self, now: datetime) -> None:
        """One slice of the store each turn, from its begin again at its end."""
        erasable = self._context.erasable
        keys = erasable.made_before(now - ORPHAN_AGE, self._orphans_after, PER_TURN)
        self._orphans_after = keys[-1] if len(keys) == PER_TURN else ""
        if not keys:
            return
        with self._context.database.read() as session:
            wanted = set(
                session.exec(
                    select(Attachment.key_id).where(
                        col(Attachment.key_id).in_(keys), col(Attachment.erased_at).is_(None)
                    )
                ).all()
            )
        orphans = [key for key in keys if key not in wanted]
        if orphans:
            erasable.erase(orphans)
            log.info("keys without a file erased", count=len(orphans))

    def _report_missing(self, now: datetime) -> None:
        """One slice of the attachments each turn; after the last, a pause."""
        with self._context.database.read() as session:
            rows = session.exec(
                select(Attachment.id, Attachment.public_id, Attachment.key_id)
                .where(
                    col(Attachment.id) > self._present_after,
                    col(Attachment.erased_at).is_(None),
                    col(Attachment.cipher).is_not(None),
                )
                .order_by(col(Attachment.id))
                .limit(PER_TURN)
            ).all()
        missing = self._context.erasable.missing([key_id for _, _, key_id in rows])
        for _, public_id, key_id in rows:
            if key_id in missing:
                log.error("key of an attachment is missing though it was not erased", attachment=public_id)
        self._present_after = (rows[-1][0] or 0) if len(rows) == PER_TURN else 0
        self._missing_due = None if self._present_after else now + MISSING_LOOKED_FOR_EVERY


def _due(now: datetime) -> SelectOfScalar[Attachment]:
    return (
        select(Attachment)
        .where(col(Attachment.erase_after) <= now, col(Attachment.erased_at).is_(None))
        .order_by(col(Attachment.id))
    )
