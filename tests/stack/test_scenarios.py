"""Every committed scenario through real processes, on the embedded broker and on mosquitto."""

from pathlib import Path

import pytest

from sim.play import play
from sim.scenario_file import load
from sim.stack import BrokerKind

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("broker", ["amqtt", "mosquitto"])
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_holds(path: Path, broker: BrokerKind) -> None:
    result = play(load(path), broker)
    failed = [f"line {step.line} {step.verb}: {problem}" for step in result.steps for problem in step.problems]
    assert result.ok, "\n".join([result.error, *failed])
