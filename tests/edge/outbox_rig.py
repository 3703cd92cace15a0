"""An outbox over a memory journal, with what it sent decoded, and a hand that writes acks."""

from controller.now import SECOND_US, Now
from controller.wire import Ack, Records, unseal
from edge.outbox import Outbox
from edge.sender import Sender
from sim.memory import MemoryIdentity, MemoryJournal, MemoryKeyRing, MemoryLink

WALL_US = 1_772_409_600 * SECOND_US


class OutboxRig:
    """``mono_us`` is moved by the test."""

    def __init__(self, records: int = 0) -> None:
        self.mono_us = SECOND_US
        self.journal = MemoryJournal("j1")
        self.sent: list[Records] = []
        self.link = MemoryLink(self._note)
        self.link.up = True
        self.sender = Sender(MemoryIdentity("demo", "edge-1"), self.link)
        self.write(records)
        self.outbox = Outbox(self.journal, self.sender)

    @property
    def now(self) -> Now:
        return Now(WALL_US + self.mono_us, self.mono_us)

    def write(self, records: int) -> None:
        first = self.journal.last_seq + 1
        self.journal.append([b'{"n":%d}' % (first + n) for n in range(records)], WALL_US)

    def connect(self) -> None:
        self.outbox.link_up()
        self.outbox.pump(self.now)

    def wait(self, seconds: float) -> None:
        self.mono_us += int(seconds * SECOND_US)
        self.outbox.pump(self.now)

    def ack(self, upto: int, head: bytes | None = None, fork_at: int | None = None, expects: int | None = None) -> Ack:
        if head is None:
            head = self.journal.hash_at(upto) or b"unknown"
        expects = upto + 1 if expects is None else expects
        return Ack(1, "demo", "edge-1", 1, 1, WALL_US, self.journal.journal_id, upto, head, expects, fork_at)

    def take(self, ack: Ack) -> list[object]:
        found: list[object] = list(self.outbox.take(ack, self.now))
        found += self.outbox.pump(self.now)
        return found

    def ranges(self) -> list[tuple[int, int]]:
        """(first, last) of the batches sent and not yet looked at; probes are left out."""
        found = [(r.first_seq, r.first_seq + len(r.records) - 1) for r in self.sent if r.records]
        self.sent.clear()
        return found

    def _note(self, leaf: str, payload: bytes, retain: bool) -> None:
        assert leaf == "records"
        assert not retain
        body = unseal(payload, MemoryKeyRing(["edge:edge-1"]).verifier(0), (Records,), "demo", "edge-1")
        assert isinstance(body, Records)
        self.sent.append(body)
