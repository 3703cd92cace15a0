"""Areas that lie in areas, and when they are closed (MEANINGS 13)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from controller.site import Area, Site

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def around(area: str, areas: Mapping[str, Area]) -> tuple[str, ...]:
    """The area and all that it lies in, the innermost first."""
    chain = [area]
    while (outer := areas[chain[-1]].inside) is not None:
        chain.append(outer)
    return tuple(chain)


def without(area: str, other: str, areas: Mapping[str, Area]) -> tuple[str, ...]:
    """The areas that hold ``area`` but not ``other``, but for public ones."""
    others = around(other, areas)
    return tuple(name for name in around(area, areas) if name not in others and not areas[name].public)


def closed(area: Area, areas: Mapping[str, Area]) -> str:
    """The closed area that it is or lies in, or empty."""
    return next((name for name in around(area.id, areas) if areas[name].closed), "")


def closures(site: Site) -> tuple[tuple[int, int, str], ...]:
    """From when until when which area is closed."""
    zone = ZoneInfo(site.time_zone)

    def us(local: str) -> int:
        return (datetime.fromisoformat(local).replace(tzinfo=zone) - _EPOCH) // timedelta(microseconds=1)

    return tuple(sorted((us(closure.from_at), us(closure.until_at), closure.area) for closure in site.closures))
