"""Write a migration from the difference between the models and the newest schema.

    python -m server.db.new_migration "what changes"

Until the first release there is one initial migration: delete ``versions/0001_initial.py`` and run this with "initial".
"""

import sys
import tempfile
from pathlib import Path

from alembic import command

from server.db.engine import Database
from server.db.migrate import MIGRATIONS, alembic_config


def write_migration(message: str) -> Path:
    """The new file's path."""
    number = len(list((MIGRATIONS / "versions").glob("0*.py"))) + 1
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.db")
        with database.engine.connect() as connection:
            config = alembic_config(connection)
            config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            command.upgrade(config, "head")
            connection.commit()
            script = command.revision(config, message=message, autogenerate=True, rev_id=f"{number:04d}")
        database.close()
    assert script is not None
    assert not isinstance(script, list)
    return Path(script.path)


if __name__ == "__main__":
    sys.stdout.write(f"{write_migration(' '.join(sys.argv[1:]) or 'change')}\n")
