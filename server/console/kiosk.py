"""The kiosk's page, how it is signed in, and the sheet of its control codes (docs/console/kiosk.md)."""

from datetime import timedelta
from io import BytesIO
from typing import Annotated, Final

import segno
from fastapi import APIRouter, Form, Request, Response
from sqlmodel import select
from starlette.responses import RedirectResponse

from controller.codes import CANCEL
from server.console.errors import KIOSK, KIOSK_SIGN_IN
from server.console.marking import N_
from server.console.pages import bare_page, page
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.guard import KIOSK_COOKIE, hash_token, kiosk_actor, refuse_forged, requires
from server.operators.models import ApiToken
from server.operators.permissions import Permission
from server.problems import not_found
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Uses = Annotated[Actor, requires(Permission.KIOSK_USE)]
CONTROLS: Final = {
    CANCEL: N_("Back to the start (Esc)"),
    "MENJIN-OK": N_("Yes, go on (Enter)"),
    "MENJIN-LANGUAGE": N_("The other language (F9)"),
}
"""Control code → what it does at the kiosk; the first also ends a check at a goods door."""
KEEP = timedelta(days=400)
"""So long a browser keeps a cookie at most."""


@router.get(KIOSK)
def kiosk_page(request: Request, context: AppContext, actor: Uses) -> Response:
    """The screen at the entrance: everything else it does by its API."""
    return bare_page(
        request,
        "kiosk.html",
        actor=actor,
        site_zh=context.site.name_zh or context.site.id,
        site_en=context.site.name_en or context.site.id,
    )


@router.get(KIOSK_SIGN_IN)
def kiosk_sign_in_page(request: Request, wrong: bool = False) -> Response:
    """Where a browser is made the kiosk, once."""
    return bare_page(request, "kiosk-sign-in.html", wrong=wrong, signed_in=KIOSK_COOKIE in request.cookies)


@router.post(KIOSK_SIGN_IN)
def kiosk_sign_in(
    request: Request, session: DbSession, context: AppContext, token: Annotated[str, Form(max_length=256)] = ""
) -> Response:
    """Keep the token in this browser, until the token is over; an empty one takes it out again."""
    refuse_forged(request)
    now, address = context.clock.now(), request.client.host if request.client else ""
    if not token.strip():
        held = kiosk_actor(session, request.cookies.get(KIOSK_COOKIE, ""), now, address)
        if held is not None:
            record(session, held, now, "kiosk.sign_out", held.public_id)
        response = RedirectResponse(KIOSK_SIGN_IN, 303)
        response.delete_cookie(KIOSK_COOKIE, path="/", secure=True, httponly=True, samesite="strict")
        return response
    actor = kiosk_actor(session, token.strip(), now, address)
    if actor is None:
        return RedirectResponse(f"{KIOSK_SIGN_IN}?wrong=true", 303)
    record(session, actor, now, "kiosk.sign_in", actor.public_id)
    row = session.exec(select(ApiToken).where(ApiToken.token_hash == hash_token(token.strip()))).one()
    left = min(row.expires_at - now, KEEP) if row.expires_at is not None else KEEP
    response = RedirectResponse(KIOSK, 303)
    response.set_cookie(
        KIOSK_COOKIE, token.strip(), int(left.total_seconds()), path="/", secure=True, httponly=True, samesite="strict"
    )
    return response


@router.get("/visits/kiosk")
def codes_page(
    request: Request,
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.PERMIT_READ)],
) -> Response:
    """The control codes, to print and lay beside the scanner."""
    return page(
        request, session, context, actor, "kiosk-codes.html", "visits", tab="visits", controls=CONTROLS
    )  # fmt: skip


@router.get("/visits/kiosk/{code}.svg")
def code_picture(code: str, _actor: Annotated[Actor, requires(Permission.PERMIT_READ)]) -> Response:
    """One control code as a QR code."""
    if code not in CONTROLS:
        raise not_found("control code", "控制码", code[:40])
    return qr_picture(code)


def qr_picture(text: str) -> Response:
    """A QR code of exactly this text."""
    made = BytesIO()
    segno.make(text, error="m", micro=False).save(made, kind="svg", border=4, scale=4)
    return Response(made.getvalue(), media_type="image/svg+xml", headers={"Cache-Control": "private, max-age=3600"})
