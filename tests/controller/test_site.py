"""The site file: what is wrong with it is said in one line, and rules that are not kept are refused (MEANINGS 13, DESIGN 6)."""

from typing import Any

import msgspec
import pytest

from controller.limits import Limits, LimitsError, limits_from
from controller.site import (
    AccessPoint,
    Area,
    Closure,
    Door,
    DoorHardware,
    HeldOpen,
    Interlock,
    Interval,
    Schedule,
    Site,
)
from controller.site_checks import SiteError, check_site, parse_site, site_mismatch
from tests.controller.building import ALL_DAY, HARDWARE, SITE

TEXT = """
id = "demo"
time_zone = "Asia/Shanghai"
areas = [{id = "outside", public = true}, {id = "hall", name_zh = "主机房"}]
doors = [{id = "hall-door", unlock_s = 4}]
access_points = [
  {id = "hall-in", door = "hall-door", from_area = "outside", to_area = "hall"},
  {id = "hall-out", door = "hall-door", from_area = "hall", to_area = "outside", out = true},
]
schedules = [{id = "day", week = [[[480, 1080]], [[480, 1080]], [[480, 1080]], [[480, 1080]], [[480, 1080]], [], []]}]
holidays = ["2026-10-01"]
settings = {late_read_s = 1.5}
"""


def test_a_site_file_is_read() -> None:
    site = parse_site(TEXT)
    assert site.doors[0].unlock_s == 4
    assert site.schedules[0].week[0] == (Interval(480, 1080),)
    assert site.areas[1].name_zh == "主机房"
    assert check_site(SITE) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('id = "demo"', "id = ", "site file: "),
        ('id = "demo"', 'id = "demo"\nidd = 1', "unknown field `idd`"),
        ("public = true", 'public = "yes"', "$.areas[0].public"),
        ('id = "demo"', 'id = "a/b"', "id 'a/b'"),
        ("late_read_s", "late_reads_s", "unknown limit 'late_reads_s'"),
        ('"Asia/Shanghai"', '"Asia/Nowhere"', "no time zone"),
    ],
)
def test_a_bad_file_gets_one_line_that_says_where(old: str, new: str, says: str) -> None:
    with pytest.raises(SiteError) as refused:
        parse_site(TEXT.replace(old, new), "demo.toml")
    assert says.replace("site file", "demo.toml") in str(refused.value)
    assert "\n" not in str(refused.value)


def changed(**fields: Any) -> Site:
    return msgspec.structs.replace(SITE, **fields)


LOBBY = Area("lobby")


@pytest.mark.parametrize(
    ("site", "says"),
    [
        (changed(areas=(*SITE.areas, LOBBY)), "areas: 'lobby' stands there twice"),
        (changed(doors=(*SITE.doors, SITE.doors[0])), "doors: 'lobby-door' stands there twice"),
        (changed(areas=(*SITE.areas, Area("x", inside="nowhere"))), "is no area of this site"),
        (changed(areas=(*SITE.areas, Area("x", inside="y"), Area("y", inside="x"))), "lies inside itself"),
        (changed(areas=(*SITE.areas, Area("x", inside="x"))), "lies inside itself"),
        (changed(areas=(*SITE.areas, Area("x", capacity=0))), "capacity = 0"),
        (changed(areas=(*SITE.areas, Area("x", public=True, closed=True))), "public area"),
        (changed(doors=(*SITE.doors, Door("lonely"))), "no access point leads in"),
        (changed(doors=(*SITE.doors, Door("d", unlock_s=0))), "unlock_s = 0"),
        (changed(doors=(*SITE.doors, Door("d", held_open_s=float("nan")))), "held_open_s = nan"),
        (
            changed(access_points=(*SITE.access_points, AccessPoint("p", "no-door", "lobby", "hall"))),
            "no door of this site",
        ),
        (
            changed(access_points=(*SITE.access_points, AccessPoint("p", "hall-door", "lobby", "moon"))),
            "to_area = 'moon'",
        ),
        (changed(access_points=(*SITE.access_points, AccessPoint("p", "hall-door", "hall", "hall"))), "into itself"),
        (
            changed(access_points=(*SITE.access_points, AccessPoint("p", "hall-door", "outside", "hall"))),
            "different pairs of areas",
        ),
        (
            changed(access_points=(*SITE.access_points, AccessPoint("p", "hall-door", "lobby", "hall", out=True))),
            "is a way out in the direction that leads in",
        ),
        (changed(holidays=("2026-13-01",)), "is no date"),
        (changed(holidays=("2026-10-01", "2026-10-01")), "stands there twice"),
        (changed(workdays=("2026-10-01",)), "holidays and workdays both name 2026-10-01"),
        (changed(schedules=(Schedule("s", (ALL_DAY,) * 6),)), "week has 6 days"),
        (changed(schedules=(Schedule("s", (ALL_DAY,) * 7, holiday=(Interval(5, 5),)),)), "holiday: [5, 5]"),
        (changed(schedules=(Schedule("s", ((Interval(0, 9), Interval(8, 10)),) * 7),)), "overlap"),
        (changed(interlocks=(Interlock("i", ("hall-door",), enabled=False),)), "at least two"),
        (changed(interlocks=(Interlock("i", ("hall-door", "x"), enabled=False),)), "'x' is no door"),
        (changed(time_zone="../../etc/passwd"), "no time zone"),
        (changed(settings={"late_read_s": -1.0}), "out of range"),
    ],
)
def test_a_site_that_does_not_hold_together_is_told_why(site: Site, says: str) -> None:
    assert any(says in fault for fault in check_site(site)), check_site(site)


def with_hall(**fields: Any) -> Site:
    return changed(
        areas=tuple(msgspec.structs.replace(area, **fields) if area.id == "hall" else area for area in SITE.areas)
    )


def test_interlocks_lockdowns_closures_duress_and_held_open_times_are_kept() -> None:
    kept = changed(
        interlocks=(Interlock("i", ("hall-door", "lobby-door")),),
        closures=(Closure("c", "hall", "2026-10-01T08:00", "2026-10-01T18:00"),),
        areas=with_hall(lockdown_pass=("staff", "keyholder")).areas,
        doors=with_door(duress="double_tap", held_open_by_schedule=(HeldOpen("working-hours", 600),)),
    )
    assert check_site(kept) == []


def with_door(**fields: Any) -> tuple[Door, ...]:
    return tuple(msgspec.structs.replace(door, **fields) if door.id == "hall-door" else door for door in SITE.doors)


def closed(area: str = "hall", from_at: str = "2026-10-01T08:00", until_at: str = "2026-10-01T18:00") -> Site:
    return changed(closures=(Closure("c", area, from_at, until_at),))


@pytest.mark.parametrize(
    ("site", "says"),
    [
        (closed(area="nowhere"), "closure 'c': area 'nowhere' is no area"),
        (closed(area="outside"), "a public area cannot be closed"),
        (closed(from_at="1 October"), "from_at = '1 October' is no local time"),
        (closed(from_at="2026-10-01T08:00+08:00"), "is no local time"),
        (closed(until_at="2026-10-01T08:00"), "not after its beginning"),
        (closed(until_at="2026-10-01T07:59"), "not after its beginning"),
        (changed(closures=closed().closures * 2), "closures: 'c' stands there twice"),
        (changed(doors=with_door(held_warning_s=-1)), "held_warning_s = -1"),
        (changed(doors=with_door(held_warning_s=float("nan"))), "held_warning_s = nan"),
        (changed(doors=with_door(held_warning_s=30)), "no less than held_open_s"),
        (changed(doors=with_door(held_open_by_schedule=(HeldOpen("night", 60),))), "'night' is no schedule"),
        (changed(doors=with_door(held_open_by_schedule=(HeldOpen("always", 0),))), "held_open_s = 0"),
        (changed(interlocks=(Interlock("i", ("hall-door", "lobby-door", "hall-door")),)), "a door stands there twice"),
        (with_hall(two_person=True, capacity=1), "lets nobody in"),
        (with_hall(public=True, two_person=True), "a public area cannot ask for two_person"),
        (with_hall(public=True, anti_passback="soft"), "a public area cannot ask for anti_passback"),
        (with_hall(public=True, capacity=3), "a public area cannot ask for capacity"),
        (with_hall(public=True, composition="with_staff"), "a public area cannot ask for composition"),
        (with_hall(public=True, first_in=True), "a public area cannot ask for first_in"),
        (with_hall(public=True, escort_for="customers"), "a public area cannot ask for escort_for"),
        (with_hall(public=True, lockdown_pass=("staff",)), "a public area cannot ask for lockdown_pass"),
        (with_hall(public=True, inside="lobby"), "is public, but lies inside 'lobby'"),
        (changed(settings={"exit_prompt_s": 3.0}), "exit_prompt_s = 3.0 must be more than exit_confirm_s"),
        (changed(settings={"exit_confirm_s": 61.0}), "out of range"),
    ],
)
def test_a_site_that_asks_for_what_cannot_be_is_told_why(site: Site, says: str) -> None:
    assert any(says in fault for fault in check_site(site)), check_site(site)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"duress_from_s": 1.0}, "duress_from_s = 1.0 must be more than same_read_s = 1.0"),
        ({"duress_from_s": 1.01}, ""),
        ({"duress_until_s": 3.0}, "duress_until_s = 3.0 must be less than exit_confirm_s = 3.0"),
        ({"duress_until_s": 2.99}, ""),
        ({"duress_from_s": 2.5}, "duress_until_s = 2.5 must be more than duress_from_s = 2.5"),
    ],
)
def test_a_duress_gesture_that_another_tap_could_be_is_refused_where_a_door_asks_for_it(
    settings: dict[str, float], says: str
) -> None:
    faults = check_site(changed(doors=with_door(duress="double_tap"), settings=settings))
    assert [says in fault for fault in faults] == ([True] if says else [])
    assert check_site(changed(settings=settings)) == []


def test_an_edge_refuses_an_interlock_of_which_it_has_some_doors_only() -> None:
    site = changed(interlocks=(Interlock("i", ("hall-door", "cage-door")), Interlock("j", ("hall-door", "lobby-door"))))
    assert site_mismatch(site, HARDWARE, "edge-1") == []
    (only,) = site_mismatch(site, [DoorHardware("hall-door"), DoorHardware("lobby-door")], "edge-1")
    assert only.startswith("interlock 'i' has doors of this edge, but edge.toml does not wire 'cage-door'")
    off = changed(interlocks=(Interlock("i", ("hall-door", "cage-door"), enabled=False),))
    assert site_mismatch(off, [DoorHardware("hall-door")], "edge-1") == []
    assert site_mismatch(site, [DoorHardware("cabinet-1")], "edge-1") == []


def test_an_edge_refuses_a_site_without_its_doors() -> None:
    assert site_mismatch(SITE, HARDWARE, "edge-1") == []
    assert "'other'" in site_mismatch(SITE, [DoorHardware("other")], "edge-1")[0]


def test_an_edge_refuses_a_site_that_gives_its_door_to_another_or_it_a_door_that_it_has_not() -> None:
    given = changed(doors=(Door("lobby-door", edge="edge-1"), Door("hall-door", edge="edge-2"), *SITE.doors[2:]))
    one, two = DoorHardware("lobby-door"), DoorHardware("hall-door")
    assert site_mismatch(given, [one], "edge-1") == []
    assert site_mismatch(given, [two, DoorHardware("cage-door")], "edge-2") == []
    assert site_mismatch(given, [one, two], "edge-1") == [
        "door 'hall-door' of edge.toml belongs to edge 'edge-2' in the site, not to 'edge-1'; correct one"
    ]
    assert site_mismatch(given, [], "edge-1") == [
        "door 'lobby-door' belongs to this edge, 'edge-1', in the site, but edge.toml does not wire it; correct one"
    ]


def on_edges(**edges: str) -> tuple[Door, ...]:
    """The building's doors, some of them given to an edge."""
    return tuple(msgspec.structs.replace(door, edge=edges.get(door.id.replace("-", "_"), "")) for door in SITE.doors)


@pytest.mark.parametrize("edge", ["edge 1", "a/b", "+", "é", "x" * 65])
def test_an_edge_of_a_door_is_named_by_a_plain_id(edge: str) -> None:
    assert f"edge {edge!r}" in check_site(changed(doors=on_edges(cabinet_1=edge)))[0]


@pytest.mark.parametrize(
    ("area", "rule"),
    [
        ({"two_person": True}, "two_person"),
        ({"anti_passback": "soft"}, "anti_passback"),
        ({"capacity": 5}, "capacity"),
        ({"two_person": True, "anti_passback": "hard"}, "two_person"),
    ],
)
def test_an_area_that_counts_people_has_all_its_doors_on_one_edge(area: dict[str, object], rule: str) -> None:
    """MEANINGS 13. The cage lies inside the hall: its doors are the hall's too."""
    areas = with_hall(**area).areas
    apart = check_site(changed(areas=areas, doors=on_edges(hall_door="edge-1", cage_door="edge-2", cabinet_1="edge-1")))
    assert apart == [
        f"area 'hall': {rule} needs all its doors on one edge, but 'cabinet-1' is on 'edge-1' and 'cage-door' on 'edge-2'; "
        "give them one edge"
    ]
    half = check_site(changed(areas=areas, doors=on_edges(hall_door="edge-1", cage_door="edge-1")))
    assert half == [
        f"area 'hall': {rule} needs all its doors on one edge, but 'cabinet-1' is on none by name and 'cage-door' on 'edge-1'; "
        "give them one edge"
    ]
    together = on_edges(hall_door="edge-1", cage_door="edge-1", cabinet_1="edge-1", lobby_door="edge-2")
    assert check_site(changed(areas=areas, doors=together)) == []
    assert check_site(changed(areas=areas)) == []


def test_areas_that_count_nobody_may_have_doors_on_several_edges() -> None:
    assert check_site(changed(doors=on_edges(hall_door="edge-1", cage_door="edge-2"))) == []


def test_the_doors_of_an_interlock_are_on_one_edge() -> None:
    doors = on_edges(hall_door="edge-1", lobby_door="edge-2")
    apart = Interlock("i", ("hall-door", "lobby-door"))
    assert check_site(changed(doors=doors, interlocks=(apart,))) == [
        "interlock 'i' needs all its doors on one edge, but 'hall-door' is on 'edge-1' and 'lobby-door' on 'edge-2'; "
        "give them one edge"
    ]
    assert check_site(changed(doors=doors, interlocks=(msgspec.structs.replace(apart, enabled=False),))) == []
    assert check_site(changed(doors=on_edges(hall_door="e", lobby_door="e"), interlocks=(apart,))) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"nonsense": 1.0},
        {"late_read_s": 0.0},
        {"late_read_s": 11.0},
        {"unlock_s": 301.0},
        {"same_read_s": float("inf")},
        {"repeated_denials": 0.5},
        {"unlock_s": 1e9},
    ],
)
def test_a_limit_that_is_unknown_or_out_of_range_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(LimitsError):
        limits_from(settings)


def test_limits_are_overridden_by_name() -> None:
    assert limits_from({"pairing_window_s": 2, "held_open_s": 0}) == Limits(pairing_window_s=2, held_open_s=0)


def test_a_goods_door_needs_a_contact_and_is_no_cabinet() -> None:
    """Devices are spent when the leaf opens (MEANINGS 25)."""
    (fault,) = check_site(changed(doors=with_door(kind="cabinet", goods="out")))
    assert "goods" in fault
    yard = changed(doors=with_door(goods="both"))
    assert check_site(yard) == []
    bare = tuple(msgspec.structs.replace(one, has_contact=False) for one in HARDWARE if one.door == "hall-door")
    others = tuple(one for one in HARDWARE if one.door != "hall-door")
    (mismatch,) = site_mismatch(yard, (*others, *bare), "edge-1")
    assert "contact" in mismatch
    assert site_mismatch(yard, HARDWARE, "edge-1") == []
    read = tuple(msgspec.structs.replace(one, scanners=("goods-in",)) for one in HARDWARE)
    (mismatch,) = site_mismatch(yard, read, "edge-1")
    assert "goods-in" in mismatch
