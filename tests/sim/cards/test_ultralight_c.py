"""The Ultralight C card: pages, protection, mutual authentication."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.cards.card import Reply, TypeAState
from sim.cards.crypto import des_decrypt, des_encrypt
from sim.cards.ultralight_c import FACTORY_KEY, UltralightCCard

UID = bytes.fromhex("04112233445566")
KEY = bytes(range(0x20, 0x30))
ACK, NAK = 0x0A, 0x00


def active(card: UltralightCCard) -> UltralightCCard:
    card.power(True)
    assert card.request(wake=False)
    assert card.select(UID)
    return card


def protected(first_page: int = 4) -> UltralightCCard:
    card = UltralightCCard(UID)
    card.store(4, bytes(range(32)))
    card.set_key(KEY)
    card.protect(first_page, reading=True)
    return active(card)


def say(card: UltralightCCard, frame: bytes) -> Reply:
    reply = card.transceive(frame)
    assert reply is not None
    return reply


def is_nak(reply: Reply) -> bool:
    return not reply.crc and reply.data[0] != ACK


def authenticate(card: UltralightCCard, key: bytes) -> bool:
    first = say(card, b"\x1a\x00").data
    assert first[0] == 0xAF
    rnd_b = des_decrypt(key, first[1:])
    rnd_a = b"\x01\x02\x03\x04\x05\x06\x07\x08"
    sent = des_encrypt(key, rnd_a + rnd_b[1:] + rnd_b[:1], iv=first[1:])
    last = say(card, b"\xaf" + sent)
    if not last.crc:
        return False
    return last.data[0] == 0x00 and des_decrypt(key, last.data[1:], iv=sent[8:]) == rnd_a[1:] + rnd_a[:1]


def test_the_uid_and_its_check_bytes_stand_in_the_first_pages() -> None:
    data = say(active(UltralightCCard(UID)), b"\x30\x00").data
    assert data[:3] + data[4:8] == UID
    assert data[3] == 0x88 ^ UID[0] ^ UID[1] ^ UID[2]
    assert data[8] == UID[3] ^ UID[4] ^ UID[5] ^ UID[6]


@given(st.binary(min_size=16, max_size=16))
def test_the_right_key_opens_the_protected_pages(key: bytes) -> None:
    card = UltralightCCard(UID)
    card.set_key(key)
    assert card.key == key
    card.store(4, b"badge block here")
    card.protect(4, reading=True)
    assert authenticate(active(card), key)
    assert say(card, b"\x30\x04").data == b"badge block here"


def test_without_authentication_a_protected_page_is_refused_and_the_card_falls_silent() -> None:
    card = protected()
    assert is_nak(say(card, b"\x30\x04"))
    assert card.state is TypeAState.IDLE
    assert card.transceive(b"\x30\x00") is None


def test_reading_turns_over_before_the_protected_pages() -> None:
    assert say(protected(), b"\x30\x02").data[8:] == say(protected(), b"\x30\x00").data[:8]


def test_a_wrong_key_is_refused() -> None:
    card = protected()
    assert not authenticate(card, FACTORY_KEY)
    assert is_nak(say(active(card), b"\x30\x04"))


def test_an_authentication_ends_with_the_field() -> None:
    card = protected()
    assert authenticate(card, KEY)
    assert is_nak(say(active(card), b"\x30\x04"))


def test_a_proof_needs_its_challenge() -> None:
    assert is_nak(say(protected(), b"\xaf" + bytes(16)))


@pytest.mark.parametrize("page", [44, 45, 46, 47, 48, 255])
def test_the_key_never_leaves_the_card(page: int) -> None:
    card = protected()
    assert authenticate(card, KEY)
    assert is_nak(say(card, bytes([0x30, page])))


@given(st.integers(0, 43))
def test_no_read_shows_any_of_the_key(page: int) -> None:
    card = protected()
    assert authenticate(card, KEY)
    assert card.memory[44 * 4 : 45 * 4] not in say(card, bytes([0x30, page])).data


@given(st.integers(4, 39), st.binary(min_size=4, max_size=4))
def test_a_written_page_is_read_back(page: int, data: bytes) -> None:
    card = active(UltralightCCard(UID))
    reply = say(card, bytes([0xA2, page]) + data)
    assert (reply.data, reply.crc) == (bytes([ACK]), False)
    assert say(card, bytes([0x30, page])).data[:4] == data


def test_a_protected_page_is_not_written_and_the_uid_never() -> None:
    card = protected()
    assert is_nak(say(card, bytes.fromhex("a2050badc0de")))
    assert is_nak(say(active(card), bytes.fromhex("a2000badc0de")))
    assert card.memory[:3] == UID[:3]


def test_one_time_programmable_bits_are_never_cleared() -> None:
    card = active(UltralightCCard(UID))
    say(card, bytes.fromhex("a203f0000000"))
    say(card, bytes.fromhex("a2030f000000"))
    assert say(card, b"\x30\x03").data[:4] == bytes.fromhex("ff000000")


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=6))
def test_no_frame_breaks_the_card(frames: list[bytes]) -> None:
    card = protected()
    for frame in frames:
        card.transceive(frame)
    assert say(active(card), b"\x30\x00").data[:3] == UID[:3]
    assert card.key == KEY  # protected pages were not written
