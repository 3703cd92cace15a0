"""The migrations make what the models say, on both databases."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, Column, inspect, text
from sqlalchemy.schema import CheckConstraint

from server.db.columns import fresh_id, sql_now
from server.db.engine import Database, DatabaseError
from server.db.migrate import migrate, newest_revision
from server.db.model import metadata
from server.db.models import import_models
from server.registry.triggers import GUARD_TABLE

import_models()


def _compare_default(
    _context: Any, _found: Any, wanted: Column[Any], found_default: str | None, _default: Any, _rendered: Any
) -> bool | None:
    """Alembic compares defaults with SQL, which PostgreSQL's json, random ids and the time escape: those need only be there."""
    own = isinstance(getattr(wanted.server_default, "arg", None), fresh_id | sql_now)
    return (
        found_default is None if own or (isinstance(wanted.type, JSON) and wanted.server_default is not None) else None
    )


def test_models_and_migrations_agree(database: Database) -> None:
    with database.engine.connect() as connection:
        opts = {
            "compare_type": True,
            "compare_server_default": _compare_default,
            "include_name": lambda name, kind, _: (kind, name) != ("table", GUARD_TABLE),
        }
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []


def test_every_check_of_the_models_is_in_the_database(database: Database) -> None:
    """Alembic does not compare CHECK constraints, and the quota is one."""
    with database.engine.connect() as connection:
        found = {
            f"{table}.{check['name']}"
            for table in inspect(connection).get_table_names()
            for check in inspect(connection).get_check_constraints(table)
        }
    wanted = {
        f"{table.name}.{constraint.name}"
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert "badge.ck_badge_quota" in wanted
    assert wanted <= found


def test_the_checks_in_the_migration_are_word_for_word_the_models(tmp_path: Path) -> None:
    migrated, created = Database(f"sqlite:///{tmp_path}/a.db"), Database(f"sqlite:///{tmp_path}/b.db")
    migrate(migrated.url)
    metadata.create_all(created.engine)

    def checks(database: Database) -> dict[str, list[str]]:
        inspector = inspect(database.engine)
        return {
            table: sorted(check["sqltext"] for check in inspector.get_check_constraints(table))
            for table in inspector.get_table_names()
            if table not in ("alembic_version", GUARD_TABLE)
        }

    assert checks(migrated) == checks(created)
    migrated.close()
    created.close()


def test_migrating_twice_changes_nothing(database: Database) -> None:
    migrate(database.url)
    with database.read() as session:
        assert (
            session.connection().execute(text("SELECT version_num FROM alembic_version")).scalar() == newest_revision()
        )


def test_a_database_of_a_newer_program_is_refused_with_one_line(database: Database) -> None:
    def claim(revision: str) -> None:
        with database.write() as session:
            session.connection().execute(text("UPDATE alembic_version SET version_num = :n"), {"n": revision})

    claim("9999")
    try:
        with pytest.raises(DatabaseError, match="newer menjin"):
            migrate(database.url)
    finally:
        claim(newest_revision())


def test_a_sqlite_file_that_is_none_is_refused_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database, but long enough to look like one " * 100)
    with pytest.raises(DatabaseError, match="database_url: cannot be used"):
        migrate(f"sqlite:///{tmp_path}/x.db")


@pytest.mark.postgresql
def test_two_processes_that_start_at_once_migrate_once(new_postgresql_url: Callable[[], str]) -> None:
    import threading

    url = new_postgresql_url()
    errors: list[BaseException] = []

    def start() -> None:
        try:
            migrate(url)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []


@pytest.mark.postgresql
def test_a_postgresql_that_is_away_is_refused_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="database_url: cannot be used"):
        migrate(f"postgresql:///menjin?host={tmp_path}")
