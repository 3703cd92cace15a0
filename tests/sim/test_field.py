"""The radio field: cards come and go at any moment, power with them."""

import threading
from collections.abc import Callable

import pytest

from sim.cards.card import Reply, TypeACard
from sim.cards.maker import make_card
from sim.field import CARDS_MAX, Field

UID = bytes.fromhex("04112233445566")
READ = b"\x30\x00"


def tag(uid: bytes = UID) -> TypeACard:
    card = make_card("uid", uid.hex(), {})
    assert isinstance(card, TypeACard)
    return card


def answers(field: Field, uid: bytes = UID) -> bool:
    return bool(field.request(wake=False)) and field.select(uid) is not None and bool(field.exchange("A", READ))


def test_a_card_answers_only_in_a_field_that_is_on() -> None:
    field = Field()
    field.put(tag())
    assert not answers(field)
    field.power(True)
    assert answers(field)


def test_switching_the_field_off_and_on_resets_the_card() -> None:
    field = Field()
    field.power(True)
    field.put(tag())
    assert answers(field)
    field.power(False)
    field.power(True)
    assert not field.exchange("A", READ)
    assert answers(field)


def test_a_stay_ends_when_the_card_leaves_and_does_not_come_back_with_it() -> None:
    field = Field()
    field.power(True)
    card = tag()
    field.put(card)
    field.request(wake=False)
    field.select(UID)
    [answer] = field.exchange("A", READ)
    assert field.present(answer.presence)
    field.remove(card)
    assert not field.present(answer.presence)
    field.put(card)
    assert not field.present(answer.presence)


def test_selecting_one_card_sends_the_others_back() -> None:
    field = Field()
    field.power(True)
    other = bytes.fromhex("04998877665544")
    field.put(tag())
    field.put(tag(other))
    assert len(field.request(wake=False)) == 2
    chosen = field.select(other)
    assert chosen is not None
    assert chosen.uid == other
    assert [answer.card.uid for answer in field.exchange("A", READ)] == [other]


def test_removing_nothing_in_particular_clears_the_field() -> None:
    field = Field()
    field.put(tag())
    field.put(tag(bytes.fromhex("04998877665544")))
    field.remove()
    assert field.cards == []
    field.remove(tag())  # not there: harmless


def test_one_card_lies_in_the_field_once_and_the_field_fills_up() -> None:
    field = Field()
    card = tag()
    field.put(card)
    with pytest.raises(ValueError, match="already"):
        field.put(card)
    for number in range(CARDS_MAX - 1):
        field.put(tag(bytes([4, 0, 0, 0, 0, 0, number])))
    with pytest.raises(ValueError, match="no more than"):
        field.put(tag(bytes.fromhex("04ffffffffffff")))


def test_cards_come_and_go_while_the_chip_talks(chance: Callable[[int], bytes]) -> None:
    field = Field()
    field.power(True)
    stop = threading.Event()
    seen: list[Reply] = []

    def talk() -> None:
        while not stop.is_set():
            if field.request(wake=True) and field.select(UID):
                seen.extend(answer.reply for answer in field.exchange("A", READ))

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        for _ in range(200):
            card = tag()
            field.put(card)
            field.remove(card)
        field.put(tag())
        for _ in range(5000):
            if seen:
                break
            stop.wait(0.001)
    finally:
        stop.set()
        talker.join(5)
    assert seen
    assert all(reply.data[:3] == UID[:3] for reply in seen)
