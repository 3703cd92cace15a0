"""The simulated scanner on its line: what really goes over the wire, without any of the driver's code."""

import os
import select
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.scanner_unit import LONG_BYTES, SimulatedScanner
from sim.waiting import until
from sim.wiring import ScannerWiring

WAIT_S = 5.0


class Bench:
    def __init__(self, folder: Path, **wiring: Any) -> None:
        self.path = folder / "scanner"
        self.unit = SimulatedScanner(ScannerWiring("scanner", "goods-out", **wiring), self.path)
        self.unit.line.start()
        self.fd = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def stop(self) -> None:
        os.close(self.fd)
        self.unit.line.stop()

    def heard(self, count: int) -> bytes:
        found = b""
        while len(found) < count and select.select([self.fd], [], [], WAIT_S)[0]:
            found += os.read(self.fd, 4096)
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, baud=115_200)
    yield bench
    bench.stop()


@pytest.mark.parametrize(
    ("ending", "bytes_sent"),
    [("cr", b"SN-1\r"), ("lf", b"SN-1\n"), ("crlf", b"SN-1\r\n"), ("tab", b"SN-1\t"), ("stx-etx", b"\x02SN-1\x03"), ("none", b"SN-1")],
)  # fmt: skip
def test_a_code_is_sent_with_the_ending_that_is_asked_for(bench: Bench, ending: Any, bytes_sent: bytes) -> None:
    bench.unit.scan(b"SN-1", ending)
    assert bench.heard(len(bytes_sent)) == bytes_sent


def test_it_has_the_ending_that_its_wiring_names(tmp_path: Path) -> None:
    bench = Bench(tmp_path, terminator="tab", baud=115_200)
    try:
        bench.unit.scan(b"SN-1")
        assert bench.heard(5) == b"SN-1\t"
    finally:
        bench.stop()


def test_the_bytes_come_one_by_one_at_the_rate_of_the_line(tmp_path: Path) -> None:
    bench = Bench(tmp_path, baud=9600)
    try:
        due_s, wire_s = bench.unit.scan(b"SN-00017")
        assert wire_s == pytest.approx(9 * 10 / 9600)
        first = bench.heard(1)
        assert len(first) < 9 or bench.unit.line.now() >= due_s
        assert first + bench.heard(9 - len(first)) == b"SN-00017\r"
        assert bench.unit.line.now() >= due_s
    finally:
        bench.stop()


def test_the_faults_of_one_scan(bench: Bench) -> None:
    sent = bench.unit.sent
    assert sent(b"SN-00017", fault="half") == b"SN-0"
    assert sent(b"SN-1", fault="twice") == b"SN-1\rSN-1\r"
    assert len(sent(b"SN-1", fault="long")) == LONG_BYTES + 1
    noise = sent(b"SN-1", fault="noise")
    assert noise.endswith(b"\r")
    assert all(byte >= 0x80 for byte in noise[:-1])


def test_a_scanner_that_is_stuck_repeats_until_it_is_mended(bench: Bench) -> None:
    bench.unit.scan(b"SN-1")
    bench.unit.act("stuck")
    assert bench.heard(20).count(b"SN-1\r") >= 3
    bench.unit.act("normal")
    assert until(lambda: not select.select([bench.fd], [], [], 0.4)[0] or not os.read(bench.fd, 99), WAIT_S, 0.0)


def test_unplugged_its_path_is_gone_and_a_silent_one_sends_nothing(bench: Bench) -> None:
    bench.unit.act("silent")
    bench.unit.scan(b"SN-1")
    assert not select.select([bench.fd], [], [], 0.1)[0]
    bench.unit.act("unplug")
    assert not bench.path.exists()
    bench.unit.scan(b"SN-1")
    bench.unit.act("plug")
    assert bench.path.exists()
