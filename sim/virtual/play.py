"""Plays a whole scenario in virtual time: a building of its own, what is given, the steps, and how it went."""

from collections.abc import Callable

from controller.site_checks import SiteError
from sim.judge import StepResult
from sim.node import BrokenPromise
from sim.play import ScenarioResult
from sim.scenario import Scenario
from sim.virtual.player import VirtualPlayer
from sim.waiting import Stopwatch
from sim.wiring import WiringError


def play_virtually(
    scenario: Scenario, seed: int = 1, watch: Callable[[StepResult], None] | None = None
) -> ScenarioResult:
    """Stops at the first step that fails. The caller has asked :func:`sim.virtual.needs.needs_processes`."""
    clock = Stopwatch()
    result = ScenarioResult(scenario.name, scenario.path, "virtual", ok=False, steps=[], took_s=0.0)
    try:
        player = VirtualPlayer(scenario, seed)
        player.prepare()
        for step in scenario.steps:
            done = player.do(step)
            result.steps.append(done)
            if watch is not None:
                watch(done)
            if not done.ok:
                break
    except (SiteError, WiringError, RuntimeError, BrokenPromise) as error:
        result.error = f"{error} (seed {seed})" if isinstance(error, BrokenPromise) else str(error)
    result.ok = not result.error and all(step.ok for step in result.steps)
    result.took_s = round(clock.s, 3)
    return result
