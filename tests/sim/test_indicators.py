"""Reading lamps as a person would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.indicators import LampChange, Shown, read_indicator


def lamps(*changes: tuple[str, bool, float]) -> list[LampChange]:
    return [LampChange(lamp, on, at_s) for lamp, on, at_s in changes]  # type: ignore[arg-type]


def blink(lamp: str, start_s: float, times: int) -> list[tuple[str, bool, float]]:
    return [
        each for n in range(times) for each in ((lamp, True, start_s + n * 0.5), (lamp, False, start_s + n * 0.5 + 0.2))
    ]


@pytest.mark.parametrize(
    ("changes", "now_s", "shown"),
    [
        ([], 5.0, None),
        ([("green", True, 0.1)], 0.2, None),
        ([("green", True, 0.1)], 0.6, "granted"),
        ([("green", True, 0.1), ("green", False, 1.1)], 1.2, "granted"),
        ([("red", True, 0.1), ("buzzer", True, 0.1)], 0.6, "denied"),
        ([("green", True, 0.1), ("green", False, 0.3)], 0.31, "pending"),
        ([("red", True, 0.1), ("red", False, 0.3)], 0.31, "alarm"),
        ([("green", True, -3.0), ("green", False, -0.1)], 2.0, None),
        ([("buzzer", True, 0.1)], 2.0, None),
        ([("red", True, 0.1), ("red", False, 0.2)], 0.9, None),  # the blip of `degraded`
        ([("red", True, 0.1), ("red", False, 0.2), ("red", True, 0.3)], 0.8, "denied"),
        ([("red", True, 0.1), ("red", True, 0.15)], 0.6, "denied"),  # the answer came into the blip
    ],
)
def test_patterns_are_told_apart(changes: list[tuple[str, bool, float]], now_s: float, shown: Shown | None) -> None:
    assert read_indicator(lamps(*changes), 0.0, now_s) == shown


def test_the_second_tap_of_a_pair_is_not_answered_by_the_blinking_of_the_first() -> None:
    waiting = blink("green", -0.4, 2)  # goes on at -0.4 and, still the old pattern, at 0.1
    assert read_indicator(lamps(*waiting), 0.0, 0.35) is None
    assert read_indicator(lamps(*waiting, ("green", True, 0.36)), 0.0, 0.8) == "granted"


def test_blinking_that_goes_on_for_a_second_is_the_answer() -> None:
    assert read_indicator(lamps(*blink("green", -0.4, 3)), 0.0, 1.01) == "pending"


@given(st.sampled_from([("green", "pending"), ("red", "alarm")]), st.floats(0, 1), st.integers(1, 5))
def test_any_number_of_blinks_is_never_taken_for_a_steady_light(
    kind: tuple[str, Shown], start_s: float, times: int
) -> None:
    lamp, shown = kind
    changes = lamps(*blink(lamp, start_s, times))
    seen = {read_indicator(changes[: n + 1], 0.0, change.at_s + 0.001) for n, change in enumerate(changes)}
    assert seen <= {None, shown}
    assert shown in seen


@pytest.mark.parametrize("waiting", [[], blink("green", -0.4, 1), blink("green", -0.15, 1)])
def test_one_flash_longer_than_a_blink_is_accepted_also_out_of_a_blinking_light(
    waiting: list[tuple[str, bool, float]],
) -> None:
    changes = [*waiting, ("buzzer", True, 0.1), ("green", True, 0.1), ("buzzer", False, 0.2), ("green", False, 0.4)]
    assert read_indicator(lamps(*changes[:-1]), 0.0, 0.35) is None
    assert read_indicator(lamps(*changes), 0.0, 0.45) == "accepted"
