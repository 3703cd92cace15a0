"""Cards through the chip's commands: searching, one and two cards, exchanges, timeouts, cards that leave."""

from collections.abc import Iterator

import nfc.clf.pn532
import pytest

from sim.cards.felica_lite_s import FelicaLiteSCard
from sim.cards.maker import make_card
from sim.pn532_radio import crc_a, crc_f
from sim.pn532_targets import anticollision_order
from tests.sim.conftest import Bench
from tests.sim.stock_nfcpy import chipset

UID7 = bytes.fromhex("04112233445566")
UID4 = bytes.fromhex("a1b2c3d4")
TYPE_A, FELICA_212, FELICA_424, TYPE_B, JEWEL = 0, 1, 2, 3, 4
POLLING = bytes.fromhex("00ffff0100")
RX_MODE = "CIU_RxMode"
Error = nfc.clf.pn532.Chipset.Error


@pytest.fixture
def chip(bench: Bench) -> Iterator[nfc.clf.pn532.Chipset]:
    with chipset(bench.path) as chip:
        chip.rf_configuration(0x05, b"\xff\x01\x01")
        chip.rf_configuration(0x02, bytes([0, 11, 8]))  # 12.8 ms for exchanges
        yield chip


def search(chip: nfc.clf.pn532.Chipset, most: int = 1, kind: int = TYPE_A, data: bytes = b"") -> bytes:
    return bytes(chip.command(0x4A, bytes([most, kind]) + data, 1.0))


def test_an_empty_field_leaves_the_request_in_the_fifo(chip: nfc.clf.pn532.Chipset) -> None:
    assert search(chip) == b"\x00"
    assert chip.read_register("CIU_FIFOData") == 0x26


@pytest.mark.parametrize("kind", [TYPE_B, JEWEL])
def test_cards_that_nobody_makes_are_not_found(chip: nfc.clf.pn532.Chipset, kind: int) -> None:
    assert search(chip, kind=kind, data=b"\x00" if kind == TYPE_B else b"") == b"\x00"


def test_a_type_a_card_is_described_as_the_manual_says(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    bench.field.put(make_card("uid", UID7.hex(), {}))
    assert search(chip) == bytes.fromhex("010100440007") + UID7
    assert chip.read_register("CIU_FIFOData") != 0x26


def test_a_wanted_uid_is_found_among_others_and_only_it(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    bench.field.put(make_card("uid", UID7.hex(), {}))
    bench.field.put(make_card("uid", UID4.hex(), {}))
    assert search(chip, data=UID4)[-4:] == UID4
    chip.rf_configuration(0x01, b"\x00")
    assert search(chip, data=b"\x88" + UID7)[-7:] == UID7
    chip.rf_configuration(0x01, b"\x00")
    assert search(chip, data=b"\x01\x02\x03\x04") == b"\x00"


def test_of_two_cards_anticollision_takes_one_and_the_other_waits(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    bench.field.put(make_card("uid", "01000000", {}))
    bench.field.put(make_card("uid", "03000000", {}))
    assert search(chip)[-4:].hex() == "03000000"  # a 1 where they first differ


def test_both_of_two_cards_are_listed_when_asked_for(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    bench.field.put(make_card("uid", UID7.hex(), {}))
    bench.field.put(make_card("uid", UID4.hex(), {}))
    answer = search(chip, most=2)
    assert answer[0] == 2
    assert UID7 in answer
    assert UID4 in answer
    assert chip.get_general_status()[2] == 2


def test_one_card_is_listed_once_and_stays_active(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    bench.field.put(make_card("uid", UID7.hex(), {}))
    assert search(chip, most=2)[0] == 1
    assert bytes(chip.in_communicate_thru(b"\x30\x00", 0.2))[:3] == UID7[:3]


def test_a_chosen_target_answers_and_the_other_can_be_chosen_after(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    first, second = UID7, bytes.fromhex("04998877665544")
    bench.field.put(make_card("uid", first.hex(), {}))
    bench.field.put(make_card("uid", second.hex(), {}))
    listed = search(chip, most=2)
    names = {listed[1]: listed[6:13], listed[13]: listed[18:25]}
    assert set(names.values()) == {first, second}
    for number in (1, 2, 1):
        data = bytes(chip.command(0x40, bytes([number, 0x30, 0x00]), 0.3))
        assert data[0] == 0x00
        assert data[1:4] + data[5:9] == names[number]
    assert bytes(chip.command(0x40, bytes([3, 0x30, 0x00]), 0.3)) == b"\x27"


def test_a_released_target_is_forgotten(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    bench.field.put(make_card("uid", UID7.hex(), {}))
    search(chip)
    assert bytes(chip.command(0x54, b"\x01", 0.2)) == b"\x00"
    assert bytes(chip.command(0x44, b"\x01", 0.2)) == b"\x00"
    assert bytes(chip.command(0x40, b"\x01\x30\x00", 0.2))[0] == 0x00  # deselected: called again by number
    assert bytes(chip.command(0x52, b"\x00", 0.2)) == b"\x00"
    assert bytes(chip.command(0x54, b"\x01", 0.2)) == b"\x27"


def test_an_answer_carries_its_crc_only_when_the_chip_does_not_check_it(
    bench: Bench, chip: nfc.clf.pn532.Chipset
) -> None:
    bench.field.put(make_card("uid", UID7.hex(), {}))
    search(chip)
    checked = bytes(chip.in_communicate_thru(b"\x30\x00", 0.2))
    chip.write_register(RX_MODE, chip.read_register(RX_MODE) & 0x7F)
    assert bytes(chip.in_communicate_thru(b"\x30\x00", 0.2)) == checked + crc_a(checked)


def test_a_four_bit_acknowledge_is_a_crc_error_unless_crc_is_off(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    card = make_card("ultralight-c", "B-1", {"ultralight_c": "11" * 16}, UID7)
    bench.field.put(card)
    search(chip)
    with pytest.raises(Error) as caught:
        chip.in_communicate_thru(b"\x30\x04", 0.2)
    assert caught.value.errno == 0x02
    chip.rf_configuration(0x01, b"\x00")
    search(chip)
    chip.write_register(RX_MODE, chip.read_register(RX_MODE) & 0x7F)
    assert bytes(chip.in_communicate_thru(b"\x30\x04", 0.2)) == b"\x00"


def test_crc_vectors() -> None:
    assert crc_a(b"\x00\x00").hex() == "a01e"  # ISO/IEC 14443-3 annex B
    assert crc_a(b"\x12\x34").hex() == "26cf"
    assert crc_f(b"123456789").hex() == "31c3"  # CRC-16/XMODEM


def test_silence_is_status_1_after_the_configured_timeout(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    with pytest.raises(Error) as caught:
        chip.in_communicate_thru(b"\x30\x00", 0.5)
    assert caught.value.errno == 0x01
    for code in (1, 8, 13):
        chip.rf_configuration(0x02, bytes([0, 11, code]))
        begun = bench.line.now()
        with pytest.raises(Error):
            chip.in_communicate_thru(b"\x30\x00", 1.0)
        assert bench.line.now() - begun >= 100e-6 * 2 ** (code - 1)


def test_a_card_slower_than_the_timeout_has_not_answered(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    bench.field.put(make_card("ultralight-c", "B-1", {"ultralight_c": "11" * 16}, UID7))
    search(chip)
    chip.rf_configuration(0x02, bytes([0, 11, 1]))  # 100 µs
    with pytest.raises(Error) as caught:
        chip.in_communicate_thru(b"\x1a\x00", 0.2)
    assert caught.value.errno == 0x01


def test_a_relayed_card_answers_later_and_is_lost_at_a_short_timeout(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    card = make_card("uid", UID7.hex(), {})
    bench.field.put(card)
    search(chip)
    card.late_s = 0.01
    begun = bench.line.now()
    assert bytes(chip.in_communicate_thru(b"\x30\x00", 0.2))[:3] == UID7[:3]
    assert bench.line.now() - begun >= card.late_s
    card.late_s = 0.02  # beyond the 12.8 ms that are configured
    with pytest.raises(Error) as caught:
        chip.in_communicate_thru(b"\x30\x00", 0.2)
    assert caught.value.errno == 0x01


def test_a_card_taken_away_while_it_works_has_not_answered(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    card = make_card("ultralight-c", "B-1", {"ultralight_c": "11" * 16}, UID7)
    bench.field.put(card)
    search(chip)
    answer = card.transceive

    def taken_away(frame: bytes):  # type: ignore[no-untyped-def]
        reply = answer(frame)
        bench.field.remove(card)
        return reply

    card.transceive = taken_away  # type: ignore[method-assign]
    with pytest.raises(Error) as caught:
        chip.in_communicate_thru(b"\x30\x00", 0.2)
    assert caught.value.errno == 0x01


def test_a_card_put_down_during_an_endless_search_is_found(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    chip.rf_configuration(0x05, b"\xff\x01\xff")
    bench.line.after(0.05, lambda: bench.field.put(make_card("uid", UID4.hex(), {})))
    assert search(chip)[-4:] == UID4


def test_felica_is_found_at_both_rates_with_its_system(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    card = FelicaLiteSCard(bytes.fromhex("012e414243444546"))
    bench.field.put(card)
    expected = bytes.fromhex("01011401012e41424344454600f100000001430088b4")
    assert search(chip, kind=FELICA_212, data=POLLING) == expected
    assert chip.read_register("CIU_TxMode", "CIU_RxMode") == [0x92, 0x92]
    assert search(chip, kind=FELICA_424, data=POLLING) == expected
    assert search(chip) == b"\x00"


def test_felica_cards_in_one_slot_destroy_each_other(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    for number in range(2):
        bench.field.put(FelicaLiteSCard(bytes([1, 0x2E, 0, 0, 0, 0, 0, number]), chance=bytes))
    assert search(chip, most=2, kind=FELICA_212, data=POLLING) == b"\x00"


def test_felica_cards_in_different_slots_are_both_found(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    for number in range(2):
        slot = bytes([number])
        bench.field.put(FelicaLiteSCard(b"\x01\x2e" + bytes(5) + slot, chance=lambda _, slot=slot: slot))
    found = search(chip, most=2, kind=FELICA_212, data=POLLING[:4] + b"\x0f")
    assert found[0] == 2


def test_a_card_hears_only_its_own_modulation(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    bench.field.put(make_card("uid", UID7.hex(), {}))
    search(chip)
    chip.write_register("CIU_TxMode", 0x92)
    with pytest.raises(Error) as caught:
        chip.in_communicate_thru(b"\x30\x00", 0.2)
    assert caught.value.errno == 0x01


def test_the_field_switch_shows_in_the_register_and_resets_cards(bench: Bench, chip: nfc.clf.pn532.Chipset) -> None:
    bench.field.put(make_card("uid", UID7.hex(), {}))
    assert not chip.read_register("CIU_TxControl") & 0x03
    search(chip)
    assert chip.read_register("CIU_TxControl") & 0x03
    chip.rf_configuration(0x01, b"\x00")
    chip.rf_configuration(0x01, b"\x01")
    with pytest.raises(Error):
        chip.in_communicate_thru(b"\x30\x00", 0.2)


def test_cascade_tags_count_in_anticollision() -> None:
    assert anticollision_order(UID7)[:8] == (0, 0, 0, 1, 0, 0, 0, 1)
    assert len(anticollision_order(UID7)) == 64
    assert len(anticollision_order(UID4)) == 32
