"""The registry's tables as the compiler's plain rows.

A revocation among 100 000 badges must be at the doors within a second, and reading them all takes two. So the rows are kept
in blocks, and a block is read again only when its rows' count or their ``version`` counters (which rise with every change)
say so.
"""

from collections.abc import Callable
from datetime import datetime
from itertools import chain
from typing import Any, Generic, TypeVar

from sqlalchemy import func, select
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from controller.policy import FOREVER_US
from server.badges.models import Badge
from server.db.clock import to_us
from server.fleet.compile import BadgeRow, ContractRow, CustomerRow, HolderRow, Registry
from server.ledger.facts import table_of
from server.registry.models import Contract, Customer, Holder

BLOCK_ROWS = 500

_Row = TypeVar("_Row")


class RegistryReader:
    """Reads all customers, contracts, holders and badges; what has not changed since the last time is not read again."""

    def __init__(self) -> None:
        self._customers = _Kept(Customer, ("id", "code", "kind"), lambda row: CustomerRow(*row))
        self._contracts = _Kept(Contract, ("customer_id", "areas", "from_at", "until_at", "status"), _contract)
        self._holders = _Kept(Holder, ("id", "customer_id", "areas", "may_escort", "keyholder"), _holder)
        self._badges = _Kept(Badge, BADGE_COLUMNS, _badge)

    def read(self, connection: Connection) -> Registry:
        """The registry as this transaction sees it."""
        return Registry(
            customers=self._customers.read(connection),
            contracts=self._contracts.read(connection),
            holders=self._holders.read(connection),
            badges=self._badges.read(connection),
        )


class _Kept(Generic[_Row]):
    """One table in blocks of :data:`BLOCK_ROWS` ids."""

    def __init__(self, model: type[SQLModel], columns: tuple[str, ...], convert: Callable[[Any], _Row]) -> None:
        self._table = table_of(model)
        self._columns = [self._table.c[name] for name in columns]
        self._convert = convert
        self._marks: dict[int, tuple[int, int]] = {}
        self._blocks: dict[int, list[_Row]] = {}

    def read(self, connection: Connection) -> list[_Row]:
        table = self._table
        block_of = table.c.id // BLOCK_ROWS
        marks = {
            row.block: (row.rows, int(row.versions))
            for row in connection.execute(
                select(
                    block_of.label("block"), func.count().label("rows"), func.sum(table.c.version).label("versions")
                ).group_by(block_of)
            )
        }
        for block in self._marks.keys() - marks.keys():
            del self._blocks[block]
        for block, mark in marks.items():
            if self._marks.get(block) != mark:
                first = block * BLOCK_ROWS
                within = table.c.id.between(first, first + BLOCK_ROWS - 1)
                rows = connection.execute(select(*self._columns).where(within).order_by(table.c.id))
                self._blocks[block] = [self._convert(row) for row in rows]
        self._marks = marks
        return list(chain.from_iterable(self._blocks[block] for block in sorted(self._blocks)))


BADGE_COLUMNS = (
    "id", "credential", "number", "kind", "status", "holder_id", "customer_id", "from_at", "until_at", "slot",
    "generation", "schedule",
)  # fmt: skip


def _contract(row: Any) -> ContractRow:
    return ContractRow(row.customer_id, tuple(row.areas), to_us(row.from_at), _until_us(row.until_at), row.status)


def _holder(row: Any) -> HolderRow:
    return HolderRow(row.id, row.customer_id, tuple(row.areas), tuple(row.may_escort), row.keyholder)


def _badge(row: Any) -> BadgeRow:
    return BadgeRow(
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


def _until_us(at: datetime | None) -> int:
    return FOREVER_US if at is None else to_us(at)
