"""The simulated serial line as a host sees it through its path."""

import os
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial

from sim.faults import Corrupt, Drop, Duplicate, Silence
from sim.serial_line import FIFO_BYTES, SerialLine

READ_TIMEOUT_S = 5.0
WAIT_S = 5.0


class Echo:
    """A device that sends back what it gets, and remembers it."""

    def __init__(self, line: SerialLine) -> None:
        self.line = line
        self.power: list[bool] = []
        self.received = b""
        self.got_some = threading.Event()
        line.attach(self)

    def receive(self, data: bytes) -> None:
        self.received += data
        self.got_some.set()
        self.line.send(data)

    def powered(self, on: bool) -> None:
        self.power.append(on)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[SerialLine]:
    line = SerialLine(tmp_path / "device", baud=115200)
    Echo(line)
    line.start()
    yield line
    line.stop()


def echo_of(line: SerialLine) -> Echo:
    assert isinstance(line._device, Echo)
    return line._device


def host(line: SerialLine, baud: int = 115200) -> serial.Serial:
    return serial.Serial(str(line.link_path), baud, timeout=READ_TIMEOUT_S)


def wait_until(condition: Callable[[], bool]) -> None:
    given_up = threading.Event()
    timer = threading.Timer(WAIT_S, given_up.set)
    timer.start()
    try:
        while not condition():
            assert not given_up.wait(0.002), "waited in vain"
    finally:
        timer.cancel()


def test_bytes_go_both_ways(line: SerialLine) -> None:
    with host(line) as port:
        port.write(bytes(range(256)))
        assert port.read(256) == bytes(range(256))


def test_no_byte_arrives_before_the_wire_has_carried_it(line: SerialLine) -> None:
    line.call(lambda: setattr(line, "baud", 9600))
    count = 3 * FIFO_BYTES
    with host(line, 9600) as port:
        begun = line.now()
        port.write(bytes(count))
        assert len(port.read(count)) == count
        assert line.now() - begun >= 2 * line.byte_s(count)


def test_what_is_sent_twice_in_a_row_does_not_overtake(line: SerialLine) -> None:
    with host(line) as port:
        line.send(b"a" * FIFO_BYTES * 2)
        line.send(b"b")
        assert port.read(FIFO_BYTES * 2 + 1) == b"a" * FIFO_BYTES * 2 + b"b"


def test_a_host_at_another_rate_gets_and_sends_garbage(line: SerialLine) -> None:
    with host(line, 9600) as port:
        port.write(b"hello")
        assert echo_of(line).got_some.wait(WAIT_S)
        assert b"hello" not in echo_of(line).received
        port.baudrate = 115200
        port.reset_input_buffer()
        line.call(lambda: None)
        port.write(b"world")
        assert port.read_until(b"world").endswith(b"world")


def test_unplugging_hangs_up_and_removes_the_path(line: SerialLine) -> None:
    with host(line) as port:
        line.unplug()
        assert not line.link_path.is_symlink()
        assert not line.plugged
        with pytest.raises((serial.SerialException, OSError)):
            port.read(1)


def test_plugging_in_again_serves_a_new_pty_under_the_same_path(line: SerialLine) -> None:
    before = os.readlink(line.link_path)
    held = os.open(before, os.O_RDWR | os.O_NOCTTY)  # so that the number is not handed out again
    line.unplug()
    line.plug()
    assert os.readlink(line.link_path) != before
    os.close(held)
    with host(line) as port:
        port.write(b"again")
        assert port.read(5) == b"again"
    assert echo_of(line).power == [True, False, True]


def test_bytes_under_way_are_lost_with_the_cable(line: SerialLine) -> None:
    line.call(lambda: setattr(line, "baud", 1200))
    line.send(b"x" * 100)
    line.unplug()
    line.plug()
    with host(line, 1200) as port:
        line.send(b"y")
        assert port.read(1) == b"y"


def test_the_host_may_close_and_open_again_without_the_device_noticing(line: SerialLine) -> None:
    for word in (b"one", b"two"):
        with host(line) as port:
            port.write(word)
            assert port.read(3) == word
    assert echo_of(line).power == [True]


def test_faults_strike_in_their_own_direction_only(line: SerialLine) -> None:
    with host(line) as port:
        line.to_host.set(Duplicate(random.Random(1), times=1))
        port.write(b"ab")
        assert port.read(4) == b"abab"
        assert echo_of(line).received == b"ab"
        drop = Drop(random.Random(1), times=1)
        line.to_device.set(drop)
        port.write(b"lost")
        wait_until(lambda: drop.struck == 1)
        port.write(b"kept")
        assert port.read(4) == b"kept"
        line.to_device.clear()
        line.to_host.set(Corrupt(random.Random(1), times=1))
        port.write(b"cd")
        assert port.read(2) != b"cd"


def test_a_silent_line_answers_nothing_until_cleared(line: SerialLine) -> None:
    with host(line) as port:
        line.to_host.set(Silence())
        port.write(b"x")
        assert echo_of(line).got_some.wait(WAIT_S)
        line.call(lambda: None)
        line.to_host.clear()
        port.write(b"y")
        assert port.read(1) == b"y"


def test_timers_fire_in_order_and_not_when_cancelled(line: SerialLine) -> None:
    fired: list[str] = []
    done = threading.Event()

    def arm() -> None:
        line.after(0.02, lambda: (fired.append("second"), done.set()))
        line.after(0.001, lambda: fired.append("first"))
        line.after(0.002, lambda: fired.append("never")).cancel()

    line.call(arm)  # in the line's own thread: none fires before all are armed
    assert done.wait(WAIT_S)
    assert fired == ["first", "second"]


def test_a_call_hands_back_what_it_raises(line: SerialLine) -> None:
    def broken() -> None:
        raise KeyError("no such relay")

    with pytest.raises(KeyError, match="no such relay"):
        line.call(broken)


def test_a_stopped_line_leaves_no_thread_no_path_and_no_descriptor(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    line = SerialLine(tmp_path / "device", baud=9600)
    Echo(line)
    line.start()
    line.stop()
    line.stop()
    assert set(os.listdir("/proc/self/fd")) == before
    assert not line.link_path.is_symlink()
    assert not any(thread.name == "line device" for thread in threading.enumerate())


def test_a_stale_path_of_a_killed_simulator_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "device"
    path.symlink_to("/dev/pts/nonexistent")
    line = SerialLine(path, baud=9600)
    Echo(line)
    line.start()
    try:
        assert path.exists()
    finally:
        line.stop()


def test_a_line_that_does_not_run_cannot_be_plugged(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="does not run"):
        SerialLine(tmp_path / "device", baud=9600).plug()
