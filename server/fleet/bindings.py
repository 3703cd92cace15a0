"""Where a document's binding to its edge is over, so that it may be bound elsewhere and its devices go on another slip (E6, MEANINGS 26).

An edge's records come in order. The one that says it follows a policy which does not allow the document comes after every move that the
edge let happen under it: then, and not before, the server knows what is left. Else (and where records since the binding are missing) the binding ends
with the document's window and 5 minutes for the clocks.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import Connection

from controller.goods_events import DocumentKind
from controller.policy import Version
from server.db.clock import to_us
from server.equipment.models import WorkOrder
from server.equipment.slip_models import ExitSlip
from server.fleet.goods_models import BindingRelease, EdgeFollowed
from server.fleet.goods_rows import ORDER_STATUSES, Withdrawn
from server.fleet.models import Edge
from server.ledger.bulk import insert_once, upsert_rows
from server.ledger.facts import table_of
from server.ledger.models import LedgerJournal, LedgerLost, LedgerQuarantine, LedgerRecord

CLOCK_MARGIN_US = 300 * 1_000_000
"""So much longer than its window a binding is taken to last (MEANINGS 26)."""
_RELEASE_COLUMNS = ("document", "document_id", "binding", "edge_id", "epoch", "n")


class Binding(msgspec.Struct, frozen=True):
    """How a document is bound. ``released``: nothing more can move under this binding, and all that moved is known. ``edge`` empty: it is not
    bound. ``because``: why it is released; ``waits`` tells what for, if not."""

    edge: str
    released: bool
    because: Literal["", "not_bound", "window_over", "acknowledged"] = ""
    waits: Literal["", "not_withdrawn", "not_compiled", "not_acknowledged", "records_missing"] = ""


def binding_of(connection: Connection, document: DocumentKind, document_id: int, now_us: int) -> Binding:
    """The present binding of an order or slip. Raises :class:`LookupError` when there is none of this id."""
    table: Any = table_of(ExitSlip if document == "slip" else WorkOrder)
    row = connection.execute(select(table).where(table.c.id == document_id)).one_or_none()
    if row is None:
        raise LookupError(f"{document} {document_id}")
    if row.edge_id is None or row.code_hash is None:
        return Binding("", True, "not_bound")
    edge = connection.scalar(select(table_of(Edge).c.name).where(table_of(Edge).c.id == row.edge_id)) or ""
    until = max(row.until_at, row.return_until_at or row.until_at) if document == "slip" else row.planned_until
    if to_us(until) + CLOCK_MARGIN_US <= now_us:
        return Binding(edge, True, "window_over")
    releases = table_of(BindingRelease).c
    release = connection.execute(
        select(releases.epoch, releases.n).where(
            releases.document == document,
            releases.document_id == document_id,
            releases.binding == row.binding,
            releases.edge_id == row.edge_id,
        )
    ).one_or_none()
    if release is None:
        return Binding(edge, False, waits="not_compiled" if _is_withdrawn(document, row) else "not_withdrawn")
    followed = table_of(EdgeFollowed).c
    known = connection.execute(select(followed.epoch, followed.n).where(followed.edge_id == row.edge_id)).one_or_none()
    if known is None or Version(*known) < Version(*release):
        return Binding(edge, False, waits="not_acknowledged")
    bound_us = row.bound_at_us if document == "order" else to_us(row.bound_at or row.created_at)
    if _records_missing(connection, row.edge_id, bound_us or 0):
        return Binding(edge, False, waits="records_missing")
    return Binding(edge, True, "acknowledged")


def released(connection: Connection, document: DocumentKind, document_id: int, now_us: int) -> bool:
    """Whether nothing more can move under the document's present binding."""
    return binding_of(connection, document, document_id, now_us).released


def note_releases(connection: Connection, withdrawn: Iterable[Withdrawn], versions: Mapping[int, Version]) -> None:
    """Note that from these versions of their policies on the edges (by id) do not allow what is withdrawn from them: the policies were compiled
    from the same rows."""
    rows = [
        (one.document, one.id, one.binding, one.edge_id, versions[one.edge_id].epoch, versions[one.edge_id].n)
        for one in withdrawn
        if one.edge_id in versions
    ]
    if rows:
        insert_once(connection, table_of(BindingRelease), _RELEASE_COLUMNS, _RELEASE_COLUMNS[:4], rows)


def note_followed(connection: Connection, versions: Mapping[int, tuple[Version, int]]) -> None:
    """The policies that these edges' newest records name, and when, in the transaction that stores those records."""
    rows = [(edge_id, version.epoch, version.n, at_us) for edge_id, (version, at_us) in versions.items()]
    if rows:
        upsert_rows(connection, table_of(EdgeFollowed), ("edge_id", "epoch", "n", "at_us"), ("edge_id",), rows)


def _records_missing(connection: Connection, edge_id: int, bound_us: int) -> bool:
    """Whether records of this edge since ``bound_us`` are lost, or kept unread: devices may have moved in them, so what is left is not known. A record that
    is read in the end is no longer missing; what is lost stays so until the window is over."""
    lost, journals = table_of(LedgerLost).c, table_of(LedgerJournal).c
    gone = select(lost.id).join(table_of(LedgerJournal), journals.id == lost.journal_key)
    if connection.execute(gone.where(journals.edge_id == edge_id, lost.declared_us >= bound_us).limit(1)).first():
        return True
    unread, records = table_of(LedgerQuarantine).c, table_of(LedgerRecord).c
    kept = select(unread.record_seq).join(table_of(LedgerRecord), records.seq == unread.record_seq)
    since = kept.where(unread.edge_id == edge_id, records.received_us >= bound_us)
    return connection.execute(since.limit(1)).first() is not None


def _is_withdrawn(document: DocumentKind, row: Any) -> bool:
    if document == "order":
        return row.withdrawn_at is not None or row.status not in ORDER_STATUSES
    return row.next_edge_id is not None or row.status != "issued"
