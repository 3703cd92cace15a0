"""Where an operator sits: a browser context per person, kept as long as the site, signed in by the page."""

import datetime as dt
import re
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from controller.events import AccessTaken
from sim.at_the_door import policy_is_current
from sim.documents import document
from sim.operators import Operators
from sim.stack import EDGE, Stack
from sim.waiting import until
from tests.chromium import AS_A_PERSON_MS
from tests.stack.open_site import READY_S, OpenSite

PASSWORD = "Lantern-Quay-27-otter"
VIEWPORT = {"width": 1280, "height": 800}
ASKED_EVERY_S = 0.2
"""Each asking of the ledger is audited."""
ZONE = ZoneInfo("Asia/Shanghai")
"""Of the demo site: what a form's date and time mean."""


class Console:
    """The console of a running site. ``page`` signs somebody of a role in; each role is one person, ``guard2`` is another guard."""

    def __init__(self, site: OpenSite, browser: Browser) -> None:
        self.site = site
        self.stack: Stack = site.stack
        self._browser = browser
        self._operators = Operators(site.stack)
        self._seats: dict[tuple[str, str, str], BrowserContext] = {}
        self._states: dict[str, Any] = {}
        self._people: dict[str, str] = {}
        self._one_time: dict[str, str] = {}
        self._strange: list[BrowserContext] = []
        self._complaints: list[str] = []

    @property
    def url(self) -> str:
        """The server's address."""
        return self.stack.server_url

    def page(self, who: str = "guard", path: str = "/live", locale: str = "en-GB", **options: Any) -> Page:
        """A page of somebody who is signed in. ``who``: a role, and a digit for another person of it."""
        key = (who, locale, repr(sorted(options.items())))
        if key not in self._seats:
            self._seats[key] = self._context(locale, storage_state=self._states.get(who), **options)
        page = self._seats[key].new_page()
        page.goto(f"{self.url}{path}")
        if "/sign-in" in page.url:
            self.sign_in(page, who)
            self._states[who] = page.context.storage_state()
        return page

    def strange_page(self, locale: str = "en-GB", **options: Any) -> Page:
        """A page of a browser in which nobody is signed in, unless ``options`` say so."""
        context = self._context(locale, **options)
        self._strange.append(context)
        return context.new_page()

    def _context(self, locale: str, **options: Any) -> BrowserContext:
        context = self._browser.new_context(
            locale=locale, **({"viewport": VIEWPORT, "reduced_motion": "reduce"} | options)
        )
        context.set_default_timeout(20_000)
        context.on("page", self._watch)
        return context

    def go(self, page: Page, path: str) -> None:
        """To another page of the console, as by its address."""
        page.goto(f"{self.url}{path}")

    def sign_in(self, page: Page, who: str) -> None:
        """Through the form, to where the page was going; the first time with the one-time password, which must be changed."""
        username = self.operator(who)
        secret = self._one_time.pop(who, None)
        page.fill("#username", username)
        page.fill("#password", secret or PASSWORD)
        page.click(".act.main")
        if secret is not None:
            page.fill("#current", secret)
            page.fill("#new", PASSWORD)
            page.fill("#again", PASSWORD)
            page.click(".act.main")
        page.wait_for_url(lambda url: urlsplit(url).path not in ("/sign-in", "/password"))

    def operator(self, who: str) -> str:
        """The user name of this person; the account is made when somebody first asks."""
        if who not in self._people:
            username = f"{who.replace('_', '-')}-desk"
            role = who.rstrip("0123456789")
            self._one_time[who] = self._operators.account(username, f"Kim {len(self._people) + 1}", role)
            self._people[who] = username
        return self._people[who]

    def kiosk(self, **options: Any) -> Page:
        """The screen at the entrance, set up by its token."""
        page = self.strange_page(**options)
        page.goto(f"{self.url}/kiosk/sign-in")
        page.fill("#token", self.stack.token("kiosk"))
        page.click(".act.main")
        expect(page.locator("main[data-view=start] input")).to_be_focused()
        return page

    # the hall beside the console

    def in_force(self) -> None:
        """What was decided at the desk is at the doors."""
        assert until(lambda: policy_is_current(self.stack.api), READY_S)

    def walk(self, door: str, people: int = 1, out: bool = False) -> None:
        """Through a door that is unlocked. Returns when the server has it: a page of records is read once."""
        before = self.site.tail.last_seq()
        self.stack.hall.post("/pass", {"door": door, "people": people, "out": out})
        self.recorded(AccessTaken, before)

    def recorded(self, event_type: type[Any], after_seq: int) -> None:
        """Wait for an event of the door's edge, and until the server has it."""
        told = lambda one: any(isinstance(event, event_type) for event in one.events)  # noqa: E731
        record = self.site.tail.wait_for(told, after_seq, READY_S)
        assert record is not None, f"no {event_type.__name__} after {after_seq}"
        query = {"edge": EDGE, "after_seq": record.seq - 1}
        assert until(lambda: bool(self.stack.api.lines("/api/v1/ledger/export", **query)), READY_S, ASKED_EVERY_S)

    def scan(self, text: str, at: str) -> str:
        """Hold a code before a goods door's scanner. Returns what its lamp showed."""
        return str(self.stack.hall.post("/scan", {"access_point": at, "text": text, "wait_s": 10})["indicator"])

    # life

    def close(self) -> None:
        """When the site ends."""
        self._operators.close()

    def leave(self) -> list[str]:
        """Close every page. Returns what they complained of before: closing cuts short what a page is still loading."""
        said = list(self._complaints)
        for context in self._strange:
            context.close()
        self._strange.clear()
        for seat in self._seats.values():
            for page in seat.pages:
                page.close()
        self._complaints.clear()
        return said

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self._complaints.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda message: (
                self._complaints.append(f"{page.url}: {message.text}")
                if message.type in ("error", "warning") and "Failed to load resource" not in message.text
                else None
            ),
        )


def paper(part: str, of: str) -> FilePayload:
    """A photo, an ID document's copy or a letter, to be chosen in a file field."""
    content, media_type = document(part, of)
    return {"name": f"{part}.{media_type.rpartition('/')[2]}", "mimeType": media_type, "buffer": content}


def site_minute(hours: float) -> str:
    """So many hours from now in the site's time, as a field of date and time wants it."""
    return (dt.datetime.now(ZONE) + dt.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M")


def settled(page: Page) -> None:
    """The page's scripts are there, those of its section too: it follows the stream, or is the kiosk's."""
    path = urlsplit(page.url).path
    if path == "/live":
        expect(page.locator("body")).to_have_attribute("data-link", "up")
    elif path != "/kiosk":
        expect(page.locator("#live-chip")).to_have_attribute("data-state", re.compile("up|calls"))
    page.wait_for_load_state()


def press(page: Page, key: str) -> None:
    """As a person does on a page whose scripts are there: slower than a scanner."""
    settled(page)
    page.keyboard.press(key, delay=AS_A_PERSON_MS)


def type_as_scanner(page: Page, text: str) -> None:
    """A USB scanner is a keyboard that types a key every 5 ms, Shift before a capital, and Enter. The times are given: a loaded machine would type like
    a person."""
    settled(page)
    keys = page.context.new_cdp_session(page)
    now_s = page.evaluate("Date.now()") / 1000
    for place, character in enumerate([*text, "Enter"]):
        given: dict[str, Any] = {"key": character, "text": "\r" if character == "Enter" else character}
        if character == "Enter":
            given |= {"code": "Enter", "windowsVirtualKeyCode": 13}
        elif character.isupper():
            shift = {"key": "Shift", "code": "ShiftLeft", "windowsVirtualKeyCode": 16, "modifiers": 8}
            keys.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "timestamp": now_s + place * 0.005, **shift})
            given["modifiers"] = 8
        for kind in ("keyDown", "keyUp"):
            keys.send("Input.dispatchKeyEvent", {"type": kind, "timestamp": now_s + place * 0.005, **given})
    keys.detach()
