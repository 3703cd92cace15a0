"""A relay board on a serial line: firmware and relays behind a pty, with the faults a technician meets.

The board has a supply of its own: pulling the serial cable neither moves a relay nor stops a timer. Everything here runs in
the line's thread.
"""

from pathlib import Path
from typing import Literal, Protocol

from sim.boards.kmtronic import KmTronic
from sim.boards.lcus import Lcus
from sim.boards.modbus_rtu import ModbusRtu
from sim.boards.relays import Relays
from sim.faults import Silence, noise
from sim.serial_line import SerialLine, Timer
from sim.wiring import INPUTS

BoardAct = Literal["unplug", "plug", "silent", "garbage", "stuck", "normal"]
DEFAULT_BAUD = {"modbus-rtu": 115200, "kmtronic": 9600, "lcus": 9600}
"""Each driver's usual rate; the keys are the boards that can be simulated."""


class Firmware(Protocol):
    """What a board does with bytes."""

    gap_s: float | None
    """The silence after which :meth:`silence` is due; None where frames need none."""

    def receive(self, data: bytes, at_s: float) -> bytes: ...
    def silence(self) -> bytes: ...


class SimulatedBoard:
    """One board: ``relays`` is its state, ``line`` its cable."""

    def __init__(self, device: str, driver: str, link_path: Path, baud: int, unit: int = 1) -> None:
        self.device = device
        self.driver = driver
        self.relays = Relays(input_count=INPUTS.get(driver, 0))
        self.line = SerialLine(link_path, baud)
        self.act_in_force: BoardAct = "normal"
        self._firmware = make_firmware(driver, self.relays, unit, baud)
        self._gap: Timer | None = None
        self._end: Timer | None = None
        self.line.attach(self)

    def receive(self, data: bytes) -> None:
        """See :class:`sim.serial_line.Device`."""
        now_s = self.line.now()
        self.relays.advance(now_s)
        self._answer(self._firmware.receive(data, now_s))
        if self._firmware.gap_s is not None:
            if self._gap is not None:
                self._gap.cancel()
            self._gap = self.line.after(self._firmware.gap_s, self._silence)

    def powered(self, on: bool) -> None:
        """The cable was plugged or pulled: the board does not notice."""

    def act(self, act: BoardAct) -> None:
        """What happens to the board. ``silent``: it neither hears nor answers; ``garbage``: it obeys and answers noise;
        ``stuck``: its relays no longer move; ``normal``: all is well again, the cable excepted."""
        self.line.call(lambda: self._act(act))

    def _act(self, act: BoardAct) -> None:
        if act == "unplug":
            self.line.unplug()
            return
        if act == "plug":
            self.line.plug()
            return
        self.act_in_force = act
        self.line.to_host.clear()
        self.line.to_device.clear()
        if act == "silent":
            self.line.to_host.set(Silence())
            self.line.to_device.set(Silence())
        elif act == "garbage":
            self.line.to_host.set(noise(self.device))
        self.relays.stick(act == "stuck", self.line.now())

    def _silence(self) -> None:
        self._answer(self._firmware.silence())

    def _answer(self, answer: bytes) -> None:
        if answer:
            self.line.send(answer)
        self._watch_timers()

    def _watch_timers(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
        end_s = self.relays.next_end_s()
        if end_s is not None:
            self._end = self.line.after(max(0.0, end_s - self.line.now()), self._timer_ended)

    def _timer_ended(self) -> None:
        self.relays.advance(self.line.now())
        self._watch_timers()


def make_firmware(driver: str, relays: Relays, unit: int, baud: int) -> Firmware:
    """The firmware of a board by the driver's name in edge.toml. Raises ValueError for a board that is not simulated."""
    if driver == "modbus-rtu":
        return ModbusRtu(relays, unit, baud)
    if driver == "kmtronic":
        return KmTronic(relays)
    if driver == "lcus":
        return Lcus(relays)
    raise ValueError(f"no simulated board speaks {driver!r}; there are {', '.join(DEFAULT_BAUD)}")
