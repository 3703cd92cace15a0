"""The registry's tables as the compiler's plain rows: all of them, or just those that some ids touch.

A CRM writes these tables with bare SQL. What one row makes impossible must not stop the doors of all others: areas that are not in the
site, lists that are none and times that are none give nothing, and are named as the problem of that row.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, get_args

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Text, case, cast, extract, func, or_, select, type_coerce
from sqlalchemy.engine import Connection

from controller.policy import FOREVER_US, Duty
from server.badges.models import Badge
from server.db.clock import to_us
from server.fleet.compile import BadgeRow, ContractRow, CustomerRow, HolderRow, PermitRow, Rows
from server.ledger.facts import table_of
from server.permits.models import Permit, TemporaryBadge
from server.registry.models import Contract, Customer, Holder

IDS_AT_ONCE = 500
"""Ids in one statement: both databases bound the number of parameters."""

DUTIES: tuple[Duty, ...] = get_args(Duty)

_areas_decoder = msgspec.json.Decoder(list[str])


class RowsFound(msgspec.Struct, frozen=True):
    """Rows, and what is wrong with some: (table, id) → one line."""

    rows: Rows
    problems: dict[tuple[str, int], str]


class RegistryRows:
    """Reads the registry in one transaction of the caller's. ``areas``: those of the site."""

    def __init__(self, connection: Connection, areas: Collection[str]) -> None:
        self._connection = connection
        self._known = areas
        self._sqlite = connection.dialect.name == "sqlite"
        self._problems: dict[tuple[str, int], str] = {}
        self._areas_of: dict[str, tuple[tuple[str, ...], str]] = {}

    def everything(self) -> RowsFound:
        """All customers, hosting contracts, holders and badges."""
        return self._found(
            list(self._customers(None)),
            list(self._contracts(None)),
            list(self._holders(None)),
            [self._badge(row) for row in self._connection.execute(self._badge_query())],
        )

    def touched(
        self, customers: Collection[int], holders: Collection[int], badges: Collection[int], cards: Collection[bytes]
    ) -> RowsFound:
        """These customers and holders with their badges, these badges, and all badges of these and of their cards; with each what its
        entry is made of."""
        table = table_of(Badge).c
        found: dict[int, BadgeRow] = {}
        for column, ids in ((table.customer_id, customers), (table.holder_id, holders), (table.id, badges)):
            self._add_badges(found, column, ids)
        of_cards = {badge.credential for badge in found.values() if badge.credential is not None}.union(cards)
        self._add_badges(found, table.credential, of_cards)
        customer_ids = {customer_id for badge in found.values() if (customer_id := badge.belongs_to) is not None}.union(
            customers
        )
        holder_ids = {badge.holder_id for badge in found.values()}.union(holders)
        return self._found(
            [row for ids in _slices(customer_ids) for row in self._customers(ids)],
            [row for ids in _slices(customer_ids) for row in self._contracts(ids)],
            [row for ids in _slices(holder_ids) for row in self._holders(ids)],
            [found[badge_id] for badge_id in sorted(found)],
        )

    def customers_of_contracts(self, contracts: Collection[int]) -> dict[int, int]:
        """Contract id → the customer that it belongs to now."""
        table = table_of(Contract).c
        found: dict[int, int] = {}
        for ids in _slices(contracts):
            query = select(table.id, table.customer_id).where(table.id.in_(ids))
            found.update((row.id, row.customer_id) for row in self._connection.execute(query))
        return found

    def _found(
        self,
        customers: list[CustomerRow],
        contracts: list[ContractRow],
        holders: list[HolderRow],
        badges: list[BadgeRow],
    ) -> RowsFound:
        return RowsFound(Rows(customers, contracts, holders, badges), self._problems)

    def _add_badges(self, found: dict[int, BadgeRow], column: ColumnElement[Any], values: Iterable[Any]) -> None:
        for some in _slices(values):
            for row in self._connection.execute(self._badge_query().where(column.in_(some))):
                found[row.id] = self._badge(row)

    def _customers(self, ids: Collection[int] | None) -> Iterator[CustomerRow]:
        table = table_of(Customer).c
        gone = or_(table.deleted_at.is_not(None), table.merged_into.is_not(None))
        query = select(table.id, table.code, table.kind, gone)
        for row in self._connection.execute(query if ids is None else query.where(table.id.in_(ids))):
            yield CustomerRow(row[0], row[1], row[2], bool(row[3]))

    def _contracts(self, ids: Collection[int] | None) -> Iterator[ContractRow]:
        table = table_of(Contract).c
        query = select(
            table.id,
            table.customer_id,
            cast(table.areas, Text),
            self._us(table.from_at),
            self._us(table.until_at),
            table.status,
            table.deleted_at.is_not(None),
        ).where(table.kind == "hosting")
        for row in self._connection.execute(query if ids is None else query.where(table.customer_id.in_(ids))):
            from_us, until_us = self._moment(row[3]), self._moment(row[4])
            if from_us is None or (until_us is None and row[4] is not None):
                self._problems["contract", row[0]] = "from_at or until_at is not a time: the contract gives nothing"
                continue
            yield ContractRow(
                row[1],
                self._areas("contract", row[0], row[2]),
                from_us,
                FOREVER_US if until_us is None else until_us,
                "ended" if row[6] else row[5],
            )

    def _holders(self, ids: Collection[int] | None) -> Iterator[HolderRow]:
        table = table_of(Holder).c
        query = select(
            table.id,
            table.customer_id,
            cast(table.areas, Text),
            cast(table.may_escort, Text),
            table.keyholder,
            or_(table.left_at.is_not(None), table.deleted_at.is_not(None)),
            table.kind,
            cast(table.duties, Text),
        )
        for row in self._connection.execute(query if ids is None else query.where(table.id.in_(ids))):
            yield HolderRow(
                row[0],
                row[1],
                self._areas("holder", row[0], row[2]),
                self._areas("holder", row[0], row[3]),
                bool(row[4]),
                bool(row[5]),
                self._duties(row[0], row[6], row[7]),
            )

    def _badge_query(self) -> Any:
        table, permit = table_of(Badge).c, table_of(Permit).c
        return select(
            table.id,
            table.credential,
            table.number,
            table.kind,
            table.status,
            table.holder_id,
            table.customer_id,
            self._us(table.from_at),
            self._us(table.until_at),
            table.slot,
            table.generation,
            table.schedule,
            cast(permit.areas, Text),
            self._us(permit.from_at),
            self._us(permit.until_at),
            permit.schedule,
            permit.customer_id,
        ).select_from(
            table_of(Badge)
            .outerjoin(table_of(TemporaryBadge), table.id == table_of(TemporaryBadge).c.badge_id)
            .outerjoin(table_of(Permit), table_of(TemporaryBadge).c.permit_id == permit.id)
        )

    def _badge(self, row: Any) -> BadgeRow:
        from_us, until_us = self._moment(row[7]), self._moment(row[8])
        if from_us is None or (until_us is None and row[8] is not None):
            self._problems["badge", row[0]] = "from_at or until_at is not a time: the badge is never valid"
            from_us = until_us = 0
        credential, number, kind, status, holder_id, customer_id = row[1:7]
        slot, generation, schedule = row[9:12]
        return BadgeRow(
            row[0],
            credential,
            number,
            kind,
            status,
            holder_id,
            customer_id,
            from_us,
            FOREVER_US if until_us is None else until_us,
            slot,
            generation,
            schedule,
            None if row[12] is None else self._permit(row[0], row[12:]),
        )

    def _permit(self, badge_id: int, row: Any) -> PermitRow:
        areas, from_at, until_at, schedule, customer_id = row
        from_us, until_us = self._moment(from_at), self._moment(until_at)
        assert from_us is not None  # not a CRM's table: they are times
        assert until_us is not None
        return PermitRow(self._areas("badge", badge_id, areas), from_us, until_us, schedule, customer_id)

    def _us(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """A time as SQLite's own text, which is parsed here row by row, or as PostgreSQL's microseconds, ``infinity`` included."""
        if self._sqlite:
            return type_coerce(column, Text)
        us = extract("epoch", column) * 1_000_000
        bounded = cast(func.least(func.greatest(us, -FOREVER_US), FOREVER_US), BigInteger)
        return case((column.is_not(None), bounded))  # least and greatest pass NULL over

    def _moment(self, stored: Any) -> int | None:
        if stored is None or isinstance(stored, int):
            return stored
        try:
            at = datetime.fromisoformat(stored)
        except (TypeError, ValueError):
            return None
        return to_us(at.replace(tzinfo=UTC) if at.tzinfo is None else at)

    def _duties(self, row_id: int, kind: str, text: str) -> tuple[Duty, ...]:
        if text == "[]":
            return ()
        try:
            duties = set(_areas_decoder.decode(text))
        except (TypeError, ValueError):
            self._problems["holder", row_id] = "duties: not a list, so none is given"
            return ()
        if kind != "staff":
            self._problems["holder", row_id] = "duties: only own staff have duties, so none is given"
            return ()
        if not duties <= set(DUTIES):
            self._problems["holder", row_id] = f"duties: known are {', '.join(DUTIES)}; others are not given"
        return tuple(duty for duty in DUTIES if duty in duties)

    def _areas(self, table: str, row_id: int, text: str) -> tuple[str, ...]:
        known = self._areas_of.get(text)
        if known is None:
            known = self._areas_of[text] = self._parse_areas(text)
        if known[1]:
            self._problems[table, row_id] = known[1]
        return known[0]

    def _parse_areas(self, text: str) -> tuple[tuple[str, ...], str]:
        try:
            areas = _areas_decoder.decode(text)
        except (TypeError, ValueError):  # msgspec's errors are ValueErrors
            return (), "areas: not a list of area ids, so none is given"
        unknown = sorted({area for area in areas if area not in self._known})
        kept = tuple(area for area in areas if area in self._known)
        return kept, f"not in the site, so not given: {', '.join(unknown)[:200]}" if unknown else ""


def _slices(values: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(values)
    while some := list(islice(iterator, IDS_AT_ONCE)):
        yield some
