"""A CRM that writes with bare SQL: its own connection, with nothing set that we would set."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from server.db.engine import Database

REFUSED = (sqlite3.IntegrityError, psycopg.errors.IntegrityError, psycopg.errors.DataError)


class Crm:
    """One connection, each statement committed by itself unless within :meth:`transaction`. Placeholders are ``?``."""

    def __init__(self, database: Database) -> None:
        self.is_sqlite = database.is_sqlite
        url = database.engine.url
        self._connection: Any = (
            sqlite3.connect(str(url.database), isolation_level=None)
            if self.is_sqlite
            else psycopg.connect(database.url, autocommit=True)
        )

    def run(self, statement: str, *parameters: Any) -> list[Any]:
        """The rows of one statement."""
        if not self.is_sqlite:
            statement = statement.replace("%", "%%").replace("?", "%s")
        cursor = self._connection.execute(statement, parameters)
        return list(cursor.fetchall()) if cursor.description else []

    def one(self, statement: str, *parameters: Any) -> Any:
        """The only value of the only row."""
        ((value,),) = self.run(statement, *parameters)
        return value

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Committed at the end."""
        self.run("BEGIN")
        yield
        self.run("COMMIT")

    def changes(self, table: str) -> list[dict[str, Any]]:
        """What was noted of a table, oldest first."""
        rows = self.run(
            "SELECT row_id, op, changed_by, before, after FROM registry_change WHERE table_name = ? ORDER BY id", table
        )
        parsed = [(*row[:3], *(json.loads(x) if isinstance(x, str) else x for x in row[3:])) for row in rows]
        return [dict(zip(("row_id", "op", "changed_by", "before", "after"), row, strict=True)) for row in parsed]

    def customer(self, code: str = "C001", kind: str = "organisation") -> int:
        """A new customer's id."""
        self.run("INSERT INTO customer (code, kind, name, source_system) VALUES (?, ?, '华云数据', 'crm')", code, kind)
        found: int = self.one("SELECT id FROM customer WHERE code = ?", code)
        return found

    def holder(self, customer_id: int | None, external_id: str, kind: str = "customer") -> int:
        """A new holder's id."""
        self.run("INSERT INTO holder (kind, customer_id, external_id) VALUES (?, ?, ?)", kind, customer_id, external_id)
        found: int = self.one("SELECT id FROM holder WHERE external_id = ?", external_id)
        return found

    def badge(self, holder_id: int, verb: str = "INSERT INTO", **columns: Any) -> None:
        """A new approved badge; what is not given is that of an organisation's first."""
        row = {
            "external_id": f"b-{holder_id}-{columns.get('slot')}-{columns.get('generation')}",
            "kind": "customer",
            "status": "approved",
            "holder_id": holder_id,
            "holder_kind": "customer",
            "customer_kind": "organisation",
            "slot": 1,
            "generation": 1,
            "from_at": "2026-01-01 00:00:00",
            "created_at": "2026-01-01 00:00:00",
            **columns,
        }
        names = ", ".join(row)
        self.run(f"{verb} badge ({names}) VALUES ({', '.join('?' * len(row))})", *row.values())

    def close(self) -> None:
        """Done."""
        self._connection.close()


@pytest.fixture
def crm(database: Database) -> Iterator[Crm]:
    """A CRM's connection."""
    opened = Crm(database)
    yield opened
    opened.close()
