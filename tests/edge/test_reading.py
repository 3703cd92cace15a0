"""From a reader's thread to the inbox."""

import threading

import pytest

from edge.config import ReaderLine
from edge.ports import DeviceChanged, Presented, Rejected, Stimulus
from edge.reading import reader_thread, stimulus_of
from readers.reader import Presentation, ReaderFault

LINE = ReaderLine(id="reader-1", access_point="hall-in", driver="pn532", port="/dev/none")


class OneCard:
    """A reader that finds one card, then breaks."""

    def __init__(self) -> None:
        self.polls = 0

    def open(self) -> None:
        pass

    def poll(self) -> Presentation | None:
        self.polls += 1
        if self.polls == 1:
            return Presentation("read", "desfire", "B-1", "authenticated", 40_000)
        raise ReaderFault("port gone; plug it in")

    def close(self) -> None:
        pass


def test_a_card_becomes_a_stimulus_with_the_time_at_the_reader_and_a_fault_becomes_one_too() -> None:
    found: list[Stimulus] = []
    enough = threading.Event()

    def post(stimulus: Stimulus) -> None:
        found.append(stimulus)
        if len(found) == 3:
            enough.set()

    thread = reader_thread(LINE, {}, post, lambda: 77, make=lambda *_: OneCard())
    thread.start()
    assert enough.wait(10)
    assert thread.stop(10)
    assert found[:3] == [
        DeviceChanged("reader-1", "reader", True),
        Presented("hall-in", "desfire", "B-1", "authenticated", 77, 40_000),
        DeviceChanged("reader-1", "reader", False, "port gone; plug it in"),
    ]


@pytest.mark.parametrize("outcome", ["not_authenticated", "two_cards"])
def test_a_card_that_cannot_be_accepted_is_told(outcome: str) -> None:
    found = Presentation(outcome, "desfire")  # type: ignore[arg-type]
    assert stimulus_of("hall-in", found, 5) == Rejected("hall-in", outcome, "desfire", 5)


@pytest.mark.parametrize("outcome", ["removed", "incomplete"])
def test_a_card_that_left_decides_nothing(outcome: str) -> None:
    assert stimulus_of("hall-in", Presentation(outcome, "desfire"), 5) is None  # type: ignore[arg-type]
