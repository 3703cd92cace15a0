"""``menjin server`` and ``menjin broker``. What cannot be used ends with one line on stderr and exit code 2."""

import gc
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

app = typer.Typer(add_completion=False, help="The central server: API, ledger, fleet, console.")

ConfigFile = Annotated[Path, typer.Option("--config", help="TOML file; every key also as MENJIN_SERVER_KEY.")]


class RoleName(StrEnum):
    """The roles of the permission table."""

    guard = "guard"
    customer_service = "customer_service"
    it_head = "it_head"
    equipment_head = "equipment_head"
    supervisor = "supervisor"
    auditor = "auditor"
    kiosk = "kiosk"
    administrator = "administrator"


@app.callback(invoke_without_command=True)
def server(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file; every key also as MENJIN_SERVER_KEY.")
    ] = None,
) -> None:
    """Serve until stopped."""
    if context.invoked_subcommand is not None:
        return
    if config is None:
        _end("menjin server: --config FILE is missing")

    def run() -> None:
        gc.disable()  # what is imported stays: looking for garbage among it took an eighth of the start; serve() enables it
        from server.config import load_config
        from server.logs import start_logs
        from server.serve import serve

        settings = load_config(config)
        start_logs(settings.log_level)
        serve(settings)

    _one_line_on_error("menjin server", run, _server_errors())


@app.command()
def token(
    config: ConfigFile,
    role: Annotated[RoleName, typer.Option("--role", help="What the token may do.")],
    name: Annotated[str, typer.Option("--name", help="Who uses it, for the audit log.")],
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", help="A permission it may use, e.g. registry.write; repeat. All, if none."),
    ] = None,
) -> None:
    """Make an API bearer token and print it: it is shown once and kept as a hash."""

    def run() -> None:
        from server.app import open_context
        from server.config import ConfigError, load_config
        from server.db.clock import SystemClock
        from server.logs import start_logs
        from server.operators.actor import SYSTEM
        from server.operators.permissions import Permission
        from server.operators.service import create_token
        from server.problems import Problem

        try:
            permissions = [Permission(scope) for scope in scopes] if scopes else None
        except ValueError as error:
            raise ConfigError(f"--scope: {error}; the permissions are: {', '.join(Permission)}") from error
        settings = load_config(config)
        start_logs("warning")
        context = open_context(settings, SystemClock())
        try:
            with context.database.write() as session:
                _, text = create_token(session, SYSTEM, context.clock.now(), name, role.value, scopes=permissions)
        except Problem as refused:
            raise ConfigError(refused.detail) from refused
        finally:
            context.database.close()
        typer.echo(text)

    _one_line_on_error("menjin server token", run, _server_errors())


@app.command()
def recover(
    config: ConfigFile,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the ledger.")],
    head: Annotated[
        str,
        typer.Option("--head", help="Who approved on paper, where no supervisor can sign in to approve in the ledger."),
    ] = "",
) -> None:
    """Open the recovery secret: both halves from standard input, a line each. Prints a one-time administrator sign-in (D3)."""

    def run() -> None:
        from server.app import open_context
        from server.config import ConfigError, load_config
        from server.db.clock import SystemClock
        from server.logs import start_logs
        from server.operators import recovery
        from server.operators.actor import SYSTEM
        from server.problems import Problem

        if not reason.strip():
            raise ConfigError("--reason: say why the recovery secret is opened")
        settings = load_config(config)
        start_logs("warning")
        context = open_context(settings, SystemClock())
        try:
            halves = (_half("A"), _half("B"))
            with context.database.write() as session:
                given = recovery.open_secret(session, SYSTEM, context.clock.now(), halves, reason.strip(), head.strip())
        except Problem as refused:
            raise ConfigError(refused.detail) from refused
        finally:
            context.close()
        typer.echo(
            f"user name: {given.username}\npassword:  {given.one_time_password}\nuntil:     {given.closes_at:%Y-%m-%d %H:%M} UTC"
        )

    _one_line_on_error("menjin server recover", run, _server_errors())


def _half(name: str) -> str:
    """Not shown on the screen where one types it."""
    if sys.stdin.isatty():
        return str(typer.prompt(f"half {name}", hide_input=True, err=True))
    return sys.stdin.readline().strip()


@app.command("bench-compile", hidden=True)
def bench_compile(
    site: Annotated[Path, typer.Option("--site", help="The site file.")],
    badges: Annotated[int, typer.Option("--badges", min=1, max=1_000_000)] = 1_000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=1_000)] = 50,
) -> None:
    """How long a change takes from the registry to its delta, as JSON: for ``menjin bench compile``."""

    def run() -> None:
        import tempfile

        import msgspec

        from controller.site_checks import parse_site
        from server.config import ConfigError
        from server.db.clock import SystemClock
        from server.fleet.bench import measure
        from server.logs import start_logs

        start_logs("warning")
        try:
            text = site.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"--site: {site} cannot be read: {error}") from error
        clock = SystemClock()
        with tempfile.TemporaryDirectory(prefix="menjin-bench-") as folder:
            measured = measure(
                Path(folder), parse_site(text, str(site)), badges, rounds, lambda: clock.now().timestamp()
            )
        typer.echo(msgspec.json.encode(measured).decode())

    _one_line_on_error("menjin server bench-compile", run, _server_errors())


@app.command("bench-sheet", hidden=True)
def bench_sheet(rounds: Annotated[int, typer.Option("--rounds", min=1, max=1_000)] = 20) -> None:
    """How long an exit slip's sheet takes, as JSON: for ``menjin bench slip``."""

    def run() -> None:
        import msgspec

        from server.db.clock import SystemClock
        from server.equipment.bench import measure
        from server.logs import start_logs

        start_logs("warning")
        clock = SystemClock()
        typer.echo(msgspec.json.encode(measure(rounds, lambda: clock.now().timestamp())).decode())

    _one_line_on_error("menjin server bench-sheet", run, _server_errors())


def broker(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free port.")] = 1883,
    host: Annotated[
        str, typer.Option("--host", help="A loopback address: the embedded broker knows no passwords.")
    ] = "127.0.0.1",
) -> None:
    """The embedded MQTT broker, for one machine."""

    def run() -> None:
        from server.broker import run_broker
        from server.logs import start_logs

        start_logs("info")
        run_broker(host, port)

    _one_line_on_error("menjin broker", run, _broker_errors())


def _server_errors() -> tuple[type[Exception], ...]:
    from controller.site_checks import SiteError
    from server.config import ConfigError
    from server.db.engine import DatabaseError
    from server.keys import KeysError

    return ConfigError, SiteError, DatabaseError, KeysError


def _broker_errors() -> tuple[type[Exception], ...]:
    from server.config import ConfigError

    return (ConfigError,)


def _one_line_on_error(program: str, run: Callable[[], None], expected: tuple[type[Exception], ...]) -> None:
    try:
        run()
    except expected as error:
        _end(f"{program}: {' '.join(str(error).split())}")


def _end(line: str) -> NoReturn:
    sys.stderr.write(line + "\n")
    raise typer.Exit(2)
