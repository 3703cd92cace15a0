"""The desk's reader: one order at a time, a card that comes back, a time that ends, a reader that fails."""

import pytest

from readers.desk import RETURN_US, DeskReader
from readers.encoder import EncodingOrder, EncodingResult
from readers.reader import ReaderFault

SECOND_US = 1_000_000
DONE = EncodingResult("encoded", "A-1")
AWAY = EncodingResult("CARD_TAKEN_AWAY", step="file", detail="gone")


class ScriptedEncoder:
    """Sees what the script says at each look, then nothing."""

    def __init__(self, *script: EncodingResult | ReaderFault | None) -> None:
        self.script = list(script)
        self.looked: list[str] = []
        self.rested = 0
        self.broken = False

    def open(self) -> None:
        if self.broken:
            raise ReaderFault("unplugged; plug it in")

    def rest(self) -> None:
        self.rested += 1

    def look(self, number: str, may_replace: object) -> EncodingResult | None:
        self.looked.append(number)
        step = self.script.pop(0) if self.script else None
        if isinstance(step, ReaderFault):
            raise step
        return step

    def close(self) -> None:
        pass


class Desk:
    def __init__(self, *script: EncodingResult | ReaderFault | None) -> None:
        self.encoder = ScriptedEncoder(*script)
        self.now_us = 1_000 * SECOND_US
        self.told: list[tuple[str, EncodingResult]] = []
        self.reader = DeskReader(self.encoder, lambda order, result: self.told.append((order.id, result)), self.clock)
        self.reader.open()

    def clock(self) -> int:
        return self.now_us

    def ask(self, order_id: str = "c1", number: str = "A-1", within_us: int = 40 * SECOND_US) -> None:
        self.reader.ask(EncodingOrder(order_id, number, lambda _: False, self.now_us + within_us))

    def polls(self, count: int, step_us: int = 50_000) -> None:
        for _ in range(count):
            self.reader.poll()
            self.now_us += step_us


def test_without_an_order_no_card_is_looked_for() -> None:
    desk = Desk()
    desk.polls(3)
    assert (desk.encoder.rested, desk.encoder.looked, desk.told) == (3, [], [])


def test_an_order_waits_for_its_card_is_answered_once_and_is_over() -> None:
    desk = Desk(None, None, DONE, DONE)
    desk.ask()
    desk.polls(5)
    assert desk.told == [("c1", DONE)]
    assert desk.encoder.looked == ["A-1"] * 3
    assert desk.encoder.rested == 2


def test_a_card_that_is_refused_ends_the_order() -> None:
    bound = EncodingResult("CARD_BOUND", "B-2", "read")
    desk = Desk(bound)
    desk.ask()
    desk.polls(2)
    assert desk.told == [("c1", bound)]


def test_no_card_in_time_is_told() -> None:
    desk = Desk()
    desk.ask(within_us=SECOND_US)
    desk.polls(25)
    assert desk.told == [("c1", EncodingResult("NO_CARD"))]


def test_a_card_that_comes_back_soon_is_finished() -> None:
    desk = Desk(AWAY, None, None, DONE)
    desk.ask()
    desk.polls(6)
    assert desk.told == [("c1", DONE)]


def test_a_card_that_stays_away_ends_the_order_with_the_step_that_it_broke_off_in() -> None:
    desk = Desk(AWAY)
    desk.ask()
    desk.polls(RETURN_US // 50_000 + 2)
    assert desk.told == [("c1", AWAY)]


def test_a_card_that_breaks_off_again_and_again_is_not_tried_for_ever() -> None:
    desk = Desk(*[AWAY] * 200)
    desk.ask()
    desk.polls(100)
    assert desk.told == [("c1", AWAY)]


def test_a_card_taken_away_in_the_last_moment_may_still_come_back() -> None:
    desk = Desk(AWAY, None, DONE)
    desk.ask(within_us=60_000)
    desk.polls(4, step_us=100_000)
    assert desk.told == [("c1", DONE)]


@pytest.mark.parametrize("step", ["block", "verify"])
def test_a_card_taken_away_when_it_may_carry_the_number_ends_the_order_at_once(step: str) -> None:
    """Else a second blank, laid down in its place, would carry the same number (B4)."""
    left = EncodingResult("CARD_TAKEN_AWAY", step=step, detail="gone")
    desk = Desk(left, DONE)
    desk.ask()
    desk.polls(6)
    assert desk.told == [("c1", left)]
    assert desk.encoder.looked == ["A-1"]


def test_a_new_order_takes_the_place_of_one_that_waits() -> None:
    desk = Desk(None, None, DONE)
    desk.ask("c1", "A-1")
    desk.polls(1)
    desk.ask("c2", "A-2")
    desk.polls(3)
    assert desk.told == [("c2", DONE)]
    assert desk.encoder.looked == ["A-1", "A-2", "A-2"]


def test_an_order_outlives_a_reader_that_comes_back() -> None:
    desk = Desk(ReaderFault("garbled"), DONE)
    desk.ask()
    with pytest.raises(ReaderFault):
        desk.reader.poll()
    desk.reader.close()
    desk.reader.open()
    desk.polls(1)
    assert desk.told == [("c1", DONE)]


def test_a_reader_that_stays_away_is_told_when_the_time_is_over() -> None:
    desk = Desk()
    desk.ask(within_us=SECOND_US)
    desk.encoder.broken = True
    for _ in range(5):
        desk.now_us += SECOND_US // 2
        with pytest.raises(ReaderFault):
            desk.reader.open()
    assert desk.told == [("c1", EncodingResult("READER_FAILED", detail="unplugged; plug it in"))]
