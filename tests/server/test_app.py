"""What the start of the server makes and refuses."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from controller.site_checks import SiteError
from server import app as server_app
from server.app import create_app, open_context
from server.config import Config
from server.context import Context, Service
from server.db.clock import FixedClock
from server.operators.models import Operator
from server.operators.password_changes import FIRST_SIGN_IN_FILE
from server.operators.passwords import verify_password
from tests.server.conftest import ON_SQLITE


@ON_SQLITE
@pytest.mark.parametrize(
    ("text", "error"),
    [(b"\xff", "cannot be read"), (b"id = ", "site.toml: "), (b'id = "x"\ncolour = 1', "site.toml: ")],
)
def test_a_site_file_that_cannot_be_used_is_named(config: Config, clock: FixedClock, text: bytes, error: str) -> None:
    config.site_file.write_bytes(text)
    with pytest.raises(SiteError, match=error):
        open_context(config, clock)


@ON_SQLITE
@pytest.mark.postgresql
def test_processes_that_start_at_once_make_one_administrator_whose_password_is_in_the_file(
    config: Config, clock: FixedClock, new_postgresql_url: Callable[[], str], database_kind: str
) -> None:
    if database_kind == "sqlite":
        starts = [config] * 3
    else:
        starts = [config.model_copy(update={"database_url": new_postgresql_url()})] * 3
    server_app.ensure_keys(config.dir, "demo", 0)
    contexts: list[Context] = []
    errors: list[BaseException] = []

    def start(chosen: Config) -> None:
        try:
            contexts.append(open_context(chosen, clock))
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=start, args=(chosen,)) for chosen in starts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    with contexts[0].database.read() as session:
        operators = session.exec(select(Operator)).all()
    for context in contexts:
        context.close()
    assert [operator.username for operator in operators] == ["admin"]
    secret = (config.dir / FIRST_SIGN_IN_FILE).read_text("utf-8").split("password:")[1].strip()
    assert verify_password(secret, operators[0].password_hash)


class Recorder:
    """A service that writes down what is asked of it."""

    def __init__(self, name: str, log: list[str], fails: bool = False) -> None:
        self.name = name
        self.alive = True
        self._log = log
        self._fails = fails

    def start(self) -> None:
        self._log.append(f"start {self.name}")
        if self._fails:
            raise RuntimeError("cannot start")

    def stop(self) -> None:
        self._log.append(f"stop {self.name}")
        raise RuntimeError("cannot stop well")


def with_services(monkeypatch: pytest.MonkeyPatch, config: Config, clock: FixedClock, made: list[Service]) -> FastAPI:
    monkeypatch.setattr(server_app, "services", lambda _context: made)
    return create_app(config, clock=clock)


@ON_SQLITE
def test_services_start_in_order_and_stop_in_reverse_though_one_fails_to(
    config: Config, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []
    app = with_services(monkeypatch, config, clock, [Recorder("a", log), Recorder("b", log)])
    with TestClient(app):
        assert log == ["start a", "start b"]
    assert log == ["start a", "start b", "stop b", "stop a"]


@ON_SQLITE
def test_a_service_that_cannot_start_stops_the_server_and_those_before_it(
    config: Config, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []
    app = with_services(monkeypatch, config, clock, [Recorder("a", log), Recorder("b", log, fails=True)])
    with pytest.raises(RuntimeError, match="cannot start"), TestClient(app):
        pass
    assert log == ["start a", "start b", "stop b", "stop a"]


@ON_SQLITE
def test_the_first_sign_in_file_is_written_anew_if_the_start_failed_before_its_commit(
    config: Config, clock: FixedClock
) -> None:
    stale: Path = config.dir / FIRST_SIGN_IN_FILE
    stale.write_text("stale")
    context = open_context(config, clock)
    assert "password:" in stale.read_text("utf-8")
    context.database.close()


@ON_SQLITE
def test_applications_share_their_routes(config: Config, clock: FixedClock) -> None:
    """Nothing is built anew within the first request: 300 routes took it a quarter of a second."""
    first, second = (create_app(config, clock=clock, run_services=False) for _ in range(2))
    assert [id(route) for route in first.routes] == [id(route) for route in second.routes]
    assert len(first.routes) > 200
    for one in (first, second):
        one.state.context.close()


@ON_SQLITE
def test_whoever_commits_events_hints_to_the_live_pages(app: FastAPI) -> None:
    assert app.state.context.ledger_grew == app.state.live.hint
