"""``/api/v1/reports/…`` (docs/interfaces.md)."""

from typing import Annotated, Any, Literal

from fastapi import Query, Response
from sqlmodel import Session, col, select

from server.context import Context
from server.db.clock import to_us
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.problems import Problem
from server.registry.lookup import find_customer, refuse_unknown_areas, seen_customers, sees_all
from server.registry.models import Customer
from server.registry.moments import Moment
from server.reports.counting import FILTERS, NOBODY, OTHER, REPORTS, Asked, Counted
from server.reports.files import CSV, XLSX, report_csv, report_xlsx
from server.reports.period import Period, Step, period_of
from server.reports.shapes import Bucket, Report, Total
from server.rfc3339 import rfc3339
from server.routes import AppContext, DbSession, api_router

router = api_router("/reports", "reports")

Name = Literal["entries", "denials", "doors", "customers", "alone", "edges"]
Reads = Annotated[Actor, requires(Permission.REGISTER_READ)]
From = Annotated[
    Moment | None, Query(alias="from", description="a time, or a date: from its beginning; left out: today")
]
Until = Annotated[Moment | None, Query(description="a time, or a date: to its end")]
AreaName = Annotated[str | None, Query(max_length=64)]
CustomerName = Annotated[str | None, Query(min_length=1, max_length=200)]


@router.get("/{name}", response_model=None)
def report(
    session: DbSession, context: AppContext, actor: Reads, name: Name, from_: From = None, until: Until = None, step: Step | None = None,
    area: AreaName = None, customer: CustomerName = None,
) -> dict[str, Any]:  # fmt: skip
    """Counts of a period by hour or day, and what they come to."""
    made = make_report(session, context, actor, name, from_, until, step, area, customer)
    return {"from" if key == "from_" else key: value for key, value in made.model_dump().items()}


@router.get("/{name}/export.xlsx", response_class=Response, responses={200: {"content": {XLSX: {}}}})
def as_xlsx(
    session: DbSession, context: AppContext, actor: Reads, name: Name, from_: From = None, until: Until = None, step: Step | None = None,
    area: AreaName = None, customer: CustomerName = None,
) -> Response:  # fmt: skip
    """The same as a workbook: what it comes to, and the hours or days."""
    made = make_report(session, context, actor, name, from_, until, step, area, customer)
    content = report_xlsx(context, made, actor.name, context.clock.now(), {"area": area, "customer": customer})
    return Response(content, media_type=XLSX, headers=_saved(context, name, "xlsx"))


@router.get("/{name}/export.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def as_csv(
    session: DbSession, context: AppContext, actor: Reads, name: Name, from_: From = None, until: Until = None, step: Step | None = None,
    area: AreaName = None, customer: CustomerName = None,
) -> Response:  # fmt: skip
    """The hours or days as a table."""
    made = make_report(session, context, actor, name, from_, until, step, area, customer)
    return Response(report_csv(context, made), media_type=CSV, headers=_saved(context, name, "csv"))


def make_report(
    session: Session, context: Context, actor: Actor, name: str, from_: str | None, until: str | None, step: Step | None,
    area: str | None, customer: str | None,
) -> Report:  # fmt: skip
    """One report as the API and the page show it. Raises :class:`Problem`."""
    now, site = context.clock.now(), context.site
    period = period_of(from_, until, step, now, site.time_zone)
    for filtered, value in (("area", area), ("customer", customer)):
        if value is not None and filtered not in FILTERS[name]:
            raise Problem(
                422, "invalid_input", f"{filtered}: the report {name} is not told apart by it.", f"{filtered}：报表 {name} 不支持按此筛选。", field=filtered
            )  # fmt: skip
    if area is not None:
        refuse_unknown_areas(site, [area], "area")
    found = find_customer(session, customer, actor=actor).id if customer is not None else None
    seen = None if sees_all(actor) else _seen(session, actor)
    counted = REPORTS[name](session.connection(), Asked(site, period, to_us(now), area, found, seen))
    return _shown(session, name, period, site.time_zone, counted)


def _shown(session: Session, name: str, period: Period, time_zone: str, counted: Counted) -> Report:
    customers = _customers(session, counted) if name == "customers" else {}
    return Report(
        name=name,
        from_=rfc3339(period.from_us),
        until=rfc3339(period.until_us),
        time_zone=time_zone,
        step=period.step,
        codes=counted.codes,
        buckets=[
            Bucket(at=rfc3339(to_us(at)), counts=counts)
            for at, counts in zip(period.buckets(), counted.series, strict=True)
        ],
        figures=list(counted.figures),
        totals=[_total(code, figures, customers) for code, figures in counted.totals.items()],
    )


def _total(code: str, figures: dict[str, int], customers: dict[str, tuple[str, str]]) -> Total:
    known, name = customers.get(code, (code, None))
    return Total(code=known, name=name, figures=figures)


def _customers(session: Session, counted: Counted) -> dict[str, tuple[str, str]]:
    ids = [int(code) for code in counted.totals if code not in (NOBODY, OTHER)]
    rows = session.exec(select(Customer.id, Customer.code, Customer.name).where(col(Customer.id).in_(ids))).all()
    return {str(number): (code, name) for number, code, name in rows}


def _seen(session: Session, actor: Actor) -> frozenset[int]:
    return frozenset(
        number for number in session.exec(select(Customer.id).where(seen_customers(actor))) if number is not None
    )


def _saved(context: Context, name: str, ending: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}-{context.site.id}.{ending}"'}
