"""Debian's Chromium under Playwright, for every test that looks at a page."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
AS_A_PERSON_MS = 50
"""How long a key is held: what follows within 35 ms is a scanner's to the page (``scan.js``), and no shortcut."""


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
