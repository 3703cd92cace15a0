"""One row that a CRM wrote, whatever stands in it, never stops the revocation of another, nor the lists (C2, D6)."""

import json
import sqlite3
from typing import Any

import pytest
from sqlmodel import col, select

from server.registry.models import CustomerMerge, RegistryChange
from tests.server.fleet.conftest import Fleet
from tests.server.registry.bare_sql import REFUSED, Crm, crm

__all__ = ["crm"]

GB18030 = "你好".encode("gb18030")
LONG = "".join(chr(0x4E00 + at * 7919 * (at ^ 77) % 20_000) for at in range(10_000))
"""Longer than an index of PostgreSQL takes, packed or not."""
LISTS = [
    pytest.param("contract", "areas", '["\\u0000", "hall"]', id="NUL in areas"),
    pytest.param("contract", "racks", '["\\ud800"]', id="half a pair in racks"),
    pytest.param("holder", "may_escort", '["\\udfff\\ud800"]', id="two halves in may_escort"),
]
ROWS = [
    *LISTS,
    pytest.param("contract", "racks", '["\\\\ud800", "\\ud83d\\ude00"]', id="no half of a pair"),
    pytest.param("contract", "areas", json.dumps([f"a{at}" for at in range(5_000)]), id="very many areas"),
    pytest.param("contract", "until_at", "infinity", id="for ever"),
    pytest.param("customer", "synced_at", "-infinity", id="since ever"),
    pytest.param("contract", "until_at", "9999-12-30 23:59:59.999999", id="until the last day"),
    pytest.param("badge", "issued_at", "20000-01-01 00:00:00", id="in eighteen thousand years"),
    pytest.param("badge", "from_at", "0044-03-15 00:00:00 BC", id="of Caesar"),
    pytest.param("customer", "name", LONG, id="a long name"),
    pytest.param("customer", "name", GB18030, id="a name in GB 18030"),
    pytest.param("customer", "code", GB18030, id="a code in GB 18030"),
    pytest.param("badge", "number", GB18030, id="a number in GB 18030"),
    pytest.param("badge", "schedule", "never made", id="a schedule of no site"),
    pytest.param("holder", "name_clear", LONG, id="a long name of a person"),
    pytest.param("holder", "name_cipher", b"\x00", id="no cipher"),
    pytest.param("holder", "version", 9_000_000_000_000_000_000, id="a full version"),
]


@pytest.mark.parametrize(("table", "column", "value"), ROWS)
def test_one_bad_row_stops_nobody_elses_revocation(fleet: Fleet, crm: Crm, table: str, column: str, value: Any) -> None:
    edge = fleet.enrolled()
    good, bad = fleet.registry.customer("GOOD"), fleet.registry.customer("BAD")
    badges = fleet.registry.member("G", good), fleet.registry.member("B", bad)
    contract = crm.one("SELECT id FROM contract WHERE customer_id = ?", bad)
    holder = crm.one("SELECT holder_id FROM badge WHERE id = ?", badges[1])
    row_id = {"customer": bad, "contract": contract, "holder": holder, "badge": badges[1]}[table]
    fleet.turn()
    given = "CAST(? AS TEXT)" if crm.is_sqlite and isinstance(value, bytes) and not column.endswith("_cipher") else "?"
    if not crm.is_sqlite and value == GB18030:
        value = "你好"  # PostgreSQL takes nothing else
    more = ", name_clear = 'x'" if column == "version" else ""
    try:
        crm.run(f"UPDATE {table} SET {column} = {given}{more} WHERE id = ?", value, row_id)
    except (*REFUSED, OverflowError):
        pass  # better still
    crm.run("UPDATE contract SET status = 'ended' WHERE customer_id = ?", good)
    crm.run("UPDATE holder SET phone_clear = '13800138000' WHERE external_id = 'holder of G'")
    fleet.turn()
    fleet.turn()
    assert {each.status for each in fleet.snapshot(edge).customers if each.id == good} == {"ended"}
    assert crm.one("SELECT count(*) FROM holder WHERE phone_clear IS NOT NULL") == 0
    assert crm.one("SELECT count(*) FROM registry_change WHERE done_at IS NULL") == 0
    crm.run("UPDATE badge SET status = 'lost' WHERE id = ?", badges[1])
    fleet.turn()
    assert {each.status for each in fleet.snapshot(edge).badges if each.id == badges[1]} == {"lost"}
    for path in ("customers", "contracts", "holders", "badges", "duplicates", "edges"):
        answer = fleet.api.get(f"/api/v1/{path}")
        assert answer.status_code == 200, (path, answer.text)
    for path in (
        f"{table}s/{crm.one(f'SELECT public_id FROM {table} WHERE id = ?', row_id)}/history",
        "changes/1/reach",
    ):
        answer = fleet.api.get(f"/api/v1/{path}")
        assert answer.status_code < 500, (path, answer.text)


@pytest.mark.parametrize(("table", "column", "value"), LISTS)
def test_postgresql_takes_no_list_that_it_could_not_compare(
    fleet: Fleet, crm: Crm, table: str, column: str, value: Any
) -> None:
    fleet.registry.member("B", fleet.registry.customer())
    if crm.is_sqlite:
        crm.run(f"UPDATE {table} SET {column} = ?", value)
        return
    with pytest.raises(REFUSED, match="must be a JSON array of texts"):
        crm.run(f"UPDATE {table} SET {column} = ?", value)
    crm.run(f"UPDATE {table} SET {column} = ?", '["\\\\u0000", "\\\\\\\\ud800", "\\ud83d\\ude00"]')


@pytest.mark.parametrize("at", ["infinity", "-infinity", "20000-01-01 00:00:00+00"])
def test_no_time_is_taken_that_nobody_could_read(fleet: Fleet, crm: Crm, at: str) -> None:
    fleet.registry.customer()
    for table, column in (("contract", "deleted_at"), ("contract", "synced_at"), ("customer", "created_at")):
        with pytest.raises(REFUSED, match=rf"{table}\.{column}: must be a time"):
            crm.run(f"UPDATE {table} SET {column} = ?", at)


def test_sqlite_checks_the_types_of_what_is_no_change_as_well(fleet: Fleet, crm: Crm) -> None:
    fleet.registry.customer()
    if crm.is_sqlite:
        for column, value in (("version", 1.5), ("version", "x"), ("name_key", b"x"), ("changed_by", b"x")):
            with pytest.raises(REFUSED, match=rf"customer\.{column}"):
                crm.run(f"UPDATE customer SET {column} = ?", value)
    crm.run("UPDATE customer SET synced_at = '2026-03-01 00:00:00', name_key = 'x', changed_by = 'x'")


def test_a_version_is_not_given_so_high_that_nothing_could_follow(fleet: Fleet, crm: Crm) -> None:
    customer = fleet.registry.customer()
    for high in (1_000_000_001, 2_147_483_647):
        with pytest.raises(REFUSED, match=r"customer\.version: is counted by the database"):
            crm.run("UPDATE customer SET version = ? WHERE id = ?", high, customer)
    crm.run("UPDATE customer SET version = 1000000000, name = 'x' WHERE id = ?", customer)
    crm.run("UPDATE customer SET name = 'y' WHERE id = ?", customer)
    crm.run("UPDATE customer SET version = 1000000002, name = 'z' WHERE id = ?", customer)
    assert crm.one("SELECT version FROM customer WHERE id = ?", customer) == 1_000_000_002


def test_files_that_lead_in_a_circle_end_no_request(fleet: Fleet, crm: Crm) -> None:
    one, other, own = (fleet.registry.customer(code) for code in ("C1", "C2", "C3"))
    for row, into in ((one, other), (other, one), (own, own)):
        crm.run("UPDATE customer SET merged_into = ?, deleted_at = '2026-01-01 00:00:00' WHERE id = ?", into, row)
    with fleet.registry.database.write() as session:
        session.add_all(
            CustomerMerge(kept_id=kept, merged_id=merged, at=fleet.clock.now(), by="x", reason="x")
            for kept, merged in ((one, other), (other, one))
        )
    for code in ("C1", "C2", "C3"):
        for path in (code, f"{code}/history", f"{code}/duplicates"):
            assert fleet.api.get(f"/api/v1/customers/{path}").status_code == 200
        answer = fleet.api.post("/api/v1/holders", json={"name": "李娜", "customer": code})
        assert answer.json()["code"] == "deleted"


def test_what_is_not_utf_8_is_read_with_replacement_characters(fleet: Fleet, crm: Crm) -> None:
    if not crm.is_sqlite:
        pytest.skip("PostgreSQL refuses it")
    customer = fleet.registry.customer()
    crm.run("UPDATE customer SET owner = CAST(? AS TEXT) WHERE id = ?", GB18030, customer)
    assert fleet.api.get("/api/v1/customers/C001").json()["owner"] == GB18030.decode(errors="replace")
    with fleet.registry.database.read() as session:
        newest = session.exec(select(RegistryChange).order_by(col(RegistryChange.id).desc())).first()
        assert newest is not None
        assert "\ufffd" in newest.after["owner"]
    with sqlite3.connect(str(fleet.registry.database.engine.url.database)) as stored:
        assert stored.execute("SELECT CAST(owner AS BLOB) FROM customer").fetchone() == (GB18030,)
    stored.close()
