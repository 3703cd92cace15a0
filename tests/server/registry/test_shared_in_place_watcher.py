"""The watcher: clear text that a CRM wrote is encrypted and emptied, wrong values are noted, nothing is forgotten (C2, D6)."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from server.db.engine import Database
from server.ledger.facts import table_of
from server.personal.cipher import PersonalKeys, ensure_personal_keys
from server.personal.fields import read_field
from server.registry import watcher
from server.registry.changes import has_open_changes
from server.registry.models import Contact, Customer, Holder, RegistryChange
from server.registry.watcher import RegistryWatcher, follow_registry, has_pending
from tests.server.registry.bare_sql import Crm, crm

__all__ = ["crm"]

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PHONE = "13900001234"
NAME = "欧阳明珠"


@pytest.fixture
def personal(tmp_path: Path) -> PersonalKeys:
    return ensure_personal_keys(tmp_path)


def contact(crm: Crm, customer_id: int, external_id: str = "k1", name: str = NAME, phone: str = PHONE) -> None:
    crm.run(
        "INSERT INTO contact (customer_id, source_system, external_id, name_clear, phone_clear) VALUES (?, 'crm', ?, ?, ?)",
        customer_id,
        external_id,
        name,
        phone,
    )


def follow(database: Database, personal: PersonalKeys) -> int:
    return RegistryWatcher(database, personal).run_once(NOW)


def problems(crm: Crm, table: str) -> list[str | None]:
    return [
        problem for (problem,) in crm.run("SELECT problem FROM registry_change WHERE table_name = ? ORDER BY id", table)
    ]


def follow_policies(database: Database) -> None:
    """What the fleet does when the policies have followed."""
    with database.write() as session:
        changes = table_of(RegistryChange)
        session.connection().execute(update(changes).where(changes.c.done_at.is_(None)).values(done_at=NOW))


def test_clear_text_is_encrypted_found_and_emptied(database: Database, crm: Crm, personal: PersonalKeys) -> None:
    contact(crm, crm.customer())
    assert follow(database, personal) == 2
    assert crm.run("SELECT name_clear, phone_clear FROM contact") == [(None, None)]
    with database.read() as session:
        found = session.exec(
            select(Contact).where(Contact.phone_index == personal.index("phone", "139-0000-1234"))
        ).one()
        assert (read_field(personal, found, "name"), read_field(personal, found, "phone")) == (NAME, PHONE)
        assert session.exec(select(Customer.name_key)).one() == "华云数据"


def test_what_the_watcher_changed_is_noted_as_the_writers(database: Database, crm: Crm, personal: PersonalKeys) -> None:
    contact(crm, crm.customer())
    follow(database, personal)
    first, second = crm.changes("contact")
    assert first["changed_by"] == second["changed_by"]
    assert first["changed_by"].startswith("sql:crm")
    assert (first["after"]["phone_cipher"], second["after"]["version"]) == (None, 2)
    assert bytes.fromhex(second["after"]["phone_cipher"])
    assert len(crm.changes("customer")) == 1, "name_key follows from the name"


def test_nothing_is_left_to_do_after_one_turn(database: Database, crm: Crm, personal: PersonalKeys) -> None:
    contact(crm, crm.customer())
    assert [follow(database, personal) for _ in range(3)] == [2, 0, 0]
    follow_policies(database)
    with database.read() as session:
        assert not has_open_changes(session.connection())
        assert not has_pending(session.connection())


def test_the_same_phone_again_changes_nothing_but_that_it_is_gone(
    database: Database, crm: Crm, personal: PersonalKeys
) -> None:
    contact(crm, crm.customer())
    follow(database, personal)
    crm.run("UPDATE contact SET phone_clear = '139 0000 1234'")
    noted = len(crm.changes("contact"))
    assert follow(database, personal) == 1
    assert len(crm.changes("contact")) == noted
    assert crm.one("SELECT phone_clear FROM contact") is None


def test_blank_clear_text_removes_the_value(database: Database, crm: Crm, personal: PersonalKeys) -> None:
    contact(crm, crm.customer())
    follow(database, personal)
    crm.run("UPDATE contact SET phone_clear = ''")
    follow(database, personal)
    assert crm.run("SELECT phone_clear, phone_cipher, phone_index FROM contact") == [(None, None, None)]
    assert crm.one("SELECT name_cipher FROM contact") is not None


@pytest.mark.parametrize(
    ("statement", "table", "said"),
    [
        ("UPDATE contact SET phone_clear = 'call me'", "contact", "phone: this is no telephone number"),
        ("UPDATE contact SET phone_clear = '13900'", "contact", "phone: no such number"),
        ("UPDATE contact SET email_clear = 'nowhere'", "contact", "email: write it as"),
        (
            "UPDATE holder SET id_document = 'id_card', id_number_clear = '11010119900307'",
            "holder",
            "id_number: an identity",
        ),
        ("UPDATE holder SET id_number_clear = '110101199003070000'", "holder", "check digit"),
        ("UPDATE holder SET id_number_clear = '000000199003070001'", "holder", "no known region begins so"),
        ("UPDATE customer SET credit_code = '91310000'", "customer", "credit_code: a unified social credit code has"),
    ],
)
def test_what_is_wrong_is_stored_and_noted_without_the_value(
    database: Database, crm: Crm, personal: PersonalKeys, statement: str, table: str, said: str
) -> None:
    customer_id = crm.customer()
    contact(crm, customer_id)
    crm.holder(customer_id, "h1")
    follow(database, personal)
    crm.run(statement)
    change = len(crm.changes(table)) - 1
    assert follow(database, personal) == 1
    assert said in (problems(crm, table)[change] or "")
    assert "000000" not in (problems(crm, table)[change] or "")
    assert follow(database, personal) == 0


def test_a_bad_row_does_not_hinder_the_others_and_is_tried_again_when_written(
    database: Database, crm: Crm, personal: PersonalKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer_id = crm.customer()
    for number in ("k1", "k2", "k3"):
        contact(crm, customer_id, number, name=f"{NAME}{number}")
    seal = PersonalKeys.seal

    def failing(self: PersonalKeys, table: str, public_id: str, column: str, text: str) -> bytes:
        if text.endswith("k2"):
            raise ValueError(text)
        return seal(self, table, public_id, column, text)

    monkeypatch.setattr(PersonalKeys, "seal", failing)
    assert follow(database, personal) == 3
    assert crm.run("SELECT external_id FROM contact WHERE name_clear IS NOT NULL") == [("k2",)]
    assert crm.one("SELECT phone_cipher FROM contact WHERE external_id = 'k2'") is None, "a row is taken whole or not"
    assert problems(crm, "contact")[1] == "not taken: ValueError; write the row again"
    assert follow(database, personal) == 0
    monkeypatch.undo()
    crm.run("UPDATE contact SET role = 'boss' WHERE external_id = 'k2'")
    assert follow(database, personal) == 1


def test_a_turn_takes_a_batch_and_the_next_the_rest(
    database: Database, crm: Crm, personal: PersonalKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "BATCH_ROWS", 2)
    customer_id = crm.customer()
    for number in range(5):
        contact(crm, customer_id, f"k{number}")
    assert [follow(database, personal) for _ in range(4)] == [3, 2, 1, 0]


def test_an_interrupted_turn_leaves_the_text_for_the_next(database: Database, crm: Crm, personal: PersonalKeys) -> None:
    contact(crm, crm.customer())

    def interrupted() -> None:
        with database.write() as session:
            follow_registry(session, personal, NOW)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert crm.one("SELECT phone_clear FROM contact") == PHONE
    assert follow(database, personal) == 2


def test_clear_text_is_taken_though_its_change_was_called_done(
    database: Database, crm: Crm, personal: PersonalKeys
) -> None:
    contact(crm, crm.customer())
    follow_policies(database)
    assert follow(database, personal) == 2


def test_a_slow_transaction_that_commits_a_lower_id_late_is_followed(
    database: Database, personal: PersonalKeys
) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    with closing(Crm(database)) as slow, closing(Crm(database)) as fast:
        customer_id = fast.customer()
        slow.run("BEGIN")
        contact(slow, customer_id, "slow")
        contact(fast, customer_id, "fast")
        assert follow(database, personal) == 2
        follow_policies(database)
        slow.run("COMMIT")
        ids = slow.run("SELECT id FROM registry_change WHERE table_name = 'contact' ORDER BY row_id, id")
        with database.read() as session:
            open_ids = session.exec(select(RegistryChange.id).where(col(RegistryChange.done_at).is_(None))).all()
            done_ids = session.exec(select(RegistryChange.id).where(col(RegistryChange.done_at).is_not(None))).all()
        assert open_ids == [ids[0][0]]
        assert max(number for number in done_ids if number) > ids[0][0]
        assert follow(database, personal) == 1
        assert slow.run("SELECT count(*) FROM contact WHERE phone_clear IS NOT NULL") == [(0,)]


def test_a_row_that_another_writer_holds_is_left_for_the_next_turn(database: Database, personal: PersonalKeys) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    with closing(Crm(database)) as holding:
        contact(holding, holding.customer())
        with holding.transaction():
            holding.run("UPDATE contact SET role = 'x'")
            assert follow(database, personal) == 1
        assert follow(database, personal) == 1


def test_a_renamed_customer_is_looked_at_again(database: Database, crm: Crm, personal: PersonalKeys) -> None:
    crm.customer()
    follow(database, personal)
    crm.run("UPDATE customer SET name = '海云有限公司'")
    assert follow(database, personal) == 1
    assert crm.one("SELECT name_key FROM customer") == "海云"


def test_clear_text_is_gone_from_the_file_and_its_log(database: Database, crm: Crm, personal: PersonalKeys) -> None:
    if not database.is_sqlite:
        pytest.skip("PostgreSQL keeps old rows until vacuum: docs/registry.md")
    path = Path(str(database.engine.url.database))

    def found() -> set[str]:
        files = [path, path.with_name(f"{path.name}-wal")]
        content = b"".join(file.read_bytes() for file in files if file.exists())
        return {word for word in (NAME, PHONE, "110101199003070011") if word.encode() in content}

    customer_id = crm.customer()
    contact(crm, customer_id, name=NAME)
    crm.holder(customer_id, "h1")
    crm.run("UPDATE holder SET name_clear = ?, id_number_clear = '110101199003070011'", NAME * 2_000)
    assert len(found()) == 3
    keeper = RegistryWatcher(database, personal)
    with database.read() as session:
        session.exec(select(Holder.id)).all()
        assert keeper.run_once(NOW) == 3
        assert crm.one("SELECT count(*) FROM holder WHERE name_clear IS NOT NULL") == 0
    keeper.run_once(NOW)
    assert found() == set()


def test_text_of_a_crm_that_does_not_write_utf_8_is_read_and_noted(
    database: Database, crm: Crm, personal: PersonalKeys
) -> None:
    if not database.is_sqlite:
        pytest.skip("PostgreSQL refuses it")
    contact(crm, crm.customer())
    crm.run("UPDATE contact SET name_clear = CAST(? AS TEXT)", "张伟".encode("gb18030"))
    assert follow(database, personal) == 2
    assert "gb18030" in (problems(crm, "contact")[1] or "")
    with database.read() as session:
        assert read_field(personal, session.exec(select(Contact)).one(), "name") == "张伟"
