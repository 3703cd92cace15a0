"""What docs/registry.md says of SQL is so: its examples run, and it names every column."""

from pathlib import Path

import psycopg
import pytest

from server.db.engine import Database
from server.ledger.facts import table_of
from server.registry.models import Contact, Contract, Customer, Holder
from tests.server.registry.bare_sql import Crm, crm

__all__ = ["crm"]

PAGE = (Path(__file__).parents[3] / "docs" / "registry.md").read_text("utf-8")


def block(first_line: str) -> list[str]:
    """The statements of the SQL block that begins so."""
    content = PAGE.partition(f"```sql\n-- {first_line}")[2].partition("\n")[2].partition("```")[0]
    return [statement.strip() for statement in content.split(";") if statement.strip()]


def test_the_examples_run(crm: Crm) -> None:
    statements = block("SQLite" if crm.is_sqlite else "PostgreSQL")
    assert len(statements) >= 4
    for statement in statements:
        crm.run(statement)
    assert crm.one("SELECT status FROM contract") == "ended"
    assert {change["changed_by"].split("@")[0] for change in crm.changes("contract")} == {"sql:crm"}


@pytest.mark.parametrize("model", [Customer, Contact, Contract, Holder])
def test_every_column_is_explained(model: type[Customer]) -> None:
    columns = [column.name for column in table_of(model).columns if not column.name.endswith(("_cipher", "_index"))]
    assert [name for name in columns if f"`{name}`" not in PAGE and f".{name}`" not in PAGE] == []


def test_a_role_with_the_documented_grants_writes_and_reads_no_history(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has no roles")
    grants = "; ".join(block("role"))
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute(grants)
        try:
            with psycopg.connect(database.url, autocommit=True) as connection:
                connection.execute("SET SESSION AUTHORIZATION crm")
                for statement in block("PostgreSQL"):
                    connection.execute(statement)
                for refused in (
                    "SELECT * FROM registry_change",
                    "SELECT id_number_cipher FROM customer",
                    "SELECT phone_clear FROM contact",
                    "SELECT * FROM badge",
                    "DELETE FROM customer",
                    "TRUNCATE customer CASCADE",
                ):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        connection.execute(refused)
            noted = owner.execute("SELECT DISTINCT changed_by FROM registry_change").fetchall()
            assert noted == [("sql:crm@crm",)]
        finally:
            owner.execute("DROP OWNED BY crm")
            owner.execute("DROP ROLE crm")
