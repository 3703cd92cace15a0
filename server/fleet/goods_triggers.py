"""Triggers that put each change of equipment into ``goods_change``: nobody has to say so (decision 17).

An ``item_stay`` tells of its item, a carrier of the slip. Lines tell nothing: policies carry what was bound.
"""

from sqlalchemy.engine import Connection

NOTED: tuple[tuple[str, str, str], ...] = (
    ("item", "item", "id"),
    ("item_stay", "item", "item_id"),
    ("work_order", "order", "id"),
    ("exit_slip", "slip", "id"),
    ("exit_slip_carrier", "slip", "slip_id"),
)
"""Table, kind, and the column with the row that is concerned."""


def install_goods_triggers(connection: Connection) -> None:
    """Make them, on SQLite or PostgreSQL. Called by the migration that makes the table."""
    for table, kind, column in NOTED:
        for act in ("INSERT", "UPDATE"):
            noted = f"INSERT INTO goods_change (kind, row_id) VALUES ('{kind}', NEW.{column})"  # noqa: S608 - our own names
            name = f"{table}_goods_{act.lower()}"
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(
                    f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {noted}; RETURN NULL; END $$"
                )
                does = f"FOR EACH ROW EXECUTE FUNCTION {name}()"
            else:
                does = f"BEGIN {noted}; END"
            connection.exec_driver_sql(f"CREATE TRIGGER {name} AFTER {act} ON {table} {does}")
