"""The console's pages and its stream. Forms work without scripts; the live page needs them and says so."""

import json
from typing import Annotated

from fastapi import APIRouter, Form, Header, Query, Request, Response
from sqlmodel import Session, select
from starlette.responses import JSONResponse, RedirectResponse

from controller.reasons import Language
from server.console import view
from server.console.errors import HOME, THEME_COOKIE, THEMES, local_path
from server.console.language import COOKIE as LANGUAGE_COOKIE
from server.console.language import LANGUAGES, language_of
from server.console.pages import hub_of, page, renderer_of
from server.console.rendering import Audience
from server.console.static_files import static_answer
from server.console.stream import EventStream
from server.console.waiting import check_lines, goods_points
from server.fleet.models import EdgeCommand
from server.ledger import reading
from server.operators.actor import Actor
from server.operators.guard import refuse_forged, requires
from server.operators.permissions import Permission
from server.problems import not_found
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

A_YEAR_S = 31_536_000
Path = Annotated[str, Form(max_length=500)]
Choice = Annotated[str | None, Form(max_length=20)]
SeesLive = Annotated[Actor, requires(Permission.LIVE_READ)]


def audience_of(actor: Actor, language: Language) -> Audience:
    """What this actor may be shown."""
    return Audience(language, fleet=actor.may(Permission.FLEET_READ))


@router.get("/static/{digest}/{name:path}")
def static(request: Request, digest: str, name: str) -> Response:
    """Style sheets and scripts."""
    return static_answer(request, digest, name)


@router.get("/")
def root() -> Response:
    """To the live page, and from there to the sign-in for who is not signed in."""
    return RedirectResponse(HOME, 303)


@router.post("/preferences")
def preferences(request: Request, to: Path = HOME, language: Choice = None, theme: Choice = None) -> Response:
    """Language and theme of this browser, kept in cookies."""
    refuse_forged(request)
    answer = RedirectResponse(local_path(to), 303)
    secure = request.url.scheme == "https"
    if language in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, language, A_YEAR_S, secure=secure, httponly=True, samesite="lax")
    if theme in THEMES:
        answer.set_cookie(THEME_COOKIE, theme, A_YEAR_S, secure=secure, httponly=True, samesite="lax")
    return answer


@router.get("/live")
def live_page(request: Request, context: AppContext, actor: SeesLive) -> Response:
    """Everything that the stream then keeps up to date, as it stands now."""
    audience = audience_of(actor, language_of(request))
    renderer = renderer_of(request)
    with context.database.read() as session:
        last = reading.last_event_seq(session)
        rows = view.newest(session, last)
        views = view.event_views(rows, view.people_in(session, context, rows))
        shown = view.panels(session, context, context.clock.now())
        return page(
            request,
            session,
            context,
            actor,
            "live.html",
            "live",
            fleet=audience.fleet,
            last=last,
            rows=renderer.events(audience, views),
            panels=renderer.panels(audience, shown),
            alarms=len(shown.alarms) + shown.more_alarms,
            goods_points=goods_points(context.site),
        )


@router.get("/live/stream")
async def live_stream(
    request: Request,
    actor: SeesLive,
    language: Annotated[str | None, Query(max_length=10)] = None,
    after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    last_event_id: Annotated[str | None, Header(max_length=30)] = None,
) -> Response:
    """Server-sent events: ``row`` and ``reset`` (with the ledger's sequence as id), ``panels``, ``tick``, ``ended``.
    Goes on after ``Last-Event-ID``, else after ``after``, else from now."""
    if last_event_id is not None and last_event_id.isdecimal():
        after = min(int(last_event_id), 2**62)
    spoken = language if language in LANGUAGES else language_of(request)
    hub = hub_of(request)
    return EventStream(hub, await hub.subscribe(actor, audience_of(actor, spoken), after))


@router.get("/live/commands/{command_id}")
def command_state(
    request: Request, session: DbSession, _actor: Annotated[Actor, requires(Permission.COMMAND_READ)], command_id: str
) -> Response:
    """What became of a command, with the sentence for a person: ``{result, text}``."""
    row = _command(session, command_id)
    because = json.loads(row.because) if row.because is not None else None
    text = renderer_of(request).remedy(because, language_of(request)) if because else ""
    return JSONResponse({"result": "waiting" if row.state == "sent" else row.state, "text": text})


@router.get("/live/checks/{command_id}")
def check_answers(
    request: Request,
    session: DbSession,
    _actor: Annotated[Actor, requires(Permission.EQUIPMENT_CHECK)],
    command_id: str,
) -> Response:
    """What the edge said to each device of a check that the console asked for: ``{lines: [{serial, accepted, model, text}]}``."""
    renderer, language = renderer_of(request), language_of(request)
    found = check_lines(session, _command(session, command_id), lambda because: renderer.remedy(because, language))
    return JSONResponse({"lines": found})


def _command(session: Session, command_id: str) -> EdgeCommand:
    row = session.exec(select(EdgeCommand).where(EdgeCommand.public_id == command_id)).first()
    if row is None:
        raise not_found("command", "指令", command_id[:64])
    return row
