"""Personal fields of a row: written sealed and indexed, read for those who may (C4, D6).

The row's ``public_id`` must be set before a field is written: the value opens nowhere else. After a write the caller flushes as usual.
"""

from typing import Protocol, cast

import structlog

from server.personal.cipher import PersonalKeys, UnreadableError
from server.personal.masking import MASKS, UNREADABLE

log = structlog.get_logger()

PERSONAL_FIELDS: dict[str, tuple[str, ...]] = {
    "customer": ("id_number",),
    "contact": ("name", "phone", "email"),
    "holder": ("name", "phone", "id_number"),
}
"""Table → its personal fields. Each has ``<field>_clear`` (write-only, for SQL writers), ``<field>_cipher`` and ``<field>_index``."""


class PersonalRow(Protocol):
    """A Customer, Contact or Holder."""

    public_id: str


def write_field(personal: PersonalKeys, row: PersonalRow, field: str, text: str | None) -> None:
    """Set ``field`` of ``row`` to ``text``; None or blank text removes it. The ``_clear`` column is emptied: this value is newer."""
    table = table_of(row, field)
    if text is UNREADABLE:
        raise ValueError(f"{table}.{field} of {row.public_id}: the mark of an unreadable value is no value")
    if not row.public_id:
        raise ValueError(f"{table}.{field}: the row needs its public_id first")
    text = text.strip() if text is not None else None
    setattr(row, f"{field}_clear", None)
    setattr(row, f"{field}_cipher", personal.seal(table, row.public_id, f"{field}_cipher", text) if text else None)
    setattr(row, f"{field}_index", personal.index(field, text) if text else None)


def read_field(personal: PersonalKeys, row: PersonalRow, field: str) -> str | None:
    """The clear value; None when there is none; :data:`UNREADABLE` when it does not open, which is logged without content."""
    return open_cipher(personal, table_of(row, field), row.public_id, field, getattr(row, f"{field}_cipher"))


def open_cipher(personal: PersonalKeys, table: str, public_id: str, field: str, sealed: bytes | None) -> str | None:
    """As :func:`read_field`, for ciphers that do not come in a row: those of ``registry_change``, of bulk reading."""
    if sealed is None:
        return None
    try:
        return personal.open(table, public_id, f"{field}_cipher", sealed)
    except UnreadableError as error:
        log.error("personal value does not open", table=table, row=public_id, field=field, reason=str(error))
        return UNREADABLE


def masked_field(personal: PersonalKeys, row: PersonalRow, field: str) -> str | None:
    """The value as every answer shows it."""
    text = read_field(personal, row, field)
    return text if text is None else MASKS[field](text)


def table_of(row: PersonalRow, field: str) -> str:
    """The row's table. Raises ValueError when it has no such personal field."""
    table = table_of_row(row)
    if field not in PERSONAL_FIELDS.get(table, ()):
        raise ValueError(f"{table} has no personal field {field!r}")
    return table


def table_of_row(row: PersonalRow) -> str:
    """The name of the row's table."""
    return cast(str, type(row).__tablename__)  # type: ignore[attr-defined]
