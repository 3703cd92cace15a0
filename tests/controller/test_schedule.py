"""Weekly windows against the definition: what the clock on the wall shows (R1)."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.now import SECOND_US
from controller.schedule import Calendar
from controller.site import Interval, Schedule, Site
from controller.site_checks import check_site

ZONES = [
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
]
WEEK = (
    (Interval(0, 60), Interval(480, 720), Interval(1_380, 1_440)),
    (Interval(120, 180),),
    (),
    (Interval(0, 1_440),),
    (Interval(61, 62),),
    (Interval(150, 151),),
    (Interval(60, 240),),
)


def site(zone: str, **fields: object) -> Site:
    return Site("s", zone, (), (), (), schedules=(Schedule("odd", WEEK, holiday=(Interval(600, 660),)),), **fields)  # type: ignore[arg-type]


def micros(text: str, zone: str, fold: int = 0) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(local.timestamp()) * SECOND_US


def by_definition(of: Site, wall_us: int) -> bool:
    local = datetime.fromtimestamp(wall_us // SECOND_US, UTC).astimezone(ZoneInfo(of.time_zone))
    day = local.date().isoformat()
    schedule = of.schedules[0]
    windows = schedule.week[local.weekday()]
    if day in of.holidays:
        windows = schedule.holiday
    if day in of.workdays:
        windows = schedule.week[0]
    minute = local.hour * 60 + local.minute
    return any(window.from_minute <= minute < window.to_minute for window in windows)


INSTANTS = st.one_of(
    st.integers(0, 4_000_000_000 * SECOND_US),
    # around the changes of offset of 2026 and 2027
    st.builds(
        lambda day, second: (day * 86_400 + second) * SECOND_US,
        st.sampled_from(
            [(date(2026, 3, 29) - date(1970, 1, 1)).days, (date(2026, 10, 25) - date(1970, 1, 1)).days,
             (date(2026, 11, 1) - date(1970, 1, 1)).days, (date(2027, 4, 3) - date(1970, 1, 1)).days]
        ),
        st.integers(0, 86_400),
    ),
)  # fmt: skip


@given(st.sampled_from(ZONES), st.lists(INSTANTS, min_size=1, max_size=20))
def test_a_schedule_is_what_the_wall_clock_shows_in_any_order_of_asking(zone: str, instants: list[int]) -> None:
    of = site(zone, holidays=("2026-10-25", "2026-10-01"), workdays=("2026-03-29",))
    calendar = Calendar(of)
    for wall_us in [*instants, *reversed(instants)]:
        assert calendar.allows("odd", wall_us) == by_definition(of, wall_us)


@pytest.mark.parametrize(
    ("local", "open_then"),
    [
        ("2026-09-21T00:00:00", True),
        ("2026-09-21T00:59:59", True),
        ("2026-09-21T01:00:00", False),
        ("2026-09-21T23:59:59", True),
        ("2026-09-22T00:00:00", False),
        ("2026-10-01T09:59:59", False),  # a holiday
        ("2026-10-01T10:00:00", True),
        ("2026-10-10T08:30:00", True),  # a decreed workday, a Saturday by the calendar
    ],
)
def test_windows_begin_with_their_first_minute_and_end_before_their_last(local: str, open_then: bool) -> None:
    calendar = Calendar(site("Asia/Shanghai", holidays=("2026-10-01",), workdays=("2026-10-10",)))
    assert calendar.allows("odd", micros(local, "Asia/Shanghai")) is open_then


def test_an_hour_that_comes_twice_counts_twice_and_one_that_is_skipped_never_comes() -> None:
    calendar = Calendar(site("Europe/Berlin"))
    assert calendar.allows("odd", micros("2026-10-25T02:30:00", "Europe/Berlin", fold=0))
    assert calendar.allows("odd", micros("2026-10-25T02:30:00", "Europe/Berlin", fold=1))
    before_gap = micros("2026-03-29T01:59:59", "Europe/Berlin")
    assert calendar.allows("odd", before_gap)
    after_gap = datetime.fromtimestamp(before_gap // SECOND_US + 1, UTC).astimezone(ZoneInfo("Europe/Berlin"))
    assert after_gap.hour == 3


def test_no_schedule_is_always_open_and_an_unknown_one_never() -> None:
    calendar = Calendar(site("Asia/Shanghai"))
    assert calendar.allows(None, 0)
    assert not calendar.allows("gone", 0)


@pytest.mark.parametrize("wall_us", [-1, -(10**18), 10**18, 2**62])
def test_a_clock_that_is_out_of_its_mind_gives_an_answer(wall_us: int) -> None:
    assert Calendar(site("Europe/Berlin")).allows("odd", wall_us) in (True, False)


def test_the_test_sites_schedules_are_valid() -> None:
    assert check_site(site("Asia/Shanghai")) == []
