"""The edge's one loop as a pure step: stimuli and the time in, the next deadline out (DESIGN 13).

No thread, sleep, clock or chance. One step ::

    take     each stimulus is verified and translated into engine inputs; card numbers are hashed, never kept
    decide   the engine plans all of them; ways out act at once (MEANINGS 1)
    write    all their records in one journal transaction
    act      what else was decided; nothing when the journal failed (MEANINGS 2)
    tend     outbox, policy requests, status, checkpoint, purge: each bounded

While the journal cannot commit, the engine refuses entries and keeps what happened in bounded memory; the agent tries to
write it every JOURNAL_RETRY_US.
"""

import logging
from collections.abc import Iterable, Sequence

from controller.actions import AnyAction, HoldUnlocked, Indicate, Lock, Unlock, WriteCard
from controller.engine import Engine, Outcome
from controller.inputs import AnyInput, JournalChanged, LeaseArrived, LinkChanged, Started, TimeElapsed
from controller.now import SECOND_US, Now
from controller.wire import Ack, CommandOrder, PolicyChunk, PolicyDelta, PolicyHead, PolicyLease
from edge.command_intake import CommandIntake, CommandRefused
from edge.contact_filter import ContactFilter
from edge.housekeeping import Housekeeping
from edge.intake import Intake, KeyRing
from edge.outbox import Outbox
from edge.policy_intake import PolicyIntake, PolicyRefused, Ready
from edge.ports import (
    DeviceChanged,
    JournalFault,
    LinkDown,
    LinkUp,
    LockRead,
    MessageArrived,
    Stimulus,
    StopAsked,
)
from edge.recovery import recover
from edge.report import Bearing, Report
from edge.scan_points import ScanPoints
from edge.sender import Sender
from edge.station import Identity, Ports, Station
from edge.status import Health, StatusReport
from edge.stimuli import inputs_of

JOURNAL_RETRY_US = 2 * SECOND_US
SERVER_SILENT_US = 30 * SECOND_US
"""Records go out and no ack comes for this long: the link counts as lost, whatever the broker says (NOTES: a refusal by the
broker's access list is invisible on MQTT 3.1.1)."""

_log = logging.getLogger(__name__)


class Agent:
    """Call :meth:`start` once, then :meth:`step` whenever something waits or the last deadline has come."""

    def __init__(self, identity: Identity, keys: KeyRing, station: Station, ports: Ports) -> None:
        self._identity = identity
        self._station = station
        self._journal = ports.journal
        self._locks = ports.locks
        self._desk = ports.desk
        self._random = ports.random
        sender = Sender(identity, ports.link, above=ports.journal.wall_high_water_us)
        self._intake = Intake(identity.site, identity.edge, keys)
        self._outbox = Outbox(ports.journal, sender)
        self._commands = CommandIntake(ports.journal)
        self._health = Health(
            station.notices, (*station.readers, *(name for name, _ in station.scanners)), station.boards
        )
        self._scanners = ScanPoints(station.scanners)
        self._status = StatusReport(sender)
        state = recover(ports.journal)
        self._policies = PolicyIntake(ports.policies, sender, station.objections, state.policy_version)
        self._engine = Engine(state, ports.journal.journal_id, station.hardware, identity.edge, station.desk)
        self._contacts = ContactFilter()
        self._housekeeping = Housekeeping(ports.journal, self._outbox, station.retention_us)
        self._report = Report(
            identity,
            station,
            self._engine,
            self._health,
            ports.journal,
            self._outbox,
            self._policies,
            ports.policies,
            ports.muster,
        )
        self._changed = True
        self._link_up = False
        self._server_silent = False
        self._retry_journal_at_us: int | None = None
        self.policy_swaps = 0
        self.stopped = False

    @property
    def engine(self) -> Engine:
        """For looking at; only the agent feeds it."""
        return self._engine

    @property
    def outbox(self) -> Outbox:
        return self._outbox

    @property
    def refused_messages(self) -> dict[str, int]:
        return self._intake.refused

    def start(self, now: Now) -> int | None:
        """The first step: the stored policy takes force, the start is recorded. Returns the first deadline."""
        self._housekeeping.begin(now)
        try:
            stored = self._policies.load()
        except PolicyRefused as refusal:
            self._health.policy = str(refusal)
            _log.error("%s", refusal)
        except JournalFault as fault:
            self._health.policy = f"policy store: {fault}"
            _log.error("policy store: %s", fault)
        else:
            if stored is not None:
                self._adopt(stored, now)
        _log.info("%s of %s starts at record %d", self._identity.edge, self._identity.site, self._journal.last_seq)
        self._handle(Started(self._station.boot_id, self._station.software), now)
        self._write_and_act(now)
        for access_point in sorted(self._degraded_points()):
            self._locks.indicate(access_point, "degraded")  # a new process finds dark readers
        return self._tend(now)

    def hold_what_fire_released(self) -> None:
        """Before the outputs are started: they open with what a latched fire holds, not locked until :meth:`start` says so."""
        state = self._engine.state
        for door in self._station.hardware:
            if any(zone in state.fire_latched for zone in door.fire_zones):
                self._locks.hold_unlocked(door.door)

    def step(self, now: Now, stimuli: Sequence[Stimulus]) -> int | None:
        """One turn. Returns the boot time (µs) by which the next is due; None once it has stopped: it does nothing more."""
        if self.stopped:
            return None
        outcomes = [self._handle(item, now) for item in self._contacts.due(now.mono_us)]
        for stimulus in stimuli:
            outcomes += self._take(stimulus, now)
        due = self._engine.next_deadline_us(now)
        if not outcomes and due is not None and due <= now.mono_us:
            outcomes.append(self._handle(TimeElapsed(), now))
        outcomes += self._watch_server(now)
        if stimuli or outcomes:
            self._status.touch()
            self._changed = True
        self._write_and_act(now)
        return self._tend(now)

    def dropped(self, reads: int, messages: int) -> None:
        """The runner's count of what its full queue turned away."""
        self._health.dropped_reads = reads
        if messages:
            self._intake.refused["queue_full"] = messages

    # take: stimuli become inputs

    def _take(self, stimulus: Stimulus, now: Now) -> list[Outcome]:
        if isinstance(stimulus, MessageArrived):
            return self._take_message(stimulus, now)
        if isinstance(stimulus, LinkUp):
            _log.info("connected to the broker")
            self._link_up = True
            self._server_silent = False
            self._commands.session = self._random.token()
            self._outbox.link_up()
            lease = self._engine.state.lease
            self._policies.link_up(now, lease.lease.issued_at_us if lease is not None else 0)
            self._status.link_up()
        elif isinstance(stimulus, LinkDown):
            _log.warning("link down: %s", stimulus.cause)
            self._link_up = False
            self._server_silent = False
            self._commands.session = ""
            self._outbox.link_down()
            self._policies.link_down()
        elif isinstance(stimulus, DeviceChanged):
            self._health.device(stimulus)
            level = logging.INFO if stimulus.working else logging.ERROR
            _log.log(level, "%s %s %s", stimulus.kind, stimulus.device, stimulus.cause or "works")
            if stimulus.kind == "scanner":
                return [self._handle(item, now) for item in self._scanners.take(stimulus)]
        elif isinstance(stimulus, LockRead):
            if stimulus.asked != (self._engine.door(stimulus.door).lock == "unlocked"):
                return []  # a question of before: the lock is being told otherwise, and the board will say again
        elif isinstance(stimulus, StopAsked):
            _log.info("stopping: %s", stimulus.cause)
            self.stopped = True
        found = inputs_of(stimulus, self._identity.hash_key)
        return [self._handle(told, now) for item in found for told in self._contacts.take(item, now.mono_us)]

    def _take_message(self, message: MessageArrived, now: Now) -> list[Outcome]:
        body = self._intake.open(message.leaf, message.payload, max(now.wall_us, self._engine.state.wall_high_us))
        ready: Ready | None = None
        inputs: list[AnyInput] = []
        try:
            match body:
                case Ack():
                    inputs += self._take_ack(body, now)
                case PolicyHead():
                    self._policies.take_head(body, now)
                case PolicyDelta():
                    ready = self._policies.take_delta(body, now)
                case PolicyChunk():
                    ready = self._policies.take_chunk(body, now)
                case PolicyLease():
                    lease = self._policies.take_lease(body, now)
                    if lease is not None:
                        inputs.append(LeaseArrived(lease))
                case CommandOrder():
                    inputs.append(self._commands.take(body, len(message.payload), now))
        except (PolicyRefused, CommandRefused) as refusal:
            self._intake.refuse(refusal.code, str(refusal))
            if isinstance(refusal, PolicyRefused) and refusal.code in (
                "policy_unfit",
                "older_policy",
                "digest_mismatch",
            ):
                self._health.policy = str(refusal)
        except JournalFault as fault:
            self._intake.refuse("store_failed", f"{message.leaf}: {fault}")
        if ready is not None:
            self._health.policy = ""
            early = self._policies.early_lease(now)
            adopted = self._adopt(ready, now)
            return [adopted] if early is None else [adopted, self._handle(LeaseArrived(early), now)]
        return [self._handle(item, now) for item in inputs]

    def _take_ack(self, ack: Ack, now: Now) -> Iterable[AnyInput]:
        if ack.journal_id != self._journal.journal_id:
            self._intake.refuse("other_journal", "ack for another journal of this edge")
            return []
        if ack.upto < 0 or ack.expects < 1:
            self._intake.refuse("malformed", f"ack of {ack.upto}, expecting {ack.expects}")
            return []
        return self._outbox.take(ack, now)

    def _watch_server(self, now: Now) -> list[Outcome]:
        silent = self._link_up and self._outbox.unanswered_us(now) >= SERVER_SILENT_US
        answered = self._server_silent and self._outbox.unanswered_us(now) == 0
        if silent and not self._server_silent:
            self._server_silent = True
            _log.error("no ack from the server for %d s while the broker is connected", SERVER_SILENT_US // SECOND_US)
            return [self._handle(LinkChanged(up=False), now)]
        if answered:
            self._server_silent = False
            return [self._handle(LinkChanged(up=self._link_up), now)]
        return []

    # decide, write, act

    def _adopt(self, ready: Ready, now: Now) -> Outcome:
        outcome = self._engine.adopt(ready.policy, ready.digest, now, ready.delta)
        _log.info(
            "policy %d.%d in force, %d badges",
            ready.policy.version.epoch,
            ready.policy.version.n,
            len(ready.policy.badges),
        )
        self.policy_swaps += 1
        self._perform(action for action in outcome.actions if action.before_journal)
        return outcome

    def _handle(self, item: AnyInput, now: Now) -> Outcome:
        outcome = self._engine.handle(item, now)
        self._perform(action for action in outcome.actions if action.before_journal)
        return outcome

    def _write_and_act(self, now: Now) -> None:
        if self._retry_journal_at_us is not None:
            self._retry_journal(now)
            return
        fault = self._append(now) if self._engine.pending else None
        if fault is None:
            return
        _log.error("journal cannot commit: %s", fault)
        self._health.journal = fault
        self._retry_journal_at_us = now.mono_us + JOURNAL_RETRY_US
        self._housekeeping.hurry(now)
        for outcome in self._engine.journal_failed(fault, now):
            self._perform(outcome.actions)

    def _retry_journal(self, now: Now) -> None:
        if self._retry_journal_at_us is None or (now.mono_us < self._retry_journal_at_us and not self.stopped):
            return
        self._retry_journal_at_us = now.mono_us + JOURNAL_RETRY_US
        fault = self._append(now)
        if fault is not None:
            self._health.journal = fault
            return
        _log.warning("journal commits again")
        self._health.journal = ""
        self._retry_journal_at_us = None
        self._handle(JournalChanged(available=True), now)
        self._write_and_act(now)

    def _append(self, now: Now) -> str | None:
        """Write all that is pending; the fault's text when it could not be."""
        try:
            self._journal.append(self._engine.pending, self._vouched_us(now))
        except JournalFault as fault:
            return str(fault)
        self._perform(self._engine.commit(), now.mono_us)
        return None

    def _vouched_us(self, now: Now) -> int:
        """What the journal may take for the time: a clock that nobody vouches for may be decades ahead, and would end every
        server key and forget every command id for good."""
        high_us = self._engine.state.wall_high_us
        return max(high_us, now.wall_us) if now.wall_trusted else high_us

    def _perform(self, actions: Iterable[AnyAction], decided_mono_us: int | None = None) -> None:
        """``decided_mono_us``: when these were decided, if they had to wait for the journal since."""
        for action in actions:
            match action:
                case Unlock():
                    self._locks.unlock(action.door, action.unlock_us, decided_mono_us)
                case HoldUnlocked():
                    self._locks.hold_unlocked(action.door)
                case Lock():
                    self._locks.lock(action.door)
                case Indicate():
                    lasts = action.pattern == "off" and action.access_point in self._degraded_points()
                    self._locks.indicate(action.access_point, "degraded" if lasts else action.pattern)
                case WriteCard() if self._desk is not None:
                    self._desk.write(action.command_id, action.number, action.replaces, action.until_mono_us)

    def _degraded_points(self) -> set[str]:
        """The entry points at which some class of badges is refused for the edge's own state."""
        index = self._engine.index
        if index is None or not self._engine.state.degraded:
            return set()
        return {point.id for point in index.points.values() if not point.out}

    # tend: everything that is not a decision

    def _tend(self, now: Now) -> int | None:
        try:
            lost = self._outbox.pump(now)
            if lost:
                for item in lost:
                    self._handle(item, now)
                self._write_and_act(now)
            self._outbox.persist(now, at_once=self.stopped)
            self._journal.settle()
            self._housekeeping.checkpoint(self._engine, self.stopped)
            self._housekeeping.purge(now)
        except JournalFault as fault:
            # Reading or tidying failed: decisions go on, the next commit tells whether writing works.
            _log.error("journal: %s", fault)
            self._health.tidying = str(fault)
        else:
            self._health.tidying = ""
        self._policies.pump(now)
        bearing = self._bearing()
        show_at_us = self._report.show(now, bearing, self._changed)
        self._changed = show_at_us is not None
        if self._link_up:
            self._status.pump(now, lambda at: self._report.status_fields(at, bearing), online=not self.stopped)
        if self.stopped:
            return None
        due = [
            self._engine.next_deadline_us(now),
            self._outbox.deadline_us() if self._link_up else None,
            self._policies.deadline_us(),
            self._status.deadline_us() if self._link_up else None,
            self._retry_journal_at_us,
            self._housekeeping.deadline_us(),
            self._contacts.deadline_us(),
            show_at_us,
        ]
        return min(moment for moment in due if moment is not None)

    def _bearing(self) -> Bearing:
        return Bearing(self._commands.session, self._link_up, self._server_silent, self._intake.refused)
