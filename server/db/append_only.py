"""Tables that are only added to: the database itself refuses to change or delete a row, whoever asks."""

from collections.abc import Iterable

from sqlalchemy.engine import Connection


def refuse_changes(connection: Connection, tables: Iterable[str]) -> None:
    """Make the triggers, on SQLite or PostgreSQL. Called by the migration that makes the tables."""
    for table in tables:
        refusal = f"{table}: rows are never changed or deleted; add a new one"
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(
                f"CREATE FUNCTION {table}_is_added_to() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN RAISE EXCEPTION '{refusal}' USING ERRCODE = 'restrict_violation'; END $$"
            )
        for act in ("UPDATE", "DELETE"):
            if connection.dialect.name == "postgresql":
                does = f"FOR EACH ROW EXECUTE FUNCTION {table}_is_added_to()"
            else:
                does = f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
            connection.exec_driver_sql(f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} {does}")
