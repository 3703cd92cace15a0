"""A database of an earlier version with rows in it, brought up to the newest."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from alembic import command
from sqlalchemy import MetaData, Table, insert, text

from server.db.engine import Database
from server.db.migrate import alembic_config, migrate
from server.db.models import import_models


@contextmanager
def upgraded_from(
    version: str, rows: Mapping[str, Sequence[Mapping[str, Any]]], url: str, numbered: Sequence[str] = ()
) -> Iterator[Database]:
    """``rows`` by table stand in a new database of ``version``; then it is upgraded. ``numbered``: tables whose rows bring their ids, so that
    PostgreSQL must go on counting after them."""
    import_models()
    database = Database(url)
    with database.engine.connect() as connection:
        command.upgrade(alembic_config(connection), version)
        for name, given in rows.items():
            table = Table(name, MetaData(), autoload_with=connection)
            for row in given:
                connection.execute(insert(table).values(row))
        for name in numbered if not database.is_sqlite else ():
            last = max(row["id"] for row in rows[name])
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"), {"name": name, "last": last}
            )
        connection.commit()
    database.close()
    migrate(url)
    database = Database(url)
    yield database
    database.close()
