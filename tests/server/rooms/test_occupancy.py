"""Who is inside, by the edges' word, and how sure that is (R2, MEANINGS 12, 13, 22, 27)."""

from datetime import timedelta
from typing import Any

from controller.event_base import Explanation
from controller.events import (
    AccessDenied,
    AccessGranted,
    AccessPending,
    AlarmCleared,
    AlarmRaised,
    DoorOpened,
    EdgeStarted,
    FireLatched,
    FireReset,
)
from controller.room_events import (
    AreaCertain,
    AreaUncertain,
    EscortChanged,
    Found,
    LockdownChanged,
    OccupancyReconciled,
)
from server.db.clock import FixedClock
from tests.server.conftest import ON_SQLITE
from tests.server.edges import AT_US
from tests.server.rooms.conftest import LI, WANG, House, taken

VISITOR = -1


def areas(house: House) -> dict[str, dict[str, Any]]:
    """The items by area."""
    return {one["area"]: one for one in house.get("occupancy")["items"]}


def test_an_area_counts_all_that_lies_inside_it(house: House) -> None:
    house.edge.happen(taken("hall-in"), taken("hall-in", WANG))
    house.edge.happen(taken("cage-in"), at_s=5)
    shown = areas(house)
    assert "outside" not in shown
    hall, cage = shown["hall"], shown["cage-a"]
    assert (hall["count"], hall["lowest"], hall["highest"], hall["certain"], hall["two_person"]) == (
        2,
        2,
        2,
        True,
        True,
    )
    assert [(one["number"], one["area"]) for one in hall["people"]] == [("M2", "hall"), ("M1", "cage-a")]
    assert [(one["number"], one["name"], one["customer_code"]) for one in cage["people"]] == [("M1", "李*", "C001")]
    assert cage["people"][0]["since"] == "2026-03-02T08:00:05Z"
    assert shown["lobby"]["people"] == []


def test_after_the_button_at_most_as_many_are_inside_and_after_fire_nobody_knows(house: House) -> None:
    house.edge.happen(taken("hall-in"), taken("hall-in", WANG))
    house.edge.happen(taken("cage-in"))
    house.edge.happen(AreaUncertain("hall", "rex", ("cage-a",)), at_s=3)
    hall = areas(house)["hall"]
    assert (hall["lowest"], hall["highest"], hall["certain"], hall["cause"]) == (0, 2, False, "rex")
    assert hall["uncertain_since"] == "2026-03-02T08:00:03Z"
    assert [one["sure"] for one in hall["people"]] == [False, False]
    house.edge.happen(AreaUncertain("cage-a", "fire"))
    found = areas(house)
    assert [(found[name]["highest"], found[name]["cause"]) for name in ("hall", "cage-a")] == [
        (2, "rex"),
        (None, "fire"),
    ]
    house.edge.happen(AreaUncertain("hall", "fire", ("cage-a",)))
    hall = areas(house)["hall"]
    assert (hall["lowest"], hall["highest"], hall["cause"]) == (0, None, "fire")
    house.edge.happen(AreaCertain("hall"), AreaCertain("cage-a"), taken("hall-in"))
    hall = areas(house)["hall"]
    assert (hall["lowest"], hall["highest"], hall["certain"]) == (1, 2, True)


def test_a_count_makes_it_certain_again(house: House) -> None:
    house.edge.happen(taken("hall-in"), taken("hall-in", WANG), AreaUncertain("hall", "restart", ("cage-a",)))
    found = (Found(WANG, WANG, "M2", "hall", 1, "customer"), Found(VISITOR, 0, "?1", "hall"))
    house.edge.happen(OccupancyReconciled("hall", ("cage-a",), found, (LI,), "opr_9", "counted"))
    hall = areas(house)["hall"]
    assert [(one["number"], one["sure"]) for one in hall["people"]] == [("?1", True), ("M2", True)]
    assert (hall["lowest"], hall["highest"], hall["certain"]) == (2, 2, True)


@ON_SQLITE
def test_a_count_of_a_room_leaves_an_inner_one_doubtful_where_it_says_nothing_of_it(house: House) -> None:
    house.edge.happen(taken("hall-in"), taken("cage-in"), AreaUncertain("hall", "rex", ("cage-a",)))
    found = (Found(LI, LI, "M1", "hall", 1, "customer"),)
    count = OccupancyReconciled("hall", ("cage-a",), found, (), "opr_9", "counted", doubtful=("cage-a",))
    house.edge.happen(count)
    told = areas(house)
    hall, cage = told["hall"], told["cage-a"]
    assert (hall["lowest"], hall["highest"], hall["certain"], hall["cause"]) == (1, 1, True, None)
    assert (cage["lowest"], cage["highest"], cage["certain"], cage["cause"]) == (0, None, False, "ambiguous")


@ON_SQLITE
def test_visitors_show_their_escort_until_it_leaves(house: House) -> None:
    house.edge.happen(taken("hall-in"), taken("hall-in", VISITOR, badge=0, number="P-7", kind="temporary", escort=LI))
    visitor = areas(house)["hall"]["people"][0]
    assert (visitor["number"], visitor["escort"]["number"], visitor["unescorted"]) == ("P-7", "M1", False)
    house.edge.happen(EscortChanged((VISITOR,), None, LI))
    visitor = areas(house)["hall"]["people"][0]
    assert (visitor["escort"], visitor["unescorted"]) == (None, True)


@ON_SQLITE
def test_somebody_alone_has_a_countdown_that_turns_overdue(house: House) -> None:
    house.edge.happen(
        AlarmRaised("LONE_OCCUPANT", "hall", "R2", {"area": "hall", "until_us": AT_US + 60_000_000, "overdue": 0})
    )
    assert areas(house)["hall"]["lone"] == {"until": "2026-03-02T08:01:00Z", "overdue": False}
    house.edge.happen(
        AlarmRaised("LONE_OCCUPANT", "hall", "R2", {"area": "hall", "until_us": AT_US + 120_000_000, "overdue": 1})
    )
    assert areas(house)["hall"]["lone"]["overdue"] is True
    house.edge.happen(AlarmCleared("LONE_OCCUPANT", "hall"))
    assert areas(house)["hall"]["lone"] is None


@ON_SQLITE
def test_the_muster_of_a_fire_stays_as_it_began(house: House) -> None:
    house.edge.happen(taken("hall-in"), taken("hall-in", WANG))
    house.edge.happen(FireLatched("z1"), at_s=60)
    house.edge.happen(FireLatched("z2"), at_s=61)
    house.edge.happen(taken("hall-out"), taken("lobby-out"), at_s=70)
    [muster] = house.get("occupancy")["muster"]
    assert (muster["edge"], muster["zones"], muster["since"]) == ("edge-1", ["z1", "z2"], "2026-03-02T08:01:00Z")
    assert [(one["number"], one["area"]) for one in muster["people"]] == [("M1", "hall"), ("M2", "hall")]
    house.edge.happen(FireReset("z1"), at_s=80)
    [muster] = house.get("occupancy")["muster"]
    assert [one["number"] for one in muster["people"]] == ["M1", "M2"]
    house.edge.happen(FireReset("z2"), at_s=81)
    assert house.get("occupancy")["muster"] == []


def test_who_waits_is_shown_until_they_go_in_are_refused_or_the_time_is_over(house: House) -> None:
    because = Explanation("SECOND_PERSON_REQUIRED", "R2", {"area": "hall", "wait_s": 8})

    def waits(holder: int, mono_s: int) -> AccessPending:
        return AccessPending(
            "hall-in", "hall-door", holder, holder, f"M{holder}", because, mono_s * 1_000_000, customer=1
        )

    def numbers() -> list[tuple[str, int]]:
        return [(one["number"], one["left_s"]) for one in house.get("occupancy")["waiting"]]

    house.edge.happen(waits(LI, 8), waits(WANG, 6))
    assert numbers() == [("M2", 6), ("M1", 8)]
    house.edge.happen(AccessGranted("hall-in", "hall-door", WANG, WANG, "M2", because, 0))
    house.edge.happen(AccessDenied("hall-out", "hall-door", because, LI, LI, "M1"))
    assert numbers() == [("M1", 8)], "a decision at another point ends nothing"
    house.edge.happen(AccessDenied("hall-in", "hall-door", because, LI, LI, "M1"))
    assert numbers() == []
    house.edge.happen(waits(LI, -1))
    assert numbers() == []
    house.edge.happen(waits(LI, 20))
    assert len(numbers()) == 1
    house.edge.happen(EdgeStarted("boot-2", "test", True))
    assert numbers() == []


@ON_SQLITE
def test_lockdowns_show_with_their_cause_and_cover_what_lies_inside(house: House) -> None:
    house.edge.happen(LockdownChanged("hall", True, "command", "opr_9", "intruder"))
    [lockdown] = house.get("occupancy")["lockdowns"]
    assert (lockdown["area"], lockdown["cause"], lockdown["operator"], lockdown["reason"]) == (
        "hall",
        "command",
        "opr_9",
        "intruder",
    )
    shown = areas(house)
    assert [area for area, one in shown.items() if one["locked_down"]] == ["hall", "cage-a"]
    house.edge.happen(LockdownChanged("", True, "input"))
    assert all(one["locked_down"] for one in areas(house).values())
    house.edge.happen(LockdownChanged("hall", False, "command"), LockdownChanged("", False, "input"))
    assert house.get("occupancy")["lockdowns"] == []


@ON_SQLITE
def test_behind_the_doors_of_a_silent_edge_nothing_is_certain(house: House) -> None:
    house.edge.happen(DoorOpened("hall-door"), DoorOpened("cage-door"), taken("hall-in"), taken("hall-in", WANG))
    house.other.happen(taken("annex-in", WANG, number="M9"))
    house.edge.fall_silent()
    shown = areas(house)
    hall, cage, annex = shown["hall"], shown["cage-a"], shown["annex"]
    assert (hall["count"], hall["lowest"], hall["highest"], hall["certain"]) == (2, 0, None, False)
    assert (hall["cause"], hall["uncertain_since"]) == ("silent", "2026-03-02T08:00:00Z")
    assert hall["silent"] == cage["silent"] == [{"edge": "edge-1", "since": "2026-03-02T08:00:00Z"}]
    assert (annex["certain"], annex["silent"]) == (True, [])
    house.edge.happen(AreaUncertain("hall", "rex"))
    hall = areas(house)["hall"]
    assert (hall["cause"], hall["lowest"], hall["highest"]) == ("rex", 0, None), "others may have come in since"


@ON_SQLITE
def test_an_edge_that_says_nothing_for_too_long_is_silent_also_where_nobody_saw_it_go(
    house: House, clock: FixedClock
) -> None:
    assert areas(house)["annex"]["certain"] is True
    clock.advance(timedelta(seconds=96))
    assert areas(house)["annex"]["certain"] is False


def test_whom_a_revoked_edge_had_inside_is_listed_until_the_edge_at_its_doors_knows_better(house: House) -> None:
    everybody = (taken("hall-in"), taken("hall-in", WANG), taken("hall-in", VISITOR, badge=0, number="P-7"))
    house.edge.happen(DoorOpened("hall-door"), *everybody, LockdownChanged("hall", True, "command"), FireLatched("z1"))
    house.edge.be_revoked()
    assert areas(house)["hall"]["cause"] == "silent", "nobody else is at its doors yet"
    house.other.happen(*(DoorOpened(door) for door in ("lobby-door", "hall-door", "cage-door", "rack-door")), at_s=9)
    now = house.get("occupancy")
    assert (now["lockdowns"], now["muster"]) == ([], []), "no command reaches who said so"
    hall = areas(house)["hall"]
    assert (hall["certain"], hall["cause"], hall["lowest"], hall["highest"]) == (False, "replaced", 0, None)
    assert [(one["number"], one["sure"]) for one in hall["people"]] == [("P-7", False), ("M1", False), ("M2", False)]
    house.other.happen(taken("hall-out"), at_s=10)
    assert [one["number"] for one in areas(house)["hall"]["people"]] == ["P-7", "M2"]
    found = (Found(WANG, WANG, "M2", "hall", 1, "customer"),)
    house.other.happen(OccupancyReconciled("hall", ("cage-a",), found, (), "opr_9", "counted"), at_s=20)
    hall = areas(house)["hall"]
    assert ([one["number"] for one in hall["people"]], hall["certain"], hall["lowest"]) == (["M2"], True, 1)
    assert [(one["number"], one["area"]) for one in house.register(open=True)] == [("M2", "hall"), ("M1", "hall")]
    assert [one["number"] for one in house.register(open=True, area="hall")] == ["M2"]
