"""What every page of the console is given: language, theme, who looks, what they may, and where the live stream stands."""

from datetime import date, datetime, time, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from fastapi import Request
from sqlmodel import Session
from starlette.responses import HTMLResponse

from server.console.errors import theme_of
from server.console.language import language_of
from server.console.live import LiveHub
from server.console.marks import marks_of
from server.console.rendering import Renderer
from server.console.sections import shown_to
from server.context import Context
from server.ledger import reading
from server.operators.actor import Actor
from server.operators.permissions import Permission

PASSWORD_WARNED = timedelta(days=5)


def renderer_of(request: Request) -> Renderer:
    """The app's renderer."""
    return cast(Renderer, request.app.state.renderer)


def hub_of(request: Request) -> LiveHub:
    """The app's hub."""
    return cast(LiveHub, request.app.state.live)


def bare_page(request: Request, name: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page for whoever, signed in or not."""
    values = {"theme": theme_of(request), "path": _address(request)} | values
    return HTMLResponse(renderer_of(request).page(name, language_of(request), values), status)


def page(
    request: Request,
    session: Session,
    context: Context,
    actor: Actor,
    name: str,
    section: str,
    *,
    to_decide: int | None = None,
    **values: object,
) -> HTMLResponse:
    """A page of ``section`` for who is signed in. Templates get ``may`` (permissions by name), ``sections`` for the rail, and ``last``, after which
    the live stream goes on; ``tab`` names the section's tab (its first, if left out). ``to_decide``: what waits for their word, where the page has counted it."""
    given: dict[str, object] = {
        "actor": actor,
        "may": sorted(permission.value for permission in Permission if actor.may(permission)),
        "section": section,
        "sections": list(shown_to(actor)),
        "tab": section,
        "marks": marks_of(session, context, actor, to_decide),
        "now": context.clock.now(),
        "password_days": password_days(context, actor),
        "last": reading.last_event_seq(session),
    }
    return bare_page(request, name, **(given | values))  # type: ignore[arg-type]


def password_days(context: Context, actor: Actor) -> int | None:
    """Whole days until the password ends, when that is soon: every page says it then (D2)."""
    left = None if actor.password_due is None else actor.password_due - context.clock.now()
    return None if left is None or left > PASSWORD_WARNED else max(0, left.days)


def day_of(context: Context, at: datetime, days: int = 0) -> datetime:
    """When the site's day of ``at`` began; ``days`` later."""
    zone = ZoneInfo(context.site.time_zone)
    day: date = at.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(day, time(), zone)


def _address(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
