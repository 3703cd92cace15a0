"""One of several processes does the work that only one may do."""

import pytest
from sqlalchemy import text

from server.db.engine import Database
from server.db.leadership import LEADER_LOCK_ID, Leadership
from tests.server.conftest import ON_SQLITE


@ON_SQLITE
def test_on_sqlite_the_one_process_leads(database: Database) -> None:
    assert Leadership(database).held()


@pytest.mark.parametrize("database_kind", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_one_leads_and_another_takes_over_when_it_gives_up_or_loses_its_connection(database: Database) -> None:
    first, second = Leadership(database), Leadership(database)
    assert [first.held(), second.held(), first.held()] == [True, False, True]
    first.give_up()
    assert [second.held(), first.held()] == [True, False]
    with database.write() as session:
        session.connection().execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                " AND ((classid::bigint << 32) | objid::bigint) = :id"
            ),
            {"id": LEADER_LOCK_ID},
        )
    assert not second.held(), "who lost its connection knows it"
    assert first.held()
    first.give_up()
    second.give_up()
