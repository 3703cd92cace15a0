"""A CRM's SQL, run as it is."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sim import crm


@pytest.fixture
def url(tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "shared.db")) as database, database:
        database.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, kind TEXT CHECK (kind IN ('a', 'b')))")
        database.execute("CREATE TABLE badge (customer_id INTEGER REFERENCES customer (id))")
        database.execute("INSERT INTO customer VALUES (1, 'a'), (2, 'a')")
    return f"sqlite:///{tmp_path / 'shared.db'}"


def test_a_statement_is_committed_and_its_rows_are_counted(url: str) -> None:
    assert crm.write(url, "UPDATE customer SET kind = 'b'") == 2
    assert crm.write(url, "UPDATE customer SET kind = 'a' WHERE kind = 'b' AND id = 1") == 1
    assert crm.write(url, "UPDATE customer SET kind = 'a' WHERE id = 9") == 0


@pytest.mark.parametrize(
    "sql", ["UPDATE customer SET kind = 'c'", "INSERT INTO badge VALUES (9)", "UPDATE nowhere SET x = 1", "nonsense"]
)
def test_what_the_database_refuses_is_one_line_and_changes_nothing(url: str, sql: str) -> None:
    with pytest.raises(crm.SqlRefused) as caught:
        crm.write(url, sql)
    assert "\n" not in str(caught.value)
    assert crm.write(url, "DELETE FROM customer WHERE kind = 'a'") == 2


@pytest.mark.timeout(30)
def test_a_database_that_is_not_there_refuses() -> None:
    with pytest.raises(crm.SqlRefused):
        crm.write("postgresql://nobody@127.0.0.1:9/nothing", "SELECT 1")
