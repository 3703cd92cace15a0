"""Every step in every order over the small buildings, as deep as a test may take, and the invariants in each world (issue 4, Proof)."""

import msgspec
import pytest

from controller.state import State
from tests.controller.model import canonical, invariants, sites
from tests.controller.model.search import explore, main
from tests.controller.model.steps import Step, wait
from tests.controller.model.world import Ground, pack, unpack

DEPTH = {True: 2, False: 1}
DEEPER = {("hall-with-cage", True)}
"""From several starts; ``python -m tests.controller.model.search`` goes deeper."""


@pytest.mark.parametrize("honest", [True, False], ids=["honest", "anybody"])
@pytest.mark.parametrize("name", sorted(sites.ALL))
def test_the_invariants_hold_in_every_world_that_can_be_reached(name: str, honest: bool) -> None:
    depth = DEPTH[honest] + ((name, honest) in DEEPER)
    found = explore(Ground(sites.ALL[name]()), honest=honest, depth=depth)
    assert found.violation is None, f"{found.violation}: {[str(step) for step in found.trace]}"
    assert len(found.layers) == depth + 1
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


COUNTED_AROUND = (
    *sites.STARTS["hall-with-cage"][2][:3], Step("close", "hall-door"), Step("tap", "cage-door-in", "li"), Step("open", "cage-door"),
    Step("close", "cage-door"), Step("open", "hall-door"), Step("open", "cage-door"), Step("rex", "cage-door", "li"),
    Step("reconcile", "hall", names=("li", "wang")),
)  # fmt: skip
"""Li leaves the forced cage by the button; then the hall around it is counted: the search's counterexample of 22 November 2026."""


def test_a_count_of_the_room_around_takes_nobody_to_be_where_they_are_not() -> None:
    ground = Ground(sites.hall_with_cage())
    world = ground.begin(honest=True)
    for step in (*COUNTED_AROUND, Step("reconcile", "cage")):
        taken = ground.move(world, step)
        world = taken.after
        assert [*invariants.of_move(ground, taken), *invariants.of_world(ground, world)] == []
    assert world.truth is not None
    assert world.truth.where()[ground.holder["li"]] == "hall"
    assert world.state.uncertain == {}


def test_the_command_prints_how_many_worlds_it_saw(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--depth", "1", "--building", "full"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("full (honest people): ")
    assert "to depth 1" in lines[0]
    assert lines[-1].startswith("total: ")
    assert lines[-1].endswith("no counterexample")


def test_the_command_wants_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert "give --minutes or --depth" in capsys.readouterr().err


def test_a_search_that_is_stopped_says_how_deep_it_is_whole() -> None:
    asked = iter(range(1_000))
    found = explore(Ground(sites.full()), honest=True, until=lambda: next(asked) >= 10)
    assert found.stopped
    assert not found.closed
    assert "to depth 1 and part of 2" in str(found)
