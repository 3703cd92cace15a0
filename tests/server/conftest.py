"""Fixtures of the server's tests. ``database`` runs a test on SQLite and on PostgreSQL, each time on an empty schema."""

import functools
import itertools
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from fastapi.testclient import TestClient
from psycopg import sql
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Engine, event, make_url
from sqlalchemy.exc import ArgumentError

from server.app import create_app
from server.config import Config, load_config
from server.db import engine
from server.db.clock import FixedClock
from server.db.engine import Database
from server.db.migrate import migrate
from server.logs import processors
from server.operators import passwords
from tests.server.postgresql import postgresql_cluster
from tests.server.waiting import LIMIT_S, until

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""Where the tests' clock stands: a Monday, 16:00 in Shanghai."""

SITE = """
id = "demo"
time_zone = "Asia/Shanghai"
[[areas]]
id = "outside"
public = true
[[areas]]
id = "lobby"
[[areas]]
id = "hall"
[[areas]]
id = "cage-a"
inside = "hall"
customers = ["C001"]
[[doors]]
id = "lobby-door"
[[doors]]
id = "hall-door"
[[access_points]]
id = "lobby-in"
door = "lobby-door"
from_area = "outside"
to_area = "lobby"
[[access_points]]
id = "hall-in"
door = "hall-door"
from_area = "lobby"
to_area = "hall"
[[access_points]]
id = "hall-out"
door = "hall-door"
from_area = "hall"
to_area = "lobby"
out = true
[[schedules]]
id = "office"
week = [[[480, 1080]], [[480, 1080]], [[480, 1080]], [[480, 1080]], [[480, 1080]], [], []]
"""

OTHERS_WAIT_S = 10.0

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Argon2 at its real cost would be most of the tests' time; ``test_passwords`` checks the real one."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
        patch.setattr(passwords, "_hasher", cheap)
        patch.setattr(passwords, "_NOBODY", cheap.hash("no operator has this password"))
        yield


@pytest.fixture(scope="session", autouse=True)
def logs_as_at_a_site() -> None:
    """structlog's own way of printing an exception, with every local, takes up to 27 s for one of SQLAlchemy's."""
    structlog.configure(processors=processors(), cache_logger_on_first_use=False)


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """Nothing here outlives its process: SQLite and key files need not wait for the disk, as little as the tests' PostgreSQL does. What a
    power cut leaves is the business of tests/stack, with real processes."""

    def prepare_sqlite(connection: Any, record: object) -> None:
        prepared(connection, record)
        connection.execute("PRAGMA synchronous = OFF")

    prepared = engine._prepare_sqlite
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_prepare_sqlite", prepare_sqlite)
        patch.setattr(os, "fsync", lambda _fd: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def statements_are_compiled_once() -> Iterator[None]:
    """SQLAlchemy compiles every statement for each engine anew, which was a quarter of the tests' time: a database that is closed leaves its
    engine, without a connection, to the next one of its kind."""
    idle: dict[str, list[Engine]] = {}
    made = engine._make_engine

    def make_engine(url: str) -> Engine:
        try:
            parsed = make_url(url)
        except ArgumentError:
            return made(url)  # says what is wrong with it
        kind = "sqlite" if parsed.get_backend_name() == "sqlite" else url
        if parsed.query and kind == "sqlite":
            return made(url)
        if idle.get(kind):
            found = idle[kind].pop()
        else:
            found = made(url)
            found._compiled_cache.capacity = 10_000  # type: ignore[union-attr] # every engine has one
            if kind == "sqlite":
                event.listen(found, "do_connect", functools.partial(_connect_where_it_points_now, found))
        found.url = parsed if kind == "sqlite" else found.url
        return found

    def close(self: Database) -> None:
        self.engine.dispose()
        kind = "sqlite" if self.is_sqlite else self.url
        if not self.engine.url.query or not self.is_sqlite:
            waiting = idle.setdefault(kind, [])
            if self.engine not in waiting:
                waiting.append(self.engine)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_make_engine", make_engine)
        patch.setattr(Database, "close", close)
        yield


def _connect_where_it_points_now(of: Engine, _dialect: Any, _record: Any, arguments: list[Any], _named: Any) -> None:
    arguments[0] = of.url.database


@pytest.fixture(scope="session", autouse=True)
def no_thread_outlives_its_service() -> Iterator[None]:
    """A process that ends leaves a slow thread behind; here it would go on in the next test's database."""
    with pytest.MonkeyPatch.context() as patch:
        for service in ("crm.service", "escalation.service", "fleet.listening", "fleet.service", "personal.erasure"):
            patch.setattr(f"server.{service}.STOP_WAIT_S", LIMIT_S)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_loop_for_all_clients() -> Iterator[None]:
    """A client that is not entered would start a thread with a loop, and worker threads in it, for every request."""
    with start_blocking_portal() as portal, pytest.MonkeyPatch.context() as patch:
        patch.setattr(TestClient, "portal", portal)
        yield


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a running cluster's maintenance database, once per session."""
    with postgresql_cluster() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: str) -> str:
    """The URL of one migrated database, which every test finds empty."""
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE menjin_shared")
    url = _database_url(postgresql_server, "menjin_shared")
    migrate(url)
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that others are copied from."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def new_postgresql_url(postgresql_server: str) -> Iterator[Callable[[], str]]:
    """Makes databases without any table on the session's cluster."""
    made: list[str] = []

    def make() -> str:
        name = f"menjin_{next(_numbers)}"
        with psycopg.connect(postgresql_server, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        made.append(name)
        return _database_url(postgresql_server, name)

    yield make
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        for name in made:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which database: a test runs on both. Where that proves nothing new, override it: ``ON_SQLITE``."""
    kind: str = request.param
    return kind


ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=False)
"""For tests of what does not depend on the database."""
ON_POSTGRESQL = pytest.mark.parametrize(
    "database_kind", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=False
)
"""For long tests of what the stricter database may refuse; SQLite has its own in ``test_any_request``."""


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty database."""
    if database_kind == "sqlite":
        path = tmp_path / "menjin.db"
        path.write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
        yield f"sqlite:///{path}"
        return
    url: str = request.getfixturevalue("postgresql_database")
    yield url
    with psycopg.connect(url, autocommit=True) as connection:
        until(lambda: not _others_at_work(connection), OTHERS_WAIT_S)
        used = _used_tables(connection)
        if used:
            connection.execute(
                sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(sql.SQL(", ").join(map(sql.Identifier, used)))
            )


def _others_at_work(connection: psycopg.Connection[Any]) -> list[Any]:
    """Transactions of threads that a server left behind at its end: TRUNCATE and they could wait for each other."""
    return connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND xact_start IS NOT NULL AND backend_type = 'client backend'"
    ).fetchall()


def _used_tables(connection: psycopg.Connection[Any]) -> list[str]:
    """The tables that hold anything or have handed out a number: emptying all of them takes longer than most tests."""
    names = [
        name
        for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        if name != "alembic_version"
    ]
    asked = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(name), sql.Identifier(name))
        for name in names
    )
    used = {name for (name,) in connection.execute(asked)}
    counted = connection.execute(
        "SELECT t.relname FROM pg_sequences q JOIN pg_class s ON s.relname = q.sequencename AND s.relkind = 'S'"
        " JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i') JOIN pg_class t ON t.oid = d.refobjid"
        " WHERE q.schemaname = 'public' AND q.last_value IS NOT NULL"
    )
    return sorted(used | {name for (name,) in counted})


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated, empty database on SQLite, then on PostgreSQL."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands at START until the test moves it."""
    return FixedClock(START)


@pytest.fixture
def config(database_url: str, tmp_path: Path) -> Config:
    """A configuration on the test's database, with the small SITE."""
    (tmp_path / "site.toml").write_text(SITE, "utf-8")
    path = tmp_path / "server.toml"
    path.write_text(f'dir = "server"\nsite_file = "site.toml"\ndatabase_url = "{database_url}"\n', "utf-8")
    return load_config(path)


def _database_url(maintenance_url: str, name: str) -> str:
    return maintenance_url.replace("/postgres?", f"/{name}?")


@pytest.fixture
def app(config: Config, clock: FixedClock) -> Iterator[FastAPI]:
    """The application without its background services."""
    made = create_app(config, clock=clock, run_services=False)
    yield made
    made.state.context.close()
