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
        engine.commit()
        perform(a for a in outcomes' actions if not a.before_journal)

    sleep until engine.next_deadline_us(now), then engine.handle(TimeElapsed(), now)

``handle`` applies its events to ``engine.state`` in memory at once, so that the next input of the same batch sees them. What is
applied but not yet in the journal is ``engine.pending``. ``commit()`` says that all of it is durable. ``journal_failed()`` says that
none of it is: the state goes back to the last commit, ``JournalChanged(available=False)`` is handled, and the batch's inputs are
decided again under it: entries are now refused with ``JOURNAL_UNAVAILABLE``, ways out still open (MEANINGS 1, 2). So a
failed commit never unlocks, and memory never runs ahead of the journal unnoticed. An action performed twice this way (the unlock of
a REX) is harmless: it is the same unlock.

While the journal is unavailable every action is ``before_journal`` and the records wait in ``engine.pending``, at most
``MAX_WAITING_RECORDS``; beyond that ways out still act, their records are dropped and counted. The agent retries
``journal.append(engine.pending)`` at its own pace (``pending`` is never empty then). When it succeeds: ``commit()``, then
``handle(JournalChanged(available=True), now)``, whose record is journalled like any other. Calling ``journal_failed`` again meanwhile
does nothing and returns an empty list.

``fold``: ``state = State(); for record in records: fold(state, record)`` gives the live state exactly; also from a checkpoint
(``encode_state``/``decode_state``). Take checkpoints only when ``pending`` is empty.
"""

from collections.abc import Sequence

import msgspec

from controller.actions import AnyAction
from controller.events import Record
from controller.inputs import AnyInput
from controller.now import Now
from controller.policy import Policy
from controller.site import DoorHardware
from controller.state import State

MAX_WAITING_RECORDS = 10_000
"""Records that wait in memory while the journal cannot commit."""


class Outcome(msgspec.Struct, frozen=True):
    """What one input did. ``record`` is None when nothing changed; ``encoded`` are its bytes, made once."""

    record: Record | None
    encoded: bytes
    actions: tuple[AnyAction, ...]


class Engine:
    """One edge's decisions. Pure: no clock, chance or I/O; the same inputs and times give the same bytes."""

    def __init__(self, state: State, journal_id: str, hardware: Sequence[DoorHardware], edge: str) -> None:
        """``hardware``: the edge's own doors; REX and fire work on them without any policy. ``edge``: its id, the subject of
        its own alarms. ``state`` becomes the engine's own."""
        raise NotImplementedError

    @property
    def state(self) -> State:
        """What is known now, ``pending`` included. Read only."""
        raise NotImplementedError

    @property
    def policy(self) -> Policy | None:
        """The policy in force."""
        raise NotImplementedError

    @property
    def pending(self) -> tuple[bytes, ...]:
        """Encoded records not yet in the journal, in order."""
        raise NotImplementedError

    def handle(self, stimulus: AnyInput, now: Now) -> Outcome:
        """Decide one input. Timers that are due by ``now`` run first, in the same record."""
        raise NotImplementedError

    def adopt(self, policy: Policy, digest: str, now: Now) -> Outcome:
        """Put a verified policy in force. The caller has checked signature, digest and version; ``site_mismatch`` and
        ``unenforced`` (controller.site) say whether this edge can run it. Handles ``PolicyApplied``."""
        raise NotImplementedError

    def commit(self) -> None:
        """All of ``pending`` is durable."""
        raise NotImplementedError

    def journal_failed(self, cause: str, now: Now) -> list[Outcome]:
        """None of ``pending`` could be made durable. Returns what to do instead; perform all their actions at once."""
        raise NotImplementedError

    def next_deadline_us(self, now: Now) -> int | None:
        """Boot time at which ``handle(TimeElapsed(), …)`` is due; None when nothing is awaited."""
        raise NotImplementedError

    def lease_left_s(self, now: Now) -> dict[str, int]:
        """Seconds that each badge kind (and ``keyholder``) may still enter; 0 when ended."""
        raise NotImplementedError
