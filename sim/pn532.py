"""A PN532 (firmware 1.6) on its high-speed UART, byte for byte as nfcpy 1.0.4 drives it. ::

    line = SerialLine(folder / "reader-1", baud=115200)
    field = Field()
    chip = Pn532Simulator(line, field)
    chip.start()                  # line and chip; the host may open line.link_path now
    field.put(make_card("desfire", "A-0017", keys))
    line.unplug(); line.plug()    # a power cycle: the chip is USB-powered
    chip.stuck = True             # fault: acknowledges nothing and answers nothing until power-cycled
    chip.never_wakes = True       # fault: once powered down it stays so until power-cycled
    chip.stop()

This file is the link: wake-up, acknowledge, answer, abort by ACK, repeat on NACK, rate change, power-down. What the commands do
stands in :mod:`sim.pn532_commands`, frames in :mod:`sim.pn532_frame`, cards in :mod:`sim.field`.

As the chip does, a frame with a wrong checksum gets no ACK; a command it does not know, or with impossible parameters, gets ACK
and the error frame; a new command, or an ACK, ends the one under way. After power-up the chip sleeps and takes five rising
edges on its input to wake (one 0x55, or five 0x00); what is sent before that is lost.
"""

import itertools
from collections import deque

from sim import pn532_frame as frame
from sim.field import Field
from sim.pn532_commands import Commands, Outcome, SyntaxFault
from sim.serial_line import SerialLine, Timer
from sim.tap_times import EXCHANGES_KEPT, Exchange

POWER_UP_BAUD = 115200
ACK_S = 0.0003
"""From a command's last byte to the chip's ACK."""
WAKE_EDGES = 5
HSU_WAKE_SOURCE = 0x10
SEARCH = 0x4A
"""InListPassiveTarget: its answer begins with the number of cards found."""


def rising_edges(byte: int) -> int:
    """Rising edges that one byte makes on an idle-high line: start bit 0, data from bit 0, stop bit 1."""
    levels = [0, *(byte >> bit & 1 for bit in range(8)), 1]
    return sum(after > before for before, after in itertools.pairwise(levels))


class Pn532Simulator:
    """See the module's docstring."""

    def __init__(self, line: SerialLine, field: Field) -> None:
        self.line = line
        self.field = field
        self.stuck = False
        self.never_wakes = False
        self.commands_served = 0
        """Commands acknowledged since start."""
        self.worked_s = 0.0
        """Seconds of firmware and radio time so far (with ``line.carried_s``: all that is not the host's)."""
        self.exchanges: deque[Exchange] = deque(maxlen=EXCHANGES_KEPT)
        """The last commands with their times, the newest last."""
        self._arrived = (0.0, 0.0, 0.0)
        self._commands = Commands(field)
        self._receiver = frame.Receiver()
        self._awake = False
        self._wake_by_host = True
        self._edges = 0
        self._pending: Timer | None = None
        self._last_answer = b""
        line.attach(self)

    # verbs -----------------------------------------------------------------

    def start(self) -> None:
        """Plug it in: starts the line."""
        self.line.start()

    def stop(self) -> None:
        """Unplug for good: ends the line's thread and takes the cards out of the chip's power."""
        self.line.stop()
        self.field.power(False)

    @property
    def awake(self) -> bool:
        return self._awake

    # the line's side (Device) -------------------------------------------------

    def powered(self, on: bool) -> None:
        self._drop_command()
        self.field.power(False)
        self._commands = Commands(self.field)
        self._receiver.clear()
        self._last_answer = b""
        self.line.baud = POWER_UP_BAUD
        self.line.announced_baud = None
        self._sleep(wake_by_host=True)
        if on:
            self.stuck = False

    def receive(self, data: bytes) -> None:
        self._arrived = (
            self.line.heard_at_s,
            self.line.heard_at_s - self.line.said_at_s,
            self.line.carried_s - self.line.heard_s,
        )
        if not self._awake:
            data = self._wake(data)
        if self.stuck:
            return
        for received in self._receiver.feed(data):
            match received:
                case frame.Data(content):
                    self._command(content)
                case frame.Acknowledged():
                    self._acknowledged()
                case frame.NotAcknowledged():
                    if self._last_answer:
                        self.line.send(self._last_answer)
                case frame.Broken():
                    pass  # not acknowledged: the host sends again or gives up

    # power -------------------------------------------------------------------

    def _sleep(self, wake_by_host: bool) -> None:
        self._awake = False
        self._wake_by_host = wake_by_host
        self._edges = 0

    def _wake(self, data: bytes) -> bytes:
        """What is left of ``data`` once the chip is awake."""
        if not self._wake_by_host:
            return b""
        for at, byte in enumerate(data):
            self._edges += rising_edges(byte)
            if self._edges >= WAKE_EDGES:
                self._awake = True
                return data[at + 1 :]
        return b""

    def _power_down(self, sources: int) -> None:
        self.field.power(False)
        self._sleep(wake_by_host=bool(sources & HSU_WAKE_SOURCE) and not self.never_wakes)

    # commands ------------------------------------------------------------------

    def _command(self, content: bytes) -> None:
        self._drop_command()
        self.line.announced_baud = None  # no ACK came: the rate stays
        self.exchanges.append(Exchange(*self._arrived, self.worked_s))
        self._pending = self.line.after(ACK_S, lambda: self._begin(content))

    def _begin(self, content: bytes) -> None:
        if self.stuck:
            return
        self.line.send(frame.ACK)
        self.commands_served += 1
        self.worked_s += ACK_S
        if len(content) < 2 or content[0] != frame.HOST_TO_CHIP:
            self._answer_bytes(frame.ERROR)
            return
        try:
            outcome = self._commands.run(content[1], content[2:])
        except SyntaxFault:
            self._answer_bytes(frame.ERROR)
            return
        self._await(content[1], outcome, self.line.byte_s(len(frame.ACK)))

    def _await(self, code: int, outcome: Outcome, besides_s: float = 0.0) -> None:
        self._pending = None
        if outcome.after_s is not None:
            self._pending = self.line.after(outcome.after_s + besides_s, lambda: self._finish(code, outcome))

    def _finish(self, code: int, outcome: Outcome) -> None:
        self._pending = None
        self.worked_s += outcome.after_s or 0.0
        if self.stuck:
            return
        answer = outcome.then()
        if isinstance(answer, Outcome):
            self._await(code, answer)
            return
        if code == SEARCH and answer[:1] > b"\x00":
            self.exchanges[-1].found_at_s = self.line.now()
        self._answer_bytes(frame.encode(bytes([frame.CHIP_TO_HOST, code + 1]) + answer))
        if outcome.baud is not None:
            self.line.announced_baud = outcome.baud
        if outcome.power_down is not None:
            sources = outcome.power_down
            self.line.after(self.line.byte_s(len(self._last_answer)), lambda: self._power_down(sources))

    def _answer_bytes(self, data: bytes) -> None:
        self._last_answer = data
        self.line.send(data)

    def _acknowledged(self) -> None:
        self._drop_command()
        if self.line.announced_baud is not None:
            self.line.baud, self.line.announced_baud = self.line.announced_baud, None

    def _drop_command(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
