"""An edge runs a policy that this database never made: it is an older copy, so a new epoch begins (MEANINGS 18)."""

from datetime import datetime

import structlog
from sqlalchemy import insert

from server.db.clock import to_us
from server.fleet.policies import Policies
from server.fleet.receipts import Receipt
from server.ledger.facts import table_of
from server.ledger.writer import Ledger
from server.operators.actor import SYSTEM
from server.operators.models import AuditEntry

log = structlog.get_logger(__name__)


def raise_epoch(ledger: Ledger, policies: Policies, ahead: Receipt, now: datetime) -> int:
    """Raise the epoch beyond that of the edge that is ahead, with an alarm, and have every policy compiled anew. The new epoch."""
    reported = f"{ahead.version.epoch}.{ahead.version.n}"
    log.error("database is older than what its edges run: epoch raised", edge=ahead.edge, edge_policy=reported)
    with ledger.writing(to_us(now)) as writer:
        epoch = policies.raise_epoch(writer.connection, ahead.version.epoch)
        inputs: dict[str, str | int] = {"edge_policy": reported, "new_epoch": epoch}
        writer.raise_alarm(ahead.edge_id, "SERVER_RESTORED", f"epoch {epoch}", "D4", inputs)
        writer.connection.execute(
            insert(table_of(AuditEntry)).values(
                at=now,
                actor=SYSTEM.public_id,
                actor_name=SYSTEM.name,
                act="policy.epoch_raised",
                subject=ahead.edge,
                after=inputs,
                address="",
            )
        )
    policies.compiler.compile_all_anew()
    return epoch
