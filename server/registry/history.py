"""The history of a row: what the triggers noted, whoever made the change, CRM's bare SQL included (B9, C3).

Persons' data were sealed before they were noted; they are opened here only to be masked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from pydantic import BaseModel
from sqlmodel import Session, and_, col, false, or_, select

from server.pages import Page, rows_after
from server.personal.cipher import PersonalKeys
from server.personal.fields import PERSONAL_FIELDS, open_cipher
from server.personal.masking import MASKS
from server.registry.lookup import codes_of
from server.registry.models import Contact, Contract, Customer, CustomerMerge, Holder, RegistryChange

_HIDDEN = ("id", "public_id", "version", "changed_by", "synced_at", "name_key", "created_at")
_ENDINGS = ("_clear", "_index")
_REFERENCES = {"customer_id": "customer", "merged_into": "merged_into"}
_NOTHING: dict[str, Any] = {
    "source_system": "", "primary": False, "keyholder": False, "areas": [], "may_escort": [], "duties": [], "racks": [], "cages": [],
}  # fmt: skip
"""What a new row has without anybody saying so."""
FileTable = Literal["customer", "contract", "contact", "holder"]
FILE_TABLES: tuple[FileTable, ...] = get_args(FileTable)
_SHOWN_AS = {"from_at": "from", "until_at": "until", "is_primary": "primary"}


class HistoryShown(BaseModel):
    """One change: only what differs. ``by``: an operator or token, or ``sql:`` and the system that wrote. ``file``: the code of the
    file that was merged into this one, when the change was made to that."""

    id: int
    at: datetime
    by: str
    op: str
    before: dict[str, Any] | None
    after: dict[str, Any]
    file: str | None = None


class FileChange(HistoryShown):
    """A change of a file or of what belongs to it: ``table``, and the ``row`` there by its public id."""

    table: str
    row: str


def row_history(
    session: Session, personal: PersonalKeys, row: Contact | Contract | Holder, after: int, limit: int
) -> Page[HistoryShown]:
    """One page of a row's changes, oldest first."""
    return _page(session, personal, row.__tablename__, {row.id: row.public_id}, {}, after, limit)


def customer_history(
    session: Session, personal: PersonalKeys, customer: Customer, after: int, limit: int
) -> Page[HistoryShown]:
    """One page of a file's changes, those of the files that were merged into it among them."""
    merged = merged_files(session, customer)
    ids = {row.id: row.public_id for row in [customer, *merged]}
    return _page(session, personal, "customer", ids, {row.id: row.code for row in merged}, after, limit)


def whole_history(
    session: Session,
    personal: PersonalKeys,
    customer: Customer,
    tables: Sequence[FileTable] = FILE_TABLES,
    after: int = 0,
    limit: int = 100,
) -> Page[FileChange]:
    """One page of the changes of a file and of what belongs to it now (C3), newest first; ``after``: the page before's ``next``."""
    merged = merged_files(session, customer)
    files = {row.id: row.code for row in merged}
    names: dict[tuple[str, int | None], str] = {("customer", row.id): row.public_id for row in [customer, *merged]}
    for model in (Contract, Contact, Holder):
        rows = session.exec(select(model.id, model.public_id).where(model.customer_id == customer.id)).all()
        names |= {(model.__tablename__, number): public_id for number, public_id in rows}
    of_it = [
        and_(
            RegistryChange.table_name == table,
            col(RegistryChange.row_id).in_([one for of, one in names if of == table]),
        )
        for table in tables
    ]
    query = select(RegistryChange).where(or_(false(), *of_it))
    changes, following = rows_after(session, query, col(RegistryChange.id), after, limit, newest_first=True)
    codes = codes_of(session, _referred(changes))
    items = []
    for change in changes:
        public_id = names[change.table_name, change.row_id]
        row = _Row(personal, change.table_name, public_id, codes)
        shown = _shown(row, change, files.get(change.row_id) if change.table_name == "customer" else None)
        if shown is not None:
            items.append(FileChange(**shown.model_dump(), table=change.table_name, row=public_id))
    return Page(items=items, next=following)


def merged_files(session: Session, customer: Customer) -> list[Customer]:
    """The files that this one took over, and those that they had taken over."""
    found: list[Customer] = []
    kept = [customer.id]
    while kept:
        query = select(Customer).join(CustomerMerge, col(CustomerMerge.merged_id) == Customer.id)
        rows = session.exec(query.where(col(CustomerMerge.kept_id).in_(kept)).order_by(col(Customer.id))).all()
        rows = [row for row in rows if row is not customer and row not in found]  # a CRM may have taken a merge back
        found += rows
        kept = [row.id for row in rows]
    return found


def _page(
    session: Session,
    personal: PersonalKeys,
    table: str,
    public_ids: dict[int | None, str],
    merged: dict[int | None, str],
    after: int,
    limit: int,
) -> Page[HistoryShown]:
    query = select(RegistryChange).where(
        RegistryChange.table_name == table, col(RegistryChange.row_id).in_(list(public_ids))
    )
    changes, following = rows_after(session, query, col(RegistryChange.id), after, limit)
    codes = codes_of(session, _referred(changes))
    shown = [
        _shown(_Row(personal, table, public_ids[one.row_id], codes), one, merged.get(one.row_id)) for one in changes
    ]
    return Page(items=[one for one in shown if one is not None], next=following)


def _shown(row: "_Row", change: RegistryChange, file: str | None) -> HistoryShown | None:
    """None: it was sealed anew, or nothing that is shown differs."""
    after_it = row.clear(change.after)
    before_it = row.clear(change.before or {})
    names = [name for name, value in after_it.items() if value != before_it.get(name, _NOTHING.get(name))]
    if change.before is not None and not names:
        return None
    return HistoryShown(
        id=change.id or 0,
        at=change.at,
        by=change.changed_by,
        op=change.op,
        before=None if change.before is None else {name: row.masked(name, before_it.get(name)) for name in names},
        after={name: row.masked(name, after_it[name]) for name in names},
        file=file,
    )


@dataclass(frozen=True)
class _Row:
    """How the JSON of one row's triggers reads."""

    personal: PersonalKeys
    table: str
    public_id: str
    codes: dict[int | None, str]

    def clear(self, noted: dict[str, Any]) -> dict[str, Any]:
        """What is worth showing, by the names that the API uses, in clear: never answered as it is."""
        return dict(
            self._value(name, value)
            for name, value in noted.items()
            if name not in _HIDDEN and not name.endswith(_ENDINGS)
        )

    def masked(self, name: str, value: Any) -> Any:
        """A value of :meth:`clear` as answers show it."""
        return MASKS[name](value) if name in PERSONAL_FIELDS.get(self.table, ()) and value is not None else value

    def _value(self, name: str, value: Any) -> tuple[str, Any]:
        if name.endswith("_cipher"):
            field = name.removesuffix("_cipher")
            sealed = None if value is None else bytes.fromhex(value)
            return field, open_cipher(self.personal, self.table, self.public_id, field, sealed)
        if name in _REFERENCES:
            return _REFERENCES[name], self.codes.get(value)
        if name.endswith("_at") and isinstance(value, str):
            at = datetime.fromisoformat(value)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
            return _SHOWN_AS.get(name, name), at.isoformat().replace("+00:00", "Z")
        return _SHOWN_AS.get(name, name), value


def _referred(changes: Sequence[RegistryChange]) -> set[int | None]:
    rows = [row for change in changes for row in (change.before, change.after) if row is not None]
    return {row.get(name) for row in rows for name in _REFERENCES}
