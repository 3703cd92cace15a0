"""``/api/v1/exit-slips/{slip}/lines``: the lines of a slip as a file."""

from typing import Annotated, Any

from fastapi import Body, Path, Query, Response
from pydantic import BaseModel

from server.equipment.inventory_files import FaultShown, Format, read_file, show_faults
from server.equipment.slip_models import ExitSlipLine
from server.equipment.slips import drafting
from server.equipment.slips.endpoints import Reads, Writes
from server.equipment.slips.inputs import LineGiven, SlipChange, changed_content
from server.equipment.slips.lookup import find_slip, id_of, lines_of
from server.equipment.slips.showing import SlipShown, show_slips
from server.pages import IfMatch, etag, refuse_stale
from server.problems import Problem
from server.registry.exporting import to_csv, to_xlsx
from server.registry.sheets import Column, Noun
from server.routes import AppContext, DbSession, api_router

router = api_router("/exit-slips", "exit slips")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILE_BODY: Any = Body(media_type="application/octet-stream")
SLIP_LINES = Noun(
    "lines",
    "明细",
    ExitSlipLine,
    LineGiven,
    (
        Column("model", "型号", required=True),
        Column("quantity", "数量", "number"),
        Column("serials", "序列号", "list"),
        Column("storage", "含存储介质", "truth"),
    ),
)


class LinesRead(BaseModel):
    """What a file holds. ``faults``: by cell; where there are any nothing was changed. ``slip`` null: so, or it was a dry run."""

    rows: int
    faults: list[FaultShown]
    slip: SlipShown | None


@router.get("/{name}/lines")
def export_lines(
    session: DbSession, actor: Reads, name: Annotated[str, Path(max_length=64)], format: Format = "xlsx"
) -> Response:
    """The lines as a file, which the import reads back."""
    slip = find_slip(session, name, actor)
    rows = [
        [line.model, str(line.quantity), "; ".join(line.serials), "true" if line.storage else "false"]
        for line in lines_of(session, [id_of(slip)])[id_of(slip)]
        if line.replaces_line_id is None
    ]
    content = to_xlsx([(SLIP_LINES, rows)]) if format == "xlsx" else to_csv(SLIP_LINES, rows)
    headers = {"Content-Disposition": f'attachment; filename="lines.{format}"'}
    return Response(content, media_type=XLSX if format == "xlsx" else "text/csv; charset=utf-8", headers=headers)


@router.put("/{name}/lines")
def import_lines(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: Annotated[str, Path(max_length=64)],
    response: Response,
    file: Annotated[bytes, FILE_BODY],
    format: Format = "xlsx",
    dry_run: Annotated[bool, Query()] = False,
    if_match: IfMatch = None,
) -> LinesRead:
    """The lines of a slip that is not approved yet are those of this file. ``dry_run``: only say what is wrong with it."""
    rows, faults = read_file(SLIP_LINES, file, format, context.site.time_zone)
    if faults:
        return LinesRead(rows=len(rows), faults=show_faults(faults), slip=None)
    slip = find_slip(session, name, actor, to_change=True)
    refuse_stale(if_match, slip.version)
    try:
        with session.begin_nested() as trial:
            given = SlipChange(lines=[row.given for row in rows])
            content = changed_content(session, context, actor, slip, given)
            drafting.change_slip(session, actor, context.clock.now(), slip, content)
            if dry_run:
                trial.rollback()
    except Problem as problem:
        place = (problem.field or "").split(".")
        if place[0] != "lines" or not rows:
            raise
        row = rows[int(place[1])] if len(place) > 1 and place[1].isdigit() else rows[0]
        fault = row.fault(place[2] if len(place) > 2 else "", problem.detail, problem.detail_zh)
        return LinesRead(rows=len(rows), faults=show_faults([fault]), slip=None)
    if dry_run:
        session.expire_all()
        return LinesRead(rows=len(rows), faults=[], slip=None)
    response.headers["ETag"] = etag(slip.version)
    return LinesRead(rows=len(rows), faults=[], slip=show_slips(session, context, [slip])[0])
