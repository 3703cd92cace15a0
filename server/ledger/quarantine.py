"""Records that an older program could not read are read again by a newer one."""

from typing import Any

import structlog
from sqlalchemy import delete, select, update

from server.db.engine import Database, is_away
from server.ledger.columns import UnreadableRecord, read_record
from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerJournal, LedgerQuarantine, LedgerRecord
from server.ledger.writer import Ledger

BATCH = 200

log = structlog.get_logger(__name__)


def retry_quarantined(database: Database, ledger: Ledger, software: str, now_us: int) -> int:
    """Try up to :data:`BATCH` records that another program version failed on. Returns how many were tried.

    Their events come at the end of the events' sequence, with the time that the edge gave them, and change the history
    only: what stands now follows from later records already.
    """
    quarantine, records, journals = table_of(LedgerQuarantine), table_of(LedgerRecord), table_of(LedgerJournal)
    waiting = (
        select(
            quarantine.c.record_seq,
            quarantine.c.edge_id,
            records.c.record,
            records.c.journal_seq,
            journals.c.journal_id,
        )
        .join(records, records.c.seq == quarantine.c.record_seq)
        .join(journals, journals.c.id == records.c.journal_key)
        .where(quarantine.c.tried_by != software)
        .order_by(quarantine.c.record_seq)
        .limit(BATCH)
    )
    with database.read() as session:
        if session.connection().execute(waiting.limit(1)).first() is None:
            return 0
    try:
        return _retry(ledger, software, now_us, waiting)
    except Exception as error:
        if is_away(error):
            raise
        log.exception("quarantined records cannot be stored together, tried one by one")
    try:
        return _retry(ledger, software, now_us, waiting.limit(1))
    except Exception as error:
        if is_away(error):
            raise
        failure = type(error).__name__
    with database.write() as session:  # kept as it is: it must not stop the rest of the fleet's work
        first = session.connection().execute(waiting.limit(1)).one()
        values = {"tried_by": software, "error": f"could not be stored: {failure}"}
        session.connection().execute(
            update(quarantine).where(quarantine.c.record_seq == first.record_seq).values(**values)
        )
    return 1


def _retry(ledger: Ledger, software: str, now_us: int, waiting: Any) -> int:
    quarantine = table_of(LedgerQuarantine)
    with ledger.writing(now_us) as writer:
        rows = writer.connection.execute(waiting).all()
        for row in rows:
            of_record = quarantine.c.record_seq == row.record_seq
            try:
                record = read_record(row.record, row.journal_id, row.journal_seq)
                writer.add_events(row.edge_id, row.record_seq, record, folds=False)
            except UnreadableRecord as error:
                failed = {"tried_by": software, "error": str(error)[:500]}
                writer.connection.execute(update(quarantine).where(of_record).values(**failed))
                continue
            writer.connection.execute(delete(quarantine).where(of_record))
    return len(rows)
