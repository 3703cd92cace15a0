"""What a browser is answered where a program gets a problem document: the sign-in page, the password page, or a page that says
what is wrong."""

from typing import cast
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from server.console.language import language_of
from server.console.rendering import Renderer
from server.operators.guard import COOKIE
from server.problems import Problem

HOME = "/live"
KIOSK = "/kiosk"
KIOSK_SIGN_IN = "/kiosk/sign-in"
_UNSAFE = ("//", "/\\")


def local_path(given: str | None) -> str:
    """``given`` when it is a path of this server, else the live page: no sign-in leads elsewhere."""
    if given is None or not given.startswith("/") or given.startswith(_UNSAFE):
        return HOME
    if len(given) > 500 or any(ord(character) < 0x20 or character == "\\" for character in given):
        return HOME
    return given


def sign_in_path(to: str, *, ended: bool = False) -> str:
    """The address of the sign-in page that returns to ``to``."""
    values = {"to": to} | ({"ended": "1"} if ended else {})
    return "/sign-in?" + urlencode(values, quote_via=quote)


def page_answer(request: Request, problem: Problem) -> Response | None:
    """The answer for a person, None where the request is a program's (the API, or who takes no HTML)."""
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return None
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    to = local_path(here) if request.method == "GET" else HOME
    if problem.status == 401 and request.url.path == KIOSK:
        return RedirectResponse(KIOSK_SIGN_IN, 303)
    if problem.status == 401:
        return RedirectResponse(sign_in_path(to, ended=COOKIE in request.cookies), 303)
    if problem.code == "password_change_required":
        return RedirectResponse("/password?" + urlencode({"to": to}), 303)
    if problem.code == "second_factor_missing":
        return RedirectResponse("/account#second-factor", 303)
    language = language_of(request)
    text = problem.said(language)
    values = {"status": problem.status, "code": problem.code, "text": text, "theme": theme_of(request), "path": HOME}
    return HTMLResponse(cast(Renderer, request.app.state.renderer).page("error.html", language, values), problem.status)


THEME_COOKIE = "menjin-theme"
THEMES = ("auto", "light", "dark")


def theme_of(request: Request) -> str:
    """The chosen theme; ``auto`` follows the system."""
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    return chosen if chosen in THEMES else "auto"
