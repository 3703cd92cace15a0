"""What the agent needs of the world, as protocols: real ones in edge/, in-memory ones in sim/ (DESIGN 13).

Nothing here blocks the agent's loop for longer than a journal commit.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from controller.actions import Pattern
from controller.now import Now
from edge.muster.facts import Situation


class Clock(Protocol):
    """Wall and boot time, and whether the wall clock is vouched for."""

    def now(self) -> Now: ...


class Random(Protocol):
    """Identities: journal ids, sessions, boot ids."""

    def token(self) -> str:
        """32 hexadecimal digits that nobody can guess."""
        ...


class JournalFault(Exception):
    """The journal cannot commit (disk full, locked, damaged). Nothing may be unlocked but ways out."""


class JournalRefused(JournalFault):
    """The file is sound but not for this process: open elsewhere, written by a newer version, not a journal. Said once, in
    one line; the edge does not start."""


class Kept(msgspec.Struct, frozen=True):
    """A journalled record: its sequence and its unchanged bytes."""

    seq: int
    record: bytes


class Journal(Protocol):
    """The edge's append-only log with its hash chain and outbox position (DESIGN 2-4)."""

    @property
    def journal_id(self) -> str: ...
    @property
    def last_seq(self) -> int: ...
    @property
    def head(self) -> bytes:
        """The chain's hash at ``last_seq``."""
        ...

    @property
    def acked_upto(self) -> int: ...
    @property
    def first_retained_seq(self) -> int: ...
    @property
    def wall_high_water_us(self) -> int:
        """The highest wall time ever given to :meth:`append` (MEANINGS 19)."""
        ...

    def append(self, records: Sequence[bytes], wall_us: int) -> None:
        """Commit records ``last_seq + 1 …`` in one transaction, durable on return. Raises :class:`JournalFault`; then none
        of them is in. ``wall_us``: a time that was vouched for, the last such one when now nobody does; retention counts by
        it."""
        ...

    def settle(self) -> None:
        """Whatever of the appending may wait until the doors were told: call it then."""
        ...

    def after(self, seq: int, limit: int) -> list[Kept]:
        """Up to ``limit`` records after ``seq``, in order."""
        ...

    def hash_at(self, seq: int) -> bytes | None:
        """The chain's hash at ``seq``; 0 gives GENESIS_HASH; None when purged or beyond the end."""
        ...

    def acknowledge(self, upto: int) -> None:
        """The server has everything up to here. Never goes down."""
        ...

    def save_checkpoint(self, seq: int, state: bytes) -> None:
        """Keep the folded state as of ``seq``; older checkpoints may go."""
        ...

    def checkpoint(self) -> tuple[int, bytes] | None: ...

    def remember_command(self, command_id: str, expires_at_us: int) -> bool:
        """Durably note a command id. False when it was there already (replay)."""
        ...

    def purge(self, before_wall_us: int) -> int:
        """Drop acknowledged records older than this that lie under a checkpoint. Returns how many."""
        ...

    def close(self) -> None: ...


class PolicyStore(Protocol):
    """The last applied policy and the highest version ever seen, on disk (DESIGN 5, MEANINGS 18)."""

    def load(self) -> tuple[bytes, list[bytes]] | None:
        """(canonical snapshot, deltas in order) as stored; None when empty."""
        ...

    def save_snapshot(self, epoch: int, n: int, snapshot: bytes) -> None:
        """Durable on return. Raises :class:`JournalFault`, as ``save_delta`` does; what was stored before still is."""
        ...

    def save_delta(self, epoch: int, n: int, delta: bytes) -> None: ...
    @property
    def highest_seen(self) -> tuple[int, int]:
        """Never decreases, restarts included; (0, 0) at first."""
        ...

    @property
    def damage(self) -> str:
        """What was found damaged and moved aside, in one line; empty when all is well."""
        ...

    def close(self) -> None: ...


class Link(Protocol):
    """The way to the broker. Publishing never blocks; what was not taken comes back as False and is tried later by the
    agent, which owns the outbox."""

    def publish(self, leaf: str, payload: bytes, retain: bool = False) -> bool: ...


class Locks(Protocol):
    """The boards' outputs. Calls return at once: each board works in its own thread off a bounded queue; what fails comes
    back as a :class:`DeviceFaulted` stimulus."""

    def unlock(self, door: str, unlock_us: int, decided_mono_us: int | None = None) -> None:
        """``decided_mono_us``: boot time of the decision, when it had to wait for the journal: one that waited as long as a late
        read opens nothing and is reported (L4). None, a way out: never too late."""
        ...

    def hold_unlocked(self, door: str) -> None: ...
    def lock(self, door: str) -> None: ...
    def indicate(self, access_point: str, pattern: Pattern) -> None: ...


class MusterBoard(Protocol):
    """Where people look up who is inside: the local page."""

    @property
    def fault(self) -> str:
        """Why nobody can look there now, in one line; empty when all is well."""
        ...

    def show(self, situation: Situation) -> None:
        """From here on this is shown. Returns at once; the situation is never changed again."""
        ...


class Desk(Protocol):
    """The reader that writes cards. The call returns at once; the answer is a :class:`WritingEnded`."""

    def write(self, command_id: str, number: str, replaces: bytes | None, until_mono_us: int) -> None: ...


# What reaches the agent's loop from the threads (one bounded queue).


class Presented(msgspec.Struct, frozen=True):
    """A reader has a result. ``number`` is the card's own number in clear: hashed by the agent before it is recorded."""

    access_point: str
    technology: str
    number: str
    assurance: str
    read_at_mono_us: int
    exchange_us: int = 0


class Rejected(msgspec.Struct, frozen=True):
    """A card that failed authentication, or two at once."""

    access_point: str
    cause: str
    technology: str
    read_at_mono_us: int


class Scanned(msgspec.Struct, frozen=True):
    """A scanner read a code. ``text`` in clear: hashed by the agent, where it is a document's, before it is recorded."""

    access_point: str
    text: str
    read_at_mono_us: int


class ScanFailed(msgspec.Struct, frozen=True):
    """What a scanner sent is no code: ``noise``, ``too_long``, ``half`` (:class:`controller.inputs.ScanRefused`). ``length`` in bytes."""

    access_point: str
    cause: str
    length: int
    read_at_mono_us: int


class WritingEnded(msgspec.Struct, frozen=True):
    """How writing a card ended: ``encoded`` or a reason (:class:`controller.inputs.EncodingEnded`). ``number``, in clear, is what the
    card carries, ``card`` its identifier: hashed by the agent before they are recorded."""

    command_id: str
    outcome: str
    technology: str
    number: str = ""
    step: str = ""
    card: str = ""


class InputChanged(msgspec.Struct, frozen=True):
    """A board input changed, already translated by ``edge.toml``. ``kind``: contact, rex, fire, gas, lockdown, tamper, mains,
    battery. ``subject``: door, zone, area (empty: the site) or enclosure. ``active``: open, pressed, alarm."""

    kind: str
    subject: str
    active: bool


class Counted(msgspec.Struct, frozen=True):
    """What a people counter sees in an area now. No driver tells it yet; the simulator does."""

    area: str
    people: int


class DeviceChanged(msgspec.Struct, frozen=True):
    """A reader, board or scanner fell out or came back. ``device``: its id in ``edge.toml``."""

    device: str
    kind: str
    working: bool
    cause: str = ""


class LockRead(msgspec.Struct, frozen=True):
    """A door's lock output as its board reads it back, and what the board had been asked by then; both True for unlocked. Told once
    after each opening of the board and each command; that it differs only when it has lasted, and now and then while it does."""

    door: str
    unlocked: bool
    asked: bool


class LinkUp(msgspec.Struct, frozen=True):
    """Connected and subscribed."""


class LinkDown(msgspec.Struct, frozen=True):
    """Not connected."""

    cause: str = ""


class MessageArrived(msgspec.Struct, frozen=True):
    """A message from the broker, unverified."""

    leaf: str
    payload: bytes


class StopAsked(msgspec.Struct, frozen=True):
    """SIGTERM or the supervisor."""

    cause: str


Stimulus = (
    Presented
    | Rejected
    | Scanned
    | ScanFailed
    | WritingEnded
    | InputChanged
    | Counted
    | DeviceChanged
    | LockRead
    | LinkUp
    | LinkDown
    | MessageArrived
    | StopAsked
)
