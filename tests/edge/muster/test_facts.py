"""Who is on the list, how many at least and at most, and what makes it doubtful."""

from hypothesis import given
from hypothesis import strategies as st

from controller.state import Presence
from edge.muster.facts import muster_of
from tests.edge.muster.people import AT_US, GUO, LI, SITE, XU, situation, state_of


def counts(found: object) -> dict[str, tuple[int, int, int | None]]:
    return {area.area: (area.listed, area.lowest, area.highest) for area in found.areas}  # type: ignore[attr-defined]


def test_the_list_names_number_company_area_since_when_and_escort() -> None:
    found = muster_of(situation())
    assert [(p.number, p.customer, p.area, p.since_us, p.escort) for p in found.people] == [
        ("T-9", "", "cage-a", XU.since_us, "S-2"),
        ("000017", "C001", "hall", LI.since_us, ""),
        ("S-2", "", "hall", GUO.since_us, ""),
    ]
    assert found.certain
    assert counts(found) == {"hall": (3, 3, 3), "cage-a": (1, 1, 1)}


def test_after_an_exit_by_rex_there_are_at_most_those_listed_and_nobody_is_sure() -> None:
    unsure = {
        holder: Presence(p.area, p.since_us, p.badge, p.number, sure=False) for holder, p in {10: LI, 20: GUO}.items()
    }
    found = muster_of(situation(state_of(unsure, uncertain={"hall": "rex"})))
    assert counts(found)["hall"] == (2, 0, 2)
    assert not found.certain
    assert [person.sure for person in found.people] == [False, False]


def test_any_other_doubt_leaves_no_upper_bound_and_one_about_an_inner_area_that_of_the_outer() -> None:
    found = muster_of(situation(state_of(uncertain={"cage-a": "forced"})))
    assert counts(found) == {"hall": (3, 3, 3), "cage-a": (1, 1, None)}
    assert found.areas[0].causes == (("cage-a", "forced"),)
    assert not found.certain
    found = muster_of(situation(state_of(uncertain={"cage-a": "rex", "hall": "forced"})))
    assert counts(found) == {"hall": (3, 3, None), "cage-a": (1, 1, 1)}


def test_during_a_fire_it_is_the_list_of_its_beginning() -> None:
    found = muster_of(situation(state_of({20: GUO}, fire_latched={"z1": AT_US}, muster_at_fire={10: LI, 20: GUO})))
    assert [person.number for person in found.people] == ["000017", "S-2"]
    assert found.frozen_since_us == AT_US
    assert not found.certain


def test_without_a_policy_areas_go_by_their_ids_and_customers_by_numbers() -> None:
    found = muster_of(situation(site=None, codes={}))
    assert found.time_zone == "UTC"
    assert [area.name_en for area in found.areas] == ["cage-a", "hall"]
    assert {person.customer for person in found.people} == {"", "#3"}


def test_visitors_whose_escort_left_are_marked_and_gas_and_lockdowns_told() -> None:
    left = Presence("hall", AT_US, 9, "T-9", unescorted=True)
    found = muster_of(situation(state_of({30: left}, gas={"z1": True, "z2": False}, lockdowns={"hall": "input"})))
    assert found.people[0].unescorted
    assert (found.gas_zones, found.lockdowns) == (("z1",), ("hall",))


people = st.dictionaries(
    st.integers(1, 20),
    st.builds(
        Presence, st.sampled_from(["hall", "cage-a"]), st.just(AT_US), st.just(1), st.just("n"), sure=st.booleans()
    ),
)
doubts = st.dictionaries(
    st.sampled_from([area.id for area in SITE.areas]), st.sampled_from(["rex", "restart", "forced"])
)


@given(people, doubts)
def test_the_bounds_hold_the_list_and_an_outer_area_holds_its_inner_ones(
    inside: dict[int, Presence], uncertain: dict[str, str]
) -> None:
    hall, cage = muster_of(situation(state_of(inside, uncertain=uncertain))).areas
    for area in (hall, cage):
        assert 0 <= area.lowest <= area.listed
        assert area.highest is None or area.highest == area.listed
        assert (area.highest is None) == (dict(area.causes).get(area.area, "rex") != "rex")
    assert hall.listed == len(inside) >= cage.listed
    assert hall.lowest >= cage.lowest
