"""Waiting for a condition, and how long something took: the one clock of the programs that drive the simulation."""

import time
from collections.abc import Callable

POLL_S = 0.02


def until(holds: Callable[[], bool], timeout_s: float, poll_s: float = POLL_S) -> bool:
    """Wait until ``holds()`` is true. False when ``timeout_s`` is over; it is asked at least once."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() >= deadline:
            return False
        time.sleep(poll_s)
    return True


def pause(seconds: float) -> None:
    """Let time pass, where a scenario says so."""
    time.sleep(seconds)


class Stopwatch:
    """Seconds and milliseconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def s(self) -> float:
        return time.perf_counter() - self._began

    @property
    def ms(self) -> float:
        return self.s * 1000
