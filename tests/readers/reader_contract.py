"""What every reader driver keeps, whatever hardware it drives: a driver's test class inherits :class:`ReaderContract` and
gives it a :class:`Rig`; further kinds of cards inherit
:class:`CardContract`.

Nothing here asserts how long anything takes: polls are repeated up to a bound until what must come has come.
"""

from collections.abc import Callable
from typing import Protocol

import pytest

from readers.reader import Presentation, Reader, ReaderFault

POLLS_MOST = 40
"""Within which everything that must happen has happened."""


class LineRig(Protocol):
    """A driver with its simulated hardware, plugged in, nothing before it. Verbs are what a person does."""

    reader: Reader
    number: str
    """The number on the good card, the text of the good code."""

    def lay_down(self) -> None:
        """The good card into the field; the good code before the scanner."""

    def unplug(self) -> None: ...
    def plug(self) -> None: ...
    def babble(self, on: bool) -> None:
        """The device answers noise, or well again."""


class Rig(LineRig, Protocol):
    """A card reader."""

    def lay_down_without_key(self) -> None:
        """A card of the site's make that does not know its key."""

    def lay_down_two(self) -> None:
        """Two good cards at once."""

    def take_away(self) -> None:
        """All cards out of the field."""

    def take_away_at_frame(self, count: int) -> None:
        """The card leaves the field before its ``count``-th answer from now."""

    def hang(self) -> None:
        """The device stops answering until it is plugged in anew."""


def polled(reader: Reader, until: Callable[[Presentation | None], bool]) -> list[Presentation]:
    """Every presentation up to the first poll that satisfies ``until``."""
    found: list[Presentation] = []
    for _ in range(POLLS_MOST):
        presentation = reader.poll()
        if presentation is not None:
            found.append(presentation)
        if until(presentation):
            return found
    raise AssertionError(f"{POLLS_MOST} polls without what was awaited; seen: {found}")


def fault_of(reader: Reader) -> str:
    """The text of the fault that the next polls end in."""
    for _ in range(POLLS_MOST):
        try:
            reader.poll()
        except ReaderFault as fault:
            return str(fault)
    raise AssertionError(f"{POLLS_MOST} polls without a fault")


def first_of(reader: Reader) -> Presentation:
    """The next presentation."""
    return polled(reader, lambda presentation: presentation is not None)[0]


def quiet(reader: Reader, polls: int = 2) -> bool:
    """Whether some polls find nothing new."""
    return all(reader.poll() is None for _ in range(polls))


class CardContract:
    """What holds for each kind of card that a driver reads. Inherit and provide a ``rig`` fixture; the reader is not open yet
    when a test begins."""

    @pytest.fixture
    def rig(self) -> Rig:
        raise NotImplementedError

    def test_an_empty_field_presents_nothing(self, rig: Rig) -> None:
        rig.reader.open()
        assert quiet(rig.reader)

    def test_a_card_is_presented_once_with_its_number_and_then_removed(self, rig: Rig) -> None:
        rig.reader.open()
        rig.lay_down()
        read = first_of(rig.reader)
        assert (read.outcome, read.number, read.assurance) == ("read", rig.number, "authenticated")
        assert read.exchange_us > 0
        assert quiet(rig.reader)
        rig.take_away()
        removed = first_of(rig.reader)
        assert (removed.outcome, removed.technology) == ("removed", read.technology)
        assert quiet(rig.reader)

    def test_a_card_laid_down_again_is_presented_again(self, rig: Rig) -> None:
        rig.reader.open()
        for _ in range(3):
            rig.lay_down()
            assert first_of(rig.reader).number == rig.number
            rig.take_away()
            assert first_of(rig.reader).outcome == "removed"

    def test_a_card_lying_there_at_the_first_opening_is_read(self, rig: Rig) -> None:
        rig.lay_down()
        rig.reader.open()
        assert first_of(rig.reader).number == rig.number

    def test_a_card_without_the_key_is_refused_once_and_tells_no_number(self, rig: Rig) -> None:
        rig.reader.open()
        rig.lay_down_without_key()
        refused = first_of(rig.reader)
        assert (refused.outcome, refused.number, refused.assurance) == ("not_authenticated", "", "identified")
        assert quiet(rig.reader)
        rig.take_away()
        assert first_of(rig.reader).outcome == "removed"

    def test_a_good_card_after_a_bad_one_is_read(self, rig: Rig) -> None:
        rig.reader.open()
        rig.lay_down_without_key()
        assert first_of(rig.reader).outcome == "not_authenticated"
        rig.take_away()
        assert first_of(rig.reader).outcome == "removed"
        rig.lay_down()
        assert first_of(rig.reader).number == rig.number

    def test_two_cards_are_one_refusal_and_neither_is_read(self, rig: Rig) -> None:
        rig.reader.open()
        rig.lay_down_two()
        refused = first_of(rig.reader)
        assert (refused.outcome, refused.number) == ("two_cards", "")
        assert quiet(rig.reader)
        rig.take_away()
        assert first_of(rig.reader).outcome == "removed"
        rig.lay_down()
        assert first_of(rig.reader).number == rig.number

    @pytest.mark.parametrize("frame", [1, 2, 4])
    def test_a_card_taken_away_in_the_middle_is_no_decision(self, rig: Rig, frame: int) -> None:
        rig.reader.open()
        assert quiet(rig.reader)
        rig.take_away_at_frame(frame)
        rig.lay_down()
        seen = first_of(rig.reader)
        if seen.outcome == "read":  # this driver needs fewer frames
            rig.take_away()
            assert first_of(rig.reader).outcome == "removed"
        else:
            assert (seen.outcome, seen.number) == ("incomplete", "")
        assert quiet(rig.reader)
        rig.lay_down()
        assert first_of(rig.reader).number == rig.number


class LineContract:
    """What holds of the line to any device, a scanner's too: for it laying down is scanning. Inherit as :class:`CardContract`."""

    @pytest.fixture
    def rig(self) -> LineRig:
        raise NotImplementedError

    def test_polling_a_reader_that_is_not_open_is_a_fault(self, rig: LineRig) -> None:
        with pytest.raises(ReaderFault):
            rig.reader.poll()
        rig.reader.open()
        rig.reader.close()
        with pytest.raises(ReaderFault):
            rig.reader.poll()

    def test_opening_and_closing_may_be_repeated(self, rig: LineRig) -> None:
        rig.reader.close()
        for _ in range(3):
            rig.reader.open()
            rig.reader.open()
            rig.reader.close()
            rig.reader.close()
        rig.reader.open()
        rig.lay_down()
        assert first_of(rig.reader).number == rig.number

    def test_pulling_the_plug_is_a_fault_and_plugging_in_mends_it(self, rig: LineRig) -> None:
        rig.reader.open()
        assert quiet(rig.reader)
        rig.unplug()
        assert fault_of(rig.reader)
        rig.reader.close()
        with pytest.raises(ReaderFault):
            rig.reader.open()
        rig.plug()
        rig.reader.open()
        rig.lay_down()
        assert first_of(rig.reader).number == rig.number

    def test_noise_on_the_line_is_a_fault_and_silence_after_it_mends_it(self, rig: LineRig) -> None:
        rig.reader.open()
        rig.babble(on=True)
        assert fault_of(rig.reader)
        rig.reader.close()
        with pytest.raises(ReaderFault):
            rig.reader.open()
        rig.babble(on=False)
        rig.reader.open()
        rig.lay_down()
        assert first_of(rig.reader).number == rig.number


class ReaderContract(CardContract, LineContract):
    """The whole contract of a card reader: cards, and the line to the device."""

    @pytest.fixture
    def rig(self) -> Rig:
        raise NotImplementedError

    def test_a_hung_device_is_a_fault_until_it_is_plugged_in_anew(self, rig: Rig) -> None:
        rig.reader.open()
        assert quiet(rig.reader)
        rig.hang()
        assert fault_of(rig.reader)
        rig.reader.close()
        with pytest.raises(ReaderFault):
            rig.reader.open()
        rig.unplug()
        rig.plug()
        rig.reader.open()
        rig.lay_down()
        assert first_of(rig.reader).number == rig.number

    def test_a_card_that_lay_there_through_a_fault_is_not_presented_again(self, rig: Rig) -> None:
        rig.reader.open()
        rig.lay_down()
        assert first_of(rig.reader).number == rig.number
        rig.unplug()
        assert fault_of(rig.reader)
        rig.reader.close()
        rig.plug()
        rig.reader.open()
        assert quiet(rig.reader)
        rig.take_away()
        assert first_of(rig.reader).outcome == "removed"
        rig.lay_down()
        assert first_of(rig.reader).number == rig.number
