"""``menjin edge``: run the agent, enrol it, put its outputs to rest, say who is inside. Bad input ends with one line and exit code 2.

Each command imports what it needs itself: a muster list is wanted within a second.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from edge.boards.board import BoardFault
from edge.config import ConfigError, EdgeConfig, load_config, parse_config, resolved

BAD_INPUT = 2
FAILED = 1

app = typer.Typer(add_completion=False, help="The agent of one machine room.")

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The edge's edge.toml.")]


@app.callback(invoke_without_command=True)
def run(context: typer.Context, config: Config = None, log_level: str = typer.Option("INFO", "--log-level")) -> None:
    """Run the agent until SIGTERM or SIGINT."""
    if context.invoked_subcommand is not None:
        return
    _log_to_stderr(log_level)
    from edge.__main__ import build
    from edge.keys import KeyFileError, load_bundle
    from edge.link import LinkError
    from edge.ports import JournalFault
    from readers.credentials.keys import KeyRefused
    from readers.drivers import ReaderRefused
    from readers.scanners import ScannerRefused

    try:
        loaded = load_config(_required(config))
        bundle = load_bundle(Path(loaded.bundle))
        if (bundle.site, bundle.edge) != (loaded.site, loaded.edge):
            _refuse(
                f"{loaded.bundle}: enrolled as {bundle.edge} of {bundle.site}, but edge.toml is {loaded.edge} of {loaded.site}; "
                "correct one of them"
            )
        runner = build(loaded, bundle)
    except (
        ConfigError,
        KeyFileError,
        LinkError,
        ReaderRefused,
        ScannerRefused,
        KeyRefused,
        JournalFault,
        ValueError,
    ) as error:
        _refuse(str(error))
    runner.stop_on_signals()
    runner.run()


@app.command()
def enrol(
    server: Annotated[str, typer.Option(help="The server's URL.")],
    out: Annotated[Path, typer.Option(help="The bundle to write, mode 600.")],
    token: Annotated[
        str,
        typer.Option(
            help="One-time token from the console; better given by MENJIN_ENROL_TOKEN.", envvar="MENJIN_ENROL_TOKEN"
        ),
    ],
    card_keys: Annotated[Path | None, typer.Option(help="Card keys, made by `menjin keys cards`.")] = None,
    ca: Annotated[Path | None, typer.Option(help="Certificate that the server's TLS is checked against.")] = None,
    desk: Annotated[bool, typer.Option("--desk", help="A desk: the keys that write cards go into the bundle.")] = False,
) -> None:
    """Make this edge's key pair, have the server take its public half, write the bundle."""
    from edge.enrol import EnrolError  # the HTTP client is not loaded by a running edge
    from edge.enrol import enrol as enrol_edge

    try:
        bundle = enrol_edge(server, token, card_keys, out, ca, desk)
    except EnrolError as error:
        _refuse(str(error))
    typer.echo(f"{out}: edge {bundle.edge} of site {bundle.site}")


@app.command()
def rest(context: typer.Context, config: Config = None) -> None:
    """Put all outputs to rest and end: for the service manager, after the agent has gone (ExecStopPost)."""
    path = _required(config or _parent_config(context))
    from edge.hardware import make_board

    loaded = _parsed(path)  # locks are put to rest even when the bundle or a certificate is missing
    failed = False
    for line in loaded.boards:
        board = make_board(line)
        try:
            board.open()
        except BoardFault as fault:
            failed = True
            print(f"board {line.id}: {fault}", file=sys.stderr)  # noqa: T201
        finally:
            board.close()
    if failed:
        raise typer.Exit(FAILED)


@app.command()
def muster(
    context: typer.Context,
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    pages: Annotated[bool, typer.Option("--print", help="Pages for a printer, to count by and to sign.")] = False,
    language: Annotated[str, typer.Option(help="en or zh-CN.")] = "en",
) -> None:
    """Who is inside, by the edge's own files, whether it runs or not."""
    from edge.clock import SystemClock
    from edge.muster.facts import muster_of
    from edge.muster.stored import StoredError, read_situation
    from edge.muster.text import as_json, as_pages, as_text
    from edge.muster.words import LANGUAGES

    loaded = _parsed(_required(config or _parent_config(context)))
    if json and pages:
        _refuse("--json and --print: give one of them")
    spoken = next((known for known in LANGUAGES if known == language), None)
    if spoken is None:
        _refuse(f"--language {language}: write en or zh-CN")
    now = SystemClock("always").now()
    try:
        situation = read_situation(loaded.journal_path, loaded.policy_path, loaded.site, loaded.edge, now.wall_us)
    except StoredError as error:
        _refuse(str(error))
    found = muster_of(situation)
    if json:
        typer.echo(as_json(found, situation.warnings))
    else:
        for line in situation.warnings if pages else ():
            typer.echo(line, err=True)
        typer.echo(as_pages(found, spoken) if pages else as_text(found, spoken, situation.warnings), nl=False)


@app.command("muster-password")
def muster_password(context: typer.Context, config: Config = None) -> None:
    """Set the password of the muster page; the running edge takes it at once and asks everybody for it."""
    from edge.muster.password import PasswordRefused, write_password
    from edge.private_file import PrivateFileError

    path = _required(config or _parent_config(context))
    loaded = _parsed(path)
    if loaded.muster is None:
        _refuse(f"{path}: has no [muster] table; add one with listen and password_file (docs/muster.md)")
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    try:
        write_password(Path(loaded.muster.password_file), password)
    except (PasswordRefused, PrivateFileError) as error:
        _refuse(str(error))
    typer.echo(f"{loaded.muster.password_file}: written")


def _parsed(path: Path) -> EdgeConfig:
    """The file alone, its paths resolved: what it names may be missing."""
    try:
        return resolved(parse_config(path.read_text(encoding="utf-8"), str(path)), path)
    except (OSError, UnicodeDecodeError) as error:
        _refuse(f"{path}: cannot be read ({error})")
    except ConfigError as error:
        _refuse(str(error))


def _parent_config(context: typer.Context) -> Path | None:
    """``menjin edge --config F rest`` means the same as ``menjin edge rest --config F``."""
    given = context.parent.params.get("config") if context.parent is not None else None
    return Path(given) if given is not None else None


def _required(config: Path | None) -> Path:
    if config is None:
        _refuse("edge: give the configuration with --config FILE")
    return config


def _refuse(line: str) -> NoReturn:
    print(" ".join(line.split()), file=sys.stderr)  # noqa: T201
    raise typer.Exit(BAD_INPUT)


def _log_to_stderr(level: str) -> None:
    if level.upper() not in logging.getLevelNamesMapping():
        _refuse(f"--log-level {level}: write DEBUG, INFO, WARNING or ERROR")
    under_journald = "JOURNAL_STREAM" in os.environ
    pattern = (
        "%(levelname)s %(name)s %(message)s" if under_journald else "%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    logging.basicConfig(level=level.upper(), stream=sys.stderr, format=pattern)
