"""One turn of the ingesting thread: messages in, one transaction, then the acknowledgements (DESIGN 4)."""

from collections.abc import Iterator, Sequence

import msgspec
import structlog
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from controller.events import CommandDone
from controller.wire import Ack, PolicyRequest, Records, Status, chain, topic
from server.db.engine import is_away
from server.fleet.down import Composer
from server.fleet.encoded import Bind
from server.fleet.inbox import (
    EXPECTED,
    Gone,
    Inbox,
    KnownEdge,
    Opened,
    Refusal,
    count_refusals,
    revoked,
    revoked_edges,
)
from server.fleet.models import EdgeCommand
from server.fleet.status import StatusRefused, take_gone, take_status
from server.ledger.facts import table_of
from server.ledger.writer import Ledger, LedgerWriter, Outcome
from server.mqtt import Message

_LEAVES: dict[type, str] = {body: leaf for leaf, body in EXPECTED.items()}

log = structlog.get_logger(__name__)


class Asked(msgspec.Struct, frozen=True):
    """A request for policy, to be answered by the fleet's thread."""

    edge: KnownEdge
    request: PolicyRequest


class Answers(msgspec.Struct):
    """What follows from a turn, after its commit: acknowledgements to publish (topic, payload), requests to answer."""

    acks: list[tuple[str, bytes]] = []
    asked: list[Asked] = []
    status_changed: bool = False


class Uplink:
    """Takes messages from all edges."""

    def __init__(self, inbox: Inbox, ledger: Ledger, composer: Composer, bind: Bind) -> None:
        self._inbox = inbox
        self._ledger = ledger
        self._composer = composer
        self._bind = bind

    def take(self, messages: Sequence[Message], now_us: int) -> Answers:
        """Commit what they bring. A record that cannot be stored as read is kept unread, in quarantine; any other message
        that the database cannot take is refused alone and counted. The database being away raises (see
        :func:`server.db.engine.is_away`): nothing was acknowledged, all of it comes again."""
        opened = [self._inbox.open(message, now_us) for message in messages]
        try:
            return self._commit(opened, now_us)
        except Exception as error:
            if is_away(error):
                raise
            log.exception("messages refused by the database, taken one by one", messages=len(messages))
        answers = Answers()
        for item in opened:
            for part in self._one_by_one(item, now_us):
                answers.acks += part.acks
                answers.asked += part.asked
                answers.status_changed |= part.status_changed
        return answers

    def _one_by_one(self, item: Opened | Refusal, now_us: int) -> Iterator[Answers]:
        for single in _singles(item):
            try:
                yield self._commit([single], now_us)
                continue
            except Exception as error:
                if is_away(error):
                    raise
                failure = error
            edge, leaf = (single.edge.name, "") if isinstance(single, Opened) else (single.edge, single.leaf)
            log.error("message refused by the database", edge=edge, exc_info=failure)
            holds_records = isinstance(single, Opened) and isinstance(single.body, Records)
            if holds_records and not isinstance(
                failure, IntegrityError
            ):  # then another writer is about: it comes again
                try:
                    yield self._commit([single], now_us, quarantine=f"could not be stored: {type(failure).__name__}")
                    continue
                except Exception as error:
                    if is_away(error):
                        raise
            yield self._commit([Refusal(edge, leaf, "not_storable", type(failure).__name__)], now_us)
            return  # what follows in this message builds on it

    def _commit(self, items: Sequence[Opened | Refusal], now_us: int, *, quarantine: str | None = None) -> Answers:
        answers = Answers()
        refusals = [item for item in items if isinstance(item, Refusal)]
        outcomes: dict[tuple[str, str, int | None], Outcome] = {}
        with self._ledger.writing(now_us) as writer:
            believed_no_more = revoked_edges(writer.connection)
            for item in items:
                if isinstance(item, Refusal):
                    continue
                if item.edge.id in believed_no_more:
                    refusals.append(revoked(item.edge, _LEAVES.get(type(item.body), "status")))
                    continue
                match item.body:
                    case Records() as batch:
                        outcome = writer.take(item.edge.id, batch, quarantine=quarantine)
                        key = (item.edge.name, batch.journal_id, outcome.fork_at)
                        outcomes.pop(key, None)  # the last one goes last
                        outcomes[key] = outcome
                    case Status() as status:
                        try:
                            take_status(writer, item.edge.id, status, retained=item.retained)
                            answers.status_changed = True
                        except StatusRefused as error:
                            refusals.append(Refusal(item.edge.name, "status", error.reason, str(error)))
                    case Gone():
                        take_gone(writer, item.edge.id)
                    case PolicyRequest() as request:
                        answers.asked.append(Asked(item.edge, request))
            count_refusals(writer.connection, refusals, now_us)
            for edge_id, encoded in writer.cards_encoded:
                self._bind(writer.connection, edge_id, encoded, now_us)
            for edge_id, done in writer.commands_done:
                _note_result(writer, edge_id, done)
            answers.acks = [self._ack(edge, outcome, now_us) for (edge, _, _), outcome in outcomes.items()]
            self._composer.numbers.save(writer.connection)
        for refusal in refusals:
            log.warning(
                "message refused", edge=refusal.edge, leaf=refusal.leaf, reason=refusal.reason, text=refusal.text
            )
        return answers

    def _ack(self, edge: str, outcome: Outcome, now_us: int) -> tuple[str, bytes]:
        payload = self._composer.sealed(
            Ack,
            edge,
            now_us,
            journal_id=outcome.journal_id,
            upto=outcome.head.seq,
            head=outcome.head.hash,
            expects=outcome.expects,
            fork_at=outcome.fork_at,
        )
        return topic(self._composer.site, edge, "ack"), payload


def _singles(item: Opened | Refusal) -> Iterator[Opened | Refusal]:
    """A batch as batches of one record; all else as it is."""
    if not isinstance(item, Opened) or not isinstance(item.body, Records) or len(item.body.records) < 2:
        yield item
        return
    previous = item.body.previous
    for seq, raw in enumerate(item.body.records, item.body.first_seq):
        batch = msgspec.structs.replace(item.body, first_seq=seq, previous=previous, records=(raw,))
        yield msgspec.structs.replace(item, body=batch)
        previous = chain(previous, bytes(raw))


def _note_result(writer: LedgerWriter, edge_id: int, done: CommandDone) -> None:
    table = table_of(EdgeCommand)
    because = msgspec.json.encode(done.because).decode() if done.because is not None else None
    writer.connection.execute(
        update(table)
        .where(table.c.public_id == done.command_id, table.c.edge_id == edge_id)
        .values(state=done.result, because=because, answered_us=writer.now_us)
    )
