"""The barcode scanner drivers, by the name that ``edge.toml`` gives (``driver = "serial-scanner"``)."""

from collections.abc import Callable

from readers.reader import Reader
from readers.scanner.framing import TERMINATORS, Terminator
from readers.scanner.reader import SerialScanner

DEFAULT_BAUD = 9600

SCANNERS: dict[str, Callable[[str, int, Terminator, bool, int], Reader]] = {
    "serial-scanner": SerialScanner,
}


class ScannerRefused(Exception):
    """A scanner's configuration cannot be used. One line: which port, what is wrong, what is allowed."""


def open_scanner(driver: str, port: str, baud: int, terminator: str, aim_prefix: bool, max_bytes: int) -> Reader:
    """The scanner at ``port``, not yet opened: its thread opens it. ``max_bytes``: no code is longer. Raises :class:`ScannerRefused`."""
    if driver not in SCANNERS:
        raise ScannerRefused(f"scanner on {port}: unknown driver {driver!r}; known are {', '.join(SCANNERS)}")
    if terminator not in TERMINATORS:
        raise ScannerRefused(
            f"scanner on {port}: unknown terminator {terminator!r}; use one of {', '.join(TERMINATORS)}"
        )
    if baud <= 0:
        raise ScannerRefused(f"scanner on {port}: baud {baud}; write the scanner's rate, such as {DEFAULT_BAUD}")
    return SCANNERS[driver](port, baud, terminator, aim_prefix, max_bytes)
