"""The command line of the simulator."""

from pathlib import Path
from typing import Annotated

import typer

from sim.run_cli import run

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Scenarios and the simulated hall.")


@app.callback()
def sim() -> None:
    """Scenarios and the simulated hall."""


@app.command()
def hall(
    directory: Annotated[Path, typer.Option("--dir", help="Where hall.json, edge.toml and dev/ are put.")],
    card_keys: Annotated[Path, typer.Option(help="Card keys, as `menjin keys cards` makes them.")],
    site: Annotated[str, typer.Option(help="A bundled site, or a folder with site.toml and edge.toml.")] = "demo",
    port: Annotated[int, typer.Option(help="0: the system chooses.")] = 0,
    edge_state: Annotated[str, typer.Option(help="state_dir for edge.toml.")] = "edge-state",
    bundle: Annotated[str, typer.Option(help="bundle for edge.toml.")] = "edge.bundle",
    desk_state: Annotated[str, typer.Option(help="state_dir for desk.toml, where the site has a desk.")] = "desk-state",
    desk_bundle: Annotated[str, typer.Option(help="bundle for desk.toml.")] = "desk.bundle",
    broker: Annotated[str | None, typer.Option(help="Broker URL for edge.toml.")] = None,
    broker_upstream: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of the broker; the edge's connection then runs through a cable to pull."),
    ] = None,
) -> None:
    """The simulated hardware alone, with a page to tap cards, open doors, press REX."""
    from controller.site_checks import SiteError
    from sim.hall_process import HallStartError, run_hall
    from sim.wiring import WiringError

    try:
        run_hall(site, directory, card_keys, port, edge_state, bundle, broker, broker_upstream, desk_state, desk_bundle)
    except (HallStartError, SiteError, WiringError) as error:
        typer.echo(f"menjin sim hall: {error}", err=True)
        raise typer.Exit(2) from error


app.command("run")(run)
