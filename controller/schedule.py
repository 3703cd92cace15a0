"""Weekly windows in local time, with holidays, decreed workdays, time zones and their changes of offset (R1, DESIGN 12).

An instant is inside a window when the wall clock in the site's zone shows a time in ``[from_minute, to_minute)`` on a day to which
the window belongs. So an hour that the clock shows twice counts both times, and an hour that it skips never comes.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from controller.site import Interval, Schedule, Site

MINUTE_US = 60_000_000
DAY_US = 86_400_000_000
_BLOCK_US = 15 * MINUTE_US
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday
_HOLIDAY = 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


class Calendar:
    """A site's schedules, ready to be asked. ``allows`` is a pure function of its arguments; only its speed comes from a cache."""

    __slots__ = ("_block", "_day", "_holidays", "_kind", "_offset_us", "_windows", "_workdays", "_zone")

    def __init__(self, site: Site) -> None:
        """The site has passed :func:`controller.site_checks.check_site`."""
        self._zone = ZoneInfo(site.time_zone)
        self._holidays = _days(site.holidays)
        self._workdays = _days(site.workdays)
        self._windows = {schedule.id: _windows(schedule) for schedule in site.schedules}
        self._block: int | None = None
        self._offset_us: int | None = None
        self._day: int | None = None
        self._kind = 0

    def allows(self, schedule: str | None, wall_us: int) -> bool:
        """Whether the schedule is open at this instant. None is always open; an unknown schedule never is."""
        if schedule is None:
            return True
        windows = self._windows.get(schedule)
        if windows is None:
            return False
        block = wall_us // _BLOCK_US
        if block != self._block:
            self._block, self._offset_us = block, self._offset_of(block)
        offset_us = self._offset_us
        if offset_us is None:
            offset_us = self._offset_at(wall_us)
        day, within_us = divmod(wall_us + offset_us, DAY_US)
        if day != self._day:
            self._day, self._kind = day, self._kind_of(day)
        minute = within_us // MINUTE_US
        for start, end in windows[self._kind]:  # noqa: SIM110 - any() costs a generator at every tap
            if start <= minute < end:
                return True
        return False

    def _kind_of(self, day: int) -> int:
        """0–6 Monday to Sunday, 7 a holiday. A decreed workday is a Monday."""
        if day in self._workdays:
            return 0
        if day in self._holidays:
            return _HOLIDAY
        return (day + _EPOCH_WEEKDAY) % 7

    def _offset_of(self, block: int) -> int | None:
        """The zone's offset throughout a quarter of an hour; None when it changes within."""
        first = self._offset_at(block * _BLOCK_US)
        return first if self._offset_at((block + 1) * _BLOCK_US - 1) == first else None

    def _offset_at(self, wall_us: int) -> int:
        instant = _EPOCH + timedelta(microseconds=min(max(wall_us, 0), _LAST_US))
        offset = instant.astimezone(self._zone).utcoffset()
        return 0 if offset is None else offset // timedelta(microseconds=1)


def _days(dates: Iterable[str]) -> frozenset[int]:
    return frozenset(date.fromisoformat(day).toordinal() - _EPOCH_DAY for day in dates)


def _windows(schedule: Schedule) -> tuple[tuple[tuple[int, int], ...], ...]:
    return tuple(_pairs(day) for day in (*schedule.week, schedule.holiday))


def _pairs(intervals: tuple[Interval, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((interval.from_minute, interval.to_minute) for interval in intervals)
