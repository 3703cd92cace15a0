"""The PN532 writing cards: before the simulated chip and card, byte for byte, on a pty at the true baud rate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from readers.credentials.keys import KeyRefused
from readers.drivers import ReaderRefused, open_encoder, open_reader
from readers.encoder import EncodingResult
from readers.pn532.encoder import Pn532Encoder
from readers.reader import Presentation, ReaderFault
from sim.cards.desfire import DesfireCard, Interruption
from sim.cards.maker import make_card
from sim.field import Field
from sim.pn532 import Pn532Simulator
from sim.serial_line import SerialLine

HEX = {
    "desfire_picc": "1F0A93B2C47D5E6881A2B3C4D5E6F708",
    "desfire_app": "2B3C4D5E6F7081928A9BACBDCEDFE0F1",
    "desfire_read": "7F1C9A5E3D2B48F6A1C3E5079B8D6F42",
}
KEYS = {name: bytes.fromhex(key) for name, key in HEX.items()}


class Rig:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "desk"
        self.line = SerialLine(self.path, 115200)
        self.field = Field()
        self.chip = Pn532Simulator(self.line, self.field)
        self.chip.start()
        self.encoder = open_encoder("pn532", str(self.path), KEYS)
        self.encoder.open()

    def look(self, number: str = "A-0017") -> EncodingResult | None:
        return self.encoder.look(number, lambda _: False)

    def blank(self) -> DesfireCard:
        card = make_card("desfire-blank", "", HEX)
        assert isinstance(card, DesfireCard)
        return card

    def at_a_door(self) -> Presentation | None:
        """The same chip under a door's driver."""
        self.encoder.close()
        reader = open_reader("pn532", str(self.path), ("desfire",), {"desfire_read": KEYS["desfire_read"]})
        reader.open()
        try:
            return reader.poll()
        finally:
            reader.close()

    def stop(self) -> None:
        self.encoder.close()
        self.chip.stop()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.stop()


def test_a_blank_card_is_written_and_then_read_at_a_door(rig: Rig) -> None:
    assert rig.look() is None
    card = rig.blank()
    rig.field.put(card)
    assert rig.look() == EncodingResult("encoded", "A-0017", card=card.uid.hex().upper())
    read = rig.at_a_door()
    assert read is not None
    assert (read.outcome, read.number, read.assurance) == ("read", "A-0017", "authenticated")


def test_a_card_taken_away_is_told_with_its_step_and_finished_when_it_is_back(rig: Rig) -> None:
    card = rig.blank()
    card.interruption = Interruption(12, "after", rig.field.remove)
    rig.field.put(card)
    broken = rig.look()
    assert broken is not None
    assert broken.outcome == "CARD_TAKEN_AWAY"
    assert broken.step in ("card_key", "application", "application_key")
    assert broken.card == card.uid.hex().upper()
    assert rig.look() is None
    rig.field.put(card)
    assert rig.look() == EncodingResult("encoded", "A-0017", card=broken.card)


@pytest.mark.parametrize(("step", "told"), [("file", False), ("block", True), ("verify", True)])
def test_a_reader_that_fails_when_the_card_may_carry_the_number_says_so(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, step: str, told: bool
) -> None:
    def encode(*given: Any) -> None:
        given[-1](step)
        raise ReaderFault("garbled")

    monkeypatch.setattr("readers.pn532.encoder.encode", encode)
    rig.field.put(rig.blank())
    if told:
        seen = rig.look()
        assert seen is not None
        assert (seen.outcome, seen.step) == ("READER_FAILED", step)
    else:
        with pytest.raises(ReaderFault):
            rig.look()


def test_two_cards_are_not_written(rig: Rig) -> None:
    with rig.field._lock:
        rig.field.put(rig.blank())
        rig.field.put(rig.blank())
    assert rig.look() == EncodingResult("TWO_CARDS")


@pytest.mark.parametrize("technology", ["uid", "ultralight-c"])
def test_a_card_of_another_kind_is_refused(rig: Rig, technology: str) -> None:
    rig.field.put(
        make_card(
            technology,
            "" if technology == "uid" else "B-2",
            {**HEX, "ultralight_c": "5A3C1E70928B4D6FE1C3A58709B2D4F6"},
        )
    )
    seen = rig.look()
    assert seen is not None
    assert seen.outcome == "NOT_DESFIRE"


def test_a_random_identifier_is_refused(rig: Rig) -> None:
    rig.field.put(make_card("random-uid", "", HEX))
    seen = rig.look()
    assert seen is not None
    assert seen.outcome in ("RANDOM_UID", "NOT_DESFIRE")


def test_a_badge_is_bound(rig: Rig) -> None:
    card = make_card("desfire", "B-22", HEX)
    rig.field.put(card)
    detail = "the card carries a number already"
    assert rig.look() == EncodingResult("CARD_BOUND", "B-22", "read", detail, card.uid.hex().upper())


def test_a_reader_that_is_pulled_out_is_a_fault(rig: Rig) -> None:
    rig.line.unplug()
    with pytest.raises(ReaderFault):
        rig.encoder.rest()
    rig.line.plug()


def test_an_encoder_that_is_not_open_is_a_fault() -> None:
    with pytest.raises(ReaderFault, match="not open"):
        open_encoder("pn532", "/dev/none", KEYS).rest()


def test_a_desk_without_its_keys_or_with_bad_ones_is_refused_by_name() -> None:
    with pytest.raises(ReaderRefused, match="desfire_app"):
        open_encoder("pn532", "p", {name: key for name, key in KEYS.items() if name != "desfire_app"})
    with pytest.raises(ReaderRefused, match="writes no cards"):
        open_encoder("barcode", "p", KEYS)
    with pytest.raises(KeyRefused, match="two are the same"):
        open_encoder("pn532", "p", {**KEYS, "desfire_app": KEYS["desfire_picc"]})
    with pytest.raises(KeyRefused, match="published factory key"):
        open_encoder("pn532", "p", {**KEYS, "desfire_app": bytes(16)})
    assert isinstance(open_encoder("pn532", "p", {**KEYS, "ultralight_c": bytes(16)}), Pn532Encoder)
