"""The judgement of a batch, against a model that simply compares histories."""

from hypothesis import given
from hypothesis import strategies as st

from controller.wire import GENESIS_HASH
from server.ledger.chain import Head, chain_hashes, judge

RECORDS = st.lists(st.binary(min_size=1, max_size=3), min_size=1, max_size=12)


def hash_at(records: list[bytes], seq: int) -> bytes:
    return chain_hashes(GENESIS_HASH, records)[seq - 1] if seq else GENESIS_HASH


@given(RECORDS, st.data())
def test_any_slice_of_the_same_journal_extends_replays_or_is_a_gap(journal: list[bytes], data: st.DataObject) -> None:
    held = data.draw(st.integers(0, len(journal)))
    first = data.draw(st.integers(1, len(journal)))
    last = data.draw(st.integers(first, len(journal)))
    head = Head(held, hash_at(journal, held))
    previous = hash_at(journal, first - 1)
    hashes = chain_hashes(previous, journal[first - 1 : last])
    verdict = judge(head, first, previous, hashes, 1, lambda seq: hash_at(journal, seq) if seq <= held else None)
    if first > held + 1:
        assert (verdict.kind, verdict.expects) == ("gap", held + 1)
    elif last <= held:
        assert verdict.kind == "replay"
    else:
        assert (verdict.kind, first + verdict.skip) == ("extends", held + 1)


@given(RECORDS, RECORDS, RECORDS, st.data())
def test_another_history_is_a_fork_at_the_first_record_that_differs(
    common: list[bytes], ours: list[bytes], theirs: list[bytes], data: st.DataObject
) -> None:
    ours, theirs = [b"ours", *ours], [b"theirs", *theirs]
    held, sent = common + ours, common + theirs
    first = data.draw(st.integers(1, len(common) + 1))
    last = data.draw(st.integers(len(common) + 1, len(sent)))
    previous = hash_at(sent, first - 1)
    hashes = chain_hashes(previous, sent[first - 1 : last])
    verdict = judge(
        Head(len(held), hash_at(held, len(held))), first, previous, hashes, 1, lambda seq: hash_at(held, seq)
    )
    assert (verdict.kind, verdict.fork_at) == ("fork", len(common) + 1)
    assert first + verdict.skip == len(common) + 1


@given(RECORDS, st.integers(0, 5), st.integers(2, 9))
def test_only_the_first_retained_record_may_follow_a_lost_range(journal: list[bytes], held: int, skipped: int) -> None:
    first = held + skipped
    previous = b"p" * 32
    hashes = chain_hashes(previous, journal)
    for retained in (1, first - 1, first, first + 1):
        verdict = judge(Head(held, b"h" * 32), first, previous, hashes, retained, lambda _: None)
        if retained == first:
            assert verdict.kind == "lost"
        else:
            assert verdict.kind == "gap"
            assert held < verdict.expects <= first
