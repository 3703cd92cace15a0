"""Unmodified nfcpy 1.0.4 on the simulated chip: opening, sensing, tags of every kind, faults on the line."""

import random
from collections.abc import Callable
from typing import Literal

import nfc.clf
import nfc.clf.pn532
import nfc.clf.transport
import nfc.tag
import pytest

from sim.cards.crypto import diversified_2tdea, diversified_aes
from sim.cards.desfire import FREE, PLAIN, DesfireCard, Interruption, StandardFile
from sim.cards.maker import AID, LABEL, badge_block, make_card
from sim.faults import Corrupt, Drop, Silence, Truncate
from tests.sim.conftest import Bench
from tests.sim.stock_nfcpy import chipset, frontend

TYPE_A = nfc.clf.RemoteTarget("106A")
TYPE_F = nfc.clf.RemoteTarget("212F")


def activated(clf: nfc.ContactlessFrontend, *kinds: nfc.clf.RemoteTarget) -> nfc.tag.Tag:
    target = clf.sense(*(kinds or (TYPE_A,)))
    assert target is not None
    tag = nfc.tag.activate(clf, target)
    assert tag is not None
    return tag


def sense_often(clf: nfc.ContactlessFrontend) -> None:
    for _ in range(5):
        clf.sense(TYPE_A)


def test_the_stock_rate_change_and_the_stock_close(bench: Bench) -> None:
    with frontend(bench.path) as clf:
        device = clf.device
        device.chipset.set_serial_baudrate(921600)
        device.chipset.transport.baudrate = 921600
        assert device.chipset.get_firmware_version() == bytearray.fromhex("32010607")
        assert bench.line.baud == 921600
        device.close()  # back to 115200, then power-down
        bench.line.call(lambda: None)
    with frontend(bench.path):
        assert bench.line.baud == 115200


def test_an_empty_field_senses_nothing(bench: Bench) -> None:
    with frontend(bench.path) as clf:
        assert clf.sense(TYPE_A, TYPE_F, nfc.clf.RemoteTarget("106B")) is None


def test_desfire_commands_go_through_nfcpys_iso_dep(bench: Bench, card_keys: dict[str, str]) -> None:
    card = make_card("desfire", "A-0017", card_keys)
    bench.field.put(card)
    with frontend(bench.path) as clf:
        tag = activated(clf)
        assert bytes(tag.identifier) == card.uid
        assert bytes(tag.transceive(bytes.fromhex("905a000003") + AID + b"\x00")) == b"\x91\x00"
        assert bytes(tag.transceive(bytes.fromhex("90f50000010100"))).hex() == "0003f0102000009100"
        assert tag.is_present
        bench.field.remove(card)
        assert not tag.is_present
        assert clf.sense(TYPE_A) is None


@pytest.mark.parametrize(("effect", "made"), [("before", False), ("after", True)])
def test_a_command_that_power_failed_in_has_no_answer(
    bench: Bench, effect: Literal["before", "after"], made: bool
) -> None:
    card = make_card("desfire-blank", "", {})
    assert isinstance(card, DesfireCard)
    card.interruption = Interruption(1, effect, lambda: bench.field.remove(card))
    bench.field.put(card)
    with frontend(bench.path) as clf:
        tag = activated(clf)
        with pytest.raises(nfc.tag.TagCommandError):
            tag.transceive(bytes.fromhex("90ca000005") + AID + bytes.fromhex("0f8200"))
        assert clf.sense(TYPE_A) is None
        assert (AID in card.applications) is made
        bench.field.put(card)
        assert bytes(activated(clf).transceive(bytes.fromhex("906a000000"))) == (AID if made else b"") + b"\x91\x00"


def test_long_answers_are_chained(bench: Bench) -> None:
    content = bytes(range(240)) * 2
    card = DesfireCard(bytes.fromhex("04112233445566"))
    card.add_application(AID, [bytes(16)])
    card.add_file(AID, 2, StandardFile(bytearray(content), PLAIN, read=FREE))
    bench.field.put(card)
    with frontend(bench.path) as clf:
        tag = activated(clf)
        tag.transceive(bytes.fromhex("905a000003") + AID + b"\x00")
        answer = bytes(tag.transceive(bytes.fromhex("90ad0000070200000000000000")))
        assert answer == content + b"\x91\x00"


def test_ultralight_c_authenticates_and_reads(bench: Bench, card_keys: dict[str, str]) -> None:
    card = make_card("ultralight-c", "B-22", card_keys)
    bench.field.put(card)
    key = diversified_2tdea(bytes.fromhex(card_keys["ultralight_c"]), card.uid + LABEL)
    with frontend(bench.path) as clf:
        tag = activated(clf)
        assert "Ultralight C" in tag.product
        with pytest.raises(nfc.tag.tt2.Type2TagCommandError):
            tag.read(4)
        assert not tag.authenticate(bytes(range(16)))
        tag = activated(clf)
        assert tag.authenticate(key)
        assert bytes(tag.read(4) + tag.read(8)) == badge_block("B-22")
        assert tag.is_present


def test_nfcpy_itself_changes_an_ultralight_key(bench: Bench, card_keys: dict[str, str]) -> None:
    card = make_card("uid", "04112233445566", {})
    bench.field.remove(card)
    fresh = make_card("ultralight-c", "B-22", card_keys)
    bench.field.put(fresh)
    with frontend(bench.path) as clf:
        tag = activated(clf)
        assert tag.authenticate(diversified_2tdea(bytes.fromhex(card_keys["ultralight_c"]), fresh.uid + LABEL))
        assert tag.protect(b"sixteen byte key", read_protect=True, protect_from=4)
        assert activated(clf).authenticate(b"sixteen byte key")


def test_felica_lite_s_authenticates_mutually_and_reads_with_mac(bench: Bench, card_keys: dict[str, str]) -> None:
    card = make_card("felica-lite-s", "F-3", card_keys)
    bench.field.put(card)
    key = diversified_aes(bytes.fromhex(card_keys["felica_lite_s"]), card.uid + LABEL)
    with frontend(bench.path) as clf:
        tag = activated(clf, TYPE_A, TYPE_F)
        assert "Lite-S" in tag.product
        assert not tag.authenticate(bytes(range(16)))
        assert tag.authenticate(key)
        assert bytes(tag.read_with_mac(0, 1)) == badge_block("F-3")
        assert tag.is_present


@pytest.mark.parametrize(
    ("technology", "number", "product"),
    [("uid", "04112233445566", "NXP NTAG213"), ("uid", "a1b2c3d4", ""), ("random-uid", "", "")],
)
def test_cards_that_only_name_themselves(bench: Bench, technology: str, number: str, product: str) -> None:
    card = make_card(technology, number, {})
    bench.field.put(card)
    with frontend(bench.path) as clf:
        target = clf.sense(TYPE_A)
        assert bytes(target.sdd_res) == card.uid
        if product:
            assert nfc.tag.activate(clf, target).product == product


def test_a_random_uid_differs_at_each_sense(bench: Bench) -> None:
    bench.field.put(make_card("random-uid", "", {}))
    with frontend(bench.path) as clf:
        assert len({bytes(clf.sense(TYPE_A).sdd_res) for _ in range(3)}) == 3


def test_a_card_taken_away_in_the_middle_raises_and_the_next_one_reads(bench: Bench, card_keys: dict[str, str]) -> None:
    first, second = (make_card("desfire", number, card_keys) for number in ("A-1", "A-2"))
    bench.field.put(first)
    with frontend(bench.path) as clf:
        tag = activated(clf)
        bench.field.remove(first)
        with pytest.raises(nfc.tag.tt4.Type4TagCommandError):
            tag.transceive(bytes.fromhex("9060000000"))
        bench.field.put(second)
        assert bytes(activated(clf).identifier) == second.uid


def test_both_of_two_cards_show_through_the_chips_own_command(bench: Bench, card_keys: dict[str, str]) -> None:
    for number in ("A-1", "A-2"):
        bench.field.put(make_card("desfire", number, card_keys))
    with frontend(bench.path) as clf:
        assert clf.sense(TYPE_A) is not None
        clf.device.mute()
        assert clf.device.chipset.command(0x4A, b"\x02\x00", 1.0)[0] == 2


def test_a_host_killed_in_mid_command_leaves_a_chip_that_opens_again(bench: Bench) -> None:
    with chipset(bench.path) as chip:
        chip.rf_configuration(0x05, b"\xff\x01\xff")
        chip.transport.write(bytes.fromhex("0000ff04fcd44a0100e100"))  # searches without end; nobody waits
    with frontend(bench.path) as clf:
        assert clf.sense(TYPE_A) is None


@pytest.mark.parametrize(
    "strike",
    [
        lambda bench: bench.line.to_host.set(Silence()),
        lambda bench: bench.line.to_device.set(Silence()),
        lambda bench: bench.line.to_host.set(Drop(random.Random(3))),
        lambda bench: bench.line.to_host.set(Truncate(random.Random(3))),
        lambda bench: bench.line.to_host.set(Corrupt(random.Random(3))),
        lambda bench: bench.line.unplug(),
        lambda bench: setattr(bench.chip, "stuck", True),
    ],
    ids=["silent", "deaf", "dropping", "truncating", "corrupting", "unplugged", "stuck"],
)
def test_a_fault_on_the_line_reaches_the_host_and_passes(bench: Bench, strike: Callable[[Bench], None]) -> None:
    with frontend(bench.path) as clf:
        strike(bench)
        with pytest.raises(Exception):  # noqa: B017 - IOError, IndexError, Chipset.Error, termios.error: it leaks them all
            sense_often(clf)
    bench.line.to_host.clear()
    bench.line.to_device.clear()
    bench.line.unplug()
    bench.line.plug()
    with frontend(bench.path) as clf:
        assert clf.sense(TYPE_A) is None
