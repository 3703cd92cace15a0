"""The journal: numbering, chain, durability, what is refused, and what is never dropped silently."""

import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.wire import GENESIS_HASH, chain
from edge.journal import PURGE_ROWS, SqliteJournal
from edge.ports import JournalFault
from edge.wal_checkpointer import COMMIT_OVERHEAD_BYTES, WAL_CHECKPOINT_BYTES
from tests.edge.boards.rig import wait_until

VECTORS = Path(__file__).parents[1] / "vectors" / "journal"
SECOND_US = 1_000_000


class Tokens:
    """A stand-in for chance."""

    def __init__(self) -> None:
        self._count = 0

    def token(self) -> str:
        self._count += 1
        return f"{self._count:032x}"


Open = Callable[..., SqliteJournal]


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


def reopened(journal: SqliteJournal, opened: Open) -> SqliteJournal:
    journal.close()
    return opened()


def records(first: int, count: int) -> list[bytes]:
    return [b'{"seq":%d}' % seq for seq in range(first, first + count)]


def test_a_new_journal_is_empty_and_has_an_id_of_its_own(opened: Open) -> None:
    journal = opened()
    assert journal.journal_id == f"{1:032x}"
    assert (journal.last_seq, journal.head, journal.acked_upto, journal.first_retained_seq) == (0, GENESIS_HASH, 0, 1)
    assert journal.wall_high_water_us == 0
    assert journal.checkpoint() is None
    assert journal.after(0, 10) == []
    assert reopened(journal, opened).journal_id == f"{1:032x}"


def test_records_are_numbered_without_gaps_and_chained(opened: Open) -> None:
    journal = opened()
    journal.append(records(1, 2), 10)
    journal.append([], 99)
    journal.append(records(3, 1), 20)
    head = GENESIS_HASH
    for kept in journal.after(0, 10):
        head = chain(head, kept.record)
        assert journal.hash_at(kept.seq) == head
    assert [kept.record for kept in journal.after(0, 10)] == records(1, 3)
    assert [kept.seq for kept in journal.after(1, 1)] == [2]
    assert (journal.last_seq, journal.head) == (3, head)
    assert journal.hash_at(0) == GENESIS_HASH
    assert journal.hash_at(4) is None
    assert journal.hash_at(-1) is None


def test_everything_survives_a_restart(opened: Open) -> None:
    journal = opened()
    journal.append(records(1, 5), 70)
    journal.append(records(6, 1), 50)
    journal.acknowledge(4)
    journal.save_checkpoint(3, b"state")
    assert journal.remember_command("c1", 100)
    head = journal.head
    journal = reopened(journal, opened)
    assert (journal.last_seq, journal.head, journal.acked_upto) == (6, head, 4)
    assert journal.checkpoint() == (3, b"state")
    assert journal.wall_high_water_us == 70
    assert not journal.remember_command("c1", 100)


def test_an_acknowledgement_never_goes_down_nor_beyond_what_there_is(opened: Open) -> None:
    journal = opened()
    journal.append(records(1, 3), 1)
    journal.acknowledge(2)
    journal.acknowledge(1)
    assert journal.acked_upto == 2
    journal.acknowledge(1_000)
    assert reopened(journal, opened).acked_upto == 3


def test_a_checkpoint_lies_at_a_record_that_is_kept(opened: Open) -> None:
    journal = opened()
    journal.append(records(1, 3), 1)
    with pytest.raises(ValueError, match="the journal holds 1 to 3"):
        journal.save_checkpoint(4, b"")
    journal.save_checkpoint(2, b"two")
    journal.save_checkpoint(3, b"three")
    assert journal.checkpoint() == (3, b"three")


def test_nothing_is_purged_before_ack_checkpoint_and_age(opened: Open) -> None:
    journal = opened()
    for seq in range(1, 11):
        journal.append(records(seq, 1), seq * SECOND_US)
    everything = 100 * SECOND_US
    assert journal.purge(everything) == 0
    journal.acknowledge(8)
    assert journal.purge(everything) == 0
    journal.save_checkpoint(6, b"state")
    assert journal.purge(3 * SECOND_US) == 2
    assert journal.first_retained_seq == 3
    assert journal.purge(everything) == 4
    assert journal.first_retained_seq == 7
    assert [kept.seq for kept in journal.after(0, 100)] == [7, 8, 9, 10]
    assert journal.hash_at(5) is None
    boundary = journal.hash_at(6)
    assert boundary is not None
    assert journal.hash_at(7) == chain(boundary, records(7, 1)[0])
    journal = reopened(journal, opened)
    assert (journal.first_retained_seq, journal.last_seq, journal.hash_at(6)) == (7, 10, boundary)
    assert journal.checkpoint() == (6, b"state")


def test_nothing_unacknowledged_is_purged_however_old_and_checkpointed(opened: Open) -> None:
    journal = opened()
    journal.append(records(1, 10), SECOND_US)
    journal.save_checkpoint(10, b"state")
    assert journal.purge(100 * SECOND_US) == 0
    journal.acknowledge(4)
    assert journal.purge(100 * SECOND_US) == 4
    assert reopened(journal, opened).first_retained_seq == 5


def test_a_record_written_under_a_later_clock_keeps_all_that_follow_it(opened: Open) -> None:
    journal = opened()
    for wall_us in (10, 900, 20, 30):
        journal.append([b"x"], wall_us)
    journal.acknowledge(4)
    journal.save_checkpoint(4, b"")
    assert journal.purge(100) == 1
    assert journal.first_retained_seq == 2


def test_everything_can_be_purged_and_numbering_goes_on(opened: Open) -> None:
    journal = opened()
    journal.append(records(1, 3), 1)
    journal.acknowledge(3)
    journal.save_checkpoint(3, b"")
    head = journal.head
    assert journal.purge(2) == 3
    journal = reopened(journal, opened)
    assert (journal.last_seq, journal.head, journal.first_retained_seq) == (3, head, 4)
    journal.append(records(4, 1), 5)
    assert journal.head == chain(head, records(4, 1)[0])
    assert reopened(journal, opened).last_seq == 4


def test_one_purge_takes_a_bounded_number(opened: Open) -> None:
    journal = opened()
    journal.append([b"x"] * (PURGE_ROWS + 10), 1)
    journal.acknowledge(PURGE_ROWS + 10)
    journal.save_checkpoint(PURGE_ROWS + 10, b"")
    assert journal.purge(2) == PURGE_ROWS
    assert journal.purge(2) == 10


def test_command_ids_are_kept_until_well_after_their_expiry(opened: Open) -> None:
    journal = opened()
    day_us = 86_400 * SECOND_US
    assert journal.remember_command("c", 10)
    journal.append([b"x"], day_us)
    assert not journal.remember_command("c", 10)
    journal.append([b"x"], 2 * day_us)
    assert journal.remember_command("c", 10)


def test_a_second_process_on_the_file_is_refused(path: Path, opened: Open) -> None:
    opened()
    with pytest.raises(JournalFault, match=r"another edge process has it open; end that one first"):
        SqliteJournal(path, Tokens())


def test_a_reader_beside_it_disturbs_nothing(path: Path, opened: Open) -> None:
    journal = opened()
    journal.append(records(1, 1), 1)
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM records").fetchone() == (1,)
        journal.append(records(2, 1), 1)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM records").fetchone() == (2,)


def test_a_locked_file_is_a_fault_then_and_works_again_after(path: Path, opened: Open) -> None:
    journal = opened()
    journal.append(records(1, 1), 1)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalFault, match="locked by another process"):
            journal.append(records(2, 1), 1)
        assert journal.last_seq == 1
        other.execute("ROLLBACK")
    journal.append(records(2, 1), 1)
    assert reopened(journal, opened).last_seq == 2


def test_a_full_journal_is_loud_keeps_what_it_has_and_works_again_with_room(opened: Open) -> None:
    journal = opened(size_limit_bytes=200_000)

    def fill() -> None:
        for _ in range(1_000):
            journal.append([bytes(1_000)] * 10, 1)

    with pytest.raises(JournalFault, match=r"full; free space, or restore the link"):
        fill()
    full_at = journal.last_seq
    assert full_at > 0
    assert full_at % 10 == 0
    journal.acknowledge(full_at)
    journal.save_checkpoint(full_at, b"")
    assert journal.purge(2) > 0
    journal.append([bytes(1_000)] * 10, 3)
    assert journal.last_seq == full_at + 10
    journal.verify()


def test_a_commit_that_failed_is_not_in_whatever_reached_the_disk(path: Path, opened: Open) -> None:
    journal = opened()
    journal.append(records(1, 1), 1)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalFault):
            journal.append([b"lost"], 1)
        other.execute("ROLLBACK")
        other.execute("INSERT INTO records VALUES (2, 1, ?, ?)", (chain(journal.head, b"lost"), b"lost"))
    assert journal.after(0, 10) == journal.after(0, 1)
    journal.append([b"kept"], 1)
    assert [kept.record for kept in reopened(journal, opened).after(1, 10)] == [b"kept"]


def test_after_closing_everything_is_a_fault(opened: Open) -> None:
    journal = opened()
    journal.close()
    with pytest.raises(JournalFault, match="closed"):
        journal.append([b"x"], 1)


def test_the_write_ahead_log_does_not_grow_without_end(path: Path, opened: Open) -> None:
    journal = opened()
    wal = path.with_name("journal.db-wal")
    for _ in range(200):
        journal.append([bytes(1_000)] * 100, 1)
    wait_until(lambda: path.stat().st_size > 4 * WAL_CHECKPOINT_BYTES, "the log's move into the file")
    journal.close()
    assert not wal.exists()


def test_a_commit_never_waits_for_the_log_and_settled_the_log_begins_anew(path: Path, opened: Open) -> None:
    journal = opened()
    asked: list[str] = []
    journal._db.set_trace_callback(asked.append)
    journal.append([bytes(1_000)] * (WAL_CHECKPOINT_BYTES // 1_000), 1)
    wait_until(lambda: journal._checkpointer._nearly_all_moved, "the log's move into the file")
    size = path.with_name("journal.db-wal").stat().st_size
    for _ in range(3):
        journal.append([b"x"], 1)
    assert not [statement for statement in asked if "wal_checkpoint" in statement]
    journal.settle()
    journal.settle()
    assert len([statement for statement in asked if "wal_checkpoint" in statement]) == 1
    for _ in range(3):
        journal.append([bytes(100_000)], 1)
    assert path.with_name("journal.db-wal").stat().st_size <= size + 3 * COMMIT_OVERHEAD_BYTES


# numbering and interleavings


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[str, int]]:
    kinds = st.sampled_from(["append", "ack", "checkpoint", "purge", "restart", "fail"])
    return draw(st.lists(st.tuples(kinds, st.integers(0, 12)), max_size=25))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=steps())
def test_whatever_happens_in_whatever_order_what_was_committed_is_there_without_gap(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.db"
    journal = SqliteJournal(path, Tokens())
    model: list[bytes] = []
    acked = checkpoint = purged = 0
    try:
        for step, (kind, number) in enumerate(plan):
            match kind:
                case "append":
                    batch = [b"%d.%d" % (step, index) for index in range(number)]
                    journal.append(batch, step)
                    model += batch
                case "ack":
                    acked = max(acked, min(number, len(model)))
                    journal.acknowledge(number)
                case "checkpoint":
                    if purged <= number <= len(model):
                        checkpoint = number
                        journal.save_checkpoint(number, b"%d" % number)
                case "purge":
                    purged += journal.purge(number)
                case "restart":
                    journal.close()
                    journal = SqliteJournal(path, Tokens())
                case "fail":
                    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
                        other.execute("BEGIN IMMEDIATE")
                        journal._db.execute("PRAGMA busy_timeout = 0").fetchall()
                        if number:
                            with pytest.raises(JournalFault):
                                journal.append([b"no"] * number, step)
            assert (journal.last_seq, journal.acked_upto) == (len(model), acked)
            assert purged <= min(acked, max(checkpoint, purged))
            kept = journal.after(0, 1_000)
            assert [each.seq for each in kept] == list(range(purged + 1, len(model) + 1))
            assert [each.record for each in kept] == model[purged:]
            journal.verify()
    finally:
        journal.close()


# killed in the middle

WRITER = """
import sys
from pathlib import Path
from edge.journal import SqliteJournal
class Tokens:
    def token(self): return "0" * 32
journal = SqliteJournal(Path(sys.argv[1]), Tokens())
while True:
    first = journal.last_seq + 1
    batch = [b"%d" % seq for seq in range(first, first + 1 + first % 7)]
    journal.append(batch, first)
    print(journal.last_seq, flush=True)
    if journal.last_seq % 5 == 0:
        journal.save_checkpoint(journal.last_seq, b"state")
        journal.acknowledge(journal.last_seq)
        journal.purge(first - 20)
"""


@pytest.mark.parametrize("seed", range(3))
def test_killed_while_writing_it_holds_at_least_what_was_reported_and_nothing_torn(
    path: Path, opened: Open, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        ) as writer:
            assert writer.stdout is not None
            reported = 0
            for _ in range(chance.randrange(1, 120)):
                reported = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split(b"\n")
            reported = max([reported, *(int(line) for line in rest[:-1] if line)])
        journal = opened()
        assert journal.last_seq >= reported
        assert [int(kept.record) for kept in journal.after(0, 100_000)] == list(
            range(journal.first_retained_seq, journal.last_seq + 1)
        )
        journal.verify()
        journal.close()
