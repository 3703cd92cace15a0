"""The scanner driver on a pty: whole scans, what is none, and the line's faults."""

import array
import fcntl
import os
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from readers.reader import Presentation, ReaderFault
from readers.scanners import ScannerRefused, open_scanner
from sim.waiting import until
from tests.readers.reader_contract import LineContract, fault_of, first_of, quiet
from tests.readers.scanner.rig import BAUD, MAX_BYTES, ScannerRig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[ScannerRig]:
    rig = ScannerRig(tmp_path)
    yield rig
    rig.stop()


class TestLine(LineContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[ScannerRig]:
        rig = ScannerRig(tmp_path)
        yield rig
        rig.stop()


@pytest.mark.parametrize("ending", ["cr", "lf", "crlf", "tab", "stx-etx"])
def test_a_scan_is_presented_once_whatever_ends_it(rig: ScannerRig, ending: str) -> None:
    rig.reader.open()
    rig.unit.scan(b"SN-00017", ending)  # type: ignore[arg-type]
    assert first_of(rig.reader) == Presentation("read", "barcode", "SN-00017", length=8)
    assert quiet(rig.reader)


@pytest.mark.parametrize("terminator", ["cr", "lf", "crlf", "tab", "stx-etx"])
def test_a_fixed_end_is_the_one_that_counts(tmp_path: Path, terminator: str) -> None:
    rig = ScannerRig(tmp_path, terminator)
    try:
        rig.reader.open()
        rig.lay_down()
        assert first_of(rig.reader).number == rig.number
        assert quiet(rig.reader)
    finally:
        rig.stop()


def test_two_scans_in_one_burst_are_two(rig: ScannerRig) -> None:
    rig.reader.open()
    rig.unit.scan(b"SN-1\rSN-2")
    assert [first_of(rig.reader).number, first_of(rig.reader).number] == ["SN-1", "SN-2"]


def test_a_scanner_that_empties_its_memory_is_a_fault_and_the_rest_is_never_presented(rig: ScannerRig) -> None:
    rig.reader.open()
    rig.unit.scan(b"\r".join(b"SN-%d" % n for n in range(200)))
    assert "switch the scanner's batch mode off" in fault_of(rig.reader)
    rig.reader.close()
    rig.reader.open()
    assert quiet(rig.reader)
    rig.lay_down()
    assert first_of(rig.reader).number == rig.number


def test_a_trigger_that_hangs_is_one_scan(rig: ScannerRig) -> None:
    rig.reader.open()
    rig.lay_down()
    assert first_of(rig.reader).number == rig.number
    rig.unit.act("stuck")
    assert quiet(rig.reader, polls=8)
    rig.unit.act("normal")


def test_half_a_code_is_told_and_never_joined_with_the_next(rig: ScannerRig) -> None:
    rig.reader.open()
    rig.unit.scan(b"SN-00017", fault="half")
    assert first_of(rig.reader) == Presentation("half", "barcode", length=4)
    rig.unit.scan(b"SN-00018")
    assert first_of(rig.reader).number == "SN-00018"


def test_a_full_qr_code_is_too_long_once(rig: ScannerRig) -> None:
    rig.reader.open()
    rig.unit.scan(b"https://example.org/", fault="long")
    assert first_of(rig.reader) == Presentation("too_long", "barcode", length=4096)
    assert quiet(rig.reader)
    rig.lay_down()
    assert first_of(rig.reader).number == rig.number


def test_noise_is_told_and_the_next_scan_is_read(rig: ScannerRig) -> None:
    rig.reader.open()
    rig.unit.scan(b"SN-00017", fault="noise")
    assert first_of(rig.reader).outcome == "noise"
    rig.lay_down()
    assert first_of(rig.reader).number == rig.number


def test_a_line_that_never_ends_a_code_is_a_fault(rig: ScannerRig) -> None:
    rig.reader.open()
    rig.unit.scan(b"x" * 20_000, "none")
    assert "sends without an end" in fault_of(rig.reader)


def waiting(port: int) -> int:
    """How many bytes lie there for whoever reads next."""
    count: int = array.array("i", fcntl.ioctl(port, termios.FIONREAD, bytes(4)))[0]
    return count


def test_what_was_scanned_while_nobody_listened_is_never_presented(rig: ScannerRig) -> None:
    port = os.open(rig.path, os.O_RDWR | os.O_NOCTTY)
    try:
        rig.lay_down()
        assert until(lambda: waiting(port) == len(rig.number) + 1, 5.0, 0.01)  # to the last byte
    finally:
        os.close(port)
    rig.reader.open()
    assert quiet(rig.reader)


def test_half_a_code_before_the_plug_was_pulled_joins_nothing(rig: ScannerRig) -> None:
    rig.reader.open()
    rig.unit.scan(b"SN-00", "none")
    rig.reader.poll()
    rig.unplug()
    assert fault_of(rig.reader)
    rig.reader.close()
    rig.plug()
    rig.reader.open()
    rig.unit.scan(b"017")
    assert first_of(rig.reader).number == "017"


def test_a_symbology_identifier_is_stripped_where_the_site_says_so(tmp_path: Path) -> None:
    rig = ScannerRig(tmp_path, aim_prefix=True)
    try:
        rig.reader.open()
        rig.unit.scan(b"]C1SN-00017")
        assert first_of(rig.reader).number == "SN-00017"
    finally:
        rig.stop()


def test_a_port_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    scanner = open_scanner("serial-scanner", str(tmp_path / "nowhere"), 9600, "auto", False, MAX_BYTES)
    with pytest.raises(ReaderFault, match=r"^\S+/nowhere: cannot be opened \(.*No such file.*\); check cable"):
        scanner.open()


def test_a_file_that_is_no_serial_port_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ReaderFault, match="cannot be opened"):
        open_scanner("serial-scanner", str(tmp_path / "file"), 9600, "auto", False, MAX_BYTES).open()


def test_a_second_process_on_the_same_port_is_a_fault(rig: ScannerRig) -> None:
    rig.reader.open()
    other = open_scanner("serial-scanner", str(rig.path), BAUD, "auto", False, MAX_BYTES)
    with pytest.raises(ReaderFault, match="cannot be opened"):
        other.open()


@pytest.mark.parametrize(
    ("driver", "baud", "terminator", "says"),
    [
        ("hid", 9600, "auto", "unknown driver 'hid'; known are serial-scanner"),
        ("serial-scanner", 0, "auto", "baud 0; write the scanner's rate"),
        ("serial-scanner", 9600, "enter", "unknown terminator 'enter'; use one of auto, cr, "),
    ],
)
def test_a_configuration_that_cannot_be_is_one_line(driver: str, baud: int, terminator: str, says: str) -> None:
    with pytest.raises(ScannerRefused, match=f"^scanner on /dev/s1: {says}"):
        open_scanner(driver, "/dev/s1", baud, terminator, False, MAX_BYTES)


OPENS_IN_A_SESSION_OF_ITS_OWN = """
import os, sys
from readers.scanners import open_scanner
os.setsid()
scanner = open_scanner("serial-scanner", sys.argv[1], 9600, "auto", False, 128)
scanner.open()
try:
    os.open("/dev/tty", os.O_RDWR)
except OSError:
    sys.exit(0)
sys.exit("the scanner's port has become the controlling terminal")
"""


def test_the_port_never_becomes_the_controlling_terminal() -> None:
    far, slave = os.openpty()
    tty.setraw(slave)
    try:
        command = [sys.executable, "-c", OPENS_IN_A_SESSION_OF_ITS_OWN, os.ttyname(slave)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
    finally:
        os.close(slave)
        os.close(far)
