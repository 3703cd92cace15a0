"""``menjin server bench-compile``: how long it takes from one change in the registry to its delta, at so many badges (issue 3).

On an SQLite database of its own in the folder given, with the triggers, one edge whose doors concern all badges, and the fleet's own
code: open change → rows → entries → delta, sealed → versions, outbox, change done, committed.
"""

import gc
import statistics
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import insert, text, update
from sqlalchemy.engine import Connection

from controller.site import Site
from server.badges.models import Badge
from server.db.engine import Database
from server.db.migrate import migrate
from server.fleet.down import Composer
from server.fleet.models import Edge
from server.fleet.policies import Policies
from server.fleet.receipts import read_receipts
from server.keys import ensure_keys
from server.ledger.facts import table_of
from server.registry.models import Contract, Customer, Holder
from server.registry.triggers import install_triggers

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
AT_US = 1_772_438_400_000_000
ROWS_AT_ONCE = 5_000
PER_CUSTOMER = 2


class Measured(msgspec.Struct, frozen=True):
    """``changes_ms``: each from the look at the open changes until the commit; ``full_s``: the first compile, snapshot apart."""

    badges: int
    full_s: float
    changes_ms: list[float]
    delta_bytes: int

    @property
    def median_ms(self) -> float:
        """Of the changes."""
        return statistics.median(self.changes_ms)


def measure(folder: Path, site: Site, badges: int, rounds: int, seconds: Callable[[], float]) -> Measured:
    """One database of that many badges. ``seconds``: a clock that never goes back."""
    url = f"sqlite:///{folder}/{badges}.db"
    migrate(url)
    database = Database(url)
    try:
        with database.write() as session:
            _fill(session.connection(), badges, sorted(area.id for area in site.areas if not area.public))
        composer = Composer(site.id, ensure_keys(folder, site.id, AT_US))
        policies = Policies(site, composer)
        with database.write() as session:
            composer.epoch = composer.numbers.load(session.connection())
        with database.read() as session:
            policies.load(session.connection(), read_receipts(session.connection()))
        gc.collect()
        gc.freeze()  # as the server does
        begun = seconds()
        _compile(database, policies, composer)
        full_s = seconds() - begun
        gc.collect()
        gc.freeze()
        taken, size = [], 0
        for number in range(rounds):
            with database.write() as session:
                _change(session.connection(), 1 + number * max(badges // rounds, 1) % badges, number)
            begun = seconds()
            size = _compile(database, policies, composer)
            taken.append((seconds() - begun) * 1_000)
        return Measured(badges, full_s, taken, size)
    finally:
        database.close()


def _compile(database: Database, policies: Policies, composer: Composer) -> int:
    """What a turn of the fleet does with open changes. The size of the delta, 0 for the first version."""
    compiler = policies.compiler
    with database.read() as session:
        compiler.follow(session.connection(), read_receipts(session.connection()))
        work = compiler.read(session.connection(), AT_US)
    assert work is not None
    steps = compiler.prepare(work, composer.epoch)
    assert len(steps) == 1
    with database.write() as session:
        compiler.keep(session.connection(), work, steps, AT_US)
        policies.put_deltas(session.connection(), steps, AT_US)
        composer.numbers.save(session.connection())
    compiler.adopt(work, steps)
    return len(msgspec.json.encode(steps[0].delta)) if steps[0].delta is not None else 0


def _change(connection: Connection, badge: int, number: int) -> None:
    table = table_of(Badge)
    status = "lost" if number % 2 == 0 else "suspended"
    connection.execute(update(table).where(table.c.id == badge).values(status=status, status_reason=str(number)))


def _fill(connection: Connection, badges: int, areas: list[str]) -> None:
    """Organisations with a contract and two badge holders each, as many as it takes. The triggers are away meanwhile: noting so many
    rows would take most of the bench's time."""
    for name in connection.scalars(text("SELECT name FROM sqlite_schema WHERE type = 'trigger'")).all():
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    connection.execute(
        insert(table_of(Edge)).values(
            name="bench", public_key=bytes(32), epoch=1, created_at=AT, enrolled_at=AT - timedelta(days=1)
        )
    )
    customers = range(1, -(-badges // PER_CUSTOMER) + 1)
    people = range(1, badges + 1)
    _insert(
        connection,
        Customer,
        (
            {"id": n, "code": f"C{n:06}", "kind": "organisation", "name": f"Bench {n}", "name_key": f"bench{n}"}
            for n in customers
        ),
    )
    _insert(
        connection,
        Contract,
        (
            {
                "customer_id": n,
                "status": "active",
                "from_at": AT - timedelta(days=n % 300),
                "areas": areas[: 1 + n % len(areas)],
            }
            for n in customers
        ),
    )
    _insert(
        connection, Holder, ({"id": n, "kind": "customer", "customer_id": 1 + (n - 1) // PER_CUSTOMER} for n in people)
    )
    _insert(connection, Badge, (_badge(n) for n in people))
    install_triggers(connection)


def _badge(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "number": f"M{number:06}",
        "kind": "customer",
        "status": "active",
        "holder_id": number,
        "holder_kind": "customer",
        "customer_id": 1 + (number - 1) // PER_CUSTOMER,
        "customer_kind": "organisation",
        "slot": 1 + (number - 1) % PER_CUSTOMER,
        "technology": "desfire",
        "credential": number.to_bytes(16, "big"),
        "from_at": AT - timedelta(days=30),
        "created_at": AT,
    }


def _insert(connection: Connection, model: Any, rows: Iterator[dict[str, Any]]) -> None:
    some: list[dict[str, Any]] = []
    for row in rows:
        some.append(row)
        if len(some) == ROWS_AT_ONCE:
            connection.execute(insert(table_of(model)), some)
            some = []
    if some:
        connection.execute(insert(table_of(model)), some)
