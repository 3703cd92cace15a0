"""Writing a badge onto the simulated DESFire card, which knows nothing of this package: whole, cut off anywhere, hostile."""

import contextlib
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readers.credentials import desfire
from readers.credentials.card import BLOCK_BYTES, CardGone, NotAuthenticated, NotOurs, Outcome, Verified
from readers.credentials.desfire_encoding import Encoded, Refused, application_key, encode, picc_key
from readers.credentials.keys import EncodingKeys
from sim.cards.crypto import diversified_aes
from sim.cards.desfire import FREE, FULL, NEVER, PICC, DesfireCard, Interruption, StandardFile
from sim.cards.desfire_memory import Application, Key
from sim.cards.maker import make_card

UID = bytes.fromhex("04A1B2C3D4E5F6")
HEX = {
    "desfire_picc": "1F0A93B2C47D5E6881A2B3C4D5E6F708",
    "desfire_app": "2B3C4D5E6F7081928A9BACBDCEDFE0F1",
    "desfire_read": "7F1C9A5E3D2B48F6A1C3E5079B8D6F42",
}
KEYS = EncodingKeys(**{name: bytes.fromhex(key) for name, key in HEX.items()})
AID = bytes.fromhex("4D4AF5")
NUMBER = st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=24)


class Air:
    """The way to one card, counting commands."""

    def __init__(self, card: DesfireCard) -> None:
        self.card = card
        self.commands = 0

    def __call__(self, command: bytes) -> bytes:
        self.commands += 1
        answer = self.card.command(command)
        if answer is None:
            raise CardGone("the card left the field")
        return answer[0]


def blank(uid: bytes = UID) -> DesfireCard:
    return DesfireCard(uid, Random(1).randbytes)


def write(
    card: DesfireCard,
    number: str = "A-0017",
    may_replace: Callable[[str], bool] = lambda _: False,
    steps: list[str] | None = None,
    air: Air | None = None,
) -> Encoded | Refused:
    card.power(True)
    reached: list[str] = [] if steps is None else steps
    return encode(air or Air(card), card.uid, KEYS, number, may_replace, Random(2).randbytes, reached.append)


def at_a_door(card: DesfireCard) -> Outcome:
    card.power(True)
    return desfire.read(Air(card), card.uid, KEYS.desfire_read, Random(3).randbytes)


def commands_of(card: DesfireCard, number: str = "A-0017", may_replace: Callable[[str], bool] = lambda _: True) -> int:
    air = Air(card)
    assert write(card, number, may_replace, air=air) == Encoded(number)
    return air.commands


def aes_blank(uid: bytes = UID) -> DesfireCard:
    """As some resellers deliver them."""
    card = blank(uid)
    card.applications[PICC] = Application([Key("aes", bytes(16))])
    return card


@given(NUMBER)
@settings(max_examples=30, deadline=None)
def test_a_card_from_the_factory_becomes_a_badge_that_a_door_reads(number: str) -> None:
    card = blank()
    assert write(card, number) == Encoded(number)
    assert at_a_door(card) == Verified(number)


def test_the_layout_is_the_documented_one_and_every_key_is_diversified() -> None:
    card = blank()
    write(card)
    application = card.applications[AID]
    assert card.applications[PICC].keys == [
        Key("aes", diversified_aes(KEYS.desfire_picc, UID + bytes(3) + b"menjin"), 1)
    ]
    assert application.keys == [
        Key("aes", diversified_aes(KEYS.desfire_app, UID + AID + b"menjin"), 1),
        Key("aes", diversified_aes(KEYS.desfire_read, UID + AID + b"menjin"), 1),
    ]
    assert application.settings == 0x0B
    block = (b"\x01\x06A-0017").ljust(BLOCK_BYTES, b"\0")
    assert application.files == {1: StandardFile(bytearray(block), FULL, read=1, write=0, read_write=NEVER, change=0)}
    other = blank(bytes.fromhex("04A1B2C3D4E5F7"))
    write(other)
    assert not {key.value for key in application.keys} & {key.value for key in other.applications[AID].keys}


def test_a_blank_with_an_aes_key_of_zeros_is_as_good() -> None:
    card = aes_blank()
    assert write(card) == Encoded("A-0017")
    assert at_a_door(card) == Verified("A-0017")
    assert card.applications[PICC].keys[0].value == picc_key(KEYS, UID)


@pytest.mark.parametrize("make", [blank, aes_blank])
@pytest.mark.parametrize("effect", ["before", "after"])
def test_cut_off_in_any_command_it_is_finished_by_doing_it_again(make: Callable[[], DesfireCard], effect: str) -> None:
    count = commands_of(make())
    assert count > 25
    for index in range(1, count + 1):
        card = make()
        card.interruption = Interruption(index, effect)  # type: ignore[arg-type]
        with pytest.raises(CardGone):
            write(card)
        before = at_a_door(card)
        assert isinstance(before, NotOurs | NotAuthenticated) or before == Verified("A-0017"), index
        assert write(card) == Encoded("A-0017"), (index, effect)
        assert at_a_door(card) == Verified("A-0017")
        assert card.applications[AID].keys[0].value == application_key(KEYS, UID)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 45), st.sampled_from(["before", "after"])), max_size=6), NUMBER)
def test_cut_off_again_and_again_it_is_finished_in_the_end(cuts: list[tuple[int, str]], number: str) -> None:
    card = blank()
    for index, effect in cuts:
        card.interruption = Interruption(index, effect)  # type: ignore[arg-type]
        with contextlib.suppress(CardGone):
            assert write(card, number) == Encoded(number)
        card.interruption = None
        assert at_a_door(card) == Verified(number) or not isinstance(at_a_door(card), Verified)
    assert write(card, number) == Encoded(number)
    assert at_a_door(card) == Verified(number)


def test_the_steps_are_told_in_their_order() -> None:
    steps: list[str] = []
    write(blank(), steps=steps)
    assert steps == [
        "identify", "read", "card_key", "application", "application_key", "read_key", "file", "block", "verify",
    ]  # fmt: skip


def test_a_card_that_carries_a_number_is_refused_with_that_number() -> None:
    card = blank()
    write(card, "A-0017")
    refused = write(card, "B-0042")
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.number) == ("CARD_BOUND", "A-0017")
    assert at_a_door(card) == Verified("A-0017")


def test_the_same_number_again_is_done_already_and_changes_nothing() -> None:
    card = blank()
    write(card)
    steps: list[str] = []
    assert write(card, steps=steps) == Encoded("A-0017")
    assert steps == ["identify", "read"]


@pytest.mark.parametrize("effect", ["before", "after"])
def test_a_number_that_may_be_replaced_is_and_no_mixture_is_ever_read(effect: str) -> None:
    asked: list[str] = []

    def may_replace(number: str) -> bool:
        asked.append(number)
        return number == "A-1217"

    whole = blank()
    write(whole, "A-1217")
    count = commands_of(whole, "A-3418", may_replace)
    assert asked == ["A-1217"]
    for index in range(1, count + 1):
        card = blank()
        write(card, "A-1217")
        card.interruption = Interruption(index, effect)  # type: ignore[arg-type]
        with pytest.raises(CardGone):
            write(card, "A-3418", may_replace)
        seen = at_a_door(card)
        assert seen in (Verified("A-1217"), Verified("A-3418")) or isinstance(seen, NotAuthenticated), index
        assert write(card, "A-3418", may_replace) == Encoded("A-3418"), index
        assert at_a_door(card) == Verified("A-3418")


@given(torn=st.integers(0, 31), old=NUMBER, new=NUMBER)
@settings(max_examples=40, deadline=None)
def test_a_block_torn_in_the_middle_of_its_writing_is_no_number(torn: int, old: str, new: str) -> None:
    card = blank()
    write(card, old)
    content = card.applications[AID].files[1].data
    written = (bytes([1, len(new)]) + new.encode()).ljust(BLOCK_BYTES, b"\0")
    content[0] = 0  # as the second of the three writes finds it
    content[1 : 1 + torn] = written[1 : 1 + torn]
    assert not isinstance(at_a_door(card), Verified)
    assert write(card, new) == Encoded(new)
    assert at_a_door(card) == Verified(new)


def test_an_application_under_the_transport_key_is_anybodys_and_made_anew() -> None:
    """Somebody laid a trap: our application with a file that everybody may write."""
    card = blank()
    card.add_application(AID, [bytes(16), bytes(16), bytes(range(16))])
    card.add_file(AID, 1, StandardFile(bytearray(BLOCK_BYTES), FULL, read=1, write=FREE, read_write=2, change=2))
    assert write(card) == Encoded("A-0017")
    assert len(card.applications[AID].keys) == 2
    assert card.applications[AID].files[1].rights == (1, 0, NEVER, 0)


def test_a_file_with_other_rights_is_refused() -> None:
    card = blank()
    write(card)
    content = card.applications[AID].files[1]
    content.data[0], content.write = 0, FREE
    assert _reason(write(card)) == ("CARD_FOREIGN", "file")


def test_an_application_of_another_site_is_refused() -> None:
    card = blank()
    card.add_application(AID, [bytes(range(16)), bytes(range(16))])
    card.applications[AID].keys = [Key("aes", bytes(range(16)), 1)] * 2
    assert _reason(write(card)) == ("CARD_FOREIGN", "application_key")


@pytest.mark.parametrize(
    "key",
    [Key("2tdea", bytes(range(16))), Key("aes", bytes(range(16))), Key("aes", bytes(range(16)), 1)],
    ids=["des", "aes", "aes-version-1"],
)
def test_a_card_under_a_foreign_master_key_is_refused_untouched(key: Key) -> None:
    card = blank()
    card.applications[PICC] = Application([key])
    assert _reason(write(card)) == ("CARD_FOREIGN", "card_key")
    assert set(card.applications) == {PICC}
    assert card.applications[PICC].keys == [key]


def test_a_badge_of_the_hall_is_bound_whoever_holds_its_other_keys() -> None:
    card = make_card("desfire", "B-22", HEX, UID)
    assert isinstance(card, DesfireCard)
    assert _reason(write(card)) == ("CARD_BOUND", "read")


def test_a_full_card_is_refused_in_the_step_that_did_not_fit() -> None:
    card = blank()
    for number in range(20):
        card.applications[b"FI" + bytes([number])] = Application(
            [Key("aes", bytes(16))], files={1: StandardFile(bytearray(400))}
        )
    assert _reason(write(card)) == ("CARD_REFUSED", "application")


@pytest.mark.parametrize(
    ("uid", "reason"),
    [
        ("08A1B2C3", "RANDOM_UID"),
        ("04A1B2C3", "UID_LENGTH"),
        ("04A1B2C3D4E5F6A7B8C9", "UID_LENGTH"),
        ("", "UID_LENGTH"),
    ],
)
def test_a_card_whose_keys_cannot_be_derived_is_refused(uid: str, reason: str) -> None:
    card = blank()
    card.power(True)
    refused = encode(
        Air(card), bytes.fromhex(uid), KEYS, "A-1", lambda _: False, Random(1).randbytes, lambda step: None
    )
    assert _reason(refused) == (reason, "identify")


@pytest.mark.parametrize(
    "version",
    [b"\x6d\x00", b"\x91\x1c", b"\x04\x01\x01\x01\x00\x16\x05\x91\xaf", b"\x04\x04\x02\x30\x00\x11\x05\x91\xaf", b""],
    ids=["other-card", "unknown-command", "ev1", "ntag-424", "nothing"],
)
def test_another_kind_of_card_is_refused(version: bytes) -> None:
    refused = encode(lambda _: version, UID, KEYS, "A-1", lambda _: False, Random(1).randbytes, lambda step: None)
    assert _reason(refused) == ("NOT_DESFIRE", "identify")


@given(answers=st.lists(st.binary(max_size=40).map(lambda body: body + b"\x91\x00"), max_size=40))
@settings(max_examples=80, deadline=None)
def test_a_card_that_says_yes_to_everything_is_never_encoded(answers: list[bytes]) -> None:
    left = iter([b"\x04\x01\x01\x33\x00\x16\x05\x91\xaf", b"\x91\xaf", b"\x91\x00", *answers])
    outcome = encode(
        lambda _: next(left, b"\x91\x00"), UID, KEYS, "A-1", lambda _: True, Random(1).randbytes, lambda step: None
    )
    assert isinstance(outcome, Refused)


@given(flips=st.integers(3, 40), at=st.integers(0, 60), bit=st.integers(0, 7))
@settings(max_examples=80, deadline=None)
def test_one_wrong_bit_in_an_answer_never_ends_in_a_badge_that_no_door_reads(flips: int, at: int, bit: int) -> None:
    card = blank()
    air, count = Air(card), iter(range(1_000))

    def noisy(command: bytes) -> bytes:
        answer = bytearray(air(command))
        if next(count) == flips:
            answer[at % len(answer)] ^= 1 << bit
        return bytes(answer)

    card.power(True)
    outcome = encode(noisy, UID, KEYS, "A-1", lambda _: False, Random(2).randbytes, lambda step: None)
    if isinstance(outcome, Encoded):
        assert at_a_door(card) == Verified("A-1")


@pytest.mark.parametrize("number", ["", "x" * 25, "A 1", "A\n", "卡"])
def test_a_number_that_fits_no_block_is_refused_before_the_card_is_touched(number: str) -> None:
    air = Air(blank())
    with pytest.raises(ValueError, match="printable ASCII"):
        encode(air, UID, KEYS, number, lambda _: False, Random(1).randbytes, lambda step: None)
    assert air.commands == 0


def _reason(outcome: Encoded | Refused) -> tuple[str, str]:
    assert isinstance(outcome, Refused)
    return outcome.reason, outcome.step
