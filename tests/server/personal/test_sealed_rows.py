"""Keys and database belong together, and a start with the wrong ones is noticed."""

import pytest
from structlog.testing import capture_logs

from server.app import open_context
from server.context import Context
from server.key_files import KeysError
from server.personal.cipher import PERSONAL_FILE
from server.personal.sealed_rows import holds_sealed_values, report_foreign_keys
from tests.server.personal.conftest import new_holder


def test_a_server_does_not_start_with_fresh_keys_on_a_database_that_needs_the_old_ones(context: Context) -> None:
    assert not holds_sealed_values(context.database)
    with context.database.write() as session:
        new_holder(session, context)
    assert holds_sealed_values(context.database)
    path = context.config.dir / PERSONAL_FILE
    path.rename(path.with_suffix(".away"))
    with pytest.raises(KeysError, match="is missing"):
        open_context(context.config, context.clock)
    assert not path.exists()
    path.with_suffix(".away").rename(path)
    open_context(context.config, context.clock).close()


def test_keys_of_another_server_are_reported(context: Context) -> None:
    assert not report_foreign_keys(context.database, context.personal)
    with context.database.write() as session:
        new_holder(session, context)
    assert not report_foreign_keys(context.database, context.personal)
    (context.config.dir / PERSONAL_FILE).write_text(f'index_key = "{"0" * 64}"\n[[keys]]\nid = 1\nkey = "{"1" * 64}"\n')
    with capture_logs() as logged:
        open_context(context.config, context.clock).close()
    assert [entry["event"] for entry in logged if entry["log_level"] == "error"] == [
        "personal.keys opens nothing of this database: bring the file that belongs to it"
    ]
