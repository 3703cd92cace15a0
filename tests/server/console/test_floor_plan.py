"""The floor plan: bundled ones fit their sites, a site without one gets a computed one, and one that does not fit is refused."""

from pathlib import Path

import pytest

from controller.site_checks import SiteError, parse_site
from server.console.floor_plan import FloorPlan, computed_plan, floor_plan, parse_plan

SITES = Path(__file__).parents[3] / "sim" / "sites"


@pytest.mark.parametrize("name", ["demo", "annex", "depot"])
def test_bundled_plans_fit_their_sites_and_each_site_has_a_computed_one(name: str, tmp_path: Path) -> None:
    site_file = SITES / name / "site.toml"
    site = parse_site(site_file.read_text("utf-8"), name)
    drawn = floor_plan(site_file, site)
    assert not drawn.computed
    computed = floor_plan(tmp_path / "site.toml", site)
    assert computed == computed_plan(site)
    for plan in (drawn, computed):
        assert set(plan.rooms) == {area.id for area in site.areas if not area.public}
        assert set(plan.doors) == {door.id for door in site.doors}
        _rooms_are_apart(plan, {area.id: area.inside for area in site.areas})


def _rooms_are_apart(plan: FloorPlan, outer: dict[str, str | None]) -> None:
    """No area covers another unless it lies inside it, and then wholly."""
    for one, room in plan.rooms.items():
        for other, place in plan.rooms.items():
            if one == other or outer[other] == one or outer[one] == other:
                continue
            apart = (
                room.x + room.w <= place.x + 0.01 or place.x + place.w <= room.x + 0.01
                or room.y + room.h <= place.y + 0.01 or place.y + place.h <= room.y + 0.01
            )  # fmt: skip
            assert apart, f"{one} and {other}"
        into = outer[one]
        if into is not None and into in plan.rooms:
            around = plan.rooms[into]
            assert around.x <= room.x
            assert around.y <= room.y
            assert room.x + room.w <= around.x + around.w + 0.01
            assert room.y + room.h <= around.y + around.h + 0.01


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("lobby = {", "attic = {", "the site has no room 'attic'"),
        ("goods-door = { x = 24, y = 9, leaf = \"up\", swing = \"left\" }", "", "doors: 'goods-door' is not drawn"),
        ("w = 5.5, h = 12", "w = 99, h = 12", "'lobby' does not lie on the plan"),
        ('leaf = "right"', 'leaf = "inwards"', "Invalid enum value 'inwards'"),
        ("width = 26", "width = nan", "width and height"),
        ("[rooms]", "[rooms", "plan.toml: "),
    ],
)  # fmt: skip
def test_a_plan_that_does_not_fit_its_site_is_refused_with_what_is_wrong(old: str, new: str, said: str) -> None:
    site = parse_site((SITES / "demo" / "site.toml").read_text("utf-8"), "demo")
    text = (SITES / "demo" / "plan.toml").read_text("utf-8")
    assert old in text
    with pytest.raises(SiteError, match=r"^plan\.toml: ") as refused:
        parse_plan(text.replace(old, new, 1), site)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
