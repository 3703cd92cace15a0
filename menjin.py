"""The command ``menjin``: nothing but wiring of subcommands.

Only the part that was asked for is imported, so that an edge starts without the server's libraries.
"""

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from controller.release import VERSION

COMMANDS = {
    "demo": ("sim.run_cli:demo", "Broker, server, edge and a simulated hall, ready to tap."),
    "server": ("server.cli:app", "The central server: API, ledger, fleet, console."),
    "broker": ("server.cli:broker", "The embedded MQTT broker."),
    "edge": ("edge.cli:app", "The agent of one machine room; enrol, rest, muster."),
    "sim": ("sim.cli:app", "Scenarios and the simulated hall."),
    "bench": ("sim.bench.cli:bench", "Measure; figures and ratios of one run."),
    "replay": ("edge.replay:replay", "Decide recorded inputs again, under another policy or their own."),
    "registry": ("server.registry.cli:app", "The customer registry as a file: import, export."),
    "roster": ("server.roster.cli:app", "The guards' roster: names behind the numbers of a muster."),
    "keys": ("server.keys_cli:app", "Signing keys and card keys."),
}
"""Subcommand → (module:object, help line)."""


class LazyGroup(TyperGroup):
    """A command group that imports a subcommand's module when it is used."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        target, help_line = entry
        if len(sys.argv) < 2 or sys.argv[1] != cmd_name:  # only listed: its help line is enough
            return TyperCommand(cmd_name, help=help_line)
        module_name, _, attribute = target.partition(":")
        found = getattr(importlib.import_module(module_name), attribute)
        if isinstance(found, typer.Typer):
            command = typer.main.get_command(found)
        else:
            single = typer.Typer(add_completion=False)
            single.command(cmd_name, help=help_line)(found)
            command = typer.main.get_command(single)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=LazyGroup, add_completion=False, no_args_is_help=True, help="menjin: access control for machine rooms."
)


@app.callback(invoke_without_command=True)
def top(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    """menjin: access control for machine rooms."""
    if version:
        typer.echo(VERSION)
        raise typer.Exit


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
