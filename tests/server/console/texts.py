"""Every text of the console, as found in its templates, scripts and vocabulary.

``python -m tests.server.console.texts`` prints what the catalogue lacks, ready to be translated, and what it holds in vain.
"""

from pathlib import Path

from babel.messages.extract import extract_from_dir

CONSOLE = Path(__file__).parents[3] / "server" / "console"
METHODS = [
    ("templates/**.html", "jinja2.ext:babel_extract"),
    ("static/*.js", "javascript"),
    ("**.py", "python"),
]
OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}}


def used_texts() -> set[str]:
    """All English texts that are shown."""
    found = extract_from_dir(CONSOLE, METHODS, OPTIONS, keywords={"_": None, "N_": None})
    return {message for _, _, message, _, _ in found if isinstance(message, str)}


if __name__ == "__main__":
    from server.console.language import catalogue

    for text in sorted(used_texts() - set(catalogue())):
        print(f"msgid {text!r}")  # noqa: T201
    for text in sorted(set(catalogue()) - used_texts()):
        print(f"# not used: {text!r}")  # noqa: T201
