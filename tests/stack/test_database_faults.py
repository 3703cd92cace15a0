"""The server's database is an older copy, or locked by another process: nothing of the doors' record is lost (DESIGN 4, 15)."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sim.stack import EDGE
from sim.waiting import until
from tests.stack.open_site import WAIT_S, OpenSite

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

DATABASE = "menjin.db"


def policy_version(site: OpenSite) -> tuple[int, int]:
    epoch, n = site.stack.api.get("/api/v1/policy/current", edge=EDGE)["version"]
    return int(epoch), int(n)


def test_while_the_database_is_locked_doors_decide_and_the_record_arrives_afterwards(site: OpenSite) -> None:
    log = site.stack.directory / "logs" / "server.log"
    with closing(sqlite3.connect(site.stack.directory / "server" / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert site.tap("b-li", "lobby-in").decision == "granted"
        assert until(lambda: "ingest: database unavailable, tried again" in log.read_text(), WAIT_S)
        assert site.edge_reported()["journal"]["lag"] >= 0  # questions are still answered
        other.execute("ROLLBACK")
    found = site.drained()
    assert found.records_at_server > 0
    assert (found.lost, found.duplicated, found.foreign) == (0, 0, 0)


def test_a_server_put_back_from_an_older_copy_raises_the_epoch_and_gets_its_records_again(
    site: OpenSite, tmp_path: Path
) -> None:
    stack, server = site.stack, site.stack.directory / "server"
    assert site.drained().lost == 0
    stack.children["server"].stop()
    for path in server.glob(f"{DATABASE}*"):
        shutil.copy2(path, tmp_path / path.name)
    stack.restore("server")
    stack.api.post("/api/v1/badges/b-wang/report", {"as": "suspended"})
    assert site.is_ready()
    assert site.tap("b-wang", "lobby-in").reason == "BADGE_SUSPENDED"
    assert site.drained().lost == 0
    epoch, _ = policy_version(site)

    stack.children["server"].stop()
    for path in server.glob(f"{DATABASE}*"):
        path.unlink()
    for path in tmp_path.glob(f"{DATABASE}*"):
        shutil.copy2(path, server / path.name)
    stack.restore("server")
    assert until(lambda: policy_version(site)[0] > epoch, WAIT_S), "the epoch was not raised"
    assert site.is_ready(), "the edge does not take the restored server's policy"
    assert site.alarm_stands("SERVER_RESTORED")
    # What the desk entered after the copy is gone and must be entered again: the alarm says so.
    assert site.tap("b-wang", "lobby-in").decision == "granted"
    found = site.drained()
    assert (found.lost, found.duplicated, found.foreign) == (0, 0, 0)
    assert "FORK" not in {alarm for alarm, _ in site.standing()}
