"""``/api/v1/work-orders/{order}/lines``: the lines of an order as a file."""

from typing import Annotated, Any

from fastapi import Body, Path, Query, Response
from pydantic import BaseModel

from server.equipment import orders
from server.equipment.inventory_files import (
    FILE_ANSWER,
    ORDER_LINES,
    FaultShown,
    Format,
    file_answer,
    line_rows,
    read_file,
    show_faults,
)
from server.equipment.order_endpoints import Reads, Writes
from server.equipment.order_showing import OrderShown, show_orders
from server.equipment.stock import lock_stock
from server.pages import IfMatch, etag, refuse_stale
from server.problems import Problem
from server.routes import AppContext, DbSession, api_router

router = api_router("/work-orders", "equipment")
FILE_BODY: Any = Body(media_type="application/octet-stream")


class LinesRead(BaseModel):
    """What a file holds. ``faults``: by cell; where there are any nothing was changed. ``order`` null: so, or it was a dry run."""

    rows: int
    faults: list[FaultShown]
    order: OrderShown | None


@router.get("/{order}/lines", response_class=Response, responses=FILE_ANSWER)
def export_lines(
    session: DbSession,
    actor: Reads,
    order: Annotated[str, Path(max_length=200)],
    format: Format = "xlsx",
) -> Response:
    """The lines as a file, which the import reads back."""
    found = orders.find_order(session, actor, order)
    rows = line_rows(show_orders(session, [found])[0].lines)
    return file_answer(ORDER_LINES, rows, format)


@router.put("/{order}/lines")
def import_lines(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    order: Annotated[str, Path(max_length=200)],
    response: Response,
    file: Annotated[bytes, FILE_BODY],
    format: Format = "xlsx",
    dry_run: Annotated[bool, Query()] = False,
    if_match: IfMatch = None,
) -> LinesRead:
    """The lines of a draft are those of this file. ``dry_run``: only say what is wrong with it."""
    rows, faults = read_file(ORDER_LINES, file, format, context.site.time_zone)
    if faults:
        return LinesRead(rows=len(rows), faults=show_faults(faults), order=None)
    lock_stock(session.connection())
    found = orders.find_order(session, actor, order, lock=True)
    refuse_stale(if_match, found.version)
    try:
        with session.begin_nested() as trial:
            orders.change_order(session, context, actor, found, lines=[row.given for row in rows])
            shown = show_orders(session, [found])[0]
            if dry_run:
                trial.rollback()
    except Problem as problem:
        place = (problem.field or "").split(".")
        if place[0] != "lines":
            raise
        row = rows[int(place[1])] if len(place) > 1 and place[1].isdigit() else rows[0]
        fault = row.fault(place[2] if len(place) > 2 else "", problem.detail, problem.detail_zh)
        return LinesRead(rows=len(rows), faults=show_faults([fault]), order=None)
    if dry_run:
        session.expire_all()
        return LinesRead(rows=len(rows), faults=[], order=None)
    response.headers["ETag"] = etag(found.version)
    return LinesRead(rows=len(rows), faults=[], order=shown)
