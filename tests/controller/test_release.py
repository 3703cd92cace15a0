"""The version is said once."""

import re
from importlib.metadata import version
from pathlib import Path

from controller.release import SOFTWARE, VERSION


def test_the_package_the_records_and_the_changelog_name_one_version() -> None:
    changelog = Path(__file__).parents[2].joinpath("CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == VERSION == version("menjin")
    assert SOFTWARE.split() == ["menjin", VERSION]
