"""Two server processes on one PostgreSQL: the one that publishes is killed in the middle of it, and the other goes on."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from server.badges.models import Badge
from server.context import Context
from server.db.engine import Database
from server.keys import load_keys, verifier
from tests.server.edges import WireEdge
from tests.server.fleet.registry import Registry
from tests.server.fleet.test_mqtt import LiveEdge
from tests.server.mosquitto import PROGRAM, Mosquitto
from tests.server.process import running
from tests.server.test_process_faults import call, configured, token_of
from tests.server.waiting import until

pytestmark = [pytest.mark.processes, pytest.mark.postgresql]


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that keeps nothing over a kill."""
    if PROGRAM is None:
        pytest.fail("mosquitto is not installed: apt-get install mosquitto")
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()


def test_a_revocation_that_one_process_was_publishing_when_it_was_killed_is_published_by_the_other(
    tmp_path: Path, new_postgresql_url: Callable[[], str], mosquitto: Mosquitto
) -> None:
    url, shared = new_postgresql_url(), tmp_path / "shared"
    configs = [configured(tmp_path / name, dir=str(shared), database_url=url) for name in ("one", "two")]
    for config in configs:
        config.write_text(config.read_text("utf-8").replace("mqtt://127.0.0.1:9", mosquitto.url), "utf-8")
    with (
        running(tmp_path / "one", "server", "--config", str(configs[0])) as one,
        running(tmp_path / "two", "server", "--config", str(configs[1])) as two,
        closing(psycopg.connect(url, autocommit=True)) as watch,
        closing(Database(url)) as database,
    ):

        def count(query: str) -> int:
            return int(cast(Any, watch.execute(query).fetchone())[0])  # type: ignore[call-overload]

        token = token_of(configs[0])
        keys = load_keys(shared)
        edge = WireEdge("edge-1")
        secret = call(one, token, "/api/v1/edges", {"name": edge.name})["token"]
        enrolled = call(one, token, "/api/v1/edges/enrol", {"token": secret, "public_key": edge.public_key.hex()})
        live = LiveEdge(edge, mosquitto.port, verifier({"root": keys.root_public_key}))
        live.learn(enrolled["certificates"])
        live.connect()
        try:
            registry = Registry(cast(Context, SimpleNamespace(database=database, keys=keys)))
            registry.member("M1", registry.customer())
            assert until(lambda: count("SELECT count(*) FROM registry_change WHERE done_at IS NULL") == 0)
            assert until(lambda: bool(live.heard["policy"]))
            assert until(lambda: count("SELECT count(*) FROM outbox_message") == 0)

            known = max(head.version for head in live.heard["policy"])
            assert mosquitto._process is not None
            mosquitto._process.send_signal(signal.SIGSTOP)  # it takes messages and confirms none
            change = registry.change(Badge, 1, status="lost")
            assert until(lambda: count(f"SELECT count(*) FROM policy_reach WHERE change_id = {change}") > 0)
            assert count("SELECT count(*) FROM outbox_message WHERE leaf = 'delta'") == 1
            one.process.send_signal(signal.SIGKILL)
            one.process.wait(10)
            mosquitto.kill()  # and what it had taken is lost
            live.heard.clear()
            mosquitto.start()
            assert until(lambda: any(head.version > known for head in live.heard["policy"]))
            live.say(
                "request", edge.request(want="deltas", have=known)
            )  # the delta may have come before the edge was back
            assert until(
                lambda: "lost" in [badge.status for told in live.heard["delta"] for badge in told.delta.badges]
            )
            assert until(lambda: count("SELECT count(*) FROM outbox_message") == 0)
            shown = call(two, token, "/api/v1/badges/M1/reach")
            assert (shown["pending"], shown["doors"]) == (False, 2)
        finally:
            live.close()
        assert two.stop() == 0
