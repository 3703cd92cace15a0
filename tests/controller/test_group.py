"""Who may go in together: composition, first in, capacity, interlock, and their order (R2, R3, R4, MEANINGS 10)."""

import msgspec
import pytest

from controller.event_base import Explanation
from controller.group import Member, Pass, Refuse, Wait, decide_entry
from controller.index import PolicyIndex
from controller.inputs import DoorContact
from controller.policy import Holder
from controller.reasons import remedy
from controller.site import Interlock
from controller.state import Presence, State
from tests.controller.building import GUO, LI, SUN, WANG, XU, Hall
from tests.controller.rooms import (
    CHEN,
    answer,
    answers,
    elapsed,
    go,
    granted,
    inside,
    opens,
    pair_hall,
    rex,
    room,
    room_policy,
    site_with,
    taps,
)

# composition


def test_with_staff_takes_somebody_of_the_own_staff_in_the_group() -> None:
    at = pair_hall(composition="with_staff")
    outcome = taps(at, LI, WANG)
    assert answer(outcome) == ("denied", "COMPOSITION")
    assert "own staff among them" in remedy(outcome.record.events[0].because)
    at.wait(1)
    assert {one.number for one in granted(at.tap(GUO))} == {"li", "guo"}


def test_with_staff_is_content_with_staff_who_is_surely_inside() -> None:
    at = pair_hall(composition="with_staff")
    go(at, LI, GUO)
    assert answer(at.tap(SUN)) == ("granted", "PERMITTED")
    elapsed(at, 6)
    rex(at)
    assert answer(taps(at, SUN, WANG)) == ("denied", "COMPOSITION")  # perhaps it was Guo who left


def test_nobody_is_denied_for_being_the_first() -> None:
    at = pair_hall(composition="with_staff", first_in=True, capacity=1)
    assert answer(at.tap(LI)) == ("pending", "SECOND_PERSON_REQUIRED")


def test_who_waits_goes_on_waiting_when_the_second_is_denied() -> None:
    at = pair_hall(composition="same_customer")
    at.tap(LI)
    assert answer(at.tap(SUN)) == ("denied", "COMPOSITION")
    assert {one.number for one in granted(at.tap(WANG))} == {"li", "wang"}


def test_same_customer_takes_two_of_one_or_one_who_shares_it_with_somebody_inside() -> None:
    at = pair_hall(composition="same_customer")
    go(at, LI, WANG)
    assert answer(at.tap(SUN)) == ("denied", "COMPOSITION")
    go(at, LI, WANG, point="hall-out")
    go(at, WANG, LI)
    assert inside(at).lowest == 2


def test_same_customer_lets_an_individual_in_with_staff() -> None:
    at = pair_hall(composition="same_customer")
    assert len(granted(taps(at, SUN, GUO))) == 2
    opens(at)
    assert answer(at.tap(LI)) == ("granted", "PERMITTED")  # staff is inside


def test_same_customer_alone_shares_it_with_somebody_inside() -> None:
    at = room(hall={"composition": "same_customer"})
    assert answer(at.tap(LI)) == ("denied", "COMPOSITION")
    go(at, GUO)
    go(at, LI)
    go(at, GUO, point="hall-out")
    assert answer(at.tap(SUN)) == ("denied", "COMPOSITION")
    assert answer(at.tap(WANG)) == ("granted", "PERMITTED")


def test_visitors_are_no_company_of_one_customer() -> None:
    at = room(hall={"composition": "same_customer"}, holders=(Holder(1, 1, ("hall",)),))
    at.tap(XU)
    assert answer(at.tap(LI)) == ("denied", "COMPOSITION")


# first in


def test_nobody_enters_before_own_staff_is_in() -> None:
    at = room(hall={"first_in": True})
    assert answer(at.tap(LI)) == ("denied", "FIRST_IN_REQUIRED")
    go(at, GUO)
    assert answer(at.tap(LI)) == ("granted", "PERMITTED")


def test_first_in_is_asked_when_the_pair_is_complete_and_staff_in_it_will_do() -> None:
    at = pair_hall(first_in=True)
    assert answer(taps(at, LI, WANG)) == ("denied", "FIRST_IN_REQUIRED")
    assert len(granted(at.tap(GUO))) == 2


# capacity


def test_an_area_takes_as_many_as_its_capacity() -> None:
    at = room(hall={"capacity": 2})
    go(at, LI)
    go(at, WANG)
    outcome = at.tap(SUN)
    assert answer(outcome) == ("denied", "AREA_FULL")
    assert outcome.record.events[0].because.inputs == {"area": "hall", "capacity": 2, "people": 3}
    go(at, LI, point="hall-out")
    assert answer(at.tap(SUN)) == ("granted", "PERMITTED")


def test_a_grant_that_is_not_taken_yet_takes_a_place_and_an_exit_frees_none_before_it_is_taken() -> None:
    at = room(hall={"capacity": 1})
    at.tap(LI)
    assert answer(at.tap(WANG)) == ("denied", "AREA_FULL")
    opens(at)
    at.tap(LI, "hall-out")
    assert answer(at.tap(WANG)) == ("denied", "AREA_FULL")
    opens(at)
    assert answer(at.tap(WANG)) == ("granted", "PERMITTED")


def test_whoever_is_listed_there_already_counts_once() -> None:
    at = room(hall={"capacity": 1})
    go(at, LI)
    rex(at)
    assert answer(at.tap(LI)) == ("granted", "PERMITTED")


def test_the_whole_group_must_find_room() -> None:
    at = pair_hall(capacity=3)
    go(at, LI, WANG)
    at.tap(XU)
    assert answer(at.tap(GUO)) == ("denied", "AREA_FULL")


def test_those_in_an_inner_area_take_places_of_the_room() -> None:
    at = room(hall={"capacity": 1})
    go(at, LI)
    go(at, LI, point="cage-in")
    assert answer(at.tap(SUN)) == ("denied", "AREA_FULL")


# interlock


def test_an_interlocked_door_denies_who_taps_and_who_waits_goes_on_waiting() -> None:
    site = msgspec.structs.replace(
        site_with(hall={"two_person": True}), interlocks=(Interlock("trap", ("lobby-door", "hall-door")),)
    )
    at = Hall(room_policy(site))
    at.tap(LI)
    at.give(DoorContact("lobby-door", open=True))
    outcome = at.tap(WANG)
    assert answer(outcome) == ("denied", "INTERLOCKED")
    at.give(DoorContact("lobby-door", open=False))
    at.wait(1)
    assert len(granted(at.tap(SUN))) == 2


# the order of it


PLAIN = Explanation("PERMITTED", "R1")


def member(holder: int, **fields: object) -> Member:
    return msgspec.structs.replace(Member(holder, holder, str(holder), PLAIN, kind="customer", customer=1), **fields)


@pytest.mark.parametrize(
    ("rules", "people", "expected"),
    [
        ({}, 2, "INTERLOCKED"),
        ({"capacity": 1}, 2, "AREA_FULL"),
        ({"capacity": 1, "composition": "with_staff"}, 2, "COMPOSITION"),
        ({"capacity": 1, "composition": "with_staff", "first_in": True}, 2, "FIRST_IN_REQUIRED"),
        (
            {"capacity": 1, "composition": "with_staff", "first_in": True, "two_person": True},
            1,
            "SECOND_PERSON_REQUIRED",
        ),
    ],
)
def test_when_several_rules_fail_the_first_of_their_order_is_told(
    rules: dict[str, object], people: int, expected: str
) -> None:
    index = PolicyIndex(room_policy(site_with(hall=rules)))
    waiting = [member(number) for number in range(2, people + 1)]
    state = State(presence={9: Presence("hall", 0, 9, "9")})
    shut = Explanation("INTERLOCKED", "R3")
    told = decide_entry(state, index, index.points["hall-in"], waiting, member(1), shut)
    assert isinstance(told, Wait | Refuse)
    assert told.because.reason == expected


def test_who_needs_an_escort_waits_whatever_else_fails() -> None:
    index = PolicyIndex(room_policy(site_with(hall={"capacity": 1, "first_in": True})))
    told = decide_entry(State(), index, index.points["hall-in"], [], member(1, needs_escort=True), PLAIN)
    assert isinstance(told, Wait)
    assert told.because.reason == "ESCORT_REQUIRED"


def test_the_group_goes_in_the_order_of_the_taps_the_tapper_last() -> None:
    index = PolicyIndex(room_policy(site_with(hall={"two_person": True})))
    waiting = [member(3, needs_escort=True), member(2), member(4, needs_escort=True)]
    told = decide_entry(State(), index, index.points["hall-in"], waiting, member(1, may_escort=True), None)
    assert isinstance(told, Pass)
    assert [one.holder for one in told.members] == [3, 2, 4, 1]
    assert told.escort == 1


def test_a_public_area_asks_nothing() -> None:
    at = room(lobby={"public": True})
    assert answers(at.tap(XU, "lobby-in")) == [("xu", "granted", "PUBLIC_AREA")]


def test_staff_of_the_group_may_come_second_or_first() -> None:
    for order_of_taps in ((GUO, LI), (LI, GUO), (CHEN, WANG)):
        at = pair_hall(composition="with_staff")
        assert len(granted(taps(at, *order_of_taps))) == 2
