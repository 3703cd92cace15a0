"""The situation as an edge's files tell it, while the edge runs or is dead: journal and policy store are opened for reading only.

What the edge has not committed (its disk is full) is not in the files; the running edge's own page has it. Nothing is locked, written or moved.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import msgspec

from controller.events import decode_record
from controller.fold import fold
from controller.policy import Customer, Int64
from controller.site import Site
from controller.state import State, decode_state
from edge import journal_schema, policy_store
from edge.muster.facts import Situation

BUSY_TIMEOUT_S = 0.2


class StoredError(Exception):
    """The files do not tell who is inside. One line: which, what, what to do."""


class _Snapshot(msgspec.Struct, frozen=True):
    """What of a policy concerns the list; the rest is passed over undecoded."""

    site: Site
    customers: tuple[Customer, ...] = ()


class _Delta(msgspec.Struct, frozen=True):
    site: Site | None = None
    customers: tuple[Customer, ...] = ()
    gone_customers: tuple[Int64, ...] = ()


def read_situation(journal: Path, policies: Path, site_id: str, edge: str, at_us: int) -> Situation:
    """What the files of one edge tell. Without a readable policy the list goes without names of areas and codes of customers. Raises
    :class:`StoredError` when the journal cannot be read."""
    state, recorded_at_us = _read_state(journal)
    site, codes, trouble = _read_policy(policies)
    present = {presence.customer for presence in (state.muster_at_fire or state.presence).values()}
    return Situation(
        site_id=site_id,
        edge=edge,
        at_us=at_us,
        state=state,
        site=site,
        codes={customer: code for customer, code in codes.items() if customer in present},
        wall_trusted=state.wall_trusted and not state.wall_behind,
        warnings=(trouble,) if trouble else (),
        recorded_at_us=recorded_at_us,
    )


def _read_state(path: Path) -> tuple[State, int]:
    if not path.is_file():
        raise StoredError(f"{path}: no such journal; correct state_dir, or start the edge once")
    try:
        with _reading(path, journal_schema.VERSION) as db:
            db.execute("BEGIN")  # checkpoint and records of one moment
            kept = db.execute("SELECT seq, state FROM checkpoint").fetchone()
            seq, state = (kept[0], decode_state(kept[1])) if kept is not None else (0, State())
            last: bytes | None = None
            for number, last in db.execute("SELECT seq, record FROM records WHERE seq > ? ORDER BY seq", (seq,)):
                if number != seq + 1:
                    raise StoredError(
                        f"{path}: records {seq + 1} to {number - 1} are gone; keep the file and count on site"
                    )
                fold(state, decode_record(last))
                seq = number
            if last is None:
                row = db.execute("SELECT record FROM records ORDER BY seq DESC LIMIT 1").fetchone()
                last = row[0] if row is not None else None
            return state, decode_record(last).at_us if last is not None else 0
    except (sqlite3.Error, ValueError, LookupError, TypeError, RecursionError) as error:
        raise StoredError(
            f"{path}: cannot be read ({error}); use the menjin that wrote it, or count on site"
        ) from error


def _read_policy(path: Path) -> tuple[Site | None, dict[int, str], str]:
    """(site, customer codes, what is wrong)."""
    if not path.is_file():
        return None, {}, f"{path}: no policy is stored; areas go by their ids, customers by numbers"
    try:
        with _reading(path, policy_store.VERSION) as db:
            db.execute("BEGIN")
            stored = db.execute("SELECT sha256, body FROM snapshot").fetchone()
            deltas = db.execute("SELECT sha256, body FROM deltas ORDER BY position").fetchall()
        if stored is None:
            return None, {}, f"{path}: no policy is stored; areas go by their ids, customers by numbers"
        snapshot = msgspec.json.decode(_checked(stored), type=_Snapshot)
        site, codes = snapshot.site, {customer.id: customer.code for customer in snapshot.customers}
        for row in deltas:
            delta = msgspec.json.decode(_checked(row), type=_Delta)
            site = delta.site or site
            for gone in delta.gone_customers:
                codes.pop(gone, None)
            codes |= {customer.id: customer.code for customer in delta.customers}
    except (sqlite3.Error, ValueError, RecursionError) as error:
        return None, {}, f"{path}: cannot be read ({error}); areas go by their ids, customers by numbers"
    return site, codes, ""


def _checked(row: tuple[bytes, bytes]) -> bytes:
    if hashlib.sha256(row[1]).digest() != row[0]:
        raise ValueError("what is stored was altered")
    return row[1]


@contextmanager
def _reading(path: Path, version: int) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write. With no log beside it (an orderly stop moved it) SQLite wants to make one: the file alone is the whole then."""
    alone = not path.with_name(path.name + "-wal").exists()
    address = f"file:{quote(str(path.resolve()))}?mode=ro" + ("&immutable=1" if alone else "")
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > version:
            raise ValueError(f"version {found} was written by a newer menjin, this one knows {version}")
        yield connection
    finally:
        connection.close()
