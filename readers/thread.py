"""The thread that owns one reader: open, poll, deliver, and reopen with backoff when it fails (DESIGN 14).

One thread per reader; what it finds leaves through two callbacks, which are called in this thread and must return at once
(put it on the bounded queue). It knows nothing of doors.
"""

import threading
from collections.abc import Callable

from readers.reader import Presentation, Reader, ReaderFault

PAUSE_S = 0.05
"""Rest between two polls: short enough that a tap feels immediate, long enough to cost 1-2 % of a core."""
BACKOFF_FIRST_S = 0.2
"""Wait before the first reopening after a fault; doubles with each further fault."""
BACKOFF_LIMIT_S = 5.0
"""The longest wait between two reopenings: a reader plugged back in works again within this time."""


class ReaderThread:
    """Runs ``reader`` until stopped.

    ``deliver(presentation, mono_us)``: every presentation, ``removed`` and ``incomplete`` included, with ``clock_us()`` taken
    the moment the poll returned (the boot-time clock at the reader, L4). ``report(working, cause)``: once per change of
    health, and once at the first success or failure; ``cause`` is one line for a technician, empty when working. An
    exception from the driver other than :class:`ReaderFault` is a bug in it: reported as a fault, the thread goes on.
    """

    def __init__(
        self,
        device: str,
        reader: Reader,
        deliver: Callable[[Presentation, int], None],
        report: Callable[[bool, str], None],
        clock_us: Callable[[], int],
        pause_s: float = PAUSE_S,
        backoff_first_s: float = BACKOFF_FIRST_S,
        backoff_limit_s: float = BACKOFF_LIMIT_S,
    ) -> None:
        self.device = device
        self._reader = reader
        self._deliver = deliver
        self._report = report
        self._clock_us = clock_us
        self._pause_s = pause_s
        self._backoff_first_s = backoff_first_s
        self._backoff_limit_s = backoff_limit_s
        self._stop = threading.Event()
        self._working: bool | None = None
        # daemon: a driver that hangs in the kernel must not hold up the end of the process
        self._thread = threading.Thread(target=self._run, name=f"reader {device}", daemon=True)

    def start(self) -> None:
        """Start once; a stopped thread is not started again."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Ask the thread to close its reader and end. True when it has ended within ``timeout_s``."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def working(self) -> bool | None:
        """The health last reported; None before the first poll."""
        return self._working

    def _run(self) -> None:
        backoff_s = self._backoff_first_s
        while not self._stop.is_set():
            try:
                polled = self._open_and_poll()
                cause = ""
            except ReaderFault as fault:
                polled, cause = self._working is True, str(fault)
            except Exception as bug:  # noqa: BLE001 - a driver's bug must not silence a door for good
                polled, cause = self._working is True, f"{self.device}: driver error {type(bug).__name__}: {bug}"
            finally:
                self._reader.close()
            if self._stop.is_set():
                return
            self._set_health(False, cause)
            if polled:  # it did work before this fault: the wait starts small again
                backoff_s = self._backoff_first_s
            self._stop.wait(backoff_s)
            backoff_s = min(backoff_s * 2, self._backoff_limit_s)

    def _open_and_poll(self) -> bool:
        self._reader.open()
        while not self._stop.is_set():
            found = self._reader.poll()
            read_at_us = self._clock_us()
            self._set_health(True, "")
            if found is not None:
                self._deliver(found, read_at_us)
            self._stop.wait(self._pause_s)
        return True

    def _set_health(self, working: bool, cause: str) -> None:
        if working != self._working:
            self._working = working
            self._report(working, cause)
