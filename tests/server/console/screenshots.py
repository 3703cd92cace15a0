"""Pictures of every page of the console, of a real demo: ``python -m tests.server.console.screenshots [FOLDER]`` (``make screenshots``).

Each page of :data:`~tests.server.console.every_page.PAGES` in both languages and both themes at a desk, in Chinese on a phone where somebody uses it there, and sheets of
nine to look through; into FOLDER, else ``build/screenshots``. Those that the docs show go to ``docs/pictures`` as well, in few colours. Says what is wider than its window.
"""

import datetime as dt
import io
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, Page

from sim.clients import HttpClient
from sim.demo import load_population
from sim.operators import Operators
from sim.population import Population
from sim.stack import Stack
from tests.chromium import launched
from tests.server.console.every_page import PAGES, ShownPage
from tests.server.console.played_doors import LONG, RULES, Played
from tests.server.console.played_papers import API, SERIALS, Papers, Places

ROOT = Path(__file__).parents[3]
PASSWORD = "Lantern-Quay-27-otter"
DESK, PHONE = (1280, 800), (390, 844)
LOCALES = {"zh": "zh-CN", "en": "en-GB"}
PEOPLE = {"guard": ("zhou-qiang", "周强"), "supervisor": ("lin-lan", "林岚")}
ADMINISTRATOR = "admin"
WIDER = "document.scrollingElement.scrollWidth - innerWidth"
COLOURS = 160
DOCS = {
    "console-live-zh-light": "live-zh-light", "console-live-en-dark": "live-en-dark", "console-live-zh-phone": "live-zh-phone",
    "approvals-zh-phone": "approvals-zh-phone", "badge-zh": "badge-zh-light", "customer-zh": "customer-zh-light",
    "equipment-slip-zh": "slip-out-zh-light", "handover-zh": "handover-zh-light", "inside-zh": "inside-zh-light",
    "kiosk-zh": "kiosk-expected-zh-light", "register-zh": "register-zh-light", "reports-zh": "reports-entries-zh-light",
    "system-zh": "system-administrator-zh-light", "visit-steps-zh": "visit-steps-zh-light", "visits-zh": "visits-zh-light",
}  # fmt: skip
"""Picture of the docs → ours. Those of parts of the live page are made by :func:`parts_of_live`."""


class Demo(NamedTuple):
    """What was played: the ids in paths, and who looks: by role the user name and the password."""

    places: Places
    accounts: dict[str, tuple[str, str]]


class Camera:
    """Takes pictures of one demo's pages into ``folder``; ``wide`` says which were wider than the window."""

    def __init__(self, browser: Browser, stack: Stack, demo: "Demo", folder: Path) -> None:
        self._browser, self._stack, self._folder = browser, stack, folder
        self._places, self._accounts = demo.places, demo.accounts
        self._states: dict[str, Any] = {}
        self.wide: list[str] = []

    def every_page(self, wanted: str = "") -> None:
        """All of them whose name begins with ``wanted``."""
        for short in LOCALES:
            contexts = {who: self.context(who, short) for who in {page.who for page in PAGES}}
            for shown in PAGES:
                if shown.name.startswith(wanted):
                    self._one(contexts[shown.who], shown, short)
            for context in contexts.values():
                context.close()

    def context(self, who: str, short: str) -> BrowserContext:
        """A browser of somebody who is signed in."""
        context = self._browser.new_context(
            locale=LOCALES[short], viewport={"width": DESK[0], "height": DESK[1]}, color_scheme="light", reduced_motion="reduce",
            storage_state=self._states.get(who),
        )  # fmt: skip
        if who != "nobody" and who not in self._states:
            with context.new_page() as page:
                self._kiosk(page) if who == "kiosk" else self._sign_in(page, who)
            self._states[who] = context.storage_state()
        return context

    def _sign_in(self, page: Page, who: str) -> None:
        username, secret = self._accounts[who]
        page.goto(f"{self._stack.server_url}/sign-in")
        page.fill("#username", username)
        page.fill("#password", secret)
        page.click(".act.main")
        if "/password" in page.url:
            for field, value in (("#current", secret), ("#new", PASSWORD), ("#again", PASSWORD)):
                page.fill(field, value)
            page.click(".act.main")
        page.wait_for_selector(".rail")

    def _kiosk(self, page: Page) -> None:
        token = self._stack.api.post(f"{API}/tokens", {"name": "大厅入口", "role": "kiosk"})["token"]
        page.goto(f"{self._stack.server_url}/kiosk/sign-in")
        page.fill("input[name=token]", token)
        page.keyboard.press("Enter")
        page.wait_for_selector("#main input")

    def _one(self, context: BrowserContext, shown: ShownPage, short: str) -> None:
        with context.new_page() as page:
            page.goto(self._stack.server_url + shown.path.format(**self._places))
            settled(page)
            shown.before(page, self._places)
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                self._take(page, f"{shown.name}-{short}-{theme}")
            if shown.phone and short == "zh":
                page.emulate_media(color_scheme="light", reduced_motion="reduce")
                page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
                page.reload()
                settled(page)
                shown.before(page, self._places)
                self._take(page, f"{shown.name}-{short}-phone")

    def _take(self, page: Page, name: str) -> None:
        over = page.evaluate(WIDER)
        if over > 0:
            self.wide.append(f"{name}: {over} px wider than its window")
        page.screenshot(path=self._folder / f"{name}.png")


def settled(page: Page) -> None:
    """Its scripts ran and its pictures are there; on a page with the frame the stream answered."""
    page.wait_for_load_state("load")
    if page.locator("#live-chip").count():
        page.wait_for_selector('#live-chip:not([data-state="waiting"])')
    if page.locator("#link").count():
        page.wait_for_selector('body[data-link="up"]')
    page.wait_for_function("[...document.images].every((one) => one.complete || one.loading === 'lazy')")
    page.wait_for_selector('[data-settles=""]', state="detached")  # not grey any more


def parts_of_live(camera: Camera, url: str, code: str, pictures: Path) -> None:
    """What docs/equipment.md and docs/console.md show of it: a person to compare, equipment that is checked by hand, an edge."""
    context = camera.context("guard", "zh")
    with context.new_page() as page:
        page.goto(f"{url}/live")
        page.wait_for_selector("#waiting .confirm img:not([hidden])")
        page.wait_for_selector("#waiting [data-settles=still]")
        few_colours(page.locator("#waiting").screenshot(), pictures / "live-confirm-zh.png")
        few_colours(page.locator(".panel.edges").screenshot(), pictures / "console-edges-zh-light.png")
        page.locator('#waiting [data-act="check"]').first.click()
        for line in (code, SERIALS[0], SERIALS[2]):
            page.keyboard.type(line)
            page.keyboard.press("Enter")
        few_colours(page.screenshot(), pictures / "live-check-zh.png")
    context.close()


def few_colours(picture: bytes, to: Path) -> None:
    """Small enough for the repository."""
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(to, optimize=True)


def sheets(folder: Path) -> None:
    """Nine pictures on each, named, by kind."""
    for kind in ("zh-light", "en-dark", "en-light", "zh-dark", "zh-phone"):
        names = [f"{shown.name}-{kind}" for shown in PAGES if (folder / f"{shown.name}-{kind}.png").exists()]
        across, width = (6, 300) if kind == "zh-phone" else (3, 660)
        for number, first in enumerate(range(0, len(names), across * (2 if across == 6 else 3))):
            _sheet(folder, names[first : first + across * (2 if across == 6 else 3)], across, width).save(
                folder / f"sheet-{kind}-{number:02}.png"
            )


def _sheet(folder: Path, names: list[str], across: int, width: int) -> Image.Image:
    small = []
    for name in names:
        with Image.open(folder / f"{name}.png") as picture:
            small.append(picture.convert("RGB").resize((width, picture.height * width // picture.width)))
    height = small[0].height + 22
    sheet = Image.new("RGB", (width * across, height * -(-len(small) // across)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (name, shrunk) in enumerate(zip(names, small, strict=True)):
        x, y = number % across * width, number // across * height
        draw.text((x + 6, y + 4), name, fill="black")
        sheet.paste(shrunk, (x, y + 22))
    return sheet


def played(stack: Stack) -> Demo:
    """The demo with its people and papers, everything played; an account of each role that looks."""
    now, given = dt.datetime.now(dt.UTC), load_population(stack.directory / "site")
    population = Population(stack.api, stack.hall, now)
    population.load(given)
    population.unknown_card()
    population.blank_card()
    operators = Operators(stack)
    shown = accounts(stack)
    places = Papers(stack, operators, now).make() | Played(stack, operators).play()
    operators.close()
    return Demo(places, shown)


def accounts(stack: Stack) -> dict[str, tuple[str, str]]:
    """The first administrator, in person: the supervisor takes nobody else's word as long as there is nobody else (D1)."""
    text = (stack.directory / "server" / "first-sign-in.txt").read_text("utf-8")
    secret = text.split("password:")[1].strip()
    person = HttpClient(stack.server_url)
    person.sign_in(ADMINISTRATOR, secret)
    person.post(f"{API}/account/password", {"current": secret, "new": PASSWORD})
    made = {"administrator": (ADMINISTRATOR, PASSWORD)}
    for role, (username, name) in PEOPLE.items():
        account = person.post(f"{API}/operators", {"username": username, "name": name, "role": role})
        made[role] = (username, account["one_time_password"])
    person.close()
    return made


def main(folder: Path) -> int:
    """Start the demo, play, take the pictures, end it. Returns the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = ROOT / "docs" / "pictures"
    with (
        tempfile.TemporaryDirectory(prefix="menjin-pictures-") as directory,
        Stack(Path(directory), "demo", desk=True, settings=LONG, rules=RULES) as stack,
    ):
        demo = played(stack)
        with launched() as browser:
            camera = Camera(browser, stack, demo, folder)
            camera.every_page()
            parts_of_live(camera, stack.server_url, demo.places["code"], pictures)
    for shown, ours in DOCS.items():
        few_colours((folder / f"{ours}.png").read_bytes(), pictures / f"{shown}.png")
    sheets(folder)
    sys.stdout.write("\n".join(camera.wide) or f"{folder}: no page is wider than its window")
    return 1 if camera.wide else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "screenshots"))
