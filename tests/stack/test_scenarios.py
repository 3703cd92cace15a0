"""Scenarios through real processes: those that only processes can play, and of the others those that only processes prove.

Every other file is played in virtual time by the unit tests (``tests/sim/virtual/test_scenarios.py``): the same agent and engine, without a process.
``menjin sim run scenarios/*.yaml`` plays all of them for real.
"""

from pathlib import Path

import pytest

from sim.play import ScenarioResult, play
from sim.scenario import Scenario, Step
from sim.scenario_file import load
from sim.stack import BrokerKind
from sim.virtual.needs import needs_processes
from tests.server.postgresql import postgresql_cluster

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

FOR_REAL = {
    "tap-opens-a-door": "the whole way from chip to relay and back into the ledger",
    "every-card-technology": "only the simulated chips speak to the reader's driver",
    "reader-unplugged": "a pty that goes away",
    "board-unplugged": "a pty that goes away",
    "edge-killed": "only a board ends the unlock pulse of a dead process",
    "server-and-broker-killed": "kill -9, and what a real broker loses with it",
    "network-dead": "a cable between real sockets, and the backlog after",
    "fire-releases": "a loop on a board's input, with the server dead",
    "way-out": "a button that a board's poll sees, with server and broker dead",
    "operator-command": "console, broker, session and back",
    "r2-l2-pairs-with-the-network-dead": "two cards at one reader, its lamps while one waits, with the cable out, and the backlog after",
}
"""Files that virtual time could play as well: why they are played for real here all the same."""

LEFT_OUT = {
    "b1-nothing-is-issued-while-a-document-is-missing": "tests/server/badges",
    "b1-a-badge-is-written-at-the-desk": "tests/stack/flows/test_badge_flows.py",
    "b3-b9-a-badge-opens-within-its-validity": "b3-b8-a-badge-ends-to-the-millisecond, in virtual time",
    "b4-a-successor-waits-for-a-cut-off-edge": "tests/server/fleet/test_awaited.py",
    "b5-a-holder-leaves-and-a-badge-passes-on": "tests/server/badges, tests/server/fleet",
    "b8-r8-a-visitor-from-the-permit-to-the-way-out": "tests/stack/flows/test_visit_flows.py",
    "c3-two-files-of-one-customer-become-one": "tests/server/registry/test_merge.py",
    "c4-d6-personal-data-are-masked-and-stay-here": "tests/server/personal",
    "e1-e2-e4-e6-from-the-order-to-the-door": "tests/stack/flows/test_equipment_flows.py",
    "l5-what-must-be-tested-is-tested-on-a-date": "tests/server/duty",
}
"""Only processes can play these, and what they show of the server's acts others prove, which stand here: `make scenarios` plays them, this does not, for each
costs ten seconds of a core."""

FOLDER = Path(__file__).parents[2] / "scenarios"
SCENARIOS = {path.stem: load(path) for path in sorted(FOLDER.glob("*.yaml"))}
PLAYED = [
    scenario
    for name, scenario in SCENARIOS.items()
    if name not in LEFT_OUT and (name in FOR_REAL or needs_processes(scenario))
]
LEAST_ON_BOTH = 6
ON_ONE = (
    "b6-the-contract-ends-at-every-door",
    "fire-releases",
    "tap-opens-a-door",
    "r2-l2-pairs-with-the-network-dead",
    "b7-a-supervisor-approves-and-a-guard-admits",
)
"""What the broker does in these it does in the others too."""


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
ON_BOTH = [
    scenario
    for scenario in PLAYED
    if any(map(crosses_the_broker, scenario.steps)) and Path(scenario.path).stem not in ON_ONE
]
ON_POSTGRESQL_ALONE = ("b2-the-quota-holds-wherever-it-is-tried", "c1-c2-the-crm-writes-and-the-doors-follow")
"""The unit tests hold these on both databases; ``make scenarios`` plays them on SQLite too."""
CASES: list[tuple[Scenario, BrokerKind]] = [
    *((scenario, "amqtt") for scenario in PLAYED if Path(scenario.path).stem not in ON_POSTGRESQL_ALONE),
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


def test_what_is_left_out_is_there_and_needs_processes() -> None:
    assert [name for name in LEFT_OUT if name not in SCENARIOS or not needs_processes(SCENARIOS[name])] == []


def test_what_is_played_for_real_is_there_and_could_be_virtual() -> None:
    assert [name for name in FOR_REAL if name not in SCENARIOS or needs_processes(SCENARIOS[name])] == []
    assert not any(SCENARIOS[name].virtual for name in FOR_REAL)


@pytest.mark.postgresql
@pytest.mark.parametrize("name", ON_POSTGRESQL)
def test_a_scenario_holds_with_postgresql(name: str) -> None:
    with postgresql_cluster() as url:
        judge(play(load(FOLDER / f"{name}.yaml"), "mosquitto", url))
