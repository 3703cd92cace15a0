"""Sealing everything anew under the newest key, after ``menjin keys personal-rotate`` (D6).

In batches of one transaction each, so that the running server goes on between them. The rows' history is sealed anew as well; after a pass that
sealed nothing an old key may leave ``personal.keys``. Blind indexes stay: their key does not rotate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, or_, select

from server.db.engine import Database
from server.equipment.models import WorkOrder
from server.equipment.slip_models import ExitSlip
from server.operators.actor import SYSTEM
from server.operators.models import Operator
from server.personal.cipher import PersonalKeys, UnreadableError, key_id_of
from server.personal.fields import PERSONAL_FIELDS
from server.personal.history import rewrite
from server.personal.sealed_rows import PERSONAL_TABLES
from server.registry.models import RegistryChange

BATCH = 500
HISTORY = "registry_change"
CODED: dict[str, tuple[Any, str]] = {
    "work_order": (WorkOrder, "code_sealed"),
    "exit_slip": (ExitSlip, "code_sealed"),
    "operator": (Operator, "totp_cipher"),
}
"""Rows with a sealed code, and its column: of a document it opens doors, of an operator it is the second factor. Kept as persons' data are."""


@dataclass
class Resealed:
    """What a pass did: values sealed anew, and values that do not open (named in the log when they are read)."""

    sealed: int = 0
    unreadable: int = 0


@dataclass
class Cursor:
    """Where a pass stands: ``table`` and the last id that was looked at. ``table`` None: at the end."""

    table: str | None = next(iter(PERSONAL_TABLES))
    after: int = 0


def reseal_batch(database: Database, personal: PersonalKeys, cursor: Cursor, done: Resealed) -> None:
    """One transaction over at most :data:`BATCH` rows; moves ``cursor`` on and counts into ``done``."""
    if cursor.table is None:
        return
    with database.write() as session:
        if cursor.table == HISTORY:
            last = _reseal_history(session, personal, cursor.after, done)
        elif cursor.table in CODED:
            last = _reseal_codes(session, personal, cursor.table, cursor.after, done)
        else:
            last = _reseal_rows(session, personal, cursor.table, cursor.after, done)
    order = [*PERSONAL_TABLES, *CODED, HISTORY, None]
    if last is None:
        cursor.table, cursor.after = order[order.index(cursor.table) + 1], 0
    else:
        cursor.after = last


def _reseal_rows(session: Session, personal: PersonalKeys, table: str, after: int, done: Resealed) -> int | None:
    model = PERSONAL_TABLES[table]
    columns = [f"{field}_cipher" for field in PERSONAL_FIELDS[table]]
    holds_any = or_(*(getattr(model, column).is_not(None) for column in columns))
    query = select(model).where(model.id > after, holds_any).order_by(model.id).limit(BATCH).with_for_update()
    rows = session.exec(query).all()
    for row in rows:
        changed = False
        for column in columns:
            sealed = getattr(row, column)
            fresh = _resealed(personal, table, row.public_id, column, sealed, done) if sealed is not None else None
            if fresh is not None:
                setattr(row, column, fresh)
                changed = True
        if changed:
            row.version += 1
            row.changed_by = SYSTEM.public_id
            session.add(row)
    session.flush()
    return rows[-1].id if len(rows) == BATCH else None


def _reseal_codes(session: Session, personal: PersonalKeys, table: str, after: int, done: Resealed) -> int | None:
    model, column = CODED[table]
    query = select(model).where(model.id > after, getattr(model, column).is_not(None)).order_by(model.id).limit(BATCH)
    rows = session.exec(query.with_for_update()).all()
    for row in rows:
        fresh = _resealed(personal, table, row.public_id, column, getattr(row, column), done)
        if fresh is not None:
            setattr(row, column, fresh)
            session.add(row)
    session.flush()
    return rows[-1].id if len(rows) == BATCH else None


def _reseal_history(session: Session, personal: PersonalKeys, after: int, done: Resealed) -> int | None:
    query = (
        select(RegistryChange.id, RegistryChange.table_name, RegistryChange.before, RegistryChange.after)
        .where(col(RegistryChange.id) > after, col(RegistryChange.table_name).in_(PERSONAL_TABLES))
        .order_by(col(RegistryChange.id))
        .limit(BATCH)
    )
    changes = session.exec(query).all()
    for change_id, table, before, then in changes:
        assert change_id is not None
        for column, row in (("before", before), ("after", then)):
            rewrite(session.connection(), change_id, column, _fresh_values(personal, table, row or {}, done))
    return changes[-1][0] if len(changes) == BATCH else None


def _fresh_values(personal: PersonalKeys, table: str, row: Mapping[str, Any], done: Resealed) -> dict[str, str | None]:
    fresh: dict[str, str | None] = {}
    for field in PERSONAL_FIELDS[table]:
        column = f"{field}_cipher"
        if row.get(column):
            sealed = _resealed(personal, table, row["public_id"], column, bytes.fromhex(row[column]), done)
            if sealed is not None:
                fresh[column] = sealed.hex()
    return fresh


def _resealed(
    personal: PersonalKeys, table: str, public_id: str, column: str, sealed: bytes, done: Resealed
) -> bytes | None:
    """The value under the newest key; None when it is already, or does not open."""
    try:
        if key_id_of(sealed) == personal.newest_key:
            return None
        text = personal.open(table, public_id, column, sealed)
    except UnreadableError:
        done.unreadable += 1
        return None
    done.sealed += 1
    return personal.seal(table, public_id, column, text)
