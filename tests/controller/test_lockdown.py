"""Lockdown: who enters all the same, what lapses, what stays open, how it ends (MEANINGS 22, 27; docs/rooms.md, Doors)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.actions import Lock, Unlock
from controller.commands import LockDown, Release, ResetFire, UnlockDoor
from controller.engine import Engine
from controller.events import AccessDenied, AccessGranted, AccessLapsed, DoorModeChanged, decode_record
from controller.fold import fold
from controller.inputs import DoorContact, FireInput, JournalChanged, LockdownInput, RexPressed, Started, TimeElapsed
from controller.policy import Badge, Policy
from controller.room_events import LockdownChanged
from controller.site import Area, Site
from controller.state import State
from tests.controller.building import (
    GUO,
    HARDWARE,
    KEYHOLDER,
    LI,
    SITE,
    WANG,
    Hall,
    actions,
    digest,
    events,
    policy,
    reason,
)
from tests.controller.stories import enter, hall, open_and_close, order, result
from tests.controller.test_engine_properties import MOMENTS, THOROUGH, Run, Step


def site(**of_hall: object) -> Site:
    areas = tuple(msgspec.structs.replace(area, **of_hall) if area.id == "hall" else area for area in SITE.areas)
    return msgspec.structs.replace(SITE, areas=areas)


def lock_down(at: Hall, area: str = "hall") -> None:
    assert result(at.give(order(LockDown("intruder", area)))) == ("done", "")


def release(at: Hall, area: str = "hall") -> tuple[str, str]:
    return result(at.give(order(Release("over", area), supervisor=True)))


def mode(at: Hall, door: str = "hall-door") -> str:
    return at.engine.door(door).mode


# who enters


def test_in_a_lockdown_nobody_enters_the_area_and_everybody_leaves_it() -> None:
    at = hall()
    enter(at)
    lock_down(at)
    assert reason(at.tap(GUO)) == "LOCKDOWN"
    assert reason(at.tap(WANG)) == "LOCKDOWN"
    assert actions(at.give(RexPressed("hall-door")), Unlock)
    at.wait(6)
    assert reason(at.tap(LI, "hall-out")) == "WAY_OUT"


def test_a_lockdown_of_an_area_concerns_the_doors_into_it_only() -> None:
    at = hall()
    lock_down(at)
    assert {door.door for door in HARDWARE if mode(at, door.door) == "locked_down"} == {"hall-door"}
    assert reason(at.tap(LI, "lobby-in")) == "PERMITTED"


def test_a_lockdown_of_the_site_asks_every_area_but_those_that_are_public() -> None:
    at = hall()
    lock_down(at, "")
    assert {door.door for door in HARDWARE if mode(at, door.door) == "locked_down"} == {door.door for door in HARDWARE}
    for point in ("lobby-in", "hall-in", "cage-in", "cabinet-front"):
        assert reason(at.tap(LI, point)) == "LOCKDOWN"
    for point in ("lobby-out", "hall-out", "cage-out"):
        assert reason(at.tap(LI, point)) == "WAY_OUT"


@pytest.mark.parametrize(
    ("passes", "who", "answer"),
    [
        (("staff",), GUO, "PERMITTED"),
        (("staff",), KEYHOLDER, "PERMITTED"),
        (("staff",), LI, "LOCKDOWN"),
        (("keyholder",), KEYHOLDER, "PERMITTED"),
        (("keyholder",), GUO, "LOCKDOWN"),
        (("staff", "keyholder"), GUO, "PERMITTED"),
        ((), KEYHOLDER, "LOCKDOWN"),
    ],
)
@pytest.mark.parametrize("area", ["hall", ""])
def test_who_still_enters_is_whom_the_area_names(passes: tuple[str, ...], who: Badge, answer: str, area: str) -> None:
    at = Hall(policy(site=site(lockdown_pass=passes)))
    lock_down(at, area)
    assert reason(at.tap(who)) == answer


def test_every_locked_area_that_a_door_enters_must_let_its_people_pass() -> None:
    nested = msgspec.structs.replace(
        site(lockdown_pass=("staff",)),
        areas=(
            Area("outside", public=True),
            Area("lobby"),
            Area("wing"),
            Area("hall", inside="wing", lockdown_pass=("staff",)),
            Area("cage-a", inside="hall"),
        ),
    )
    at = Hall(policy(site=nested))
    lock_down(at, "hall")
    assert reason(at.tap(GUO)) == "PERMITTED"
    lock_down(at, "wing")
    at.wait(2)
    assert reason(at.tap(GUO)) == "LOCKDOWN"


def test_one_and_the_same_kind_must_be_named_by_every_locked_area() -> None:
    areas = (
        Area("outside", public=True),
        Area("lobby"),
        Area("wing", lockdown_pass=("keyholder",)),
        Area("hall", inside="wing", lockdown_pass=("staff",)),
        Area("cage-a", inside="hall"),
    )
    at = Hall(policy(site=msgspec.structs.replace(SITE, areas=areas)))
    lock_down(at, "")
    assert reason(at.tap(KEYHOLDER)) == "LOCKDOWN"


def test_a_lockdown_says_which_area_or_none_for_the_site() -> None:
    at = hall()
    lock_down(at)
    (denied,) = events(at.tap(LI), AccessDenied)
    assert denied.because.inputs == {"area": "hall"}
    lock_down(at, "")
    (denied,) = events(at.tap(LI, "lobby-in"), AccessDenied)
    assert denied.because.inputs == {"area": ""}


# what was under way


def test_what_was_granted_to_enter_lapses_and_the_door_locks() -> None:
    at = hall()
    at.tap(LI)
    began = at.give(order(LockDown("intruder", "hall")))
    assert [event.badge for event in events(began, AccessLapsed)] == [1]
    assert actions(began, Lock) == [Lock("hall-door")]
    opened = at.give(DoorContact("hall-door", open=True))
    assert at.engine.state.presence == {}
    assert "DoorForcedOpen/hall-door" in at.alarms
    assert opened.record is not None


def test_a_door_unlocked_by_command_locks_too() -> None:
    at = hall()
    assert result(at.give(order(UnlockDoor("hall-door", "delivery")))) == ("done", "")
    assert actions(at.give(order(LockDown("intruder", "hall"))), Lock) == [Lock("hall-door")]


@pytest.mark.parametrize("way", ["rex", "badge"])
def test_who_is_on_the_way_out_goes_on_and_only_the_entry_lapses(way: str) -> None:
    at = hall()
    enter(at)
    at.tap(WANG)
    if way == "rex":
        at.give(RexPressed("hall-door"))
    else:
        at.tap(LI, "hall-out")
    began = at.give(order(LockDown("intruder", "hall")))
    assert [event.holder for event in events(began, AccessLapsed)] == [2]
    assert actions(began, Lock) == []
    assert at.engine.door("hall-door").lock == "unlocked"
    at.wait(5)
    assert actions(at.give(TimeElapsed()), Lock) == [Lock("hall-door")]


def test_grants_at_other_doors_stay() -> None:
    at = hall()
    at.tap(LI, "lobby-in")
    assert actions(at.give(order(LockDown("intruder", "hall"))), Lock) == []
    assert len(at.engine.door("lobby-door").grants) == 1


def test_who_waits_to_enter_is_denied_and_who_waits_to_leave_is_not() -> None:
    at = Hall(policy(site=site(two_person=True)))
    assert reason(at.tap(LI)) == "SECOND_PERSON_REQUIRED"
    began = at.give(order(LockDown("intruder", "hall")))
    (denied,) = events(began, AccessDenied)
    assert (denied.holder, denied.because.reason) == (1, "LOCKDOWN")
    assert at.engine.state.waiting == {}
    assert release(at) == ("done", "")
    at.wait(2)
    at.tap(LI)
    at.tap(WANG)
    open_and_close(at)
    at.wait(2)
    assert reason(at.tap(LI, "hall-out")) == "SECOND_PERSON_REQUIRED"
    began = at.give(order(LockDown("intruder", "hall")))
    assert events(began, AccessDenied) == []
    assert reason(at.tap(WANG, "hall-out")) == "WAY_OUT"


def test_who_was_waiting_when_the_lockdown_came_is_answered_at_once_when_it_is_over() -> None:
    at = Hall(policy(site=site(two_person=True)))
    at.tap(LI)
    at.wait(2)
    (denied,) = events(at.give(order(LockDown("intruder", "hall"))), AccessDenied)
    assert denied.waited
    assert release(at) == ("done", "")
    assert reason(at.tap(LI)) == "SECOND_PERSON_REQUIRED", "no card was laid down for the denial: this is a new read"


def test_denials_of_who_waited_are_no_attempts_and_taps_in_a_lockdown_are() -> None:
    at = Hall(policy(site=site(two_person=True)))
    for _ in range(6):
        at.tap(LI)
        at.wait(2)
        lock_down(at)
        release(at)
    assert at.engine.state.denials == {}
    lock_down(at)
    for _ in range(5):
        assert not events(at.tap(LI), AccessDenied)[0].waited
        assert at.tap(LI).record is None, "the same read"
        at.wait(2)
    assert "REPEATED_DENIALS/hall-in" in at.alarms


def test_a_rex_under_a_lockdown_is_relocked_when_its_time_is_over() -> None:
    at = hall()
    at.give(RexPressed("hall-door"))
    lock_down(at)
    at.wait(5)
    assert actions(at.give(TimeElapsed()), Lock) == [Lock("hall-door")]


def test_a_leaf_that_stands_open_goes_on_counting_its_time_through_a_lockdown() -> None:
    at = hall()
    at.tap(LI)
    at.give(DoorContact("hall-door", open=True))
    at.wait(15)
    lock_down(at)
    at.wait(15)
    at.give(TimeElapsed())
    assert "DoorHeldOpen/hall-door" in at.alarms


# how it begins and ends


def test_a_button_locks_down_and_lifting_it_releases_nothing() -> None:
    at = hall()
    begun = at.give(LockdownInput("hall", active=True))
    assert events(begun, LockdownChanged) == [LockdownChanged("hall", True, "input")]
    assert mode(at) == "locked_down"
    assert at.give(LockdownInput("hall", active=True)).record is None
    assert release(at) == ("refused", "LOCKDOWN_INPUT_ACTIVE")
    at.give(LockdownInput("hall", active=False))
    assert mode(at) == "locked_down"
    assert release(at) == ("done", "")
    assert mode(at) == "controlled"
    assert reason(at.tap(LI)) == "PERMITTED"


def test_a_button_without_an_area_locks_the_site_down() -> None:
    at = hall()
    at.give(LockdownInput("", active=True))
    assert reason(at.tap(LI, "lobby-in")) == "LOCKDOWN"
    assert release(at, "hall") == ("refused", "NOT_LOCKED_DOWN")


def test_a_button_holds_a_lockdown_that_a_command_began() -> None:
    at = hall()
    lock_down(at)
    at.give(LockdownInput("hall", active=True))
    assert release(at) == ("refused", "LOCKDOWN_INPUT_ACTIVE")


def test_lock_down_and_release_take_a_reason_and_an_area_and_a_release_a_supervisor() -> None:
    at = hall()
    assert result(at.give(order(LockDown(" ", "hall")))) == ("refused", "REASON_REQUIRED")
    assert result(at.give(order(LockDown("x", "nowhere")))) == ("refused", "NO_SUCH_AREA")
    assert result(at.give(order(LockDown("x", "outside")))) == ("refused", "NO_SUCH_AREA"), "it would keep nobody out"
    assert at.engine.state.lockdowns == {}
    lock_down(at)
    again = at.give(order(LockDown("x", "hall")))
    assert result(again) == ("done", "")
    assert events(again, LockdownChanged) == []
    assert result(at.give(order(Release("", "hall"), supervisor=True))) == ("refused", "REASON_REQUIRED")
    assert result(at.give(order(Release("over", "hall")))) == ("refused", "SUPERVISOR_REQUIRED")
    assert release(at, "lobby") == ("refused", "NOT_LOCKED_DOWN")
    assert release(at, "") == ("refused", "NOT_LOCKED_DOWN")
    assert release(at) == ("done", "")


def test_a_release_of_the_site_leaves_the_lockdown_of_an_area_and_the_reverse() -> None:
    at = hall()
    lock_down(at, "")
    lock_down(at, "hall")
    assert release(at, "") == ("done", "")
    assert (mode(at), mode(at, "lobby-door")) == ("locked_down", "controlled")
    lock_down(at, "")
    assert release(at, "hall") == ("done", "")
    assert (mode(at), mode(at, "lobby-door")) == ("locked_down", "locked_down")


def test_only_a_supervisor_opens_a_locked_down_door_by_command() -> None:
    at = hall()
    lock_down(at)
    unlock = UnlockDoor("hall-door", "police")
    assert result(at.give(order(unlock))) == ("refused", "LOCKDOWN")
    assert result(at.give(order(UnlockDoor("lobby-door", "police")))) == ("done", "")
    opened = at.give(order(unlock, supervisor=True))
    assert result(opened) == ("done", "")
    assert actions(opened, Unlock)


def test_a_lockdown_survives_a_restart() -> None:
    at = hall()
    lock_down(at)
    state = State()
    for encoded in at.encoded:
        fold(state, decode_record(encoded))
    at.engine = Engine(state, "j" * 8, HARDWARE, "edge-1")
    in_force = policy()
    at.engine.adopt(in_force, digest(in_force), at.now)
    at.give(Started("boot-2", "test"))
    at.settle()
    assert mode(at) == "locked_down"
    assert reason(at.tap(LI)) == "LOCKDOWN"


def test_a_lockdown_begins_and_ends_while_the_journal_fails() -> None:
    at = hall()
    at.engine.journal_failed("disk full", at.now)
    assert result(at.engine.handle(order(LockDown("intruder", "hall")), at.now)) == ("done", "")
    assert mode(at) == "locked_down"
    at.engine.commit()
    at.engine.handle(JournalChanged(available=True), at.now)
    at.engine.commit()
    assert release(at) == ("done", "")


def test_doors_of_a_new_policy_are_locked_down_as_it_says() -> None:
    at = hall()
    lock_down(at, "hall")
    other: Policy = policy(
        n=2, site=msgspec.structs.replace(SITE, areas=(*SITE.areas[:2], Area("hall", public=True), SITE.areas[3]))
    )
    at.keep(at.engine.adopt(other, digest(other), at.now))
    assert mode(at) == "controlled"


# fire outranks it


def test_fire_opens_what_is_locked_down_and_after_its_reset_the_lockdown_stands_again() -> None:
    at = hall()
    lock_down(at)
    at.give(FireInput("z1", active=True))
    assert mode(at) == "released"
    assert reason(at.tap(LI)) == "PERMITTED"
    at.give(FireInput("z1", active=False))
    reset = at.give(order(ResetFire("z1", "all out"), supervisor=True))
    assert DoorModeChanged("hall-door", "locked_down") in events(reset, DoorModeChanged)
    assert (mode(at), mode(at, "lobby-door")) == ("locked_down", "controlled")
    at.wait(2)
    assert reason(at.tap(LI)) == "LOCKDOWN"


def test_a_lockdown_in_a_fire_locks_no_door_until_the_reset() -> None:
    at = hall()
    at.give(FireInput("z1", active=True))
    at.tap(LI)
    began = at.give(order(LockDown("intruder", "")))
    assert actions(began, Lock) == []
    assert [event.door for event in events(began, DoorModeChanged)] == ["cabinet-1"]
    at.give(FireInput("z1", active=False))
    at.give(order(ResetFire("z1", "all out"), supervisor=True))
    assert mode(at) == "locked_down"


@THOROUGH
@given(st.lists(MOMENTS, max_size=30), st.sampled_from(["", "hall", "lobby"]))
def test_once_locked_down_nobody_is_granted_an_entry_and_every_way_out_opens(
    moments: list[tuple[Step, float, float, str]], area: str
) -> None:
    run = Run()
    run.give([run.engine.handle(order(LockDown("intruder", area)), run.now)])
    points = {point.id: point for point in SITE.access_points}
    for moment in moments:
        run.play(moment)
        if area not in run.engine.state.lockdowns:
            return
        for outcome in run.outcomes:
            for event in outcome.record.events if outcome.record else ():
                if isinstance(event, AccessGranted) and not event.out:
                    into = points[event.access_point].to_area
                    assert run.engine.door(event.door).mode == "released" or (area and into != area)
        for door in HARDWARE:
            asked = run.engine.handle(RexPressed(door.door), run.now)
            assert [action.door for action in actions(asked, Unlock)] == [door.door] or (
                run.engine.door(door.door).mode == "released"
            )
            run.give([asked])
