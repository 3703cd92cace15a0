"""Transactions and datetimes, alike on both databases."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, StatementError
from sqlmodel import Session, select

from server.db.clock import FixedClock, from_us, to_us
from server.db.engine import Database, DatabaseError
from server.operators.models import SignInFailure

AT = datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=UTC)


def _write_one(session: Session) -> None:
    session.add(SignInFailure(username="a", address="", at=AT))


def _count(database: Database) -> int:
    with database.read() as session:
        return len(session.exec(select(SignInFailure.id)).all())


def test_a_datetime_comes_back_aware_and_to_the_microsecond(database: Database) -> None:
    shanghai = AT.astimezone(timezone(timedelta(hours=8)))
    with database.write() as session:
        session.add(SignInFailure(username="a", address="", at=shanghai))
    with database.read() as session:
        found = session.exec(select(SignInFailure.at)).one()
        assert (found, found.utcoffset()) == (AT, timedelta(0))
        assert session.exec(select(SignInFailure.id).where(SignInFailure.at > AT)).first() is None
        assert session.exec(select(SignInFailure.id).where(SignInFailure.at >= AT)).first() is not None


def test_a_naive_datetime_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="timezone"), database.write() as session:
        session.add(SignInFailure(username="a", address="", at=AT.replace(tzinfo=None)))


def test_writing_in_a_reading_transaction_is_an_error(database: Database) -> None:
    with database.read() as session, pytest.raises(DBAPIError, match=r"readonly|read-only"):
        session.connection().execute(text("DELETE FROM sign_in_failure"))
    with database.write() as session:
        session.connection().execute(text("DELETE FROM sign_in_failure"))


def test_a_failed_write_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            _write_one(session)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert _count(database) == 0


def test_concurrent_writers_wait_for_each_other(database: Database) -> None:
    def change() -> None:
        for _ in range(5):
            with database.write() as session:
                _write_one(session)

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert _count(database) == 20


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    with database.write() as writing:
        _write_one(writing)
        writing.flush()
        assert _count(database) == 0
    assert _count(database) == 1


def test_a_connection_in_use_when_the_database_closes_is_closed_when_it_is_given_back(database: Database) -> None:
    with database.read() as session:
        held = session.connection().connection.driver_connection
        database.close()
        assert session.exec(text("SELECT 1")).one()[0] == 1  # type: ignore[call-overload]
    with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
        held.execute("SELECT 1")  # type: ignore[union-attr]
    assert _count(database) == 0, "whoever asks later has a new one"
    assert _count(database) == 0


def test_a_connection_that_is_being_made_when_the_database_closes_is_closed_when_it_is_given_back(
    database: Database,
) -> None:
    asked = database.engine.pool

    def close(*_: object) -> None:
        if database.engine.pool is asked:
            database.close()

    event.listen(asked, "connect", close, insert=True)
    with database.read() as session:
        held = session.connection().connection.driver_connection
    event.remove(asked, "connect", close)
    with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
        held.execute("SELECT 1")  # type: ignore[union-attr]
    assert _count(database) == 0


def test_foreign_keys_are_kept(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), database.write() as session:
        session.connection().execute(
            text("INSERT INTO customer_merge (kept_id, merged_id, at, by, reason) VALUES (98, 99, :at, '', '')"),
            {"at": AT},
        )


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://localhost/x"])
def test_an_unusable_url_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(DatabaseError, match="database_url: "):
        Database(url)


def test_microseconds_and_datetimes_convert_both_ways() -> None:
    assert from_us(to_us(AT)) == AT
    clock = FixedClock(AT)
    clock.advance(timedelta(microseconds=1))
    assert to_us(clock.now()) == to_us(AT) + 1
