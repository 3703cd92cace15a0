"""Bring a database to the newest schema with Alembic. The migrations are shipped inside the package."""

import contextlib
import os
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError

from server.db.engine import Database, DatabaseError

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_ID = 0x6D656E6A  # "menj": one migrating process at a time on PostgreSQL


def alembic_config(connection: Connection | None = None) -> AlembicConfig:
    """The configuration that ``migrations/env.py`` reads."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(url: str) -> None:
    """Apply what is missing. Raises :class:`DatabaseError` when the database cannot be reached, or is newer."""
    database = Database(url)
    _make_private(database.engine.url)
    try:
        with database.engine.connect() as connection:
            if not database.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_ID})")
            if MigrationContext.configure(connection).get_current_revision() != newest_revision():
                command.upgrade(alembic_config(connection), "head")
            connection.commit()
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise DatabaseError(f"database_url: cannot be used: {reason}") from error
    except CommandError as error:
        raise DatabaseError(f"database: made by a newer menjin, or damaged: {error}") from error
    finally:
        database.close()


def _make_private(url: URL) -> None:
    """A new SQLite file is its owner's alone, whatever the umask; its journals take over its mode."""
    if url.get_backend_name() == "sqlite" and url.database and not url.database.startswith(("file:", ":")):
        with contextlib.suppress(OSError):  # there already, or a folder that Database's own error names
            os.close(os.open(url.database, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


@cache
def newest_revision() -> str:
    """The revision that this program's models belong to."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head() or ""
