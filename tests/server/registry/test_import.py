"""`menjin registry import`: what is written, what a dry run shows, on both databases (C1, C2)."""

import json
from datetime import datetime
from typing import Any

import pytest
from sqlmodel import col, select

from server.db.engine import Database
from server.operators.models import AuditEntry
from server.personal.cipher import ensure_personal_keys
from server.personal.fields import read_field
from server.registry import importing
from server.registry.models import Contact, Contract, Customer, Holder, RegistryChange
from tests.server.registry.import_command import CUSTOMER, Command, command

__all__ = ["command"]

FULL: dict[str, list[list[Any]]] = {
    "持证人": [
        ["客户代码", "姓名", "外部编号", "电话", "证件类型", "证件号码", "持钥匙人"],
        ["C001", "李娜", "P1", "13800001234", "身份证", "110101199003070011", "否"],
        [None, "赵强", "P2", None, None, None, None],
    ],
    "客户": [
        ["客户代码*", "类型", "名称", "级别", "负责人"],
        ["C001", "单位", "华云数据有限公司", "A", "王"],
        ["C002", "个人", "陈明", None, None],
    ],
    "contacts": [
        ["customer", "name", "external_id", "phone", "primary"],
        ["C001", "欧阳明", "K1", "+86 139 0000 5678", "是"],
    ],
    "contracts": [
        ["customer", "number", "from", "until", "areas", "status", "ip_allowance"],
        ["C001", "HT-1", datetime(2026, 1, 1), "2026年12月31日", "hall；lobby", "生效", 4],  # noqa: DTZ001
    ],
    "notes": [["anything"]],
}


def test_a_workbook_brings_all_nouns_in_the_order_that_they_need(command: Command, database: Database) -> None:
    shown = command.json(FULL)
    assert (shown["new"], shown["changed"], shown["errors"]) == (6, 0, [])
    personal = ensure_personal_keys(command.folder / "server")
    with database.read() as session:
        customer = session.exec(select(Customer).where(Customer.code == "C001")).one()
        assert (customer.kind, customer.class_, customer.name_key, customer.source_system) == (
            "organisation",
            "A",
            "华云数据",
            "file",
        )
        contract = session.exec(select(Contract)).one()
        assert contract.from_at.isoformat() == "2025-12-31T16:00:00+00:00"
        assert contract.until_at is not None
        assert contract.until_at.isoformat() == "2026-12-31T16:00:00+00:00", "a date is inclusive as an end"
        assert (contract.areas, contract.ip_allowance, contract.external_id) == (["hall", "lobby"], 4, "HT-1")
        contact = session.exec(select(Contact)).one()
        assert (read_field(personal, contact, "phone"), contact.is_primary) == ("13900005678", True)
        holders = session.exec(select(Holder).order_by(col(Holder.external_id))).all()
        assert [(read_field(personal, holder, "name"), holder.kind) for holder in holders] == [
            ("李娜", "customer"),
            ("赵强", "visitor"),
        ]
        by = session.exec(select(RegistryChange.changed_by)).all()
        assert all(who.startswith("file:") for who in by)
        (entry,) = session.exec(select(AuditEntry).where(AuditEntry.act == "registry.import")).all()
        assert (entry.after or {})["new"] == 6


def test_the_same_file_again_changes_nothing(command: Command, database: Database) -> None:
    command.json(FULL)
    shown = command.json(FULL)
    assert (shown["new"], shown["changed"], shown["unchanged"]) == (0, 0, 6)
    with database.read() as session:
        assert len(session.exec(select(RegistryChange.id)).all()) == 6


def test_a_dry_run_shows_each_difference_and_writes_nothing(command: Command, database: Database) -> None:
    command.csv("code,kind,name,owner\nC001,organisation,A,王\nC002,organisation,B,王\n")
    result = command.csv(
        "code,kind,name,owner\nC001,organisation,A,李\nC002,organisation,B,王\nC003,individual,C,\n", "--dry-run"
    )
    assert result.exit_code == 0
    assert "customers row 2 C001: changed; owner: 王 → 李" in result.stdout
    assert "customers row 3 C002: unchanged" in result.stdout
    assert "customers row 4 C003: new" in result.stdout
    assert "1 new, 1 changed, 1 unchanged (dry run: nothing was written)" in result.stdout
    with database.read() as session:
        assert session.exec(select(Customer.owner).order_by(col(Customer.id))).all() == ["王", "王"]


def test_persons_data_are_masked_in_what_is_shown(command: Command) -> None:
    command.json(FULL)
    changed = {"contacts": [["customer", "name", "external_id", "phone"], ["C001", "欧阳明", "K1", "13711112222"]]}
    for arguments in (("--dry-run",), ("--dry-run", "--json")):
        result = command.xlsx(changed, *arguments)
        assert "139****5678" in result.stdout
        assert "137****2222" in result.stdout
        assert "13711112222" not in result.output


def test_an_empty_cell_leaves_what_is_stored(command: Command, database: Database) -> None:
    command.csv("code,kind,name,owner\nC001,organisation,A,王\n")
    command.csv("code,kind,name,owner,remark\nC001,organisation,A,,x\n")
    with database.read() as session:
        assert session.exec(select(Customer.owner, Customer.remark)).one() == ("王", "x")


def test_a_customer_of_another_system_is_found_by_its_code(command: Command, database: Database) -> None:
    command.csv("code,kind,name,source_system,external_id\nC001,organisation,A,crm,4711\n")
    command.csv("code,kind,name\nC001,organisation,B\n")
    with database.read() as session:
        found = session.exec(select(Customer)).one()
        assert (found.name, found.source_system, found.external_id) == ("B", "crm", "4711")


def test_a_change_of_kind_beyond_the_quota_is_an_error_of_its_row(command: Command, database: Database) -> None:
    from server.badges.models import Badge
    from tests.server.conftest import START

    command.json(FULL)
    with database.write() as session:
        customer = session.exec(select(Customer).where(Customer.code == "C001")).one()
        holder = session.exec(select(Holder).where(Holder.kind == "customer")).one()
        assert holder.id is not None
        badge = Badge(
            kind="customer", status="approved", holder_id=holder.id, holder_kind="customer", customer_id=customer.id,
            customer_kind="organisation", slot=2, from_at=START, created_at=START,
        )  # fmt: skip
        session.add(badge)
    result = command.csv("code,kind,name\nC009,organisation,new\nC001,individual,A\n")
    assert result.exit_code == 2
    assert "row 3, column B (kind): The customer holds more badges" in result.stderr
    with database.read() as session:
        assert session.exec(select(Customer.id).where(Customer.code == "C009")).first() is None


def test_a_batch_that_another_writer_spoiled_stops_and_the_rest_is_done_by_running_it_again(
    command: Command, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 2)
    write = importing.Importer.write

    def spoiled(self: importing.Importer, into: Database, rows: Any) -> Any:
        with database.write() as session:
            session.add(Customer(code="C3", kind="organisation", name="x", source_system="crm", external_id="C9"))
        return write(self, into, rows)

    content = "code,kind,name,external_id\n" + "".join(f"C{n},organisation,N{n},C{n}\n" for n in range(5))
    monkeypatch.setattr(importing.Importer, "write", spoiled)
    result = command.csv(content)
    monkeypatch.setattr(importing.Importer, "write", write)
    assert result.exit_code == 2
    assert "row 5" in result.stderr
    assert "2 rows were written before another writer came between; run it again" in result.stderr
    with database.write() as session:
        found = session.exec(select(Customer).where(Customer.code == "C3")).one()
        found.code, found.version = "X3", found.version + 1
        session.add(found)
    assert "3 new, 0 changed, 2 unchanged" in command.csv(content).stdout


def test_errors_and_rows_come_as_json_too(command: Command) -> None:
    shown = json.loads(command.csv("code,kind,name\nC1,nobody,A\n", "--json").stdout)
    assert shown["errors_total"] == 1
    assert {"row": 2, "column": "B", "field": "kind"}.items() <= shown["errors"][0].items()


def test_what_looks_wrong_is_written_and_said(command: Command, database: Database) -> None:
    result = command.csv("code,kind,name,credit_code\nC1,organisation,A,91310000MA1FL0001X\n")
    assert "column D (credit_code): credit_code: its check digit does not fit" in result.stderr
    assert result.exit_code == 0


def test_a_locked_database_is_one_line(command: Command, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    if not database.is_sqlite:
        pytest.skip("SQLite only")
    from server.db import engine

    command.csv("code,kind,name\nC1,organisation,A\n")
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 100)
    with database.write() as session:
        session.add(Customer(code="held", kind="organisation", name="x"))
        session.flush()
        result = command.csv(f"{','.join(CUSTOMER)}\nC2,organisation,A\n")
    assert result.exit_code == 2
    assert "locked" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
