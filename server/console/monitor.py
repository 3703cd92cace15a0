"""What the pages ask for beside their stream: the photo of who tapped, what was missed, how much waits in a section."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import HTMLResponse, JSONResponse

from server.console.admissible import admissible
from server.console.language import language_of
from server.console.marks import marks_of
from server.console.missed import missed_since
from server.console.pages import renderer_of
from server.console.portraits import Portraits
from server.console.sections import shown_to
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.personal.endpoints import FILE_HEADERS
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

EVENT = 2**62


@router.get("/live/taps/{seq}/photo")
async def tap_photo(
    request: Request,
    actor: Annotated[Actor, requires(Permission.PERSONAL_NAMES, secret_answer=True)],
    seq: int,
) -> Response:
    """A small picture of who tapped; the look is recorded once per operator, holder and hour (C4). 404 without a photo, 410 a day later."""
    portraits: Portraits = request.app.state.portraits
    body = await portraits.of_tap(actor, min(max(seq, 0), EVENT))
    return Response(body, media_type="image/jpeg", headers=FILE_HEADERS)


@router.get("/live/missed")
def missed(
    request: Request,
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.LIVE_READ)],
    after: Annotated[int, Query(ge=0, le=EVENT)],
) -> Response:
    """What happened after the event that this operator saw last, as a piece of the page."""
    found = missed_since(session, context, after)
    values = {"missed": found, "register": actor.may(Permission.REGISTER_READ)}
    body = renderer_of(request).page("missed.html", language_of(request), values)
    return HTMLResponse(body, headers={"Cache-Control": "no-store"})


@router.get("/live/marks")
def marks(
    request: Request,
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.LIVE_READ)],
) -> Response:
    """The rail as it is now, with the numbers of what waits, for the pages that stay open."""
    waiting = marks_of(session, context, actor)
    values = {"sections": list(shown_to(actor)), "marks": waiting}
    body = renderer_of(request).page("marks.html", language_of(request), values)
    return HTMLResponse(body, headers={"Cache-Control": "no-store"})


@router.get("/live/admissible")
def who_may_be_admitted(
    request: Request,
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.COMMAND_ADMIT)],
    point: Annotated[str, Query(max_length=64)],
) -> Response:
    """Whom a guard may let in by command at an access point: ``{visits: [{id, text}], emergencies: [{id, text}]}``."""
    found = admissible(session, context, actor, point, renderer_of(request).place_in(language_of(request)))
    return JSONResponse(found, headers={"Cache-Control": "no-store"})
