"""Every page of the console, once in English and dark and once in Chinese and light: it answers, complains of nothing, fits its window, is accessible and is translated."""

import datetime as dt
import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from sim.operators import Operators
from tests.server.console.every_page import PAGES, ShownPage
from tests.server.console.played_papers import Papers, Places
from tests.stack.flows.console import Console

HERE = [page for page in PAGES if not page.played and page.who != "kiosk"]
LOOKS = (
    ("en-GB", "dark", ("tag", "wcag2a", "wcag2aa", "wcag21a", "wcag21aa")),
    ("zh-CN", "light", ("rule", "color-contrast")),
)
"""Language, theme, and what axe looks for: only contrast can differ the second time."""
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
WIDER = "document.scrollingElement.scrollWidth - innerWidth"
AXE = """async ([type, ...values]) => {
  const found = await axe.run(document, { runOnly: { type, values }, resultTypes: ["violations"] });
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 200)}`));
}"""
VISIBLE = """() => {
  const texts = [], walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const at = walker.currentNode.parentElement;
    if (!at.closest("svg, script, style, template, noscript, code, [lang=en]")) texts.push(walker.currentNode.data.trim());
  }
  return texts.filter(Boolean);
}"""
SENTENCE = re.compile(r"[A-Za-z]{3,} [a-z]{3,}")
HAN = re.compile(r"[\u4e00-\u9fff]")
GIVEN = re.compile(r"Sim [a-z_]+|routine maintenance|Mozilla.*|read failed.*|compared at the door")
"""English that people or machines wrote, not the console."""


@pytest.fixture(scope="module")
def places(running: Console) -> Places:
    """The papers, made once beside whatever else the site holds."""
    operators = Operators(running.stack)
    made = Papers(running.stack, operators, dt.datetime.now(dt.UTC)).make()
    operators.close()
    return made


@pytest.mark.parametrize(("locale", "theme", "rules"), LOOKS, ids=["english-dark", "chinese-light"])
def test_every_page_answers_fits_its_window_and_is_accessible_and_translated(
    console: Console, places: Places, locale: str, theme: Any, rules: tuple[str, ...]
) -> None:
    wrong: list[str] = []
    for who in ("guard", "supervisor", "nobody"):
        options = {"locale": locale, "color_scheme": theme, "reduced_motion": "reduce"}
        page = console.strange_page(**options) if who == "nobody" else console.page(who, **options)
        for shown in HERE:
            # The administrator's pages as the supervisor sees them: a new site has but one administrator.
            if who == ("supervisor" if shown.who == "administrator" else shown.who):
                wrong += [f"{shown.name} ({locale}): {one}" for one in faults(console, page, shown, places, rules)]
    assert wrong == []


def faults(console: Console, page: Page, shown: ShownPage, places: Places, rules: tuple[str, ...]) -> list[str]:
    """What is wrong with one page."""
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    answer = page.goto(console.url + shown.path.format(**places))
    assert answer is not None
    shown.before(page, places)
    found = [] if answer.status == shown.status else [f"answered {answer.status}"]
    if not page.title() or not page.locator("h1").first.inner_text().strip():
        found.append("no title or no heading")
    if rules[0] == "rule":
        found += [
            text for text in page.evaluate(VISIBLE) if SENTENCE.search(GIVEN.sub("", text)) and not HAN.search(text)
        ]
    page.evaluate(Axe().axe_script)
    found += page.evaluate(AXE, list(rules))
    for size in (DESK, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        over = page.evaluate(WIDER)
        if over > 0:
            found.append(f"{over} px wider than {size['width']}")
    return found
