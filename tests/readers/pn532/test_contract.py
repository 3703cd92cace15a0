"""The PN532 keeps the contract of readers, with each kind of card that proves a key."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.readers.pn532.rig import Pn532Rig
from tests.readers.reader_contract import CardContract, ReaderContract


def rig_with(folder: Path, technology: str) -> Iterator[Pn532Rig]:
    rig = Pn532Rig(folder, technology)
    try:
        yield rig
    finally:
        rig.stop()


class TestPn532WithDesfire(ReaderContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Pn532Rig]:
        yield from rig_with(tmp_path, "desfire")


class TestPn532WithUltralightC(CardContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Pn532Rig]:
        yield from rig_with(tmp_path, "ultralight-c")


class TestPn532WithFelicaLiteS(CardContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Pn532Rig]:
        yield from rig_with(tmp_path, "felica-lite-s")
