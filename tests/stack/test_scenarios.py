"""Every committed scenario through real processes, on the embedded broker and on mosquitto; some with PostgreSQL."""

from pathlib import Path

import pytest

from sim.play import ScenarioResult, play
from sim.scenario_file import load
from sim.stack import BrokerKind
from tests.server.postgresql import postgresql_cluster

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

FOLDER = Path(__file__).parents[2] / "scenarios"
SCENARIOS = sorted(FOLDER.glob("*.yaml"))


def judge(result: ScenarioResult) -> None:
    failed = [f"line {step.line} {step.verb}: {problem}" for step in result.steps for problem in step.problems]
    assert result.ok, "\n".join([result.error, *failed])


@pytest.mark.parametrize("broker", ["amqtt", "mosquitto"])
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_holds(path: Path, broker: BrokerKind) -> None:
    judge(play(load(path), broker))


@pytest.mark.postgresql
@pytest.mark.parametrize("name", ["lost-badge", "server-and-broker-killed"])
def test_a_scenario_holds_with_postgresql(name: str) -> None:
    with postgresql_cluster() as url:
        judge(play(load(FOLDER / f"{name}.yaml"), "mosquitto", url))
