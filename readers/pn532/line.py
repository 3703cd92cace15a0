"""The serial line to a PN532: frames in and out at any path, with every wait bounded.

Opened without becoming the controlling terminal (else an unplugged reader's SIGHUP would end the process) and exclusively
(two processes on one chip read each other's answers). Errors are OSErrors; ``chip`` turns them into faults.
"""

import contextlib
import errno
import os
import termios
import time

import serial

WRITE_TIMEOUT_S = 0.5
FRAME_GAP_S = 0.05
"""How long the rest of a frame may take once its start has come, beyond the caller's own timeout."""
LONGEST_FRAME_BYTES = 265
"""PN532 user manual, 6.2.1.2: an extended frame carries at most 264 bytes of data and the frame identifier."""

_START = b"\x00\xff"
_PREAMBLE = b"\x00"


class SerialLine:
    """A port at a baud rate. One thread."""

    def __init__(self, path: str, baudrate: int) -> None:
        """Open. Raises OSError, or termios.error for something that is no serial port."""
        # pyserial opens with O_NOCTTY; tests/readers/pn532/test_line.py holds it to that
        self._port = serial.Serial(path, baudrate, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True)
        self._received = bytearray()

    @property
    def baudrate(self) -> int:
        """The line's present rate."""
        return int(self._port.baudrate)

    @baudrate.setter
    def baudrate(self, baudrate: int) -> None:
        self._port.baudrate = baudrate

    def write(self, data: bytes) -> None:
        """Send, after dropping what has come in unasked: an answer belongs to the command before it."""
        self._received.clear()
        self._port.reset_input_buffer()
        self._port.write(data)

    def drain(self, quiet_s: float, most_s: float) -> None:
        """Drop what comes in until the line has been quiet for ``quiet_s``, or ``most_s`` have passed."""
        end = time.monotonic() + most_s
        self._received.clear()
        while time.monotonic() < end and self._fill(min(time.monotonic() + quiet_s, end)):
            self._received.clear()

    def read_frame(self, timeout_s: float) -> bytes:
        """The next frame (acknowledgements too) from its start code to its postamble, one preamble byte put before. Raises
        TimeoutError when none begins in time, OSError EIO when its length is nonsense or its end is missing."""
        deadline = time.monotonic() + timeout_s
        while (start := self._received.find(_START)) < 0:
            del self._received[:-1]
            if not self._fill(deadline):
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        del self._received[:start]
        deadline = max(deadline, time.monotonic() + FRAME_GAP_S)
        size = self._frame_size(deadline)
        self._need(size, deadline)
        frame = bytes(self._received[:size])
        del self._received[:size]
        return _PREAMBLE + frame

    def close(self) -> None:
        """Never raises: a port whose device is gone fails even to close."""
        with contextlib.suppress(OSError, termios.error):
            self._port.close()

    def _frame_size(self, deadline: float) -> int:
        """Bytes from the start code to the postamble (user manual 6.2.1)."""
        self._need(4, deadline)
        length, checksum = self._received[2], self._received[3]
        if (length, checksum) in ((0x00, 0xFF), (0xFF, 0x00)):  # ACK, NACK
            return 5
        if (length, checksum) == (0xFF, 0xFF):  # extended
            self._need(7, deadline)
            long_length = self._received[4] << 8 | self._received[5]
            if sum(self._received[4:7]) & 0xFF or long_length > LONGEST_FRAME_BYTES:
                raise self._broken()
            return 7 + long_length + 2
        if (length + checksum) & 0xFF:
            raise self._broken()
        return 4 + length + 2

    def _need(self, count: int, deadline: float) -> None:
        while len(self._received) < count:
            if not self._fill(deadline):
                raise self._broken()

    def _fill(self, deadline: float) -> bool:
        """Wait for bytes until ``deadline``; whether any came."""
        self._port.timeout = max(deadline - time.monotonic(), 0)
        came = self._port.read(1)
        if came:
            self._received += came
            self._port.timeout = 0
            self._received += self._port.read(self._port.in_waiting)
        return bool(came)

    def _broken(self) -> OSError:
        self._received.clear()
        return OSError(errno.EIO, "a damaged frame")
