"""``/api/v1/register/export.xlsx|.pdf`` and ``/api/v1/occupancy/muster.pdf``: the register and the muster as files (docs/interfaces.md)."""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Response
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.concurrency import run_in_threadpool

from server.context import Context
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.rooms.muster_sheet import print_muster
from server.rooms.register_files import TITLE_ZH, register_pdf, register_xlsx
from server.rooms.register_filters import Filters
from server.routes import AppContext, api_router

register_router = api_router("/register", "rooms")
occupancy_router = api_router("/occupancy", "rooms")
ROUTERS = [register_router, occupancy_router]

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PDF = "application/pdf"
Reads = Annotated[Actor, requires(Permission.REGISTER_READ)]
ReadsNames = Annotated[Actor, requires(Permission.PERSONAL_NAMES, secret_answer=True)]
Asked = Annotated[Filters, Depends()]


class Named(BaseModel):
    """Why the names are wanted in full."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(max_length=500)]


@register_router.get("/export.xlsx", response_class=Response, responses={200: {"content": {XLSX: {}}}})
async def as_xlsx(context: AppContext, actor: Reads, filters: Asked) -> Response:
    """The register as a workbook, names masked, at most 20 000 lines; recorded."""
    return await _file(context, "xlsx", XLSX, register_xlsx, actor, filters)


@register_router.get("/export.pdf", response_class=Response, responses={200: {"content": {PDF: {}}}})
async def as_pdf(context: AppContext, actor: Reads, filters: Asked) -> Response:
    """The register to print, names masked, at most 2 000 lines; recorded."""
    return await _file(context, "pdf", PDF, register_pdf, actor, filters)


@register_router.post("/export.xlsx", response_class=Response, responses={200: {"content": {XLSX: {}}}})
async def as_xlsx_with_names(
    context: AppContext, actor: ReadsNames, _reads: Reads, filters: Asked, given: Named
) -> Response:
    """The same with names in full, of at most 200 persons: each is a recorded look (C4)."""
    return await _file(context, "xlsx", XLSX, register_xlsx, actor, filters, given.reason)


@register_router.post("/export.pdf", response_class=Response, responses={200: {"content": {PDF: {}}}})
async def as_pdf_with_names(
    context: AppContext, actor: ReadsNames, _reads: Reads, filters: Asked, given: Named
) -> Response:
    """The same with names in full, of at most 200 persons: each is a recorded look (C4)."""
    return await _file(context, "pdf", PDF, register_pdf, actor, filters, given.reason)


@occupancy_router.get("/muster.pdf", response_class=Response, responses={200: {"content": {PDF: {}}}})
def muster(context: AppContext, actor: Annotated[Actor, requires(Permission.LIVE_READ)]) -> Response:
    """Who is inside, to print and tick off: during a fire who was inside when it began, first (L3); recorded as ``muster.print``."""
    name = f"muster-{context.site.id}.pdf"
    return Response(
        print_muster(context, actor), media_type=PDF, headers={"Content-Disposition": f'inline; filename="{name}"'}
    )


async def _file(
    context: Context, ending: str, media_type: str, make: Callable[..., bytes], *asked: Actor | Filters | str
) -> Response:
    """Files take turns: one operator who asks for many at once must not fill the memory."""
    async with context.export_turn:
        content = await run_in_threadpool(make, context, *asked)
    name = f"register-{context.site.id}.{ending}"
    told = quote(f"{TITLE_ZH}-{context.site.id}-{context.clock.now():%Y-%m-%d}.{ending}")
    headers = {
        "Content-Disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{told}",
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=media_type, headers=headers)
