"""The watcher of the shared tables: what a CRM wrote with bare SQL is encrypted, normalised and checked (C2, D6).

    RegistryWatcher(database, personal).run_once(now)        each turn of the fleet, before policies are compiled

It takes the rows that need it, through partial indexes: ``*_clear`` that is not empty, a customer without ``name_key``. So nothing depends
on the order in which transactions commit, nor on what the policies have followed. What it finds wrong is noted as the ``problem`` of the
row's last change, without personal data, and never refused: the CRM's word stands. Blank clear text removes the stored value.

Clear text leaves SQLite's pages at once (``secure_delete``) and its write-ahead log with the next checkpoint that no reader hinders.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import LargeBinary, Table, cast, exists, or_, select, text, type_coerce, update
from sqlalchemy.engine import Connection
from sqlmodel import Session, SQLModel

from server.db.engine import Database, is_away
from server.ledger.facts import table_of
from server.personal.cipher import PersonalKeys, UnreadableError
from server.personal.fields import PERSONAL_FIELDS
from server.problems import Problem
from server.registry import validation
from server.registry.models import Contact, Customer, Holder, RegistryChange
from server.registry.names import name_key
from server.registry.validation import Warned

BATCH_ROWS = 200
"""So many rows of a table in one turn: a revocation waits behind them."""
NOT_TAKEN = "not taken: "
"""Begins the problem of a row that could not be taken. It is tried again after the row's next change."""
REST_AFTER_FAULT = timedelta(seconds=30)
ENCODINGS = ("utf-8", "gb18030")
"""What text of a CRM may be in, where the database does not say (SQLite)."""

_WATCHED: dict[str, type[SQLModel]] = {"customer": Customer, "contact": Contact, "holder": Holder}

log = structlog.get_logger(__name__)


class RegistryWatcher:
    """Keeps what has to outlive a turn: whether clear text may still be in SQLite's write-ahead log."""

    def __init__(self, database: Database, personal: PersonalKeys) -> None:
        self._database = database
        self._personal = personal
        self._log_to_clean = database.is_sqlite  # an earlier process may have ended before its checkpoint
        self._rests_until: datetime | None = None

    def run_once(self, now: datetime) -> int:
        """Take what waits, in a transaction of its own; how many rows were taken. Its own faults are logged and end no turn of the
        fleet: revocations go on. Raises only what says that the database is away (:func:`server.db.engine.is_away`)."""
        if self._rests_until is not None and abs(self._rests_until - now) <= REST_AFTER_FAULT:
            return 0
        self._rests_until = None
        try:
            return self._run_once(now)
        except Exception as error:
            if is_away(error):
                raise
            log.exception("registry watcher: rests, then tries again")
            self._rests_until = now + REST_AFTER_FAULT
            return 0

    def _run_once(self, now: datetime) -> int:
        with self._database.read() as session:
            waiting = has_pending(session.connection())
        taken = 0
        if waiting:
            with self._database.write() as session:
                taken = follow_registry(session, self._personal, now)
            self._log_to_clean |= taken > 0 and self._database.is_sqlite
        if self._log_to_clean:
            self._log_to_clean = not self._database.empty_log()
        return taken


def has_pending(connection: Connection) -> bool:
    """Whether any row waits for the watcher."""
    tables = [table_of(model) for model in _WATCHED.values()]
    waits = [exists(select(table.c.id).where(_is_pending(table))) for table in tables]
    return bool(connection.execute(select(or_(*waits))).scalar_one())


def follow_registry(session: Session, personal: PersonalKeys, now: datetime) -> int:
    """Take up to :data:`BATCH_ROWS` rows of each table; how many. In a writing transaction that the caller commits. Taking a row
    again changes nothing; one that cannot be taken is noted and stays behind."""
    connection = session.connection()
    return sum(_follow_table(connection, name, personal, now) for name in _WATCHED)


def _follow_table(connection: Connection, name: str, personal: PersonalKeys, now: datetime) -> int:
    table, taken = table_of(_WATCHED[name]), 0
    for row_id in _pending_ids(connection, name, table):
        change = _last_change(connection, name, row_id)
        try:
            with connection.begin_nested():
                problems = _follow_row(connection, name, table, row_id, change, personal, now)
        except Exception as error:  # whatever a row makes impossible: the clear text of all others waits behind it
            if is_away(error):
                raise
            log.error("registry row not taken", table=name, row=row_id, error=type(error).__name__)
            problems = [f"{NOT_TAKEN}{type(error).__name__}; write the row again"]
        else:
            taken += 1
        if problems and change is not None:
            _note(connection, change.id, problems)
    return taken


def _clear_columns(name: str) -> list[str]:
    return [f"{field}_clear" for field in PERSONAL_FIELDS[name]]


def _is_pending(table: Table) -> Any:
    """Word for word the condition of the partial index."""
    (index,) = [index for index in table.indexes if index.name == f"ix_{table.name}_pending"]
    condition = index.dialect_options["sqlite"]["where"]
    return text(f"({condition})")


def _pending_ids(connection: Connection, name: str, table: Table) -> Iterator[int]:
    """Rows that wait, but those that could not be taken and have not changed since. A row that another writer holds comes next turn; one that
    others only refer to does not wait (``key_share``)."""
    changes = table_of(RegistryChange)
    last = (
        select(changes.c.problem)
        .where(changes.c.table_name == name, changes.c.row_id == table.c.id)
        .order_by(changes.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(table.c.id).where(_is_pending(table), ~last.startswith(NOT_TAKEN) | last.is_(None))
    query = query.order_by(table.c.id).limit(BATCH_ROWS).with_for_update(skip_locked=True, key_share=True, of=table)
    return iter(connection.execute(query).scalars().all())


def _last_change(connection: Connection, name: str, row_id: int) -> Any:
    changes = table_of(RegistryChange).c
    return connection.execute(
        select(changes.id, changes.changed_by)
        .where(changes.table_name == name, changes.row_id == row_id)
        .order_by(changes.id.desc())
        .limit(1)
    ).first()


def _follow_row(
    connection: Connection, name: str, table: Table, row_id: int, change: Any, personal: PersonalKeys, now: datetime
) -> list[str]:
    """What is wrong with the row's values."""
    columns = [table.c[column] for column in table.c.keys() if not column.endswith("_clear")]  # noqa: SIM118
    as_bytes = connection.dialect.name == "sqlite"
    clear = [
        type_coerce(cast(table.c[column], LargeBinary), LargeBinary).label(column) if as_bytes else table.c[column]
        for column in _clear_columns(name)
    ]
    row = connection.execute(select(*columns, *clear).where(table.c.id == row_id)).one()._mapping
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in PERSONAL_FIELDS[name]:
        if row[f"{field}_clear"] is not None:
            values |= _sealed(name, row, field, personal, now, problems)
    noted = {column for column in values if not column.endswith("_clear")}
    if noted:
        values |= {"version": row["version"] + 1, "changed_by": change.changed_by if change is not None else "sql:"}
    if name == "customer" and row["name_key"] is None:
        values["name_key"] = name_key(row["name"])
        if row["credit_code"] is not None:
            _check(problems, validation.credit_code, row["credit_code"])
    connection.execute(update(table).where(table.c.id == row_id).values(values))
    return problems


def _sealed(
    name: str, row: Any, field: str, personal: PersonalKeys, now: datetime, problems: list[str]
) -> dict[str, Any]:
    """The columns of one field, from its clear text. A value that is stored already is only emptied."""
    given = _decoded(row[f"{field}_clear"], field, problems).strip()
    values: dict[str, Any] = {f"{field}_clear": None}
    cipher, public_id = row[f"{field}_cipher"], row["public_id"]
    if not given:
        return values if cipher is None else values | {f"{field}_cipher": None, f"{field}_index": None}
    checks: dict[str, Callable[[str], tuple[str, list[Warned]]]] = {
        "phone": validation.phone,
        "email": validation.email,
        "id_number": lambda number: validation.id_number(number, row.get("id_document"), now.date()),
    }
    written = _check(problems, checks[field], given) if field in checks else given
    if cipher is not None and _opens_to(personal, name, public_id, field, cipher) == written:
        return values
    return values | {
        f"{field}_cipher": personal.seal(name, public_id, f"{field}_cipher", written),
        f"{field}_index": personal.index(field, written),
    }


def _opens_to(personal: PersonalKeys, name: str, public_id: str, field: str, cipher: bytes) -> str | None:
    try:
        return personal.open(name, public_id, f"{field}_cipher", cipher)
    except UnreadableError:
        return None


def _decoded(given: bytes | str, field: str, problems: list[str]) -> str:
    if isinstance(given, str):
        return given
    for encoding in ENCODINGS:
        try:
            decoded = given.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding != ENCODINGS[0]:
            problems.append(f"{field}: was not UTF-8 and was read as {encoding}: write UTF-8")
        return decoded
    problems.append(f"{field}: is not UTF-8, some characters were lost: write it again in UTF-8")
    return given.decode(errors="replace")


def _check(problems: list[str], check: Callable[[str], tuple[str, list[Warned]]], given: str) -> str:
    """The written form, or ``given`` as it came."""
    try:
        written, warnings = check(given)
    except Problem as problem:
        problems.append(problem.detail)
        return given
    for warned in warnings:  # the sentence about regions quotes the number
        quotes = warned.code == "id_number_region"
        problems.append(
            f"{warned.field}: no known region begins so: compare it with the document" if quotes else warned.detail
        )
    return written


def _note(connection: Connection, change_id: int, problems: list[str]) -> None:
    changes = table_of(RegistryChange)
    known = connection.execute(select(changes.c.problem).where(changes.c.id == change_id)).scalar()
    together = "; ".join(dict.fromkeys([*([known] if known else []), *problems]))
    connection.execute(update(changes).where(changes.c.id == change_id).values(problem=together))
