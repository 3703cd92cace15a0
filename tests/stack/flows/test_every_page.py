"""Every page of the console, once in English and dark and once in Chinese and light: it answers, complains of nothing, fits its window, is accessible and is translated."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_PATH
from playwright.sync_api import Page, Response

from tests.server.console.every_page import PAGES, ShownPage
from tests.server.console.played_papers import Papers, Places
from tests.stack.flows.console import Console

HERE = [page for page in PAGES if not page.played]
LOOKS = (("en-GB", "dark", "wcag"), ("zh-CN", "light", "color-contrast"))
"""Language, theme, and what axe looks for: only contrast can differ the second time."""
SIZES = ((1280, 800), (390, 844))
WIDER = "document.scrollingElement.scrollWidth - innerWidth"
UNTRANSLATED = re.compile(r"[A-Za-z]{3,} [a-z]{3,}")
AXE = """async (rules) => {
  const only = rules === "wcag" ? { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] } : { type: "rule", values: [rules] };
  const found = await axe.run(document, { runOnly: only, resultTypes: ["violations"] });
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 200)}`));
}"""
