"""The chip under any traffic, on a line that keeps its own time: no bytes kill it, every command is answered once."""

import heapq
import itertools
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sim.cards.card import Card
from sim.cards.maker import make_card
from sim.field import Field
from sim.pn532 import Pn532Simulator
from sim.pn532_frame import ACK, DATA_MAX_BYTES, Acknowledged, Broken, Data, Receiver, encode
from sim.serial_line import Timer

KEYS = {"desfire_read": "11" * 16, "ultralight_c": "22" * 16, "felica_lite_s": "33" * 16}
GET_FIRMWARE_VERSION = bytes.fromhex("d402")
ANSWER_S = 10.0
"""Simulated seconds: no answer takes longer, a timeout of code 16 included."""


class TimelessLine:
    """What a chip needs of a line, without pty, thread or waiting."""

    def __init__(self) -> None:
        self.baud = 115200
        self.announced_baud: int | None = None
        self.heard_at_s = self.heard_s = self.said_at_s = self.carried_s = 0.0
        self.sent = b""
        self._now = 0.0
        self._queue: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._now

    def attach(self, device: object) -> None:
        self.device = device

    def send(self, data: bytes) -> None:
        self.sent += data

    def byte_s(self, count: int = 1) -> float:
        return count * 10 / self.baud

    def after(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        heapq.heappush(self._queue, (self._now + delay_s, next(self._order), timer))
        return timer

    def pass_time(self, seconds: float) -> None:
        until = self._now + seconds
        while self._queue and self._queue[0][0] <= until:
            self._now, _, timer = heapq.heappop(self._queue)
            timer.fire()
        self._now = until

    def heard(self) -> list[object]:
        """The frames that the chip has sent since last asked."""
        frames = Receiver().feed(self.sent)
        self.sent = b""
        return list(frames)


def chip_on_a_timeless_line(field: Field) -> tuple[Pn532Simulator, TimelessLine]:
    line = TimelessLine()
    chip = Pn532Simulator(line, field)  # type: ignore[arg-type]
    chip.powered(True)
    chip.receive(b"\x55\x55" + bytes(8))
    return chip, line


@given(st.lists(st.one_of(st.binary(max_size=40), st.binary(min_size=1, max_size=20).map(encode)), max_size=12))
@settings(max_examples=150)
def test_no_bytes_kill_the_chip(chunks: list[bytes]) -> None:
    chip, line = chip_on_a_timeless_line(Field())
    for chunk in chunks:
        chip.receive(chunk)
        line.pass_time(0.01)
    chip.powered(False)
    chip.powered(True)
    chip.receive(b"\x55" + bytes(DATA_MAX_BYTES) + encode(GET_FIRMWARE_VERSION))
    line.heard()
    line.pass_time(ANSWER_S)
    assert line.heard() == [Acknowledged(), Data(bytes.fromhex("d50332010607"))]


commands = st.one_of(
    st.sampled_from(
        [
            "d402",
            "d404",
            "d4320102",
            "d4320101",
            "d43202000b08",
            "d43205010001",
            "d44a0100",
            "d44a0200",
            "d44a010100ffff0100",
            "d44a020200ffff010f",
            "d44a0103",
            "d4423000",
            "d442e080",
            "d44202905a0000034d4af500",
            "d4421a00",
            "d440013000",
            "d4400230f0",
            "d44400",
            "d45201",
            "d45402",
            "d40663036302",
            "d408630300",
            "d408630280",
        ]
    ).map(bytes.fromhex),
    st.tuples(st.sampled_from(b"\x40\x42\x44\x4a\x52\x54\x06\x08\x32"), st.binary(max_size=12)).map(
        lambda pair: bytes([0xD4, pair[0]]) + pair[1]
    ),
)


class ChipAndCards(RuleBasedStateMachine):
    """Cards come and go while a host says what it likes."""

    @initialize()
    def begin(self) -> None:
        self.field = Field()
        self.chip, self.line = chip_on_a_timeless_line(self.field)
        self.drawer: list[Card] = [
            make_card("desfire", "A-1", KEYS),
            make_card("ultralight-c", "B-1", KEYS),
            make_card("felica-lite-s", "F-1", KEYS),
            make_card("uid", "a1b2c3d4", {}),
            make_card("random-uid", "", {}),
        ]

    @rule(which=st.integers(0, 4))
    def move_a_card(self, which: int) -> None:
        card = self.drawer[which]
        if any(each is card for each in self.field.cards):
            self.field.remove(card)
        else:
            self.field.put(card)

    @rule(content=commands)
    def say(self, content: bytes) -> None:
        self.chip.receive(encode(content))
        self.line.pass_time(ANSWER_S)
        heard = self.line.heard()
        assert heard[0] == Acknowledged()
        assert not any(isinstance(each, Broken) for each in heard)
        if len(heard) == 1:  # a search or an exchange without end: only an ACK ends it
            self.chip.receive(ACK)
        else:
            [answer] = heard[1:]
            assert isinstance(answer, Data)
            assert answer.content in (b"\x7f", bytes([0xD5, content[1] + 1]) + answer.content[2:])

    @rule(content=commands, which=st.integers(0, 4), after_s=st.floats(0, 0.02))
    def move_a_card_while_the_chip_works(self, content: bytes, which: int, after_s: float) -> None:
        self.chip.receive(encode(content))
        self.line.pass_time(after_s)
        self.move_a_card(which)
        self.line.pass_time(ANSWER_S)
        self.chip.receive(ACK)
        assert self.line.heard()[0] == Acknowledged()

    @rule()
    def power_cycle(self) -> None:
        self.chip.powered(False)
        self.chip.powered(True)
        self.chip.receive(b"\x55\x55" + bytes(8))

    @invariant()
    def the_chip_still_answers(self) -> None:
        self.chip.receive(encode(GET_FIRMWARE_VERSION))
        self.line.pass_time(ANSWER_S)
        assert self.line.heard() == [Acknowledged(), Data(bytes.fromhex("d50332010607"))]


TestChipAndCards = ChipAndCards.TestCase
TestChipAndCards.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
