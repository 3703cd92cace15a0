"""Two persons in the main room: in as a pair, out as a pair, nobody held (R2, L1, MEANINGS 9-11)."""

import msgspec
import pytest

from controller.actions import Indicate, Unlock
from controller.engine import Engine
from controller.events import AccessDenied, AccessPending
from controller.inputs import DoorContact, FireInput, GasInput, LeaseArrived, RexPressed, Started, TimeElapsed
from controller.now import SECOND_US, Now
from controller.policy import Lease
from controller.reasons import remedy
from controller.site import AccessPoint, Door, DoorHardware
from controller.state import State
from tests.controller.building import GUO, LI, SITE, START_US, SUN, WANG, XU, Hall, actions, badge, digest, events
from tests.controller.rooms import (
    CHEN,
    EVERYBODY,
    answer,
    answers,
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
    room_policy,
    site_with,
    taken,
    taps,
)

# in


def test_the_first_of_two_waits_and_is_told_for_what_and_how_long() -> None:
    at = pair_hall()
    outcome = at.tap(LI)
    (waits,) = events(outcome, AccessPending)
    assert isinstance(waits, AccessPending)
    assert waits.because.reason == "SECOND_PERSON_REQUIRED"
    assert waits.because.rule == "R2"
    assert waits.because.inputs == {"area": "hall", "way": "in", "wait_s": 8}
    assert waits.until_mono_us == at.now.mono_us + 8 * SECOND_US
    assert remedy(waits.because, "zh-CN") == "等待第二人刷卡进入 hall，剩余 8 秒。"
    assert remedy(waits.because) == "Waiting for a second person to tap for hall, 8 s left."
    assert actions(outcome, Unlock) == []
    assert actions(outcome, Indicate) == [Indicate("hall-in", "pending")]


def test_the_second_of_two_opens_for_both_and_each_tap_is_in_the_record() -> None:
    at = pair_hall()
    at.tap(LI)
    at.wait(3)
    outcome = at.tap(WANG)
    assert [(one.number, one.partners) for one in granted(outcome)] == [("li", (2,)), ("wang", (1,))]
    assert actions(outcome, Unlock) == [Unlock("hall-door", 5 * SECOND_US)]
    assert actions(outcome, Indicate) == [Indicate("hall-in", "granted")]
    opened = opens(at)
    assert [(one.number, one.partners, one.grant, one.kind) for one in taken(opened)] == [
        ("li", (2,), 1, "customer"),
        ("wang", (1,), 1, "customer"),
    ]
    assert numbers(at) == {"li", "wang"}
    assert inside(at).lowest == inside(at).highest == 2
    assert at.alarms == set()


@pytest.mark.parametrize(("after_s", "expected"), [(7.999999, "granted"), (8.0, "pending"), (8.5, "pending")])
def test_the_pairing_window_ends_at_its_second(after_s: float, expected: str) -> None:
    at = pair_hall()
    at.tap(LI)
    at.wait(after_s)
    assert answer(at.tap(WANG))[0] == expected


def test_a_second_person_who_never_comes_is_a_denial_at_the_end_of_the_window() -> None:
    at = pair_hall()
    at.tap(LI)
    assert at.engine.next_deadline_us(at.now) == at.now.mono_us + 8 * SECOND_US
    assert elapsed(at, 7.9).record is None
    outcome = elapsed(at, 0.1)
    assert answers(outcome) == [("li", "denied", "SECOND_PERSON_REQUIRED")]
    (denied,) = events(outcome, AccessDenied)
    assert denied.waited
    assert len(at.engine.state.denials["hall-in"]) == 1, "a wait in vain counts as one attempt"
    assert "two persons" in remedy(denied.because)
    assert actions(outcome, Indicate) == [Indicate("hall-in", "denied")]
    assert elapsed(at, 30).record is None


def test_another_window_is_a_setting() -> None:
    at = pair_hall({"pairing_window_s": 2.5})
    (waits,) = events(at.tap(LI), AccessPending)
    assert isinstance(waits, AccessPending)
    assert waits.because.inputs["wait_s"] == 3
    at.wait(2.5)
    assert answer(at.tap(WANG))[0] == "pending"


def test_who_waits_and_taps_again_waits_anew_from_then() -> None:
    at = pair_hall()
    at.tap(LI)
    at.wait(5)
    assert answer(at.tap(LI)) == ("pending", "SECOND_PERSON_REQUIRED")
    at.wait(7)
    assert answer(at.tap(WANG))[0] == "granted"


def test_two_badges_of_one_holder_are_no_pair() -> None:
    second = badge(12, "li-2", holder=1, slot=2, generation=2)
    at = room(hall={"two_person": True}, badges=(*EVERYBODY, second))
    at.tap(LI)
    assert answer(at.tap(second)) == ("pending", "SECOND_PERSON_REQUIRED")


def test_a_pair_forms_at_one_access_point_only() -> None:
    at = room(lobby={"two_person": True}, hall={"two_person": True})
    at.tap(LI, "lobby-in")
    assert answer(at.tap(WANG, "hall-in")) == ("pending", "SECOND_PERSON_REQUIRED")


def test_a_refused_badge_pairs_with_nobody_and_who_waits_goes_on_waiting() -> None:
    at = pair_hall()
    at.tap(LI)
    assert at.tap("stranger").record is not None
    assert answer(at.tap(WANG))[0] == "granted"


def test_a_third_person_goes_in_with_two_who_wait_no_more() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    outcome = at.tap(SUN)
    assert answers(outcome) == [("sun", "granted", "PERMITTED")]
    opens(at)
    assert inside(at).lowest == 3


def test_who_is_on_the_way_out_is_no_company_for_a_single_person() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    assert len(granted(taps(at, LI, WANG, point="hall-out"))) == 2  # not through the door yet
    assert answer(at.tap(CHEN)) == ("pending", "SECOND_PERSON_REQUIRED")


def test_who_is_let_in_and_has_not_passed_is_no_company_either() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    go(at, LI, WANG, point="hall-out")
    taps(at, LI, WANG)
    assert answer(at.tap(SUN)) == ("pending", "SECOND_PERSON_REQUIRED")


def test_a_grant_that_nobody_used_leaves_nobody_inside() -> None:
    at = pair_hall()
    taps(at, LI, WANG)
    assert elapsed(at, 5).record is not None
    assert numbers(at) == set()
    assert answer(at.tap(LI)) == ("pending", "SECOND_PERSON_REQUIRED")


def test_a_badge_that_is_revoked_while_its_holder_waits_is_denied_at_the_last_tap_and_pairs_with_nobody() -> None:
    at = pair_hall()
    at.tap(LI)
    revoked = msgspec.structs.replace(LI, status="revoked")
    after = room_policy(site_with(hall={"two_person": True}), badges=(revoked, *EVERYBODY[1:]), n=2)
    at.keep(at.engine.adopt(after, digest(after), at.now))
    at.give_lease()
    outcome = at.tap(WANG)
    assert answers(outcome) == [
        ("li", "denied", "BADGE_REVOKED"),
        ("wang", "pending", "SECOND_PERSON_REQUIRED"),
    ]


def test_a_pair_needs_no_network() -> None:
    at = cut_off(pair_hall())
    go(at, LI, WANG)
    assert numbers(at) == {"li", "wang"}


def test_who_waits_does_not_survive_a_restart() -> None:
    at = pair_hall()
    at.tap(LI)
    at.now = Now(at.now.wall_us, 2 * SECOND_US)
    at.give(Started("boot-2", "test"))
    at.settle()
    assert answer(at.tap(WANG)) == ("pending", "SECOND_PERSON_REQUIRED")


def test_no_more_wait_at_a_point_than_are_remembered() -> None:
    crowd = tuple(badge(100 + n, f"v{n}", kind="temporary", slot=None) for n in range(17))
    at = room(hall={"two_person": True}, badges=(*EVERYBODY, *crowd))
    for one in crowd[:16]:
        assert answer(at.tap(one))[0] == "pending"
    assert answers(at.tap(crowd[16])) == [("v0", "denied", "ESCORT_REQUIRED"), ("v16", "pending", "ESCORT_REQUIRED")]


# out


def test_the_last_pair_leaves_together() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    first = at.tap(LI, "hall-out")
    assert answer(first) == ("pending", "SECOND_PERSON_REQUIRED")
    assert actions(first, Unlock) == []
    (waits,) = events(first, AccessPending)
    assert isinstance(waits, AccessPending)
    assert waits.out
    assert waits.because.inputs["way"] == "out"
    assert remedy(waits.because).startswith("Your leaving would leave one person alone in hall")
    at.wait(2)
    second = at.tap(WANG, "hall-out")
    assert answers(second) == [("li", "granted", "WAY_OUT"), ("wang", "granted", "WAY_OUT")]
    opens(at)
    assert numbers(at) == set()
    assert at.alarms == set()


def test_one_of_three_leaves_without_being_asked() -> None:
    at = pair_hall()
    go(at, LI, WANG, SUN)
    go(at, SUN)
    assert answer(at.tap(LI, "hall-out")) == ("granted", "WAY_OUT")


def test_a_third_persons_exit_that_is_not_taken_yet_counts_as_gone() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    go(at, SUN)
    assert answer(at.tap(LI, "hall-out"))[0] == "granted"
    assert answer(at.tap(WANG, "hall-out")) == ("pending", "SECOND_PERSON_REQUIRED")


@pytest.mark.parametrize(
    ("after_s", "expected"), [(2.999999, "pending"), (3.0, "granted"), (59.999999, "granted"), (60.0, "pending")]
)
def test_a_second_tap_opens_from_three_seconds_after_the_prompt_until_it_is_forgotten(
    after_s: float, expected: str
) -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.tap(LI, "hall-out")
    at.wait(after_s)
    outcome = at.tap(LI, "hall-out")
    assert answer(outcome)[0] == expected
    assert bool(actions(outcome, Unlock)) == (expected == "granted")


def test_taps_that_come_too_early_do_not_put_the_confirmation_off() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.tap(LI, "hall-out")
    for _ in range(2):
        at.wait(1.2)
        assert answer(at.tap(LI, "hall-out"))[0] == "pending"
    at.wait(1.0)
    assert answer(at.tap(LI, "hall-out"))[0] == "granted"


def test_a_prompt_that_nobody_answers_ends_without_a_denial() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.tap(LI, "hall-out")
    assert elapsed(at, 61).record is None


def test_a_partner_who_taps_after_the_window_is_prompted_in_turn() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.tap(LI, "hall-out")
    at.wait(8)
    assert answer(at.tap(WANG, "hall-out")) == ("pending", "SECOND_PERSON_REQUIRED")
    at.wait(1)
    assert answers(at.tap(LI, "hall-out")) == [("wang", "granted", "WAY_OUT"), ("li", "granted", "WAY_OUT")]


def test_rex_opens_for_the_last_pair_at_once() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.tap(LI, "hall-out")
    assert actions(at.give(RexPressed("hall-door")), Unlock) == [
        Unlock("hall-door", 5 * SECOND_US, before_journal=True)
    ]


def test_the_last_one_leaves_without_being_asked() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.tap(LI, "hall-out")
    at.wait(3)
    go(at, LI, point="hall-out")
    assert at.alarms == {"LONE_OCCUPANT/hall"}
    assert answer(at.tap(WANG, "hall-out")) == ("granted", "WAY_OUT")
    opens(at)
    assert at.alarms == set()


def test_nobody_is_held_while_the_area_is_uncertain() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    rex(at)
    assert answer(at.tap(LI, "hall-out")) == ("granted", "WAY_OUT")


def test_somebody_who_is_not_on_the_list_counts_as_one_of_the_room() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    go(at, LI, WANG, point="hall-out")
    go(at, LI, WANG)
    assert answer(at.tap(SUN, "hall-out")) == ("granted", "WAY_OUT")  # two stay
    at.wait(6)
    at.give(TimeElapsed())
    at.tap(LI, "hall-out")
    at.wait(3)
    go(at, LI, point="hall-out")
    assert answer(at.tap(SUN, "hall-out")) == ("pending", "SECOND_PERSON_REQUIRED")  # Wang would stay


def test_an_exit_needs_no_network_and_no_lease() -> None:
    at = cut_off(pair_hall())
    go(at, LI, WANG)
    at.wait(9 * 3_600)
    taps(at, LI, WANG, point="hall-out")
    opens(at)
    assert numbers(at) == set()


# areas inside, doors that are released, rooms side by side


def test_the_people_of_an_inner_area_are_people_of_the_room() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    go(at, LI, point="cage-in")
    assert inside(at).lowest == 2
    assert answer(at.tap(SUN))[0] == "granted"
    at.wait(6)
    at.give(TimeElapsed())
    assert answer(at.tap(WANG, "hall-out")) == ("pending", "SECOND_PERSON_REQUIRED")


def test_at_a_door_that_fire_released_nobody_waits() -> None:
    at = pair_hall()
    at.give(FireInput("z1", active=True))
    assert answer(at.tap(LI)) == ("granted", "PERMITTED")
    assert answer(at.tap(XU)) == ("granted", "PERMITTED")


def test_gas_denies_who_waits_at_the_last_tap() -> None:
    at = pair_hall()
    at.tap(LI)
    at.give(GasInput("z1", active=True))
    assert answer(at.tap(WANG)) == ("denied", "AREA_UNSAFE")


def two_rooms() -> Hall:
    """Hall and store, both for two, side by side; the door between is an entry both ways."""
    site = site_with(hall={"two_person": True}, cage_a={"inside": None, "customers": (), "two_person": True})
    points = tuple(
        AccessPoint("cage-out", "cage-door", "cage-a", "hall") if point.id == "cage-out" else point
        for point in site.access_points
    )
    return Hall(room_policy(msgspec.structs.replace(site, access_points=points)))


def test_whoever_would_leave_one_behind_on_the_way_to_another_room_is_asked_first() -> None:
    at = two_rooms()
    go(at, LI, WANG)
    go(at, GUO)
    at.tap(LI, "cage-in")
    outcome = at.tap(WANG, "cage-in")  # the two may enter together, but Guo would stay alone
    assert answer(outcome) == ("pending", "SECOND_PERSON_REQUIRED")
    (waits,) = events(outcome, AccessPending)
    assert isinstance(waits, AccessPending)
    assert waits.because.inputs["way"] == "out"
    at.wait(3)
    assert {number for number, what, _ in answers(at.tap(WANG, "cage-in")) if what == "granted"} == {"li", "wang"}


def test_two_rooms_side_by_side_are_changed_as_a_pair() -> None:
    at = two_rooms()
    go(at, LI, WANG)
    at.tap(LI, "cage-in")
    assert {one.number for one in granted(at.tap(WANG, "cage-in"))} == {"li", "wang"}
    opens(at, "cage-door")
    assert (numbers(at), numbers(at, "cage-a")) == (set(), {"li", "wang"})
    assert at.alarms == set()


def test_whoever_has_passed_another_door_waits_nowhere_any_more() -> None:
    doors = (*SITE.doors, Door("hall-door-2"))
    points = (
        *SITE.access_points,
        AccessPoint("hall-2-in", "hall-door-2", "lobby", "hall"),
        AccessPoint("hall-2-out", "hall-door-2", "hall", "lobby", out=True),
    )
    site = msgspec.structs.replace(site_with(hall={"two_person": True}), doors=doors, access_points=points)
    in_force = room_policy(site)
    engine = Engine(State(), "j", (DoorHardware("hall-door"), DoorHardware("hall-door-2")), "edge-1")
    at = pair_hall()  # for its clock and reads
    at.engine = engine
    engine.adopt(in_force, digest(in_force), at.now)
    at.give(Started("boot-1", "test"))
    at.give(LeaseArrived(Lease(in_force.version, digest(in_force), START_US)))
    for door in ("hall-door", "hall-door-2"):
        at.give(DoorContact(door, open=False))
    at.tap(LI, "hall-in")
    taps(at, LI, WANG, point="hall-2-in")
    opens(at, "hall-door-2")
    assert engine.state.waiting == {}
    assert answer(at.tap(SUN, "hall-in")) == ("granted", "PERMITTED")
    assert [one.number for one in granted(at.tap(GUO, "hall-in"))] == ["guo"]
