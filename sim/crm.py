"""A CRM that shares the registry in place: it writes into the tables with SQL and knows nothing of the server (docs/registry.md)."""

import sqlite3
from contextlib import closing

import psycopg

TIMEOUT_S = 10.0
SQLITE = "sqlite:///"


class SqlRefused(Exception):
    """The database refused the statement: its own words."""


def write(database_url: str, sql: str) -> int:
    """Run one statement in a transaction of its own. Returns how many rows it touched. Raises :class:`SqlRefused`."""
    try:
        if database_url.startswith(SQLITE):
            with closing(sqlite3.connect(database_url.removeprefix(SQLITE), timeout=TIMEOUT_S)) as database:
                database.execute("PRAGMA foreign_keys = ON")
                with database:
                    return database.execute(sql).rowcount
        with psycopg.connect(database_url, connect_timeout=round(TIMEOUT_S)) as connection:
            return connection.execute(sql.encode()).rowcount
    except (sqlite3.Error, psycopg.Error) as error:
        raise SqlRefused(" ".join(str(error).split())) from error
