"""One of several processes does the work that only one may do."""

import pytest
from sqlalchemy import text

from server.db.engine import Database
from server.fleet.election import Election
from tests.server.conftest import ON_SQLITE
from tests.server.waiting import until


@ON_SQLITE
def test_on_sqlite_the_one_process_leads(database: Database) -> None:
    assert Election(database).lead()


@pytest.mark.parametrize("database_kind", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_one_leads_and_another_takes_over_when_it_gives_up_or_loses_its_connection(database: Database) -> None:
    first, second = Election(database), Election(database)
    assert [first.lead(), second.lead(), first.lead()] == [True, False, True]
    first.resign()
    assert until(second.lead), "PostgreSQL frees the lock soon after the connection ends, not before"
    assert not first.lead()
    with database.write() as session:
        session.connection().execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )
        )
    assert not second.lead(), "who lost its connection knows it"
    assert until(first.lead)
    first.resign()
    second.resign()
