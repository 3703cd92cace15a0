"""The pages of the reports: what happened over a time, drawn, and as the table behind the drawing."""

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session

from server.console.language import language_of
from server.console.pages import day_of, page
from server.context import Context
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.problems import Problem
from server.reports.counting import FILTERS, REPORTS
from server.reports.endpoints import Name, make_report
from server.reports.period import Step
from server.reports.shapes import Report
from server.reports.words import FIGURES, TITLES, named
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.REGISTER_READ)]
Text = Annotated[str, Query(max_length=200)]
PERIODS = {"today": 1, "week": 7, "month": 30}
"""Days up to and including today."""
MOST_TOTALS = 100
"""So many lines on the page; the spreadsheet has them all."""


@router.get("/reports")
def reports_page(
    request: Request, session: DbSession, context: AppContext, actor: Reads, report: Name = "entries",
    period: Annotated[str, Query(pattern="^(today|week|month|own)?$")] = "",
    from_: Annotated[str, Query(alias="from", max_length=40)] = "", until: Annotated[str, Query(max_length=40)] = "",
    step: Annotated[str, Query(pattern="^(hour|day)?$")] = "", area: Text = "", customer: Text = "",
) -> Response:  # fmt: skip
    """One report over one period."""
    period = period if period in PERIODS else "own" if from_.strip() or until.strip() else period or "week"
    now = context.clock.now()
    begin, end = (from_.strip(), until.strip()) if period == "own" else _days(context, now, PERIODS[period])
    narrowed = {"area": area.strip(), "customer": customer.strip()}
    asked = {name: value for name, value in narrowed.items() if value and name in FILTERS[report]}
    found, made = None, None
    try:
        made = _made(session, context, actor, report, (begin, end), step, asked)
    except Problem as problem:
        found = problem
    one = 1 if language_of(request) == "en" else 0
    query = {"from": begin, "until": end} | ({"step": step} if step else {})
    return page(
        request, session, context, actor, "reports.html", "reports", report=report, made=made, problem=found, names=list(REPORTS),
        title=lambda name: TITLES[name][one], figure=lambda name: FIGURES[name][one],
        named=lambda code: named(report, code, context.site)[one],
        given=narrowed | {"from": begin, "until": end, "step": step, "period": period}, filters=FILTERS[report],
        kept={"period": period} | ({"from": begin, "until": end} if period == "own" else {}), asked=asked,
        file_query=urlencode({name: value for name, value in (query | asked).items() if value}), most=MOST_TOTALS,
        areas=[room.id for room in context.site.areas if not room.public], periods=list(PERIODS),
    )  # fmt: skip


def _made(
    session: Session,
    context: Context,
    actor: Actor,
    report: str,
    days: tuple[str, str],
    step: str,
    asked: dict[str, str],
) -> Report:
    wanted: Step | None = "hour" if step == "hour" else "day" if step == "day" else None
    begin, end = (day or None for day in days)
    return make_report(session, context, actor, report, begin, end, wanted, asked.get("area"), asked.get("customer"))


def _days(context: Context, now: datetime, days: int) -> tuple[str, str]:
    today = day_of(context, now).date()
    return (today - timedelta(days=days - 1)).isoformat(), today.isoformat()
