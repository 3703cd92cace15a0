"""Batches into the ledger: exactly once, in order, unchanged, whatever comes twice, early, late or altered."""

import hashlib
from typing import Any

import msgspec
import pytest
from sqlmodel import select

from controller.events import DoorOpened, DoorUnlocked
from controller.wire import GENESIS_HASH
from server.db.engine import Database
from server.ledger.models import (
    LedgerAlarm,
    LedgerEvent,
    LedgerJournal,
    LedgerLost,
    LedgerQuarantine,
    LedgerRecord,
)
from server.ledger.writer import Ledger
from tests.server.edges import AT_US, WireEdge, encode_record
from tests.server.ledger.conftest import Take


def rows(database: Database, model: Any) -> list[Any]:
    with database.read() as session:
        return list(session.exec(select(model)).all())


def edge_with(records: int, **named: str) -> WireEdge:
    edge = WireEdge(**named)
    for _ in range(records):
        edge.record()
    return edge


def test_a_batch_is_stored_unchanged_with_its_chain(database: Database, take: Take) -> None:
    edge = edge_with(3)
    [outcome] = take(edge, edge.batch(1, 3))
    assert (outcome.kind, outcome.head.seq, outcome.expects, outcome.stored) == ("extends", 3, 4, 3)
    assert outcome.head.hash == edge.head(3)
    stored = sorted(rows(database, LedgerRecord), key=lambda row: row.seq)
    assert [row.record for row in stored] == edge.journal
    assert [row.hash for row in stored] == [edge.head(1), edge.head(2), edge.head(3)]


def test_a_batch_that_comes_twice_is_acknowledged_again_and_stored_once(database: Database, take: Take) -> None:
    edge = edge_with(5)
    take(edge, edge.batch(1, 5))
    [again, part] = take(edge, edge.batch(1, 5), edge.batch(2, 3))
    assert {again.kind, part.kind} == {"replay"}
    assert again.head == part.head
    assert again.head.seq == 5
    assert len(rows(database, LedgerRecord)) == 5


def test_an_overlapping_batch_adds_only_what_is_new(database: Database, take: Take) -> None:
    edge = edge_with(8)
    take(edge, edge.batch(1, 5))
    [outcome] = take(edge, edge.batch(3, 8))
    assert (outcome.kind, outcome.head.seq, outcome.stored) == ("extends", 8, 3)
    assert sorted(row.journal_seq for row in rows(database, LedgerRecord)) == list(range(1, 9))


def test_a_gap_stores_nothing_and_asks_for_what_is_missing(database: Database, take: Take) -> None:
    edge = edge_with(9)
    take(edge, edge.batch(1, 3))
    [outcome] = take(edge, edge.batch(6, 9))
    assert (outcome.kind, outcome.head.seq, outcome.expects) == ("gap", 3, 4)
    assert len(rows(database, LedgerRecord)) == 3


def test_a_range_that_cannot_be_had_is_declared_alarmed_and_passed(database: Database, take: Take) -> None:
    edge = edge_with(9)
    take(edge, edge.batch(1, 3))
    [asked] = take(edge, edge.batch(8, 9, first_retained_seq=6))
    assert (asked.kind, asked.expects) == ("gap", 6)
    [outcome] = take(edge, edge.batch(6, 9, first_retained_seq=6))
    assert (outcome.kind, outcome.head.seq, outcome.head.hash) == ("lost", 9, edge.head(9))
    [lost] = rows(database, LedgerLost)
    assert (lost.from_seq, lost.to_seq) == (4, 5)
    [alarm] = rows(database, LedgerAlarm)
    assert (alarm.alarm, alarm.source, alarm.cleared_us) == ("RECORDS_LOST", "server", None)
    [replay] = take(edge, edge.batch(4, 9))  # found again after all: the declaration stands, nothing is doubled
    assert replay.kind == "replay"


@pytest.mark.parametrize("in_one_transaction", [True, False])
def test_a_fork_keeps_both_histories_and_raises_the_alarm(
    database: Database, take: Take, in_one_transaction: bool
) -> None:
    edge = edge_with(6)
    other = edge_with(3)
    for _ in range(4):
        other.record(DoorUnlocked(door="hall-door", cause="rex", until_mono_us=None))
    if in_one_transaction:
        outcome = take(edge, edge.batch(1, 6), other.batch(1, 5), other.batch(6, 7))[1]
    else:
        take(edge, edge.batch(1, 6))
        [outcome] = take(edge, other.batch(1, 5))
        take(edge, other.batch(6, 7))
    assert (outcome.kind, outcome.fork_at, outcome.head.seq, outcome.head.hash) == ("fork", 4, 5, other.head(5))
    journals = sorted(rows(database, LedgerJournal), key=lambda row: row.branch)
    assert [(row.branch, row.head_seq, row.head_hash) for row in journals] == [
        (0, 6, edge.head(6)),
        (1, 7, other.head(7)),
    ]
    assert {row.record for row in rows(database, LedgerRecord)} == {*edge.journal, *other.journal}
    assert [row.alarm for row in rows(database, LedgerAlarm)] == ["FORK"]
    assert [outcome.kind for outcome in take(edge, edge.batch(5, 6))] == ["replay"], "the old branch is known"


def test_a_batch_whose_previous_hash_differs_is_a_fork(take: Take) -> None:
    edge, other = edge_with(3), edge_with(0)
    for _ in range(5):
        other.record(DoorUnlocked(door="x", cause="rex", until_mono_us=None))
    take(edge, edge.batch(1, 3))
    [outcome] = take(edge, other.batch(4, 5))
    assert (outcome.kind, outcome.fork_at, outcome.head.seq) == ("fork", 3, 5)


def test_an_unreadable_record_is_kept_shown_and_passed(database: Database, take: Take) -> None:
    edge = edge_with(1)
    edge.journal.append(b'{"journal_id":"j1","seq":2,"at_us":1,"events":[{"type":"FromTheFuture"}]}')
    edge.journal.append(encode_record("j1", 77))
    edge.journal.append(encode_record("j1", 4, DoorOpened(door="a\x00b")))
    edge.journal.append(b'{"a":' * 3000 + b"1" + b"}" * 3000)
    edge.journal.append(b'{"\xff":1}')
    edge.journal.append(encode_record("j1", 7))
    [outcome] = take(edge, edge.batch(1, 7))
    assert outcome.head.seq == 7
    assert [row.record for row in sorted(rows(database, LedgerRecord), key=lambda row: row.seq)] == edge.journal
    assert sorted(row.record_seq for row in rows(database, LedgerQuarantine)) == [2, 3, 4, 5, 6]


def test_interleaved_edges_share_one_sequence_without_gaps(database: Database, take: Take, ledger: Ledger) -> None:
    one, two = edge_with(0), edge_with(0, name="edge-2")
    for start in range(0, 30, 3):
        for edge in (one, two):
            for _ in range(3):
                edge.record(DoorOpened(door="a"), DoorOpened(door="b"))
            take(edge, edge.batch(start + 1, start + 3))
    assert sorted(row.seq for row in rows(database, LedgerRecord)) == list(range(1, 61))
    assert sorted(row.seq for row in rows(database, LedgerEvent)) == list(range(1, 121))


def test_a_transaction_that_fails_leaves_no_hole_in_the_sequence(
    database: Database, take: Take, ledger: Ledger, edge_ids: dict[str, int]
) -> None:
    edge = edge_with(6)
    take(edge, edge.batch(1, 2))

    def fail() -> None:
        with ledger.writing(AT_US) as writer:
            writer.take(edge_ids["edge-1"], edge.batch(3, 4))
            raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        fail()
    take(edge, edge.batch(3, 6))
    assert sorted(row.seq for row in rows(database, LedgerRecord)) == list(range(1, 7))


def test_a_replaced_journal_declares_the_old_tail_lost(database: Database, take: Take) -> None:
    edge = edge_with(3)
    take(edge, edge.batch(1, 3))
    fresh = edge_with(2, journal_id="j2")
    [outcome] = take(edge, fresh.batch(1, 2))
    assert (outcome.kind, outcome.journal_id, outcome.head.seq) == ("extends", "j2", 2)
    [lost] = rows(database, LedgerLost)
    assert (lost.from_seq, lost.to_seq) == (4, None)


def test_the_chain_in_the_ledger_can_be_checked_from_its_bytes(database: Database, take: Take) -> None:
    edge = edge_with(4)
    take(edge, edge.batch(1, 4))
    previous = GENESIS_HASH
    for row in sorted(rows(database, LedgerRecord), key=lambda row: row.seq):
        previous = hashlib.sha256(previous + row.record).digest()
        assert row.hash == previous
        assert msgspec.json.decode(row.record)["seq"] == row.journal_seq
