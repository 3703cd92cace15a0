"""Two holders of a recovery secret at the same moment (D3)."""

import threading
from typing import Any

from fastapi import FastAPI
from sqlmodel import Session, select, text

from server.operators import recovery
from server.operators.actor import SYSTEM
from server.operators.recovery_models import Half, RecoverySecret
from server.problems import Problem
from tests.server.browser import context_of_app
from tests.server.conftest import ON_POSTGRESQL
from tests.server.waiting import until

HOLDERS = (recovery.Holder("何财务", "finance"), recovery.Holder("林行政", "administration"))


class Meanwhile:
    """Somebody else's transaction, which has begun before one's own ends."""

    def __init__(self, app: FastAPI, act: Any) -> None:
        self.outcome: object = None
        self._app, self._act = app, act
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def wait(self) -> object:
        """What became of it."""
        self._thread.join(30)
        return self.outcome

    def waits_or_is_done(self) -> bool:
        """Whether it goes no further until one's own transaction ends."""
        with context_of_app(self._app).database.read() as session:
            waiting = text(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            locked = session.connection().execute(waiting).scalar()
        return bool(locked) or not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with context_of_app(self._app).database.write() as session:
                self.outcome = self._act(session)
        except Problem as problem:
            self.outcome = problem.code


def begun(app: FastAPI) -> str:
    """A secret that waits for its holders."""
    with context_of_app(app).database.write() as session:
        return recovery.make(session, SYSTEM, now(app), HOLDERS, "first secret").public_id


def now(app: FastAPI) -> Any:
    return context_of_app(app).clock.now()


def shown(app: FastAPI, session: Session, secret: str, half: Half) -> str:
    return recovery.show_half(session, SYSTEM, now(app), recovery.find_secret(session, secret), half)


def back(app: FastAPI, session: Session, secret: str, half: Half, written: str) -> None:
    recovery.read_back(session, SYSTEM, now(app), recovery.find_secret(session, secret), half, written)


@ON_POSTGRESQL
def test_two_holders_who_read_back_at_once_put_the_secret_in_force(app: FastAPI) -> None:
    database, secret = context_of_app(app).database, begun(app)
    with database.write() as session:
        a, b = shown(app, session, secret, "a"), shown(app, session, secret, "b")
    with database.write() as session:
        back(app, session, secret, "a", a)
        other = Meanwhile(app, lambda own: back(app, own, secret, "b", b))
        assert until(other.waits_or_is_done)
    assert other.wait() is None
    with database.read() as session:
        assert session.exec(select(RecoverySecret)).one().in_force_at is not None


@ON_POSTGRESQL
def test_a_half_that_two_screens_ask_for_at_once_is_shown_on_one(app: FastAPI) -> None:
    database, secret = context_of_app(app).database, begun(app)
    with database.write() as session:
        half = shown(app, session, secret, "a")
        other = Meanwhile(app, lambda own: shown(app, own, secret, "a"))
        assert until(other.waits_or_is_done)
    assert other.wait() == "half_shown"
    with database.write() as session:
        back(app, session, secret, "a", half)


@ON_POSTGRESQL
def test_a_secret_that_is_begun_anew_while_its_last_half_is_read_back_is_not_in_force(app: FastAPI) -> None:
    database, secret = context_of_app(app).database, begun(app)
    with database.write() as session:
        a, b = shown(app, session, secret, "a"), shown(app, session, secret, "b")
        back(app, session, secret, "a", a)
    with database.write() as session:
        recovery.make(session, SYSTEM, now(app), HOLDERS, "a sheet was lost")
        other = Meanwhile(app, lambda own: back(app, own, secret, "b", b))
        assert until(other.waits_or_is_done)
    assert other.wait() == "secret_over"
    with database.read() as session:
        assert recovery.in_force(session) is None
