"""The database's outbox on its way to the broker."""

import threading

from server.db.engine import Database
from server.fleet.models import OutboxMessage
from server.fleet.outbox import Publisher
from tests.server.conftest import ON_SQLITE

ANSWER_S = 5.0


class EagerBroker:
    """As paho does it: the broker's answer is told from another thread, under a lock that ``publish`` holds too."""

    connected = True

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.topics: list[str] = []

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> int:
        self.topics.append(topic)
        message_id = len(self.topics)
        answer = threading.Thread(target=self._publisher.taken, args=(message_id,), daemon=True)
        answer.start()
        answer.join(ANSWER_S)
        assert not answer.is_alive(), "publishing and the broker's answer wait for each other"
        return message_id


@ON_SQLITE
def test_an_answer_that_comes_while_publishing_waits_for_nobody_and_is_counted(database: Database) -> None:
    publisher = Publisher("demo")
    broker = EagerBroker(publisher)
    with database.write() as session:
        session.add(OutboxMessage(edge="edge-1", leaf="delta", payload=b"one"))
        session.add(OutboxMessage(edge="edge-1", leaf="lease", payload=b"two"))
    with database.write() as session:
        publisher.publish(session.connection(), broker, 0)  # type: ignore[arg-type]
    assert broker.topics == ["menjin/v1/demo/edge-1/delta", "menjin/v1/demo/edge-1/lease"]
    assert publisher.has_taken
    with database.write() as session:
        publisher.clean(session.connection(), 0)
        publisher.publish(session.connection(), broker, 0)  # type: ignore[arg-type]
    assert len(broker.topics) == 2, "what the broker has taken is not sent again"
