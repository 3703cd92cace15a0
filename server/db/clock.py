"""The server's only source of time. Services take ``now`` from it and never read a clock themselves (DESIGN 13)."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until told otherwise: for tests and replays."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """The time that was set."""
        return self.at

    def advance(self, by: timedelta) -> None:
        """Move the time on."""
        self.at += by


def to_us(at: datetime) -> int:
    """Integer microseconds UTC, as policies and records carry time (DESIGN 12)."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def from_us(at_us: int) -> datetime:
    """The reverse of :func:`to_us`."""
    return _EPOCH + timedelta(microseconds=at_us)
