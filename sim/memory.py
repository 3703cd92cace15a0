"""In-memory ports for :class:`edge.agent.Agent`: no thread, file, socket or clock (DESIGN 13).

Each behaves as its real counterpart promises in ``edge/ports.py``, and can be told to fail. Used by the two-edge simulation,
by tests of the agent, and by benches. Signatures are keyed hashes: as strict as Ed25519 to a forger who lacks the key,
and fast enough for a day in seconds.
"""

import hashlib
import random
from collections.abc import Callable, Sequence

import msgspec

from controller.actions import Pattern
from controller.now import Now
from controller.wire import GENESIS_HASH, Verify, WireError, chain
from edge.ports import JournalFault, Kept

SERVER_KID = "server:memory"


class MemoryClock:
    """Stands still until it is moved. ``boot`` starts boot time anew, as a reboot does."""

    def __init__(self, wall_us: int, mono_us: int = 1_000_000, wall_trusted: bool = True) -> None:
        self.wall_us = wall_us
        self.mono_us = mono_us
        self.wall_trusted = wall_trusted

    def now(self) -> Now:
        return Now(self.wall_us, self.mono_us, self.wall_trusted)

    def advance(self, us: int) -> Now:
        """Both clocks go on."""
        self.wall_us += us
        self.mono_us += us
        return self.now()

    def boot(self) -> None:
        """Boot time begins anew; the wall clock goes on."""
        self.mono_us = 1_000_000


class SeededRandom:
    """Tokens from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token(self) -> str:
        return f"{self._random.getrandbits(128):032x}"


class MemoryJournal:
    """``edge.ports.Journal`` in lists. ``failing``: the text of a fault that every write now meets; None when well."""

    def __init__(self, journal_id: str) -> None:
        self.journal_id = journal_id
        self.failing: str | None = None
        self.appends = 0
        self._records: list[bytes] = []
        self._hashes: list[bytes] = [GENESIS_HASH]
        self._walls: list[int] = []
        self._purged = 0
        self._acked = 0
        self._high_water_us = 0
        self._checkpoint: tuple[int, bytes] | None = None
        self._commands: set[str] = set()

    @property
    def last_seq(self) -> int:
        return len(self._records)

    @property
    def head(self) -> bytes:
        return self._hashes[-1]

    @property
    def acked_upto(self) -> int:
        return self._acked

    @property
    def first_retained_seq(self) -> int:
        return self._purged + 1

    @property
    def wall_high_water_us(self) -> int:
        return self._high_water_us

    @property
    def content(self) -> bytes:
        """All bytes ever appended, for comparison."""
        return b"\n".join(self._records)

    def append(self, records: Sequence[bytes], wall_us: int) -> None:
        if not records:
            return
        self._may_write()
        self.appends += 1
        for record in records:
            self._records.append(bytes(record))
            self._hashes.append(chain(self._hashes[-1], record))
            self._walls.append(wall_us)
        self._high_water_us = max(self._high_water_us, wall_us)

    def settle(self) -> None:
        """There is no disk."""

    def after(self, seq: int, limit: int) -> list[Kept]:
        first = max(seq, self._purged)
        return [Kept(first + 1 + n, record) for n, record in enumerate(self._records[first : first + limit])]

    def hash_at(self, seq: int) -> bytes | None:
        if seq == 0:
            return GENESIS_HASH
        return self._hashes[seq] if self._purged <= seq <= self.last_seq else None

    def acknowledge(self, upto: int) -> None:
        self._may_write()
        self._acked = max(self._acked, min(upto, self.last_seq))

    def save_checkpoint(self, seq: int, state: bytes) -> None:
        self._may_write()
        self._checkpoint = (seq, state)

    def checkpoint(self) -> tuple[int, bytes] | None:
        return self._checkpoint

    def remember_command(self, command_id: str, expires_at_us: int) -> bool:  # noqa: ARG002 - kept for good
        self._may_write()
        known = command_id in self._commands
        self._commands.add(command_id)
        return not known

    def purge(self, before_wall_us: int) -> int:
        self._may_write()
        limit = min(self._acked, self._checkpoint[0] if self._checkpoint is not None else 0)
        upto = self._purged
        while upto < limit and self._walls[upto] < before_wall_us:
            upto += 1
        purged, self._purged = upto - self._purged, upto
        return purged

    def truncate(self, last_seq: int) -> None:
        """Put an older copy of the file back: what came after ``last_seq`` is gone."""
        del self._records[last_seq:], self._hashes[last_seq + 1 :], self._walls[last_seq:]
        self._acked = min(self._acked, last_seq)
        if self._checkpoint is not None and self._checkpoint[0] > last_seq:
            self._checkpoint = None

    def close(self) -> None:
        """Nothing is held."""

    def _may_write(self) -> None:
        if self.failing is not None:
            raise JournalFault(self.failing)


class MemoryPolicyStore:
    """``edge.ports.PolicyStore`` in memory."""

    def __init__(self) -> None:
        self.failing: str | None = None
        self.damage = ""
        self._snapshot: bytes | None = None
        self._deltas: list[bytes] = []
        self._highest = (0, 0)

    def load(self) -> tuple[bytes, list[bytes]] | None:
        return None if self._snapshot is None else (self._snapshot, list(self._deltas))

    def save_snapshot(self, epoch: int, n: int, snapshot: bytes) -> None:
        self._may_write()
        self._snapshot, self._deltas = snapshot, []
        self._highest = max(self._highest, (epoch, n))

    def save_delta(self, epoch: int, n: int, delta: bytes) -> None:
        self._may_write()
        self._deltas.append(delta)
        self._highest = max(self._highest, (epoch, n))

    @property
    def highest_seen(self) -> tuple[int, int]:
        return self._highest

    def close(self) -> None:
        """Nothing is held."""

    def _may_write(self) -> None:
        if self.failing is not None:
            raise JournalFault(self.failing)


class MemoryLink:
    """``edge.ports.Link``: hands each message to ``carry(leaf, payload, retain)`` while ``up``."""

    def __init__(self, carry: Callable[[str, bytes, bool], None]) -> None:
        self.up = False
        self._carry = carry

    def publish(self, leaf: str, payload: bytes, retain: bool = False) -> bool:
        if self.up:
            self._carry(leaf, payload, retain)
        return self.up


class Asked(msgspec.Struct, frozen=True):
    """One thing that the agent asked of the hardware. ``act``: unlock, hold, lock, or indicate with its pattern."""

    act: str
    subject: str
    unlock_us: int = 0
    pattern: str = ""


class MemoryLocks:
    """``edge.ports.Locks`` that remembers what was asked. ``hear`` is told each thing at once."""

    def __init__(self, hear: Callable[[Asked], None] | None = None) -> None:
        self.asked: list[Asked] = []
        self._hear = hear

    def unlock(self, door: str, unlock_us: int, decided_mono_us: int | None = None) -> None:  # noqa: ARG002
        self._note(Asked("unlock", door, unlock_us))

    def hold_unlocked(self, door: str) -> None:
        self._note(Asked("hold", door))

    def lock(self, door: str) -> None:
        self._note(Asked("lock", door))

    def indicate(self, access_point: str, pattern: Pattern) -> None:
        self._note(Asked("indicate", access_point, pattern=pattern))

    def unlocked(self) -> list[str]:
        """The doors that were unlocked, in order."""
        return [asked.subject for asked in self.asked if asked.act in ("unlock", "hold")]

    def _note(self, asked: Asked) -> None:
        if self._hear is not None:
            self._hear(asked)
        else:
            self.asked.append(asked)


class MemoryIdentity:
    """An edge's bundle: its place, its key, and the key that card numbers are hashed with."""

    def __init__(self, site: str, edge: str, seed: int = 0) -> None:
        self.site = site
        self.edge = edge
        self.epoch = 1
        self.kid = f"edge:{edge}"
        self.hash_key = hashlib.sha256(b"cards").digest()
        self._secret = _secret(self.kid, seed)

    def sign(self, message: bytes) -> bytes:
        return _signature(self._secret, message)


class MemoryKeyRing:
    """Whose signatures are believed: by default the server's."""

    def __init__(self, kids: Sequence[str] = (SERVER_KID,), seed: int = 0) -> None:
        self._secrets = {kid: _secret(kid, seed) for kid in kids}

    def add(self, certificate: bytes, now_us: int) -> str:  # noqa: ARG002
        raise WireError("unknown_key", "no root in memory certifies anything")

    def verifier(self, now_us: int) -> Verify:  # noqa: ARG002
        def verify(kid: str, message: bytes, signature: bytes) -> bool:
            return _signature(self._secrets[kid], message) == signature

        return verify


def signer_of(kid: str, seed: int = 0) -> Callable[[bytes], bytes]:
    """Signs as the holder of ``kid``."""
    secret = _secret(kid, seed)
    return lambda message: _signature(secret, message)


def _secret(kid: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{kid}".encode()).digest()


def _signature(secret: bytes, message: bytes) -> bytes:
    return hashlib.blake2b(message, key=secret, digest_size=64).digest()
