"""The pictures of docs/console.md, docs/visits.md and docs/equipment.md, of a real and lively demo: ``python -m tests.server.console.screenshots [FOLDER]``."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from sim.stack import menjin

ROOT = Path(__file__).parents[3]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PASSWORD = "Lantern-Quay-27-otter"
CONFIRM_S = 3.2
"""After the prompt a second tap goes alone (MEANINGS 9)."""
TO_THE_LOBBY = ("b-zhao", "b-li", "b-chen", "b-guo")


class Hall:
    """The simulated hall over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, path: str, **body: Any) -> Any:
        """One call of the hall's interface."""
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=15) as answer:
            return json.load(answer)

    def enter(self, card: str, reader: str) -> None:
        """Lay a card down and, where the door unlocks, go through."""
        answer = self.post("/present", card=card, reader=reader, hold_s=0.3)
        if answer["unlocked"]:
            door = reader.rpartition("-")[0] + "-door"
            self.post("/pass", door=door, people=1, out=reader.endswith("-out"), tailgate=0)


def play(hall: Hall) -> None:
    """Something of everything: a pair, refusals, somebody who stays alone, a button, a forced door, a reader that fell out."""
    for card in TO_THE_LOBBY:
        hall.enter(card, "lobby-in")
    hall.post("/present", card="b-li", reader="hall-in", hold_s=0.3)
    hall.post("/present", card="b-guo", reader="hall-in", hold_s=0.3)
    hall.post("/pass", door="hall-door", people=2, out=False, tailgate=0)
    hall.enter("b-li", "cage-in")
    hall.post("/rex", door="lobby-door")
    hall.post("/pass", door="lobby-door", people=1, out=True, tailgate=0)
    hall.enter("unknown", "hall-in")
    hall.enter("b-zhao", "hall-in")
    hall.enter("b-guo", "hall-out")
    time.sleep(CONFIRM_S)
    hall.enter("b-guo", "hall-out")
    hall.post("/door", door="goods-door", act="force")
    hall.post("/device", device="goods-in", act="unplug")
    hall.enter("b-chen", "hall-in")


def sign_in(page: Page, url: str, password: str) -> str:
    """Through the sign-in and the change of the one-time password, to the live page. Returns the password now."""
    page.goto(url + "/")
    page.fill("#username", "admin")
    page.fill("#password", password)
    page.click(".act.main")
    if "/password" in page.url:
        page.fill("#current", password)
        page.fill("#new", PASSWORD)
        page.fill("#again", PASSWORD)
        page.click(".act.main")
        password = PASSWORD
    page.wait_for_selector('body[data-link="up"]')
    return password


def shoot(browser: Browser, url: str, password: str, folder: Path) -> str:
    """All pictures."""
    for name, locale, scheme, size in (
        ("console-live-zh-light", "zh-CN", "light", (1280, 800)),
        ("console-live-en-dark", "en-US", "dark", (1280, 800)),
        ("console-live-zh-phone", "zh-CN", "light", (390, 844)),
    ):
        context = browser.new_context(
            locale=locale,
            color_scheme=scheme,
            viewport={"width": size[0], "height": size[1]},  # type: ignore[arg-type]
        )
        page = context.new_page()
        password = sign_in(page, url, password)
        page.wait_for_selector("#alarms .alarm")
        page.wait_for_timeout(1_000)
        page.screenshot(path=folder / f"{name}.png")
        if name == "console-live-zh-light":
            page.locator(".panel.edges").screenshot(path=folder / "console-edges-zh-light.png")
        context.close()
    return password


def main(folder: Path) -> None:
    """Start the demo, play, take the pictures, end the demo."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="menjin-pictures-") as directory:
        demo = subprocess.Popen(menjin("demo", "--dir", directory), stderr=subprocess.PIPE, text=True)
        try:
            told = ""
            assert demo.stderr is not None
            for line in demo.stderr:
                told += line
                if "logs" in line:
                    break
            console, hall = re.findall(r"http://127\.0\.0\.1:\d+", told)[:2]
            secret = re.search(r"password:\s+(\S+)", told)
            assert secret is not None, told
            play(Hall(hall))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                shoot(browser, console, secret[1], folder)
                browser.close()
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(30)


if __name__ == "__main__":
    from tests.server.console import record_screenshots

    record_screenshots.main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures")
