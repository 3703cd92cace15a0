"""Write a migration from the difference between the models and the newest schema.

    python -m server.db.new_migration "what changes"

Migrations go forward only: one that was committed is never changed. Alembic sees neither triggers nor changed CHECKs: what it cannot see
is written by hand. Where SQLite must copy a table to change it (``batch_alter_table``), its triggers are lost: the tables of
``0002`` need ``install_triggers`` again.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command

from server.db.engine import Database
from server.db.migrate import MIGRATIONS, alembic_config


def write_migration(message: str, folder: Path = MIGRATIONS) -> Path:
    """The new file's path."""
    newest = max((int(path.name[:4]) for path in (folder / "versions").glob("0*.py")), default=0)
    return _write(folder, message, f"{newest + 1:04d}")


def _write(folder: Path, message: str, number: str) -> Path:
    with tempfile.TemporaryDirectory() as empty:
        database = Database(f"sqlite:///{empty}/empty.db")
        try:
            with database.engine.connect() as connection:
                config = alembic_config(connection)
                config.set_main_option("script_location", str(folder).replace("%", "%%"))
                config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
                command.upgrade(config, "head")
                connection.commit()
                script = command.revision(config, message=message, autogenerate=True, rev_id=number)
        finally:
            database.close()
    assert script is not None
    assert not isinstance(script, list)
    return Path(script.path)


if __name__ == "__main__":
    sys.stdout.write(f"{write_migration(' '.join(sys.argv[1:]) or 'change')}\n")
