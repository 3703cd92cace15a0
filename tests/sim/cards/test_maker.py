"""Cards as the desk encodes them (docs/interfaces.md, Cards)."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.cards.desfire import FULL, DesfireCard
from sim.cards.desfire_memory import Key
from sim.cards.felica_lite_s import FelicaLiteSCard
from sim.cards.maker import TECHNOLOGIES, CardError, badge_block, make_card
from sim.cards.plain import ClassicCard, NtagCard, RandomUidCard
from sim.cards.ultralight_c import UltralightCCard

UID = bytes.fromhex("04112233445566")
IDM = bytes.fromhex("012e112233445566")
printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=24)


@given(printable)
def test_a_badge_block_is_its_version_its_length_and_the_number(number: str) -> None:
    block = badge_block(number)
    assert len(block) == 32
    assert (block[0], block[1]) == (1, len(number))
    assert block[2 : 2 + block[1]].decode() == number
    assert not any(block[2 + block[1] :])


@pytest.mark.parametrize("number", ["", "x" * 25, "卡", "a\nb"])
def test_a_number_that_fits_no_card_is_refused(number: str) -> None:
    with pytest.raises(CardError, match="1 to 24 printable ASCII"):
        badge_block(number)


def test_a_desfire_badge_has_the_agreed_layout(card_keys: dict[str, str]) -> None:
    card = make_card("desfire", "A-0017", card_keys, UID)
    assert isinstance(card, DesfireCard)
    application = card.applications[bytes.fromhex("4d4af5")]
    file = application.files[1]
    assert (file.mode, file.read, bytes(file.data)) == (FULL, 1, badge_block("A-0017"))
    other = make_card("desfire", "A-0017", card_keys, bytes.fromhex("04112233445567"))
    assert isinstance(other, DesfireCard)
    assert other.applications[bytes.fromhex("4d4af5")].keys[1] != application.keys[1]
    assert application.keys[1].value.hex() != card_keys["desfire_read"]


def test_keys_are_the_same_whenever_the_same_card_is_made(card_keys: dict[str, str]) -> None:
    """Frozen: a change of the diversification input would lock out every card in use."""
    desfire = make_card("desfire", "1", card_keys, UID)
    ultralight = make_card("ultralight-c", "1", card_keys, UID)
    felica = make_card("felica-lite-s", "1", card_keys, IDM)
    assert isinstance(desfire, DesfireCard)
    assert isinstance(ultralight, UltralightCCard)
    assert isinstance(felica, FelicaLiteSCard)
    assert desfire.applications[bytes.fromhex("4d4af5")].keys[1].value.hex() == "a827d13f076d35dad5f12a3cbe0a8916"
    assert ultralight.key.hex() == "3b20adde2b4723585115f6a2d405e9df"
    assert bytes(felica.blocks[0x87]).hex() == "578c75986e1e3383580a1092bfbf56a4"


def test_an_ultralight_badge_has_the_agreed_layout(card_keys: dict[str, str]) -> None:
    card = make_card("ultralight-c", "B-22", card_keys, UID)
    assert isinstance(card, UltralightCCard)
    assert bytes(card.memory[16:48]) == badge_block("B-22")
    assert (card.memory[42 * 4], card.memory[43 * 4]) == (4, 0)


def test_a_felica_badge_has_the_agreed_layout(card_keys: dict[str, str]) -> None:
    card = make_card("felica-lite-s", "F-3", card_keys, IDM)
    assert isinstance(card, FelicaLiteSCard)
    assert bytes(card.blocks[0] + card.blocks[1]) == badge_block("F-3")


@pytest.mark.parametrize("technology", ["desfire", "ultralight-c", "felica-lite-s"])
def test_a_wrong_key_differs_from_the_right_one(technology: str, card_keys: dict[str, str]) -> None:
    uid = IDM if technology == "felica-lite-s" else UID
    right, wrong = (make_card(technology, "1", card_keys, uid, wrong_key=wrong) for wrong in (False, True))

    def key(card: object) -> bytes:
        match card:
            case DesfireCard():
                return card.applications[bytes.fromhex("4d4af5")].keys[1].value
            case UltralightCCard():
                return card.key
            case FelicaLiteSCard():
                return bytes(card.blocks[0x87])
        raise AssertionError(card)

    assert key(right) != key(wrong)


def test_a_bare_uid_is_its_own_number() -> None:
    assert make_card("uid", "04112233445566", {}).uid == UID
    assert isinstance(make_card("uid", "", {}, UID), NtagCard)
    assert isinstance(make_card("uid", "11223344", {}), ClassicCard)
    with pytest.raises(CardError, match="differ"):
        make_card("uid", "11223344", {}, UID)
    with pytest.raises(CardError, match="hexadecimal"):
        make_card("uid", "A-17", {})


def test_a_blank_card_has_no_application_and_the_transport_key() -> None:
    card = make_card("desfire-blank", "", {}, UID)
    assert isinstance(card, DesfireCard)
    assert list(card.applications) == [bytes(3)]
    assert card.applications[bytes(3)].keys == [Key("2tdea", bytes(16))]


def test_a_random_uid_changes_with_each_power_up(chance: Callable[[int], bytes]) -> None:
    card = make_card("random-uid", "", {}, chance=chance)
    assert isinstance(card, RandomUidCard)
    seen = set()
    for _ in range(4):
        card.power(True)
        seen.add(card.uid)
        card.power(False)
    assert len(seen) == 4
    assert all(uid[0] == 0x08 for uid in seen)


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_chance_makes_uids_and_a_seed_repeats_them(technology: str, card_keys: dict[str, str]) -> None:
    number = "" if technology == "uid" else "1"
    first, second = (make_card(technology, number, card_keys, chance=random.Random(7).randbytes) for _ in range(2))
    assert first.uid == second.uid


@pytest.mark.parametrize(
    ("technology", "keys", "uid", "message"),
    [
        ("hid-prox", {}, None, "one of desfire"),
        ("desfire", {}, None, "desfire_read is missing"),
        ("desfire", {"desfire_read": "zz"}, None, "not hexadecimal"),
        ("desfire", {"desfire_read": "00"}, None, "32 hexadecimal digits"),
        ("desfire", {"desfire_read": "0" * 32}, b"\x01\x02", "has 7 bytes, not 2"),
        ("felica-lite-s", {"felica_lite_s": "0" * 32}, UID, "has 8 bytes, not 7"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_line(
    technology: str, keys: dict[str, str], uid: bytes | None, message: str
) -> None:
    with pytest.raises(CardError, match=message):
        make_card(technology, "1", keys, uid)
