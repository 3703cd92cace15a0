"""``menjin roster``: open the encrypted roster, without server, database or network. What cannot be done ends with one line and exit code 2."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from server.key_files import KeysError, refuse_exposed
from server.roster.muster import MAX_BYTES, Muster, read_muster
from server.roster.sealed_file import MAX_CHARACTERS, MAX_FILE_BYTES, RosterError, open_roster
from server.roster.showing import as_html, as_text

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The guards' roster: names behind the numbers.")


@app.callback()
def top() -> None:
    """The guards' roster: names behind the numbers."""


@app.command("open")
def open_file(
    file: Annotated[Path, typer.Argument(help="The file of GET /api/v1/roster.")],
    muster: Annotated[
        Path | None, typer.Option("--muster", help="What `menjin edge muster --json` printed; - reads it from stdin.")
    ] = None,
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", help="Mode 600; without it the passphrase is asked for.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--html", help="Write one HTML file (mode 600) to print, with photos; shred it afterwards."),
    ] = None,
) -> None:
    """Show who the badges belong to; with --muster who is inside, by name."""
    try:
        listed = _muster(muster) if muster is not None else None
        sealed = _read(file, MAX_FILE_BYTES)
        roster = open_roster(sealed, _passphrase(passphrase_file))
    except (RosterError, KeysError) as error:
        _end(str(error))
    if out is None:
        typer.echo(as_text(roster, listed), nl=False)
        return
    _write(out, as_html(roster, listed))
    typer.echo(f"{out}: holds names and photos in clear; print it, then remove it", err=True)


def _muster(path: Path) -> Muster:
    if str(path) == "-":
        return read_muster(sys.stdin.buffer.read(MAX_BYTES))
    return read_muster(_read(path, MAX_BYTES))


def _read(path: Path, most: int) -> bytes:
    try:
        if path.stat().st_size > most:
            raise RosterError(f"{path}: larger than {most} bytes")
        return path.read_bytes()
    except OSError as error:
        raise RosterError(f"{path}: cannot be read: {error.strerror}") from error


def read_passphrase_file(path: Path) -> str:
    """The one line of a file that only its owner can read. Raises :class:`RosterError`, :class:`KeysError`."""
    try:
        mode = path.stat().st_mode
        text = path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise RosterError(f"{path}: cannot be read as text") from error
    refuse_exposed(path, mode)
    if not text or len(text) > MAX_CHARACTERS or "\n" in text:
        raise RosterError(f"{path}: one line with the passphrase is expected")
    return text


def _passphrase(path: Path | None) -> str:
    if path is not None:
        return read_passphrase_file(path)
    if not sys.stdin.isatty():
        raise RosterError("the passphrase is asked for at a terminal; elsewhere name its file with --passphrase-file")
    asked: str = typer.prompt("passphrase", hide_input=True, err=True)
    return asked


def _write(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        _end(f"{path}: exists already; name another file")
    except OSError as error:
        _end(f"{path}: cannot be written: {error.strerror}")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _end(line: str) -> NoReturn:
    sys.stderr.write(f"menjin roster: {' '.join(line.split())}\n")
    raise typer.Exit(2)
