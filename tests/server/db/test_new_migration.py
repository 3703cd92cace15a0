"""Writing migrations: the initial one is made anew beside the hand-written ones that follow it."""

import shutil
from pathlib import Path

import pytest

from server.db.migrate import MIGRATIONS
from server.db.new_migration import write_migration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations."""
    copied = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, copied, ignore=shutil.ignore_patterns("__pycache__"))
    return copied


def test_the_initial_migration_is_made_anew_beside_later_ones(folder: Path) -> None:
    initial = folder / "versions" / "0001_initial.py"
    initial.unlink()
    assert write_migration("initial", folder) == initial
    text = initial.read_text("utf-8")
    assert 'revision = "0001"' in text.replace("'", '"')
    assert "down_revision = None" in text
    assert "op.create_table" in text
    assert "registry_change" in text
    later = write_migration("something more", folder)
    assert later.name == "0003_something_more.py"
    assert "0002" in later.read_text("utf-8")
    assert "table" not in later.read_text("utf-8").partition("def upgrade")[2], "the models agree with the migrations"


def test_an_initial_migration_is_not_overwritten(folder: Path) -> None:
    with pytest.raises(FileExistsError, match="delete it first"):
        write_migration("initial", folder)
