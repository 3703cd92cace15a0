"""Real server processes: two on one PostgreSQL, one killed; one that is told to end while its database is locked."""

import json
import os
import signal
import sqlite3
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.server.conftest import SITE
from tests.server.edges import WireEdge
from tests.server.process import Running, run, running
from tests.server.waiting import until

pytestmark = pytest.mark.processes


def configured(folder: Path, **more: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "site.toml").write_text(SITE, "utf-8")
    path = folder / "server.toml"
    lines = [f'{key} = "{value}"\n' for key, value in more.items()]
    # nothing listens there: the fleet goes without a broker
    head = 'site_file = "site.toml"\nport = 0\nbroker_url = "mqtt://127.0.0.1:9"\n'
    path.write_text(head + "".join(lines), "utf-8")
    return path


def token_of(config: Path) -> str:
    made = run("server", "token", "--config", str(config), "--role", "administrator", "--name", "test")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def call(server: Running, token: str, path: str, body: dict[str, Any] | None = None) -> Any:
    asked = urllib.request.Request(
        server.told["X_URL"] + path,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return json.load(answer)


@pytest.mark.postgresql
def test_of_two_servers_on_one_database_one_leads_both_serve_and_the_other_takes_over(
    tmp_path: Path, new_postgresql_url: Callable[[], str]
) -> None:
    url = new_postgresql_url()
    shared = tmp_path / "shared"
    configs = [configured(tmp_path / name, dir=str(shared), database_url=url) for name in ("one", "two")]
    with closing(psycopg.connect(url, autocommit=True)) as watch:

        def leaders() -> list[int]:
            query = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = "
            return [
                pid for (pid,) in watch.execute(query + "(SELECT oid FROM pg_database WHERE datname = current_database())")
            ]  # fmt: skip

        with running(tmp_path / "one", "server", "--config", str(configs[0])) as one:
            assert until(lambda: len(leaders()) == 1)
            [first] = leaders()
            with running(tmp_path / "two", "server", "--config", str(configs[1])) as two:
                token = token_of(configs[1])
                for number, server in enumerate((one, two)):
                    body = {"code": f"C{number}", "kind": "organisation", "name": "n"}
                    assert call(server, token, "/api/v1/customers", body)["code"] == f"C{number}"
                    secret = call(server, token, "/api/v1/edges", {"name": f"edge-{number}"})["token"]
                    key = WireEdge(f"edge-{number}").public_key.hex()
                    call(server, token, "/api/v1/edges/enrol", {"token": secret, "public_key": key})

                def compiled(server: Running) -> bool:
                    shown = call(server, token, "/api/v1/policy/current?edge=edge-0")
                    return shown["version"] is not None and not shown["pending"]

                assert until(lambda: compiled(two))
                assert compiled(one)
                assert leaders() == [first]
                one.process.send_signal(signal.SIGKILL)
                one.process.wait(10)
                assert until(lambda: len(leaders()) == 1 and leaders() != [first])
                call(two, token, "/api/v1/customers", {"code": "C9", "kind": "individual", "name": "n"})
                assert until(lambda: compiled(two))
                assert call(two, token, "/api/v1/policy/current?edge=edge-0")["version"][0] == 1, (
                    "the same epoch goes on"
                )
                assert two.stop() == 0


def test_a_server_whose_database_is_locked_still_ends_and_a_second_one_is_refused(tmp_path: Path) -> None:
    config = configured(tmp_path, dir=str(tmp_path / "state"))
    with running(tmp_path, "server", "--config", str(config)) as server:
        refused = run("server", "--config", str(config))
        assert refused.returncode == 2
        assert "another menjin server uses" in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
        token = token_of(config)
        with closing(sqlite3.connect(tmp_path / "state" / "menjin.db", isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            outcome: list[object] = []

            def ask() -> None:
                try:
                    outcome.append(
                        call(server, token, "/api/v1/customers", {"code": "C", "kind": "individual", "name": "n"})
                    )
                except (urllib.error.HTTPError, OSError) as error:
                    outcome.append(error)
                    if isinstance(error, urllib.error.HTTPError):
                        error.close()

            asking = threading.Thread(target=ask)
            asking.start()
            assert server.stop() == 0
            asking.join(20)
            assert len(outcome) == 1
            assert not isinstance(outcome[0], dict), "nothing was promised that is not stored"
        assert os.stat(tmp_path / "state" / "menjin.db").st_mode & 0o077 == 0
