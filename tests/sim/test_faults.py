"""Faults of a line: what each does to a burst, and that a seed repeats them."""

import random

from hypothesis import given
from hypothesis import strategies as st

from sim.faults import Burst, Corrupt, Drop, Duplicate, Fault, Faults, Garbage, Late, Silence, Truncate

bursts = st.binary(min_size=1, max_size=64).map(Burst)
seeds = st.integers(0, 2**32)


@given(bursts)
def test_a_healthy_line_passes_everything(burst: Burst) -> None:
    assert Faults()(burst) == [burst]


@given(bursts, seeds)
def test_truncation_leaves_a_true_beginning(burst: Burst, seed: int) -> None:
    out = b"".join(each.data for each in Faults(Truncate(random.Random(seed)))(burst))
    assert burst.data.startswith(out)
    assert len(out) < len(burst.data)


@given(bursts, seeds)
def test_corruption_turns_exactly_one_bit(burst: Burst, seed: int) -> None:
    [out] = Faults(Corrupt(random.Random(seed)))(burst)
    turned = int.from_bytes(burst.data) ^ int.from_bytes(out.data)
    assert turned.bit_count() == 1
    assert len(out.data) == len(burst.data)


@given(bursts, seeds)
def test_a_dropped_burst_is_gone_and_a_doubled_one_comes_twice(burst: Burst, seed: int) -> None:
    assert Faults(Drop(random.Random(seed)))(burst) == []
    assert Faults(Duplicate(random.Random(seed)))(burst) == [burst, burst]


@given(bursts, seeds)
def test_lateness_adds_up_and_changes_no_byte(burst: Burst, seed: int) -> None:
    chance = random.Random(seed)
    [out] = Faults(Late(0.25, chance), Late(0.5, chance))(burst)
    assert (out.data, out.late_s) == (burst.data, 0.75)


@given(bursts)
def test_silence_lets_nothing_through_whatever_comes_after_it(burst: Burst) -> None:
    assert Faults(Silence(), Duplicate(random.Random(1)))(burst) == []


@given(st.lists(bursts, max_size=20), seeds)
def test_the_same_seed_strikes_the_same_way(traffic: list[Burst], seed: int) -> None:
    def outcome() -> list[list[Burst]]:
        chance = random.Random(seed)
        faults: list[Fault] = [
            Corrupt(chance, 0.5),
            Truncate(chance, 0.3),
            Duplicate(chance, 0.3),
            Garbage(chance, 0.1),
        ]
        chain = Faults(*faults)
        return [chain(burst) for burst in traffic]

    assert outcome() == outcome()


def test_a_fault_limited_to_one_time_strikes_once() -> None:
    fault = Drop(random.Random(1), times=1)
    chain = Faults(fault)
    assert [chain(Burst(b"x")), chain(Burst(b"y"))] == [[], [Burst(b"y")]]
    assert fault.struck == 1


def test_a_cleared_line_is_healthy_again() -> None:
    chain = Faults(Silence())
    chain.clear()
    assert chain(Burst(b"x")) == [Burst(b"x")]
