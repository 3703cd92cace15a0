"""What the simple latching USB relay boards have in common: unacknowledged writes, no inputs, no timed pulse.

The relays latch: a killed edge leaves an unlocked door unlocked until it runs again (MEANINGS 28 ``accept_stuck_unlock``).
"""

import contextlib
from abc import ABC, abstractmethod

from edge.boards.board import NOTHING_ENERGISED, BoardFault
from edge.boards.serial_port import SerialPort, check_channel


class LatchingBoard(ABC):
    """See :class:`edge.boards.board.Board`; a driver adds the bytes."""

    outputs = 8
    input_count = 0
    timed_pulse = False
    reads_back = False
    default_baud = 9600

    def __init__(self, port: str, baud: int, unit: int = 1) -> None:
        del unit  # one board per line
        self._name = port
        self._port = SerialPort(port, baud)
        self._opened = False

    @abstractmethod
    def _command(self, channel: int, on: bool) -> bytes:
        """The bytes that switch one relay."""

    def _prove(self) -> None:
        """Raise :class:`BoardFault` when nobody is there: writes say nothing."""
        self._port.alive()

    def open(self, energised: frozenset[int] = NOTHING_ENERGISED) -> None:
        self._port.open()
        self._opened = True
        try:
            for channel in range(self.outputs):
                self.set(channel, channel in energised)
            self._prove()
        except BoardFault:
            self._opened = False
            self._port.close()
            raise

    def pulse(self, channel: int, tenths: int, on: bool = True) -> None:
        raise ValueError(f"{self._name}: no timed pulse ({tenths} tenths on {channel}, {on}); the edge ends its pulses")

    def set(self, channel: int, on: bool) -> None:
        check_channel(channel, self.outputs)
        self._port.write(self._command(channel, on))

    def inputs(self) -> tuple[bool, ...]:
        self._port.alive()
        return ()

    def read_back(self) -> tuple[bool, ...]:
        raise ValueError(f"{self._name}: this kind of board cannot be read back")

    def close(self, energised: frozenset[int] = NOTHING_ENERGISED) -> None:
        if self._opened:
            self._opened = False
            with contextlib.suppress(BoardFault):  # unplugged: there is nobody to tell
                for channel in range(self.outputs):
                    self.set(channel, channel in energised)
        self._port.close()
