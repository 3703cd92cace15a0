"""Carries the journal to the server: batches in a window, resent until the server's signed ack (DESIGN 4).

The journal is the queue; here is only how far it was sent and acknowledged. A broker's PUBACK plays no part. Times are boot
time. Pure: told the time, no thread. ::

    sent        batches first … last in flight, at most WINDOW_BATCHES
    silence     ACK_TIMEOUT_US after sending without an ack: one batch alone is tried, then at doubling intervals
    ack         must name our journal and the hash that we have at ``upto``; otherwise it is a fork
    gone back   a restored server lacks what it had: sent again from there, and what was purged is declared lost
    quiet       an empty batch each PROBE_US asks where the server stands
"""

from collections import deque
from typing import NamedTuple

import msgspec

from controller.inputs import ForkFound, RecordsLost
from controller.now import SECOND_US, Now
from controller.wire import BATCH_RECORDS, MAX_MESSAGE_BYTES, Ack, Records, chain
from edge.ports import Journal
from edge.sender import Sender

WINDOW_BATCHES = 16
BATCH_BYTES = MAX_MESSAGE_BYTES // 2
ACK_TIMEOUT_US = 5 * SECOND_US
ACK_TIMEOUT_LIMIT_US = 60 * SECOND_US
NOT_TAKEN_RETRY_US = SECOND_US // 5
"""When the link took nothing although it is up (its own bound is reached)."""
PERSIST_ACK_US = SECOND_US
"""The acknowledged position is written this seldom: after a crash a little is sent twice, which is harmless."""


PROBE_US = 60 * SECOND_US
"""With nothing to send, an empty batch asks for an ack this often: a dead or restored server shows while all is quiet."""


class _Batch(NamedTuple):
    first: int
    last: int
    head: bytes
    sent_at_us: int


class Outbox:
    """One journal's way up. ``acked`` is the server's contiguous prefix as far as we know it."""

    def __init__(self, journal: Journal, sender: Sender) -> None:
        self._journal = journal
        self._sender = sender
        self._acked = journal.acked_upto
        self._sent = self._acked
        self._head = b""  # the hash at _sent; empty: ask the journal
        self._in_flight: deque[_Batch] = deque()
        self._up = False
        self._window = WINDOW_BATCHES
        self._timeout_us = ACK_TIMEOUT_US
        self._not_before_us = 0
        self._persist_at_us = 0
        self._probe_at_us = 0
        self._waiting_since_us: int | None = None
        self._fork_seq: int | None = None
        self._lost: RecordsLost | None = None

    @property
    def acked(self) -> int:
        return self._acked

    @property
    def waiting(self) -> int:
        """Records that the server has not acknowledged."""
        return self._journal.last_seq - self._acked

    @property
    def gone_back(self) -> bool:
        """The server lacks records that it once acknowledged: nothing may be purged now."""
        return self._acked < self._journal.acked_upto

    def unanswered_us(self, now: Now) -> int:
        """How long something has been sent without any valid ack; 0 when nothing is awaited."""
        return 0 if self._waiting_since_us is None else now.mono_us - self._waiting_since_us

    def link_up(self) -> None:
        """A fresh connection: what was in flight may be gone, begin after the last ack."""
        self._up = True
        self._rewind(self._acked)
        self._waiting_since_us = None
        self._timeout_us = ACK_TIMEOUT_US
        self._window = WINDOW_BATCHES
        self._not_before_us = 0

    def link_down(self) -> None:
        """Nothing can be sent, nothing is awaited."""
        self._up = False
        self._waiting_since_us = None

    def pump(self, now: Now) -> list[RecordsLost]:
        """Send what the window allows. Returns what was found to be lost for good. Raises :class:`edge.ports.JournalFault` when the
        journal cannot be read; not tried again before NOT_TAKEN_RETRY_US."""
        lost: list[RecordsLost] = []
        self._check_silence(now)
        while self._up and len(self._in_flight) < self._window and self._sent < self._journal.last_seq:
            if now.mono_us < self._not_before_us:
                break
            lost += self._pass_over_purged()
            retry_us, self._not_before_us = self._not_before_us, now.mono_us + NOT_TAKEN_RETRY_US
            if not self._send_batch(now):
                break
            self._not_before_us = retry_us
        if self._up and now.mono_us >= self._probe_at_us and 0 < self._sent == self._journal.last_seq:
            self._send(now, self._sent + 1, self._journal.head, ())
        return lost

    def take(self, ack: Ack, now: Now) -> list[ForkFound]:
        """Follow one verified ack. Returns a fork the first time that it is seen."""
        forks: list[ForkFound] = []
        if ack.fork_at is not None:
            forks = self._fork(ack.fork_at)
        if max(ack.upto, ack.expects - 1) > self._journal.last_seq:
            return forks or self._fork(self._journal.last_seq + 1)  # the server knows more: our journal was put back
        ours = self._hash_at(ack.upto)
        if ours is not None and ours != ack.head:
            return forks or self._fork(ack.upto)
        if ack.fork_at is None:
            self._fork_seq = None
        if ack.upto < self._acked:
            self._acked = ack.upto  # the server was put back
            self._rewind(self._acked)
            self._answered(now)
        elif ack.upto > self._acked:
            self._acked = ack.upto
            while self._in_flight and self._in_flight[0].last <= self._acked:
                self._in_flight.popleft()
            if self._sent < self._acked:
                self._rewind(self._acked)
            self._answered(now)
        elif not self._in_flight:
            self._answered(now)
        return forks

    def persist(self, now: Now, at_once: bool = False) -> None:
        """Write the acknowledged position, seldom unless ``at_once``. Raises :class:`edge.ports.JournalFault`."""
        if self._acked > self._journal.acked_upto and (at_once or now.mono_us >= self._persist_at_us):
            self._persist_at_us = now.mono_us + PERSIST_ACK_US
            self._journal.acknowledge(self._acked)

    def deadline_us(self) -> int | None:
        """When :meth:`pump` or :meth:`persist` has something to do again."""
        due: list[int] = []
        if self._up and self._in_flight:
            due.append(self._in_flight[0].sent_at_us + self._timeout_us)
        if self._up and self._sent < self._journal.last_seq and len(self._in_flight) < self._window:
            due.append(self._not_before_us)
        if self._up and 0 < self._sent == self._journal.last_seq:
            due.append(self._probe_at_us)
        if self._acked > self._journal.acked_upto:
            due.append(self._persist_at_us)
        return min(due, default=None)

    def _check_silence(self, now: Now) -> None:
        if self._up and self._in_flight and now.mono_us >= self._in_flight[0].sent_at_us + self._timeout_us:
            self._rewind(self._acked)
            self._window = 1
            self._timeout_us = min(self._timeout_us * 2, ACK_TIMEOUT_LIMIT_US)

    def _answered(self, now: Now) -> None:
        self._window = WINDOW_BATCHES
        self._timeout_us = ACK_TIMEOUT_US
        self._waiting_since_us = now.mono_us if self._in_flight else None

    def _rewind(self, upto: int) -> None:
        self._sent = upto
        self._head = b""
        self._in_flight.clear()

    def _pass_over_purged(self) -> list[RecordsLost]:
        first_retained = self._journal.first_retained_seq
        if self._sent + 1 >= first_retained:
            return []
        lost = RecordsLost(self._journal.journal_id, self._sent + 1, first_retained - 1)
        self._rewind(first_retained - 1)
        if lost == self._lost:
            return []
        self._lost = lost
        return [lost]

    def _send_batch(self, now: Now) -> bool:
        previous = self._head or self._journal.hash_at(self._sent)
        if previous is None:
            return False
        records: list[msgspec.Raw] = []
        size = 0
        head = previous
        for kept in self._journal.after(self._sent, BATCH_RECORDS):
            size += len(kept.record)
            if records and size > BATCH_BYTES:
                break
            records.append(msgspec.Raw(kept.record))
            head = chain(head, kept.record)
        if not records:
            return False
        first = self._sent + 1
        if not self._send(now, first, previous, tuple(records)):
            return False
        self._sent += len(records)
        self._head = head
        self._in_flight.append(_Batch(first, self._sent, head, now.mono_us))
        return True

    def _send(self, now: Now, first: int, previous: bytes, records: tuple[msgspec.Raw, ...]) -> bool:
        self._probe_at_us = now.mono_us + PROBE_US
        taken = self._sender.send(
            Records,
            "records",
            now,
            journal_id=self._journal.journal_id,
            first_seq=first,
            previous=previous,
            records=records,
            first_retained_seq=self._journal.first_retained_seq,
        )
        if taken and self._waiting_since_us is None:
            self._waiting_since_us = now.mono_us
        return taken

    def _hash_at(self, seq: int) -> bytes | None:
        for batch in self._in_flight:
            if batch.last == seq:
                return batch.head
        return self._journal.hash_at(seq)

    def _fork(self, seq: int) -> list[ForkFound]:
        if self._fork_seq == seq:
            return []
        self._fork_seq = seq
        return [ForkFound(self._journal.journal_id, seq)]
