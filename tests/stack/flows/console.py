"""Where an operator sits: a browser context per person, signed in by the page."""

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

from sim.operators import Operators
from sim.stack import Stack
from tests.stack.open_site import OpenSite

PASSWORD = "Lantern-Quay-27-otter"
VIEWPORT = {"width": 1280, "height": 800}


class Console:
    """The console of a running site. ``page`` signs somebody of a role in; each role is one person, ``guard2`` is another guard."""

    def __init__(self, site: OpenSite, browser: Browser) -> None:
        self.site = site
        self.stack: Stack = site.stack
        self._browser = browser
        self._operators = Operators(site.stack)
        self._states: dict[tuple[str, str], Any] = {}
        self._people: dict[str, str] = {}
        self._one_time: dict[str, str] = {}
        self._open: list[BrowserContext] = []
        self._complaints: list[str] = []

    @property
    def url(self) -> str:
        """The server's address."""
        return self.stack.server_url

    def page(self, who: str = "guard", locale: str = "en-GB", **options: Any) -> Page:
        """A page of somebody who is signed in, on the live page. ``who``: a role, and a digit for another person of it."""
        key = (who, locale)
        context = self._browser.new_context(
            locale=locale, viewport=options.pop("viewport", VIEWPORT), storage_state=self._states.get(key), **options
        )
        context.set_default_timeout(20_000)
        context.on("page", self._watch)
        self._open.append(context)
        page = context.new_page()
        page.goto(f"{self.url}/live")
        if "/sign-in" in page.url:
            self.sign_in(page, who)
            self._states[key] = context.storage_state()
        return page

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
        expect(page.locator("#main.sheet")).to_have_count(0)

    def operator(self, who: str) -> str:
        """The user name of this person; the account is made when somebody first asks."""
        if who not in self._people:
            username = f"{who.replace('_', '-')}-desk"
            role = who.rstrip("0123456789")
            self._one_time[who] = self._operators.account(username, f"Kim {len(self._people) + 1}", role)
            self._people[who] = username
        return self._people[who]

    def close(self) -> None:
        """When the site ends."""
        self._operators.close()

    def leave(self) -> list[str]:
        """Close every page. Returns what they complained of."""
        for context in self._open:
            context.close()
        self._open.clear()
        said, self._complaints = self._complaints, []
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
