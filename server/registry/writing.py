"""Writing rows of the registry: one way for the API, the import and the CRM (C2, C3).

Every write raises ``version`` by one, sets ``changed_by``, and leaves an audit entry without personal data.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from sqlmodel import Session, col, select

from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.personal.cipher import PersonalKeys
from server.personal.fields import PERSONAL_FIELDS, read_field, write_field
from server.personal.masking import MASKS
from server.problems import Problem
from server.registry.lookup import taken
from server.registry.models import Contact, Contract, Customer, Holder
from server.registry.validation import Warned, refused

Row = TypeVar("Row", Customer, Contact, Contract, Holder)

PREFIXES: dict[type[Any], str] = {Customer: "cus", Contact: "ctc", Contract: "con", Holder: "hol"}
_UNAUDITED = {"id", "public_id", "created_at", "customer_id", "merged_into", "name_key", "changed_by", "synced_at"}
_SILENT = {"name_key", "synced_at"}
"""Written along with a change of other columns; of these alone there is none."""


class Written(NamedTuple, Generic[Row]):
    """The row as it now is; whether anything changed, and what: field → (before, after), persons' data masked."""

    row: Row
    changed: bool
    warnings: list[Warned]
    changes: dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Writing:
    """One act: in whose transaction, by whom, when, with which keys. ``codes``: of a batch, which is flushed as a whole, the customers
    that have the codes that it names."""

    session: Session
    actor: Actor
    now: datetime
    personal: PersonalKeys
    codes: dict[str, Customer] | None = None


def new_row(w: Writing, model: type[Row], values: dict[str, Any], **fixed: Any) -> Written[Row]:
    """Make and store a row with ``values`` (see :func:`change_row`); ``fixed``: columns as they are."""
    row = model(public_id=new_id(PREFIXES[model], w.now), created_at=w.now, changed_by=w.actor.public_id, **fixed)
    changes = _set(w, row, values)
    w.session.add(row)
    if w.codes is None:
        w.session.flush()
    record(w.session, w.actor, w.now, f"{row.__tablename__}.create", row.public_id, after=show(row))
    return Written(row, True, [], changes)


def change_row(w: Writing, row: Row, values: dict[str, Any], act: str = "change") -> Written[Row]:
    """Set what differs of ``values`` (column → value; personal fields by their plain name and in clear). Nothing that differs:
    nothing is written."""
    before = show(row)
    changes = _set(w, row, values)
    if not changes:
        return Written(row, False, [], {})
    row.version += 1
    row.changed_by = w.actor.public_id
    w.session.add(row)
    if w.codes is None:
        w.session.flush()
    after = show(row)
    personal = sorted(changes.keys() & set(_personal_fields(row)))
    if personal:
        after["changed"] = personal
    record(w.session, w.actor, w.now, f"{row.__tablename__}.{act}", row.public_id, before=before, after=after)
    return Written(row, True, [], changes)


def show(row: Customer | Contact | Contract | Holder) -> dict[str, Any]:
    """A row as the audit log keeps it: JSON values, without personal data and internal ids."""
    kept = {
        name
        for name in type(row).model_fields
        if name not in _UNAUDITED and not name.endswith(("_clear", "_cipher", "_index"))
    }
    return row.model_dump(mode="json", include=kept)


def require(values: dict[str, Any], row: object | None, *fields: str) -> None:
    """Raise :class:`Problem` 422 for a field that a new row lacks, or that would be emptied."""
    for field in fields:
        if values.get(field, row) is None:
            raise refused(field, f"{field}: is required.", f"{field}：必填。")


def refuse_older(row: Row, source_system: str | None, source_version: str | None) -> None:
    """Raise :class:`Problem` 409 when a newer message of the same system was written already."""
    if source_version is None or row.source_version is None or (source_system or "") != row.source_system:
        return
    if older(source_version, row.source_version):
        raise Problem(
            409,
            "older_source_version",
            f"source_version {source_version!r} is older than {row.source_version!r}, which is stored: nothing was changed.",
            f"source_version {source_version} 早于已存的 {row.source_version}：未作更改。",
            field="source_version",
            extra={"stored": row.source_version},
        )


def older(one: str, other: str) -> bool:
    """Whether version ``one`` is before ``other``: as times if both are, else number by number within the text (``v9`` < ``v10``)."""
    times = _time(one), _time(other)
    if times[0] is not None and times[1] is not None:
        return times[0] < times[1]
    return _parts(one) < _parts(other)


def refuse_taken(
    w: Writing, model: type[Row], source_system: str, external_id: str | None, but: Row | None = None
) -> None:
    """Raise :class:`Problem` 409 for a name that another row of the same system has."""
    if external_id is None:
        return
    query = select(model.id).where(model.source_system == source_system, col(model.external_id) == external_id)
    if but is not None:
        query = query.where(model.id != but.id)
    if w.session.exec(query).first() is not None:
        raise taken("external_id", external_id)


def _set(w: Writing, row: Row, values: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    changes: dict[str, tuple[Any, Any]] = {}
    personal = _personal_fields(row)
    for name, value in values.items():
        if name in personal:
            before = read_field(w.personal, row, name)
            if before != value:
                write_field(w.personal, row, name, value)
                mask = MASKS[name]
                changes[name] = (None if before is None else mask(before), None if value is None else mask(value))
        elif name not in _SILENT and (before := getattr(row, name)) != value:
            setattr(row, name, value)
            changes[name] = (before, value)
    if changes:
        for name in _SILENT & values.keys():
            setattr(row, name, values[name])
    return changes


def _personal_fields(row: Any) -> tuple[str, ...]:
    return PERSONAL_FIELDS.get(row.__tablename__, ())


def _time(text: str) -> datetime | None:
    if len(text) < len("2026-01-01T00:00Z"):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _parts(text: str) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"[0-9]+|[^0-9]+", text)]
