"""0005 copies tables on SQLite: nobody is signed out by it, and no file is lost."""

from pathlib import Path

from alembic import command
from sqlalchemy import text

from server.db.engine import Database
from server.db.migrate import alembic_config, migrate

ROWS = (
    "INSERT INTO operator (id, public_id, username, name, role, password_hash, password_changed_at, must_change, disabled, created_at)"
    " VALUES (1, 'opr_1', 'wu', 'Wu', 'guard', 'x', '2026-03-02 08:00:00', 0, 0, '2026-03-02 08:00:00')",
    "INSERT INTO operator_session (public_id, token_hash, operator_id, created_at, expires_at, address, user_agent)"
    " VALUES ('ses_1', 'h', 1, '2026-03-02 08:00:00', '2026-03-03 08:00:00', '', '')",
    "INSERT INTO holder (id, kind) VALUES (1, 'visitor')",
    "INSERT INTO application (id, public_id, holder_id, kind, status, purpose, decision_note, created_by, created_at, version)"
    " VALUES (1, 'apl_1', 1, 'new', 'open', 'x', '', 'x', '2026-03-02 08:00:00', 1)",
    "INSERT INTO attachment (public_id, application_id, part, media_type, size, sha256, key_id, created_by, created_at)"
    " VALUES ('att_1', 1, 'photo', 'image/jpeg', 1, x'00', 'ek_1', 'x', '2026-03-02 08:00:00')",
)


def test_sessions_and_files_of_before_are_there_and_the_heads_have_roles(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/before.db"
    database = Database(url)
    with database.engine.connect() as connection:
        command.upgrade(alembic_config(connection), "0004")
        for statement in ROWS:
            connection.execute(text(statement))
        connection.commit()
    database.close()
    migrate(url)
    database = Database(url)
    with database.write() as session:
        connection = session.connection()
        assert connection.scalar(text("SELECT public_id FROM operator_session WHERE operator_id = 1")) == "ses_1"
        assert connection.scalar(text("SELECT application_id FROM attachment WHERE public_id = 'att_1'")) == 1
        connection.execute(text("UPDATE operator SET role = 'it_head' WHERE id = 1"))
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    database.close()
