"""The in-memory journal and policy store answer as the real ones do, whatever is asked of them."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.policy import encode_policy
from controller.policy_delta import make_delta
from controller.site import Site
from edge.journal import SqliteJournal
from edge.policy_store import SqlitePolicyStore
from sim.day import first_policy
from sim.memory import MemoryJournal, MemoryPolicyStore, SeededRandom
from sim.memory_server import next_version

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(st.binary(min_size=1, max_size=20), max_size=4), st.integers(0, 50)),
        st.tuples(st.just("acknowledge"), st.integers(0, 20)),
        st.tuples(st.just("checkpoint"), st.integers(0, 3)),
        st.tuples(st.just("purge"), st.integers(0, 60)),
        st.tuples(st.just("command"), st.sampled_from(("a", "b", "c"))),
    ),
    max_size=12,
)


def do(journal: Any, operation: tuple[Any, ...]) -> object:
    """One operation; what it answered."""
    match operation:
        case ("append", records, wall_us):
            return journal.append(records, wall_us)
        case ("acknowledge", upto):
            return journal.acknowledge(upto)
        case ("checkpoint", back):
            seq = max(journal.first_retained_seq - 1, journal.last_seq - back)
            return journal.save_checkpoint(seq, b"state %d" % seq)
        case ("purge", before_us):
            return journal.purge(before_us)
        case ("command", command_id):
            return journal.remember_command(command_id, 10**15)
    raise AssertionError(operation)


def look(journal: Any) -> tuple[object, ...]:
    """Everything that can be seen of a journal."""
    return (
        journal.last_seq,
        journal.head,
        journal.acked_upto,
        journal.first_retained_seq,
        journal.wall_high_water_us,
        journal.checkpoint(),
        [(kept.seq, kept.record) for kept in journal.after(journal.first_retained_seq - 1, 100)],
        [journal.hash_at(seq) for seq in range(journal.first_retained_seq - 1, journal.last_seq + 2)],
    )


@settings(max_examples=60, deadline=None)
@given(OPERATIONS)
def test_the_memory_journal_answers_as_the_one_on_disk(operations: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        real = SqliteJournal(Path(folder) / "journal.db", SeededRandom(1))
        try:
            memory = MemoryJournal("j")
            for operation in operations:
                assert do(memory, operation) == do(real, operation)
                assert look(memory) == look(real)
        finally:
            real.close()


def test_the_memory_policy_store_answers_as_the_one_on_disk(tmp_path: Path) -> None:
    site = Site("s", "Asia/Shanghai", (), (), ())
    first = first_policy(site)
    second = next_version(first, badges=first.badges[1:])
    real, memory = SqlitePolicyStore(tmp_path / "policy.db"), MemoryPolicyStore()
    delta = msgspec.json.encode(make_delta(first, second))
    steps: list[Callable[[Any], object]] = [
        lambda store: store.load(),
        lambda store: store.highest_seen,
        lambda store: store.save_snapshot(1, 1, encode_policy(first)),
        lambda store: store.save_delta(1, 2, delta),
        lambda store: store.load(),
        lambda store: store.highest_seen,
        lambda store: store.save_snapshot(2, 1, encode_policy(first)),
        lambda store: store.load(),
        lambda store: store.highest_seen,
        lambda store: store.damage,
    ]
    try:
        for step in steps:
            assert step(memory) == step(real)
    finally:
        real.close()
