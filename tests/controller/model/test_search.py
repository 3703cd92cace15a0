"""Every step in every order over the small buildings, as deep as a test may take, and the invariants in each world (issue 4, Proof)."""

import msgspec
import pytest

from controller.state import State
from tests.controller.model import canonical, sites
from tests.controller.model.search import explore
from tests.controller.model.steps import Step, wait
from tests.controller.model.world import Ground, pack, unpack

DEPTH = {True: 2, False: 1}
"""From several starts; ``python -m tests.controller.model.search`` goes deeper."""


@pytest.mark.parametrize("honest", [True, False], ids=["honest", "anybody"])
@pytest.mark.parametrize("name", sorted(sites.ALL))
def test_the_invariants_hold_in_every_world_that_can_be_reached(name: str, honest: bool) -> None:
    found = explore(Ground(sites.ALL[name]()), honest=honest, depth=DEPTH[honest])
    assert found.violation is None, f"{found.violation}: {[str(step) for step in found.trace]}"
    assert len(found.layers) == DEPTH[honest] + 1
    assert found.states > 40


def test_every_field_of_a_state_is_compared_or_left_out_on_purpose() -> None:
    assert set(State.__struct_fields__) == canonical.COMPARED | canonical.LEFT_OUT
    assert not canonical.COMPARED & canonical.LEFT_OUT


def test_the_same_situation_later_is_the_same_world_and_another_is_not() -> None:
    ground = Ground(sites.hall_with_cage())
    first = ground.begin(honest=True)
    later = ground.move(first, wait(100)).after
    tapped = ground.move(later, Step("tap", "hall-door-in", "li")).after
    keys = [canonical.key(world, ground) for world in (first, later, tapped)]
    assert keys[0] == keys[1] != keys[2]


def test_a_world_is_packed_and_unpacked_unchanged() -> None:
    ground = Ground(sites.hall_with_cage())
    world = ground.begin(honest=True)
    for step in (Step("tap", "hall-door-in", "li"), Step("tap", "hall-door-in", "wang"), Step("open", "hall-door")):
        world = ground.move(world, step).after
    again = unpack(pack(world))
    assert msgspec.to_builtins(again.state) == msgspec.to_builtins(world.state)
    assert (again.mono_us, again.truth) == (world.mono_us, world.truth)


def test_honest_people_go_where_the_doors_let_them() -> None:
    ground = Ground(sites.hall_with_cage())
    world = ground.begin(honest=True)
    for step in (Step("tap", "hall-door-in", "li"), Step("tap", "hall-door-in", "wang"), Step("open", "hall-door")):
        world = ground.move(world, step).after
    assert world.truth is not None
    there = {ground.name[who] for who, area in world.truth.at if area == "hall"}
    assert there == {"li", "wang"}
