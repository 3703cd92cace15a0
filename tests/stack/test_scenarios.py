"""Every committed scenario through real processes; those that the broker has a part in on both brokers, some on PostgreSQL."""

from pathlib import Path

import pytest

from sim.play import ScenarioResult, play
from sim.scenario import Scenario, Step
from sim.scenario_file import load
from sim.stack import BrokerKind
from tests.server.postgresql import postgresql_cluster

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

FOLDER = Path(__file__).parents[2] / "scenarios"
SCENARIOS = [load(path) for path in sorted(FOLDER.glob("*.yaml"))]
LEAST_ON_BOTH = 10


def crosses_the_broker(step: Step) -> bool:
    """Cuts or kills something, or judges what has arrived on the other side."""
    expected = step.expect
    arrived = expected is not None and (expected.events_lost, expected.policy_version_current) != (None, None)
    return arrived or step.verb in ("cut", "kill", "command")


ON_POSTGRESQL = (
    "c1-c2-the-crm-writes-and-the-doors-follow",
    "b2-the-quota-holds-wherever-it-is-tried",
    "server-and-broker-killed",
)
"""Played with mosquitto."""
ON_BOTH = [scenario for scenario in SCENARIOS if any(map(crosses_the_broker, scenario.steps))]
CASES: list[tuple[Scenario, BrokerKind]] = [
    *((scenario, "amqtt") for scenario in SCENARIOS),
    *((scenario, "mosquitto") for scenario in ON_BOTH if Path(scenario.path).stem not in ON_POSTGRESQL),
]


def judge(result: ScenarioResult) -> None:
    failed = [f"line {step.line} {step.verb}: {problem}" for step in result.steps for problem in step.problems]
    assert result.ok, "\n".join([result.error, *failed])


@pytest.mark.parametrize(
    ("scenario", "broker"), CASES, ids=lambda part: part if isinstance(part, str) else Path(part.path).stem
)
def test_a_scenario_holds(scenario: Scenario, broker: BrokerKind) -> None:
    judge(play(scenario, broker))


def test_enough_scenarios_are_played_on_both_brokers() -> None:
    assert len(ON_BOTH) >= LEAST_ON_BOTH


@pytest.mark.postgresql
@pytest.mark.parametrize("name", ON_POSTGRESQL)
def test_a_scenario_holds_with_postgresql(name: str) -> None:
    with postgresql_cluster() as url:
        judge(play(load(FOLDER / f"{name}.yaml"), "mosquitto", url))
