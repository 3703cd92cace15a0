"""The database's outbox on its way to the broker."""

import threading
from typing import Any

import pytest

from server.badges.models import Badge
from server.db.engine import Database
from server.fleet.models import OutboxMessage
from server.fleet.outbox import Publisher
from tests.server.conftest import ON_SQLITE
from tests.server.fleet.conftest import Fleet

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


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("fatal", ["commit", "publish"])
def test_a_server_killed_around_the_commit_of_a_revocation_still_sends_it_once_it_runs_again(
    fleet: Fleet, fatal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = fleet.enrolled()
    fleet.registry.member("M1", fleet.registry.customer())
    fleet.turn()
    fleet.heard(edge, "policy")
    change = fleet.registry.change(Badge, 1, status="lost")

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    if fatal == "commit":  # nothing is stored, and the change stays open
        monkeypatch.setattr("server.fleet.policies.put_all", killed)
    else:
        monkeypatch.setattr(fleet.service, "_publish", killed)
    with pytest.raises(Killed):
        fleet.service.run_once(fleet.now_us)
    monkeypatch.undo()
    assert fleet.heard(edge, "delta") == []
    done = next(row.done_at for row in fleet.registry.changes() if row.id == change)
    assert (done is None) == (fatal == "commit")
    fleet.restart()
    fleet.turn()
    [message] = fleet.heard(edge, "delta")
    assert [(badge.number, badge.status) for badge in message.delta.badges] == [("M1", "lost")]
    assert [head.version for head in fleet.heard(edge, "policy")][-1] == message.delta.version
