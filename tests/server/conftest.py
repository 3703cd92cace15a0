"""Fixtures of the server's tests. ``database`` runs a test on SQLite and on PostgreSQL, each time on an empty schema."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from fastapi import FastAPI
from psycopg import sql
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from server.app import create_app
from server.config import Config, load_config
from server.db.clock import FixedClock
from server.db.engine import Database
from server.db.migrate import migrate
from server.operators import passwords
from tests.server.postgresql import postgresql_cluster

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

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Argon2 at its real cost would be most of the tests' time; ``test_passwords`` checks the real one."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
        patch.setattr(passwords, "_hasher", cheap)
        patch.setattr(passwords, "_NOBODY", cheap.hash("no operator has this password"))
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
        names = [
            name
            for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            if name != "alembic_version"
        ]
        connection.execute(
            sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(sql.SQL(", ").join(map(sql.Identifier, names)))
        )


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
