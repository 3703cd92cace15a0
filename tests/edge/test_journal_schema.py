"""The journal file's versions: each opens, newer ones are refused, migrations leave a copy."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.journal import SqliteJournal
from edge.journal_schema import MIGRATIONS, SCHEMA, VERSION, migrate
from edge.ports import JournalFault
from tests.edge.test_journal import Open, Tokens, records

VECTORS = Path(__file__).parents[1] / "vectors" / "journal"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    """Opens the journal; what is still open at the end is closed."""
    journals: list[SqliteJournal] = []

    def open_journal(**options: int) -> SqliteJournal:
        journals.append(SqliteJournal(path, Tokens(), **options))
        return journals[-1]

    yield open_journal
    for journal in journals:
        with contextlib.suppress(JournalFault):
            journal.close()


def test_the_schema_of_each_version_is_kept() -> None:
    kept = {int(file.stem): file.read_text() for file in VECTORS.glob("*.sql")}
    assert sorted(kept) == list(range(1, VERSION + 1))
    assert SCHEMA.strip() in kept[VERSION], "a change of the schema is a new version: leave the old file, add one"


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_a_file_of_every_version_opens_with_all_that_was_in_it(path: Path, opened: Open, version: int) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript((VECTORS / f"{version}.sql").read_text())
    journal = opened()
    assert journal.journal_id == "00112233445566778899aabbccddeeff"
    assert (journal.first_retained_seq, journal.last_seq, journal.acked_upto) == (2, 4, 3)
    assert [kept.record for kept in journal.after(0, 10)] == [b'{"seq":2}', b'{"seq":3}', b'{"seq":4}']
    assert journal.checkpoint() == (3, b"state")
    assert journal.wall_high_water_us == 1_700_000_000_000_000
    assert not journal.remember_command("c1", 1_700_000_000_000_000)
    journal.verify()
    journal.append([b"more"], 1)


def test_a_newer_file_is_refused_with_one_line_and_left_alone(path: Path, opened: Open) -> None:
    opened().close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(JournalFault, match=f"version {VERSION + 1} was written by a newer menjin"):
        opened()
    assert path.read_bytes() == before


def test_a_migration_goes_step_by_step_and_leaves_a_copy(path: Path, opened: Open) -> None:
    journal = opened()
    journal.append(records(1, 3), 1)
    journal.close()
    steps = {
        **MIGRATIONS,
        VERSION: "ALTER TABLE records ADD COLUMN kind TEXT;\n",
        VERSION + 1: "UPDATE records SET kind = 'old';\nCREATE INDEX records_by_kind ON records (kind);\n",
    }
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, steps, VERSION + 2)
        assert connection.execute("SELECT count(*) FROM records WHERE kind = 'old'").fetchone() == (3,)
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION + 2,)
    shutil.copy(path.with_name(f"journal.db.v{VERSION}.bak"), path)
    assert [kept.record for kept in opened().after(0, 10)] == records(1, 3)


def test_a_migration_that_fails_changes_nothing(path: Path, opened: Open) -> None:
    journal = opened()
    journal.append(records(1, 3), 1)
    journal.close()
    steps = {VERSION: "ALTER TABLE records ADD COLUMN kind TEXT;\nUPDATE nowhere SET kind = 1;\n"}
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            migrate(connection, path, steps, VERSION + 1)
        with pytest.raises(JournalFault, match="too old"):
            migrate(connection, path, {}, VERSION + 1)
    assert [kept.record for kept in opened().after(0, 10)] == records(1, 3)
