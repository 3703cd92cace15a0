"""One request to the muster page: sign-in, sign-out, the page, its style sheet. What it answers is made in ``edge.muster.page``."""

import logging
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from controller.now import SECOND_US
from edge.muster.facts import muster_of
from edge.muster.page import STYLE, muster_page, sign_in_page
from edge.muster.password import fits
from edge.muster.sign_in import SESSION_US
from edge.muster.text import as_json
from edge.muster.words import LANGUAGES, Language, word

if TYPE_CHECKING:
    from edge.muster.server import MusterServer

RECEIVE_TIMEOUT_S = 5.0
BODY_BYTES = 4_096
MAX_FIELDS = 8
CHECK_WAIT_S = 1.0
"""How long a sign-in waits for another's password to be checked: one at a time."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LANGUAGE_COOKIE = "menjin-language"
_log = logging.getLogger(__name__)


class Handler(BaseHTTPRequestHandler):
    """One request, then the connection ends."""

    timeout = RECEIVE_TIMEOUT_S
    protocol_version = "HTTP/1.0"
    error_message_format = "%(code)d %(message)s\n"
    error_content_type = "text/plain; charset=utf-8"

    @property
    def _page(self) -> "MusterServer":
        page: MusterServer = self.server.page  # type: ignore[attr-defined]
        return page

    def version_string(self) -> str:
        return "menjin"

    def log_message(self, format: str, *args: object) -> None:
        _log.debug("muster page: %s %s", self.client_address[0], format % args)

    def do_GET(self) -> None:
        path, query = self._asked()
        if path == "/style.css":
            self._answer(200, STYLE, "text/css; charset=utf-8")
            return
        chosen = query.get("language", "")
        cookies = [f"{_LANGUAGE_COOKIE}={chosen}; Path=/; SameSite=Strict"] if chosen in LANGUAGES else []
        language = self._language(query)
        if path not in ("/", "/sign-in", "/muster.json"):
            self.send_error(404)
        elif self._signed_in():
            if path == "/":
                self._show(language, cookies)
            elif path == "/muster.json" and self._page.situation is not None:
                situation = self._page.situation
                self._answer(200, as_json(muster_of(situation), situation.warnings), "application/json")
            else:
                self._go("/", cookies)
        elif path != "/sign-in":
            self._go("/sign-in", cookies)
        else:
            trouble = word("no password", language) if self._page.password() is None else ""
            self._answer(200, sign_in_page(language, trouble), cookies=cookies)

    def do_POST(self) -> None:
        path, _ = self._asked()
        if self.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            self.send_error(403)
        elif path == "/sign-in":
            self._try_to_sign_in()
        elif path == "/sign-out":
            with self._page.sign_in_lock:
                self._page.sign_in.end(self._cookie(self._session_cookie))
            self._go("/sign-in", [f"{self._session_cookie}=; Path=/; Max-Age=0; {self._cookie_flags}"])
        else:
            self.send_error(404)

    def _show(self, language: Language, cookies: list[str]) -> None:
        page = self._page
        situation = page.situation
        age_s = (page.clock_us() - situation.mono_us) / SECOND_US if situation is not None else 0.0
        self._answer(200, muster_page(situation, language, age_s), cookies=cookies)

    def _try_to_sign_in(self) -> None:
        page, address, language = self._page, self.client_address[0], self._language({})
        form = self._form()
        if form is None:
            self.send_error(413)
            return
        with page.sign_in_lock:
            wait_us = page.sign_in.wait_us(address, page.clock_us())
        if wait_us:
            trouble = word("wait", language, seconds=-(-wait_us // SECOND_US))
            self._answer(429, sign_in_page(language, trouble))
            return
        stored = page.password()
        if stored is None:
            self._answer(503, sign_in_page(language, word("no password", language)))
            return
        if not page.checking.acquire(timeout=CHECK_WAIT_S):
            self._answer(503, sign_in_page(language, word("busy", language)))
            return
        try:
            right = fits(form.get("password", ""), stored)
        finally:
            page.checking.release()
        with page.sign_in_lock:
            if right:
                token = page.sign_in.begin(address, stored, page.clock_us())
            else:
                page.sign_in.failed(address, page.clock_us())
        if not right:
            _log.warning("muster page: wrong password from %s", address)
            self._answer(403, sign_in_page(language, word("wrong password", language)))
            return
        _log.info("muster page: signed in from %s", address)
        self._go(
            "/", [f"{self._session_cookie}={token}; Path=/; Max-Age={SESSION_US // SECOND_US}; {self._cookie_flags}"]
        )

    def _asked(self) -> tuple[str, dict[str, str]]:
        try:
            url = urlsplit(self.path)
        except ValueError:
            return "", {}
        return url.path, _fields(url.query)

    def _form(self) -> dict[str, str] | None:
        """The body's fields; None when it is too large or says no length."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdecimal() or len(length) > 6 or int(length) > BODY_BYTES:
            return None
        return _fields(self.rfile.read(int(length)).decode("utf-8", "replace"))

    def _signed_in(self) -> bool:
        page = self._page
        password = page.password()
        with page.sign_in_lock:
            return page.sign_in.holds(self._cookie(self._session_cookie), password, page.clock_us())

    @property
    def _session_cookie(self) -> str:
        return "__Host-menjin-muster" if self._page.tls else "menjin-muster"

    @property
    def _cookie_flags(self) -> str:
        return "HttpOnly; SameSite=Strict" + ("; Secure" if self._page.tls else "")

    def _cookie(self, name: str) -> str:
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(name)
        except CookieError:
            return ""
        return found.value if found is not None else ""

    def _language(self, query: Mapping[str, str]) -> Language:
        for wanted in (query.get("language", ""), self._cookie(_LANGUAGE_COOKIE)):
            for language in LANGUAGES:
                if wanted == language:
                    return language
        return "en" if self.headers.get("Accept-Language", "").lower().startswith("en") else "zh-CN"

    def _go(self, path: str, cookies: list[str]) -> None:
        self._answer(303, "", cookies=cookies, location=path)

    def _answer(
        self,
        status: int,
        text: str | bytes,
        content_type: str = "text/html; charset=utf-8",
        cookies: list[str] | None = None,
        location: str = "",
    ) -> None:
        body = text.encode() if isinstance(text, str) else text
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for cookie in cookies or []:
            self.send_header("Set-Cookie", cookie)
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()


def _fields(query: str) -> dict[str, str]:
    try:
        return {name: values[-1] for name, values in parse_qs(query, max_num_fields=MAX_FIELDS).items()}
    except ValueError:
        return {}
