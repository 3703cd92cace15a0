"""The PN532 keeps the contract of readers, with each kind of card that proves a key."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.readers.pn532.rig import Pn532Rig
from tests.readers.reader_contract import ReaderContract


class TestPn532WithDesfire(ReaderContract):
    technology = "desfire"

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Pn532Rig]:  # type: ignore[override]
        rig = Pn532Rig(tmp_path, self.technology)
        yield rig
        rig.stop()


class TestPn532WithUltralightC(TestPn532WithDesfire):
    technology = "ultralight-c"


class TestPn532WithFelicaLiteS(TestPn532WithDesfire):
    technology = "felica-lite-s"
