"""``menjin registry import`` and ``export``. What cannot be used ends with one line on stderr and exit code 2."""

import getpass
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import DBAPIError, IntegrityError

from controller.site_checks import SiteError
from server.app import open_context
from server.config import ConfigError, load_config
from server.context import Context
from server.db.clock import SystemClock
from server.db.engine import DatabaseError, is_away
from server.key_files import KeysError
from server.logs import start_logs
from server.operators.actor import Actor
from server.operators.audit import record
from server.personal.looks import LOOK, checked_reason
from server.problems import Problem
from server.registry.exporting import export_rows, to_csv, to_xlsx, write_export
from server.registry.import_rows import Fault, read_rows
from server.registry.importing import Checked, Importer, Outcome
from server.registry.sheets import NOUNS, Noun, find_noun
from server.registry.table_files import FileFault, read_tables

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The customer registry as a file.")

MAX_FAULTS_SHOWN = 200

ConfigFile = Annotated[Path, typer.Option("--config", help="The server's configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help=".xlsx with a sheet per noun, or .csv of one noun.")],
    config: ConfigFile,
    noun: Annotated[str | None, typer.Option("--noun", help="CSV: customers, contacts, contracts or holders.")] = None,
    source: Annotated[str, typer.Option("--source", help="source_system of rows that name none.")] = "file",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the difference line by line; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create and update customers, contacts, contracts and holders from a file. With any error nothing is written."""
    with _context(config) as context, _progress() as progress:
        rows, faults = read_rows(read_tables(file), noun, source, context.site.time_zone)
        result = Checked(faults=faults)
        if not faults:
            advance = progress("checking", len(rows))
            result = _importer(context, advance).check(context.database, rows)
        if not result.faults and not dry_run:
            unchanged = [outcome for outcome in result.outcomes if outcome.word == "unchanged"]
            due = [outcome.row for outcome in result.outcomes if outcome.word != "unchanged"]
            importer = _importer(context, progress("writing", len(due)))
            result = importer.write(context.database, due)
            result.outcomes += unchanged
            _audit_import(context, importer.actor, file, result)
    _show_import(file, result, dry_run=dry_run, as_json=as_json)
    if result.faults:
        raise typer.Exit(2)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="The .xlsx or .csv file to make; never overwritten.")],
    config: ConfigFile,
    noun: Annotated[str | None, typer.Option("--noun", help="Only this one; CSV holds one.")] = None,
    empty: Annotated[bool, typer.Option("--empty", help="The headings alone: a template.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Persons' data in clear; recorded, needs --reason.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why clear data are needed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write the registry into a file that only its owner reads. Persons' data are masked unless --clear."""
    nouns = _nouns(file, noun)
    with _context(config) as context, _progress() as progress:
        if clear and not empty:
            _audit_look(context, nouns, reason)
        with context.database.read() as session:
            sheets: list[tuple[Noun, list[list[str]]]] = []
            for one in nouns:
                advance = progress(one.name, None)
                rows: list[list[str]] = []
                for row in () if empty else export_rows(session, one, context.personal, clear=clear):
                    rows.append(row)
                    advance(1)
                sheets.append((one, rows))
        write_export(file, to_csv(*sheets[0]) if file.suffix.casefold() == ".csv" else to_xlsx(sheets))
    counts = {one.name: len(rows) for one, rows in sheets}
    if as_json:
        typer.echo(json.dumps({"file": str(file), "rows": counts, "clear": clear and not empty}))
    else:
        typer.echo(f"{file}: {', '.join(f'{count} {name}' for name, count in counts.items())}")


def _nouns(file: Path, name: str | None) -> Sequence[Noun]:
    if file.suffix.casefold() not in (".csv", ".xlsx"):
        _end(f"{file}: neither .xlsx nor .csv; name one of them")
    if name is None:
        if file.suffix.casefold() == ".csv":
            _end(f"a CSV file holds one noun; add --noun, one of {', '.join(noun.name for noun in NOUNS)}")
        return NOUNS
    found = find_noun(name)
    if found is None:
        _end(f"--noun {name}: there is no such noun; write one of {', '.join(noun.name for noun in NOUNS)}")
    return (found,)


def _importer(context: Context, advance: Callable[[int], None]) -> Importer:
    return Importer(_actor(), context.clock.now(), context.personal, context.site, advance)


def _actor() -> Actor:
    """Whoever may read the server's keys and database; the history names the account."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        account = "unknown"
    return Actor(kind="system", public_id=f"file:{account}", name=f"menjin registry ({account})", role="administrator")


def _audit_import(context: Context, actor: Actor, file: Path, result: Checked) -> None:
    with context.database.write() as session:
        after = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), **_counts(result.outcomes)}
        record(session, actor, context.clock.now(), "registry.import", file.name, after=after)


def _audit_look(context: Context, nouns: Sequence[Noun], reason: str) -> None:
    """Recorded before anything is opened (C4)."""
    fields = sorted({column.name for noun in nouns for column in noun.columns if column.kind == "personal"})
    after = {"fields": fields, "reason": checked_reason(reason), "export": [noun.name for noun in nouns]}
    with context.database.write() as session:
        record(session, _actor(), context.clock.now(), LOOK, "registry", after=after)


def _counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    words = [outcome.word for outcome in outcomes]
    return {word: words.count(word) for word in ("new", "changed", "unchanged")}


def _show_import(file: Path, result: Checked, *, dry_run: bool, as_json: bool) -> None:
    counts = _counts(result.outcomes)
    if as_json:
        shown = {
            "file": str(file),
            "dry_run": dry_run,
            **counts,
            "errors": [_fault_json(fault) for fault in result.faults[:MAX_FAULTS_SHOWN]],
            "errors_total": len(result.faults),
            "rows": [
                _line_json(outcome) for outcome in result.outcomes if outcome.word != "unchanged" or outcome.warnings
            ],
        }
        typer.echo(json.dumps(shown, ensure_ascii=False, default=str))
        return
    for outcome in result.outcomes:
        if dry_run:
            typer.echo(_line(outcome))
        for warning in outcome.warnings:
            sys.stderr.write(f"{outcome.row.fault(warning.field, warning.detail)}\n")
    for fault in result.faults[:MAX_FAULTS_SHOWN]:
        sys.stderr.write(f"{fault}\n")
    more = len(result.faults) - MAX_FAULTS_SHOWN
    if more > 0:
        sys.stderr.write(f"and {more} more\n")
    total = f"{counts['new']} new, {counts['changed']} changed, {counts['unchanged']} unchanged"
    if not result.faults:
        typer.echo(f"{file}: {total}{' (dry run: nothing was written)' if dry_run else ''}")
        return
    written = counts["new"] + counts["changed"]
    done = (
        f"{written} rows were written before another writer came between; run it again"
        if written and not dry_run
        else ""
    )
    sys.stderr.write(f"menjin registry: {file}: {len(result.faults)} errors; {done or 'nothing was written'}\n")


def _line(outcome: Outcome) -> str:
    row = outcome.row
    begin = (
        f"{row.sheet} row {row.number} {getattr(row.record, 'code', None) or row.record.external_id}: {outcome.word}"
    )
    if outcome.is_new:
        return begin
    return begin + "".join(f"; {_name(name)}: {_text(a)} → {_text(b)}" for name, (a, b) in outcome.changes.items())


def _name(column: str) -> str:
    return {"class_": "class", "from_at": "from", "until_at": "until", "is_primary": "primary"}.get(column, column)


def _text(value: Any) -> str:
    return "(empty)" if value in (None, "", []) else ", ".join(value) if isinstance(value, list) else str(value)


def _line_json(outcome: Outcome) -> dict[str, Any]:
    row = outcome.row
    return {
        "sheet": row.sheet,
        "row": row.number,
        "external_id": row.record.external_id,
        "outcome": outcome.word,
        "changes": {_name(name): change for name, change in outcome.changes.items()},
        "warnings": [warning.detail for warning in outcome.warnings],
    }


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {
        "sheet": fault.sheet, "row": fault.row, "column": fault.letter, "field": fault.field, "message": fault.message
    }  # fmt: skip


@contextmanager
def _context(config: Path) -> Iterator[Context]:
    """The server's context. Whatever cannot be used ends the command with one line."""
    try:
        settings = load_config(config)
        start_logs("warning")
        context = open_context(settings, SystemClock())
        try:
            yield context
        finally:
            context.close()
    except (ConfigError, SiteError, DatabaseError, KeysError, FileFault, Problem) as error:
        _end(" ".join(str(error).split()))
    except FileExistsError as error:
        _end(f"{error.filename}: is there already; name a new file")
    except OSError as error:
        _end(f"{error.filename}: {error.strerror}")
    except IntegrityError:
        _end("another writer came between: what was committed stands; run it again")
    except DBAPIError as error:
        if not is_away(error):
            raise
        _end(
            f"the database is locked or away ({str(error.orig).splitlines()[0]}): what was committed stands; run it again"
        )


@contextmanager
def _progress() -> Iterator[Callable[[str, int | None], Callable[[int], None]]]:
    """Bars on stderr, for people only."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def begin(what: str, total: int | None) -> Callable[[int], None]:
            task = bars.add_task(what, total=total)
            return lambda done: bars.advance(task, done)

        yield begin


def _end(line: str) -> NoReturn:
    sys.stderr.write(f"menjin registry: {line}\n")
    raise typer.Exit(2)
