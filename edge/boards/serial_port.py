"""A serial line with bounded calls whose every error is a :class:`BoardFault`: what the simple boards share."""

import contextlib
import termios

import serial

from edge.boards.board import BoardFault

READ_TIMEOUT_S = 0.15
WRITE_TIMEOUT_S = 0.15

SERIAL_ERRORS = (serial.SerialException, OSError, termios.error, TypeError)
"""What pyserial lets through when a port goes away: TypeError when it closes under a read."""


def why(error: Exception) -> str:
    """The reason in a few words, on one line."""
    text = (error.strerror if isinstance(error, OSError) and error.strerror else str(error)) or type(error).__name__
    return " ".join(text.split())


def check_channel(channel: int, outputs: int) -> None:
    """Raises ValueError for a channel that the board has not: a mistake of the caller, not of the board."""
    if not 0 <= channel < outputs:
        raise ValueError(f"channel {channel}; this board has 0 to {outputs - 1}")


class SerialPort:
    """One exclusive serial line, 8N1. Every call is bounded by :data:`READ_TIMEOUT_S` and :data:`WRITE_TIMEOUT_S`."""

    def __init__(self, port: str, baud: int) -> None:
        self._port = port
        self._baud = baud
        self._serial: serial.Serial | None = None

    def open(self) -> None:
        """Raises :class:`BoardFault`."""
        self.close()
        try:
            self._serial = serial.Serial(
                self._port, self._baud, timeout=READ_TIMEOUT_S, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
        except (*SERIAL_ERRORS, ValueError) as error:
            raise BoardFault(f"{self._port}: cannot be opened ({why(error)}); check cable, path and access") from error

    def write(self, payload: bytes) -> None:
        """Hand the bytes to the line. Raises :class:`BoardFault`."""
        line = self._line()
        try:
            line.write(payload)
        except SERIAL_ERRORS as error:
            raise BoardFault(f"{self._port}: write failed ({why(error)}); check the cable") from error

    def ask(self, question: bytes, length: int) -> bytes:
        """Drop stale bytes, write, and return exactly ``length`` bytes. Raises :class:`BoardFault`, also for fewer or
        more: bytes beyond the answer mean that it is not the answer."""
        line = self._line()
        try:
            line.reset_input_buffer()
            line.write(question)
            answer = line.read(length)
            surplus = line.in_waiting
        except SERIAL_ERRORS as error:
            raise BoardFault(f"{self._port}: read failed ({why(error)}); check the cable") from error
        if len(answer) != length or surplus:
            raise BoardFault(
                f"{self._port}: {len(answer) + surplus} bytes instead of {length}; check power, baud and kind of board"
            )
        return answer

    def alive(self) -> None:
        """Raises :class:`BoardFault` when the port is gone: for boards that never answer."""
        line = self._line()
        try:
            _ = line.in_waiting
        except SERIAL_ERRORS as error:
            raise BoardFault(f"{self._port}: gone ({why(error)}); check the cable") from error

    def close(self) -> None:
        """Never raises."""
        line, self._serial = self._serial, None
        if line is not None:
            with contextlib.suppress(*SERIAL_ERRORS):
                line.close()

    def _line(self) -> serial.Serial:
        if self._serial is None:
            raise BoardFault(f"{self._port}: not open")
        return self._serial
