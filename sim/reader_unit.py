"""A PN532 reader as it hangs on the wall: chip, field, the cable to the edge, and its lamps (which are relays of a board)."""

from collections import deque
from pathlib import Path
from typing import Literal

from sim.cards.card import Card
from sim.faults import Silence, noise
from sim.field import Field
from sim.indicators import LAMPS, Lamp, LampChange
from sim.pn532 import Pn532Simulator
from sim.serial_line import SerialLine
from sim.tap_times import Exchange, Release
from sim.wiring import ReaderWiring

ReaderAct = Literal["unplug", "plug", "silent", "garbage", "stuck", "normal"]
BAUD = 115_200
LAMP_CHANGES_KEPT = 128
ANSWERS_KEPT = 32


class SimulatedReader:
    """One reader. ``lamps``, ``lamp_changes`` and ``answers`` (the commands that lit a lamp) are guarded by the hall's lock."""

    def __init__(self, wiring: ReaderWiring, link_path: Path) -> None:
        self.wiring = wiring
        self.line = SerialLine(link_path, BAUD)
        self.act_in_force: ReaderAct = "normal"
        self.lamps: dict[Lamp, bool] = {}
        for lamp in LAMPS:
            if getattr(wiring, lamp) is not None:
                self.lamps[lamp] = False
        self.lamp_changes: deque[LampChange] = deque(maxlen=LAMP_CHANGES_KEPT)
        self.answers: deque[Release] = deque(maxlen=ANSWERS_KEPT)
        self._field = Field()
        self._chip = Pn532Simulator(self.line, self._field)

    @property
    def exchanges(self) -> list[Exchange]:
        """What the chip was asked last, with its times."""
        return list(self._chip.exchanges)

    def put(self, card: Card) -> float:
        """Lay a card into the field. Returns the moment, on the line's clock."""
        entered_s = self.line.now()
        self._field.put(card)
        return entered_s

    def take(self, card: Card) -> None:
        """Take a card away; harmless when it is not there."""
        self._field.remove(card)

    def act(self, act: ReaderAct) -> None:
        """What happens to the reader. ``silent``: the cable carries nothing; ``stuck``: the chip hangs until it is power-cycled
        (unplug, plug); ``garbage``: it answers noise; ``normal``: all is well again, the plug excepted."""
        self.line.call(lambda: self._act(act))

    def _act(self, act: ReaderAct) -> None:
        if act == "unplug":
            self.line.unplug()
            return
        if act == "plug":
            self.line.plug()
            if self.act_in_force == "stuck":
                self.act_in_force = "normal"
            return
        self.act_in_force = act
        self.line.to_host.clear()
        self.line.to_device.clear()
        self._chip.stuck = act == "stuck"
        if act == "silent":
            self.line.to_host.set(Silence())
            self.line.to_device.set(Silence())
        if act == "garbage":
            self.line.to_host.set(noise(self.wiring.id))
