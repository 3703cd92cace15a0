"""The simulated PN532 on its wire: wake-up, acknowledge, errors, abort, repeat, rates, power-down, faults."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from sim.field import Field
from sim.pn532 import ACK_S, rising_edges
from sim.pn532_commands import BAUD_RATES, WORK_S, Commands, Outcome, SyntaxFault
from sim.pn532_frame import ACK, ERROR, NACK, encode
from sim.waiting import until
from tests.sim.conftest import Bench

READ_TIMEOUT_S = 3.0
SHORT_TIMEOUT_S = 0.15
"""Long enough for any answer here; spent only where none may come."""
WAKE_UP = b"\x55\x55" + bytes(8)
GET_FIRMWARE_VERSION = bytes.fromhex("d402")
VERSION = encode(bytes.fromhex("d50332010607"))


class Host:
    """A host that speaks raw bytes."""

    def __init__(self, port: serial.Serial) -> None:
        self.port = port

    def send(self, content: bytes) -> None:
        self.port.write(encode(content))

    def ask(self, content: bytes) -> bytes:
        """The answer's content; the ACK is checked."""
        self.send(content)
        assert self.port.read(len(ACK)) == ACK
        return self.answer()

    def answer(self) -> bytes:
        head = self.port.read(5)
        if head[3:5] == b"\xff\xff":
            head += self.port.read(3)
            size = int.from_bytes(head[5:7])
        else:
            size = head[3]
        rest = self.port.read(size + 2)
        assert sum(rest) & 0xFF == 0
        return rest[:size]

    def hears_nothing(self) -> bool:
        self.port.timeout = SHORT_TIMEOUT_S
        heard = self.port.read(1)
        self.port.timeout = READ_TIMEOUT_S
        return not heard


@contextmanager
def connected(bench: Bench, baud: int = 115200, wake: bytes = WAKE_UP) -> Iterator[Host]:
    with serial.Serial(str(bench.path), baud, timeout=READ_TIMEOUT_S) as port:
        port.write(wake)
        yield Host(port)


def test_a_sleeping_chip_hears_nothing_until_woken(bench: Bench) -> None:
    with connected(bench, wake=b"") as host:
        host.port.write(encode(GET_FIRMWARE_VERSION)[:4])  # four bytes: too few edges to wake
        assert host.hears_nothing()
        host.port.write(WAKE_UP)
        assert host.ask(GET_FIRMWARE_VERSION) == bytes.fromhex("d50332010607")


@pytest.mark.parametrize("preamble", [b"\x55\x55" + bytes(14), bytes(10), b"\x55"])
def test_the_known_wake_up_preambles_wake_it(bench: Bench, preamble: bytes) -> None:
    with connected(bench, wake=preamble) as host:
        assert host.ask(GET_FIRMWARE_VERSION)[:2] == b"\xd5\x03"


def test_edges_are_counted_as_on_the_wire() -> None:
    assert (rising_edges(0x00), rising_edges(0x55), rising_edges(0xFF)) == (1, 5, 1)


def test_an_answer_is_acknowledged_first_byte_for_byte(bench: Bench) -> None:
    with connected(bench) as host:
        host.port.write(bytes.fromhex("0000ff02fed4022a00"))
        assert host.port.read(len(ACK + VERSION)) == ACK + VERSION


def test_an_extended_frame_goes_both_ways(bench: Bench) -> None:
    content = b"\xd4\x00\x00" + bytes(index & 0xFF for index in range(262))
    with connected(bench) as host:
        assert host.ask(content) == b"\xd5\x01" + content[2:]


def test_a_wrong_checksum_gets_no_acknowledge_and_the_next_command_is_served(bench: Bench) -> None:
    damaged = bytearray(encode(GET_FIRMWARE_VERSION))
    damaged[-2] ^= 0x10
    with connected(bench) as host:
        host.port.write(damaged)
        assert host.hears_nothing()
        assert host.ask(GET_FIRMWARE_VERSION)[:2] == b"\xd5\x03"


@pytest.mark.parametrize(
    "content",
    [
        "d4ee",  # no such command
        "d402ff",  # parameters where none belong
        "d410",  # none where one belongs
        "d41009",  # no such rate
        "d4324201",  # no such configuration item
        "d4320100ff",  # item of the wrong length
        "d44a0300",  # three targets
        "d40663",  # half a register address
        "d414",  # no mode
        "d503",  # not from a host
    ],
)
def test_what_the_chip_does_not_understand_gets_the_error_frame(bench: Bench, content: str) -> None:
    with connected(bench) as host:
        host.send(bytes.fromhex(content))
        assert host.port.read(len(ACK + ERROR)) == ACK + ERROR
        assert host.ask(GET_FIRMWARE_VERSION)[:2] == b"\xd5\x03"


def test_a_nack_gets_the_last_answer_again(bench: Bench) -> None:
    with connected(bench) as host:
        host.ask(GET_FIRMWARE_VERSION)
        host.port.write(NACK)
        assert host.port.read(len(VERSION)) == VERSION


def search_without_end(host: Host) -> None:
    assert host.ask(bytes.fromhex("d43205ffffff")) == b"\xd5\x33"
    host.send(bytes.fromhex("d44a0100"))
    assert host.port.read(len(ACK)) == ACK


def test_an_ack_ends_the_command_under_way(bench: Bench) -> None:
    with connected(bench) as host:
        search_without_end(host)
        host.port.write(ACK)
        assert host.hears_nothing()
        assert host.ask(GET_FIRMWARE_VERSION)[:2] == b"\xd5\x03"


def test_a_new_command_ends_the_one_under_way(bench: Bench) -> None:
    with connected(bench) as host:
        search_without_end(host)
        assert host.ask(GET_FIRMWARE_VERSION)[:2] == b"\xd5\x03"
        assert host.hears_nothing()


def test_the_rate_changes_only_with_the_hosts_ack(bench: Bench) -> None:
    with connected(bench) as host:
        assert host.ask(bytes.fromhex("d41007")) == b"\xd5\x11"
        assert host.ask(GET_FIRMWARE_VERSION)[:2] == b"\xd5\x03"  # still at 115200
        host.port.write(ACK)  # too late
        assert host.ask(GET_FIRMWARE_VERSION)[:2] == b"\xd5\x03"
        assert host.ask(bytes.fromhex("d41007")) == b"\xd5\x11"
        host.port.write(ACK)
        bench.line.call(lambda: None)
        host.port.flush()
        assert host.hears_nothing()
        host.port.baudrate = 921600
        assert host.ask(GET_FIRMWARE_VERSION)[:2] == b"\xd5\x03"
    with connected(bench) as host:  # a predecessor killed here leaves a chip that 115200 cannot reach
        host.send(GET_FIRMWARE_VERSION)
        assert host.hears_nothing()
    bench.line.unplug()
    bench.line.plug()
    with connected(bench) as host:
        assert host.ask(GET_FIRMWARE_VERSION)[:2] == b"\xd5\x03"


def test_a_powered_down_chip_wakes_by_the_line_if_told_so(bench: Bench) -> None:
    with connected(bench) as host:
        assert host.ask(bytes.fromhex("d41610")) == bytes.fromhex("d51700")
        assert host.hears_nothing()
        assert until(lambda: not bench.chip.awake, READ_TIMEOUT_S)
        host.port.write(WAKE_UP)
        assert host.ask(GET_FIRMWARE_VERSION)[:2] == b"\xd5\x03"


@pytest.mark.parametrize(("sources", "never_wakes"), [("04", False), ("10", True)])
def test_a_chip_that_does_not_wake_needs_a_power_cycle(bench: Bench, sources: str, never_wakes: bool) -> None:
    bench.chip.never_wakes = never_wakes
    with connected(bench) as host:
        assert host.ask(bytes.fromhex("d416" + sources)) == bytes.fromhex("d51700")
        assert host.hears_nothing()
        host.port.write(WAKE_UP * 3)
        host.send(GET_FIRMWARE_VERSION)
        assert host.hears_nothing()
    bench.line.unplug()
    bench.line.plug()
    with connected(bench) as host:
        assert host.ask(GET_FIRMWARE_VERSION)[:2] == b"\xd5\x03"


def test_a_stuck_chip_says_nothing_until_power_cycled(bench: Bench) -> None:
    bench.chip.stuck = True
    with connected(bench) as host:
        host.send(GET_FIRMWARE_VERSION)
        assert host.hears_nothing()
    bench.line.unplug()
    bench.line.plug()
    with connected(bench) as host:
        assert host.ask(GET_FIRMWARE_VERSION)[:2] == b"\xd5\x03"


def test_a_power_cycle_forgets_everything(bench: Bench) -> None:
    with connected(bench) as host:
        host.ask(bytes.fromhex("d40863025a"))
        assert host.ask(bytes.fromhex("d4066302")) == bytes.fromhex("d5075a")
        host.ask(bytes.fromhex("d4320101"))
        assert bench.field.on
    bench.line.unplug()
    assert not bench.field.on
    bench.line.plug()
    with connected(bench) as host:
        assert host.ask(bytes.fromhex("d4066302")) == bytes.fromhex("d50700")


def test_wire_and_working_time_are_accounted_for(bench: Bench) -> None:
    """What a latency measurement takes off: the wire's time exactly, the chip's at least the ACK's delay."""
    with connected(bench) as host:
        host.ask(GET_FIRMWARE_VERSION)
        carried_s, worked_s = bench.line.carried_s, bench.chip.worked_s
        host.ask(GET_FIRMWARE_VERSION)
        count = len(encode(GET_FIRMWARE_VERSION) + ACK + VERSION)
        assert bench.line.carried_s - carried_s == pytest.approx(bench.line.byte_s(count))
        assert bench.chip.worked_s - worked_s == pytest.approx(ACK_S + WORK_S)


def test_self_tests_and_status(bench: Bench) -> None:
    with connected(bench) as host:
        assert host.ask(bytes.fromhex("d40001")) == bytes.fromhex("d50100")
        assert host.ask(bytes.fromhex("d40002")) == bytes.fromhex("d50100")
        assert host.ask(bytes.fromhex("d404")) == bytes.fromhex("d50500000080")


@given(st.integers(0, 255), st.binary(max_size=40))
def test_every_command_has_an_outcome_or_is_a_syntax_fault(code: int, parameters: bytes) -> None:
    try:
        outcome = Commands(Field()).run(code, parameters)
    except SyntaxFault:
        return
    for _ in range(3):  # the first attempts of a search
        answer = outcome.then()
        if not isinstance(answer, Outcome):
            break
        outcome = answer
    assert outcome.after_s is None or outcome.after_s >= 0
    assert outcome.baud in (None, *BAUD_RATES)
