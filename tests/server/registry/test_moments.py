"""Dates are whole days at the site, inclusive; times are instants (MEANINGS 7)."""

from datetime import UTC, date, timedelta, timezone
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from server.db.clock import from_us
from server.registry.moments import begin_of, end_of

ZONES = st.sampled_from(["Asia/Shanghai", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
DAYS = st.dates(date(1990, 1, 1), date(2090, 1, 1))


@given(DAYS, ZONES)
def test_a_date_covers_the_whole_local_day_and_nothing_of_the_next(day: date, zone: str) -> None:
    begin, end = begin_of(day.isoformat(), zone, "from"), end_of(day.isoformat(), zone, "until")
    assert begin.astimezone(ZoneInfo(zone)).date() == day
    assert (end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date() == day
    assert end.astimezone(ZoneInfo(zone)).date() == day + timedelta(days=1)
    assert timedelta(hours=23) <= end - begin <= timedelta(hours=25), "a day may have a change of the clock"


@given(DAYS, ZONES)
def test_one_day_ends_where_the_next_begins(day: date, zone: str) -> None:
    following = (day + timedelta(days=1)).isoformat()
    assert end_of(day.isoformat(), zone, "until") == begin_of(following, zone, "from")


@given(st.integers(0, 3_000_000_000_000_000), st.integers(-14 * 60, 14 * 60), ZONES)
def test_a_time_is_that_instant_whatever_the_sites_zone(at_us: int, offset_min: int, zone: str) -> None:
    at = from_us(at_us + 400 * 86_400_000_000)
    written = at.astimezone(timezone(timedelta(minutes=offset_min))).isoformat()
    for parse in (begin_of, end_of):
        found = parse(written, zone, "at")
        assert found == at
        assert found.tzinfo is UTC
