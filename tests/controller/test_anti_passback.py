"""Anti-passback: hard, soft, after doubt, and on the way out (B3, MEANINGS 12, 15)."""

from controller.inputs import FireInput, Started
from controller.now import SECOND_US, Now
from tests.controller.building import GUO, LI, SUN, WANG
from tests.controller.rooms import (
    alarm_inputs,
    answer,
    cut_off,
    elapsed,
    go,
    granted,
    inside,
    numbers,
    opens,
    pair_hall,
    rex,
    room,
    taps,
)


def test_a_badge_inside_does_not_come_in_again() -> None:
    at = cut_off(room(hall={"anti_passback": "hard"}))
    go(at, LI)
    outcome = at.tap(LI)
    assert answer(outcome) == ("denied", "ANTI_PASSBACK")
    assert outcome.record.events[0].because.inputs == {"number": "li", "area": "hall"}
    go(at, LI, point="hall-out")
    assert answer(at.tap(LI)) == ("granted", "PERMITTED")


def test_a_badge_in_an_inner_area_is_inside_as_well() -> None:
    at = room(hall={"anti_passback": "hard"})
    go(at, LI)
    go(at, LI, point="cage-in")
    assert answer(at.tap(LI)) == ("denied", "ANTI_PASSBACK")
    assert answer(at.tap(LI, "cage-in")) == ("granted", "PERMITTED")  # the cage itself does not ask


def test_where_it_is_soft_a_badge_comes_in_again_with_an_alarm() -> None:
    at = room(hall={"anti_passback": "soft"})
    go(at, LI)
    assert answer(at.tap(LI)) == ("granted", "PERMITTED")
    assert alarm_inputs(at, "EXIT_IRREGULAR", "li")["reason"] == "ANTI_PASSBACK"
    opens(at)
    assert inside(at).uncertain == "ambiguous"


def test_a_grant_that_was_not_taken_lets_the_same_badge_in() -> None:
    at = room(hall={"anti_passback": "hard"})
    at.tap(LI)
    elapsed(at, 6)
    assert answer(at.tap(LI)) == ("granted", "PERMITTED")


def test_after_an_exit_by_rex_a_listed_badge_is_taken_for_the_one_who_left() -> None:
    at = room(hall={"anti_passback": "hard"})
    go(at, LI)
    rex(at)
    (one,) = granted(at.tap(LI))
    assert one.presumed_left
    opens(at)
    assert inside(at).sure == (1,)
    assert inside(at).uncertain == ""
    assert answer(at.tap(LI)) == ("denied", "ANTI_PASSBACK")


def test_a_pair_whose_member_is_taken_for_the_one_who_left_is_flagged_for_that_one() -> None:
    at = pair_hall(anti_passback="hard")
    go(at, LI, WANG)
    rex(at)
    assert [(one.number, one.presumed_left) for one in granted(taps(at, SUN, LI))] == [("sun", False), ("li", True)]


def test_the_first_tap_after_a_start_is_accepted_either_way() -> None:
    at = room(hall={"anti_passback": "hard"})
    go(at, LI)
    at.now = Now(at.now.wall_us, 2 * SECOND_US)
    at.give(Started("boot-2", "test"))
    at.settle()
    assert answer(at.tap(LI)) == ("granted", "PERMITTED")
    opens(at)
    assert answer(at.tap(GUO, "hall-out")) == ("granted", "WAY_OUT")
    assert at.alarms == set()


def test_who_leaves_and_was_not_listed_is_let_out_with_an_alarm() -> None:
    at = room(hall={"anti_passback": "hard"})
    assert answer(at.tap(LI, "hall-out")) == ("granted", "WAY_OUT")
    assert alarm_inputs(at, "EXIT_IRREGULAR", "li")["reason"] == "ANTI_PASSBACK"


def test_where_the_area_is_uncertain_or_does_not_ask_an_exit_alarms_nobody() -> None:
    at = room(hall={"anti_passback": "hard"})
    rex(at)
    at.tap(LI, "hall-out")
    plain = room()
    plain.tap(LI, "hall-out")
    assert at.alarms == plain.alarms == set()


def test_a_door_that_fire_released_asks_nothing() -> None:
    at = room(hall={"anti_passback": "hard"})
    go(at, LI)
    at.give(FireInput("z1", active=True))
    assert answer(at.tap(LI)) == ("granted", "PERMITTED")
    at.tap(WANG, "hall-out")
    assert at.alarms == {"FIRE/z1"}


def test_a_badge_that_came_in_while_its_holder_waits_is_denied_at_the_last_tap() -> None:
    at = room(hall={"two_person": True}, cage_a={"anti_passback": "hard", "two_person": True, "customers": ()})
    go(at, LI, WANG)
    taps(at, LI, WANG, point="cage-in")
    opens(at, "cage-door")
    assert answer(at.tap(LI, "cage-in")) == ("denied", "ANTI_PASSBACK")
    assert numbers(at, "cage-a") == {"li", "wang"}
