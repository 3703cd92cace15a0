"""The registry's tables as the compiler's plain rows."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.engine import Connection

from controller.policy import FOREVER_US
from server.badges.models import Badge
from server.db.clock import to_us
from server.fleet.compile import BadgeRow, ContractRow, CustomerRow, HolderRow, Registry
from server.ledger.facts import table_of
from server.registry.models import Contract, Customer, Holder

BADGE_COLUMNS = (
    "id", "credential", "number", "kind", "status", "holder_id", "customer_id", "from_at", "until_at", "slot",
    "generation", "schedule",
)  # fmt: skip


def _until_us(at: datetime | None) -> int:
    return FOREVER_US if at is None else to_us(at)


def read_registry(connection: Connection) -> Registry:
    """All customers, contracts, holders and badges, in one transaction, without ORM objects."""
    customer, contract, holder, badge = (table_of(model) for model in (Customer, Contract, Holder, Badge))
    return Registry(
        customers=[
            CustomerRow(*row) for row in connection.execute(select(customer.c.id, customer.c.code, customer.c.kind))
        ],
        contracts=[
            ContractRow(row.customer_id, tuple(row.areas), to_us(row.from_at), _until_us(row.until_at), row.status)
            for row in connection.execute(
                select(
                    contract.c.customer_id, contract.c.areas, contract.c.from_at, contract.c.until_at, contract.c.status
                )
            )
        ],
        holders=[
            HolderRow(row.id, row.customer_id, tuple(row.areas), tuple(row.may_escort), row.keyholder)
            for row in connection.execute(
                select(holder.c.id, holder.c.customer_id, holder.c.areas, holder.c.may_escort, holder.c.keyholder)
            )
        ],
        badges=[
            BadgeRow(
                row.id,
                row.credential,
                row.number,
                row.kind,
                row.status,
                row.holder_id,
                row.customer_id,
                to_us(row.from_at),
                _until_us(row.until_at),
                row.slot,
                row.generation,
                row.schedule,
            )
            for row in connection.execute(select(*(badge.c[name] for name in BADGE_COLUMNS)))
        ],
    )
