"""Counts of a room: who is there from then on, and in which inner room that leaves a doubt (R2, MEANINGS 12, 13; docs/rooms.md)."""

import pytest

from controller.events import CommandDone
from controller.inputs import DoorContact, RexPressed, Started
from controller.now import SECOND_US, Now
from controller.reasons import Reason
from controller.room_events import OccupancyReconciled
from controller.state import alarm_key
from tests.controller.building import GUO, LI, SUN, WANG, badge, events
from tests.controller.rooms import CHEN, alarm_inputs, answer, count, go, inside, numbers, pair_hall, rex, room
from tests.controller.stories import result

LONE = alarm_key("LONE_OCCUPANT", "hall")


def test_a_count_makes_the_area_certain_with_exactly_those_found() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    go(at, GUO)
    go(at, GUO, point="cage-in")
    rex(at)
    outcome = count(at, GUO, SUN, others=1)
    assert result(outcome) == ("done", "")
    (told,) = events(outcome, OccupancyReconciled)
    assert isinstance(told, OccupancyReconciled)
    assert (told.area, told.within, told.gone, told.operator, told.reason) == (
        "hall",
        ("cage-a",),
        (1, 2),
        "op-1",
        "counted",
    )
    assert [(one.number, one.area) for one in told.present] == [("guo", "hall"), ("sun", "hall"), ("", "hall")]
    assert told.present[2].holder < 0
    hall, cage = inside(at), inside(at, "cage-a")
    assert (hall.lowest, hall.highest, hall.uncertain) == (3, 3, "")
    assert (cage.lowest, cage.highest, cage.uncertain) == (0, None, "ambiguous")  # Guo may be there
    assert LONE not in at.alarms


def test_a_count_of_the_hall_does_not_say_who_of_it_is_in_the_doubtful_cage() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    go(at, LI, point="cage-in")
    at.give(DoorContact("hall-door", open=True))  # forced
    at.give(DoorContact("cage-door", open=True))  # forced, and stands open
    at.give(RexPressed("cage-door"))  # Li goes out into the hall
    (told,) = events(count(at, LI, WANG), OccupancyReconciled)
    assert isinstance(told, OccupancyReconciled)
    assert [(one.number, one.area) for one in told.present] == [("li", "hall"), ("wang", "hall")]
    assert told.doubtful == ("cage-a",)
    hall, cage = inside(at), inside(at, "cage-a")
    assert (hall.sure, hall.lowest, hall.highest, hall.uncertain) == ((1, 2), 2, 2, "")
    assert (cage.holders, cage.sure, cage.highest, cage.uncertain) == ((), (), None, "forced")
    count(at, area="cage-a")
    hall, cage = inside(at), inside(at, "cage-a")
    assert (hall.sure, hall.highest, cage.highest, cage.uncertain) == ((1, 2), 2, 0, "")


def test_who_is_sure_in_an_inner_area_stays_there_in_a_count_of_the_one_around() -> None:
    at = room()
    go(at, LI)
    at.give(DoorContact("hall-door", open=True))  # forced
    at.give(DoorContact("hall-door", open=False))
    go(at, WANG)
    go(at, WANG, point="cage-in")
    (told,) = events(count(at, LI, WANG), OccupancyReconciled)
    assert isinstance(told, OccupancyReconciled)
    assert [(one.number, one.area) for one in told.present] == [("li", "hall"), ("wang", "cage-a")]
    assert told.doubtful == ("cage-a",)  # Li may have gone in
    assert inside(at, "cage-a").sure == (2,)


def test_an_inner_room_that_was_counted_first_keeps_its_people_in_the_count_around_it() -> None:
    at = room()
    go(at, LI)
    go(at, LI, point="cage-in")
    at.give(DoorContact("hall-door", open=True))  # forced
    count(at, LI, area="cage-a")
    (told,) = events(count(at, LI, WANG), OccupancyReconciled)
    assert isinstance(told, OccupancyReconciled)
    assert [(one.number, one.area) for one in told.present] == [("li", "cage-a"), ("wang", "hall")]
    assert told.doubtful == ()
    assert (inside(at).uncertain, inside(at, "cage-a").uncertain) == ("", "")


def test_a_count_that_finds_everybody_in_the_inner_room_or_nobody_makes_that_certain_too() -> None:
    for who in ((), (LI,)):
        at = room()
        at.give(DoorContact("hall-door", open=True))  # forced
        at.give(DoorContact("hall-door", open=False))
        go(at, LI)
        go(at, LI, point="cage-in")
        count(at, *who)
        assert (inside(at).highest, inside(at, "cage-a").highest) == (len(who), len(who))


def test_after_mere_exits_a_count_makes_an_inner_room_certain_whose_people_it_does_not_find() -> None:
    at = room()
    go(at, LI, WANG)
    go(at, LI, point="cage-in")
    rex(at)
    count(at, WANG)
    assert (inside(at).uncertain, inside(at, "cage-a").uncertain, inside(at, "cage-a").highest) == ("", "", 0)


def test_who_was_alone_in_an_inner_room_may_be_so_still_after_a_count_of_the_one_around() -> None:
    at = room(hall={"two_person": True}, cage_a={"two_person": True})
    go(at, LI, WANG)
    go(at, LI, WANG, point="cage-in")
    go(at, GUO, CHEN)
    alone = alarm_key("LONE_OCCUPANT", "cage-a")
    at.tap(LI, "cage-out")
    at.wait(3)
    go(at, LI, point="cage-out")
    assert alarm_inputs(at, "LONE_OCCUPANT", "cage-a")["unknown_exit"] == 0
    at.give(DoorContact("cage-door", open=True))  # forced
    at.give(DoorContact("cage-door", open=False))
    count(at, LI, WANG, GUO, CHEN)
    assert (numbers(at, "cage-a"), inside(at, "cage-a").highest) == (set(), None)
    assert alone in at.alarms
    assert alarm_inputs(at, "LONE_OCCUPANT", "cage-a")["unknown_exit"] == 1
    count(at, area="cage-a")
    assert alone not in at.alarms


def test_a_single_person_enters_an_inner_room_only_where_two_are_sure_in_that_one() -> None:
    at = room(hall={"two_person": True}, cage_a={"two_person": True})
    go(at, LI, WANG)
    go(at, LI, WANG, point="cage-in")
    at.give(DoorContact("hall-door", open=True))  # forced
    at.give(DoorContact("hall-door", open=False))
    count(at, LI, WANG)
    go(at, GUO)  # two are sure in the hall
    assert answer(at.tap(GUO, "cage-in")) == ("pending", "SECOND_PERSON_REQUIRED")
    count(at, LI, WANG, area="cage-a")
    at.wait(2)
    assert answer(at.tap(GUO, "cage-in")) == ("granted", "PERMITTED")


def test_of_people_without_a_badge_those_who_are_sure_come_first_in_a_count() -> None:
    at = room()
    count(at, others=1)
    (old,) = inside(at).holders
    at.give(DoorContact("hall-door", open=True))  # forced
    count(at, others=1, area="cage-a")
    (new,) = inside(at, "cage-a").holders
    count(at, others=1)
    assert (old < 0, inside(at).holders, inside(at, "cage-a").holders) == (True, (new,), (new,))


def test_who_is_not_found_in_an_inner_area_is_in_the_one_around_it_and_not_sure() -> None:
    at = room()
    go(at, LI)
    go(at, LI, point="cage-in")
    (told,) = events(count(at, area="cage-a"), OccupancyReconciled)
    assert isinstance(told, OccupancyReconciled)
    assert told.gone == ()
    assert [(one.number, one.area) for one in told.elsewhere] == [("li", "hall")]
    assert (numbers(at, "cage-a"), numbers(at), inside(at).sure) == (set(), {"li"}, ())


def test_a_count_of_one_room_moves_who_was_listed_in_another() -> None:
    at = room()
    go(at, LI, point="lobby-in")
    count(at, LI)
    assert (numbers(at), numbers(at, "lobby")) == ({"li"}, set())


def test_people_without_a_badge_never_share_a_number_also_after_a_restart() -> None:
    at = room()
    count(at, others=2)
    first = set(inside(at).holders)
    at.now = Now(at.now.wall_us, 2 * SECOND_US)
    at.give(Started("boot-2", "test"))
    count(at, others=3, area="lobby")
    assert len(first) == 2
    assert first.isdisjoint(inside(at, "lobby").holders)
    assert all(holder < 0 for holder in at.engine.state.presence)
    assert at.alarms == set()  # no stay of theirs ends


def test_people_without_a_badge_are_the_first_of_the_others_in_the_next_count() -> None:
    at = room()
    count(at, others=2)
    before = inside(at).holders
    count(at, others=1)
    assert set(inside(at).holders) < set(before)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"reason": " "}, Reason.REASON_REQUIRED),
        ({"area": "attic"}, Reason.NO_SUCH_AREA),
        ({"area": "outside"}, Reason.NO_SUCH_AREA),
        ({"others": -1}, Reason.COUNT_INVALID),
        ({"others": 101}, Reason.COUNT_INVALID),
    ],
)
def test_a_count_that_cannot_be_is_refused_with_its_reason(asked: dict[str, object], reason: Reason) -> None:
    at = pair_hall()
    go(at, LI, WANG)
    assert result(count(at, **asked)) == ("refused", reason.name)  # type: ignore[arg-type]
    assert numbers(at) == {"li", "wang"}


def test_two_badges_of_one_person_in_a_count_are_refused_by_the_second_ones_number() -> None:
    second = badge(77, "li-2", holder=LI.holder, slot=2, generation=2)
    outcome = count(room(badges=(LI, second)), LI, second)
    assert result(outcome) == ("refused", "COUNT_INVALID")
    done = events(outcome, CommandDone)[0]
    assert isinstance(done, CommandDone)
    assert done.because is not None
    assert done.because.inputs == {"cause": "person_twice", "number": "li-2"}


def test_a_count_names_known_badges_each_once() -> None:
    at = pair_hall()
    assert result(count(at, LI, badge(99, "stranger"))) == ("refused", "NO_SUCH_BADGE")
    assert result(count(at, LI, LI)) == ("refused", "COUNT_INVALID")
