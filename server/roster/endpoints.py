"""``/api/v1/roster``: the encrypted roster for the guards' desk (MEANINGS 31)."""

from typing import Annotated

from fastapi import Response
from starlette.concurrency import run_in_threadpool

from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.problems import Problem
from server.roster.making import make_roster
from server.routes import AppContext, api_router

router = api_router("/roster", "roster")

MEDIA_TYPE = "application/octet-stream"


@router.get("", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}})
async def get_roster(context: AppContext, actor: Annotated[Actor, requires(Permission.ROSTER_EXPORT)]) -> Response:
    """Number, name, company and photo of all badges in use, encrypted with the passphrase of ``menjin keys roster-passphrase``; recorded.
    ``menjin roster open`` shows it, without server and network."""
    if context.roster_turn.locked():
        raise Problem(
            503,
            "roster_busy",
            "A roster is being made just now: try again.",
            "正在生成名册，请稍后重试。",
            headers={"Retry-After": "10"},
        )
    async with context.roster_turn:
        sealed = await run_in_threadpool(make_roster, context, actor)
    name = f"{context.site.id}-{context.clock.now():%Y%m%dT%H%M%SZ}.roster"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(sealed, media_type=MEDIA_TYPE, headers=headers)
