"""Times and durations as scenarios write them: ``-30d``, ``+8s``, ``now``, RFC 3339; ``2s``, ``500ms``."""

import datetime as dt
import re

_OFFSET = re.compile(r"^([+-])(\d+(?:\.\d+)?)(ms|s|m|min|h|d)$")
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|min|h|d)$")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def duration_s(text: str) -> float:
    """``2s``, ``500ms``, ``1h`` in seconds. Raises ValueError."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 2s, 500ms, 1h")
    return float(match[1]) * _UNIT_S[match[2]]


def moment(text: str, now: dt.datetime) -> dt.datetime:
    """``-30d``, ``+8s``, ``now`` or RFC 3339, as an aware datetime. Raises ValueError."""
    if text == "now":
        return now
    match = _OFFSET.match(text)
    if match is not None:
        seconds = float(match[2]) * _UNIT_S[match[3]]
        return now + dt.timedelta(seconds=seconds if match[1] == "+" else -seconds)
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time such as -30d, +8s, now or 2026-01-31T08:00:00Z") from None
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; end it with Z or +08:00")
    return found
