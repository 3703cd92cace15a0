"""Import of the registry from rows (docs/registry.md): checked as a whole, then written in batches.

The check writes everything into a scratch copy of the registry's tables, by the same code, so that a dry run and a faulty file leave the
database alone and hold up nobody. Only a file without fault is written, in batches of :data:`BATCH_ROWS` with a commit each: doors and
operators never wait for 50 000 rows. An import that was cut off is run again: what was written is then unchanged.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from controller.site import Site
from server.badges.models import Badge
from server.db.engine import Database
from server.db.model import metadata
from server.db.models import import_models
from server.ids import new_id
from server.ledger.facts import table_of
from server.operators.actor import Actor
from server.personal.cipher import PersonalKeys
from server.personal.fields import PERSONAL_FIELDS
from server.personal.masking import MASKS
from server.problems import Problem
from server.registry.customer_files import _checked
from server.registry.import_rows import Fault, Row
from server.registry.models import Contact, Contract, Customer, Holder
from server.registry.records import ContactRecord, ContractRecord, CustomerRecord, HolderRecord
from server.registry.sheets import CUSTOMERS
from server.registry.upsert import upsert_contact, upsert_contract, upsert_customers, upsert_holder
from server.registry.validation import Warned
from server.registry.writing import Writing, Written, require

BATCH_ROWS = 300
_COPIED = (Customer, Contact, Contract, Holder, Badge)


@dataclass(frozen=True)
class Outcome:
    """What became of a row. ``changes``: field → (before, after), persons' data masked."""

    row: Row
    is_new: bool
    changes: dict[str, tuple[Any, Any]]
    warnings: list[Warned]

    @property
    def word(self) -> str:
        """new, changed or unchanged."""
        return "new" if self.is_new else "changed" if self.changes else "unchanged"


@dataclass
class Checked:
    """The result of a check or of writing."""

    outcomes: list[Outcome] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class Importer:
    """Who imports, when, into what. ``advance`` is told how many more rows are done."""

    actor: Actor
    now: datetime
    personal: PersonalKeys
    site: Site
    advance: Callable[[int], None] = lambda _: None

    def check(self, database: Database, rows: Sequence[Row]) -> Checked:
        """What writing would do; ``database`` is only read."""
        result = Checked()
        with tempfile.TemporaryDirectory(prefix="menjin-import-") as folder:
            scratch = copy_registry(database, Path(folder))
            try:
                with scratch.new_session(writes=True) as session:
                    for batch in _batches(rows):
                        self._write(session, batch, result)
            finally:
                scratch.close()
        return result

    def write(self, database: Database, rows: Sequence[Row]) -> Checked:
        """Write checked rows. Stops at the first batch with a fault, which another writer made meanwhile: the batches before it
        stand, it and those after it do not."""
        result = Checked()
        for batch in _batches(rows):
            attempt = Checked()
            with database.new_session(writes=True) as session:
                self._write(session, batch, attempt)
                if attempt.faults:
                    return replace(result, faults=attempt.faults)
                session.commit()
            result.outcomes += attempt.outcomes
        return result

    def _write(self, session: Session, batch: Sequence[Row], result: Checked) -> None:
        if batch[0].noun is CUSTOMERS:
            written = list(self._write_customers(session, batch))
        else:
            written = [self._write_one(session, row) for row in batch]
            session.flush()
        for row, outcome in zip(batch, written, strict=True):
            if isinstance(outcome, Problem):
                result.faults.append(row.fault(outcome.field, outcome.detail))
            elif outcome.is_new and row.masked:
                message = "is masked, and there is no stored value that it could stand for; write the value itself"
                result.faults += [row.fault(name, message) for name in row.masked]
            else:
                result.outcomes.append(outcome)
        session.expunge_all()
        self.advance(len(batch))

    def _write_one(self, session: Session, row: Row) -> Outcome | Problem:
        record, by = row.record, (session, self.actor, self.now, self.personal)
        written: Written[Any]
        try:
            with session.begin_nested():
                if isinstance(record, ContactRecord):
                    written = upsert_contact(*by, record)
                elif isinstance(record, ContractRecord):
                    written = upsert_contract(*by, record, self.site)
                else:
                    assert isinstance(record, HolderRecord)
                    written = upsert_holder(*by, record, self.site)
        except Problem as problem:
            return problem
        except IntegrityError:
            return Problem(409, "refused", "the database refuses this row: its customer or holder forbids it", "")
        return _outcome(row, written)

    def _write_customers(self, session: Session, batch: Sequence[Row]) -> Iterator[Outcome | Problem]:
        """Many at once: new files by one statement, those that are there already by :func:`upsert_customers`."""
        batch = _identified(session, batch)
        records = [_customer_record(row) for row in batch]
        known = _known(session, records)
        codes = {row["code"] for row in known}
        named = {(row["source_system"], row["external_id"]): row for row in known}
        same = [_is_same(r, named.get((r.source_system, r.external_id))) for r in records]
        is_there = [r.code in codes or (r.source_system, r.external_id) in named for r in records]
        differ = [r for r, there, equal in zip(records, is_there, same, strict=True) if there and not equal]
        upserted = iter(upsert_customers(session, self.actor, self.now, self.personal, differ) if differ else ())
        writing = Writing(session, self.actor, self.now, self.personal, codes={})
        new: list[dict[str, Any]] = []
        outcomes: list[Outcome | Problem] = []
        for row, record, there, equal in zip(batch, records, is_there, same, strict=True):
            if equal:
                outcomes.append(Outcome(row, False, {}, []))
                continue
            if there:
                found = next(upserted)
                outcomes.append(found if isinstance(found, Problem) else _outcome(row, found))
                continue
            try:
                outcomes.append(self._new_customer(writing, row, record, new))
            except Problem as problem:
                outcomes.append(problem)
        if new:
            session.connection().execute(insert(table_of(Customer)), new)
        yield from outcomes

    def _new_customer(self, writing: Writing, row: Row, record: CustomerRecord, new: list[dict[str, Any]]) -> Outcome:
        """Add a new file's columns to ``new``. Raises :class:`Problem`."""
        given = record.values("deleted")
        require(given, None, "code", "kind", "name")
        values, warnings = _checked(writing, None, given)
        public_id = new_id("cus", self.now)
        columns: dict[str, Any] = {column.name: None for column in table_of(Customer).columns if column.name != "id"}
        columns |= {
            "class" if name == "class_" else name: value for name, value in values.items() if name in CUSTOMER_FIELDS
        }
        number = values.get("id_number")
        if number is not None:
            columns["id_number_cipher"] = self.personal.seal("customer", public_id, "id_number_cipher", number)
            columns["id_number_index"] = self.personal.index("id_number", number)
        columns |= {"public_id": public_id, "created_at": self.now, "synced_at": self.now}
        columns |= {"changed_by": self.actor.public_id, "version": 1}
        new.append(columns)
        masks = {name: MASKS[name] for name in PERSONAL_FIELDS["customer"]}
        shown = {
            name: masks[name](value) if name in masks else value for name, value in values.items() if name != "name_key"
        }
        return Outcome(row, True, {name: (None, value) for name, value in shown.items()}, warnings)


CUSTOMER_FIELDS = frozenset(
    ("source_system", "external_id", "source_version", "code", "kind", "name", "name_key", "class_", "owner", "department",
     "credit_code", "remark")
)  # fmt: skip
"""What a new file's values say that stands in columns as it is."""


def copy_registry(database: Database, folder: Path) -> Database:
    """The registry's tables in a SQLite file of their own, without triggers."""
    scratch = Database(f"sqlite:///{folder}/registry.db")
    import_models()
    metadata.create_all(scratch.engine)
    with database.read() as source, scratch.write() as target:
        target.connection().execute(text("PRAGMA defer_foreign_keys = ON"))
        for model in _COPIED:
            table = table_of(model)
            found = source.connection().execution_options(yield_per=1_000).execute(select(table))
            for part in found.mappings().partitions(1_000):
                target.connection().execute(insert(table), [dict(row) for row in part])
    return scratch


def _batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Rows of one noun each."""
    start = 0
    while start < len(rows):
        end = start
        while end < len(rows) and end - start < BATCH_ROWS and rows[end].noun is rows[start].noun:
            end += 1
        yield rows[start:end]
        start = end


def _identified(session: Session, batch: Sequence[Row]) -> list[Row]:
    """A row without an external id means the customer of its code: it takes over what that one is called."""
    table = table_of(Customer).c
    codes = [_customer_record(row).code for row in batch if row.by_code]
    query = select(table.code, table.source_system, table.external_id).where(table.code.in_(codes))
    called = {code: (system, name) for code, system, name in session.connection().execute(query) if name is not None}
    rows = []
    for row in batch:
        record = _customer_record(row)
        if row.by_code and record.code in called:
            system, external_id = called[record.code]
            named = record.model_copy(update={"source_system": system, "external_id": external_id})
            row = replace(row, record=named)
        rows.append(row)
    return rows


def _known(session: Session, records: Sequence[CustomerRecord]) -> list[Any]:
    table = table_of(Customer)
    by_code = table.c.code.in_({record.code for record in records})
    by_name = table.c.external_id.in_({record.external_id for record in records})
    return list(session.connection().execute(select(table).where(by_code | by_name)).mappings())


def _is_same(record: CustomerRecord, stored: Any) -> bool:
    """Whether nothing of the record differs, which most rows of a file that comes again do not. A sealed value is left to the upsert."""
    if stored is None or stored["deleted_at"] is not None or record.deleted is not None or record.id_number is not None:
        return False
    given = record.values("deleted", "id_number")
    return all(stored["class" if name == "class_" else name] == value for name, value in given.items())


def _customer_record(row: Row) -> CustomerRecord:
    assert isinstance(row.record, CustomerRecord)
    return row.record


def _outcome(row: Row, written: Written[Any]) -> Outcome:
    is_new = written.changed and written.row.version == 1
    return Outcome(row, is_new, written.changes if written.changed else {}, written.warnings)
