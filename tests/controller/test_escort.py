"""Escorts and visitors: in, out, fetched, handed over, left behind; people admitted by command (R4, B7, B8, MEANINGS 16, 21)."""

import pytest

from controller.actions import Indicate, Unlock
from controller.commands import LockDown
from controller.events import AccessPending, AlarmCleared, AlarmRaised
from controller.inputs import FireInput, GasInput, LeaseArrived, Started
from controller.now import SECOND_US, Now
from controller.policy import Holder, Lease
from controller.reasons import remedy
from controller.room_events import EscortChanged, EscortConfirmed
from tests.controller.building import GUO, KEYHOLDER, LI, SUN, WANG, XU, Hall, actions, badge, digest, events
from tests.controller.rooms import (
    CHEN,
    EVERYBODY,
    XU_2,
    XU_3,
    admit,
    alarm_inputs,
    answer,
    answers,
    count,
    elapsed,
    go,
    granted,
    inside,
    numbers,
    opens,
    pair_hall,
    rex,
    room,
    taken,
    taps,
)
from tests.controller.stories import order, result


def escort_of(at: Hall, number: str) -> int | None:
    return next(one.escort for one in at.engine.state.presence.values() if one.number == number)


# in


def test_a_visitor_always_waits_for_an_escort() -> None:
    at = room()
    outcome = at.tap(XU)
    (waits,) = events(outcome, AccessPending)
    assert isinstance(waits, AccessPending)
    assert (waits.because.reason, waits.because.rule) == ("ESCORT_REQUIRED", "R4")
    assert waits.because.inputs == {"number": "xu", "area": "hall", "way": "in", "wait_s": 8}
    assert remedy(waits.because, "zh-CN") == "等待陪同人刷卡进入 hall，剩余 8 秒。"
    assert actions(outcome, Unlock) == []


def test_an_escort_who_taps_last_takes_the_party_in_under_one_opening() -> None:
    at = room()
    taps(at, XU, XU_2)
    outcome = at.tap(GUO)
    assert [(one.number, one.escort, one.partners) for one in granted(outcome)] == [
        ("xu", 4, (7, 4)),
        ("xu-2", 4, (6, 4)),
        ("guo", None, (6, 7)),
    ]
    assert len(actions(outcome, Unlock)) == 1
    assert [(one.number, one.escort) for one in taken(opens(at))] == [("xu", 4), ("xu-2", 4), ("guo", None)]
    assert escort_of(at, "xu") == escort_of(at, "xu-2") == 4


def test_an_escort_who_taps_first_is_gone_in_and_the_visitor_waits() -> None:
    at = room()
    assert answer(at.tap(GUO)) == ("granted", "PERMITTED")
    assert answer(at.tap(XU)) == ("pending", "ESCORT_REQUIRED")


@pytest.mark.parametrize(("after_s", "come"), [(7.999999, {"xu", "guo"}), (8.0, {"guo"})])
def test_a_visitor_waits_for_the_pairing_window(after_s: float, come: set[str]) -> None:
    at = room()
    at.tap(XU)
    at.wait(after_s)
    assert {one.number for one in granted(at.tap(GUO))} == come


def test_a_visitor_for_whom_nobody_comes_is_denied_with_the_reason() -> None:
    at = room()
    at.tap(XU)
    outcome = elapsed(at, 8)
    assert answers(outcome) == [("xu", "denied", "ESCORT_REQUIRED")]
    assert remedy(outcome.record.events[0].because) == "Entry to hall needs an escort who taps in with you."


def test_an_escort_takes_five_along_and_the_sixth_goes_on_waiting() -> None:
    crowd = tuple(badge(100 + n, f"v{n}", kind="temporary", slot=None) for n in range(6))
    at = room(badges=(*EVERYBODY, *crowd))
    taps(at, *crowd)
    assert {one.number for one in granted(at.tap(GUO))} == {"v0", "v1", "v2", "v3", "v4", "guo"}
    assert {one.number for one in granted(at.tap(CHEN))} == {"v5", "chen"}


def test_another_number_of_visitors_is_a_setting() -> None:
    at = room({"escort_visitors": 1})
    taps(at, XU, XU_2)
    assert {one.number for one in granted(at.tap(GUO))} == {"xu", "guo"}


def test_a_customer_brings_visitors_only_where_named_for_the_area() -> None:
    at = room()
    at.tap(XU)
    assert {one.number for one in granted(at.tap(LI))} == {"li"}
    named = room(holders=(Holder(1, 1, ("hall",)),))
    named.tap(XU)
    assert {one.number for one in granted(named.tap(LI))} == {"xu", "li"}
    assert answer(taps(named, XU, LI, point="lobby-in")) == ("granted", "PERMITTED")
    assert answers(elapsed(named, 8)) == [("xu", "denied", "ESCORT_REQUIRED")]  # not named for the lobby


def test_customers_need_an_escort_where_the_area_says_so_and_are_none_there() -> None:
    at = room(hall={"escort_for": "customers"}, holders=(Holder(1, 1, ("hall",)),))
    assert answer(taps(at, XU, LI)) == ("pending", "ESCORT_REQUIRED")
    assert {one.number for one in granted(at.tap(GUO))} == {"xu", "li", "guo"}


def test_a_waiting_escort_brings_the_visitors_when_the_second_person_taps() -> None:
    at = pair_hall(composition="with_staff")
    assert answer(at.tap(GUO)) == ("pending", "SECOND_PERSON_REQUIRED")
    at.tap(XU)
    outcome = at.tap(LI)
    assert {(one.number, one.escort) for one in granted(outcome)} == {("guo", None), ("xu", 4), ("li", None)}


def test_escort_and_visitor_are_two_persons() -> None:
    at = pair_hall()
    go(at, XU, GUO)
    assert inside(at).lowest == 2
    assert at.alarms == set()


def test_a_visitor_whose_permit_ends_while_waiting_is_denied_at_the_escorts_tap() -> None:
    short = badge(6, "xu", kind="temporary", slot=None, until_us=1_790_000_003 * SECOND_US)
    at = room(badges=(*(one for one in EVERYBODY if one is not XU), short))
    at.tap(short)
    at.wait(3)
    assert answers(at.tap(GUO)) == [("xu", "denied", "BADGE_EXPIRED"), ("guo", "granted", "PERMITTED")]


def test_each_of_a_party_needs_a_live_lease() -> None:
    at = room()
    at.wait(1_799)
    at.tap(XU)
    at.wait(1)
    assert answers(at.tap(GUO)) == [("xu", "denied", "LEASE_ENDED"), ("guo", "granted", "PERMITTED")]


# out


def test_visitors_and_escort_leave_together() -> None:
    at = pair_hall()
    go(at, XU, GUO)
    assert answer(at.tap(XU, "hall-out")) == ("pending", "SECOND_PERSON_REQUIRED")
    assert {one.number for one in granted(at.tap(GUO, "hall-out"))} == {"xu", "guo"}
    opens(at)
    assert (numbers(at), at.alarms) == (set(), set())


def test_an_escort_whose_visitors_would_stay_is_prompted_and_the_confirmed_exit_is_alarmed() -> None:
    at = room()
    go(at, XU, GUO)
    outcome = at.tap(GUO, "hall-out")
    assert answer(outcome) == ("pending", "ESCORT_REQUIRED")
    assert "Your visitors are still in hall" in remedy(outcome.record.events[0].because)
    at.wait(3)
    assert answer(at.tap(GUO, "hall-out")) == ("granted", "WAY_OUT")
    assert at.alarms == set()
    opened = opens(at)
    assert events(opened, EscortChanged) == [EscortChanged((6,), None, 4)]
    assert alarm_inputs(at, "ESCORT_LEFT") == {"area": "hall", "visitors": 1}
    assert answer(at.tap(XU, "hall-out")) == ("granted", "WAY_OUT")
    assert events(opens(at), AlarmCleared) == [AlarmCleared("ESCORT_LEFT", "hall")]


def test_a_visitor_on_the_way_out_does_not_stay() -> None:
    at = room()
    go(at, XU, GUO)
    at.tap(XU, "hall-out")
    assert answer(at.tap(GUO, "hall-out")) == ("granted", "WAY_OUT")


def test_an_escort_is_prompted_also_while_the_area_is_uncertain() -> None:
    at = pair_hall()
    go(at, XU, GUO)
    rex(at)
    assert answer(at.tap(GUO, "hall-out")) == ("pending", "ESCORT_REQUIRED")


def test_a_visitor_who_goes_out_into_another_room_keeps_the_escort_and_that_theirs_has_left() -> None:
    at = room(cage_a={"customers": ()})
    go(at, XU, GUO)
    go(at, XU, GUO, point="cage-in")
    at.tap(GUO, "cage-out")
    at.wait(3)
    go(at, GUO, point="cage-out")
    assert at.alarms == {"ESCORT_LEFT/cage-a"}
    go(at, XU, point="cage-out")
    assert at.alarms == {"ESCORT_LEFT/hall"}
    assert escort_of(at, "xu") is None


def test_a_visitor_who_comes_out_to_the_escort_keeps_them() -> None:
    at = room(cage_a={"customers": ()})
    go(at, XU, GUO)
    go(at, XU, GUO, point="cage-in")
    go(at, XU, point="cage-out")
    assert (escort_of(at, "xu"), at.alarms) == (4, set())


def test_whoever_may_escort_and_comes_in_takes_over_those_who_stand_alone_there() -> None:
    at = room()
    go(at, XU, GUO)
    at.tap(GUO, "hall-out")
    at.wait(3)
    go(at, GUO, point="hall-out")
    go(at, LI)
    assert "ESCORT_LEFT/hall" in at.alarms  # a customer is no escort
    opened = go(at, CHEN)
    assert events(opened, EscortChanged) == [EscortChanged((6,), 9)]
    assert at.alarms == set()


def test_an_escort_who_is_not_found_by_a_count_leaves_visitors_alone() -> None:
    at = room()
    go(at, XU, GUO)
    count(at, XU)
    assert "ESCORT_LEFT/hall" in at.alarms


def test_escort_left_is_raised_anew_after_a_restart_only_once() -> None:
    at = room()
    go(at, XU, GUO)
    at.tap(GUO, "hall-out")
    at.wait(3)
    go(at, GUO, point="hall-out")
    at.now = Now(at.now.wall_us, 2 * SECOND_US)
    outcome = at.give(Started("boot-2", "test"))
    assert [one.alarm for one in events(outcome, AlarmRaised)] == []
    assert "ESCORT_LEFT/hall" in at.alarms


# fetched from inside


def test_an_escort_inside_fetches_visitors_by_a_tap_that_is_no_exit() -> None:
    at = room()
    go(at, GUO)
    at.tap(XU)
    at.wait(3)
    outcome = at.tap(GUO, "hall-out")
    assert events(outcome, EscortConfirmed) == [EscortConfirmed("hall-out", "hall-door", 4, 4, "guo", (6,))]
    assert [(one.number, one.access_point, one.escort) for one in granted(outcome)] == [("xu", "hall-in", 4)]
    assert actions(outcome, Indicate) == [Indicate("hall-in", "granted"), Indicate("hall-out", "granted")]
    opens(at)
    assert numbers(at) == {"xu", "guo"}
    assert escort_of(at, "xu") == 4


@pytest.mark.parametrize(("after_s", "fetched"), [(7.999999, True), (8.0, False)])
def test_visitors_are_fetched_within_their_window(after_s: float, fetched: bool) -> None:
    at = room()
    go(at, GUO)
    at.tap(XU)
    at.wait(after_s)
    assert bool(events(at.tap(GUO, "hall-out"), EscortConfirmed)) is fetched


def test_the_entry_rules_are_asked_of_those_fetched() -> None:
    at = pair_hall(capacity=3)
    go(at, LI, GUO)
    taps(at, XU, XU_2)
    outcome = at.tap(GUO, "hall-out")
    assert answers(outcome) == [("xu", "denied", "AREA_FULL"), ("xu-2", "denied", "AREA_FULL")]
    at.wait(1)
    at.tap(XU)
    assert answers(at.tap(GUO, "hall-out")) == [("xu", "granted", "PERMITTED")]


def test_a_single_visitor_is_not_fetched_into_a_room_where_only_the_escort_is() -> None:
    at = pair_hall()
    go(at, LI, GUO)
    at.tap(LI, "hall-out")
    at.wait(3)
    go(at, LI, point="hall-out")
    at.tap(XU)
    assert answers(at.tap(GUO, "hall-out")) == [("xu", "denied", "SECOND_PERSON_REQUIRED")]


def test_who_is_no_escort_or_not_inside_or_irregular_leaves_like_anybody() -> None:
    revoked = badge(15, "old", kind="staff", customer=None, slot=None, status="suspended", holder=9)
    at = room(badges=(*(one for one in EVERYBODY if one is not CHEN), revoked))
    go(at, LI, GUO)
    at.tap(XU)
    for one in (LI, KEYHOLDER, revoked):  # a customer; not listed; suspended
        assert answer(at.tap(one, "hall-out")) == ("granted", "WAY_OUT")


def test_an_escort_with_an_exit_outstanding_fetches_nobody() -> None:
    at = room()
    go(at, GUO)
    at.tap(GUO, "hall-out")
    at.wait(1)
    at.tap(XU)
    outcome = at.tap(GUO, "hall-out")
    assert events(outcome, EscortConfirmed) == []
    assert answer(outcome) == ("granted", "WAY_OUT")


def test_a_tap_that_confirms_a_prompt_is_an_exit_also_when_visitors_wait_outside() -> None:
    at = room()
    go(at, XU, GUO)
    at.tap(GUO, "hall-out")
    at.wait(2)
    at.tap(XU_2)
    at.wait(1)
    outcome = at.tap(GUO, "hall-out")
    assert events(outcome, EscortConfirmed) == []
    assert answers(outcome) == [("guo", "granted", "WAY_OUT")]


# handed over


def test_an_escort_hands_over_to_another_and_goes() -> None:
    at = room()
    go(at, XU, GUO)
    go(at, CHEN)
    at.tap(GUO, "hall-out")
    at.wait(3)
    outcome = at.tap(CHEN, "hall-out")
    assert events(outcome, EscortConfirmed) == [EscortConfirmed("hall-out", "hall-door", 9, 9, "chen", (6,))]
    assert events(outcome, EscortChanged) == [EscortChanged((6,), 9, 4)]
    assert answers(outcome) == [("guo", "granted", "WAY_OUT")]
    opens(at)
    assert numbers(at) == {"xu", "chen"}
    assert (escort_of(at, "xu"), at.alarms) == (9, set())


@pytest.mark.parametrize(("after_s", "handed_over"), [(7.999999, True), (8.0, False)])
def test_a_hand_over_takes_both_taps_within_the_window(after_s: float, handed_over: bool) -> None:
    at = room()
    go(at, XU, GUO)
    go(at, CHEN)
    at.tap(GUO, "hall-out")
    at.wait(after_s)
    assert bool(events(at.tap(CHEN, "hall-out"), EscortChanged)) is handed_over


def test_where_the_visitors_have_gone_before_nothing_is_handed_over_and_the_last_two_go_as_a_pair() -> None:
    at = pair_hall()
    go(at, XU, GUO)
    go(at, CHEN)
    at.tap(XU, "hall-out")
    opens(at)
    assert answer(at.tap(GUO, "hall-out")) == ("pending", "SECOND_PERSON_REQUIRED")
    assert {one.number for one in granted(at.tap(CHEN, "hall-out"))} == {"guo", "chen"}


def test_a_customer_takes_nobody_over() -> None:
    at = room()
    go(at, XU, GUO)
    go(at, LI)
    at.tap(GUO, "hall-out")
    outcome = at.tap(LI, "hall-out")
    assert events(outcome, EscortChanged) == []
    assert answer(outcome) == ("granted", "WAY_OUT")


def test_who_is_on_the_way_out_takes_nobody_over() -> None:
    at = room()
    go(at, XU, GUO)
    go(at, CHEN)
    at.tap(CHEN, "hall-out")
    at.wait(1)
    at.tap(GUO, "hall-out")
    outcome = at.tap(CHEN, "hall-out")
    assert events(outcome, EscortChanged) == []
    assert answer(outcome) == ("granted", "WAY_OUT")


def test_who_is_not_listed_inside_takes_nobody_over() -> None:
    at = room()
    go(at, XU, GUO)
    at.tap(GUO, "hall-out")
    assert events(at.tap(CHEN, "hall-out"), EscortChanged) == []


# admitted by command


def test_somebody_admitted_waits_a_minute_for_an_escort_who_takes_them_in() -> None:
    at = pair_hall()
    outcome = admit(at)
    assert result(outcome) == ("done", "")
    (waits,) = events(outcome, AccessPending)
    assert isinstance(waits, AccessPending)
    assert (waits.badge, waits.number, waits.because.reason) == (0, "P-1", "ESCORT_REQUIRED")
    assert waits.until_mono_us == at.now.mono_us + 60 * SECOND_US
    assert waits.holder < 0
    at.wait(59.9)
    tapped = at.tap(GUO)
    assert answers(tapped) == [("P-1", "granted", "ADMITTED"), ("guo", "granted", "PERMITTED")]
    assert granted(tapped)[0].because.rule == "B8"
    opens(at)
    assert numbers(at) == {"P-1", "guo"}
    assert at.alarms == set()


def test_an_admission_that_nobody_follows_ends_in_a_denial() -> None:
    at = pair_hall()
    admit(at)
    assert answers(elapsed(at, 60)) == [("P-1", "denied", "ESCORT_REQUIRED")]


def test_an_emergency_is_alarmed_when_it_is_taken() -> None:
    at = pair_hall()
    admit(at, emergency=True)
    at.tap(GUO)
    assert at.alarms == set()
    opened = opens(at)
    assert [one.emergency for one in taken(opened)] == [True, False]
    assert "EMERGENCY_ENTRY/P-1" in at.alarms
    assert at.engine.state.alarms["EMERGENCY_ENTRY/P-1"].rule == "B7"


def test_people_without_a_badge_leave_with_the_escort_who_brought_them() -> None:
    at = pair_hall()
    admit(at)
    go(at, GUO)
    outcome = at.tap(GUO, "hall-out")
    assert answers(outcome) == [("P-1", "granted", "WAY_OUT"), ("guo", "granted", "WAY_OUT")]
    opens(at)
    assert numbers(at) == set()
    assert numbers(at, "lobby") == {"P-1", "guo"}
    go(at, GUO, point="lobby-out")
    assert at.engine.state.presence == {}


def test_at_a_door_that_fire_released_too_they_leave_with_their_escort() -> None:
    at = room()
    admit(at)
    go(at, GUO)
    at.give(FireInput("z1", active=True))
    assert {one.number for one in granted(at.tap(GUO, "hall-out"))} == {"P-1", "guo"}


def test_an_escort_who_comes_out_into_a_room_takes_over_who_stands_alone_there() -> None:
    at = room()
    go(at, CHEN)
    go(at, XU, GUO, point="lobby-in")
    at.tap(GUO, "lobby-out")
    at.wait(3)
    go(at, GUO, point="lobby-out")
    assert "ESCORT_LEFT/lobby" in at.alarms
    go(at, CHEN, point="hall-out")
    assert (escort_of(at, "xu"), at.alarms) == (9, set())


def test_whoever_is_listed_under_that_name_is_admitted_as_the_same_person() -> None:
    at = room()
    admit(at, point="lobby-in")
    go(at, GUO, point="lobby-in")
    admit(at)
    admit(at)
    go(at, GUO)
    assert (numbers(at, "lobby"), numbers(at)) == (set(), {"P-1", "guo"})
    assert at.alarms == set()


def test_two_who_are_admitted_are_two() -> None:
    at = room()
    admit(at, "P-1")
    admit(at, "P-2")
    go(at, GUO)
    assert inside(at).lowest == 3


@pytest.mark.parametrize("point", ["hall-out", "cabinet-front", "attic"])
def test_nobody_is_admitted_where_there_is_no_entry(point: str) -> None:
    assert result(admit(room(), point=point)) == ("refused", "NO_SUCH_POINT")


def test_nobody_is_admitted_to_a_public_area() -> None:
    assert result(admit(room(lobby={"public": True}), point="lobby-in")) == ("refused", "NO_SUCH_POINT")


def test_an_admission_names_person_and_reason() -> None:
    assert result(admit(room(), " ")) == ("refused", "REASON_REQUIRED")


def test_gas_closure_and_lockdown_admit_nobody() -> None:
    at = room()
    at.give(GasInput("z1", active=True))
    assert result(admit(at)) == ("refused", "AREA_UNSAFE")
    assert result(admit(room(hall={"closed": True}))) == ("refused", "AREA_CLOSED")
    locked = room()
    locked.give(order(LockDown("a search")))
    assert result(admit(locked)) == ("refused", "LOCKDOWN")


def test_gas_that_comes_while_somebody_admitted_waits_denies_them() -> None:
    at = room()
    admit(at)
    at.give(GasInput("z1", active=True))
    at.tap(XU_3)
    at.give(GasInput("z1", active=False))
    assert {one.number for one in granted(at.tap(GUO))} == {"P-1", "guo"}
    admit(at)
    at.give(order(LockDown("a search", "hall")))
    assert at.engine.state.waiting == {}


def test_an_admission_needs_no_lease_of_its_own_but_the_escort_does() -> None:
    at = room()
    in_force = at.engine.policy
    assert in_force is not None
    at.wait(86_400)
    admit(at)
    assert answer(at.tap(GUO)) == ("denied", "LEASE_ENDED")
    at.give(LeaseArrived(Lease(in_force.version, digest(in_force), at.now.wall_us)))
    at.wait(1)
    assert {one.number for one in granted(at.tap(GUO))} == {"P-1", "guo"}


def test_company_and_composition_are_judged_without_the_visitors() -> None:
    at = room(hall={"composition": "same_customer"}, holders=(Holder(1, 1, ("hall",)), Holder(2, 1, ("hall",))))
    taps(at, XU, LI)
    assert answer(at.tap(SUN)) == ("denied", "COMPOSITION")
    assert {one.number for one in granted(taps(at, XU, WANG))} == set()
