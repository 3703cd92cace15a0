"""Who is in a room and how sure that is: doubts and their end, LONE_OCCUPANT, counts (R2, L3, MEANINGS 9, 12-15)."""

import msgspec
import pytest

from controller.commands import UnlockDoor
from controller.events import AlarmCleared, AlarmRaised, ExitByRequest
from controller.inputs import DoorContact, FireInput, PersonCounted, RexPressed, Started
from controller.now import SECOND_US, Now
from controller.policy import Version
from controller.room_events import AreaCertain, AreaUncertain, PeopleCounted
from controller.site import AccessPoint, Area, Door
from controller.state import alarm_key
from tests.controller.building import DAY_US, GUO, LI, SUN, WANG, XU, digest, events
from tests.controller.rooms import (
    CHEN,
    alarm_inputs,
    answer,
    by_supervisor,
    count,
    elapsed,
    go,
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

LONE = alarm_key("LONE_OCCUPANT", "hall")

# the list


def test_an_area_counts_all_that_lies_inside_it_and_tells_what_is_sure() -> None:
    at = room()
    go(at, LI)
    go(at, LI, point="cage-in")
    go(at, WANG)
    hall, cage = inside(at), inside(at, "cage-a")
    assert (hall.holders, hall.sure, hall.lowest, hall.highest, hall.uncertain) == ((1, 2), (1, 2), 2, 2, "")
    assert (cage.holders, cage.lowest, cage.highest) == ((1,), 1, 1)


def test_a_cabinet_is_opened_and_never_entered() -> None:
    at = pair_hall(anti_passback="hard")
    assert answer(at.tap(LI, "cabinet-front")) == ("granted", "PERMITTED")
    assert answer(at.tap(XU, "cabinet-front")) == ("granted", "PERMITTED")
    assert numbers(at) == set()


# doubts


def test_an_exit_by_rex_doubts_the_area_with_all_inside_it_and_nobody_there_is_sure() -> None:
    at = room()
    go(at, LI, WANG)
    go(at, LI, point="cage-in")
    outcome = rex(at)
    assert events(outcome, ExitByRequest) == [ExitByRequest("hall-door", "hall")]
    assert events(outcome, AreaUncertain) == [AreaUncertain("hall", "rex", ("cage-a",))]
    hall = inside(at)
    assert (hall.holders, hall.sure, hall.lowest, hall.highest, hall.uncertain) == ((1, 2), (), 0, 2, "rex")


def test_a_doubt_is_told_again_only_where_it_changes_anything() -> None:
    at = room()
    go(at, LI)
    assert events(rex(at), AreaUncertain)
    assert events(rex(at), AreaUncertain) == []
    go(at, WANG)  # somebody is sure there
    assert events(rex(at), AreaUncertain) == [AreaUncertain("hall", "rex", ("cage-a",))]
    forced = at.give(DoorContact("hall-door", open=True))  # and now somebody may have come in
    assert events(forced, AreaUncertain) == [AreaUncertain("hall", "forced", ("cage-a",))]
    assert inside(at).highest is None
    at.give(DoorContact("hall-door", open=False))
    assert events(rex(at), AreaUncertain) == []
    assert inside(at).uncertain == "forced"


def test_after_mere_exits_an_area_is_certain_again_when_everybody_listed_has_tapped() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    rex(at)  # one of them
    go(at, WANG, point="hall-out")
    assert inside(at).uncertain == "rex"
    outcome = go(at, LI, point="hall-out")  # so it was a third
    assert events(outcome, AreaCertain) == [AreaCertain("cage-a"), AreaCertain("hall")]
    assert inside(at).uncertain == ""
    assert at.alarms == set()


def test_an_exit_by_rex_from_an_empty_list_stays_doubtful_until_people_pass() -> None:
    at = pair_hall()
    rex(at)
    assert inside(at).uncertain == "rex"
    assert LONE in at.alarms
    go(at, LI, WANG)
    assert inside(at).uncertain == ""
    assert LONE not in at.alarms


def test_a_passage_elsewhere_makes_no_area_certain() -> None:
    at = pair_hall()
    rex(at)
    go(at, LI, point="lobby-in")
    assert inside(at).uncertain == "rex"


def test_any_other_doubt_stays_until_somebody_counts() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.give(DoorContact("hall-door", open=True))
    at.give(DoorContact("hall-door", open=False))
    go(at, LI, point="hall-out")
    go(at, WANG, point="hall-out")
    assert inside(at).uncertain == "forced"
    assert result(count(at)) == ("done", "")
    assert inside(at).uncertain == ""


def test_whoever_comes_unseen_into_a_room_that_counts_people_makes_that_doubtful_too() -> None:
    at = room(lobby={"capacity": 9})
    rex(at)
    assert (inside(at).uncertain, inside(at, "lobby").uncertain) == ("rex", "ambiguous")
    plain = room()
    rex(plain)
    assert (inside(plain).uncertain, inside(plain, "lobby").uncertain) == ("rex", "")


def test_a_restart_doubts_every_area_but_not_the_very_first() -> None:
    at = pair_hall()
    assert at.engine.state.uncertain == {}
    go(at, LI, WANG)
    at.now = Now(at.now.wall_us, 2 * SECOND_US)
    at.give(Started("boot-2", "test"))
    at.settle()
    assert inside(at).uncertain == "restart"
    assert inside(at).lowest == 0
    assert answer(at.tap(SUN)) == ("pending", "SECOND_PERSON_REQUIRED")


@pytest.mark.parametrize("granted_too", [False, True])
def test_an_opening_by_command_leaves_the_area_uncertain_whoever_taps_besides(granted_too: bool) -> None:
    at = pair_hall()
    at.give(by_supervisor(UnlockDoor("hall-door", "delivery")))
    if granted_too:
        taps(at, LI, WANG)
    opens(at)
    assert inside(at).uncertain == "command"


def test_a_command_at_a_door_that_stands_open_is_a_doubt_at_once() -> None:
    at = room()
    go(at, LI)
    at.tap(WANG)
    at.give(DoorContact("hall-door", open=True))
    at.give(order(UnlockDoor("hall-door", "delivery")))
    assert inside(at).uncertain == "command"


def test_the_next_opening_after_a_command_that_nobody_used_is_certain() -> None:
    at = room()
    at.give(order(UnlockDoor("hall-door", "delivery")))
    elapsed(at, 5)
    go(at, LI)
    assert inside(at).uncertain == ""


def test_fire_doubts_at_every_opening_and_at_the_reset() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.give(FireInput("z1", active=True))
    at.tap(LI, "hall-out")
    opens(at)
    assert inside(at).uncertain == "fire"


def test_whoever_is_inside_beyond_doubt_and_comes_in_again_leaves_the_area_ambiguous() -> None:
    at = room()
    go(at, LI)
    go(at, LI)
    assert inside(at).uncertain == "ambiguous"


# LONE_OCCUPANT


def test_one_person_alone_is_alarmed_until_a_second_comes_or_nobody_is_there() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.tap(LI, "hall-out")
    at.wait(3)
    outcome = go(at, LI, point="hall-out")
    (alarm,) = events(outcome, AlarmRaised)
    assert isinstance(alarm, AlarmRaised)
    assert (alarm.alarm, alarm.subject, alarm.rule) == ("LONE_OCCUPANT", "hall", "R2")
    assert alarm.inputs == {
        "area": "hall",
        "until_us": outcome.record.at_us + 300 * SECOND_US,
        "overdue": 0,
        "unknown_exit": 0,
    }
    assert answer(at.tap(SUN)) == ("pending", "SECOND_PERSON_REQUIRED")
    at.tap(GUO)
    cleared = opens(at)
    assert events(cleared, AlarmCleared) == [AlarmCleared("LONE_OCCUPANT", "hall")]


def test_a_lapsed_second_of_three_leaves_the_alarm_to_what_happened() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.tap(LI, "hall-out")
    at.wait(3)
    at.tap(LI, "hall-out")
    assert at.alarms == set()  # granted is not taken
    elapsed(at, 5)
    assert at.alarms == set()


@pytest.mark.parametrize(("after_s", "overdue"), [(299.999999, 0), (300, 1)])
def test_somebody_alone_for_too_long_is_alarmed_anew(after_s: float, overdue: int) -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.tap(LI, "hall-out")
    at.wait(3)
    at.tap(LI, "hall-out")
    at.give(DoorContact("hall-door", open=True))
    assert at.engine.next_deadline_us(at.now) <= at.now.mono_us + 300 * SECOND_US
    outcome = elapsed(at, after_s)
    assert alarm_inputs(at, "LONE_OCCUPANT")["overdue"] == overdue
    raised = [event for event in events(outcome, AlarmRaised) if event.alarm == "LONE_OCCUPANT"]
    assert len(raised) == overdue
    assert [event for event in events(elapsed(at, 400), AlarmRaised) if event.alarm == "LONE_OCCUPANT"] == (
        [] if overdue else [AlarmRaised("LONE_OCCUPANT", "hall", "R2", {**alarm_inputs(at, "LONE_OCCUPANT")})]
    )


def test_a_rex_from_a_two_person_room_is_alarmed_while_less_than_two_are_sure() -> None:
    at = pair_hall()
    go(at, LI, WANG, SUN)
    go(at, SUN)
    rex(at)
    assert alarm_inputs(at, "LONE_OCCUPANT")["unknown_exit"] == 1
    go(at, GUO, CHEN)
    assert LONE not in at.alarms
    assert inside(at).uncertain == "rex"
    go(at, GUO, point="hall-out")  # Chen may be alone
    assert LONE in at.alarms
    count(at, CHEN, LI)
    assert LONE not in at.alarms


def test_rex_and_a_grant_in_one_window_are_ambiguous_and_alarmed_like_a_rex() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    go(at, SUN)
    at.tap(SUN, "hall-out")
    at.give(RexPressed("hall-door"))
    opened = opens(at)
    assert [one.number for one in taken(opened)] == ["sun"]
    assert inside(at).uncertain == "ambiguous"
    assert alarm_inputs(at, "LONE_OCCUPANT")["unknown_exit"] == 1
    go(at, LI, point="hall-out")
    go(at, WANG, point="hall-out")  # nobody is listed any more; who went by REX is not known
    assert LONE in at.alarms
    count(at)
    assert LONE not in at.alarms


def test_a_rex_in_a_room_without_the_rule_raises_nothing() -> None:
    at = room()
    go(at, LI)
    rex(at)
    assert at.alarms == set()


def test_a_room_that_loses_its_rule_loses_its_alarm_with_the_policy() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.tap(LI, "hall-out")
    at.wait(3)
    go(at, LI, point="hall-out")
    assert LONE in at.alarms
    plain = room().engine.policy
    assert plain is not None
    after = msgspec.structs.replace(plain, version=Version(1, 2))
    at.keep(at.engine.adopt(after, digest(after), at.now))
    assert LONE not in at.alarms


@pytest.mark.parametrize(("before", "hall"), [("hall", ""), ("lobby", "restart")])
def test_a_new_inner_room_is_doubtful_and_the_room_around_it_if_its_own_door_leads_past_that(
    before: str, hall: str
) -> None:
    at = room()
    go(at, LI, WANG)
    plain = at.engine.policy
    assert plain is not None
    site = msgspec.structs.replace(
        plain.site,
        areas=(*plain.site.areas, Area("cage-b", inside="hall")),
        doors=(*plain.site.doors, Door("back")),
        access_points=(
            *plain.site.access_points,
            AccessPoint("back-in", "back", before, "cage-b"),
            AccessPoint("back-out", "back", "cage-b", before, out=True),
        ),
    )
    after = msgspec.structs.replace(plain, version=Version(1, 2), site=site)
    at.keep(at.engine.adopt(after, digest(after), at.now))
    assert (inside(at, "cage-b").uncertain, inside(at).uncertain) == ("restart", hall)


# a counter


def test_a_counter_that_sees_another_number_raises_a_mismatch_until_it_agrees() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    outcome = at.give(PersonCounted("hall", 3))
    assert events(outcome, PeopleCounted) == [PeopleCounted("hall", 3, 2, 2)]
    assert alarm_inputs(at, "OCCUPANCY_MISMATCH") == {"people": 3, "lowest": 2, "highest": 2}
    at.give(PersonCounted("hall", 2))
    assert at.alarms == set()
    at.give(PersonCounted("hall", 1))
    assert at.alarms == {"OCCUPANCY_MISMATCH/hall"}


@pytest.mark.parametrize(("people", "agrees"), [(0, True), (2, True), (3, False)])
def test_after_an_exit_by_rex_a_counter_may_see_fewer_but_no_more(people: int, agrees: bool) -> None:
    at = room()
    go(at, LI)
    go(at, WANG)
    rex(at)
    at.give(PersonCounted("hall", people))
    assert (at.alarms == set()) is agrees


def test_where_nobody_can_tell_the_most_a_counter_may_see_any_number() -> None:
    at = room()
    at.give(DoorContact("hall-door", open=True))
    outcome = at.give(PersonCounted("hall", 40))
    assert events(outcome, PeopleCounted) == [PeopleCounted("hall", 40, 0, None)]
    assert "OCCUPANCY_MISMATCH/hall" not in at.alarms


def test_a_count_of_an_area_that_is_not_here_changes_nothing() -> None:
    assert room().give(PersonCounted("attic", 1)).record is None


def test_a_day_alone_keeps_one_alarm() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.tap(LI, "hall-out")
    at.wait(3)
    go(at, LI, point="hall-out")
    elapsed(at, DAY_US / SECOND_US / 2)
    assert alarm_inputs(at, "LONE_OCCUPANT")["overdue"] == 1
    due = at.engine.next_deadline_us(at.now)
    assert due is None or due > at.now.mono_us
