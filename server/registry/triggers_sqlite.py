# ruff: noqa: S608 - the statements are made of the schema's own names, never of input
"""The triggers of the shared tables in SQLite's words (:mod:`server.registry.triggers`).

What a CRM's connection may lack is made up for: types, foreign keys (off unless ``PRAGMA foreign_keys`` is given), and deletes that
no trigger sees (``OR REPLACE``). All hold with recursive triggers on and off: what the triggers update themselves is no change.
"""

import re
from collections.abc import Iterable, Iterator

from sqlalchemy.engine import Connection

from server.registry.models import QUOTAS
from server.registry.triggers import (
    GUARD_TABLE,
    HIGHEST_GIVEN_VERSION,
    NOTED,
    UNNOTED_COLUMNS,
    Column,
    Key,
    Table,
    sealed_columns,
)

_LIVE = "status NOT IN ('revoked', 'returned')"
_QUOTA = f"CASE kind {' '.join(f'WHEN {kind!r} THEN {quota}' for kind, quota in QUOTAS.items())} ELSE 0 END"

_Check = tuple[str, str]
"""SQL that is true where a row must not be, and the message: what, where, what to do."""


def statements(connection: Connection, tables: list[Table]) -> Iterator[str]:
    """Everything to run, in order."""
    existing = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'menjin_*'"
    )
    for (name,) in existing.all():
        yield f'DROP TRIGGER "{name}"'
    yield f"CREATE TABLE IF NOT EXISTS {GUARD_TABLE} (table_name TEXT NOT NULL, row_id INTEGER NOT NULL)"
    for table in tables:
        yield from _collisions(table)
        yield _note_insert(table)
        yield from _note_update(table)
        yield _trigger(
            table.name,
            "keep",
            "BEFORE DELETE",
            "1",
            _raise(f"{table.name}: rows are never deleted; set deleted_at instead"),
        )
    yield _look_again()
    yield _quota_of_kind()
    yield _badges_follow_kind()
    yield from _change_triggers(tables)


def _trigger(table: str, name: str, when: str, condition: str, *body: str) -> str:
    inner = "\n".join(f"  {statement};" for statement in body)
    return f"CREATE TRIGGER menjin_{table}_{name} {when} ON {table} FOR EACH ROW WHEN {condition} BEGIN\n{inner}\nEND"


def _raise(message: str) -> str:
    return f"SELECT RAISE(ABORT, '{message.replace(chr(39), chr(39) * 2)}')"


def _refuse(checks: Iterable[_Check]) -> str:
    cases = "\n".join(
        f"    WHEN {condition} THEN RAISE(ABORT, '{message.replace(chr(39), chr(39) * 2)}')"
        for condition, message in checks
    )
    return f"SELECT CASE\n{cases}\n  END"


def _differs(columns: Iterable[str]) -> str:
    return " OR ".join(f'NEW."{column}" IS NOT OLD."{column}"' for column in columns)


def _changed(table: Table) -> str:
    """Whether an update changes the file. A clear text that is taken away is no change, a new one is."""
    noted = [column.name for column in table.columns if column.name not in UNNOTED_COLUMNS and not column.is_clear]
    given = [
        f'(NEW."{c.name}" IS NOT NULL AND NEW."{c.name}" IS NOT OLD."{c.name}")' for c in table.columns if c.is_clear
    ]
    return f"({' OR '.join([_differs(noted), *given])})"


def _sql_writer(table: Table) -> str:
    return "'sql:' || NEW.source_system" if table.has_source else "'sql:'"


# What OR REPLACE would delete: noted before the row is written, refused after it. A plain insert or update that collides has
# failed by then, and an ON CONFLICT DO UPDATE of an insert never comes to AFTER INSERT.


def _collisions(table: Table) -> Iterator[str]:
    columns = sorted({column for key in table.keys for column in _key_columns(table, key)} - {"id"})
    clean = f"DELETE FROM {GUARD_TABLE} WHERE table_name = '{table.name}'"
    found = " UNION ".join(f"SELECT id FROM {table.name} WHERE {_collides(table, key)}" for key in table.keys)
    note = f"INSERT INTO {GUARD_TABLE} (table_name, row_id) SELECT '{table.name}', id FROM ({found})"
    yield _trigger(table.name, "collide_insert", "BEFORE INSERT", "1", clean, note)
    yield _trigger(
        table.name, "collide_update", "BEFORE UPDATE", f"({_differs(columns)})", clean, f"{note} WHERE id IS NOT OLD.id"
    )


def _key_columns(table: Table, key: Key) -> set[str]:
    return set(key.columns) | {
        column.name for column in table.columns if re.search(rf"\b{column.name}\b", key.where or "")
    }


def _collides(table: Table, key: Key) -> str:
    parts = [f'"{column}" = NEW."{column}"' for column in key.columns]
    if key.where is not None:
        names = "|".join(column.name for column in table.columns)
        of_new = re.sub(rf"\b({names})\b", r"NEW.\1", key.where)
        parts += [f"({key.where})", f"({of_new})"]
    return " AND ".join(parts)


def _replaces(table: Table) -> _Check:
    return (
        f"EXISTS (SELECT 1 FROM {GUARD_TABLE} WHERE table_name = '{table.name}')",
        f"{table.name}: OR REPLACE would delete a row, and rows are kept; write INSERT ... ON CONFLICT (...) DO UPDATE",
    )


def _note_insert(table: Table) -> str:
    writer = f"CASE NEW.changed_by WHEN '' THEN {_sql_writer(table)} ELSE NEW.changed_by END"
    return _trigger(
        table.name,
        "note_insert",
        "AFTER INSERT",
        "1",
        _refuse([_replaces(table), *_type_checks(table), _given_version(table), *_reference_checks(table)]),
        f"UPDATE {table.name} SET changed_by = {_sql_writer(table)} WHERE id = NEW.id AND NEW.changed_by = ''",
        _note(table, "insert", writer, "NEW.version"),
    )


def _note_update(table: Table) -> Iterator[str]:
    keys = sorted({column for key in table.keys for column in _key_columns(table, key)} - {"id"})
    condition, message = _replaces(table)
    kept = [
        (
            f"NEW.{column} IS NOT OLD.{column}",
            f"{table.name}.{column}: never changes; make a new row and set deleted_at in the old one",
        )
        for column in ("id", "public_id")
    ]
    raised = "NEW.version > OLD.version"
    yield _trigger(
        table.name,
        "note_update",
        "AFTER UPDATE",
        _changed(table),
        _refuse(
            [*kept, (f"({_differs(keys)}) AND {condition}", message), *_type_checks(table), *_reference_checks(table)]
        ),
        f"UPDATE {table.name} SET version = OLD.version + 1, changed_by = {_sql_writer(table)}"
        f" WHERE id = NEW.id AND NOT {raised}",
        _note(
            table,
            "update",
            f"CASE WHEN {raised} AND NEW.changed_by <> '' THEN NEW.changed_by ELSE {_sql_writer(table)} END",
            f"CASE WHEN {raised} THEN NEW.version ELSE OLD.version + 1 END",
        ),
    )
    unnoted = [column for column in table.columns if column.name in UNNOTED_COLUMNS]
    higher = (f"NEW.version > OLD.version + 1 AND {_given_version(table)[0]}", _given_version(table)[1])
    yield _trigger(
        table.name,
        "unnoted",
        "AFTER UPDATE",
        f"({_differs([column.name for column in unnoted])})",
        _refuse([*_type_checks(table, unnoted), higher]),
    )
    yield _trigger(
        table.name,
        "keep_version",
        "AFTER UPDATE",
        f"NEW.version < OLD.version AND NOT {_changed(table)}",
        f"UPDATE {table.name} SET version = OLD.version WHERE id = NEW.id",
    )


def _note(table: Table, op: str, writer: str, version: str) -> str:
    """``version`` and ``writer``: as the row has them when the trigger is done."""
    before = _row_json(table, "OLD", {}) if op == "update" else "NULL"
    after = _row_json(table, "NEW", {"version": version, "changed_by": writer})
    return (
        "INSERT INTO registry_change (table_name, row_id, op, changed_by, before, after)\n"
        f"  VALUES ('{table.name}', NEW.id, '{op}', {writer}, {before}, {after})"
    )


def _row_json(table: Table, row: str, instead: dict[str, str]) -> str:
    pairs = ", ".join(
        f"'{column.name}', {instead.get(column.name) or _value_json(column, row)}"
        for column in table.columns
        if not column.is_clear
    )
    return f"json_object({pairs})"


def _value_json(column: Column, row: str) -> str:
    value = f'{row}."{column.name}"'
    if column.kind == "boolean":
        return f"json(CASE WHEN {value} THEN 'true' WHEN NOT {value} THEN 'false' ELSE 'null' END)"
    if column.kind == "list":
        return f"json({value})"
    if column.kind == "bytes":
        return f"CASE WHEN {value} IS NOT NULL THEN lower(hex({value})) END"
    if column.kind == "time":
        rest = f"CASE instr({value}, '.') WHEN 0 THEN '.000000' ELSE '000000' END"
        return f"substr({value}, 1, 10) || 'T' || substr(substr({value}, 12) || {rest}, 1, 15) || 'Z'"
    return value


def _type_checks(table: Table, columns: Iterable[Column] | None = None) -> Iterator[_Check]:
    for column in table.columns if columns is None else columns:
        value, where = f'NEW."{column.name}"', f"{table.name}.{column.name}"
        if column.kind == "list":
            texts = f"EXISTS (SELECT 1 FROM json_each({value}) WHERE type <> 'text')"
            array = f"typeof({value}) = 'text' AND json_valid({value}) AND json_type({value}) = 'array'"
            yield (
                f"{value} IS NOT '[]' AND CASE WHEN {array} THEN {texts} ELSE 1 END",
                f'{where}: must be a JSON array of texts; write [] or ["hall", "cage-a"]',
            )
        elif column.kind == "boolean":
            yield f"{value} NOT IN (0, 1)", f"{where}: must be 0 or 1"
        elif column.kind == "time":
            yield (
                f"{value} IS NOT NULL AND NOT {_is_time(value)}",
                f"{where}: must be a time in UTC; write YYYY-MM-DD HH:MM:SS (fractions after a point; no T, no zone)",
            )
        else:
            stored = {"integer": "integer", "bytes": "blob"}.get(column.kind, "text")
            yield (
                f"typeof({value}) NOT IN ('{stored}', 'null')",
                f"{where}: must be {'an integer' if stored == 'integer' else f'a {stored}'}",
            )


def _is_time(value: str) -> str:
    """``YYYY-MM-DD HH:MM:SS[.ffffff]``, and a day that there is: strftime gives another text for any other."""
    return (
        f"(typeof({value}) = 'text' AND {value} >= '1900' AND ifnull(strftime('%Y-%m-%d %H:%M:%S', substr({value}, 1, 19), '+0 days'), '')"
        f" = substr({value}, 1, 19) AND (length({value}) = 19 OR (length({value}) BETWEEN 21 AND 26"
        f" AND substr({value}, 20, 1) = '.' AND substr({value}, 21) NOT GLOB '*[^0-9]*')))"
    )


def _given_version(table: Table) -> _Check:
    return (
        f"NEW.version > {HIGHEST_GIVEN_VERSION}",
        f"{table.name}.version: is counted by the database; leave it out, or raise it by one",
    )


def _reference_checks(table: Table) -> Iterator[_Check]:
    for column, referred in table.refers:
        value = f'NEW."{column}"'
        yield (
            f"{value} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {referred} WHERE id = {value})",
            f"{table.name}.{column}: there is no such row in {referred}; insert that first",
        )
    if table.name == "badge":
        yield (
            "NOT EXISTS (SELECT 1 FROM holder WHERE id = NEW.holder_id AND kind = NEW.holder_kind"
            " AND (NEW.customer_id IS NULL OR customer_id = NEW.customer_id))",
            "badge.holder_id: holder_kind and customer_id must be those of the holder; write what holder has",
        )
        yield (
            "NEW.customer_id IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM customer WHERE id = NEW.customer_id AND kind = NEW.customer_kind)",
            "badge.customer_kind: must be the kind of the customer; write what customer has",
        )
        yield (
            f"NEW.kind = 'customer' AND NEW.{_LIVE} AND NEW.slot > (SELECT {_QUOTA} FROM customer WHERE id = NEW.customer_id)",
            "badge.slot: beyond the quota of the customer (B2); deregister a badge first",
        )
    if table.name == "holder":
        # foreign keys that are on have passed a change on to the badges by now
        yield (
            "EXISTS (SELECT 1 FROM badge WHERE holder_id = NEW.id AND (holder_kind <> NEW.kind"
            " OR (customer_id IS NOT NULL AND customer_id IS NOT NEW.customer_id)))",
            "holder.customer_id, holder.kind: this holder has badges; run PRAGMA foreign_keys = ON first, which passes it on to them",
        )


def _look_again() -> str:
    return _trigger(
        "customer",
        "look_again",
        "AFTER UPDATE",
        f"({_differs(('name', 'credit_code'))}) AND NEW.name_key IS OLD.name_key"
        " AND NEW.name_key IS NOT NULL AND NEW.version <= OLD.version",
        "UPDATE customer SET name_key = NULL WHERE id = NEW.id",
    )


def _quota_of_kind() -> str:
    quota = _QUOTA.replace("CASE kind", "CASE NEW.kind")
    return _trigger(
        "customer",
        "quota",
        "BEFORE UPDATE",
        f"NEW.kind IS NOT OLD.kind AND EXISTS (SELECT 1 FROM badge WHERE customer_id = OLD.id AND {_LIVE} AND slot > {quota})",
        _raise("customer.kind: the badges exceed the quota of this kind (B2); deregister badges first"),
    )


def _badges_follow_kind() -> str:
    """What the foreign key's ON UPDATE CASCADE does, for connections without foreign keys."""
    return _trigger(
        "customer",
        "kind",
        "AFTER UPDATE",
        "NEW.kind IS NOT OLD.kind",
        "UPDATE badge SET customer_kind = NEW.kind WHERE customer_id = NEW.id AND customer_kind <> NEW.kind",
    )


def _change_triggers(tables: list[Table]) -> Iterator[str]:
    version = " ".join(f"WHEN '{name}' THEN (SELECT version FROM {name} WHERE id = NEW.row_id)" for name in NOTED)
    told = "json_extract(NEW.after, '$.version')"
    last = (
        "(SELECT json_extract(after, '$.version') FROM registry_change"
        " WHERE table_name = NEW.table_name AND row_id = NEW.row_id ORDER BY id DESC LIMIT 1)"
    )
    forged = (
        f"{told} IS NOT (CASE NEW.table_name {version} END) OR ifnull({last} >= {told}, 0) OR NEW.done_at IS NOT NULL"
    )
    yield _trigger(
        "registry_change",
        "append",
        "BEFORE INSERT",
        f"({forged})",
        _raise("registry_change: written by triggers only; change the row itself"),
    )
    fixed = ("id", "table_name", "row_id", "op", "at", "changed_by")
    sealed = ", ".join(f"'$.{name}'" for name in sealed_columns(tables))
    rest = [f"json_remove(NEW.{row}, {sealed}) IS NOT json_remove(OLD.{row}, {sealed})" for row in ("before", "after")]
    yield _trigger(
        "registry_change",
        "fix",
        "BEFORE UPDATE",
        f"({_differs(fixed)} OR {' OR '.join(rest)})",
        _raise("registry_change: history is never changed; only done_at, problem and what is sealed in it are"),
    )
    yield _trigger("registry_change", "keep", "BEFORE DELETE", "1", _raise("registry_change: history is never deleted"))
