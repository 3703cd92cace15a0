"""The silent alarm opens as usual and tells the guards only (MEANINGS 23)."""

import msgspec
import pytest

from controller.actions import Indicate, Unlock
from controller.events import AlarmRaised
from controller.inputs import DoorContact
from controller.now import SECOND_US
from controller.site import Site
from tests.controller.building import GUO, LI, SITE, WANG, Hall, actions, badge, events, policy, reason
from tests.controller.stories import hall


def site(**of_hall: object) -> Site:
    doors = tuple(
        msgspec.structs.replace(door, duress="double_tap") if door.id == "hall-door" else door for door in SITE.doors
    )
    areas = tuple(msgspec.structs.replace(area, **of_hall) if area.id == "hall" else area for area in SITE.areas)
    return msgspec.structs.replace(SITE, doors=doors, areas=areas)


def after(seconds: float, place: str = "hall-in", at: Hall | None = None) -> list[AlarmRaised]:
    """The alarms that a second tap this long after the first raises."""
    at = at or Hall(policy(site=site()))
    at.tap(LI, place)
    at.wait(seconds)
    return events(at.tap(LI, place), AlarmRaised)


@pytest.mark.parametrize(
    ("seconds", "alarmed"),
    [
        (0.5, False),
        (1.0, False),
        (1.499999, False),
        (1.5, True),
        (2.0, True),
        (2.499999, True),
        (2.5, False),
        (4, False),
    ],
)
def test_the_second_tap_within_the_gestures_time_raises_duress(seconds: float, alarmed: bool) -> None:
    assert [raised.alarm for raised in after(seconds)] == (["DURESS"] if alarmed else [])


def test_the_alarm_names_the_badge_and_the_place_and_is_urgent() -> None:
    (raised,) = after(2)
    assert (raised.subject, raised.rule) == ("li", "R1")
    assert raised.inputs == {"badge": 1, "holder": 1, "access_point": "hall-in"}


def test_nothing_at_the_door_tells() -> None:
    at = Hall(policy(site=site()))
    first = at.tap(LI)
    at.wait(2)
    second = at.tap(LI)
    assert events(second, AlarmRaised)
    assert first.actions == second.actions == (Unlock("hall-door", 5 * SECOND_US), Indicate("hall-in", "granted"))
    assert reason(second) == "PERMITTED"


def test_a_door_that_does_not_ask_for_it_and_a_way_out_know_no_gesture() -> None:
    assert after(2, at=hall()) == []
    assert after(2, "lobby-in", Hall(policy(site=site()))) == []
    at = Hall(policy(site=site()))
    assert [raised.alarm for raised in after(2, "hall-out", at)] == []


def test_a_refusal_raises_none() -> None:
    ended = badge(1, "li", status="suspended")
    at = Hall(policy(ended, site=site()))
    assert after(2, at=at) == []


def test_the_tap_before_may_have_been_refused() -> None:
    at = Hall(policy(site=site(first_in=True)))
    assert reason(at.tap(LI)) == "FIRST_IN_REQUIRED"
    at.wait(0.5)
    at.tap(GUO)
    at.give(DoorContact("hall-door", open=True))
    at.wait(1.5)
    second = at.tap(LI)
    assert reason(second) == "PERMITTED"
    assert [raised.alarm for raised in events(second, AlarmRaised)] == ["DURESS"]


def test_the_gesture_is_one_badges_own() -> None:
    at = Hall(policy(site=site()))
    at.tap(LI)
    at.wait(2)
    assert events(at.tap(WANG), AlarmRaised) == []


def test_who_waits_for_a_second_person_can_give_it() -> None:
    at = Hall(policy(site=site(two_person=True)))
    assert reason(at.tap(LI)) == "SECOND_PERSON_REQUIRED"
    at.wait(2)
    second = at.tap(LI)
    assert reason(second) == "SECOND_PERSON_REQUIRED"
    assert [raised.alarm for raised in events(second, AlarmRaised)] == ["DURESS"]
    assert actions(second, Indicate) == [Indicate("hall-in", "pending")]
