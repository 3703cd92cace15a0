"""A site as a scenario wants it, and the site file that reads as it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.site_checks import SiteError, parse_site
from sim.site_folder import SITES, SiteFolder
from sim.site_rules import changed_site, site_toml

NAMES = sorted(path.parent.name for path in SITES.glob("*/site.toml"))
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


@pytest.mark.parametrize("name", NAMES)
def test_a_site_that_was_written_reads_as_itself(name: str) -> None:
    site = SiteFolder(name).site
    assert parse_site(site_toml(site)) == site


@given(TEXTS, st.floats(0.1, 300))
def test_any_text_and_number_survives_the_writing(text: str, unlock_s: float) -> None:
    site = changed_site(SiteFolder("demo").site, {}, {"hall": {"name_en": text}, "hall-door": {"unlock_s": unlock_s}})
    assert parse_site(site_toml(site)) == site


def test_rules_and_settings_are_put_in_by_name() -> None:
    rules = {
        "hall": {"capacity": 3},
        "hall-door": {"duress": "double_tap"},
        "goods-hall": {"enabled": True},
        "works": {"closes": "lobby", "from_at": "2026-03-02T12:00", "until_at": "2026-03-02T13:00"},
    }
    demo = SiteFolder("demo").site
    site = changed_site(demo, {"pairing_window_s": 2}, rules)
    areas, doors = {area.id: area for area in site.areas}, {door.id: door for door in site.doors}
    assert (areas["hall"].capacity, areas["hall"].two_person) == (3, True)
    assert doors["hall-door"].duress == "double_tap"
    assert site.interlocks[0].enabled
    assert [(closure.id, closure.area) for closure in site.closures] == [("works", "lobby")]
    assert site.settings == {"pairing_window_s": 2}
    assert not demo.closures


@pytest.mark.parametrize(
    ("rules", "line"),
    [
        ({"attic": {"capacity": 1}}, "nothing is called 'attic'"),
        ({"hall": {"capacity": 0}}, "capacity = 0"),
        ({"hall": {"capcity": 3}}, "capcity"),
        ({"hall": {"composition": "friends"}}, "friends"),
        ({"works": {"closes": "lobby", "from_at": "2026-03-02T12:00"}}, "until_at"),
    ],
)
def test_rules_that_cannot_be_are_one_line(rules: dict[str, dict[str, object]], line: str) -> None:
    with pytest.raises(SiteError) as caught:
        changed_site(SiteFolder("demo").site, {}, rules)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_setting_that_cannot_be_is_one_line() -> None:
    with pytest.raises(SiteError, match="unknown limit 'patience_s'"):
        changed_site(SiteFolder("demo").site, {"patience_s": 3}, {})


def test_the_annex_has_what_the_demo_has_not() -> None:
    from edge.config import parse_config, policy_mismatches

    annex = SiteFolder("annex")
    config = parse_config(annex.edge_toml(Path("/run/dev"), "state", "edge.bundle", "mqtt://127.0.0.1:1883"))
    assert policy_mismatches(config, annex.site) == []
    assert [lock.enabled for lock in annex.site.interlocks] == [True]
    assert {door.id for door in annex.site.doors if door.kind == "cabinet"} == {"cab-1", "cab-2"}
    assert {line.area for line in config.lockdown} == {"", "vault"}
    assert {reader.access_point for reader in config.readers} == {point.id for point in annex.site.access_points}
