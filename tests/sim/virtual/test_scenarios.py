"""Every committed scenario that needs no process, on the real agent in virtual time, with all invariants after each step."""

from pathlib import Path

import pytest

from sim.scenario import Scenario
from sim.scenario_file import load
from sim.virtual.needs import needs_processes
from sim.virtual.play import play_virtually

FOLDER = Path(__file__).parents[3] / "scenarios"
SCENARIOS = [load(path) for path in sorted(FOLDER.glob("*.yaml"))]
VIRTUAL = [scenario for scenario in SCENARIOS if not needs_processes(scenario)]


@pytest.mark.parametrize("scenario", VIRTUAL, ids=lambda scenario: Path(scenario.path).stem)
def test_a_scenario_holds_in_virtual_time(scenario: Scenario) -> None:
    result = play_virtually(scenario)
    failed = [f"line {step.line} {step.verb}: {problem}" for step in result.steps for problem in step.problems]
    assert result.ok, "\n".join([result.error, *failed])
    assert len(result.steps) == len(scenario.steps)


def test_what_is_marked_virtual_can_be_played_so() -> None:
    assert [needs_processes(scenario) for scenario in SCENARIOS if scenario.virtual and needs_processes(scenario)] == []


def test_one_seed_gives_one_journal() -> None:
    from sim.virtual.player import VirtualPlayer

    journals = []
    for _ in range(2):
        player = VirtualPlayer(load(FOLDER / "network-dead.yaml"), seed=7)
        player.prepare()
        assert all(player.do(step).ok for step in player.scenario.steps)
        journals.append(player.building.node.journal.content)
    assert journals[0] == journals[1]
