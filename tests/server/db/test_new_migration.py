"""Writing migrations: the next number after the newest, and nothing in it while models and migrations agree."""

import shutil
from pathlib import Path

import pytest

from server.db.migrate import MIGRATIONS, newest_revision
from server.db.new_migration import write_migration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations."""
    copied = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, copied, ignore=shutil.ignore_patterns("__pycache__"))
    return copied


def test_a_new_migration_follows_the_newest(folder: Path) -> None:
    later = write_migration("something more", folder)
    assert later.name == f"{int(newest_revision()) + 1:04d}_something_more.py"
    text = later.read_text("utf-8")
    assert f'down_revision = "{newest_revision()}"' in text.replace("'", '"')
    assert "table" not in text.partition("def upgrade")[2], "the models agree with the migrations"
