"""The bundled demo site: what DESIGN §7 says it is, and consistent in itself."""

import datetime as dt
import tomllib
from pathlib import Path

import pytest

from controller.site_checks import SiteError
from edge.config import door_hardware, parse_config, policy_mismatches
from sim.site_folder import SiteFolder


@pytest.fixture(scope="module")
def demo() -> SiteFolder:
    return SiteFolder("demo")


def test_it_is_the_site_that_the_design_names(demo: SiteFolder) -> None:
    site = demo.site
    assert [area.id for area in site.areas] == ["outside", "lobby", "hall", "cage-a", "goods"]
    assert {point.id: (point.door, point.out) for point in site.access_points} == {
        f"{name}-{way}": (f"{name}-door", way == "out")
        for name in ("lobby", "hall", "cage", "goods")
        for way in ("in", "out")
    }
    cage = next(area for area in site.areas if area.id == "cage-a")
    assert (cage.inside, cage.customers) == ("hall", ("C001",))
    assert [(lock.doors, lock.enabled) for lock in site.interlocks] == [(("goods-door", "hall-door"), False)]


def test_ways_in_and_out_of_a_door_are_each_others_reverse(demo: SiteFolder) -> None:
    points = {point.id: point for point in demo.site.access_points}
    for name in ("lobby", "hall", "cage", "goods"):
        into, out = points[f"{name}-in"], points[f"{name}-out"]
        assert (into.from_area, into.to_area) == (out.to_area, out.from_area)


def test_every_name_is_there_in_both_languages(demo: SiteFolder) -> None:
    for thing in (demo.site, *demo.site.areas, *demo.site.doors):
        assert thing.name_zh
        assert thing.name_en


def test_the_edge_takes_the_rendered_configuration_and_it_matches_the_site(demo: SiteFolder) -> None:
    config = parse_config(demo.edge_toml(Path("/run/dev"), "state", "edge.bundle", "mqtt://127.0.0.1:1883"))
    assert policy_mismatches(config, demo.site) == []
    assert {door.door: door.fail for door in door_hardware(config)}["lobby-door"] == "safe"
    assert {reader.access_point for reader in config.readers} == {point.id for point in demo.site.access_points}


def test_no_placeholder_is_left_and_none_can_break_out_of_its_string(demo: SiteFolder) -> None:
    text = demo.edge_toml(Path("/run/dev"), "state", "edge.bundle", "mqtt://127.0.0.1:1883")
    assert "@DEV@" not in text.split("\n", 2)[2]
    assert tomllib.loads(text)["readers"][0]["port"] == "/run/dev/lobby-in"
    with pytest.raises(SiteError, match="quotes"):
        demo.edge_toml(Path("/run/dev"), 'x"\nrole = "desk', "edge.bundle", "mqtt://127.0.0.1:1883")


def test_holidays_and_working_weekends_do_not_overlap(demo: SiteFolder) -> None:
    holidays = [dt.date.fromisoformat(day) for day in demo.site.holidays]
    workdays = [dt.date.fromisoformat(day) for day in demo.site.workdays]
    assert holidays == sorted(set(holidays))
    assert not set(holidays) & set(workdays)
    assert all(day.weekday() >= 5 for day in workdays)
    assert {day.year for day in holidays} == {2026, 2027}


def test_the_population_stands_on_the_site(demo: SiteFolder) -> None:
    given, areas = demo.population, {area.id for area in demo.site.areas}
    customers = {customer.code: customer for customer in given.customers}
    holders = {holder.id: holder for holder in given.holders}
    held: dict[str, int] = {}
    for badge in (*given.badges, *given.applications):
        customer = holders[badge.holder].customer
        if customer is not None:
            held[customer] = held.get(customer, 0) + 1
    quota = {"organisation": 2, "individual": 1}
    assert all(1 <= held[code] <= quota[customer.kind] for code, customer in customers.items())
    assert all(contact.customer in customers for contact in given.contacts)
    assert {badge.report for badge in given.badges} >= {None, "lost"}
    assert [application.without for application in given.applications] == [("letter",), ()]
    assert all(set(each.areas) <= areas for each in (*given.customers, *given.holders))
    assert {"desfire", "uid"} <= {badge.card for badge in given.badges}


def test_what_the_slip_names_stands_in_the_rooms_and_what_the_order_announces_does_not(demo: SiteFolder) -> None:
    owners = {item.serial: item.customer for item in demo.population.inventory}
    (slip,), (order,) = demo.population.slips, demo.population.orders
    assert slip.carriers == ()
    assert {owners[serial] for serial in slip.items} == {slip.customer}
    assert set(owners.values()) - {slip.customer}, "a device of somebody else, to be refused"
    assert [serial for serial in owners if owners[serial] == slip.customer and serial not in slip.items]
    assert not {serial for line in order.lines for serial in line.serials} & set(owners)
    customer = next(each for each in demo.population.customers if each.code == slip.customer)
    assert "goods" in customer.areas, "its carriers get to the goods door"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("site.toml", 'id = "x"', "site.toml: Object missing required field"),
        ("plan.toml", "[[", "plan.toml: "),
        ("population.yaml", "badges: [{id: 1}]", "population.yaml: "),
        ("population.yaml", "a: [", "population.yaml: "),
    ],
)
def test_a_damaged_site_folder_is_one_line(demo: SiteFolder, tmp_path: Path, name: str, text: str, line: str) -> None:
    for each in demo.path.iterdir():
        (tmp_path / each.name).write_bytes(each.read_bytes())
    (tmp_path / name).write_text(text)
    with pytest.raises(SiteError) as caught:
        SiteFolder(str(tmp_path))
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_site_is_told_what_there_is() -> None:
    with pytest.raises(SiteError, match=r"no site 'nowhere': neither bundled \(annex, demo, depot\)"):
        SiteFolder("nowhere")
