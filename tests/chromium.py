"""Debian's Chromium under Playwright, for every test that looks at a page."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
AS_A_PERSON_MS = 70
"""How long a key is held: what follows within 35 ms is a scanner's to the page (``scan.js``), and neither is a shortcut."""

_AS_A_SCANNER = """([text, suffix]) => {
  const field = document.activeElement;
  let at = performance.now();
  for (const key of [...text].flatMap((one) => (one === one.toLowerCase() ? [one] : ["Shift", one])).concat(suffix)) {
    const typed = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    Object.defineProperty(typed, "timeStamp", { value: (at += 1) });
    const free = field.dispatchEvent(typed);
    if (!free || key.length > 1) continue;
    if ("selectionStart" in field) field.value += key;
    for (const one of field.options ?? []) if (one.text.toLowerCase().startsWith(key.toLowerCase())) one.selected = true;
  }
}"""


@contextmanager
def launched(*flags: str) -> Iterator[Browser]:
    """A browser, closed at the end. Without Chromium the test fails and says what to install.

    While it is open an event loop runs in this thread, and ``asyncio.run`` refuses: no fixture that holds one may outlive its module or package.
    """
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is not there: apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        yield browser
        browser.close()


def scan(page: Page, text: str, suffix: str = "Enter") -> None:
    """As a USB scanner types where the focus is: a key each millisecond, Shift before each capital. The times are given: a loaded machine does not make it slower."""
    page.evaluate(_AS_A_SCANNER, [text, suffix])
