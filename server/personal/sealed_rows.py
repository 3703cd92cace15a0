"""Rows that hold sealed values: whether there are any, and whether our keys are theirs."""

from typing import Any

import structlog
from sqlalchemy import ColumnElement, exists, or_, select
from sqlmodel import col

from server.db.engine import Database
from server.equipment.models import WorkOrder
from server.equipment.slip_models import ExitSlip
from server.ledger.keyed_rows import table_of
from server.operators.models import Operator
from server.personal.cipher import PersonalKeys, UnreadableError
from server.personal.fields import PERSONAL_FIELDS
from server.registry.models import Contact, Customer, Holder

log = structlog.get_logger()

PERSONAL_TABLES: dict[str, Any] = {"customer": Customer, "contact": Contact, "holder": Holder}


def holds_sealed_values(database: Database) -> bool:
    """Whether any row holds a sealed value."""
    with database.read() as session:
        held = [or_(*_ciphers(name)) for name in PERSONAL_TABLES]
        held += [table_of(model).c.code_sealed.is_not(None) for model in (WorkOrder, ExitSlip)]
        held.append(col(Operator.totp_cipher).is_not(None))
        return any(session.connection().scalar(select(exists().where(condition))) for condition in held)


def report_foreign_keys(database: Database, personal: PersonalKeys) -> bool:
    """Look at one row of each table: keys that open none of them are another server's. Whether that is so; the log then says it."""
    opened: list[bool] = []
    with database.read() as session:
        for name, model in PERSONAL_TABLES.items():
            for field in PERSONAL_FIELDS[name]:
                column = model.__table__.c[f"{field}_cipher"]
                query = select(model.__table__.c.public_id, column).where(column.is_not(None)).limit(1)
                for public_id, sealed in session.connection().execute(query):
                    opened.append(_opens(personal, name, public_id, f"{field}_cipher", sealed))
    foreign = bool(opened) and not any(opened)
    if foreign:
        log.error(
            "personal.keys opens nothing of this database: bring the file that belongs to it", file=str(personal.path)
        )
    return foreign


def _opens(personal: PersonalKeys, table: str, public_id: str, column: str, sealed: bytes) -> bool:
    try:
        personal.open(table, public_id, column, sealed)
    except UnreadableError:
        return False
    return True


def _ciphers(table: str) -> list[ColumnElement[bool]]:
    columns = PERSONAL_TABLES[table].__table__.c
    return [columns[f"{field}_cipher"].is_not(None) for field in PERSONAL_FIELDS[table]]
