"""The fleet's threads: one takes what comes from the edges, one keeps policies, leases and commands going (DESIGN 14).

::

    paho's thread ─► inbox (bounded) ─► ingest: verify, commit, acknowledge ─┐ requests, receipts
                                                                             ▼
    registry's open changes, commands, clock ─────────────────────► fleet: compile, order, renew, publish the outbox, pack snapshots
"""

import gc
import queue
import threading
from collections import deque
from datetime import datetime

import structlog

from controller.policy import Version
from controller.release import SOFTWARE
from server.context import Context
from server.db.clock import from_us, to_us
from server.db.engine import is_away
from server.equipment.slips.binding import bind_released
from server.fleet.awaited import activate_awaiting
from server.fleet.commands import commands_open, order_commands
from server.fleet.down import Composer
from server.fleet.election import Election
from server.fleet.encoded import binder
from server.fleet.goods_rows import note_over
from server.fleet.inbox import Inbox, subscriptions
from server.fleet.key_watch import KeyWatch
from server.fleet.listening import ChangeListener
from server.fleet.outbox import Publisher
from server.fleet.policies import Message as Down
from server.fleet.policies import Policies
from server.fleet.receipts import Receipt, read_receipts
from server.fleet.restored import raise_epoch
from server.fleet.status import any_revoked_missed, any_silent, settle_revoked, take_silent
from server.fleet.up import Asked, Uplink
from server.ledger.quarantine import retry_quarantined
from server.ledger.writer import Ledger
from server.mqtt import Message, MqttClient
from server.registry.watcher import RegistryWatcher
from server.rooms.areas import Areas
from server.rooms.two_places import settle_two_places, two_places_changed

TURN_S = 0.1
"""How often the open changes are looked at: a revocation waits at most this long for its delta."""
PAUSE_AFTER_FAULT_S = 1.0
SLOW_TURN_US = 5_000_000
ACTIVATE_US = 1_000_000
RAISE_PAUSE_US = 60_000_000
"""The policy's epoch is raised at most once in this time."""
COMPILES_PER_TURN = 4
GROUP_MESSAGES = 32
STOP_WAIT_S = 2.0
MAX_ASKED = 1_000
ASKED_PER_WINDOW = 20
ASKED_WINDOW_US = 10_000_000

log = structlog.get_logger(__name__)


class FleetService:
    """Background work of the one process that ``leads``: takes the edges' messages and publishes. ``run_once`` is one turn of the fleet's thread."""

    name = "fleet"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._database = context.database
        self._site = context.site
        self._areas = Areas(context.site)
        self._key_watch = KeyWatch(context.config.dir)
        self.composer = Composer(context.site.id, context.keys)
        self.ledger = Ledger(context.database, SOFTWARE, context.site)
        self.policies = Policies(context.site, self.composer)
        self._watcher = RegistryWatcher(context.database, context.personal)
        self.uplink = Uplink(Inbox(context.database, context.site.id), self.ledger, self.composer, binder(context))
        self._publisher = Publisher(context.site.id)
        self._election = Election(context.database)
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._asked: deque[Asked] = deque(maxlen=MAX_ASKED)
        self._asked_lately: dict[str, deque[int]] = {}
        self._heads_due = False
        self._head_of: dict[int, Version] = {}
        self._slow_due_us = 0
        self._spoken = False
        self._activated_us = 0
        self._raised_us: int | None = None
        self._unsure = False
        self.leads = False
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)
        self.mqtt = MqttClient(
            context.config.broker_url,
            f"menjin-server-{context.site.id}",
            subscriptions(context.site.id),
            on_connected=self._connected,
            on_published=self._taken,
            ca=_text(context.config.broker_ca),
            certificate=_text(context.config.broker_certificate),
            key=_text(context.config.broker_key),
        )

    def start(self) -> None:
        """Begin in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End, threads joined."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WAIT_S)

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def _now_us(self) -> int:
        now: datetime = self._context.clock.now()
        return to_us(now)

    def _connected(self) -> None:
        self._heads_due = True  # the broker may have lost what it retained
        self._wake.set()

    def _taken(self, message_id: int) -> None:
        self._publisher.taken(message_id)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._election.lead():
                self._follow_keys()  # this process enrols edges, too
                self._stopping.wait(PAUSE_AFTER_FAULT_S)
                continue
            try:
                self.load()
                self._lead()
            except Exception:
                log.exception("fleet: begins again")
                self._stopping.wait(PAUSE_AFTER_FAULT_S)
        self._election.resign()

    def _lead(self) -> None:
        resigned = threading.Event()
        gc.collect()
        gc.freeze()  # else each full collection walks all modules and models: 70 ms, several times a second under load
        ingest = threading.Thread(target=self._ingest, args=(resigned,), name="ingest", daemon=True)
        listener = ChangeListener(self._database, self._wake.set)
        listener.start()
        self.mqtt.start()
        ingest.start()
        self.leads = True
        try:
            while not self._stopping.is_set():
                self._wake.wait(TURN_S)
                self._wake.clear()
                if self._stopping.is_set():
                    break
                try:
                    self.run_once(self._now_us())
                except Exception as error:
                    if not is_away(error):
                        raise
                    log.error("fleet: database unavailable", error=_first_line(error))
                    self._stopping.wait(PAUSE_AFTER_FAULT_S)
                if not self._election.lead():
                    log.error("fleet: leadership lost")
                    break
        finally:
            self.leads = False
            resigned.set()
            listener.stop()
            self.mqtt.stop()
            ingest.join(STOP_WAIT_S)

    def _ingest(self, resigned: threading.Event) -> None:
        while not resigned.is_set():
            try:
                messages = [self.mqtt.inbox.get(timeout=TURN_S)]
            except queue.Empty:
                continue
            while len(messages) < GROUP_MESSAGES:
                try:
                    messages.append(self.mqtt.inbox.get_nowait())
                except queue.Empty:
                    break
            while not resigned.is_set():
                try:
                    self.ingest(messages, self._now_us())
                    break
                except Exception as error:
                    if is_away(error):
                        log.error("ingest: database unavailable, tried again", error=_first_line(error))
                    else:
                        log.exception("ingest: tried again")
                resigned.wait(PAUSE_AFTER_FAULT_S)

    def ingest(self, messages: list[Message], now_us: int) -> None:
        """Commit messages, publish their acknowledgements, hand requests to the fleet's thread."""
        answers = self.uplink.take(messages, now_us)
        self._context.ledger_grew()
        for topic, payload in answers.acks:
            self.mqtt.publish(topic, payload)  # not taken: the edge sends again, and is acknowledged then
        self._asked.extend(answers.asked)
        self._spoken |= answers.status_changed
        if answers.asked or answers.status_changed:
            self._wake.set()

    def load(self) -> None:
        """Read what the database holds: epoch, numbers, each edge's policy; before that, whether the keys were rotated: without a valid
        one no turn would come to look."""
        self._follow_keys()
        with self._database.write() as session:
            self.composer.epoch = self.composer.numbers.load(session.connection())
        with self._database.read() as session:
            self.policies.load(session.connection(), read_receipts(session.connection()))
        self._head_of.clear()
        self._heads_due = True
        if self.composer.keys.ends_soon(self._now_us()):
            log.warning("the last server certificate ends soon: run `menjin keys rotate`")

    def run_once(self, now_us: int) -> None:
        """One turn: whatever is due, then the outbox; last, and bounded, the snapshots that are owed."""
        self._watcher.run_once(from_us(now_us))
        for _ in range(COMPILES_PER_TURN):
            if not self._compile(now_us):
                break
        with self._database.read() as session:
            has_commands = commands_open(session.connection())
            receipts = read_receipts(session.connection())
        if has_commands:
            with self.ledger.writing(now_us) as writer:
                order_commands(writer, self.composer)
                self.composer.numbers.save(writer.connection)
        self._follow(receipts, now_us)
        self._put_heads(now_us)
        self._activate(now_us)
        self._answer(now_us)
        if abs(now_us - self._slow_due_us) >= SLOW_TURN_US:
            self._slow_due_us = now_us
            self._slow_turn(now_us)
        self._publish(now_us)
        self._pack(now_us)

    def _compile(self, now_us: int) -> bool:
        """Follow one batch of the registry's changes; the deltas go out at once. Whether there was anything to do."""
        if self._unsure:
            self._find_out_what_was_kept()
        compiler = self.policies.compiler
        with self._database.read() as session:
            compiler.follow(session.connection(), read_receipts(session.connection()))
            work = compiler.read(session.connection(), now_us)
        if work is None:
            return False
        steps = compiler.prepare(work, self.composer.epoch)
        self._unsure = True
        with self._database.write() as session:
            compiler.keep(session.connection(), work, steps, now_us)
            self.policies.put_deltas(session.connection(), steps, now_us)
            self.composer.numbers.save(session.connection())
        compiler.adopt(work, steps)
        self._unsure = False
        self.policies.follow_with_snapshots(steps)
        if steps:
            log.info("policies", edges=len(steps), changes=len(work.changes), full=work.full)
        self._publish(now_us)
        self._wake.set()  # there may be more
        return True

    def _find_out_what_was_kept(self) -> None:
        """A commit whose answer was lost may have happened: what edges then report is no newer server's."""
        with self._database.read() as session:
            as_kept = self.policies.compiler.is_as_kept(session.connection())
        if not as_kept:
            self.load()
        self._unsure = False

    def _put_heads(self, now_us: int) -> None:
        """The heads of versions that have none yet; all of them when the broker may have lost what it retained."""
        every, self._heads_due = self._heads_due, False
        edges = self.policies.compiler.edges.values()
        due = [
            edge
            for edge in edges
            if edge.kept is not None and (every or self._head_of.get(edge.id) != edge.kept.version)
        ]
        if not due:
            return
        with self._database.write() as session:
            self.policies.put_heads(session.connection(), due, now_us)
            self.composer.numbers.save(session.connection())
        self._head_of.update({edge.id: edge.kept.version for edge in due if edge.kept is not None})

    def _activate(self, now_us: int) -> None:
        """Badges that waited for others to be refused everywhere (MEANINGS 6), slips that waited for their old edge (MEANINGS 26): when an edge has
        spoken, and once a second for leases."""
        if not self._spoken and abs(now_us - self._activated_us) < ACTIVATE_US:
            return
        self._spoken, self._activated_us = False, now_us
        now = from_us(now_us)
        if activate_awaiting(self._database, now) + bind_released(self._database, now):
            self._wake.set()

    def _pack(self, now_us: int) -> None:
        if not self.policies.packing:
            return
        packed = self.policies.pack()
        if packed is not None:
            with self._database.write() as session:
                chunks = self.policies.keep_packed(session.connection(), packed, now_us)
                self.composer.numbers.save(session.connection())
            self._send(chunks)
        if self.policies.packing:
            self._wake.set()

    def _send(self, messages: list[Down]) -> None:
        for topic, payload in messages:
            if self.mqtt.publish(topic, payload) is None:
                break  # the edge asks again for what is missing

    def _follow(self, receipts: list[Receipt], now_us: int) -> None:
        ahead = self.policies.ahead(receipts)
        if ahead is not None and self._raised_us is not None and abs(now_us - self._raised_us) < RAISE_PAUSE_US:
            ahead = None  # an edge that lies about its policy must not keep all others loading new ones
        if ahead is not None:
            self._raised_us = now_us
            self.composer.epoch = raise_epoch(self.ledger, self.policies, ahead, self._context.clock.now())
            self._wake.set()
            return
        due = self.policies.leases_due(receipts, now_us)
        if due:
            with self._database.write() as session:
                for edge in due:
                    self.policies.put_lease(session.connection(), edge, now_us)
                self.composer.numbers.save(session.connection())

    def _answer(self, now_us: int) -> None:
        while self._asked:
            asked = self._asked.popleft()
            if self._asks_too_often(asked.edge.name, now_us):
                continue
            with self._database.write() as session:
                chunks = self.policies.answer(session.connection(), asked.edge.id, asked.request, now_us)
                self.composer.numbers.save(session.connection())
            self._publish(now_us)
            self._send(chunks)

    def _asks_too_often(self, edge: str, now_us: int) -> bool:
        lately = self._asked_lately.setdefault(edge, deque(maxlen=ASKED_PER_WINDOW))
        if len(lately) == ASKED_PER_WINDOW and 0 <= now_us - lately[0] < ASKED_WINDOW_US:
            return True
        lately.append(now_us)
        return False

    def _slow_turn(self, now_us: int) -> None:
        self._follow_keys()
        with self._database.read() as session:
            silent = any_silent(session.connection(), now_us)
            missed = any_revoked_missed(session.connection())
            two_places = two_places_changed(session.connection(), self._areas)
        over = self.policies.compiler.over(now_us)
        if over:
            with self._database.write() as session:
                note_over(session.connection(), over)
        if silent or missed or two_places:
            with self.ledger.writing(now_us) as writer:
                take_silent(writer)
                settle_revoked(writer)
                settle_two_places(writer)
        retry_quarantined(self._database, self.ledger, SOFTWARE, now_us)

    def _follow_keys(self) -> None:
        keys = self._key_watch.changed()
        if keys is not None:
            self._context.keys = self.composer.keys = keys
            self._heads_due = True

    def _publish(self, now_us: int) -> None:
        with self._database.read() as session:
            self._publisher.publish(session.connection(), self.mqtt, now_us)
        if self._publisher.has_taken:
            with self._database.write() as session:
                self._publisher.clean(session.connection(), now_us)


def _first_line(error: Exception) -> str:
    """What the driver says, without the lines that quote rows."""
    return str(getattr(error, "orig", error)).strip().split("\n", 1)[0]


def _text(path: object) -> str | None:
    return None if path is None else str(path)
