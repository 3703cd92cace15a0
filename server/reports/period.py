"""The time that a report is about, cut into hours or days of the site."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from server.db.clock import to_us
from server.problems import Problem
from server.registry.moments import begin_of, end_of

Step = Literal["hour", "day"]
MAX_PERIOD = timedelta(days=366)
MAX_HOURLY = timedelta(days=31)
HOURLY_BY_DEFAULT = timedelta(days=7)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Period:
    """``[begin, until)`` in the site's zone. ``slot_us``: what counts are grouped by in the database; no hour or day of the zone begins within one."""

    begin: datetime
    until: datetime
    step: Step

    @property
    def from_us(self) -> int:
        """Where it begins."""
        return to_us(self.begin)

    @property
    def until_us(self) -> int:
        """Where it ends."""
        return to_us(self.until)

    @property
    def slot_us(self) -> int:
        """An hour; where the zone is not whole hours off, a quarter of it."""
        whole = all(not (at.utcoffset() or timedelta()) % HOUR for at in (self.begin, self.until))
        return 3_600_000_000 if whole else 900_000_000

    def buckets(self) -> Iterator[datetime]:
        """Every hour or day of it, also those in which nothing happened."""
        at = _begun(self.begin, self.step)
        while at < self.until:
            yield at
            if self.step == "day":
                at = datetime.combine(at.date() + timedelta(days=1), time(), at.tzinfo)
            else:
                at = (at.astimezone(UTC) + HOUR).astimezone(at.tzinfo)


def period_of(
    given_from: str | None, given_until: str | None, step: Step | None, now: datetime, time_zone: str
) -> Period:
    """Dates are inclusive; None: today. Raises :class:`Problem` 422."""
    zone = ZoneInfo(time_zone)
    today = datetime.combine(now.astimezone(zone).date(), time(), zone)
    begin = begin_of(given_from, time_zone, "from").astimezone(zone) if given_from else None
    until = end_of(given_until, time_zone, "until").astimezone(zone) if given_until else None
    if until is None:
        until = max(_tomorrow(today), begin + HOUR if begin is not None else today)
    if begin is None:
        begin = today if today < until else _begun(until - HOUR, "day")
    if begin >= until:
        raise Problem(422, "invalid_input", "until: lies before from.", "until：结束早于开始。", field="until")
    if until - begin > MAX_PERIOD + HOUR:
        raise Problem(
            422, "period_too_long", f"At most {MAX_PERIOD.days} days at once: narrow from and until.",
            f"一次最多统计 {MAX_PERIOD.days} 天，请缩小起止日期。", field="from",
        )  # fmt: skip
    if step is None:
        step = "hour" if until - begin <= HOURLY_BY_DEFAULT + HOUR else "day"
    elif step == "hour" and until - begin > MAX_HOURLY + HOUR:
        raise Problem(
            422, "period_too_long", f"By the hour at most {MAX_HOURLY.days} days: ask for step=day, or narrow from and until.",
            f"按小时最多统计 {MAX_HOURLY.days} 天，请改为按天或缩小起止日期。", field="step",
        )  # fmt: skip
    return Period(begin, until, step)


def _begun(at: datetime, step: Step) -> datetime:
    if step == "day":
        return datetime.combine(at.date(), time(), at.tzinfo)
    return at.replace(minute=0, second=0, microsecond=0)


def _tomorrow(today: datetime) -> datetime:
    return datetime.combine(today.date() + timedelta(days=1), time(), today.tzinfo)
