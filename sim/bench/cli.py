"""``menjin bench``: the figures of the issue, measured in one run."""

import json
from collections.abc import Callable
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from sim.bench.figures import BenchFailed, BenchMissing, Report
from sim.child import ChildError

BENCHES = (
    "decide",
    "tap",
    "scan",
    "start",
    "ingest",
    "revoke",
    "compile",
    "quota",
    "muster",
    "rooms",
    "inventory",
    "slip",
    "console",
)


def bench(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(BENCHES)}; all when none is named.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Measure; exit 1 when a demand is not met."""
    out = Console(stderr=True, highlight=False)
    wanted = names or list(BENCHES)
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        typer.echo(f"menjin bench: no bench {unknown[0]!r}; there are {', '.join(BENCHES)}", err=True)
        raise typer.Exit(2)
    reports = []
    for name in wanted:
        out.print(f"[bold]{name}[/bold] …")
        try:
            report = _bench(name)()
        except BenchMissing as error:
            typer.echo(f"menjin bench: {error}", err=True)
            raise typer.Exit(2) from error
        except (BenchFailed, ChildError) as error:
            typer.echo(f"menjin bench {name}: {error}", err=True)
            raise typer.Exit(1) from error
        reports.append(report)
        _show(out, report)
    if as_json:
        typer.echo(json.dumps({"ok": all(r.ok for r in reports), "benches": msgspec.to_builtins(reports)}))
    if not all(report.ok for report in reports):
        raise typer.Exit(1)


def _bench(name: str) -> Callable[[], Report]:
    if name == "decide":
        from sim.bench import decide

        return decide.run
    if name == "tap":
        from sim.bench import tap

        return tap.run
    if name == "scan":
        from sim.bench import scan

        return scan.run
    if name == "start":
        from sim.bench import start

        return start.run
    if name == "ingest":
        from sim.bench import ingest

        return ingest.run
    if name == "muster":
        from sim.bench import muster

        return muster.run
    if name == "rooms":
        from sim.bench import rooms

        return rooms.run
    if name == "inventory":
        from sim.bench import inventory

        return inventory.run
    if name == "slip":
        from sim.bench import slip

        return slip.run
    if name == "console":
        from sim.bench import console

        return console.run
    if name == "compile":
        from sim.bench import compile as compiling

        return compiling.run
    if name == "quota":
        from sim.bench import quota

        return quota.run
    from sim.bench import revoke

    return revoke.run


def _show(out: Console, report: Report) -> None:
    table = Table(box=None, pad_edge=False)
    for heading, justify in (("figure", "left"), ("value", "right"), ("", "left"), ("reach", "left")):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    for figure in report.figures:
        verdict = "" if figure.ok is None else ("[green]met[/green]" if figure.ok else "[red]missed[/red]")
        table.add_row(
            figure.name, f"{figure.value:,.3f}".rstrip("0").rstrip("."), figure.unit, f"{figure.reach} {verdict}"
        )
    out.print(table)
    if report.note:
        out.print(f"[dim]{report.note}[/dim]")
