"""The backlog of one edge, sealed in batches beforehand, and its way up: the window and the acks of a real edge's outbox."""

from collections import deque
from collections.abc import Iterator
from itertools import chain as joined
from itertools import count, islice

import msgspec

from controller.wire import BATCH_RECORDS, GENESIS_HASH, WIRE_VERSION, Ack, Records, chain, seal, topic, unseal
from edge.outbox import WINDOW_BATCHES
from sim.bench.figures import BenchFailed
from sim.bench.mqtt import BenchClient
from sim.bench.population import NOON_US, make_policy, make_taps
from sim.bench.recorded import RecordedTaps
from sim.bench.signer import Signer
from sim.waiting import Stopwatch

SITE_ID = "bench"
EDGE = "edge-1"
JOURNAL_ID = "bench"
BADGES = 1_000
ACK_TIMEOUT_S = 30.0


class Batch(msgspec.Struct, frozen=True):
    """A sealed message and the last record in it."""

    last_seq: int
    message: bytes


class Backlog:
    """An edge's records in order. :meth:`take` gives the next; every batch is sent once."""

    def __init__(self) -> None:
        self.signer = Signer(f"edge:{EDGE}")
        self._batches = self._sealed()

    def take(self, records: int) -> list[Batch]:
        """The next ``records``, a multiple of :data:`BATCH_RECORDS`, sealed."""
        return [next(self._batches) for _ in range(records // BATCH_RECORDS)]

    def _sealed(self) -> Iterator[Batch]:
        policy = make_policy(BADGES)
        edge = RecordedTaps(policy, JOURNAL_ID, NOON_US, [door.id for door in policy.site.doors])
        taps = make_taps(BADGES, 5_000)
        seq, head = 0, GENESIS_HASH
        made = joined.from_iterable(edge.records(taps, 2**40))
        for number in count(1):
            records = tuple(islice(made, BATCH_RECORDS))
            body = Records(
                v=WIRE_VERSION, site=SITE_ID, edge=EDGE, epoch=1, seq=number, issued_at_us=NOON_US,
                journal_id=JOURNAL_ID, first_seq=seq + 1, previous=head, records=tuple(map(msgspec.Raw, records)),
            )  # fmt: skip
            seq += len(records)
            yield Batch(seq, seal(body, self.signer.kid, self.signer.sign))
            for record in records:
                head = chain(head, record)


class Feed:
    """The connection of that edge."""

    def __init__(self, broker_url: str) -> None:
        self._client = BenchClient(broker_url, "bench-edge", (topic(SITE_ID, EDGE, "ack"),))
        self._topic = topic(SITE_ID, EDGE, "records")

    def send(self, batches: list[Batch]) -> float:
        """Publish all, at most :data:`WINDOW_BATCHES` unacknowledged; seconds from the first publish to the last ack."""
        waiting, in_flight = deque(batches), deque[int]()
        watch = Stopwatch()
        while waiting or in_flight:
            while waiting and len(in_flight) < WINDOW_BATCHES:
                batch = waiting.popleft()
                self._client.publish(self._topic, batch.message)
                in_flight.append(batch.last_seq)
            ack = self._ack()
            if ack.expects <= ack.upto or ack.fork_at is not None:
                raise BenchFailed(f"the server does not follow: {ack}")
            while in_flight and in_flight[0] <= ack.upto:
                in_flight.popleft()
        return watch.s

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def _ack(self) -> Ack:
        _, payload = self._client.receive(ACK_TIMEOUT_S)
        body = unseal(payload, lambda *_: True, (Ack,), SITE_ID, EDGE)
        assert isinstance(body, Ack)
        return body
