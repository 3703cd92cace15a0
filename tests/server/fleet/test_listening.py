"""PostgreSQL wakes the fleet at the commit of a change; SQLite is polled."""

import threading

import pytest
from sqlalchemy import text

from server.db.engine import Database
from server.fleet.listening import ChangeListener
from server.registry.models import Customer
from tests.server.conftest import ON_SQLITE
from tests.server.waiting import LIMIT_S


@pytest.mark.parametrize("database_kind", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_a_commit_wakes_and_a_lost_connection_is_made_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.fleet.listening.PAUSE_S", 0.05)
    wakes = threading.Semaphore(0)
    listener = ChangeListener(database, wakes.release)
    listener.start()
    try:
        for code in ("C1", "C2"):
            assert wakes.acquire(timeout=LIMIT_S), "what was committed before, once a connection listens"
            assert listener.listens.is_set()
            with database.write() as session:
                session.add(Customer(code=code, kind="individual", name="n"))
                session.flush()
                assert not wakes.acquire(timeout=0.2), "nobody is woken before the commit"
            assert wakes.acquire(timeout=LIMIT_S)
            with database.write() as session:
                session.connection().execute(
                    text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'")
                )
    finally:
        listener.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "registry-listen"]


@ON_SQLITE
def test_on_sqlite_nothing_listens(database: Database) -> None:
    listener = ChangeListener(database, lambda: None)
    listener.start()
    assert not listener.listens.is_set()
    listener.stop()
