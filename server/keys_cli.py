"""``menjin keys``: make, show and rotate keys. What cannot be done ends with one line on stderr and exit code 2."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from controller.site import Site
from controller.site_checks import SiteError, parse_site
from server.config import Config, ConfigError, load_config
from server.db.clock import SystemClock, to_us
from server.keys import ROOT_FILE, KeysError, ServerKeys, load_keys, make_card_keys, make_keys, rotate_keys
from server.personal.cipher import PERSONAL_FILE, PersonalKeys, rotate_personal_keys
from server.rfc3339 import rfc3339

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Signing keys, card keys and keys of personal data.")

ConfigFile = Annotated[Path, typer.Option("--config", help="The server's configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def init(config: ConfigFile, as_json: AsJson = False) -> None:
    """Make the root, the first server key and the keyed-hash key; `menjin server` does so on its first start."""
    settings = _config(config)
    try:
        keys = make_keys(settings.dir, _site(settings).id, _now_us())
    except KeysError as error:
        _end(str(error))
    _show(keys, settings, as_json)


@app.command()
def cards(out: Annotated[Path, typer.Option("--out", help="The file to make; never overwritten.")]) -> None:
    """Make the site's card master keys. Keep this file: cards encoded under lost keys open nothing."""
    try:
        make_card_keys(out)
    except KeysError as error:
        _end(str(error))


@app.command()
def show(config: ConfigFile, as_json: AsJson = False) -> None:
    """Show the public parts: the root, the server keys and how long they are valid."""
    settings = _config(config)
    try:
        keys = load_keys(settings.dir)
    except KeysError as error:
        _end(str(error))
    _show(keys, settings, as_json)


@app.command()
def rotate(
    config: ConfigFile,
    root: Annotated[
        Path | None, typer.Option("--root", help="Where the root key is, if not in the server's dir.")
    ] = None,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Sign with the new key now, not after the overlap.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a new server key, certified by the root. A running server takes it up within seconds."""
    settings = _config(config)
    try:
        keys = rotate_keys(settings.dir, _now_us(), root_file=root, at_once=at_once)
    except KeysError as error:
        _end(str(error))
    _show(keys, settings, as_json)


@app.command()
def personal_rotate(config: ConfigFile, as_json: AsJson = False) -> None:
    """Add a key that seals personal data from now on; older ones still open. A running server takes it up within seconds. The
    index key, by which equal values are found, does not rotate."""
    try:
        newest = rotate_personal_keys(_config(config).dir)
    except KeysError as error:
        _end(str(error))
    if as_json:
        typer.echo(json.dumps({"key": newest}))
        return
    typer.echo(f"key {newest} seals from now on; next: menjin keys personal-reencrypt")


@app.command()
def personal_reencrypt(config: ConfigFile, as_json: AsJson = False) -> None:
    """Seal all personal data anew under the newest key, in batches beside the running server. Repeat until it has nothing to do;
    then an older key may be taken out of personal.keys (backups made before still need it)."""
    # Only here is the database needed: its libraries take most of the start of `menjin keys`.
    from sqlalchemy.exc import DBAPIError

    from server.db.engine import Database, DatabaseError
    from server.db.migrate import migrate
    from server.personal.resealing import Cursor, Resealed, reseal_batch

    settings = _config(config)
    done, cursor = Resealed(), Cursor()
    try:
        migrate(settings.database_url)
        personal = PersonalKeys(settings.dir / PERSONAL_FILE)
        database = Database(settings.database_url)
        try:
            while cursor.table is not None:
                reseal_batch(database, personal, cursor, done)
        finally:
            database.close()
    except (KeysError, DatabaseError) as error:
        _end(str(error))
    except DBAPIError as error:
        _end(f"database: {str(error.orig).strip().splitlines()[0]}; run it again")
    if as_json:
        typer.echo(json.dumps({"key": personal.newest_key, "sealed": done.sealed, "unreadable": done.unreadable}))
    else:
        typer.echo(f"{done.sealed} values sealed anew under key {personal.newest_key}, {done.unreadable} do not open")


@app.command()
def roster_passphrase(
    config: ConfigFile,
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", help="Mode 600; without it the passphrase is asked for, twice.")
    ] = None,
) -> None:
    """Set the passphrase of the guards' rosters. The server keeps the key that it gives, not the passphrase; rosters that are out
    open with the one before."""
    from server.roster.cli import read_passphrase_file
    from server.roster.key_file import set_passphrase
    from server.roster.sealed_file import RosterError

    settings = _config(config)
    try:
        if passphrase_file is not None:
            passphrase = read_passphrase_file(passphrase_file)
        elif sys.stdin.isatty():
            passphrase = typer.prompt("passphrase", hide_input=True, confirmation_prompt=True, err=True)
        else:
            _end("the passphrase is asked for at a terminal; elsewhere name its file with --passphrase-file")
        set_passphrase(settings.dir, passphrase)
    except (RosterError, KeysError) as error:
        _end(str(error))
    typer.echo("rosters made from now on open with this passphrase", err=True)


def _show(keys: ServerKeys, settings: Config, as_json: bool) -> None:
    now_us = _now_us()
    root_here = (settings.dir / ROOT_FILE).exists()
    try:
        signing = keys.signing(now_us).kid
    except KeysError:
        signing = None
    shown: dict[str, Any] = {
        "site": keys.site,
        "root_public_key": keys.root_public_key.hex(),
        "root_key_present": root_here,
        "signing": signing,
        "keys": [
            {
                "kid": key.kid,
                "public_key": key.public_key.hex(),
                "signs_from": rfc3339(key.sign_from_us),
                "valid_until": rfc3339(key.until_us),
            }
            for key in keys.keys
        ],
    }
    if as_json:
        typer.echo(json.dumps(shown))
        return
    typer.echo(f"site {keys.site}\nroot {shown['root_public_key']}")
    for key in shown["keys"]:
        mark = "signs now" if key["kid"] == signing else f"signs from {key['signs_from']}"
        typer.echo(f"{key['kid']} {key['public_key']} {mark}, valid until {key['valid_until']}")
    if root_here:
        typer.echo(f"{settings.dir / ROOT_FILE} is still here: move it to a safe place, the server runs without it")
    if keys.ends_soon(now_us):
        typer.echo("the last certificate ends soon: menjin keys rotate")


def _config(path: Path) -> Config:
    try:
        return load_config(path)
    except ConfigError as error:
        _end(str(error))


def _site(settings: Config) -> Site:
    try:
        return parse_site(settings.site_file.read_text("utf-8"), str(settings.site_file))
    except (OSError, SiteError) as error:
        _end(str(error))


def _now_us() -> int:
    return to_us(SystemClock().now())


def _end(line: str) -> NoReturn:
    sys.stderr.write(f"menjin keys: {line}\n")
    raise typer.Exit(2)
