"""The database itself refuses to change or delete an entry of the register, or a note: corrections are added (R3)."""

from sqlalchemy.engine import Connection

TABLES = ("register_entry", "register_note")
REFUSAL = "the register is only added to"


def refuse_changes(connection: Connection) -> None:
    """Make the triggers, on SQLite or PostgreSQL."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "CREATE FUNCTION register_is_added_to() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
        )
    for table in TABLES:
        for act in ("UPDATE", "DELETE"):
            name = f"{table}_no_{act.lower()}"
            if connection.dialect.name == "postgresql":
                does = "FOR EACH ROW EXECUTE FUNCTION register_is_added_to()"
            else:
                does = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            connection.exec_driver_sql(f"CREATE TRIGGER {name} BEFORE {act} ON {table} {does}")
