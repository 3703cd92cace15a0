"""Rows of one edge by their second key column, changed in memory and written at the end of a transaction."""

from typing import Any

from sqlalchemy import Table, delete
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from server.ledger.bulk import run, upsert_rows

KEYS_AT_ONCE = 500
Row = dict[str, Any]


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a model."""
    table = model.__table__  # type: ignore[attr-defined]
    assert isinstance(table, Table)
    return table


class Replaced:
    """Rows of one edge by their second key column: what is put takes the place of what was there."""

    def __init__(self, connection: Connection, model: type[SQLModel], edge_id: int, key: str) -> None:
        self._connection = connection
        self._table = table_of(model)
        self._edge_id = edge_id
        self._key = key
        self._rows: dict[Any, Row] = {}
        self._dirty: set[Any] = set()

    def put(self, key: Any, row: Row) -> Row:
        """``row`` without its key, for every other column; it is kept and may be changed until :meth:`save`."""
        row["edge_id"] = self._edge_id
        row[self._key] = key
        self._rows[key] = row
        self._dirty.add(key)
        return row

    def remove(self, key: Any) -> None:
        """No row of this key any more."""
        self._rows.pop(key, None)
        self._dirty.add(key)

    def save(self) -> None:
        """Write what was put, changed or removed."""
        gone = [key for key in self._dirty if key not in self._rows]
        for start in range(0, len(gone), KEYS_AT_ONCE):
            part = gone[start : start + KEYS_AT_ONCE]
            where = (self._table.c.edge_id == self._edge_id, self._table.c[self._key].in_(part))
            self._connection.execute(delete(self._table).where(*where))
        columns = self._table.c.keys()
        rows = [tuple(map(self._rows[key].__getitem__, columns)) for key in self._dirty if key in self._rows]
        upsert_rows(self._connection, self._table, columns, ("edge_id", self._key), rows)


class Keyed(Replaced):
    """The same with what is stored already at hand: for tables of few rows, and for what most transactions never look
    at: the first look loads all of an edge's rows."""

    def __init__(self, connection: Connection, model: type[SQLModel], edge_id: int, key: str) -> None:
        super().__init__(connection, model, edge_id, key)
        self._loaded = False

    def _load(self) -> None:
        """What is stored, below what was put or removed before the first look."""
        if self._loaded:
            return
        self._loaded = True
        columns = self._table.c.keys()
        names = ", ".join(f'"{name}"' for name in columns)
        statement = f'SELECT {names} FROM "{self._table.name}" WHERE edge_id = ?'  # noqa: S608 - our own names
        found = (dict(zip(columns, row, strict=True)) for row in run(self._connection, statement, (self._edge_id,)))
        self._rows = {row[self._key]: row for row in found if row[self._key] not in self._dirty} | self._rows

    def rows(self) -> dict[Any, Row]:
        """All rows by their key, to be looked at."""
        self._load()
        return self._rows

    def drop(self, key: Any) -> None:
        """Remove a row if it is there: nothing is written otherwise."""
        if self.get(key) is not None:
            self.remove(key)

    def get(self, key: Any) -> Row | None:
        """The row, to be looked at."""
        self._load()
        return self._rows.get(key)

    def change(self, key: Any) -> Row | None:
        """The row, to be changed in place."""
        self._load()
        row = self._rows.get(key)
        if row is not None:
            self._dirty.add(key)
        return row

    def touch(self, key: Any) -> Row:
        """A row that is there, to be changed in place."""
        row = self.change(key)
        assert row is not None
        return row
