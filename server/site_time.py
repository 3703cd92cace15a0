"""A moment as the site's own clocks show it: what people read, and type into fields."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


def local(time_zone: str, at: datetime) -> str:
    """A time at the site, to the minute."""
    return at.astimezone(ZoneInfo(time_zone)).strftime("%Y-%m-%d %H:%M")


def local_from(time_zone: str, at: datetime) -> str:
    """The first whole minute that is not before ``at``: what may be typed where ``at`` is the earliest."""
    return local(time_zone, at if at == at.replace(second=0, microsecond=0) else at + timedelta(minutes=1))
