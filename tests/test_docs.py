"""What the pages point at exists: files, headings, menjin's commands, make's targets."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from menjin import COMMANDS
from server.console.language import catalogue
from server.console.rendering import TEMPLATES
from server.console.sections import SECTIONS
from server.console.words import WORDS
from server.operators.permissions import ROLES, Role, allows
from sim.stack import menjin

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
INSTALL = ROOT / "docs" / "install.md"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"\bmenjin ((?!menjin)[a-z]+(?![\w.-])[^`\n|&;)\"<]*)")
GROUPS = {"server", "edge", "sim", "keys", "registry", "roster"}
"""The commands whose next word is a command as well."""
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.M | re.S)
HELP_S = 60.0


def relative_links(page: Path) -> list[str]:
    found = LINK.findall(FENCE.sub("", page.read_text("utf-8")))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """The headings as the usual renderers name them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text("utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def help_of(*words: str) -> str | None:
    """The help of a subcommand; None when there is none of that name."""
    done = subprocess.run(
        menjin(*words, "--help"),
        capture_output=True,
        text=True,
        timeout=HELP_S,
        check=False,
        env={"COLUMNS": "200", "TERM": "dumb", "PATH": ""},
    )
    return done.stdout if done.returncode == 0 else None


def code_of(page: Path) -> str:
    """What stands on a page as code."""
    return "\n".join(CODE.findall(page.read_text("utf-8"))).replace("\\\n", " ")


def commands(text: str) -> set[tuple[tuple[str, ...], frozenset[str]]]:
    """(subcommand words, its options) of each ``menjin …`` in a text."""
    found = set()
    for line in COMMAND.findall(text):
        words = re.split(r"[^\x21-\x7e]+", line.strip())
        head = [words[0]]
        if len(words) > 1 and words[0] in GROUPS and re.fullmatch(r"[a-z][a-z-]*", words[1]):
            head.append(words[1])
        options = frozenset(word.partition("=")[0].rstrip(",.:") for word in words if re.match(r"--[a-z]", word))
        found.add((tuple(head), options))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_picture_of_a_page_is_there(page: Path) -> None:
    for link in relative_links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name} points to {link}"
        assert target.is_relative_to(ROOT), f"{page.name} points out of the project: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name}: no heading {link}"


def check_commands(where: str, text: str) -> None:
    for words, options in commands(text):
        shown = help_of(*words) if words[0] in COMMANDS else None
        assert shown is not None, f"{where}: menjin {' '.join(words)} is no command"
        for option in options:
            assert option in shown, f"{where}: menjin {' '.join(words)} has no {option}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands(code_of(page))], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_command_of_a_page_is_one(page: Path) -> None:
    check_commands(page.name, code_of(page))


def test_every_command_that_the_console_names_is_one() -> None:
    shown = [*catalogue(), *catalogue().values(), *(page.read_text("utf-8") for page in TEMPLATES.glob("*.html"))]
    named = "\n".join(text.replace("{desk}", "--desk ") for text in shown)
    assert ("edge", "enrol") in {words for words, _ in commands(named)}
    check_commands("the console", named)


def test_every_make_target_of_a_page_is_one() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for page in PAGES:
        named = set(re.findall(r"`make ([a-z]+)", page.read_text("utf-8")))
        assert named <= targets, f"{page.name}: make {', '.join(named - targets)}"


def test_every_file_of_the_project_that_the_guide_names_is_there() -> None:
    named = set(re.findall(r"\b((?:deploy|tests|docs)/[\w./-]*\w)", INSTALL.read_text("utf-8")))
    assert len(named) > 5
    for name in named:
        assert (ROOT / name).exists(), f"install.md names {name}"


def sections_by_role() -> list[str]:
    """The table of docs/console.md: a row for each section, a column for each role that opens the console."""
    roles: list[Role] = [role for role in ROLES if role != "kiosk"]

    def cell(section_tabs: list[tuple[str, bool]]) -> str:
        seen = [code for code, may in section_tabs if may]
        if len(seen) in (0, len(section_tabs)):
            return "all" if seen else "–"
        return ", ".join(WORDS["tab"][code].lower() for code in seen)

    lines = [
        f"| section | {' | '.join(WORDS['role'][role].lower() for role in roles)} |",
        f"|---|{'---|' * len(roles)}",
    ]
    for section in SECTIONS:
        cells = [
            cell([(tab.code, any(allows(role, one) for one in tab.wanted)) for tab in section.tabs]) for role in roles
        ]
        lines.append(f"| {WORDS['section'][section.code]} | {' | '.join(cells)} |")
    return lines


def test_the_page_of_the_console_says_who_sees_what() -> None:
    text = (ROOT / "docs" / "console.md").read_text("utf-8")
    assert "\n".join(sections_by_role()) in text, "write there:\n" + "\n".join(sections_by_role())


def test_the_page_of_the_console_names_every_page_of_the_rail() -> None:
    text = (ROOT / "docs" / "console.md").read_text("utf-8").replace("…/", "/equipment/")
    named = set(re.findall(r"`(/[\w/-]*)", text))
    missing = {tab.path for section in SECTIONS for tab in section.tabs if not tab.path.startswith("/system/")} - named
    assert not missing
    for section in SECTIONS:
        assert re.search(rf"`{section.key}` {WORDS['section'][section.code].lower()}", text), section.code
