"""Changes of the registry that no policy carries yet: what they touch, and what became of them (C2, C3).

Rows of ``registry_change`` that are not done, never "ids beyond the last": a slow transaction commits a lower id late. Of many open ones a
batch takes half from the oldest and half from the newest: behind an import of 50 000 rows a revocation waits for the batch under way, and
the import does not wait for ever.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import chain

import msgspec
from sqlalchemy import Text, case, cast, select, update
from sqlalchemy.engine import Connection

from server.fleet.book import Scope
from server.fleet.compile import Rows
from server.fleet.registry_rows import IDS_AT_ONCE, RegistryRows, RowsFound
from server.ledger.facts import table_of
from server.registry.models import RegistryChange

BATCH_CHANGES = 1_000
"""So many changes are followed by one version of each policy."""


class Change(msgspec.Struct):
    """One open change: the rows that it touches directly, then the badges of those rows as well."""

    id: int
    table: str
    row_id: int
    customers: set[int]
    holders: set[int]
    badges: set[int]


class _Named(msgspec.Struct):
    """A contract's row as the trigger wrote it."""

    customer_id: int | None = None


_named_decoder = msgspec.json.Decoder(_Named | None)


def read_open(connection: Connection, limit: int = BATCH_CHANGES) -> tuple[list[Change], bool]:
    """The next batch, by ascending id, and whether it may leave some."""
    table = table_of(RegistryChange).c
    query = select(table.id, table.table_name, table.row_id).where(table.done_at.is_(None))
    half = limit // 2
    found = {row.id: row for row in connection.execute(query.order_by(table.id).limit(half))}
    if len(found) == half:
        found.update((row.id, row) for row in connection.execute(query.order_by(table.id.desc()).limit(limit - half)))
    changes = []
    for row in sorted(found.values(), key=lambda one: one.id):
        direct: dict[str, set[int]] = {
            "customer": set(),
            "holder": set(),
            "badge": set(),
            "contract": set(),
            "contact": set(),
        }
        direct[row.table_name].add(row.row_id)
        changes.append(
            Change(row.id, row.table_name, row.row_id, direct["customer"], direct["holder"], direct["badge"])
        )
    return changes, len(changes) >= limit


def read_touched(
    connection: Connection, changes: Sequence[Change], areas: Collection[str], cards: Collection[bytes]
) -> tuple[RowsFound, Scope]:
    """The rows that ``changes`` touch, and fills in what each change touches. ``cards``: of the touched badges, as the policies have
    them. In the transaction that read the changes."""
    rows = RegistryRows(connection, areas)
    _name_customers(connection, rows, [change for change in changes if change.table == "contract"])
    customers = {number for change in changes for number in change.customers}
    holders = {number for change in changes for number in change.holders}
    badges = {number for change in changes for number in change.badges}
    found = rows.touched(customers, holders, badges, cards)
    _add_badges(changes, found.rows)
    every = badges.union(badge.id for badge in found.rows.badges)
    return found, Scope(customers, holders, every)


def mark_done(
    connection: Connection, changes: Sequence[Change], problems: Mapping[tuple[str, int], str], now: datetime
) -> None:
    """These changes are followed, in the transaction of what follows from them."""
    table = table_of(RegistryChange)
    ids = [change.id for change in changes]
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ids[start : start + IDS_AT_ONCE]
        connection.execute(update(table).where(table.c.id.in_(some)).values(done_at=now))
    for change in changes:
        problem = problems.get((change.table, change.row_id))
        if problem is not None:
            noted = case((table.c.problem.is_(None), problem), else_=table.c.problem + f"; {problem}")
            connection.execute(update(table).where(table.c.id == change.id).values(problem=noted))


def _name_customers(connection: Connection, rows: RegistryRows, changes: Sequence[Change]) -> None:
    """Whose contracts these are, and were."""
    if not changes:
        return
    now = rows.customers_of_contracts({change.row_id for change in changes})
    table = table_of(RegistryChange).c
    by_id = {change.id: change for change in changes}
    ids = list(by_id)
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ids[start : start + IDS_AT_ONCE]
        query = select(table.id, cast(table.before, Text), cast(table.after, Text)).where(table.id.in_(some))
        for change_id, *noted in connection.execute(query):
            change = by_id[change_id]
            if change.row_id in now:
                change.customers.add(now[change.row_id])
            change.customers.update(number for number in map(_customer_in, noted) if number is not None)


def _customer_in(noted: str | None) -> int | None:
    try:
        row = _named_decoder.decode(noted) if noted is not None else None
    except ValueError:
        return None
    return row.customer_id if row is not None else None


def _add_badges(changes: Sequence[Change], rows: Rows) -> None:
    of_customer: dict[int, list[int]] = {}
    of_holder: dict[int, list[int]] = {}
    for badge in rows.badges:
        of_holder.setdefault(badge.holder_id, []).append(badge.id)
        if badge.customer_id is not None:
            of_customer.setdefault(badge.customer_id, []).append(badge.id)
    for change in changes:
        change.badges.update(chain.from_iterable(of_customer.get(number, ()) for number in change.customers))
        change.badges.update(chain.from_iterable(of_holder.get(number, ()) for number in change.holders))
