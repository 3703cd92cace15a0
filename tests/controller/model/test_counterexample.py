"""A fault that the search finds becomes a short scenario that the simulator plays (issue 4, Proof)."""

from pathlib import Path

import pytest

from controller.engine import Engine, Outcome
from controller.inputs import AnyInput
from controller.now import Now
from controller.site_checks import parse_site
from sim.scenario_file import load
from sim.virtual.play import play_virtually
from tests.controller.model import sites
from tests.controller.model.counterexample import minimal, save, site_toml
from tests.controller.model.search import explore
from tests.controller.model.steps import Step, wait
from tests.controller.model.world import Ground


class Forgetful(Engine):
    """The planted fault: whoever is alone is forgotten."""

    def handle(self, stimulus: AnyInput, now: Now) -> Outcome:
        outcome = super().handle(stimulus, now)
        self._state.alarms.pop("LONE_OCCUPANT/hall", None)
        return outcome


class Stubborn(Engine):
    """Another: prompts are not remembered, so nobody's second tap confirms anything."""

    def handle(self, stimulus: AnyInput, now: Now) -> Outcome:
        outcome = super().handle(stimulus, now)
        self._state.waiting.pop("hall-door-out", None)
        return outcome


DETOURS = (
    wait(1), Step("tap", "cage-door-in", "sun"), Step("tap", "hall-door-in", "li"), wait(1), Step("tap", "hall-door-in", "wang"),
    Step("open", "hall-door"), Step("close", "hall-door"), Step("lockdown", "cage"), Step("tap", "cage-door-in", "li"),
    wait(9), Step("release", "cage"), Step("tap", "hall-door-out", "sun"), wait(3), Step("tap", "hall-door-out", "li"), wait(1),
    Step("tap", "hall-door-out", "li"), wait(3), Step("tap", "hall-door-out", "li"), Step("open", "hall-door"),
)  # fmt: skip
"""Somebody alone in the hall, by a long way."""


def test_a_planted_fault_is_found_made_minimal_saved_and_plays(tmp_path: Path) -> None:
    ground = Ground(sites.hall_with_cage(), Forgetful)
    steps, violation = minimal(ground, False, DETOURS, "two-person")
    assert len(steps) <= 7 < len(DETOURS)
    assert violation.rule == "two-person"
    path = save(ground, steps, violation, tmp_path)
    scenario = load(path)
    assert scenario.virtual
    assert any(step.expect is not None and step.expect.alarm == "LONE_OCCUPANT" for step in scenario.steps)
    result = play_virtually(scenario)
    assert result.ok, f"{result.error} {[step for step in result.steps if not step.ok]}"


def test_the_search_itself_finds_a_planted_fault_and_tells_the_way() -> None:
    ground = Ground(sites.hall_with_cage(), Stubborn)
    found = explore(ground, honest=True, depth=6)
    assert found.violation is not None
    assert found.violation.rule == "locked-in"
    steps, violation = minimal(ground, True, found.trace, "locked-in")
    assert len(steps) <= len(found.trace)
    assert [step.act for step in violation.probe if step.act != "wait"] == ["tap", "tap"]


def test_steps_that_break_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="do not break two-person"):
        minimal(Ground(sites.hall_with_cage()), True, (wait(1),), "two-person")


@pytest.mark.parametrize("name", sorted(sites.ALL))
def test_a_site_file_that_is_written_reads_back_the_same(name: str) -> None:
    site = sites.ALL[name]().site
    assert parse_site(site_toml(site)) == site
