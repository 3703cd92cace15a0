"""A journal that is not as it was written is refused in one line, never silently shortened."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.journal import SqliteJournal
from edge.ports import JournalFault
from tests.edge.test_journal import Open, Tokens, records


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


def edit(path: Path, sql: str, *values: object) -> None:
    """What somebody with the disk in hand could do."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute(sql, values).rowcount > 0
        connection.commit()


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE records SET record = x'00' WHERE seq = 4", "record 4 was altered"),
        ("UPDATE records SET hash = zeroblob(32) WHERE seq = 4", "record 4 was altered"),
        ("DELETE FROM records WHERE seq = 4", "records 4 to 4 are gone"),
        ("DELETE FROM records WHERE seq > 1", "records 2 to 3 are gone"),
        ("UPDATE checkpoint SET hash = zeroblob(32)", "record 2 is not the one that the checkpoint was made at"),
        ("DELETE FROM journal", "its head is gone"),
        ("UPDATE records SET seq = 40 WHERE seq = 5", "records 5 to 39 are gone"),
    ],
)
def test_a_tail_that_is_not_as_written_is_refused_with_one_line(path: Path, opened: Open, sql: str, says: str) -> None:
    journal = opened()
    journal.append(records(1, 5), 1)
    journal.save_checkpoint(2, b"state")
    journal.acknowledge(3)
    journal.close()
    edit(path, sql)
    with pytest.raises(JournalFault, match=says) as fault:
        opened()
    assert str(path) in str(fault.value)
    assert "\n" not in str(fault.value)


def test_an_alteration_before_the_checkpoint_is_found_by_the_whole_verification(path: Path, opened: Open) -> None:
    journal = opened()
    journal.append(records(1, 5), 1)
    journal.save_checkpoint(4, b"state")
    journal.verify()
    journal.close()
    edit(path, "UPDATE records SET record = x'00' WHERE seq = 2")
    with pytest.raises(JournalFault, match="record 2 was altered"):
        opened().verify()


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be taken for one" * 40, b"SQLite format 3\0" + bytes(4080)]
)
def test_a_file_that_is_no_journal_is_refused_with_one_line_and_left_alone(
    path: Path, opened: Open, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalFault, match=r"check the disk|is not a menjin journal|cannot be opened|disk fails"):
        opened()
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(path: Path, opened: Open) -> None:
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (id)")
        other.commit()
    with pytest.raises(JournalFault, match="is not a menjin journal; correct state_dir"):
        opened()


def test_a_damaged_page_is_a_fault_not_a_crash(path: Path, opened: Open) -> None:
    journal = opened()
    journal.append([bytes(500)] * 2_000, 1)
    journal.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(16_384))
    with pytest.raises(JournalFault):
        opened().verify()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalFault, match="correct state_dir"):
        SqliteJournal(tmp_path / "file" / "journal.db", Tokens())
