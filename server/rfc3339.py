"""Microseconds as the API shows time: RFC 3339 with Z (DESIGN 12)."""

from typing import overload

from server.db.clock import from_us


@overload
def rfc3339(at_us: int) -> str: ...
@overload
def rfc3339(at_us: None) -> None: ...
def rfc3339(at_us: int | None) -> str | None:
    """``2026-03-02T08:00:00.000123Z``; None stays None."""
    return None if at_us is None else from_us(at_us).isoformat().replace("+00:00", "Z")
