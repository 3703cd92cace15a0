"""Plays a whole scenario: a fresh stack, what is given, the steps, and how it went."""

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from sim.clients import Refused
from sim.judge import StepResult
from sim.player import Player
from sim.scenario import Scenario
from sim.stack import BrokerKind, Stack
from sim.waiting import Stopwatch


class ScenarioResult(msgspec.Struct):
    """How a scenario went."""

    name: str
    path: str
    broker: str
    ok: bool
    steps: list[StepResult]
    took_s: float
    error: str = ""


def play(
    scenario: Scenario,
    broker: BrokerKind = "amqtt",
    database_url: str | None = None,
    watch: Callable[[StepResult], None] | None = None,
) -> ScenarioResult:
    """Start a fresh stack, load ``given``, do the steps. Stops at the first step that fails."""
    clock = Stopwatch()
    steps: list[StepResult] = []
    with tempfile.TemporaryDirectory(prefix="menjin-scenario-") as folder:
        stack = Stack(
            Path(folder),
            scenario.site,
            broker,
            database_url,
            scenario.settings,
            desk=scenario.needs_desk,
            rules=scenario.rules,
        )
        try:
            with stack, closing(Player(stack, scenario)) as player:
                player.prepare()
                for step in scenario.steps:
                    result = player.do(step)
                    steps.append(result)
                    if watch is not None:
                        watch(result)
                    if not result.ok:
                        break
        except (RuntimeError, Refused) as error:
            return ScenarioResult(scenario.name, scenario.path, broker, False, steps, clock.s, str(error))
    ok = len(steps) == len(scenario.steps) and all(step.ok for step in steps)
    return ScenarioResult(scenario.name, scenario.path, broker, ok, steps, clock.s)
