"""``menjin demo``: the whole product on one machine, to look at or, headless, to measure."""

import datetime as dt
import json
import random
import shutil
import signal
import statistics
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import typer
import yaml
from rich.console import Console

from sim.at_the_door import READY_POLL_S, doors_are_ready
from sim.child import ChildError
from sim.clients import Refused
from sim.compare import compare_when_drained
from sim.demo_accounts import lines, make_accounts
from sim.demo_papers import DemoPapers
from sim.demo_people import DemoPeople, Tapped
from sim.journal_tail import JournalTail
from sim.population import Population
from sim.scenario import ScenarioError
from sim.scenario_given import Given
from sim.site_folder import SiteFolder
from sim.stack import EDGE, BrokerKind, Stack
from sim.waiting import Stopwatch, until

POLICY_TIMEOUT_S = 20.0
BETWEEN_TAPS_S = 0.05
BETWEEN_PEOPLE_S = (1.0, 5.0)


class DemoFigures(msgspec.Struct):
    """What the headless demo prints. ``pending``: taps that waited for somebody. ``tap_to_unlock_ms`` counts taps that unlocked; lost and duplicated come from comparing
    the edge's journal with the ledger byte by byte."""

    taps: int = 0
    granted: int = 0
    pending: int = 0
    denied: int = 0
    unanswered: int = 0
    events_at_server: int = 0
    events_lost: int = 0
    events_duplicated: int = 0
    tap_to_unlock_ms: dict[str, float | None] = msgspec.field(default_factory=dict)


def load_population(site: Path) -> Given:
    """The people of a bundled site (``population.yaml``: the scenario language's ``given``).

    Raises :class:`ScenarioError`."""
    path = site / "population.yaml"
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Given)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ScenarioError(f"{path}: {error}") from error


class Demo:
    """Starts the stack, fills it, and either waits for Ctrl-C or plays taps by itself."""

    def __init__(
        self,
        directory: Path | None,
        broker: BrokerKind,
        port: int,
        hall_port: int,
        database_url: str | None,
        people: bool = False,
    ) -> None:
        self._with_people = people
        self._own = directory is None
        self._directory = directory or Path(tempfile.mkdtemp(prefix="menjin-demo-"))
        self._out = Console(stderr=True)
        self._steps = Stopwatch()
        self.stack = Stack(
            self._directory,
            "demo",
            broker,
            database_url,
            progress=self._progress,
            ports={"server": port, "hall": hall_port},
            desk=True,
        )
        self._stop = threading.Event()

    def run(self, headless_s: float | None, as_json: bool, seed: int) -> int:
        """The whole demo. Returns the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        try:
            with self.stack:
                given = load_population(self._directory / "site")
                self._progress("people, badges and cards")
                self._fill(given)
                if headless_s is None:
                    self._present(make_accounts(self.stack))
                    DemoPapers(self.stack, given, dt.datetime.now(dt.UTC)).make()  # nobody waits for it
                    if self._with_people:
                        self._live(given, random.Random(seed))
                    self._stop.wait()
                    self._out.print("\nstopping …")
                    return 0
                figures = self._play(given, headless_s, random.Random(seed))
        except (ChildError, Refused, ScenarioError) as error:
            self._out.print(f"menjin demo: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
            return 1
        except _Interrupted:
            return 130
        finally:
            if self._own:
                shutil.rmtree(self._directory, ignore_errors=True)
        self._report(figures, as_json)
        return 0 if figures.events_lost == 0 and figures.events_duplicated == 0 else 1

    def _fill(self, given: Given) -> None:
        population = Population(self.stack.api, self.stack.hall, dt.datetime.now(dt.UTC))
        population.load(given)
        population.unknown_card()
        population.blank_card()
        if not until(lambda: doors_are_ready(self.stack.api), POLICY_TIMEOUT_S, READY_POLL_S):
            raise ChildError(f"the edge did not take the policy within {POLICY_TIMEOUT_S:.0f} s")

    def _play(self, given: Given, duration_s: float, chance: random.Random) -> DemoFigures:
        """What people do for so long, counted."""
        figures, times_ms, watch = DemoFigures(), [], Stopwatch()

        def told(tapped: Tapped) -> None:
            figures.taps += 1
            if tapped.unlocked or tapped.indicator == "granted":
                figures.granted += 1
                if tapped.tap_to_unlock_ms is not None:
                    times_ms.append(tapped.tap_to_unlock_ms)
            elif tapped.indicator in ("denied", "alarm"):
                figures.denied += 1
            elif tapped.indicator == "pending":
                figures.pending += 1
            else:
                figures.unanswered += 1
                self._out.print(f"  no answer to {tapped.card} at {tapped.reader}", highlight=False, markup=False)

        people = self._people(given, chance, told)
        while watch.s < duration_s and not self._stop.wait(BETWEEN_TAPS_S):
            people.act()
        found = compare_when_drained(JournalTail(self.stack.edge_state / "journal.db"), self.stack.api, EDGE)
        figures.events_at_server = found.events_at_server
        figures.events_lost = found.lost
        figures.events_duplicated = found.duplicated
        figures.tap_to_unlock_ms = {"p50": _percentile(times_ms, 50), "p99": _percentile(times_ms, 99)}
        return figures

    def _people(self, given: Given, chance: random.Random, told: Callable[[Tapped], None]) -> DemoPeople:
        return DemoPeople(self.stack.hall, SiteFolder("demo").site, given, chance, told, self._stop.wait)

    def _live(self, given: Given, chance: random.Random) -> None:
        """People come and go by themselves until Ctrl-C."""
        people = self._people(given, chance, lambda _tapped: None)
        while not self._stop.wait(chance.uniform(*BETWEEN_PEOPLE_S)):
            people.act()

    def _present(self, password: str) -> None:
        self._out.print("\n  [bold]menjin is running.[/bold]  Ctrl-C stops it and leaves nothing behind.\n")
        said = {
            "guards' console": [self.stack.server_url, *lines(password)],
            "simulated hall": [self.stack.hall_url, "click a card, then a reader; then the door, and walk in"],
            "what to try": ["README.md, five minutes: a badge from the application to the register"],
            "logs": [str(self._directory / "logs")],
        }
        for name, values in said.items():
            for head, line in zip([name, *[""] * len(values)], values, strict=False):
                self._out.print(f"  {head:17} {line}", highlight=False, markup=False, soft_wrap=True)
        self._out.print()

    def _report(self, figures: DemoFigures, as_json: bool) -> None:
        document: dict[str, Any] = msgspec.to_builtins(figures)
        if as_json:
            typer.echo(json.dumps(document))
            return
        for name, value in document.items():
            self._out.print(f"  {name:20} {value}", highlight=False)

    def _progress(self, step: str) -> None:
        self._out.print(f"  [dim]{self._steps.s:5.1f} s[/dim]  {step}", highlight=False)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        starting = not self._stop.is_set() and "edge" not in self.stack.children
        self._stop.set()
        if starting:  # nothing to wait for yet: unwind, which stops what has been started
            raise _Interrupted


class _Interrupted(BaseException):
    """Ctrl-C while the stack was still starting."""


def _percentile(values: list[float], percent: int) -> float | None:
    if not values:
        return None
    if len(values) == 1:
        return round(values[0], 1)
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 1)
