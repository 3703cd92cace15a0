"""The site's clock for people: to the minute, and no earlier than what it stands for."""

from datetime import UTC, datetime

from server.site_time import local, local_from

ZONE = "Asia/Shanghai"


def test_an_earliest_moment_within_a_minute_is_the_next_whole_one() -> None:
    at = datetime(2026, 3, 3, 15, 59, 59, tzinfo=UTC)
    assert (local(ZONE, at), local_from(ZONE, at)) == ("2026-03-03 23:59", "2026-03-04 00:00")
    whole = at.replace(second=0)
    assert local_from(ZONE, whole) == local(ZONE, whole)
