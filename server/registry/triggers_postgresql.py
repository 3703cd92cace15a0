"""The triggers of the shared tables in PostgreSQL's words (:mod:`server.registry.triggers`).

The noting functions run with the rights of the tables' owner: a CRM's role needs none on ``registry_change``.
"""

from collections.abc import Iterable, Iterator

from sqlalchemy.engine import Connection

from server.registry.triggers import CHANNEL, HIGHEST_GIVEN_VERSION, UNNOTED_COLUMNS, Column, Table, sealed_columns

_IS_TEXT_ARRAY = r"""
CREATE OR REPLACE FUNCTION menjin_is_text_array(given json) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN json_typeof(given) = 'array'
    THEN NOT EXISTS (SELECT 1 FROM json_array_elements(given) AS element WHERE json_typeof(element) <> 'string')
      AND (strpos(given::text, '\u') = 0 OR regexp_replace(regexp_replace(given::text, '\\\\', '', 'g'),
        '\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}', '', 'g') !~ '\\u(0000|[dD][89a-fA-F])')
    ELSE false END
$$"""
# json, unlike jsonb, takes escapes of NUL and of half a surrogate pair: no text could hold them, and no comparison as jsonb is possible

_LOOK_AGAIN = """
  IF (NEW.name, NEW.credit_code) IS DISTINCT FROM (OLD.name, OLD.credit_code)
     AND NEW.name_key IS NOT DISTINCT FROM OLD.name_key AND NEW.version <= OLD.version THEN
    NEW.name_key := NULL;
  END IF;
"""


def statements(connection: Connection, tables: list[Table]) -> Iterator[str]:
    """Everything to run, in order."""
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    as_owner = f"SECURITY DEFINER SET search_path = {schema}, pg_temp"
    yield _IS_TEXT_ARRAY
    yield _function("menjin_refuse", "", "RAISE EXCEPTION USING ERRCODE = 'restrict_violation', MESSAGE = TG_ARGV[0];")
    yield _function("menjin_notify", "", f"PERFORM pg_notify('{CHANNEL}', ''); RETURN NULL;")
    for table in tables:
        name = table.name
        yield _function(f"menjin_{name}_check", "", _check(table))
        yield _function(f"menjin_{name}_note", as_owner, _note(table))
        yield _trigger(name, "check", "BEFORE INSERT OR UPDATE", f"EXECUTE FUNCTION menjin_{name}_check()")
        yield _trigger(name, "note_insert", "AFTER INSERT", f"EXECUTE FUNCTION menjin_{name}_note()")
        changed = f"WHEN ({_changed(table)}) EXECUTE FUNCTION menjin_{name}_note()"
        yield _trigger(name, "note_update", "AFTER UPDATE", changed)
        yield _refusing(name, "keep", "BEFORE DELETE", f"{name}: rows are never deleted; set deleted_at instead")
        yield (
            f"CREATE OR REPLACE TRIGGER menjin_{name}_notify AFTER INSERT OR UPDATE ON {name}"
            " FOR EACH STATEMENT EXECUTE FUNCTION menjin_notify()"
        )
    history = "registry_change"
    yield _refusing(
        history,
        "append",
        "BEFORE INSERT",
        "registry_change: written by triggers only; change the row itself",
        "WHEN (pg_trigger_depth() < 1)",
    )
    fixed = ("id", "table_name", "row_id", "op", "at", "changed_by", "before", "after")
    sealed = "ARRAY[" + ", ".join(f"'{name}'" for name in sealed_columns(tables)) + "]::text[]"
    as_text = [
        f"({row}.{column}::jsonb - {sealed})::text" if column in ("before", "after") else f"{row}.{column}::text"
        for row in ("NEW", "OLD")
        for column in fixed
    ]
    half = len(fixed)
    yield _refusing(
        history,
        "fix",
        "BEFORE UPDATE",
        "registry_change: history is never changed; only done_at, problem and what is sealed in it are",
        f"WHEN (({', '.join(as_text[:half])}) IS DISTINCT FROM ({', '.join(as_text[half:])}))",
    )
    yield _refusing(history, "keep", "BEFORE DELETE", "registry_change: history is never deleted")


def _function(name: str, options: str, body: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {options} AS $$\nBEGIN\n{body}\nEND $$"
    )


def _trigger(table: str, name: str, when: str, action: str) -> str:
    return f"CREATE OR REPLACE TRIGGER menjin_{table}_{name} {when} ON {table} FOR EACH ROW {action}"


def _refusing(table: str, name: str, when: str, message: str, condition: str = "") -> str:
    return _trigger(table, name, when, f"{condition} EXECUTE FUNCTION menjin_refuse('{message}')")


def _value(column: Column, row: str) -> str:
    """A value that can be compared: the type json has no equality."""
    return f'{row}."{column.name}"::text' if column.kind == "list" else f'{row}."{column.name}"'


def _changed(table: Table) -> str:
    """Whether an update changes the file. A clear text that is taken away is no change, a new one is."""
    noted = [column for column in table.columns if column.name not in UNNOTED_COLUMNS and not column.is_clear]
    differs = f"({_row(noted, 'NEW')}) IS DISTINCT FROM ({_row(noted, 'OLD')})"
    given = [
        f'(NEW."{c.name}" IS NOT NULL AND NEW."{c.name}" IS DISTINCT FROM OLD."{c.name}")'
        for c in table.columns
        if c.is_clear
    ]
    return " OR ".join([differs, *given])


def _row(columns: Iterable[Column], row: str) -> str:
    return ", ".join(_value(column, row) for column in columns)


def _check(table: Table) -> str:
    source = " || NEW.source_system" if table.has_source else ""
    writer = f"NEW.changed_by := 'sql:'{source} || '@' || session_user;"
    lists = "\n".join(
        f'  IF NEW."{column.name}" IS NOT NULL AND NOT menjin_is_text_array(NEW."{column.name}") THEN\n'
        f"    RAISE EXCEPTION USING ERRCODE = 'check_violation',\n"
        f'      MESSAGE = \'{table.name}.{column.name}: must be a JSON array of texts; write [] or ["hall", "cage-a"]\';\n'
        "  END IF;"
        for column in table.of_kind("list")
    )
    times = "\n".join(
        f"  IF NOT NEW.\"{column.name}\" BETWEEN '1900-01-01 UTC' AND '9999-12-30 UTC' THEN\n"
        f"    RAISE EXCEPTION USING ERRCODE = 'check_violation',\n"
        f"      MESSAGE = '{table.name}.{column.name}: must be a time from 1900 to 9999; for no end write NULL';\n"
        "  END IF;"
        for column in table.of_kind("time")
    )
    kept = f"'{table.name}.id, {table.name}.public_id: never change; make a new row and set deleted_at in the old one'"
    top = f"MESSAGE = '{table.name}.version: is counted by the database; leave it out, or raise it by one'"
    return f"""{lists}
{times}
  IF NEW.version > {HIGHEST_GIVEN_VERSION} AND (TG_OP = 'INSERT' OR NEW.version > OLD.version + 1) THEN
    RAISE EXCEPTION USING ERRCODE = 'check_violation', {top};
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.changed_by = '' THEN {writer} END IF;
    RETURN NEW;
  END IF;
  IF (NEW.id, NEW.public_id) IS DISTINCT FROM (OLD.id, OLD.public_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'restrict_violation', MESSAGE = {kept};
  END IF;
{_LOOK_AGAIN if table.name == "customer" else ""}  IF {_changed(table)} THEN
    IF NEW.version <= OLD.version THEN
      NEW.version := OLD.version + 1;
      NEW.changed_by := '';
    END IF;
    IF NEW.changed_by = '' THEN {writer} END IF;
  ELSIF NEW.version < OLD.version THEN
    NEW.version := OLD.version;
  END IF;
  RETURN NEW;"""


def _note(table: Table) -> str:
    values = "INSERT INTO registry_change (table_name, row_id, op, changed_by, before, after) VALUES"
    return f"""  IF TG_OP = 'INSERT' THEN
    {values} ('{table.name}', NEW.id, 'insert', NEW.changed_by, NULL, {_row_json(table, "NEW")});
  ELSE
    {values} ('{table.name}', NEW.id, 'update', NEW.changed_by, {_row_json(table, "OLD")}, {_row_json(table, "NEW")});
  END IF;
  RETURN NULL;"""


def _row_json(table: Table, row: str) -> str:
    pairs = ", ".join(f"'{c.name}', {_value_json(c, row)}" for c in table.columns if not c.is_clear)
    return f"json_build_object({pairs})"


def _value_json(column: Column, row: str) -> str:
    value = f'{row}."{column.name}"'
    if column.kind == "bytes":
        return f"encode({value}, 'hex')"
    if column.kind == "time":
        return f"""to_char({value} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return value
