"""The outbox: windows, silence, acks, forks, ranges that are gone (DESIGN 4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.inputs import ForkFound, RecordsLost
from controller.now import SECOND_US
from controller.wire import BATCH_RECORDS, GENESIS_HASH, MAX_MESSAGE_BYTES, chain
from edge.outbox import BATCH_BYTES, PROBE_US, WINDOW_BATCHES, Outbox
from edge.ports import JournalFault, Kept
from tests.edge.outbox_rig import WALL_US, OutboxRig


def test_nothing_is_sent_while_the_link_is_down() -> None:
    rig = OutboxRig(records=5)
    rig.wait(10)
    assert rig.ranges() == []


def test_what_waits_goes_out_in_batches_up_to_the_window() -> None:
    rig = OutboxRig(records=2 * WINDOW_BATCHES * BATCH_RECORDS)
    rig.connect()
    expected = [(n * BATCH_RECORDS + 1, (n + 1) * BATCH_RECORDS) for n in range(WINDOW_BATCHES)]
    assert rig.ranges() == expected


def test_a_batch_carries_the_unchanged_bytes_and_the_hash_before_them() -> None:
    rig = OutboxRig(records=BATCH_RECORDS + 1)
    rig.connect()
    first, second = rig.sent
    assert first.previous == GENESIS_HASH
    assert second.previous == rig.journal.hash_at(BATCH_RECORDS)
    assert [bytes(raw) for raw in second.records] == [kept.record for kept in rig.journal.after(BATCH_RECORDS, 10)]


def test_each_ack_lets_the_next_batch_out() -> None:
    rig = OutboxRig(records=(WINDOW_BATCHES + 1) * BATCH_RECORDS)
    rig.connect()
    rig.ranges()
    rig.take(rig.ack(BATCH_RECORDS))
    assert rig.ranges() == [(WINDOW_BATCHES * BATCH_RECORDS + 1, (WINDOW_BATCHES + 1) * BATCH_RECORDS)]
    assert rig.outbox.acked == BATCH_RECORDS


def test_a_new_record_goes_out_at_once() -> None:
    rig = OutboxRig(records=1)
    rig.connect()
    rig.ranges()
    rig.write(1)
    rig.outbox.pump(rig.now)
    assert rig.ranges() == [(2, 2)]


def test_silence_is_answered_by_one_batch_alone_at_growing_intervals() -> None:
    rig = OutboxRig(records=WINDOW_BATCHES * BATCH_RECORDS)
    rig.connect()
    rig.ranges()
    rig.wait(4.9)
    assert rig.ranges() == []
    rig.wait(0.2)
    assert rig.ranges() == [(1, BATCH_RECORDS)]
    rig.wait(9)
    assert rig.ranges() == []
    rig.wait(1.5)
    assert rig.ranges() == [(1, BATCH_RECORDS)]


def test_an_ack_after_silence_opens_the_window_again() -> None:
    rig = OutboxRig(records=WINDOW_BATCHES * BATCH_RECORDS)
    rig.connect()
    rig.wait(6)
    rig.ranges()
    rig.take(rig.ack(BATCH_RECORDS))
    assert len(rig.ranges()) == WINDOW_BATCHES - 1


def test_a_reconnect_sends_again_from_the_last_ack() -> None:
    rig = OutboxRig(records=3)
    rig.connect()
    rig.take(rig.ack(2))
    rig.outbox.link_down()
    rig.ranges()
    rig.connect()
    assert rig.ranges() == [(3, 3)]


def test_a_link_that_takes_nothing_is_tried_again_soon() -> None:
    rig = OutboxRig(records=3)
    rig.link.up = False
    rig.connect()
    assert rig.outbox.deadline_us() == rig.mono_us + SECOND_US // 5
    rig.link.up = True
    rig.wait(0.3)
    assert rig.ranges() == [(1, 3)]


def test_an_ack_of_another_history_is_a_fork_and_acknowledges_nothing() -> None:
    rig = OutboxRig(records=3)
    rig.connect()
    assert rig.take(rig.ack(2, head=b"x" * 32)) == [ForkFound("j1", 2)]
    assert rig.outbox.acked == 0


def test_a_fork_is_told_once_while_it_stands() -> None:
    rig = OutboxRig(records=3)
    rig.connect()
    assert rig.take(rig.ack(2, head=b"x" * 32)) == [ForkFound("j1", 2)]
    assert rig.take(rig.ack(2, head=b"x" * 32)) == []
    assert rig.take(rig.ack(3)) == []
    assert rig.take(rig.ack(2, head=b"x" * 32)) == [ForkFound("j1", 2)]


def test_a_server_that_knows_more_than_the_journal_means_the_journal_was_put_back() -> None:
    rig = OutboxRig(records=3)
    rig.connect()
    assert rig.take(rig.ack(9, head=b"y" * 32)) == [ForkFound("j1", 4)]
    rig = OutboxRig(records=3)
    rig.connect()
    assert rig.take(rig.ack(3, expects=7)) == [ForkFound("j1", 4)]


def test_a_fork_that_the_server_found_is_told_and_its_branch_still_acknowledges() -> None:
    rig = OutboxRig(records=3)
    rig.connect()
    assert rig.take(rig.ack(3, fork_at=2)) == [ForkFound("j1", 2)]
    assert rig.outbox.acked == 3


def test_a_restored_server_gets_again_what_it_lost() -> None:
    rig = OutboxRig(records=10)
    rig.connect()
    rig.take(rig.ack(10))
    rig.outbox.persist(rig.now)
    rig.ranges()
    rig.take(rig.ack(4))
    assert rig.ranges() == [(5, 10)]
    assert rig.outbox.gone_back
    rig.take(rig.ack(10))
    assert not rig.outbox.gone_back


def test_what_was_purged_and_is_asked_for_again_is_declared_lost_once_and_passed() -> None:
    rig = OutboxRig(records=10)
    rig.connect()
    rig.take(rig.ack(8))
    rig.outbox.persist(rig.now)
    rig.journal.save_checkpoint(8, b"{}")
    assert rig.journal.purge(WALL_US + 1) == 8
    rig.ranges()
    assert rig.take(rig.ack(3)) == [RecordsLost("j1", 4, 8)]
    assert rig.sent[-1].first_seq == rig.sent[-1].first_retained_seq == 9
    assert rig.sent[-1].previous == rig.journal.hash_at(8)
    assert rig.take(rig.ack(3)) == []


def test_the_position_survives_a_restart_and_is_written_seldom() -> None:
    rig = OutboxRig(records=10)
    rig.connect()
    rig.take(rig.ack(3))
    rig.outbox.persist(rig.now)
    rig.take(rig.ack(6))
    rig.outbox.persist(rig.now)
    assert rig.journal.acked_upto == 3
    rig.outbox.persist(rig.now, at_once=True)
    assert rig.journal.acked_upto == 6
    assert Outbox(rig.journal, rig.sender).acked == 6


def test_with_nothing_to_send_an_empty_batch_asks_where_the_server_stands() -> None:
    rig = OutboxRig(records=1)
    rig.connect()
    rig.take(rig.ack(1))
    rig.sent.clear()
    rig.wait(PROBE_US / SECOND_US + 1)
    assert [(probe.first_seq, probe.records) for probe in rig.sent] == [(2, ())]
    assert rig.outbox.unanswered_us(rig.now) == 0
    rig.mono_us += 7 * SECOND_US
    assert rig.outbox.unanswered_us(rig.now) == 7 * SECOND_US
    rig.take(rig.ack(1))
    assert rig.outbox.unanswered_us(rig.now) == 0


def test_a_journal_that_holds_nothing_asks_nothing() -> None:
    rig = OutboxRig()
    rig.connect()
    rig.wait(10 * PROBE_US / SECOND_US)
    assert rig.sent == []
    assert rig.outbox.deadline_us() is None


def test_large_records_make_smaller_batches() -> None:
    rig = OutboxRig()
    rig.journal.append([b'"' + b"x" * (BATCH_BYTES // 3) + b'"'] * 7, WALL_US)
    rig.connect()
    assert max(last - first + 1 for first, last in rig.ranges()) == 2
    assert BATCH_BYTES * 2 <= MAX_MESSAGE_BYTES


def test_a_record_too_large_for_any_message_stops_the_outbox_and_nothing_else() -> None:
    rig = OutboxRig()
    rig.journal.append([b'"' + b"x" * (MAX_MESSAGE_BYTES + 1) + b'"'], WALL_US)
    rig.connect()
    rig.wait(1)
    assert rig.sent == []
    assert rig.outbox.waiting == 1


@given(st.data())
def test_whatever_is_lost_everything_arrives_once_and_in_order(data: st.DataObject) -> None:
    """The server keeps a contiguous prefix; messages both ways are lost at will; time goes on."""
    rig = OutboxRig(records=data.draw(st.integers(0, 3 * BATCH_RECORDS)))
    ledger: list[bytes] = []
    rig.connect()
    for _ in range(data.draw(st.integers(0, 12))):
        rig.write(data.draw(st.integers(0, 5)))
        _receive(rig, ledger, data.draw(st.booleans()), data.draw(st.booleans()))
        if data.draw(st.booleans()):
            rig.outbox.link_down()
            rig.connect()
        rig.wait(data.draw(st.sampled_from((0.1, 6.0, 70.0))))
    for _ in range(20):
        _receive(rig, ledger, True, True)
        rig.wait(70)
    assert ledger == [kept.record for kept in rig.journal.after(0, 10_000)]
    assert rig.outbox.waiting == 0


def _receive(rig: OutboxRig, ledger: list[bytes], arrives: bool, answered: bool) -> None:
    sent, rig.sent = rig.sent, []
    if not arrives:
        return
    for batch in sent:
        head = batch.previous
        for seq, raw in enumerate(batch.records, batch.first_seq):
            head = chain(head, bytes(raw))
            if seq == len(ledger) + 1:
                ledger.append(bytes(raw))
                assert rig.journal.hash_at(seq) == head
    if sent and answered:
        rig.take(rig.ack(len(ledger)))


def test_a_journal_that_cannot_be_read_is_not_asked_again_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = OutboxRig(5)

    def unreadable(seq: int, limit: int) -> list[Kept]:
        raise JournalFault("the disk fails")

    rig.outbox.link_up()
    with monkeypatch.context() as failing:
        failing.setattr(rig.journal, "after", unreadable)
        with pytest.raises(JournalFault):
            rig.outbox.pump(rig.now)
        due = rig.outbox.deadline_us()
        assert due is not None
        assert due > rig.mono_us
    rig.wait(1)
    assert rig.ranges() == [(1, 5)]
