"""The one writer of the ledger (DESIGN 4, 15): batches in, rows and acknowledgements out.

Only the elected process writes. Within it one lock lets the ingest thread and the fleet's thread take turns. Numbers are
read from the tables at the start of each transaction, so a rollback leaves nothing to undo.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import msgspec
import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from controller.events import (
    AccessTaken,
    AlarmCleared,
    AlarmRaised,
    AnyEvent,
    CardEncoded,
    CommandDone,
    PolicyChanged,
    RangeLost,
    Record,
)
from controller.goods_events import ItemsMoved
from controller.policy import Version
from controller.site import Site
from controller.wire import GENESIS_HASH, Records
from server.db.engine import Database
from server.equipment.moves import Moves
from server.fleet.bindings import note_followed
from server.ledger.bulk import insert_rows, run
from server.ledger.chain import Head, Verdict, chain_hashes, judge
from server.ledger.columns import EVENT_COLUMNS, UnreadableRecord, event_row, event_rows, read_record
from server.ledger.facts import SERVER, Facts
from server.ledger.keyed_rows import table_of
from server.ledger.models import (
    LedgerEvent,
    LedgerJournal,
    LedgerLost,
    LedgerQuarantine,
    LedgerRecord,
)  # fmt: skip
from server.permits.edge_emergencies import EdgeEmergencies
from server.rooms.areas import Areas
from server.rooms.register import REGISTERED, Register

RECORD_COLUMNS = ("seq", "journal_key", "journal_seq", "received_us", "hash", "record")
_LAST = "SELECT coalesce((SELECT max(seq) FROM ledger_record), 0), coalesce((SELECT max(seq) FROM ledger_event), 0)"
_MOVE_HEAD = "UPDATE ledger_journal SET head_seq = ?, head_hash = ? WHERE id = ?"

log = structlog.get_logger(__name__)


class Outcome(msgspec.Struct, frozen=True):
    """What became of a batch: the acknowledgement to send once it is committed."""

    kind: Literal["extends", "replay", "gap", "lost", "fork"]
    journal_id: str
    head: Head
    expects: int
    fork_at: int | None = None
    stored: int = 0


class Ledger:
    """The ledger of one server. ``software``: this version's name, noted at what it could not read. ``site``: how its areas lie in each
    other, for the register's stays; without it each stands alone."""

    def __init__(self, database: Database, software: str, site: Site | None = None) -> None:
        self._database = database
        self._software = software
        self._areas = Areas(site)
        self._turn = threading.Lock()

    @contextmanager
    def writing(self, now_us: int) -> Iterator["LedgerWriter"]:
        """One transaction. Everything is committed when the block ends, or nothing."""
        with self._turn, self._database.write() as session:
            writer = LedgerWriter(session.connection(), now_us, self._software, self._areas)
            yield writer
            writer.save()


class LedgerWriter:
    """Collects one transaction's rows. See :meth:`Ledger.writing`. ``commands_done``, ``cards_encoded``: results and written cards
    found in the records, a quarantined record's excepted: they come too late to matter."""

    def __init__(self, connection: Connection, now_us: int, software: str, areas: Areas) -> None:
        self.connection = connection
        self.now_us = now_us
        self.areas = areas
        self.commands_done: list[tuple[int, CommandDone]] = []
        self.cards_encoded: list[tuple[int, CardEncoded]] = []
        self._software = software
        self._record_seq, self._event_seq = run(connection, _LAST).one()
        self._records: list[tuple[Any, ...]] = []
        self._events: list[tuple[Any, ...]] = []
        self._quarantined: list[dict[str, Any]] = []
        self._facts: dict[int, Facts] = {}
        self._register = Register(connection, areas)
        self._emergencies = EdgeEmergencies(connection, areas, now_us)
        self._moves = Moves(connection, now_us)
        self._journals: dict[tuple[int, str], dict[str, Any]] = {}
        self._followed: dict[int, tuple[Version, int]] = {}
        self._unsaved_hashes: dict[tuple[int, str, int], bytes] = {}

    def facts(self, edge_id: int) -> Facts:
        """What stands at an edge, in this transaction."""
        facts = self._facts.get(edge_id)
        if facts is None:
            facts = self._facts[edge_id] = Facts(self.connection, edge_id)
        return facts

    def head_seq(self, edge_id: int, journal_id: str) -> int | None:
        """How far this transaction holds a journal; None when it is new."""
        known = self._journals.get((edge_id, journal_id))
        if known is not None:
            head: int = known["head_seq"]
            return head
        table = table_of(LedgerJournal)
        where = (table.c.edge_id == edge_id, table.c.journal_id == journal_id)
        return self.connection.scalar(select(table.c.head_seq).where(*where).order_by(table.c.branch.desc()).limit(1))

    def take(self, edge_id: int, batch: Records, *, quarantine: str | None = None) -> Outcome:
        """Store what a verified batch adds. The caller sends the outcome's acknowledgement after the commit.

        ``quarantine``: why these records are only kept and not read, for a batch that could not be stored otherwise.
        """
        journal = self._journal(edge_id, batch.journal_id)
        head = Head(journal["head_seq"], journal["head_hash"])
        if not batch.records:
            return Outcome("replay", batch.journal_id, head, max(head.seq + 1, batch.first_retained_seq))
        raw = [bytes(record) for record in batch.records]
        hashes = chain_hashes(batch.previous, raw)
        verdict = judge(
            head,
            batch.first_seq,
            batch.previous,
            hashes,
            batch.first_retained_seq,
            lambda seq: self._stored_hash(edge_id, batch.journal_id, seq),
        )
        if verdict.kind == "fork" and self._held_in_a_branch(
            edge_id, batch.journal_id, batch.first_seq + len(raw) - 1, hashes[-1]
        ):
            verdict = Verdict("replay")
        if verdict.kind in ("replay", "gap"):
            return Outcome(verdict.kind, batch.journal_id, head, verdict.expects or head.seq + 1)
        if verdict.kind == "lost":
            self._declare_lost(edge_id, journal, head.seq + 1, batch.first_seq - 1)
        if verdict.kind == "fork":
            assert verdict.fork_at is not None
            journal = self._branch(edge_id, journal, verdict.fork_at, batch.first_seq + verdict.skip)
        self._store(edge_id, journal, batch, raw, verdict, quarantine)
        head = Head(journal["head_seq"], journal["head_hash"])
        stored = len(raw) - verdict.skip
        return Outcome(verdict.kind, batch.journal_id, head, head.seq + 1, verdict.fork_at, stored)

    def raise_alarm(self, edge_id: int, alarm: str, subject: str, rule: str, inputs: dict[str, str | int]) -> None:
        """An alarm of the server's own, with its event; nothing when it stands already."""
        if not self.facts(edge_id).stands(alarm, subject, SERVER):
            # the closed list of an edge's alarms does not bind the server's own
            self.own_event(edge_id, AlarmRaised(alarm=alarm, subject=subject, rule=rule, inputs=inputs))  # type: ignore[arg-type]

    def clear_alarm(self, edge_id: int, alarm: str, subject: str) -> None:
        """End an alarm of the server's own, if it stands."""
        if self.facts(edge_id).stands(alarm, subject, SERVER):
            self.own_event(edge_id, AlarmCleared(alarm=alarm, subject=subject))  # type: ignore[arg-type]

    def own_event(self, edge_id: int, event: AnyEvent) -> None:
        """An event that the server itself adds to the sequence; no record stands behind it."""
        self._event_seq += 1
        self._events.append(event_row(event, self._event_seq, None, edge_id, self.now_us))
        self.facts(edge_id).apply(event, self.now_us, self._event_seq, SERVER)

    def add_events(self, edge_id: int, record_seq: int, record: Record, *, folds: bool = True) -> None:
        """A readable record's events; ``folds``: into what stands now, too. Raises :class:`UnreadableRecord` before
        anything is added."""
        rows = event_rows(record, self._event_seq + 1, record_seq, edge_id)
        self._events += rows
        facts = self.facts(edge_id)
        for seq, event in enumerate(record.events, self._event_seq + 1):
            event_type = type(event)
            if event_type in REGISTERED:
                self._register.take(edge_id, event, record.at_us, seq, record_seq, folds=folds)
                if event_type is AccessTaken:
                    self._emergencies.take(edge_id, event, record.at_us, seq)  # type: ignore[arg-type]
            elif event_type is ItemsMoved:
                self._moves.take(edge_id, event, record.at_us, seq, record_seq)  # type: ignore[arg-type]
            if not folds:
                continue
            facts.apply(event, record.at_us, seq, mono_us=record.mono_us)
            if event_type is CommandDone:
                self.commands_done.append((edge_id, event))  # type: ignore[arg-type]
            elif event_type is PolicyChanged:
                self._followed[edge_id] = event.version, record.at_us  # type: ignore[union-attr]
            elif event_type is CardEncoded:
                self.cards_encoded.append((edge_id, event))  # type: ignore[arg-type]
        self._event_seq += len(rows)

    def save(self) -> None:
        """Write all rows. The caller commits."""
        insert_rows(self.connection, table_of(LedgerRecord), RECORD_COLUMNS, self._records)
        insert_rows(self.connection, table_of(LedgerEvent), EVENT_COLUMNS, self._events)
        if self._quarantined:
            self.connection.execute(insert(table_of(LedgerQuarantine)), self._quarantined)
        for journal in self._journals.values():
            if journal["changed"]:
                run(self.connection, _MOVE_HEAD, (journal["head_seq"], journal["head_hash"], journal["id"]))
        for facts in self._facts.values():
            facts.save()
        self._register.save()
        self._emergencies.save()
        note_followed(self.connection, self._followed)
        self._moves.save()

    def _store(
        self,
        edge_id: int,
        journal: dict[str, Any],
        batch: Records,
        raw: list[bytes],
        verdict: Verdict,
        quarantine: str | None,
    ) -> None:
        for index in range(verdict.skip, len(raw)):
            journal_seq = batch.first_seq + index
            record_hash = verdict.hashes[index]
            self._record_seq += 1
            self._records.append((self._record_seq, journal["id"], journal_seq, self.now_us, record_hash, raw[index]))
            self._unsaved_hashes[edge_id, batch.journal_id, journal_seq] = record_hash
            try:
                if quarantine is not None:
                    raise UnreadableRecord(quarantine)
                self.add_events(edge_id, self._record_seq, read_record(raw[index], batch.journal_id, journal_seq))
            except UnreadableRecord as error:
                log.warning("record quarantined", edge_id=edge_id, journal_seq=journal_seq, error=str(error))
                self._quarantined.append(
                    {
                        "record_seq": self._record_seq,
                        "edge_id": edge_id,
                        "error": str(error)[:500],
                        "tried_by": self._software,
                    }
                )
        journal |= {
            "head_seq": batch.first_seq + len(raw) - 1,
            "head_hash": verdict.hashes[-1],
            "changed": True,
        }

    def _journal(self, edge_id: int, journal_id: str) -> dict[str, Any]:
        """The newest branch of a journal, made when it is new."""
        known = self._journals.get((edge_id, journal_id))
        if known is not None:
            return known
        table = table_of(LedgerJournal)
        of_edge = select(table).where(table.c.edge_id == edge_id)
        row = self.connection.execute(
            of_edge.where(table.c.journal_id == journal_id).order_by(table.c.branch.desc()).limit(1)
        ).first()
        if row is None:
            replaced = self.connection.execute(of_edge.order_by(table.c.id.desc()).limit(1)).first()
            if replaced is not None:
                self._declare_lost(edge_id, dict(replaced._mapping), replaced.head_seq + 1, None)
                self.facts(edge_id).begin_anew(self.now_us)
            journal = self._new_journal(edge_id, journal_id, 0, 1, Head())
        else:
            journal = dict(row._mapping)
        journal["changed"] = False
        self._journals[edge_id, journal_id] = journal
        return journal

    def _new_journal(self, edge_id: int, journal_id: str, branch: int, first_seq: int, head: Head) -> dict[str, Any]:
        journal: dict[str, Any] = {
            "edge_id": edge_id,
            "journal_id": journal_id,
            "branch": branch,
            "first_seq": first_seq,
            "head_seq": head.seq,
            "head_hash": head.hash,
            "created_us": self.now_us,
        }
        made = self.connection.execute(insert(table_of(LedgerJournal)).values(journal))
        key = made.inserted_primary_key
        assert key is not None
        return journal | {"id": key[0]}

    def _branch(self, edge_id: int, journal: dict[str, Any], fork_at: int, first_seq: int) -> dict[str, Any]:
        if journal["changed"]:  # what this transaction added to the old branch stays its head
            table = table_of(LedgerJournal)
            head = {"head_seq": journal["head_seq"], "head_hash": journal["head_hash"]}
            self.connection.execute(update(table).where(table.c.id == journal["id"]).values(head))
        journal_id = journal["journal_id"]
        branch = self._new_journal(
            edge_id, journal_id, journal["branch"] + 1, first_seq, Head(first_seq - 1, GENESIS_HASH)
        )
        branch["changed"] = True
        self._journals[edge_id, journal_id] = branch
        self.raise_alarm(edge_id, "FORK", journal_id, "D7", {"seq": fork_at, "branch": branch["branch"]})
        return branch

    def _declare_lost(self, edge_id: int, journal: dict[str, Any], from_seq: int, to_seq: int | None) -> None:
        """A range that is gone, or with ``to_seq`` None a journal that was replaced by another."""
        journal_id = journal["journal_id"]
        self.connection.execute(
            insert(table_of(LedgerLost)).values(
                journal_key=journal["id"], from_seq=from_seq, to_seq=to_seq, declared_us=self.now_us
            )
        )
        self.own_event(edge_id, RangeLost(journal_id=journal_id, from_seq=from_seq, to_seq=to_seq or 0))
        inputs: dict[str, str | int] = {"from_seq": from_seq, "to_seq": to_seq or "unknown"}
        self.raise_alarm(edge_id, "RECORDS_LOST", f"{journal_id}:{from_seq}", "D7", inputs)

    def _stored_hash(self, edge_id: int, journal_id: str, seq: int) -> bytes | None:
        """The hash held at ``seq``, of the newest branch that has it."""
        if seq == 0:
            return GENESIS_HASH
        unsaved = self._unsaved_hashes.get((edge_id, journal_id, seq))
        if unsaved is not None:
            return unsaved
        held: bytes | None = self.connection.scalar(self._hashes(edge_id, journal_id, seq).limit(1))
        return held

    def _held_in_a_branch(self, edge_id: int, journal_id: str, seq: int, record_hash: bytes) -> bool:
        return record_hash in self.connection.scalars(self._hashes(edge_id, journal_id, seq)).all()

    @staticmethod
    def _hashes(edge_id: int, journal_id: str, seq: int) -> Any:
        records, journals = table_of(LedgerRecord), table_of(LedgerJournal)
        return (
            select(records.c.hash)
            .join(journals, journals.c.id == records.c.journal_key)
            .where(journals.c.edge_id == edge_id, journals.c.journal_id == journal_id, records.c.journal_seq == seq)
            .order_by(journals.c.branch.desc())
        )
