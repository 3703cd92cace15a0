"""What a policy that changes under people's feet does to those who wait and to what is known of areas (R2, B5, MEANINGS 12, 18; docs/rooms.md)."""

import msgspec

from controller.engine import Engine
from controller.events import AccessDenied
from controller.fold import fold
from controller.inputs import DoorContact, LinkChanged, PersonCounted, Started
from controller.now import SECOND_US
from controller.policy import Badge, Holder, Policy
from controller.room_events import AreaCertain, AreaUncertain
from controller.site import Site
from controller.state import MAX_WAITING_KEPT, State
from tests.controller.building import GUO, HARDWARE, KEYHOLDER, LI, SITE, START_US, WANG, Hall, badge, digest, events
from tests.controller.rooms import (
    CHEN,
    EVERYBODY,
    answer,
    cut_off,
    go,
    granted,
    pair_hall,
    room,
    room_policy,
    site_with,
    taps,
)


def adopt(at: Hall, in_force: Policy) -> list[str]:
    """It takes force, with its lease; the areas that it leaves uncertain."""
    outcome = at.keep(at.engine.adopt(in_force, digest(in_force), at.now))
    at.engine.commit()
    at.give_lease()
    return [event.area for event in events(outcome, AreaUncertain)]


def passed_on(one_badge: int, holder: int) -> tuple[Badge, ...]:
    return tuple(msgspec.structs.replace(one, holder=holder) if one.id == one_badge else one for one in EVERYBODY)


def renamed(site: Site, old: str, new: str) -> Site:
    """The same building, one area by another name."""

    def name(area: str | None) -> str | None:
        return new if area == old else area

    return msgspec.structs.replace(
        site,
        areas=tuple(msgspec.structs.replace(area, id=name(area.id), inside=name(area.inside)) for area in site.areas),
        access_points=tuple(
            msgspec.structs.replace(point, from_area=name(point.from_area), to_area=name(point.to_area))
            for point in site.access_points
        ),
    )


def test_a_badge_that_was_passed_on_while_its_holder_waited_makes_no_pair_of_its_new_holder() -> None:
    at = pair_hall()
    assert answer(at.tap(LI)) == ("pending", "SECOND_PERSON_REQUIRED")
    adopt(at, room_policy(site_with(hall={"two_person": True}), badges=passed_on(LI.id, WANG.holder), n=2))
    at.wait(2)
    outcome = at.tap(WANG)
    assert granted(outcome) == []
    assert [one.because.reason for one in events(outcome, AccessDenied)] == ["UNKNOWN_BADGE"]
    assert [one.pending.holder for one in at.engine.state.waiting["hall-in"]] == [WANG.holder]


def test_a_supervisors_badge_that_was_passed_on_to_the_guard_approves_nothing() -> None:
    duties = (Holder(5, None, duties=("supervisor",)), Holder(9, None, duties=("supervisor", "guard")))
    at = cut_off(room(hall={"two_person": True}, holders=duties))
    at.tap(KEYHOLDER)
    changed = passed_on(KEYHOLDER.id, CHEN.holder)
    adopt(at, room_policy(site_with(hall={"two_person": True}), badges=changed, holders=duties, n=2))
    at.give(LinkChanged(up=False))
    at.wait(2)
    assert granted(at.tap(CHEN)) == []


def test_a_guard_who_may_escort_nobody_there_brings_nobody_in() -> None:
    duties = (Holder(5, None, duties=("supervisor",)), Holder(1, 1, duties=("guard",)))
    at = cut_off(room(hall={"two_person": True}, holders=duties))
    taps(at, KEYHOLDER)
    at.wait(2)
    assert [one.emergency for one in granted(at.tap(LI))] == [False, False]


def test_the_second_tap_of_a_holder_with_two_badges_counts_with_either() -> None:
    other = badge(10, "li-2", holder=LI.holder, slot=None, kind="staff", customer=None)
    at = room(hall={"two_person": True}, badges=(*EVERYBODY, other))
    go(at, LI, WANG)
    assert answer(at.tap(LI, "hall-out"))[0] == "pending"
    at.wait(3)
    assert [one.holder for one in granted(at.tap(other, "hall-out"))] == [LI.holder]


def test_where_no_more_prompts_can_be_remembered_nobody_is_asked_to_wait() -> None:
    """Seventeen escorts whose badges have ended, so that none takes over from another, each with a visitor who stays."""
    ends_us = START_US + 100 * SECOND_US
    escorts = [badge(100 + n, f"e{n}", kind="staff", customer=None, slot=None, until_us=ends_us) for n in range(17)]
    visitors = [badge(200 + n, f"v{n}", kind="temporary", slot=None) for n in range(17)]
    at = room(badges=(*EVERYBODY, *escorts, *visitors), holders=[Holder(one.holder) for one in (*escorts, *visitors)])
    for escort, visitor in zip(escorts, visitors, strict=True):
        go(at, visitor, escort)
    at.wait(100)
    answers = [answer(at.tap(escort, "hall-out"))[0] for escort in escorts]
    assert answers == ["pending"] * MAX_WAITING_KEPT + ["granted"]
    at.wait(3)
    assert [one.holder for one in granted(at.tap(escorts[0], "hall-out"))] == [escorts[0].holder]


def test_an_area_that_a_policy_names_anew_is_uncertain_for_nobody_watched_it() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    site = renamed(site_with(hall={"two_person": True}), "hall", "hall-2")
    assert adopt(at, room_policy(site, n=2)) == ["hall-2"]
    assert answer(at.tap(GUO)) != ("granted", "PERMITTED")
    state = State()
    for record in at.records:
        fold(state, record)
    assert state == at.engine.state


def test_the_same_areas_under_another_policy_stay_certain() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    assert adopt(at, room_policy(site_with(hall={"two_person": True, "capacity": 9}), n=2)) == []
    assert at.engine.state.uncertain == {}


def test_what_stands_for_an_area_that_is_no_more_ends() -> None:
    at = pair_hall()
    go(at, LI, WANG)
    at.give(PersonCounted("hall", 9))
    at.give(DoorContact("hall-door", open=True))  # forced
    assert "OCCUPANCY_MISMATCH/hall" in at.alarms
    after = room_policy(renamed(SITE, "hall", "hall-2"), n=2)
    outcome = at.engine.adopt(after, digest(after), at.now)
    assert "hall" in [event.area for event in events(outcome, AreaCertain)]
    assert "OCCUPANCY_MISMATCH/hall" not in at.alarms
    assert set(at.engine.state.uncertain) == {"hall-2", "cage-a"}


def test_an_edge_that_started_without_its_policy_knows_nobody_when_it_comes() -> None:
    before = pair_hall()
    go(before, LI, WANG)
    in_force = before.engine.policy
    assert in_force is not None
    engine = Engine(before.engine.state, "j" * 8, HARDWARE, "edge-1")  # its store was lost; the journal was not
    engine.handle(Started("boot-2", "test"), before.now)
    assert engine.state.uncertain == {}
    engine.adopt(in_force, digest(in_force), before.now)
    assert engine.state.uncertain.keys() == {"lobby", "hall", "cage-a"}
    assert not any(presence.sure for presence in engine.state.presence.values())


def test_the_very_first_policy_of_an_edge_leaves_nothing_uncertain() -> None:
    assert pair_hall().engine.state.uncertain == {}
