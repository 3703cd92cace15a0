"""``menjin sim run`` and ``menjin demo``."""

import json
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from sim.judge import StepResult
from sim.play import ScenarioResult, play
from sim.scenario import ScenarioError
from sim.scenario_file import load
from sim.scenario_times import duration_s
from sim.stack import BrokerKind
from sim.virtual.needs import needs_processes
from sim.virtual.play import play_virtually


def broker_kind(text: str) -> BrokerKind:
    """``amqtt`` or ``mosquitto``. Raises :class:`typer.BadParameter`."""
    if text == "amqtt":
        return "amqtt"
    if text == "mosquitto":
        return "mosquitto"
    raise typer.BadParameter(f"{text!r}: amqtt (embedded) or mosquitto (Debian's package)")


def run(
    files: Annotated[list[Path], typer.Argument(help="Scenario files (docs/scenarios.md).")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    seed: Annotated[int, typer.Option(help="Of every choice left to chance.")] = 1,
    broker: Annotated[str, typer.Option(help="amqtt or mosquitto.")] = "amqtt",
    database_url: Annotated[str | None, typer.Option(help="PostgreSQL, instead of SQLite.")] = None,
    virtual: Annotated[
        bool, typer.Option("--virtual", help="No process, no waiting: the agent alone, in memory.")
    ] = False,
) -> None:
    """Play scenarios through real processes, or in virtual time. Exits 0 only if every expectation holds, 2 if a file cannot be used.

    A file whose times are exact (`time: virtual`) is played in virtual time in either case.
    """
    out = Console(stderr=True, highlight=False)
    kind = broker_kind(broker)
    try:
        scenarios = [load(path) for path in files]
        for scenario in scenarios:
            why = needs_processes(scenario) if virtual or scenario.virtual else ""
            if why:
                raise ScenarioError(why)
    except ScenarioError as error:
        typer.echo(f"menjin sim run: {error}", err=True)
        raise typer.Exit(2) from error
    results = []
    for scenario in scenarios:
        in_memory = virtual or scenario.virtual
        out.print(f"[bold]{scenario.name}[/bold]  ({scenario.path}, {'virtual' if in_memory else broker})")
        if in_memory:
            result = play_virtually(scenario, seed, lambda step: _show_step(out, step))
        else:
            result = play(scenario, kind, database_url, lambda step: _show_step(out, step))
        results.append(result)
        _show_result(out, result)
    if as_json:
        typer.echo(
            json.dumps({"ok": all(r.ok for r in results), "seed": seed, "scenarios": msgspec.to_builtins(results)})
        )
    if not all(result.ok for result in results):
        raise typer.Exit(1)


def demo(
    headless: Annotated[bool, typer.Option(help="Play taps by itself and print figures.")] = False,
    duration: Annotated[str, typer.Option("--for", help="How long, headless: 30s, 5min.")] = "30s",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout (headless).")] = False,
    seed: Annotated[int, typer.Option(help="Of the headless taps.")] = 1,
    broker: Annotated[str, typer.Option(help="amqtt or mosquitto.")] = "amqtt",
    database_url: Annotated[str | None, typer.Option(help="PostgreSQL, instead of SQLite.")] = None,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Keep everything here; otherwise a folder that goes.")
    ] = None,
    port: Annotated[int, typer.Option(help="Of the console; 0: the system chooses.")] = 0,
    hall_port: Annotated[int, typer.Option(help="Of the simulated hall; 0: the system chooses.")] = 0,
    people: Annotated[bool, typer.Option("--people", help="Let people come and go by themselves.")] = False,
) -> None:
    """Broker, server, edge and a simulated hall, ready to tap."""
    from sim.demo import Demo

    try:
        headless_s = duration_s(duration) if headless else None
    except ValueError as error:
        typer.echo(f"menjin demo: --for: {error}", err=True)
        raise typer.Exit(2) from error
    if directory is not None and directory.exists() and any(directory.iterdir()):
        typer.echo(f"menjin demo: {directory} is not empty; the demo starts on an empty folder", err=True)
        raise typer.Exit(2)
    made = Demo(directory, broker_kind(broker), port, hall_port, database_url, people)
    raise typer.Exit(made.run(headless_s, as_json, seed))


def _show_step(out: Console, step: StepResult) -> None:
    mark = "[green]✓[/green]" if step.ok else "[red]✗[/red]"
    seen = " ".join(f"{key}={value}" for key, value in step.observed.items() if value is not None)
    out.print(f"  {mark} {step.line:4} {step.verb:9} {step.took_ms:7.0f} ms  [dim]{seen}[/dim]")
    for problem in step.problems:
        out.print(f"         {problem}", style="red", markup=False)


def _show_result(out: Console, result: ScenarioResult) -> None:
    if result.error:
        out.print(f"  {result.error}", style="red", markup=False)
    out.print(f"  {'[green]holds[/green]' if result.ok else '[red]fails[/red]'} after {result.took_s:.1f} s")
