"""The scanner driver before the simulated scanner, on a pty paced at the true baud rate."""

from pathlib import Path
from typing import Any

from readers.scanners import open_scanner
from sim.scanner_unit import SimulatedScanner
from sim.wiring import ScannerWiring

BAUD = 115_200
MAX_BYTES = 128


class ScannerRig:
    """See :class:`tests.readers.reader_contract.LineRig`: laying down is scanning."""

    number = "S-K7Q2M9X-4TFB8HC"

    def __init__(self, folder: Path, terminator: Any = "auto", aim_prefix: bool = False) -> None:
        self.path = folder / "scanner"
        self.unit = SimulatedScanner(ScannerWiring("scanner", "goods-out", baud=BAUD, terminator=terminator), self.path)
        self.unit.line.start()
        self.reader = open_scanner("serial-scanner", str(self.path), BAUD, terminator, aim_prefix, MAX_BYTES)

    def stop(self) -> None:
        self.reader.close()
        self.unit.line.stop()

    def lay_down(self) -> None:
        self.unit.scan(self.number.encode())

    def unplug(self) -> None:
        self.unit.act("unplug")

    def plug(self) -> None:
        self.unit.act("plug")

    def babble(self, on: bool) -> None:
        self.unit.act("garbage" if on else "normal")
