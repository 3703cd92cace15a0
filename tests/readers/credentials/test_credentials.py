"""Reading a card's number: what a good card gives, and that no answer of a bad one does harm."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readers.credentials import desfire, ev2, felica, uid, ultralight_c
from readers.credentials.card import (
    BLOCK_BYTES,
    CardGone,
    NotAuthenticated,
    NotOurs,
    Outcome,
    Verified,
    parse_badge_block,
)

MASTER = bytes.fromhex("7F1C9A5E3D2B48F6A1C3E5079B8D6F42")
UID = bytes.fromhex("04A1B2C3D4E5F6")
RND_A, RND_B, TI = bytes(range(16)), bytes(range(100, 116)), b"\x11\x22\x33\x44"
NUMBER = st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=24)


def block_of(number: str) -> bytes:
    return (bytes([1, len(number)]) + number.encode()).ljust(BLOCK_BYTES, b"\0")


def desfire_card(block: bytes) -> Callable[[bytes], bytes]:
    """A card that plays the protocol with the right key, from this package's own EV2 primitives (against the independent
    simulator it is read in tests/readers/pn532)."""
    key = desfire.card_key(MASTER, UID)
    encryption_key, mac_key = ev2.session_keys(key, RND_A, RND_B)

    def transceive(command: bytes) -> bytes:
        match command[1]:
            case 0x5A:
                return b"\x91\x00" if command[5:8] == desfire.AID else b"\x91\xa0"
            case 0x71:
                return ev2.cbc_encrypt(key, RND_B, bytes(16)) + b"\x91\xaf"
            case 0xAF:
                proof = TI + RND_A[1:] + RND_A[:1] + bytes(12)
                return ev2.cbc_encrypt(key, proof, bytes(16)) + b"\x91\x00"
            case 0xAD:
                card = ev2.Session(TI, encryption_key, mac_key, counter=1)
                padded = (block + b"\x80").ljust((len(block) // 16 + 1) * 16, b"\0")
                cipher = ev2.cbc_encrypt(encryption_key, padded, card._iv(b"\x5a\xa5"))
                return cipher + card.command_mac(0x00, cipher) + b"\x91\x00"
        return b"\x91\x1c"

    return transceive


def read_desfire(transceive: Callable[[bytes], bytes], card_uid: bytes = UID) -> Outcome:
    return desfire.read(transceive, card_uid, MASTER, lambda count: RND_A[:count])


@given(number=NUMBER)
def test_a_desfire_card_gives_the_number_that_was_written(number: str) -> None:
    assert read_desfire(desfire_card(block_of(number))) == Verified(number)


@given(number=NUMBER, frame=st.integers(0, 3), at=st.integers(0, 200), bit=st.integers(0, 7))
def test_a_desfire_answer_with_one_wrong_bit_never_gives_a_number(number: str, frame: int, at: int, bit: int) -> None:
    card, count = desfire_card(block_of(number)), iter(range(9))

    def transceive(command: bytes) -> bytes:
        answer = bytearray(card(command))
        if next(count) == frame:
            answer[at % len(answer)] ^= 1 << bit
        return bytes(answer)

    outcome = read_desfire(transceive)
    # the capabilities at the end of the proof are not used: a wrong bit there changes nothing that is relied on
    assert not isinstance(outcome, Verified) or (frame == 2 and outcome == Verified(number))


@given(answers=st.lists(st.binary(max_size=70), max_size=6))
def test_any_bytes_from_a_desfire_card_end_in_a_refusal(answers: list[bytes]) -> None:
    left = iter(answers)
    assert not isinstance(read_desfire(lambda command: next(left, b"\x91\x00")), Verified)


@given(bodies=st.lists(st.binary(max_size=70), min_size=4, max_size=4))
def test_any_bytes_under_the_right_statuses_end_in_a_refusal(bodies: list[bytes]) -> None:
    statuses = iter([b"\x91\x00", b"\x91\xaf", b"\x91\x00", b"\x91\x00"])
    left = iter(bodies)
    assert isinstance(read_desfire(lambda command: next(left) + next(statuses)), NotAuthenticated)


def test_a_card_without_our_application_is_not_ours() -> None:
    assert isinstance(read_desfire(lambda command: b"\x91\xa0"), NotOurs)


def test_a_desfire_card_with_a_random_identifier_is_refused() -> None:
    assert isinstance(read_desfire(desfire_card(block_of("A")), bytes.fromhex("08010203")), NotAuthenticated)


@pytest.mark.parametrize("frame", range(4))
def test_a_card_that_goes_away_is_no_outcome(frame: int) -> None:
    card, count = desfire_card(block_of("A-1")), iter(range(9))

    def transceive(command: bytes) -> bytes:
        if next(count) == frame:
            raise CardGone
        return card(command)

    with pytest.raises(CardGone):
        read_desfire(transceive)


def test_ultralight_c_authenticates_with_the_diversified_key_before_it_reads() -> None:
    said: list[bytes] = []

    def authenticate(key: bytes) -> bool:
        said.append(key)
        return True

    def transceive(command: bytes) -> bytes:
        said.append(command)
        return block_of("UL-7")[(command[1] - 4) * 4 :][:16]

    assert ultralight_c.read(transceive, authenticate, UID, MASTER) == Verified("UL-7")
    assert said == [ultralight_c.card_key(MASTER, UID), b"\x30\x04", b"\x30\x08"]


@pytest.mark.parametrize(("proven", "kind"), [(False, NotAuthenticated), (None, NotOurs)])
def test_an_ultralight_that_does_not_prove_the_key_is_not_read(proven: bool | None, kind: type) -> None:
    def transceive(command: bytes) -> bytes:
        raise AssertionError("must not be read")

    assert isinstance(ultralight_c.read(transceive, lambda key: proven, UID, MASTER), kind)


@given(answers=st.lists(st.binary(max_size=20), min_size=2, max_size=2))
def test_any_pages_of_an_ultralight_give_a_number_only_when_they_are_a_badge_block(answers: list[bytes]) -> None:
    left = iter(answers)
    outcome = ultralight_c.read(lambda command: next(left), lambda key: True, UID, MASTER)
    block = b"".join(answers)
    assert isinstance(outcome, Verified) == (
        all(len(answer) == 16 for answer in answers) and isinstance(parse_badge_block(block), Verified)
    )


@pytest.mark.parametrize(
    ("proven", "block", "expected"),
    [
        (True, block_of("FE-1"), Verified("FE-1")),
        (True, None, NotAuthenticated("the answer's MAC is wrong")),
        (False, block_of("FE-1"), NotAuthenticated("the card does not know the key")),
    ],
)
def test_felica_needs_both_the_key_and_the_mac(proven: bool, block: bytes | None, expected: Outcome) -> None:
    assert felica.read(lambda key: proven, lambda blocks: block, bytes(range(8)), MASTER) == expected


@given(number=NUMBER)
def test_a_badge_block_gives_its_number_back(number: str) -> None:
    assert parse_badge_block(block_of(number)) == Verified(number)


@given(block=st.binary(max_size=40))
def test_any_bytes_as_a_badge_block_are_a_number_or_a_refusal(block: bytes) -> None:
    outcome = parse_badge_block(block)
    if isinstance(outcome, Verified):
        assert block == block_of(outcome.number)


@pytest.mark.parametrize(
    "block",
    [
        bytes(32),
        block_of("A-1")[:31],
        b"\x02" + block_of("A-1")[1:],
        b"\x01\x19" + b"A" * 30,
        b"\x01\x00" + bytes(30),
        b"\x01\x03A 1" + bytes(27),
        b"\x01\x02\xc3\xa4" + bytes(28),
        b"\x01\x02A-1" + bytes(27),
    ],
)
def test_what_is_no_badge_block_is_refused(block: bytes) -> None:
    assert isinstance(parse_badge_block(block), NotAuthenticated)


def test_a_uid_is_its_upper_case_hexadecimal() -> None:
    assert uid.number(bytes.fromhex("04a1b2c3d4e5f6")) == "04A1B2C3D4E5F6"


@pytest.mark.parametrize("card_uid", [b"", bytes.fromhex("08a1b2c3")])
def test_a_random_uid_names_nobody(card_uid: bytes) -> None:
    assert uid.number(card_uid) is None
