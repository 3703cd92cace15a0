"""Write a migration from the difference between the models and the newest schema.

    python -m server.db.new_migration "what changes"

Until the first release ``versions/0001_initial.py`` makes all tables and is made anew, whatever stands beside it:
delete it and run this with "initial".
"""

import shutil
import sys
import tempfile
from pathlib import Path

from alembic import command

from server.db.engine import Database
from server.db.migrate import MIGRATIONS, alembic_config

INITIAL = "initial"


def write_migration(message: str, folder: Path = MIGRATIONS) -> Path:
    """The new file's path. Raises :class:`FileExistsError` when there is an initial migration already."""
    versions = folder / "versions"
    if message == INITIAL:
        target = versions / "0001_initial.py"
        if target.exists():
            raise FileExistsError(f"{target}: is there already; delete it first, it will be made anew")
        with tempfile.TemporaryDirectory() as alone:
            scripts = Path(alone) / "migrations"
            shutil.copytree(folder, scripts, ignore=shutil.ignore_patterns("0*.py", "__pycache__"))
            shutil.move(_write(scripts, INITIAL, "0001"), target)
        return target
    newest = max((int(path.name[:4]) for path in versions.glob("0*.py")), default=0)
    return _write(folder, message, f"{newest + 1:04d}")


def _write(folder: Path, message: str, number: str) -> Path:
    (folder / "versions").mkdir(exist_ok=True)
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
    try:
        sys.stdout.write(f"{write_migration(' '.join(sys.argv[1:]) or 'change')}\n")
    except FileExistsError as error:
        sys.exit(str(error))
