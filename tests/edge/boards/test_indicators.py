"""Patterns and reminders, with a time that the test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.boards.indicators import Indicators, Reminder, Step

BLIP = Reminder(channel=5, tenths=1, every_s=10.0)


class Relays:
    """A board that remembers when each relay was lit, and for how long."""

    outputs = 8
    input_count = 0
    reads_back = False

    def __init__(self, timed_pulse: bool) -> None:
        self.timed_pulse = timed_pulse
        self.now = 0.0
        self.moves: list[tuple[float, int, bool]] = []
        self.lit: dict[int, float | None] = {}

    def pulse(self, channel: int, tenths: int, on: bool = True) -> None:
        assert self.timed_pulse
        self.set(channel, on)
        self.lit[channel] = self.now + tenths / 10

    def set(self, channel: int, on: bool) -> None:
        self.moves.append((round(self.now, 3), channel, on))
        self.lit[channel] = None
        if not on:
            del self.lit[channel]

    def is_lit(self, channel: int) -> bool:
        end = self.lit.get(channel, 0.0)
        return end is None or end > self.now


class Stage:
    def __init__(self, timed_pulse: bool) -> None:
        self.relays = Relays(timed_pulse)
        self.indicators = Indicators(self.relays, {})  # type: ignore[arg-type]
        self.now = 0.0

    def until(self, end: float) -> None:
        """Each deadline in turn, as the thread keeps them."""
        for _ in range(10_000):
            at = self.indicators.next_at()
            if at is None or at > end:
                break
            self.now = self.relays.now = max(self.now, at)
            self.indicators.run(self.now)
        else:
            raise AssertionError("it never rests")
        self.now = self.relays.now = end

    def show(self, *steps: Step) -> None:
        self.indicators.show("in", steps, self.now)

    def ons(self, channel: int) -> list[float]:
        return [at for at, number, on in self.relays.moves if number == channel and on]


@pytest.fixture(params=[True, False], ids=["timed", "latching"])
def stage(request: pytest.FixtureRequest) -> Stage:
    return Stage(request.param)


def test_a_reminder_blips_at_once_and_then_every_ten_seconds_until_it_is_forgotten(stage: Stage) -> None:
    stage.indicators.remind("in", BLIP, 0.0)
    stage.until(35.0)
    assert stage.ons(5) == [0.0, 10.0, 20.0, 30.0]
    assert not stage.relays.is_lit(5)
    stage.indicators.remind("in", None, stage.now)
    stage.until(100.0)
    assert len(stage.ons(5)) == 4
    assert stage.indicators.next_at() is None


def test_the_same_reminder_again_changes_nothing(stage: Stage) -> None:
    for second in range(25):
        stage.indicators.remind("in", BLIP, float(second))
        stage.until(second + 1.0)
    assert stage.ons(5) == [0.0, 10.0, 20.0]


def test_another_pattern_is_never_disturbed_and_the_reminder_comes_back_after_it(stage: Stage) -> None:
    stage.indicators.remind("in", BLIP, 0.0)
    stage.until(9.0)
    stage.show(*(Step(count * 0.5, 5, 2) for count in range(6)))  # 9.0 to 11.7
    stage.until(11.6)
    assert stage.ons(5) == [0.0, 9.0, 9.5, 10.0, 10.5, 11.0, 11.5]
    stage.until(13.0)
    assert len(stage.ons(5)) == 8
    stage.until(30.0)
    assert stage.ons(5)[7] + 10.0 == pytest.approx(stage.ons(5)[8])


def test_a_pattern_that_begins_during_a_blip_ends_the_blip(stage: Stage) -> None:
    stage.indicators.remind("in", BLIP, 0.0)
    stage.until(0.05)
    assert stage.relays.is_lit(5)
    stage.show(Step(0.0, 4, 10))
    assert not stage.relays.is_lit(5)
    stage.until(0.5)
    assert stage.relays.is_lit(4)


def test_a_board_that_was_reopened_goes_on_reminding(stage: Stage) -> None:
    stage.indicators.remind("in", BLIP, 0.0)
    stage.until(1.0)
    stage.indicators.reopened()
    stage.until(11.0)
    assert stage.ons(5) == [0.0, 10.0]


@given(
    st.booleans(),
    st.lists(
        st.tuples(
            st.floats(0, 15),
            st.one_of(
                st.none(),
                st.just(BLIP),
                st.lists(st.builds(Step, st.floats(0, 4), st.integers(4, 5), st.integers(1, 9)), max_size=5),
            ),
        ),
        max_size=12,
    ),
)
def test_whatever_is_shown_all_is_dark_soon_after_and_nothing_runs_on(
    timed: bool, story: list[tuple[float, Reminder | list[Step] | None]]
) -> None:
    stage = Stage(timed)
    for pause, act in story:
        stage.until(stage.now + pause)
        if isinstance(act, list):
            stage.show(*act)
        else:
            stage.indicators.remind("in", act, stage.now)
    stage.indicators.remind("in", None, stage.now)
    stage.until(stage.now + 10.0)
    assert stage.indicators.next_at() is None
    assert not any(stage.relays.is_lit(channel) for channel in range(8))
