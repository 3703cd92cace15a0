"""Opens what comes up: topic, signature by that edge's key, place, epoch. What is refused is counted (DESIGN 7).

The will, unsigned, can only say that an edge is gone."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from controller.wire import BATCH_RECORDS, Body, PolicyRequest, Records, Status, Verify, WireError, topic, unseal
from server.db.engine import Database
from server.fleet.models import Edge, RefusedMessage
from server.keys import verifier
from server.ledger.facts import table_of
from server.mqtt import Message

EXPECTED: dict[str, type[Body]] = {"records": Records, "status": Status, "request": PolicyRequest}
WILL = {"online": False}
WILL_BYTES = 64
RELOAD_PAUSE_US = 200_000
RELOAD_AFTER_US = 1_000_000
TEXT_CHARACTERS = 300
JOURNAL_ID_CHARACTERS = 200
MAX_SEQ = 2**63 - 1
MAX_BATCH = 10 * BATCH_RECORDS
"""Records of one message: more would keep the other edges waiting."""


class KnownEdge(msgspec.Struct, frozen=True):
    """An enrolled edge, as needed to believe it."""

    id: int
    name: str
    epoch: int
    verify: Verify
    revoked: bool = False


class Gone(msgspec.Struct, frozen=True):
    """The will: the broker says that the edge is gone."""


class Opened(msgspec.Struct, frozen=True):
    """A message of a known edge."""

    edge: KnownEdge
    body: Records | Status | PolicyRequest | Gone
    retained: bool


class Refusal(msgspec.Struct, frozen=True):
    """A refused message. ``edge`` is empty when the topic names no edge of ours."""

    edge: str
    leaf: str
    reason: str
    text: str


def subscriptions(site: str) -> list[str]:
    """The topics of all edges of the site."""
    return [topic(site, "+", leaf) for leaf in EXPECTED]


_MAY_HAVE_CHANGED = ("unknown_edge", "revoked_edge", "bad_signature", "wrong_epoch")


def revoked(edge: KnownEdge, leaf: str) -> Refusal:
    """What becomes of a message of an edge that is believed no more."""
    return Refusal(edge.name, leaf, "revoked_edge", "its key was revoked; enrol it again")


class Inbox:
    """Knows the enrolled edges; reads them again when one is not known or a second has passed."""

    def __init__(self, database: Database, site: str) -> None:
        self._database = database
        self._site = site
        self._edges: dict[str, KnownEdge] = {}
        self._loaded_us = 0

    def open(self, message: Message, now_us: int) -> Opened | Refusal:
        """Verify one message."""
        if abs(now_us - self._loaded_us) >= RELOAD_AFTER_US:
            self._reload(now_us)
        opened = self._open(message)
        stale = isinstance(opened, Refusal) and opened.reason in _MAY_HAVE_CHANGED
        if stale and abs(now_us - self._loaded_us) >= RELOAD_PAUSE_US:
            self._reload(now_us)  # it may have been enrolled this moment
            opened = self._open(message)
        return opened

    def _open(self, message: Message) -> Opened | Refusal:
        parts = message.topic.split("/")
        name, leaf = parts[-2] if len(parts) > 1 else "", parts[-1]
        edge = self._edges.get(name)
        if leaf not in EXPECTED or message.topic != topic(self._site, name, leaf):
            return Refusal("", "", "wrong_topic", message.topic[:TEXT_CHARACTERS])
        if edge is None:
            return Refusal("", leaf, "unknown_edge", f"no edge {name[:64]!r} is enrolled here")
        if edge.revoked:
            return revoked(edge, leaf)
        if leaf == "status" and _is_will(message.payload):
            return Opened(edge, Gone(), message.retained)
        try:
            body = unseal(message.payload, edge.verify, (EXPECTED[leaf],), self._site, edge.name)
        except WireError as error:
            return Refusal(edge.name, leaf, error.code, str(error)[:TEXT_CHARACTERS])
        if body.edge != edge.name:
            return Refusal(edge.name, leaf, "wrong_edge", "an edge speaks for itself only")
        if body.epoch != edge.epoch:
            return Refusal(edge.name, leaf, "wrong_epoch", f"enrolment {body.epoch}, in force is {edge.epoch}")
        assert isinstance(body, Records | Status | PolicyRequest)
        if isinstance(body, Records) and not _has_a_place(body):
            return Refusal(
                edge.name, leaf, "malformed", "journal_id, first_seq or the number of records is out of range"
            )
        return Opened(edge, body, message.retained)

    def _reload(self, now_us: int) -> None:
        table = table_of(Edge)
        with self._database.read() as session:
            rows = session.connection().execute(
                select(table.c.id, table.c.name, table.c.epoch, table.c.public_key, table.c.revoked_at).where(
                    table.c.public_key.is_not(None)
                )
            )
            self._edges = {
                row.name: KnownEdge(
                    row.id,
                    row.name,
                    row.epoch,
                    verifier({f"edge:{row.name}": row.public_key}),
                    row.revoked_at is not None,
                )
                for row in rows
            }
        self._loaded_us = now_us


def _has_a_place(batch: Records) -> bool:
    """Whether tables can hold where the batch says it belongs."""
    named = 0 < len(batch.journal_id) <= JOURNAL_ID_CHARACTERS and "\x00" not in batch.journal_id
    return named and len(batch.records) <= MAX_BATCH and 0 < batch.first_seq <= MAX_SEQ - len(batch.records)


def _is_will(payload: bytes) -> bool:
    if len(payload) > WILL_BYTES:
        return False
    try:
        return bool(msgspec.json.decode(payload) == WILL)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return False


def count_refusals(connection: Connection, refusals: Iterable[Refusal], now_us: int) -> None:
    """Add to the counts that the console shows."""
    table = table_of(RefusedMessage)
    counted: dict[tuple[str, str, str], tuple[int, str]] = {}
    for refusal in refusals:
        key = (refusal.edge, refusal.leaf, refusal.reason)
        counted[key] = (counted.get(key, (0, ""))[0] + 1, refusal.text.replace("\x00", "?"))
    for (edge, leaf, reason), (count, text) in counted.items():
        where = (table.c.edge == edge, table.c.leaf == leaf, table.c.reason == reason)
        values = {"last_us": now_us, "last_text": text}
        changed = connection.execute(update(table).where(*where).values(count=table.c.count + count, **values))
        if changed.rowcount == 0:
            connection.execute(insert(table).values(edge=edge, leaf=leaf, reason=reason, count=count, **values))


def revoked_edges(connection: Connection) -> set[int]:
    """The edges that are believed no more, as this transaction sees them: what an :class:`Inbox` knows may be a moment old."""
    table = table_of(Edge)
    return set(connection.scalars(select(table.c.id).where(table.c.revoked_at.is_not(None))))
