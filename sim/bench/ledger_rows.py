"""What `bench ingest` compares with: the very rows that the server committed, inserted bare into the same schema.

A fixed function per database, as plain and as fast as its driver allows (executemany on SQLite, COPY on PostgreSQL), with the
server's own transactions: as many, cut at the same rows, as durable.
"""

# ruff: noqa: S608 - only this file's own names are put into statements
import shutil
import sqlite3
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql

from sim.waiting import Stopwatch

RECORD, EVENT, JOURNAL = "ledger_record", "ledger_event", "ledger_journal"
EVENT_COLUMNS = (
    "edge_id, at_us, kind, door, access_point, badge, holder, customer, number, reason, rule, alarm, subject, detail"
)
PARENTS = ("edge", JOURNAL)
"""Tables that records point to."""
COPIES_FROM_KEY = 1_000
COPIED = -1
"""The record of copied events: none."""
RECEIVED_US, RECORD_SEQ = 3, 1
"""Columns by which rows fall into transactions: all that one transaction stored was received at one time."""

Row = tuple[Any, ...]
Transaction = tuple[list[Row], list[Row]]
"""Record rows and event rows of one commit."""


class Ledger(Protocol):
    """A server's database, looked at and filled from outside. ``url``: as the server's ``database_url``."""

    name: str
    url: str

    def copy_schema(self) -> None:
        """Make the bare database of what the server's holds now. The server must not run."""

    def transactions(self, after_seq: int) -> list[Transaction]:
        """What the server committed after a record's ledger sequence."""

    def last_seq(self) -> int:
        """The last record's ledger sequence."""

    def insert_bare(self, transactions: list[Transaction]) -> float:
        """Insert into the bare database; seconds."""

    def rows(self) -> int:
        """Record and event rows that the server's database holds."""

    def multiply(self, rows: int) -> None:
        """Copy the stored rows, under another journal, until there are ``rows``."""


class SqliteLedger:
    """A file."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "menjin.db"
        self._bare = folder / "bare.db"
        self.url = f"sqlite:///{self._file}"

    def copy_schema(self) -> None:
        shutil.copy(self._file, self._bare)

    def transactions(self, after_seq: int) -> list[Transaction]:
        with closing(sqlite3.connect(self._file)) as database:
            records = database.execute(f"SELECT * FROM {RECORD} WHERE seq > ? ORDER BY seq", (after_seq,))
            events = database.execute(f"SELECT * FROM {EVENT} WHERE record_seq > ? ORDER BY seq", (after_seq,))
            return _cut(records.fetchall(), events.fetchall())

    def last_seq(self) -> int:
        return int(self._one(f"SELECT coalesce(max(seq), 0) FROM {RECORD}"))

    def insert_bare(self, transactions: list[Transaction]) -> float:
        with closing(sqlite3.connect(self._bare, isolation_level=None)) as database:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                database.execute(f"PRAGMA {pragma}")
            self._same_parents(database)
            into = [f"INSERT INTO {name} VALUES ({', '.join('?' * width)})" for name, width in _widths(transactions)]
            watch = Stopwatch()
            for records, events in transactions:
                database.execute("BEGIN IMMEDIATE")
                database.executemany(into[0], records)
                database.executemany(into[1], events)
                database.execute("COMMIT")
            return watch.s

    def rows(self) -> int:
        return int(self._one(f"SELECT (SELECT count(*) FROM {RECORD}) + (SELECT count(*) FROM {EVENT})"))

    def multiply(self, rows: int) -> None:
        with closing(sqlite3.connect(self._file, isolation_level=None, timeout=30)) as database:
            for statement in _multiplying(self.rows(), rows):
                database.execute("BEGIN IMMEDIATE")
                database.execute(statement)
                database.execute("COMMIT")

    def _same_parents(self, database: sqlite3.Connection) -> None:
        database.execute("ATTACH ? AS served", (str(self._file),))
        for table in PARENTS:
            database.execute(f"INSERT OR IGNORE INTO main.{table} SELECT * FROM served.{table}")
        database.execute("DETACH served")

    def _one(self, question: str) -> Any:
        with closing(sqlite3.connect(self._file)) as database:
            return database.execute(question).fetchone()[0]


class PostgresqlLedger:
    """Two databases of one cluster. ``cluster``: the URL of its maintenance database."""

    name = "PostgreSQL"

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self.url = cluster.replace("/postgres?", "/menjin?")
        self._bare = cluster.replace("/postgres?", "/bare?")
        self._maintain("CREATE DATABASE menjin")

    def copy_schema(self) -> None:
        self._maintain("CREATE DATABASE bare TEMPLATE menjin")

    def transactions(self, after_seq: int) -> list[Transaction]:
        with psycopg.connect(self.url) as database:
            records = database.execute(f"SELECT * FROM {RECORD} WHERE seq > %s ORDER BY seq", (after_seq,))
            events = database.execute(f"SELECT * FROM {EVENT} WHERE record_seq > %s ORDER BY seq", (after_seq,))
            return _cut(records.fetchall(), events.fetchall())

    def last_seq(self) -> int:
        return int(self._one(f"SELECT coalesce(max(seq), 0) FROM {RECORD}"))

    def insert_bare(self, transactions: list[Transaction]) -> float:
        with psycopg.connect(self.url) as served:
            parents = {table: served.execute(f"SELECT * FROM {table}").fetchall() for table in PARENTS}
        with psycopg.connect(self._bare) as database:
            for table, rows in parents.items():
                for row in rows:
                    marks = ", ".join(["%s"] * len(row))
                    database.execute(f"INSERT INTO {table} VALUES ({marks}) ON CONFLICT DO NOTHING", row)
            database.commit()
            watch = Stopwatch()
            for transaction in transactions:
                with database.cursor() as cursor:
                    for table, rows in zip((RECORD, EVENT), transaction, strict=True):
                        with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
                            for row in rows:
                                copy.write_row(row)
                database.commit()
            return watch.s

    def rows(self) -> int:
        return int(self._one(f"SELECT (SELECT count(*) FROM {RECORD}) + (SELECT count(*) FROM {EVENT})"))

    def multiply(self, rows: int) -> None:
        with psycopg.connect(self.url) as database:
            for statement in _multiplying(self.rows(), rows):
                database.execute(statement)
                database.commit()

    def _maintain(self, statement: str) -> None:
        with psycopg.connect(self._cluster, autocommit=True) as database:
            database.execute(statement)

    def _one(self, question: str) -> Any:
        with psycopg.connect(self.url) as database:
            found = database.execute(question).fetchone()
        assert found is not None
        return found[0]


def _cut(records: list[Row], events: list[Row]) -> list[Transaction]:
    """Rows by transaction."""
    made: list[Transaction] = []
    of_record = iter(events)
    event = next(of_record, None)
    for _, group in groupby(records, key=lambda row: row[RECEIVED_US]):
        stored = list(group)
        caused = []
        while event is not None and event[RECORD_SEQ] <= stored[-1][0]:
            caused.append(event)
            event = next(of_record, None)
        made.append((stored, caused))
    return made


def count_rows(transactions: list[Transaction]) -> int:
    """Record and event rows together."""
    return sum(len(records) + len(events) for records, events in transactions)


def _widths(transactions: list[Transaction]) -> list[tuple[str, int]]:
    records, events = transactions[0]
    return [(RECORD, len(records[0])), (EVENT, len(events[0]))]


def _multiplying(stored: int, wanted: int) -> list[str]:
    """Statements that copy the first journal's rows, each time under a journal of its own and numbered behind all there are."""
    columns = "edge_id, branch, first_seq, head_seq, head_hash, created_us"
    statements = []
    for turn in range(1, -(-wanted // stored)):
        key = COPIES_FROM_KEY + turn
        statements += [
            f"INSERT INTO {JOURNAL} (id, journal_id, {columns}) SELECT {key}, 'copy-{turn}', {columns} FROM {JOURNAL} "
            "WHERE id = 1",
            f"INSERT INTO {RECORD} SELECT seq + (SELECT max(seq) FROM {RECORD}), {key}, journal_seq, received_us, hash, "
            f"record FROM {RECORD} WHERE journal_key = 1",
            f"INSERT INTO {EVENT} (seq, record_seq, {EVENT_COLUMNS}) SELECT seq + (SELECT max(seq) FROM {EVENT}), "
            f"{COPIED}, {EVENT_COLUMNS} FROM {EVENT} WHERE record_seq IS NULL OR record_seq <> {COPIED}",
        ]
    return statements
