"""A barcode scanner that sends each code over a serial line (RS-232 or USB in serial mode, 8N1), as a :class:`~readers.reader.Reader`.

It is never written to. What came in before it was opened is dropped: nobody knows how old it is (L4).
"""

import contextlib
import termios
import time
from collections import deque
from collections.abc import Callable

import serial

from readers.reader import Presentation, ReaderFault
from readers.scanner.framing import Framer, Scan, Terminator

POLL_S = 0.1
"""A poll waits so long for bytes, and after that once more at most; a scan ends it at once."""
QUIET_S = 0.2
"""A freshly opened line must be quiet for so long."""
LISTEN_S = 1.0
"""A line that has not been quiet by then babbles."""
CHUNK_BYTES = 1024
BABBLE_BYTES = 16_384
"""More than this without an end is no scan of anything: the largest QR code holds 7 089 characters."""
NOISE_MOST = 20
NOISE_WINDOW_S = 10.0
"""So much that is no code within this time is a fault of the line, not somebody's scans."""
SCANS_MOST = 16
SCANS_WINDOW_S = 2.0
"""Nobody scans so much in this time: it is a scanner that empties its memory (and nobody knows how old that is, L4), or a code full of lines."""
REPEAT_S = 0.5
"""The same code again within this time of the last is that scan: a trigger held down, or a scanner that is stuck."""

_ERRORS = (serial.SerialException, OSError, termios.error, TypeError)
"""What pyserial lets through when a port goes away: TypeError when it closes under a read."""


class SerialScanner:
    """See :class:`~readers.reader.Reader`; ``removed`` and everything about cards never come. ``max_bytes``, ``terminator``, ``aim_prefix``: see
    :class:`~readers.scanner.framing.Framer`."""

    def __init__(
        self,
        port: str,
        baud: int,
        terminator: Terminator,
        aim_prefix: bool,
        max_bytes: int,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = port
        self._baud = baud
        self._clock_s = clock_s
        self._framer = Framer(max_bytes, terminator, aim_prefix)
        self._port: serial.Serial | None = None
        self._waiting: deque[Scan] = deque()  # at most what one chunk holds
        self._refused_at_s: deque[float] = deque(maxlen=NOISE_MOST)
        self._read_at_s: deque[float] = deque(maxlen=SCANS_MOST)
        self._last_text = ""
        self._last_at_s = 0.0

    def open(self) -> None:
        """Open the port and wait until it is quiet. Raises :class:`~readers.reader.ReaderFault`."""
        self.close()
        try:
            # pyserial opens with O_NOCTTY; tests/readers/scanner/test_reader.py holds it to that
            self._port = serial.Serial(self._path, self._baud, timeout=QUIET_S, exclusive=True)
        except (*_ERRORS, ValueError) as error:
            raise ReaderFault(
                f"{self._path}: cannot be opened ({_why(error)}); check cable, path, access and baud"
            ) from error
        try:
            until_s = self._clock_s() + LISTEN_S
            while self._port.read(CHUNK_BYTES):
                if self._clock_s() >= until_s:
                    raise ReaderFault(f"{self._path}: sends without a pause; check the scanner, its baud and its cable")
            self._port.timeout = POLL_S
        except _ERRORS as error:
            raise self._gone(error) from error

    def close(self) -> None:
        """Release the port and forget what had begun."""
        port, self._port = self._port, None
        self._framer.clear()
        self._waiting.clear()
        self._refused_at_s.clear()
        self._read_at_s.clear()
        if port is not None:
            with contextlib.suppress(*_ERRORS):
                port.close()

    def poll(self) -> Presentation | None:
        """The next scan; waits for it as :data:`POLL_S` says."""
        if self._port is None:
            raise ReaderFault(f"{self._path}: the scanner is not open")
        until_s = self._clock_s() + POLL_S
        while not self._waiting:
            self._waiting.extend(self._read(self._port))
            if self._clock_s() >= until_s:
                break
        return self._presented(self._waiting.popleft()) if self._waiting else None

    def _read(self, port: serial.Serial) -> list[Scan]:
        try:
            data = port.read(1)
            if data:
                data += port.read(min(port.in_waiting, CHUNK_BYTES))
        except _ERRORS as error:
            raise self._gone(error) from error
        found = self._framer.feed(data, self._clock_s())
        if self._framer.length > BABBLE_BYTES:
            raise ReaderFault(f"{self._path}: sends without an end; check the scanner, its baud and its terminator")
        return found

    def _presented(self, scan: Scan) -> Presentation | None:
        now_s = self._clock_s()
        if scan.outcome == "read":
            repeated = scan.text == self._last_text and now_s - self._last_at_s < REPEAT_S
            self._last_text, self._last_at_s = scan.text, now_s
            if repeated:
                return None
            self._read_at_s.append(now_s)
            if _crowded(self._read_at_s, now_s, SCANS_WINDOW_S):
                raise ReaderFault(
                    f"{self._path}: {SCANS_MOST} codes in {SCANS_WINDOW_S:g} s; switch the scanner's batch mode off"
                )
            return Presentation("read", "barcode", scan.text, length=scan.length)
        self._refused_at_s.append(now_s)
        if _crowded(self._refused_at_s, now_s, NOISE_WINDOW_S):
            raise ReaderFault(
                f"{self._path}: {NOISE_MOST} times in {NOISE_WINDOW_S:g} s no code; check the scanner, its baud and its cable"
            )
        return Presentation(scan.outcome, "barcode", length=scan.length)

    def _gone(self, error: Exception) -> ReaderFault:
        return ReaderFault(f"{self._path}: read failed ({_why(error)}); check the cable")


def _crowded(at_s: deque[float], now_s: float, window_s: float) -> bool:
    return len(at_s) == at_s.maxlen and now_s - at_s[0] < window_s


def _why(error: Exception) -> str:
    text = (error.strerror if isinstance(error, OSError) and error.strerror else str(error)) or type(error).__name__
    return " ".join(text.split())
