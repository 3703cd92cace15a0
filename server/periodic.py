"""A thread that calls ``run_once(now)`` again and again: the server's periodic work (DESIGN 13)."""

import threading
from collections.abc import Callable
from datetime import datetime

import structlog

from server.db.clock import Clock

STOP_TIMEOUT_S = 5.0

log = structlog.get_logger()


class Periodic:
    """A :class:`server.context.Service`. One call at a time; a call that raises is logged and the next one comes in time."""

    def __init__(self, name: str, every_s: float, clock: Clock, run_once: Callable[[datetime], object]) -> None:
        self.name = name
        self._every_s = every_s
        self._clock = clock
        self._run_once = run_once
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"periodic {name}", daemon=True)

    def start(self) -> None:
        """Begin; the first call comes at once."""
        self._thread.start()

    def wake(self) -> None:
        """Call soon instead of at the end of the interval."""
        self._wake.set()

    def stop(self) -> None:
        """End after the call that is running."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)
            if self._thread.is_alive():
                log.error("periodic work does not end", name=self.name)

    def _loop(self) -> None:
        while True:
            self._wake.clear()
            if self._stop.is_set():
                return
            try:
                self._run_once(self._clock.now())
            except Exception:  # the next round may succeed; the log says what failed
                log.exception("periodic work failed", name=self.name)
            self._wake.wait(self._every_s)
