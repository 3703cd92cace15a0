"""What-if: recorded inputs decided again, under another policy or under the one that was in force (DESIGN 2, 3, §6; B9).

Pure: records go in one after the other, what differs comes out. Where they come from is :mod:`edge.recorded`'s affair.
"""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Literal, Protocol

import msgspec

from controller.engine import Engine
from controller.event_base import Explanation
from controller.events import (
    AccessDenied,
    AccessGranted,
    AccessPending,
    AnyEvent,
    ClockStateChanged,
    CommandDone,
    EdgeStarted,
    PolicyChanged,
    Record,
)
from controller.fold import fold
from controller.goods_events import EquipmentCheckStarted, EquipmentRefused, ItemAccepted
from controller.index import PolicyIndex
from controller.inputs import (
    CardRead,
    CardRefused,
    CommandArrived,
    DocumentScanned,
    ItemScanned,
    PolicyApplied,
    ScanCancelled,
    ScanRefused,
    Started,
    TimeElapsed,
)
from controller.now import Now
from controller.room_events import EscortConfirmed
from controller.site import DoorHardware
from controller.state import State, snapshot

_DECIDED = (CardRead, CardRefused, DocumentScanned, ItemScanned, ScanRefused, ScanCancelled, CommandArrived)
"""Inputs that are answered, if only with silence."""
_MAX_TIMERS = 10_000
"""Deadlines between two records that are followed: more would be an engine that asks without end."""


class Answer(msgspec.Struct, frozen=True):
    """One decision. ``access_point``: where; of a command the door, point, area or zone that it names. ``number``: of the badge; of a
    command its name; of a scan the document's, and the device's serial number or model. ``because`` None: a command was done, an escort confirmed,
    a scan accepted."""

    decision: Literal["granted", "pending", "denied", "confirmed", "done", "refused", "accepted"]
    access_point: str
    number: str
    because: Explanation | None = None

    @property
    def told(self) -> tuple[str, str, str, str]:
        """What must agree for two answers to be the same: decision, reason, rule, and why an exit was irregular."""
        if self.because is None:
            return self.decision, "", "", ""
        return self.decision, self.because.reason, self.because.rule, str(self.because.inputs.get("irregular", ""))


class Difference(msgspec.Struct, frozen=True):
    """A decision that would be another. ``recorded`` or ``now`` None: none was given then, or none would be. ``seq``, ``at_us``: of the record
    whose input it answers, or, for the end of somebody's wait that only the other policy has, of that moment before the record."""

    seq: int
    at_us: int
    access_point: str
    number: str
    recorded: Answer | None
    now: Answer | None


class Compared(msgspec.Struct, frozen=True):
    """One record's outcome. ``decisions``: how many were recorded or would be given."""

    decisions: int
    differences: tuple[Difference, ...]


class Comparison(Protocol):
    """Decides a record's input under another policy."""

    @property
    def state(self) -> State:
        """What the next decision starts from. Read only."""
        ...

    def take(self, record: Record) -> Compared:
        """The next record, in order."""
        ...


def answers(events: Iterable[AnyEvent]) -> list[Answer]:
    """The decisions among these events."""
    found = []
    for event in events:
        match event:
            case AccessGranted():
                found.append(Answer("granted", event.access_point, event.number, event.because))
            case AccessPending():
                found.append(Answer("pending", event.access_point, event.number, event.because))
            case AccessDenied():
                found.append(Answer("denied", event.access_point, event.number, event.because))
            case EscortConfirmed():
                found.append(Answer("confirmed", event.access_point, event.number))
            case EquipmentCheckStarted():
                found.append(Answer("accepted", event.access_point, event.number))
            case ItemAccepted():
                device = event.item.serial or event.model
                found.append(Answer("accepted", event.access_point, f"{event.number} {device}"))
            case EquipmentRefused():
                scanned = f"{event.number} {event.serial}".strip()
                found.append(Answer("refused", event.access_point, scanned, event.because))
            case CommandDone():
                asked = event.command
                places = (getattr(asked, name, "") for name in ("access_point", "door", "area", "zone", "subject"))
                where = next((place for place in places if place), "")
                found.append(Answer(event.result, where, type(asked).__name__, event.because))
    return found


def compare(seq: int, at_us: int, recorded: Sequence[Answer], now: Sequence[Answer]) -> Compared:
    """What differs between two lists of decisions on one input, person by person."""
    of_person: dict[tuple[str, str], tuple[list[Answer], list[Answer]]] = {}
    for which, (listed, others) in enumerate(((recorded, now), (now, recorded))):
        for answer in listed:
            number = answer.number or _known_there_as(answer, listed, others)
            of_person.setdefault((answer.access_point, number), ([], []))[which].append(answer)
    pairs = [
        (where, number, before, after)
        for (where, number), (was, would_be) in of_person.items()
        for before, after in zip_longest(was, would_be)
    ]
    return Compared(
        len(pairs),
        tuple(
            Difference(seq, at_us, where, number, before, after)
            for where, number, before, after in pairs
            if before is None or after is None or before.told != after.told
        ),
    )


def _known_there_as(unknown: Answer, listed: Sequence[Answer], others: Sequence[Answer]) -> str:
    """The badge that the other policy knows this unknown card as: whom only that one answers at this point."""
    known = {answer.number for answer in listed}
    there = (answer.number for answer in others if answer.access_point == unknown.access_point)
    return next((number for number in there if number not in known), "")


def moment(state: State, record: Record) -> Now:
    """The time that the engine was told with this record's input. ``state``: the fold of all records before. A clock behind the journal's
    mark is not recorded itself: it counts as far behind."""
    trusted, behind = state.wall_trusted, state.wall_behind
    for event in record.events:
        if isinstance(event, ClockStateChanged):
            trusted, behind = event.trusted, event.behind
        elif isinstance(event, EdgeStarted):
            trusted = event.wall_trusted
    return Now(0 if behind and record.at_us <= state.wall_high_us else record.at_us, record.mono_us, trusted)


class Doors(msgspec.Struct, frozen=True):
    """Whose records they are: what an :class:`controller.engine.Engine` must know besides its state and policy."""

    journal_id: str
    hardware: tuple[DoorHardware, ...]
    edge: str
    desk: str = ""

    def engine(self, state: State, index: PolicyIndex | None) -> Engine:
        """An engine on a copy of ``state``."""
        return Engine(snapshot(state), self.journal_id, self.hardware, self.edge, self.desk, index)


class Each:
    """Judges every input from what was recorded before it: each difference stands for itself, none follows from another."""

    def __init__(self, doors: Doors, state: State, index: PolicyIndex) -> None:
        """``state``: the fold of all records before the first; it becomes this object's own."""
        self._doors = doors
        self._state = state
        self._index = index

    @property
    def state(self) -> State:
        return self._state

    def take(self, record: Record) -> Compared:
        recorded = answers(record.events)
        compared = Compared(0, ())
        if recorded or isinstance(record.input, _DECIDED):
            outcome = self._doors.engine(self._state, self._index).handle(record.input, moment(self._state, record))
            now = answers(outcome.record.events) if outcome.record is not None else []
            compared = compare(record.seq, record.at_us, recorded, now)
        fold(self._state, record)
        return compared


class Following:
    """Goes its own way from the first record on: what the other policy decides is what its next decision starts from. Inputs are as
    recorded, so a door that somebody opened then is opened now, whoever may have been refused.

    Until the two histories part, timers run when they ran; after that, when the other history asks for it."""

    def __init__(self, doors: Doors, state: State, index: PolicyIndex) -> None:
        self._doors = doors
        self._index = index
        self._engine = doors.engine(state, index)
        self._last: Record | None = None
        self._parted = False

    @property
    def state(self) -> State:
        return self._engine.state

    def take(self, record: Record) -> Compared:
        found: list[Compared] = []
        if isinstance(record.input, Started):
            self._engine = self._doors.engine(self._engine.state, self._index)
        elif self._parted and self._last is not None:
            found += self._elapse(self._last, record)
        outcome = self._engine.handle(record.input, moment(self._engine.state, record))
        self._engine.commit()
        events = outcome.record.events if outcome.record is not None else ()
        told = tuple(event for event in record.events if not isinstance(event, PolicyChanged))
        self._parted = self._parted or told != tuple(event for event in events if not isinstance(event, PolicyChanged))
        self._keep_version(record)
        self._last = record
        found.append(compare(record.seq, record.at_us, answers(record.events), answers(events)))
        return Compared(
            sum(one.decisions for one in found),
            tuple(difference for one in found for difference in one.differences),
        )

    def _elapse(self, last: Record, record: Record) -> Iterable[Compared]:
        """What comes due before the record, when this history asks for it."""
        state = self._engine.state
        for _ in range(_MAX_TIMERS):
            now = Now(0 if state.wall_behind else last.at_us, last.mono_us, state.wall_trusted)
            due_us = self._engine.next_deadline_us(now)
            if due_us is None or not last.mono_us < due_us < record.mono_us:
                return
            wall_us = max(last.at_us, record.at_us - (record.mono_us - due_us))
            outcome = self._engine.handle(
                TimeElapsed(), Now(0 if state.wall_behind else wall_us, due_us, now.wall_trusted)
            )
            self._engine.commit()
            last = msgspec.structs.replace(last, at_us=wall_us, mono_us=due_us)
            if outcome.record is not None:
                yield compare(record.seq, wall_us, [], answers(outcome.record.events))

    def _keep_version(self, record: Record) -> None:
        """Leases vouch for versions: the one that was in force then stands for the other policy."""
        state = self._engine.state
        for event in record.events:
            if isinstance(event, PolicyChanged) and state.policy_version != event.version:
                seq = state.seq
                self._engine.handle(PolicyApplied(event.version, event.digest), moment(state, record))
                self._engine.commit()
                state.seq = seq  # no record of its own: whoever comes without a badge is numbered by the records


Verdict = Literal["same", "differs", "unchecked"]


class Recheck:
    """Decides recorded inputs again under the policies that were in force: the same bytes must come of it.

    ``unchecked``: records under a policy that is not at hand, and the one that tells of records which a full memory dropped."""

    def __init__(self, doors: Doors, state: State, policies: Sequence[PolicyIndex], digests: Sequence[str]) -> None:
        """``policies`` with their ``digests``, in any order. ``state`` becomes this object's own."""
        self._doors = doors
        self._state = state
        self._known = {index.policy.version: (index, digest) for index, digest in zip(policies, digests, strict=True)}
        self._engine: Engine | None = None

    def take(self, record: Record, encoded: bytes) -> Verdict:
        """The next record, in order."""
        verdict = self._judge(record, encoded)
        fold(self._state, record)
        if verdict != "same":
            self._engine = None
        return verdict

    def _judge(self, record: Record, encoded: bytes) -> Verdict:
        version, stimulus = record.policy_version, record.input
        known = self._known.get(version) if version is not None else None
        if (version is not None and known is None) or any(getattr(event, "dropped", 0) for event in record.events):
            return "unchecked"
        now = moment(self._state, record)
        engine = self._engine
        if engine is None or isinstance(stimulus, Started):
            applied = isinstance(stimulus, PolicyApplied)
            engine = self._engine = self._doors.engine(
                self._state, known[0] if known is not None and not applied else None
            )
        if known is not None and isinstance(stimulus, Started):
            engine.adopt(known[0].policy, known[1], now)
        if known is not None and isinstance(stimulus, PolicyApplied):
            outcome = engine.adopt(known[0].policy, known[1], now)
            if outcome.record is None:  # begun in the middle of things: it says nothing by itself
                outcome = engine.handle(stimulus, now)
        else:
            outcome = engine.handle(stimulus, now)
        engine.commit()
        return "same" if outcome.encoded == encoded else "differs"
