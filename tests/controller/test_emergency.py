"""Emergency entry with the link down: a supervisor's tap, then a different guard's, at one reader (B7, MEANINGS 21)."""

from typing import Any

import msgspec
import pytest

from controller.actions import Unlock
from controller.events import AccessLapsed
from controller.inputs import DoorContact, FireInput, GasInput, LinkChanged
from controller.policy import Holder
from tests.controller.building import GUO, KEYHOLDER, LI, WANG, Hall, actions, badge, digest, events
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
    room,
    room_policy,
    site_with,
    taken,
    taps,
)

DUTIES = (Holder(5, None, duties=("supervisor",)), Holder(9, None, duties=("guard",)), Holder(4, None, ("hall",)))
SUPERVISOR, GUARD = KEYHOLDER, CHEN


def cut_off_hall(*, two_person: bool = True, **fields: Any) -> Hall:
    return cut_off(room(hall={"two_person": two_person, **fields}, holders=DUTIES))


def test_a_guard_after_a_supervisor_goes_in_with_one_unnamed_person() -> None:
    at = cut_off_hall()
    assert answer(at.tap(SUPERVISOR)) == ("pending", "SECOND_PERSON_REQUIRED")
    at.wait(3)
    outcome = at.tap(GUARD)
    unnamed, guard = granted(outcome)
    assert (unnamed.badge, unnamed.escort, unnamed.emergency) == (0, 9, True)
    assert unnamed.holder < 0
    assert unnamed.number.startswith("emergency-")
    assert (guard.number, guard.emergency, guard.because.reason) == ("chen", True, "EMERGENCY_ADMITTED")
    assert guard.because.inputs == {"number": "key", "area": "hall"}
    assert len(actions(outcome, Unlock)) == 1
    opened = opens(at)
    assert [one.emergency for one in taken(opened)] == [True, True]
    assert {alarm for alarm in at.alarms if "EMERGENCY" in alarm} == {f"EMERGENCY_ENTRY/{unnamed.number}"}
    assert numbers(at) == {unnamed.number, "chen"}
    assert "LONE_OCCUPANT/hall" not in at.alarms


def test_at_the_next_door_the_same_person_goes_on_with_the_guard() -> None:
    at = cut_off_hall()
    unnamed = granted(taps(at, SUPERVISOR, GUARD, point="lobby-in"))[0]
    opens(at, "lobby-door")
    elapsed(at, 6)
    again = granted(taps(at, SUPERVISOR, GUARD))[0]
    assert (again.holder, again.number, again.emergency) == (unnamed.holder, unnamed.number, True)
    opens(at)
    assert numbers(at) == {unnamed.number, "chen"}
    assert numbers(at, "lobby") == set()
    assert {alarm for alarm in at.alarms if "ESCORT" in alarm or "EMERGENCY" in alarm} == {
        f"EMERGENCY_ENTRY/{unnamed.number}"
    }


def test_somebody_whom_another_answers_for_is_not_taken_along() -> None:
    at = cut_off_hall()
    first = granted(taps(at, SUPERVISOR, GUARD, point="lobby-in"))[0]
    opens(at, "lobby-door")
    elapsed(at, 6)
    second_guard = badge(16, "guard-2", kind="staff", customer=None, slot=None, holder=7)
    staff = (*DUTIES, Holder(7, None, duties=("guard",)))
    after = room_policy(site_with(hall={"two_person": True}), badges=(*EVERYBODY, second_guard), holders=staff, n=2)
    at.keep(at.engine.adopt(after, digest(after), at.now))
    at.give_lease()
    other = granted(taps(at, SUPERVISOR, second_guard))[0]
    assert other.number.startswith("emergency-")
    assert other.holder != first.holder


def test_the_supervisors_tap_is_used_up_and_stands_in_the_record() -> None:
    at = cut_off_hall()
    at.tap(SUPERVISOR)
    outcome = at.tap(GUARD)
    assert events(outcome, AccessLapsed) == [AccessLapsed("hall-in", "hall-door", 5, 5, "key")]
    assert at.engine.state.waiting == {}
    assert answer(at.tap(LI)) == ("pending", "SECOND_PERSON_REQUIRED")


def test_the_guards_badge_first_is_an_ordinary_pair() -> None:
    at = cut_off_hall()
    assert {one.number for one in granted(taps(at, GUARD, SUPERVISOR))} == {"chen", "key"}
    opens(at)
    assert not any(one.startswith("EMERGENCY") for one in at.alarms)


@pytest.mark.parametrize("up", [True, None])
def test_with_the_link_up_or_never_heard_of_they_are_an_ordinary_pair(up: bool | None) -> None:
    at = room(hall={"two_person": True}, holders=DUTIES)
    if up is not None:
        at.give(LinkChanged(up=False))
        at.give(LinkChanged(up=up))
    assert {one.number for one in granted(taps(at, SUPERVISOR, GUARD))} == {"chen", "key"}


@pytest.mark.parametrize(("after_s", "emergency"), [(7.999999, True), (8.0, False)])
def test_the_guard_taps_within_the_pairing_window(after_s: float, emergency: bool) -> None:
    at = cut_off_hall()
    at.tap(SUPERVISOR)
    at.wait(after_s)
    outcome = at.tap(GUARD)
    assert any(one.emergency for one in granted(outcome)) is emergency
    assert answer(outcome)[0] == ("granted" if emergency else "pending")


@pytest.mark.parametrize(("after_s", "emergency"), [(4.999999, True), (5.0, False)])
def test_where_the_supervisor_could_go_alone_the_grant_lapses_unless_it_was_used_or_ended(
    after_s: float, emergency: bool
) -> None:
    at = cut_off_hall(two_person=False)
    at.tap(SUPERVISOR)
    at.wait(after_s)
    outcome = at.tap(GUARD)
    assert any(one.emergency for one in granted(outcome)) is emergency
    opens(at)
    assert ("key" in numbers(at)) is False
    assert inside(at).lowest == (2 if emergency else 1)


def test_a_supervisor_who_has_gone_in_approves_nothing() -> None:
    at = cut_off_hall(two_person=False)
    go(at, SUPERVISOR)
    assert answers(at.tap(GUARD)) == [("chen", "granted", "PERMITTED")]


def test_one_holder_with_both_duties_is_not_two() -> None:
    second = badge(16, "key-2", kind="staff", customer=None, slot=None, holder=5)
    at = cut_off(
        room(
            hall={"two_person": True},
            badges=(*EVERYBODY, second),
            holders=(Holder(5, None, duties=("supervisor", "guard")),),
        )
    )
    assert answer(taps(at, SUPERVISOR, second)) == ("pending", "SECOND_PERSON_REQUIRED")


def test_the_permission_is_not_asked_of_the_guard_and_every_other_rule_is() -> None:
    stranger = badge(9, "chen", kind="staff", customer=None, slot=None, grant=99)
    at = cut_off(
        room(
            hall={"two_person": True},
            badges=(*(one for one in EVERYBODY if one is not CHEN), stranger),
            holders=DUTIES,
        )
    )
    assert answer(at.tap(stranger)) == ("denied", "NO_PERMISSION")
    at.wait(1)
    assert len(granted(taps(at, SUPERVISOR, stranger))) == 2
    elapsed(at, 6)
    at.tap(SUPERVISOR)
    at.give(GasInput("z1", active=True))
    assert answer(at.tap(stranger)) == ("denied", "AREA_UNSAFE")


def test_the_rules_of_the_group_are_asked_of_guard_and_stranger_and_the_supervisor_goes_on_waiting() -> None:
    at = cut_off_hall(capacity=2)
    go(at, LI, WANG)
    at.tap(SUPERVISOR)
    assert answer(at.tap(GUARD)) == ("denied", "AREA_FULL")
    assert numbers(at) == {"li", "wang"}


def test_a_supervisor_whose_badge_was_revoked_meanwhile_approves_nothing() -> None:
    at = cut_off_hall()
    at.tap(SUPERVISOR)
    revoked = msgspec.structs.replace(SUPERVISOR, status="revoked")
    others = tuple(one for one in EVERYBODY if one is not SUPERVISOR)
    after = room_policy(site_with(hall={"two_person": True}), badges=(*others, revoked), holders=DUTIES, n=2)
    at.keep(at.engine.adopt(after, digest(after), at.now))
    at.give_lease()
    assert answers(at.tap(GUARD)) == [
        ("key", "denied", "BADGE_REVOKED"),
        ("chen", "pending", "SECOND_PERSON_REQUIRED"),
    ]


def test_a_guard_without_a_supervisor_goes_in_like_anybody() -> None:
    at = cut_off_hall()
    assert answer(taps(at, LI, GUARD))[0] == "granted"
    assert not any(one.emergency for one in granted(at.tap(GUO)))


def test_a_door_that_fire_released_needs_no_emergency() -> None:
    at = cut_off_hall()
    at.tap(SUPERVISOR)
    at.give(FireInput("z1", active=True))
    assert answers(at.tap(GUARD)) == [("chen", "granted", "PERMITTED")]


def test_the_leaf_that_stands_open_takes_them_at_once() -> None:
    at = cut_off_hall(two_person=False)
    at.tap(LI)
    at.give(DoorContact("hall-door", open=True))
    at.tap(SUPERVISOR)  # in at once
    assert answers(at.tap(GUARD)) == [("chen", "granted", "PERMITTED")]
