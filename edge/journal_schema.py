"""The journal file's schema: versions, forward only (DESIGN 3). ``PRAGMA user_version`` says which one a file has.

Each version's whole schema is kept under ``tests/vectors/journal/``; a test opens a file of every one.
"""

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from edge.ports import JournalRefused
from edge.private_file import sync_folder

APPLICATION_ID = 0x6D6A6E6C
"""``mjnl``: marks the file as ours."""
VERSION = 1

SCHEMA = """
CREATE TABLE journal (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    journal_id TEXT NOT NULL,
    acked_upto INTEGER NOT NULL,
    wall_high_water_us INTEGER NOT NULL,
    purged_upto INTEGER NOT NULL,
    purged_hash BLOB NOT NULL
) STRICT;
CREATE TABLE records (
    seq INTEGER PRIMARY KEY,
    wall_us INTEGER NOT NULL,
    hash BLOB NOT NULL,
    record BLOB NOT NULL
) STRICT;
CREATE TABLE checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    state BLOB NOT NULL
) STRICT;
CREATE TABLE commands (
    command_id TEXT PRIMARY KEY,
    expires_at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX commands_by_expiry ON commands (expires_at_us);
"""

Migrations = Mapping[int, str]
"""From version n to n + 1."""

MIGRATIONS: Migrations = {}


def create(connection: sqlite3.Connection, journal_id: str) -> None:
    """Make a new journal in an empty database, whole or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    _run(connection, SCHEMA)
    connection.execute("INSERT INTO journal VALUES (1, ?, 0, 0, 0, ?)", (journal_id, bytes(32)))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
    connection.execute(f"PRAGMA user_version = {VERSION:d}")
    connection.execute("COMMIT")


def is_empty(connection: sqlite3.Connection) -> bool:
    """Nothing was ever created in this database."""
    return bool(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0)


def migrate(
    connection: sqlite3.Connection, path: Path, migrations: Migrations = MIGRATIONS, target: int = VERSION
) -> None:
    """Bring an older file to ``target``, after copying it to ``NAME.v<version>.bak``. Raises :class:`JournalRefused` with
    one line for a newer file or one that is not a journal."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise JournalRefused(f"{path}: is not a menjin journal; correct state_dir or move the file away")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > target:
        raise JournalRefused(
            f"{path}: version {version} was written by a newer menjin (this one knows {target}); install that one again"
        )
    if version == target:
        return
    for step in range(version, target):
        if step not in migrations:
            raise JournalRefused(
                f"{path}: version {version} is too old for this menjin; migrate it with an earlier one"
            )
    _copy(connection, path.with_name(f"{path.name}.v{version}.bak"))
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version, target):
            _run(connection, migrations[step])
        connection.execute(f"PRAGMA user_version = {target:d}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _run(connection: sqlite3.Connection, script: str) -> None:
    """Statement by statement: executescript would commit on the way."""
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def _copy(connection: sqlite3.Connection, copy_path: Path) -> None:
    """A whole copy on disk, under its name only when complete."""
    part = copy_path.with_name(copy_path.name + ".part")
    part.unlink(missing_ok=True)
    # Not Connection.backup: it waits for a lock without end.
    connection.execute("VACUUM INTO ?", (str(part),))
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part, copy_path)
    sync_folder(copy_path.parent)
