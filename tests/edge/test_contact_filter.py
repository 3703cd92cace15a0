"""A rattling contact is counted, a chattering button is one press, no open door ever looks closed and no alarm waits."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.inputs import (
    AnyInput,
    ContactRattling,
    DoorContact,
    FireInput,
    GasInput,
    LockdownInput,
    PersonCounted,
    PowerInput,
    RexPressed,
    TamperInput,
)
from controller.now import SECOND_US
from edge.contact_filter import (
    REST_US,
    SAME_PRESS_US,
    SINGLE_CHANGES,
    SINGLE_WITHIN_US,
    TOLD_EVERY_US,
    ContactFilter,
)


def changes(count: int, apart_us: int, start_us: int = 0) -> list[tuple[int, bool]]:
    return [(start_us + number * apart_us, number % 2 == 0) for number in range(count)]


def play(heard: list[tuple[int, bool]], until_us: int = 0, door: str = "d") -> list[tuple[int, AnyInput]]:
    """Each level at its time, with the filter's own deadlines kept in between, as the agent keeps them."""
    kept = ContactFilter()
    told: list[tuple[int, AnyInput]] = []
    for at_us, is_open in heard:
        told += run_until(kept, at_us)
        told += [(at_us, item) for item in kept.take(DoorContact(door, is_open), at_us)]
    return told + run_until(kept, until_us)


def run_until(kept: ContactFilter, until_us: int) -> list[tuple[int, AnyInput]]:
    told: list[tuple[int, AnyInput]] = []
    while (due_us := kept.deadline_us()) is not None and due_us <= until_us:
        found = kept.due(due_us)
        assert found, "a deadline at which nothing is told"
        told += [(due_us, item) for item in found]
    return told


def test_changes_of_a_used_door_pass_one_by_one() -> None:
    used = changes(200, SINGLE_WITHIN_US // SINGLE_CHANGES)
    assert [item for _, item in play(used)] == [DoorContact("d", is_open) for _, is_open in used]


def test_beyond_the_bound_a_contact_is_counted_then_told_at_rest() -> None:
    apart_us = SECOND_US // 20
    rattled = changes(1_001, apart_us)
    told = play(rattled, until_us=rattled[-1][0] + 2 * REST_US)
    assert [item for _, item in told[:SINGLE_CHANGES]] == [DoorContact("d", is_open) for _, is_open in rattled[:20]]
    counts = [(at_us, item) for at_us, item in told if isinstance(item, ContactRattling)]
    assert counts[0] == (SINGLE_CHANGES * apart_us, ContactRattling("d", 1, True))
    assert [at_us for at_us, _ in counts] == [counts[0][0], counts[0][0] + TOLD_EVERY_US]
    assert told[-1] == (rattled[-1][0] + REST_US, DoorContact("d", True))


def test_after_its_rest_single_changes_pass_again() -> None:
    rattled = changes(100, SECOND_US // 20)
    later = rattled[-1][0] + REST_US
    told = play([*rattled, (later + 1, True), (later + 2, False)])
    assert [item for _, item in told[-3:]] == [DoorContact("d", False), DoorContact("d", True), DoorContact("d", False)]


def test_levels_told_again_by_a_reopened_board_are_no_changes() -> None:
    told = play([(0, True)] + [(number, True) for number in range(1, 100)])
    assert not any(isinstance(item, ContactRattling) for _, item in told)
    rattled = changes(50, 1)
    rest_us = rattled[-1][0] + REST_US
    again = [(at_us, rattled[-1][1]) for at_us in range(rattled[-1][0] + 1, rest_us, SECOND_US)]
    assert play([*rattled, *again], until_us=rest_us)[-1] == (rest_us, DoorContact("d", rattled[-1][1]))


def test_one_rattling_door_does_not_count_for_another() -> None:
    kept = ContactFilter()
    for at_us, is_open in changes(60, 1):
        kept.take(DoorContact("bad", is_open), at_us)
    assert kept.take(DoorContact("good", True), 100) == [DoorContact("good", True)]


def test_a_chattering_button_is_one_press_each_fifth_of_a_second_and_doors_do_not_mix() -> None:
    kept = ContactFilter()
    press = RexPressed("d")
    passed = [at for at in range(0, SECOND_US, SECOND_US // 20) if kept.take(press, at)]
    assert passed == [0, SAME_PRESS_US, 2 * SAME_PRESS_US, 3 * SAME_PRESS_US, 4 * SAME_PRESS_US]
    assert kept.take(RexPressed("e"), SECOND_US) == [RexPressed("e")]


def test_everything_else_passes_as_it_is() -> None:
    kept = ContactFilter()
    counted = PersonCounted("hall", 2)
    assert [kept.take(counted, 0) for _ in range(100)] == [[counted]] * 100
    assert kept.deadline_us() is None


ALARM_INPUTS = (
    partial(FireInput, "z1"),
    partial(GasInput, "z1"),
    partial(TamperInput, "box"),
    partial(LockdownInput, "hall"),
    partial(PowerInput, "box", "mains"),
    partial(PowerInput, "box", "battery"),
)


@pytest.mark.parametrize("level", ALARM_INPUTS)
def test_an_alarm_input_that_chatters_counts_as_active_until_it_rests(level: Callable[[bool], AnyInput]) -> None:
    kept = ContactFilter()
    apart_us = SECOND_US // 20
    chatter = changes(400, apart_us)
    told = [item for at_us, active in chatter for item in kept.take(level(active), at_us)]
    assert told[:SINGLE_CHANGES] == [level(active) for _, active in chatter[:SINGLE_CHANGES]]
    assert set(map(str, told[SINGLE_CHANGES:])) == {str(level(True))}
    assert run_until(kept, chatter[-1][0] + 2 * REST_US) == [(chatter[-1][0] + REST_US, level(False))]
    later_us = chatter[-1][0] + 2 * REST_US
    assert [kept.take(level(active), later_us + n) for n, active in enumerate((True, False))] == [
        [level(True)],
        [level(False)],
    ]


def test_an_alarm_input_that_rests_active_is_free_again() -> None:
    kept = ContactFilter()
    for at_us, active in changes(41, 1):
        kept.take(FireInput("z1", active), at_us)
    assert kept.deadline_us() is None
    assert kept.take(FireInput("z1", False), 41 + REST_US) == [FireInput("z1", False)]


def test_one_chattering_zone_does_not_hold_another() -> None:
    kept = ContactFilter()
    for at_us, active in changes(60, 1):
        kept.take(FireInput("z1", active), at_us)
    for other in (FireInput("z2", False), GasInput("z1", False), TamperInput("z1", False)):
        assert kept.take(other, 60) == [other]


bursts = st.tuples(
    st.integers(0, 70 * SECOND_US), st.integers(1, 90), st.integers(1, SECOND_US), st.booleans(), st.booleans()
)
stories = st.lists(bursts, max_size=5)
"""(pause, how many levels, how far apart, the first of them, whether each differs from the one before)"""


def at_times(story: list[tuple[int, int, int, bool, bool]]) -> list[tuple[int, bool]]:
    heard, at_us = [], 0
    for pause_us, count, apart_us, first, alternating in story:
        at_us += pause_us
        for number in range(count):
            at_us += apart_us
            heard.append((at_us, first ^ (alternating and number % 2 == 1)))
    return heard


@given(stories)
def test_no_door_that_is_open_looks_closed(story: list[tuple[int, int, int, bool, bool]]) -> None:
    """Open counts until a single closed is told: at every moment the core's picture of an open leaf is open."""
    heard = at_times(story)
    end_us = (heard[-1][0] if heard else 0) + REST_US
    told = play(heard, until_us=end_us)
    truth, words = dict(heard), dict(told)  # the last of each moment
    is_open = seen_open = False
    for moment_us in sorted({*truth, *words}):
        is_open = truth.get(moment_us, is_open)
        if moment_us in words:
            seen_open = words[moment_us] != DoorContact("d", False)
        assert seen_open or not is_open, f"open at {moment_us}, but the core was told {words.get(moment_us)}"
    if heard:
        assert told[-1][1] == DoorContact("d", heard[-1][1]), "at rest its true level is told"


@given(stories)
def test_what_is_told_is_bounded_and_every_change_is_told_or_counted(
    story: list[tuple[int, int, int, bool, bool]],
) -> None:
    heard = at_times(story)
    end_us = (heard[-1][0] if heard else 0) + 2 * REST_US
    told = play(heard, until_us=end_us)
    counts = [(at_us, item) for at_us, item in told if isinstance(item, ContactRattling)]
    rests = [at_us for at_us, item in told if isinstance(item, DoorContact)]
    for (earlier_us, _), (later_us, _) in pairwise(counts):
        rested = any(earlier_us + REST_US <= at_us < later_us for at_us in rests)
        assert later_us - earlier_us >= TOLD_EVERY_US or rested
    flips = sum(1 for n, (_, is_open) in enumerate(heard) if n == 0 or heard[n - 1][1] != is_open)
    assert sum(item.changes for _, item in counts) <= flips
    if not counts:
        assert [item for _, item in told] == [DoorContact("d", is_open) for _, is_open in heard]


@given(stories)
def test_every_active_alarm_passes_at_once_and_what_the_core_sees_changes_seldom(
    story: list[tuple[int, int, int, bool, bool]],
) -> None:
    heard = at_times(story)
    kept = ContactFilter()
    told: list[tuple[int, AnyInput]] = []
    for at_us, active in heard:
        told += run_until(kept, at_us)
        passed = kept.take(FireInput("z1", active), at_us)
        assert passed == [FireInput("z1", True)] if active else len(passed) <= 1
        told += [(at_us, item) for item in passed]
    end_us = (heard[-1][0] if heard else 0) + REST_US
    told += run_until(kept, end_us)
    seen = [(at_us, item.active) for at_us, item in told if isinstance(item, FireInput)]
    flips = [at_us for (_, before), (at_us, after) in pairwise(seen) if before != after]
    assert all(later - first >= REST_US for first, later in zip(flips, flips[2 * SINGLE_CHANGES + 2 :], strict=False))
    if heard:
        assert seen[-1][1] == heard[-1][1], "at rest its true level is told"
