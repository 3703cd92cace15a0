"""The triggers of the shared tables: what holds whoever writes, a CRM with bare SQL included (C2, C3; docs/registry.md).

On customer, contact, contract, holder and badge, on both databases:

- each insert, and each update that changes anything, is noted in ``registry_change`` in the same transaction, without clear text;
- ``version`` rises by one when the writer did not raise it, and ``changed_by`` is then ``sql:<source_system>`` (PostgreSQL:
  ``@<session user>`` after it); a writer who raised ``version`` is believed;
- rows are never deleted, and keep ``id`` and ``public_id`` (the ciphers are bound to it);
- lists are JSON arrays of text. SQLite, which checks neither types nor, unless told, foreign keys, gets those checks as well.

``registry_change`` takes rows from these triggers only, and of a row only ``done_at``, ``problem`` and the sealed values in ``before`` and
``after`` change: what is personal must be erasable from the history, too, and be sealed anew when its key rotates.

- a customer whose name or credit code changed loses its ``name_key``, unless the writer raised ``version`` or gave a new one:
  the watcher's mark.

An update of nothing but ``version``, ``changed_by``, ``synced_at`` and ``name_key`` is no change. The columns are read from the database, so
a later migration that alters (on SQLite: copies) one of these tables ends with :func:`install_triggers`.
"""

from dataclasses import dataclass

from sqlalchemy import JSON, Boolean, DateTime, Integer, LargeBinary, inspect
from sqlalchemy.engine import Connection

NOTED = ("customer", "contact", "contract", "holder", "badge")
"""Tables whose changes are noted."""
UNNOTED_COLUMNS = ("version", "changed_by", "synced_at", "name_key")
"""Columns whose change alone is no change of the file."""
CHANNEL = "menjin_registry"
"""PostgreSQL: notified once per statement."""
HIGHEST_GIVEN_VERSION = 1_000_000_000
"""A writer gives no version beyond it in one step: a column that is full could not be changed any more, not even to end a contract."""
GUARD_TABLE = "registry_replace_guard"
"""SQLite: the rows that an insert or update collides with, so that OR REPLACE cannot delete them unseen."""

_KINDS: tuple[tuple[type, str], ...] = (
    (Boolean, "boolean"),
    (Integer, "integer"),
    (DateTime, "time"),
    (JSON, "list"),
    (LargeBinary, "bytes"),
)


@dataclass(frozen=True)
class Column:
    """``kind``: text, boolean, integer, time, list or bytes."""

    name: str
    kind: str

    @property
    def is_clear(self) -> bool:
        """Whether it is a write-only column, whose text the watcher takes."""
        return self.name.endswith("_clear")


@dataclass(frozen=True)
class Key:
    """Columns that are unique together; ``where``: among which rows, as SQL."""

    columns: tuple[str, ...]
    where: str | None = None


@dataclass(frozen=True)
class Table:
    """A noted table as the database has it. ``refers``: column → table of its simple foreign keys."""

    name: str
    columns: tuple[Column, ...]
    keys: tuple[Key, ...]
    refers: tuple[tuple[str, str], ...]

    def of_kind(self, kind: str) -> list[Column]:
        """The columns of one kind."""
        return [column for column in self.columns if column.kind == kind]

    @property
    def has_source(self) -> bool:
        """Whether rows say which system they came from."""
        return any(column.name == "source_system" for column in self.columns)


def install_triggers(connection: Connection) -> None:
    """Make all triggers anew, after the columns that the tables have now."""
    from server.registry import triggers_postgresql, triggers_sqlite

    build = triggers_sqlite if connection.dialect.name == "sqlite" else triggers_postgresql
    for statement in build.statements(connection, [read_table(connection, name) for name in NOTED]):
        connection.exec_driver_sql(statement)


def read_table(connection: Connection, name: str) -> Table:
    """What the triggers need to know of a table."""
    inspector = inspect(connection)
    columns = tuple(Column(found["name"], _kind(found["type"])) for found in inspector.get_columns(name))
    keys = [Key(("id",))]
    keys += [Key(tuple(found["column_names"])) for found in inspector.get_unique_constraints(name)]
    for index in inspector.get_indexes(name):
        if index["unique"] and not index.get("duplicates_constraint"):
            where = index.get("dialect_options", {}).get("sqlite_where")
            names = tuple(column for column in index["column_names"] if column is not None)
            keys.append(Key(names, None if where is None else str(where)))
    keys = [key for key in keys if key.columns == ("id",) or "id" not in key.columns]  # (id, kind) adds nothing to id
    refers = tuple(
        (found["constrained_columns"][0], found["referred_table"])
        for found in inspector.get_foreign_keys(name)
        if len(found["constrained_columns"]) == 1
    )
    return Table(name, columns, tuple(keys), refers)


def sealed_columns(tables: list[Table]) -> list[str]:
    """The columns that hold sealed personal values and their blind indexes."""
    return sorted(
        {column.name for table in tables for column in table.columns if column.name.endswith(("_cipher", "_index"))}
    )


def _kind(column_type: object) -> str:
    return next((kind for known, kind in _KINDS if isinstance(column_type, known)), "text")
