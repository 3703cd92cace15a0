"""A simulated chip with its line and field, started and stopped around each test."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sim.field import Field
from sim.pn532 import Pn532Simulator
from sim.serial_line import SerialLine

CARD_KEYS = {
    "desfire_read": "00112233445566778899aabbccddeeff",
    "ultralight_c": "102132435465768798a9bacbdcedfe0f",
    "felica_lite_s": "f0e1d2c3b4a5968778695a4b3c2d1e0f",
}


@dataclass
class Bench:
    """A reader's chip on its line, and the field over it."""

    line: SerialLine
    field: Field
    chip: Pn532Simulator

    @property
    def path(self) -> Path:
        return self.line.link_path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    line = SerialLine(tmp_path / "reader-1", baud=115200)
    field = Field()
    chip = Pn532Simulator(line, field)
    chip.start()
    yield Bench(line, field, chip)
    chip.stop()


@pytest.fixture
def chance() -> Callable[[int], bytes]:
    """Seeded chance: the same cards and challenges in every run."""
    return random.Random(20261121).randbytes


@pytest.fixture
def card_keys() -> dict[str, str]:
    return dict(CARD_KEYS)
