"""Scanners, each in its thread: what they read becomes a stimulus."""

from collections.abc import Callable

from controller.codes import MAX_SCAN_BYTES
from edge.config import ScannerLine
from edge.ports import DeviceChanged, ScanFailed, Scanned, Stimulus
from readers.reader import Presentation, Reader
from readers.scanners import open_scanner
from readers.thread import ReaderThread

Post = Callable[[Stimulus], object]


def scanner_thread(
    line: ScannerLine,
    post: Post,
    clock_us: Callable[[], int],
    make: Callable[[str, str, int, str, bool, int], Reader] = open_scanner,
) -> ReaderThread:
    """The thread of one scanner of ``edge.toml``, not started. Raises what ``readers.scanners.open_scanner`` raises."""
    scanner = make(line.driver, line.port, line.baud, line.terminator, line.aim_prefix, MAX_SCAN_BYTES)

    def deliver(found: Presentation, read_at_us: int) -> None:
        if found.outcome == "read":
            post(Scanned(line.access_point, found.number, read_at_us))
        else:
            post(ScanFailed(line.access_point, found.outcome, found.length, read_at_us))

    def report(working: bool, cause: str) -> None:
        post(DeviceChanged(line.id, "scanner", working, cause))

    return ReaderThread(line.id, scanner, deliver, report, clock_us, pause_s=0)  # its poll itself waits
