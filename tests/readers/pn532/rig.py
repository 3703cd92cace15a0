"""The PN532 driver before the simulated chip, on a pty paced at the true baud rate."""

from pathlib import Path
from random import Random

from readers.drivers import open_reader
from sim.cards.card import Card
from sim.cards.maker import make_card
from sim.faults import Garbage
from sim.field import Answer, Field
from sim.pn532 import Pn532Simulator
from sim.serial_line import SerialLine

KEYS = {
    "desfire_read": "7F1C9A5E3D2B48F6A1C3E5079B8D6F42",
    "ultralight_c": "5A3C1E70928B4D6FE1C3A58709B2D4F6",
    "felica_lite_s": "C4A1E8730F5B296D8E1C7A40B3D5F926",
}
FRAMES_OF_THE_SEARCH = {"desfire": 1, "ultralight-c": 1, "felica-lite-s": 2, "uid": 1}
"""Frames in the air before the card itself is spoken to: HLTA to a single type A card; counting and finding a FeliCa card."""


class LeavingField(Field):
    """A field out of which the card is taken before a given answer."""

    def __init__(self) -> None:
        super().__init__()
        self.leave_at = 0

    def exchange(self, modulation: str, frame: bytes) -> list[Answer]:
        if self.leave_at:
            self.leave_at -= 1
            if self.leave_at == 0:
                self.remove()
        return super().exchange(modulation, frame)


class Pn532Rig:
    """See :class:`tests.readers.reader_contract.Rig`."""

    def __init__(self, folder: Path, technology: str = "desfire", credentials: tuple[str, ...] = ()) -> None:
        self.technology = technology
        self.number = f"A-{technology}"
        self.path = folder / "reader"
        self.line = SerialLine(self.path, 115200)
        self.field = LeavingField()
        self.chip = Pn532Simulator(self.line, self.field)
        self.chip.start()
        keys = {name: bytes.fromhex(key) for name, key in KEYS.items()}
        self.reader = open_reader("pn532", str(self.path), credentials or (technology,), keys)
        self._good = self.card()

    def stop(self) -> None:
        self.reader.close()
        self.chip.stop()

    def card(self, number: str = "", wrong_key: bool = False) -> Card:
        return make_card(self.technology, number or self.number, KEYS, wrong_key=wrong_key)

    def lay_down(self) -> None:
        self.field.put(self._good)

    def lay_down_without_key(self) -> None:
        self.field.put(self.card(wrong_key=True))

    def lay_down_two(self) -> None:
        # both at once: a poll between them would see the first alone
        with self.field._lock:
            self.field.put(self.card("ONE"))
            self.field.put(self.card("TWO"))

    def take_away(self) -> None:
        self.field.leave_at = 0
        self.field.remove()

    def take_away_at_frame(self, count: int) -> None:
        self.field.leave_at = count + FRAMES_OF_THE_SEARCH[self.technology]

    def unplug(self) -> None:
        self.line.unplug()

    def plug(self) -> None:
        self.line.plug()

    def hang(self) -> None:
        self.line.call(lambda: setattr(self.chip, "stuck", True))

    def babble(self, on: bool) -> None:
        if on:
            self.line.to_host.set(Garbage(Random(7)))
        else:
            self.line.to_host.clear()
