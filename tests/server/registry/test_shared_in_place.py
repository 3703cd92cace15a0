"""The triggers of the shared tables: a CRM writes them with bare SQL, on both databases (C2, C3)."""

import json
from typing import Any

import pytest
from sqlmodel import col, select

from server.db.engine import Database
from server.db.migrate import migrate
from server.registry.models import Customer, RegistryChange
from tests.server.registry.bare_sql import REFUSED, Crm, crm

__all__ = ["crm"]


def writer(crm: Crm, source: str = "crm") -> str:
    return f"sql:{source}" if crm.is_sqlite else f"sql:{source}@{crm.one('SELECT session_user')}"


def test_an_insert_is_noted_with_who_and_what(crm: Crm) -> None:
    customer_id = crm.customer()
    (change,) = crm.changes("customer")
    assert (change["row_id"], change["op"], change["changed_by"], change["before"]) == (
        customer_id,
        "insert",
        writer(crm),
        None,
    )
    assert change["after"]["name"] == "华云数据"
    assert change["after"]["version"] == 1
    assert change["after"]["public_id"].startswith("cus_7")
    assert change["after"]["created_at"].endswith("Z")
    assert "class" in change["after"]
    assert not [key for key in change["after"] if key.endswith("_clear")]


def test_an_update_is_noted_with_before_and_after_and_raises_the_version(crm: Crm) -> None:
    customer_id = crm.customer()
    crm.run("UPDATE customer SET name = '华云' WHERE id = ?", customer_id)
    change = crm.changes("customer")[-1]
    assert (change["before"]["name"], change["after"]["name"]) == ("华云数据", "华云")
    assert (change["before"]["version"], change["after"]["version"]) == (1, 2)
    assert crm.run("SELECT version, changed_by FROM customer") == [(2, writer(crm))]
    assert change["after"]["changed_by"] == change["changed_by"] == writer(crm)


def test_an_update_that_changes_nothing_is_not_noted(crm: Crm) -> None:
    crm.customer()
    crm.run("UPDATE customer SET name = name, synced_at = '2026-03-01 00:00:00', changed_by = 'x', version = version")
    assert len(crm.changes("customer")) == 1
    assert crm.one("SELECT version FROM customer") == 1


def test_a_version_never_falls(crm: Crm) -> None:
    crm.customer()
    crm.run("UPDATE customer SET version = 7")
    crm.run("UPDATE customer SET version = 1")
    assert crm.one("SELECT version FROM customer") == 7
    crm.run("UPDATE customer SET version = 1, name = 'x', changed_by = 'liar'")
    assert crm.one("SELECT version FROM customer") == 8
    assert crm.changes("customer")[-1]["changed_by"] == writer(crm)


def test_a_writer_who_raises_the_version_is_believed(crm: Crm) -> None:
    crm.customer()
    crm.run("UPDATE customer SET name = 'x', version = version + 1, changed_by = 'opr_1'")
    change = crm.changes("customer")[-1]
    assert (change["changed_by"], change["after"]["version"]) == ("opr_1", 2)


def test_the_orm_is_noted_once_and_by_name(database: Database, crm: Crm) -> None:
    with database.write() as session:
        session.add(Customer(code="C1", kind="organisation", name="A", changed_by="opr_1"))
    with database.write() as session:
        found = session.exec(select(Customer)).one()
        found.name, found.version, found.changed_by = "B", found.version + 1, "opr_2"
        session.add(found)
    changes = crm.changes("customer")
    assert [(change["op"], change["changed_by"], change["after"]["version"]) for change in changes] == [
        ("insert", "opr_1", 1),
        ("update", "opr_2", 2),
    ]
    with database.read() as session:
        (first, second) = session.exec(select(RegistryChange).order_by(col(RegistryChange.id))).all()
        assert first.before is None
        assert (second.before or {})["name"] == "A"


def test_a_statement_of_many_rows_notes_each(crm: Crm) -> None:
    crm.run("INSERT INTO customer (code, kind, name) VALUES ('a', 'organisation', 'a'), ('b', 'organisation', 'b')")
    crm.run("UPDATE customer SET remark = code")
    assert [change["after"]["remark"] for change in crm.changes("customer")] == [None, None, "a", "b"]


def test_an_upsert_is_an_insert_then_an_update(crm: Crm) -> None:
    for name in ("A", "B", "B"):
        crm.run(
            "INSERT INTO customer (code, kind, name, source_system, external_id) VALUES ('C1', 'organisation', ?, 'crm', '7')"
            " ON CONFLICT (source_system, external_id) DO UPDATE SET name = excluded.name",
            name,
        )
    assert [(c["op"], c["after"]["name"], c["after"]["version"]) for c in crm.changes("customer")] == [
        ("insert", "A", 1),
        ("update", "B", 2),
    ]


def test_merge_is_noted(crm: Crm) -> None:
    if crm.is_sqlite:
        pytest.skip("SQLite has no MERGE")
    crm.customer()
    crm.run(
        "MERGE INTO customer USING (VALUES ('C001', 'B'), ('C002', 'N')) AS given (code, name) ON customer.code = given.code"
        " WHEN MATCHED THEN UPDATE SET name = given.name"
        " WHEN NOT MATCHED THEN INSERT (code, kind, name) VALUES (given.code, 'organisation', given.name)"
    )
    assert [(c["op"], c["after"]["name"]) for c in crm.changes("customer")[1:]] == [("update", "B"), ("insert", "N")]


def test_what_was_rolled_back_was_never_noted(crm: Crm) -> None:
    crm.run("BEGIN")
    crm.customer()
    crm.run("ROLLBACK")
    assert crm.changes("customer") == []


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_recursive_triggers_change_nothing(crm: Crm, recursive: str) -> None:
    if not crm.is_sqlite:
        pytest.skip("a setting of SQLite")
    crm.run(f"PRAGMA recursive_triggers = {recursive}")
    crm.customer()
    crm.run("UPDATE customer SET name = 'B'")
    crm.run("UPDATE customer SET name = 'C', version = 1")
    assert [change["after"]["version"] for change in crm.changes("customer")] == [1, 2, 3]
    assert crm.one("SELECT version FROM customer") == 3


@pytest.mark.parametrize("table", ["customer", "contact", "contract", "holder", "badge", "registry_change"])
def test_delete_is_refused_with_what_to_do(crm: Crm, table: str) -> None:
    customer_id = crm.customer()
    crm.run("INSERT INTO contact (customer_id) VALUES (?)", customer_id)
    crm.run("INSERT INTO contract (customer_id, from_at) VALUES (?, '2026-01-01 00:00:00')", customer_id)
    crm.badge(crm.holder(customer_id, "h1"), customer_id=customer_id)
    with pytest.raises(REFUSED, match="never deleted"):
        crm.run(f"DELETE FROM {table}")


@pytest.mark.parametrize("column", ["id", "public_id"])
def test_the_names_that_ciphers_and_history_hang_on_never_change(crm: Crm, column: str) -> None:
    crm.customer()
    with pytest.raises(REFUSED, match="never change"):
        crm.run(f"UPDATE customer SET {column} = '99'")


@pytest.mark.parametrize("given", ['"hall"', "{}", "[1]", "[[]]", "[null]", "null", '["hall", 2]'])
@pytest.mark.parametrize("column", ["areas", "racks", "cages"])
def test_lists_are_arrays_of_text(crm: Crm, given: str, column: str) -> None:
    customer_id = crm.customer()
    insert = f"INSERT INTO contract (customer_id, from_at, {column}) VALUES (?, '2026-01-01 00:00:00', ?)"
    crm.run(insert, customer_id, '["hall"]')
    with pytest.raises(REFUSED, match=f"contract.{column}: must be a JSON array of texts"):
        crm.run(insert, customer_id, given)
    with pytest.raises(REFUSED, match=f"contract.{column}"):
        crm.run(f"UPDATE contract SET {column} = ?", given)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO registry_change (table_name, row_id, op, changed_by, after) VALUES ('customer', 1, 'update', 'opr_1', ?)",
        "INSERT INTO registry_change (table_name, row_id, op, changed_by, after) VALUES ('customer', 9, 'insert', 'opr_1', ?)",
        "UPDATE registry_change SET changed_by = ?",
        "UPDATE registry_change SET after = ?",
        "UPDATE registry_change SET at = '2020-01-01 00:00:00', problem = ?",
    ],
)
def test_history_is_written_by_the_triggers_alone(crm: Crm, statement: str) -> None:
    crm.customer()
    after = crm.changes("customer")[0]["after"]
    with pytest.raises(REFUSED, match="registry_change"):
        crm.run(statement, json.dumps({**after, "name": "forged"}))
    crm.run("UPDATE registry_change SET done_at = '2026-03-01 00:00:00', problem = 'areas: unknown'")


def test_installing_the_triggers_again_changes_nothing(database: Database, crm: Crm) -> None:
    from server.registry.triggers import install_triggers

    def names() -> list[Any]:
        return crm.run(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
            if crm.is_sqlite
            else "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname"
        )

    before = names()
    assert len(before) > 20
    with database.write() as session:
        install_triggers(session.connection())
    assert names() == before
    migrate(database.url)


def test_postgresql_is_notified_once_per_statement(database: Database, crm: Crm) -> None:
    if crm.is_sqlite:
        pytest.skip("PostgreSQL only")
    import psycopg

    with psycopg.connect(database.url, autocommit=True) as listening:
        listening.execute("LISTEN menjin_registry")
        crm.run("INSERT INTO customer (code, kind, name) VALUES ('a', 'organisation', 'a'), ('b', 'organisation', 'b')")
        assert len(list(listening.notifies(timeout=30, stop_after=1))) == 1
        assert list(listening.notifies(timeout=0)) == []
