"""Recorded histories for ``menjin replay``: an edge's journal, or the server's export of it. Both are only read, and checked link by link.

Raises :class:`RecordedFault` with one line: what, where, what to do.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec

from controller.events import Record, decode_record
from controller.policy import Delta, Policy, PolicyError, decode_policy
from controller.policy_delta import advance
from controller.policy_digest import PolicyDigest
from controller.state import State, decode_state
from controller.wire import GENESIS_HASH, chain
from edge import journal_schema, policy_store

BUSY_TIMEOUT_S = 2.0
PAGE_RECORDS = 1_000
MAX_LINE_BYTES = 4 * 1024**2
"""A line of an export: the largest record is far smaller."""


class RecordedFault(ValueError):
    """What is recorded cannot be used. One line."""


class Entry(msgspec.Struct, frozen=True):
    """One record with its bytes, unchanged."""

    record: Record
    encoded: bytes


class Recording(msgspec.Struct, frozen=True):
    """A history without a gap. ``state``: the fold of all before its first record ``first_seq``. ``entries`` begins anew with each call,
    and raises :class:`RecordedFault` where the history is damaged. ``before_us``: when the state was, 0 for the very beginning."""

    journal_id: str
    first_seq: int
    count: int
    before_us: int
    state: State
    entries: Callable[[], Iterator[Entry]]


def from_journal(path: Path) -> Recording:
    """The records of ``journal.db``; the edge may be running. What was purged is replaced by the checkpoint: the history then
    begins after it."""
    with _opened(path, journal_schema.APPLICATION_ID, journal_schema.VERSION, "journal") as database:
        head = database.execute("SELECT journal_id, purged_upto, purged_hash FROM journal").fetchone()
        last_seq = database.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()[0]
        kept = database.execute("SELECT seq, hash, state FROM checkpoint").fetchone()
        if head is None:
            raise RecordedFault(f"{path}: its head is gone; take a copy of another day")
        journal_id, purged_upto, purged_hash = head
        if not purged_upto:
            first, first_hash, state, before_us = 0, GENESIS_HASH, State(), 0
        elif kept is None or kept[0] < purged_upto:
            raise RecordedFault(
                f"{path}: no checkpoint covers the {purged_upto} records that were purged; take the server's export"
            )
        else:
            first, first_hash = kept[0], bytes(kept[1])
            state = _state(path, kept[2])
            row = database.execute("SELECT record FROM records WHERE seq = ?", (first,)).fetchone()
            before_us = _decoded(path, first, row[0]).at_us if row is not None else state.wall_high_us
            if first == purged_upto and first_hash != purged_hash:
                raise RecordedFault(f"{path}: record {first} is not the one that the checkpoint was made at")

    def entries() -> Iterator[Entry]:
        seq, previous = first, first_hash
        while seq < last_seq:
            with _opened(path, journal_schema.APPLICATION_ID, journal_schema.VERSION, "journal") as database:
                rows = database.execute(
                    "SELECT seq, hash, record FROM records WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
                    (seq, last_seq, PAGE_RECORDS),
                ).fetchall()
            if not rows:
                raise RecordedFault(
                    f"{path}: records {seq + 1} to {last_seq} are gone (purged meanwhile?); start again"
                )
            for found_seq, found_hash, encoded in rows:
                previous = _linked(path, seq + 1, previous, found_seq, bytes(found_hash), encoded)
                seq = found_seq
                yield _entry(path, journal_id, seq, encoded)

    return Recording(journal_id, first + 1, last_seq - first, before_us, state, entries)


class _Line(msgspec.Struct):
    journal_id: str
    seq: int
    hash: str
    record: str
    branch: int = 0
    raw: bytes = b""


_line_decoder = msgspec.json.Decoder(_Line)


def from_ledger(path: Path) -> Recording:
    """The records of ``GET /api/v1/ledger/export``, from the first on."""
    journal_id, count = "", 0
    for number, line in _lines(path):
        if not count:
            journal_id = line.journal_id
        elif line.journal_id != journal_id or line.branch:
            what = (
                f"a fork's branch {line.branch}"
                if line.branch
                else f"records of journal {line.journal_id[:8]}… besides {journal_id[:8]}…"
            )
            raise RecordedFault(f"{path}: line {number}: {what}; keep the lines of one history in the file")
        count += 1
        if line.seq != count:
            why = (
                "export with after_seq=0, what was before decides too"
                if count == 1
                else f"record {count} is missing; export anew"
            )
            raise RecordedFault(f"{path}: line {number}: record {line.seq} stands there; {why}")
    if not count:
        raise RecordedFault(f"{path}: holds no records; export with after_seq=0")

    def entries() -> Iterator[Entry]:
        seq, previous = 0, GENESIS_HASH
        for number, line in _lines(path):
            encoded = line.raw or line.record.encode()
            try:
                wanted = bytes.fromhex(line.hash)
            except ValueError as error:
                raise RecordedFault(f"{path}: line {number}: hash is not hexadecimal; export anew") from error
            previous = _linked(path, seq + 1, previous, line.seq, wanted, encoded)
            seq = line.seq
            yield _entry(path, journal_id, seq, encoded)

    return Recording(journal_id, 1, count, 0, State(), entries)


def stored_policy(path: Path) -> Policy:
    """The newest policy in an edge's ``policy.db``."""
    with _opened(path, policy_store.APPLICATION_ID, policy_store.VERSION, "policy store") as database:
        snapshot = database.execute("SELECT body FROM snapshot").fetchone()
        deltas = database.execute("SELECT body FROM deltas ORDER BY position").fetchall()
    if snapshot is None:
        raise RecordedFault(f"{path}: holds no policy; name a snapshot instead")
    try:
        policy = decode_policy(snapshot[0])
        digest = PolicyDigest.of(policy)
        for (body,) in deltas:
            policy, digest = advance(policy, digest, msgspec.json.decode(body, type=Delta))
    except (PolicyError, msgspec.DecodeError) as error:
        raise RecordedFault(f"{path}: {error}; name a snapshot instead") from error
    return policy


def is_database(path: Path) -> bool:
    """Whether the file begins as SQLite files do. Raises :class:`RecordedFault` when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError as error:
        raise RecordedFault(f"{path}: cannot be read ({error.strerror}); correct the path") from error


@contextlib.contextmanager
def _opened(path: Path, application_id: int, newest: int, what: str) -> Iterator[sqlite3.Connection]:
    if not is_database(path):
        raise RecordedFault(f"{path}: is no {what}; correct the path")
    # With no log beside it SQLite would want to make one, which a read-only folder forbids: the file alone is the whole then.
    alone = not path.with_name(path.name + "-wal").exists()
    address = f"file:{quote(str(path.resolve()))}?mode=ro" + ("&immutable=1" if alone else "")
    try:
        # Closed before each page is used: a reader that stays would keep a running edge's log from shrinking.
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S)) as database:
            if database.execute("PRAGMA application_id").fetchone()[0] != application_id:
                raise RecordedFault(f"{path}: is no menjin {what}; correct the path")
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version > newest:
                raise RecordedFault(f"{path}: version {version} was written by a newer menjin; replay with that one")
            yield database
    except sqlite3.Error as error:
        raise RecordedFault(
            f"{path}: cannot be read ({error}); check the file, or take a copy with its -wal"
        ) from error


def _lines(path: Path) -> Iterator[tuple[int, _Line]]:
    try:
        with path.open("rb") as file:
            number = 0
            while text := file.readline(MAX_LINE_BYTES):
                number += 1
                if not text.strip():
                    continue
                try:
                    yield number, _line_decoder.decode(text)
                except (msgspec.MsgspecError, RecursionError) as error:
                    raise RecordedFault(f"{path}: line {number}: {error}; export anew") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecordedFault(f"{path}: cannot be read ({error}); correct the path") from error


def _linked(path: Path, wanted_seq: int, previous: bytes, seq: int, found: bytes, encoded: bytes) -> bytes:
    """The chain's hash after this record; what follows stands on it (D7)."""
    if seq != wanted_seq:
        raise RecordedFault(
            f"{path}: records {wanted_seq} to {seq - 1} are missing; take the server's export, or a whole copy"
        )
    if chain(previous, encoded) != found:
        raise RecordedFault(f"{path}: record {seq} was altered: it does not give its hash")
    return found


def _entry(path: Path, journal_id: str, seq: int, encoded: bytes) -> Entry:
    record = _decoded(path, seq, encoded)
    if (record.journal_id, record.seq) != (journal_id, seq):
        raise RecordedFault(
            f"{path}: record {seq} says it is {record.seq} of journal {record.journal_id[:8]}…; mixed histories"
        )
    return Entry(record, encoded)


def _decoded(path: Path, seq: int, encoded: bytes) -> Record:
    try:
        return decode_record(encoded)
    except ValueError as error:
        raise RecordedFault(
            f"{path}: record {seq} cannot be read ({error}); replay with the menjin that wrote it"
        ) from error


def _state(path: Path, encoded: bytes) -> State:
    try:
        return decode_state(encoded)
    except (ValueError, RecursionError) as error:
        raise RecordedFault(f"{path}: its checkpoint cannot be read ({error}); take the server's export") from error
