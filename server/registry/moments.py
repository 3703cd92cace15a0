"""Times in requests: RFC 3339 means that instant, a bare date means that whole day at the site (MEANINGS 7)."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import StringConstraints

from server.problems import Problem

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

Moment = Annotated[str, StringConstraints(max_length=40)]
"""What a request carries: ``2026-12-31`` or ``2026-12-31T16:00:00Z``."""


def begin_of(given: str, time_zone: str, field: str) -> datetime:
    """When an interval begins: a date begins at its local midnight. Raises :class:`Problem` 422."""
    day, instant = _parse(given, field)
    return _midnight(day, time_zone) if day is not None else instant


def end_of(given: str, time_zone: str, field: str) -> datetime:
    """When an interval ends: a date is inclusive, so it ends at the next local midnight. Raises :class:`Problem` 422."""
    day, instant = _parse(given, field)
    return _midnight(day + timedelta(days=1), time_zone) if day is not None else instant


def _parse(given: str, field: str) -> tuple[date | None, datetime]:
    try:
        if _DATE.fullmatch(given):
            day = date.fromisoformat(given)
            if not 1970 < day.year < 9999:
                raise ValueError
            return day, datetime.min.replace(tzinfo=UTC)
        instant = datetime.fromisoformat(given)
        if instant.tzinfo is None or not 1970 < instant.year < 9999:
            raise ValueError
    except ValueError as error:
        raise Problem(
            422,
            "invalid_input",
            f"{field}: write a date (2026-12-31) or a time with its zone (2026-12-31T16:00:00Z).",
            f"{field}：请填日期（2026-12-31）或带时区的时间（2026-12-31T16:00:00Z）。",
            field=field,
        ) from error
    return None, instant.astimezone(UTC)


def _midnight(day: date, time_zone: str) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(time_zone)).astimezone(UTC)
