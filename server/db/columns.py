"""Column types and defaults that both databases need spelled out.

The registry's tables are written by a CRM with bare SQL, too: what the ORM fills in Python, the database fills by itself.
"""

from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement

BIG_INT: Any = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits: microseconds, sequences, policy ids. On SQLite a plain INTEGER, so that a key of it is the row id."""


class fresh_id(ColumnElement[str]):  # noqa: N801 - reads as the SQL function that it is
    """Server default: a public id with ``prefix`` (:mod:`server.ids`), its ULID random."""

    inherit_cache = True

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def __repr__(self) -> str:
        return f"fresh_id({self.prefix!r})"


@compiles(fresh_id, "sqlite")
def _fresh_id_sqlite(element: fresh_id, _compiler: Any, **_options: Any) -> str:
    return f"('{element.prefix}_7' || substr(hex(randomblob(13)), 2))"


@compiles(fresh_id, "postgresql")
def _fresh_id_postgresql(element: fresh_id, _compiler: Any, **_options: Any) -> str:
    return f"('{element.prefix}_7' || upper(substr(replace(gen_random_uuid()::text, '-', ''), 1, 25)))"


class sql_now(ColumnElement[Any]):  # noqa: N801 - as above
    """Server default: the current time in UTC, as the ORM stores it."""

    inherit_cache = True
    type = DateTime(timezone=True)

    def __repr__(self) -> str:
        return "sql_now()"


@compiles(sql_now, "sqlite")
def _sql_now_sqlite(_element: sql_now, _compiler: Any, **_options: Any) -> str:
    return "(strftime('%Y-%m-%d %H:%M:%f', 'now'))"


@compiles(sql_now, "postgresql")
def _sql_now_postgresql(_element: sql_now, _compiler: Any, **_options: Any) -> str:
    return "clock_timestamp()"
