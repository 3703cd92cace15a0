"""Generated documents: compared with what stands in the tree, or written with MENJIN_WRITE_DOCS=1."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def assert_current(path: str, text: str) -> None:
    """The tracked file says exactly this."""
    file = ROOT / path
    if os.environ.get("MENJIN_WRITE_DOCS"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text, (
        f"{path} is out of date: MENJIN_WRITE_DOCS=1 pytest tests/controller"
    )
