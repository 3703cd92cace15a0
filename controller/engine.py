"""The only way into the core: an input and the time go in, a record and actions come out (DESIGN 2, 3, 13).

How the agent uses it
=====================

::

    engine = Engine(state, journal.journal_id, hardware, edge="edge-1")   # state: State() or folded from the journal
    engine.adopt(stored_policy, digest, now)          # None stored: skip; nothing opens but by REX and fire
    engine.handle(Started(boot_id, software), now)    # first input of every process

    for each stimulus that waits:                     # they share one transaction
        outcome = engine.handle(input, now)
        perform(a for a in outcome.actions if a.before_journal)    # at once: ways out, fire
    try:
        journal.append(engine.pending, wall)          # the encoded records, in order, last_seq + 1 upward
    except JournalFault as fault:
        for outcome in engine.journal_failed(str(fault), now):     # they replace the outcomes of this batch
            perform(outcome.actions)
    else:
        perform(engine.commit())                      # what waited for the journal, in order

    sleep until engine.next_deadline_us(now), then engine.handle(TimeElapsed(), now)

``handle`` applies its events to ``engine.state`` in memory at once, so that the next input of the same batch sees them. What is
applied but not yet in the journal is ``engine.pending``. ``commit()`` says that all of it is durable. ``journal_failed()`` says that
none of it is: the state goes back to the last commit, ``JournalChanged(available=False)`` is handled, and the batch's inputs are
decided again under it: entries are now refused with ``JOURNAL_UNAVAILABLE``, ways out still open (MEANINGS 1, 2). So a
failed commit never unlocks, and memory never runs ahead of the journal unnoticed. An action performed twice this way (the unlock of
a REX) is harmless: it is the same unlock.

Take the waiting actions from ``commit()``, not from the outcomes: where a way out or a fire acted on a door at once, an earlier action of
the same batch on that door must not come after it (the relock of an older unlock would lock the door against the REX).

While the journal is unavailable every action is ``before_journal`` and the records wait in ``engine.pending``, at most
``MAX_WAITING_RECORDS``; beyond that ways out still act and are known in memory, their records are dropped and counted, and the first
record after tells what doors and inputs have become (:mod:`controller.catch_up`). The agent retries
``journal.append(engine.pending)`` at its own pace (``pending`` is never empty then). When it succeeds: ``commit()``, then
``handle(JournalChanged(available=True), now)``, whose record is journalled like any other. Calling ``journal_failed`` again meanwhile
does nothing and returns an empty list.

``fold``: ``state = State(); for record in records: fold(state, record)`` gives the live state exactly; also from a checkpoint
(``encode_state``/``decode_state``). Take checkpoints only when ``pending`` is empty.
"""

from collections.abc import Sequence

import msgspec

from controller.actions import AnyAction, Indicate, WriteCard
from controller.catch_up import catch_up
from controller.dispatch import dispatch, settle
from controller.events import Record, encode_record
from controller.fold import finish
from controller.index import PolicyIndex
from controller.inputs import AnyInput, JournalChanged, PolicyApplied, Started
from controller.lease import age_us, left_us
from controller.now import SECOND_US, Now
from controller.policy import BadgeKind, Delta, Policy
from controller.site import DoorHardware
from controller.state import DoorState, State, snapshot
from controller.stays import Stays
from controller.supervision import clock, clock_changed, policy_applied, started
from controller.timers import deadlines_us, run_timers
from controller.turn import Turn

MAX_WAITING_RECORDS = 10_000
"""Records that wait in memory while the journal cannot commit."""


class Outcome(msgspec.Struct, frozen=True):
    """What one input did. ``record`` is None when nothing changed; ``encoded`` are its bytes, made once."""

    record: Record | None
    encoded: bytes
    actions: tuple[AnyAction, ...]


class _Step(msgspec.Struct, frozen=True):
    """One handled input whose record is not in the journal yet."""

    stimulus: AnyInput
    now: Now
    encoded: bytes


class Engine:
    """One edge's decisions. Pure: no clock, chance or I/O; the same inputs and times give the same bytes."""

    def __init__(
        self,
        state: State,
        journal_id: str,
        hardware: Sequence[DoorHardware],
        edge: str,
        desk: str = "",
        index: PolicyIndex | None = None,
    ) -> None:
        """``hardware``: the edge's own doors; REX and fire work on them without any policy. ``edge``: its id, the subject of
        its own alarms. ``desk``: the reader that writes cards, if any. ``state`` becomes the engine's own. ``index``: a policy that is
        in force without being told (:mod:`controller.what_if`)."""
        self._desk = desk
        self._state = state
        self._journal_id = journal_id
        self._hardware = {door.door: door for door in hardware}
        self._edge = edge
        self._index: PolicyIndex | None = index
        self._applied: PolicyApplied | None = None
        self._unwatched: frozenset[str] = frozenset()
        self._begun = False
        self._batch: list[_Step] = []
        self._committed: State | None = None
        self._deferred: list[AnyAction] = []
        self._dropped = 0
        self._recorded: State | None = None
        self._unwritten: State | None = None
        self._stays = Stays()

    @property
    def state(self) -> State:
        """What is known now, ``pending`` included. Read only."""
        return self._state

    @property
    def policy(self) -> Policy | None:
        """The policy in force."""
        return None if self._index is None else self._index.policy

    @property
    def index(self) -> PolicyIndex | None:
        """The policy in force, ready for decisions and for :mod:`controller.presence`."""
        return self._index

    @property
    def pending(self) -> tuple[bytes, ...]:
        """Encoded records not yet in the journal, in order."""
        return tuple(step.encoded for step in self._batch)

    def door(self, door: str) -> DoorState:
        """A door's facts; locked, position unknown, until something happened to it."""
        return self._state.doors.get(door) or DoorState()

    def handle(self, stimulus: AnyInput, now: Now) -> Outcome:
        """Decide one input. Timers that are due by ``now`` run first, in the same record."""
        if not self._state.journal_available and len(self._batch) >= MAX_WAITING_RECORDS:
            return self._act_unrecorded(stimulus, now)
        live: State | None = None
        if self._recorded is not None:  # there is room again: on from what the records know
            live, self._state, self._recorded = self._state, self._recorded, None
            self._unwritten = live
            self._stays.forget()
        if self._committed is None:
            self._committed = snapshot(self._state)
        turn = self._run(stimulus, now, live)
        actions = self._actions(turn)
        if not turn.events:
            return Outcome(None, b"", actions)
        record = self._record(stimulus, turn)
        encoded = encode_record(record)
        self._batch.append(_Step(stimulus, now, encoded))
        for action in actions:
            self._defer(action)
        return Outcome(record, encoded, actions)

    def adopt(self, policy: Policy, digest: str, now: Now, delta: Delta | None = None) -> Outcome:
        """Put a verified policy in force; ``delta``, if given, made it of the one in force. The caller has checked signature, digest and version; ``check_site`` and ``site_mismatch``
        (controller.site_checks) say whether this edge can run it. Handles ``PolicyApplied``; before ``Started`` there is
        no boot to record it under, so the record of ``Started`` tells it."""
        watched = None if self._index is None else frozenset(self._index.rooms)
        if delta is not None and self._index is not None and self._index.policy.version == delta.base:
            self._index.follow(policy, delta)
        else:
            self._index = PolicyIndex(policy)
        if self._begun and (watched is not None or self._state.policy_version is not None):
            self._unwatched |= frozenset(self._index.rooms) - (watched or frozenset())
        self._stays.forget()
        self._applied = PolicyApplied(policy.version, digest)
        return self.handle(self._applied, now) if self._begun else Outcome(None, b"", ())

    def commit(self) -> tuple[AnyAction, ...]:
        """All of ``pending`` is durable. Returns the actions that waited for it, in order, without those that an action performed
        at once on the same door has overtaken."""
        ready = tuple(self._deferred)
        self._forget_batch()
        self._unwatched = frozenset()
        if self._state.journal_available:
            self._dropped = 0
        return ready

    def _forget_batch(self) -> None:
        self._batch.clear()
        self._deferred.clear()
        self._committed = None
        self._unwritten = None

    def _defer(self, action: AnyAction) -> None:
        if not action.before_journal:
            self._deferred.append(action)
        elif not isinstance(action, Indicate | WriteCard):
            of_door = action.door
            self._deferred = [
                other for other in self._deferred if isinstance(other, Indicate | WriteCard) or other.door != of_door
            ]

    def journal_failed(self, cause: str, now: Now) -> list[Outcome]:
        """None of ``pending`` could be made durable. Returns what to do instead; perform all their actions at once."""
        if not self._state.journal_available:
            return []
        undone = list(self._batch)
        if self._committed is not None:
            self._state = self._committed
        if self._unwritten is not None:  # what was told of dropped records is not in: it is to be told again
            self._recorded, self._state = self._state, self._unwritten
        self._forget_batch()
        self._stays.forget()
        # A start takes the journal to be well; that it is not comes after, or taps would be granted and unlock when it commits again.
        begun = next((n for n, step in enumerate(undone, 1) if type(step.stimulus) is Started), 0)
        outcomes = [self.handle(step.stimulus, step.now) for step in undone[:begun]]
        outcomes.append(self.handle(JournalChanged(available=False, cause=cause), undone[0].now if undone else now))
        outcomes += [
            self.handle(step.stimulus, step.now) for step in undone[begun:] if type(step.stimulus) is not JournalChanged
        ]
        return outcomes

    def next_deadline_us(self, now: Now) -> int | None:
        """Boot time at which ``handle(TimeElapsed(), …)`` is due; None when nothing is awaited."""
        turn = self._turn(now)
        if clock_changed(turn, now):
            return now.mono_us
        return min([*deadlines_us(turn), *self._stays.deadlines_us(turn)], default=None)

    def lease_left_s(self, now: Now) -> dict[str, int]:
        """Seconds that each badge kind (and ``keyholder``) may still enter; 0 when ended."""
        state = self._state
        if state.lease is None:
            return dict.fromkeys(("temporary", "customer", "staff", "keyholder"), 0)
        age = age_us(state.lease, max(now.wall_us, state.wall_high_us), now.mono_us, state.boot_id)
        classes: tuple[BadgeKind, ...] = ("temporary", "customer", "staff")
        left: dict[str, int] = {kind: max(0, left_us(state.lease, kind, False, age)) // SECOND_US for kind in classes}
        left["keyholder"] = max(0, left_us(state.lease, "staff", True, age)) // SECOND_US
        return left

    def _turn(self, now: Now) -> Turn:
        wall_us = max(now.wall_us, self._state.wall_high_us)
        return Turn(
            self._state,
            self._index,
            self._hardware,
            self._edge,
            wall_us,
            now.mono_us,
            self._desk,
        )

    def _run(self, stimulus: AnyInput, now: Now, live: State | None = None) -> Turn:
        turn = self._turn(now)
        if live is not None:
            catch_up(turn, live)
        if isinstance(stimulus, Started):
            self._begun = True
            started(turn, stimulus, now)
            if self._applied is not None:
                policy_applied(turn, self._applied)
        else:
            if isinstance(stimulus, PolicyApplied):  # before the timers: an ended stay is found under the new policy
                policy_applied(turn, stimulus, self._unwatched)
            clock(turn, now)
            run_timers(turn)
            self._stays.run_timers(turn)
            dispatch(turn, stimulus, self._dropped)
        settle(turn)
        return turn

    def _record(self, stimulus: AnyInput, turn: Turn) -> Record:
        state = self._state
        self._stays.follow(turn, turn.events)
        record = Record(
            journal_id=self._journal_id,
            seq=state.seq + 1,
            at_us=turn.wall_us,
            mono_us=turn.mono_us,
            boot_id=state.boot_id,
            policy_version=state.policy_version,
            input=stimulus,
            events=tuple(turn.events),
        )
        finish(state, record)
        return record

    def _actions(self, turn: Turn) -> tuple[AnyAction, ...]:
        if self._state.journal_available:
            return tuple(turn.actions)
        return tuple(msgspec.structs.replace(action, before_journal=True) for action in turn.actions)

    def _act_unrecorded(self, stimulus: AnyInput, now: Now) -> Outcome:
        """No room to remember more: act, and drop the record. What is dropped is counted; later every area is uncertain."""
        if self._recorded is None:
            self._recorded = snapshot(self._state)
        turn = self._run(stimulus, now)
        self._dropped += 1 if turn.events else 0
        self._stays.forget()
        return Outcome(None, b"", self._actions(turn))
