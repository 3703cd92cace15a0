"""Rows that hold sealed values: whether there are any, and sealing them anew under the newest key."""

from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select

from server.db.engine import Database
from server.personal.fields import PERSONAL_FIELDS
from server.registry.models import Contact, Customer, Holder

PERSONAL_TABLES: dict[str, Any] = {"customer": Customer, "contact": Contact, "holder": Holder}


def holds_sealed_values(database: Database) -> bool:
    """Whether any row holds a sealed value."""
    with database.read() as session:
        return any(
            session.connection().scalar(select(exists().where(or_(*(_ciphers(name)))))) for name in PERSONAL_TABLES
        )


def _ciphers(table: str) -> list[ColumnElement[bool]]:
    columns = PERSONAL_TABLES[table].__table__.c
    return [columns[f"{field}_cipher"].is_not(None) for field in PERSONAL_FIELDS[table]]
