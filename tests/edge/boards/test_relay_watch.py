"""What is told of a lock's relay: a difference that lasts, now and then while it does, and its end when the relay was seen to follow."""

from hypothesis import given
from hypothesis import strategies as st

from edge.boards.relay_watch import LASTS_S, TELL_AGAIN_S, RelayWatch, Seen

STEP_S = LASTS_S


def read(watch: RelayWatch, on: bool, asked: bool | None, now: float) -> list[Seen]:
    return watch.take([on], [asked], now)


def at_rest() -> RelayWatch:
    """A watch that has told once that its only relay is released."""
    watch = RelayWatch(frozenset({0}))
    assert read(watch, False, False, 0.0) == [Seen(0, False, False)]
    return watch


def test_a_relay_that_follows_is_told_once_after_the_opening_and_after_each_command() -> None:
    watch = at_rest()
    assert read(watch, False, False, 1.0) == []
    watch.commanded(0)
    assert read(watch, True, True, 2.0) == [Seen(0, True, True)]
    assert read(watch, True, True, 3.0) == []
    watch.reopened()
    assert read(watch, False, False, 4.0) == [Seen(0, False, False)]


def test_a_difference_in_one_read_is_told_only_if_the_next_one_sees_it_too() -> None:
    watch = at_rest()
    assert read(watch, True, False, 1.0) == []
    assert watch.doubtful
    assert read(watch, False, False, 1.0 + LASTS_S) == []
    assert not watch.doubtful
    assert read(watch, True, False, 2.0) == []
    assert read(watch, True, False, 2.0 + LASTS_S / 2) == [], "two reads in a row are one moment"
    assert read(watch, True, False, 2.0 + LASTS_S) == [Seen(0, True, False)]
    assert not watch.doubtful


def test_a_difference_that_lasts_is_told_again_now_and_then() -> None:
    watch = at_rest()
    told_at = [second for second in range(1, 100) if read(watch, True, False, float(second))]
    assert told_at == [2, 2 + TELL_AGAIN_S, 2 + 2 * TELL_AGAIN_S, 2 + 3 * TELL_AGAIN_S]
    assert read(watch, False, False, 100.0) == [Seen(0, False, False)]


def test_near_the_end_of_a_pulse_nothing_is_told_and_what_was_seen_before_counts_no_more() -> None:
    watch = at_rest()
    assert read(watch, True, False, 1.0) == []
    assert read(watch, True, None, 2.0) == []
    assert read(watch, True, False, 3.0) == []
    assert read(watch, True, False, 4.0) == [Seen(0, True, False)]


def test_a_relay_that_refused_to_move_is_well_only_when_it_was_seen_to_move() -> None:
    watch = at_rest()
    watch.commanded(0)
    read(watch, False, True, 1.0)
    assert read(watch, False, True, 2.0) == [Seen(0, False, True)]
    watch.commanded(0)
    assert read(watch, False, False, 3.0) == [], "at rest it looks well"
    watch.commanded(0)
    assert read(watch, True, True, 4.0) == [Seen(0, True, True)]


def test_a_relay_that_is_nobodys_lock_is_not_told() -> None:
    watch = RelayWatch(frozenset({1}))
    watch.commanded(0)
    assert [watch.take([True, False], [False, False], now) for now in (0.0, 1.0, 2.0)] == [
        [Seen(1, False, False)],
        [],
        [],
    ]


steps = st.lists(
    st.tuples(
        st.sampled_from(["command", "read"]), st.booleans(), st.sampled_from([None, False, True]), st.floats(0, 3)
    ),
    max_size=60,
)


@given(steps)
def test_what_is_told_was_read_and_no_more_than_once_for_each_command_or_term(
    story: list[tuple[str, bool, bool | None, float]],
) -> None:
    watch, now, told_since, last_bad = RelayWatch(frozenset({0})), 0.0, 0, None
    changes = 0
    before: tuple[bool, bool | None] | None = None
    for what, on, asked, pause in story:
        now += pause
        if what == "command":
            watch.commanded(0)
            changes += 1
            continue
        if before != (on, asked):
            changes, before = changes + 1, (on, asked)
        for seen in read(watch, on, asked, now):
            told_since += 1
            assert (seen.on, seen.asked) == (on, asked)
            if on != asked:
                last_bad = now
    terms = int(now / TELL_AGAIN_S) if last_bad is not None else 0
    assert told_since <= 1 + changes + terms
