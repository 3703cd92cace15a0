"""The list from the files, while the edge runs and when it is dead; nothing is written."""

import hashlib
import sqlite3
from pathlib import Path

import msgspec
import pytest

from controller.policy import Customer, Delta, Version
from edge.journal import SqliteJournal
from edge.muster.facts import Situation, muster_of
from edge.muster.stored import StoredError, read_situation
from edge.policy_store import SqlitePolicyStore
from edge.randomness import SystemRandom
from tests.edge.muster.people import AT_US, write_state


def read(folder: Path) -> Situation:
    return read_situation(folder / "journal.db", folder / "policy.db", "demo", "edge-1", AT_US)


def test_checkpoint_and_records_after_it_are_the_list(tmp_path: Path) -> None:
    write_state(tmp_path, tail=50)
    found = muster_of(read(tmp_path))
    assert [(person.number, person.customer) for person in found.people] == [("000017", "C001"), ("S-2", "")]
    assert [area.name_zh for area in found.areas] == ["主机房", "A笼"]
    assert found.areas[0].causes == (("cage-a", "rex"),)
    assert found.recorded_at_us == AT_US


def test_the_running_edge_is_read_beside_and_not_disturbed(tmp_path: Path) -> None:
    write_state(tmp_path)
    running = SqliteJournal(tmp_path / "journal.db", SystemRandom())
    try:
        before = read(tmp_path)
        running.append([running.after(1, 1)[0].record], AT_US)
        assert read(tmp_path).recorded_at_us == before.recorded_at_us
        running.append([running.after(1, 1)[0].record], AT_US)
    finally:
        running.close()


def test_what_a_killed_edge_left_in_its_log_is_read_and_left_there(tmp_path: Path) -> None:
    write_state(tmp_path)
    dying = SqliteJournal(tmp_path / "journal.db", SystemRandom())
    dying.append([dying.after(3, 1)[0].record], AT_US)
    dead = tmp_path / "dead"
    dead.mkdir()
    for name in ("journal.db", "journal.db-wal"):  # as kill -9 leaves them, or a power cut
        (dead / name).write_bytes((tmp_path / name).read_bytes())
    dying.close()
    (dead / "policy.db").write_bytes((tmp_path / "policy.db").read_bytes())
    log = (dead / "journal.db-wal").read_bytes()
    assert len(log) > 0
    assert [person.number for person in muster_of(read(dead)).people] == ["000017", "S-2"]
    assert (dead / "journal.db-wal").read_bytes() == log


def test_nothing_is_written_beside_a_journal_that_was_closed_in_order(tmp_path: Path) -> None:
    write_state(tmp_path)
    before = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in tmp_path.iterdir()}
    read(tmp_path)
    assert {path.name: hashlib.sha256(path.read_bytes()).digest() for path in tmp_path.iterdir()} == before


def test_deltas_after_the_snapshot_count(tmp_path: Path) -> None:
    write_state(tmp_path)
    store = SqlitePolicyStore(tmp_path / "policy.db")
    delta = Delta(Version(1, 5), Version(1, 6), "d", customers=(Customer(3, "C-NEW", "organisation", "active", 2),))
    store.save_delta(1, 6, msgspec.json.encode(delta))
    store.close()
    assert muster_of(read(tmp_path)).people[0].customer == "C-NEW"
    gone = SqlitePolicyStore(tmp_path / "policy.db")
    gone.save_delta(1, 7, msgspec.json.encode(Delta(Version(1, 6), Version(1, 7), "d", gone_customers=(3,))))
    gone.close()
    assert muster_of(read(tmp_path)).people[0].customer == "#3"


@pytest.mark.parametrize("what", ["gone", "noise", "newer", "altered"])
def test_a_policy_that_cannot_be_read_costs_names_only(tmp_path: Path, what: str) -> None:
    write_state(tmp_path)
    path = tmp_path / "policy.db"
    if what == "gone":
        path.unlink()
    elif what == "noise":
        path.write_bytes(b"noise" * 1_000)
    else:
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99" if what == "newer" else "UPDATE snapshot SET sha256 = zeroblob(32)")
        db.close()
    found = read(tmp_path)
    assert found.site is None
    assert "policy.db" in found.warnings[0]
    assert [person.customer for person in muster_of(found).people] == ["#3", ""]


@pytest.mark.parametrize("what", ["gone", "noise", "hole", "newer", "unreadable record", "unreadable checkpoint"])
def test_a_journal_that_cannot_be_read_is_one_line_and_never_a_wrong_list(tmp_path: Path, what: str) -> None:
    write_state(tmp_path, tail=5)
    path = tmp_path / "journal.db"
    if what == "gone":
        path.unlink()
    elif what == "noise":
        path.write_bytes(b"noise" * 2_000)
    else:
        statement = {
            "newer": "PRAGMA user_version = 99",
            "hole": "DELETE FROM records WHERE seq = 3",
            "unreadable record": "UPDATE records SET record = '{}' WHERE seq = 3",
            "unreadable checkpoint": "UPDATE checkpoint SET state = X'00'",
        }[what]
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA ignore_check_constraints = ON")
            db.execute(statement.replace("'{}'", "X'7B7D'"))
        db.close()
    with pytest.raises(StoredError, match=r"journal\.db") as refused:
        read(tmp_path)
    assert "\n" not in str(refused.value)
