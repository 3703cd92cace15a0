"""Which of two messages is older (C2)."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.registry.writing import older

TIMES = st.datetimes(timezones=st.integers(-12, 12).map(lambda hours: timezone(timedelta(hours=hours))))
VERSION = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)


@given(TIMES, TIMES)
def test_times_are_compared_as_times_whatever_their_zone(one: datetime, other: datetime) -> None:
    assert older(one.isoformat(), other.isoformat()) == (one < other)


@given(st.integers(0, 10**20), st.integers(0, 10**20), st.sampled_from(["", "v", "rev-"]))
def test_numbers_are_compared_as_numbers(one: int, other: int, prefix: str) -> None:
    assert older(f"{prefix}{one}", f"{prefix}{other}") == (one < other)


@given(VERSION, VERSION)
def test_of_two_versions_at_most_one_is_older(one: str, other: str) -> None:
    assert not (older(one, other) and older(other, one))
    assert not older(one, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("9", "10"),
        ("2026-03-02T08:00:00Z", "2026-03-02T08:00:00.5Z"),
        ("2026-03-02T17:00:00+08:00", "2026-03-02T09:30:00Z"),
    ],
)
def test_what_a_plain_comparison_of_text_gets_wrong(one: str, other: str) -> None:
    assert older(one, other)
    assert not older(other, one)
