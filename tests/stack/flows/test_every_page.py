"""Every page of the console: it answers, complains of nothing, fits its window, is accessible in both themes, and is translated."""

import datetime as dt
import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from sim.operators import Operators
from sim.waiting import until
from tests.server.console.every_page import PAGES, ShownPage
from tests.server.console.played_papers import Papers, Places
from tests.stack.flows.console import Console, settled
from tests.stack.open_site import READY_S

HERE = [page for page in PAGES if not page.played]
LOOKS = {"dark": ("tag", "wcag2a", "wcag2aa", "wcag21a", "wcag21aa"), "light": ("rule", "color-contrast")}
"""Theme, and what axe looks for: nothing but contrast can differ the second time. In English, which is longer."""
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
WIDER = "document.scrollingElement.scrollWidth - innerWidth"
AXE_SCRIPT = Axe().axe_script
AXE = """async ([type, ...values]) => {
  const found = await axe.run(document, { runOnly: { type, values }, resultTypes: ["violations"] });
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 200)}`));
}"""
CHINESE = """async () => {
  const answer = await fetch(location.href, { headers: { "Accept": "text/html", "Accept-Language": "zh-CN" } });
  const main = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  const texts = [], walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const at = walker.currentNode.parentElement;
    if (!at.closest("svg, script, style, template, noscript, code, [lang=en]")) texts.push(walker.currentNode.data.trim());
  }
  return texts.filter(Boolean);
}"""
"""The texts of the page as it comes to somebody who reads Chinese."""
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


@pytest.mark.timeout(900)
@pytest.mark.parametrize("who", ["guard", "supervisor", "nobody", "kiosk"])
def test_every_page_answers_fits_its_window_and_is_accessible_and_translated(
    console: Console, places: Places, who: str
) -> None:
    options: Any = {"color_scheme": "dark", "reduced_motion": "reduce"}
    if who == "kiosk":
        page = console.kiosk(**options)
    else:
        page = console.strange_page(**options) if who == "nobody" else console.page(who, **options)
    # The administrator's pages as the supervisor sees them: a new site has but one administrator.
    shown = [one for one in HERE if who == ("supervisor" if one.who == "administrator" else one.who)]
    assert shown
    wrong = [f"{one.name}: {fault}" for one in shown for fault in faults(console, page, one, places)]
    assert wrong == []


def faults(console: Console, page: Page, shown: ShownPage, places: Places) -> list[str]:
    """What is wrong with one page."""
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="dark")
    answer = page.goto(console.url + shown.path.format(**places))
    assert answer is not None
    if page.locator("#live-chip, body.live").count():
        settled(page)
    shown.before(page, places)
    found = [] if answer.status == shown.status else [f"answered {answer.status}"]
    if not page.title() or not page.locator("h1").first.inner_text().strip():
        found.append("no title or no heading")
    page.evaluate(AXE_SCRIPT)
    for theme, rules in LOOKS.items():
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        found += [f"{theme}: {one}" for one in page.evaluate(AXE, list(rules))]
    for size in (DESK, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        assert until(lambda: page.evaluate("innerWidth") == size["width"], READY_S)  # noqa: B023 - called here
        over = page.evaluate(WIDER)
        if over > 0:
            found.append(f"{over} px wider than {size['width']}")
    texts = page.evaluate(CHINESE)
    return found + [text for text in texts if SENTENCE.search(GIVEN.sub("", text)) and not HAN.search(text)]
