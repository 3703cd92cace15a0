"""``/api/v1/audit``: who did what, when, to what, with what before and after (docs/interfaces.md)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Response
from pydantic import BaseModel
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar
from starlette.concurrency import run_in_threadpool

from server.context import Context
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.audit_files import CSV, MAX_EXPORTED, XLSX, to_csv, to_xlsx
from server.operators.guard import requires
from server.operators.models import AuditEntry
from server.operators.permissions import Permission
from server.pages import Cursor, Limit, Page, rows_after
from server.problems import Problem
from server.registry.moments import Moment, begin_of, end_of
from server.routes import AppContext, DbSession, api_router

router = api_router("/audit", "audit")

ReadsAudit = Annotated[Actor, requires(Permission.AUDIT_READ)]
Filter = Annotated[str | None, Query(max_length=200)]
Act = Annotated[
    str | None,
    Query(max_length=80, pattern=r"^[a-z_]+(\.[a-z_]+)?$", description="`noun.verb`, or `noun` for all of them"),
]


class AuditShown(BaseModel):
    """One entry of the audit log."""

    id: int
    at: datetime
    actor: str
    actor_name: str
    act: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str


@dataclass(frozen=True)
class Sought:
    """What of the log is asked for. ``actor``: a public id, or a name as it was then; ``act``: an act, or a noun for all of its acts."""

    subject: str | None = None
    actor: str | None = None
    act: str | None = None
    from_: str | None = None
    until: str | None = None

    def query(self, time_zone: str) -> SelectOfScalar[AuditEntry]:
        """The entries. Raises :class:`Problem` 422 for a time that is none."""
        query = select(AuditEntry)
        if self.subject is not None:
            query = query.where(col(AuditEntry.subject) == self.subject)
        if self.actor is not None:
            query = query.where(or_(col(AuditEntry.actor) == self.actor, col(AuditEntry.actor_name) == self.actor))
        if self.act is not None and "." in self.act:
            query = query.where(col(AuditEntry.act) == self.act)
        elif self.act is not None:
            query = query.where(col(AuditEntry.act).startswith(f"{self.act}.", autoescape=True))
        if self.from_ is not None:
            query = query.where(col(AuditEntry.at) >= begin_of(self.from_, time_zone, "from"))
        if self.until is not None:
            query = query.where(col(AuditEntry.at) < end_of(self.until, time_zone, "until"))
        return query


def _sought(
    subject: Filter = None,
    actor: Annotated[str | None, Query(max_length=200, description="public id, or the name")] = None,
    act: Act = None,
    from_: Annotated[
        Moment | None, Query(alias="from", description="at or after; a date begins at the site's midnight")
    ] = None,
    until: Annotated[Moment | None, Query(description="before; a date is inclusive")] = None,
) -> Sought:
    return Sought(subject, actor, act, from_, until)


Asked = Annotated[Sought, Depends(_sought)]


@router.get("")
def list_audit(
    session: DbSession,
    context: AppContext,
    _actor: ReadsAudit,
    sought: Asked,
    after: Cursor = 0,
    limit: Limit = 100,
    newest_first: bool = False,
) -> Page[AuditShown]:
    """The audit log in the order of writing; ``newest_first``: those before ``after``, the latest first."""
    rows, following = entries(session, context, sought, after, limit, newest_first=newest_first)
    return Page(items=[AuditShown.model_validate(row, from_attributes=True) for row in rows], next=following)


@router.get("/export", response_class=Response, responses={200: {"content": {XLSX: {}, "text/csv": {}}}})
async def export_audit(
    context: AppContext,
    actor: ReadsAudit,
    sought: Asked,
    format: Literal["xlsx", "csv"] = "xlsx",
) -> Response:
    """The same as a file, newest first; recorded itself. More than 100 000 entries are refused."""
    async with context.export_turn:
        return await run_in_threadpool(_file, context, actor, sought, format)


def _file(context: Context, actor: Actor, sought: Sought, format: str) -> Response:
    with context.database.read() as session:
        rows, following = entries(session, context, sought, 0, MAX_EXPORTED, newest_first=True)
    if following is not None:
        raise Problem(
            422,
            "too_many_entries",
            f"More than {MAX_EXPORTED} entries: narrow them by from and until.",
            f"超过 {MAX_EXPORTED} 条记录，请用 from 和 until 缩小范围。",
            field="from",
        )
    now = context.clock.now()
    asked = {name.rstrip("_"): value for name, value in vars(sought).items() if value is not None}
    with context.database.write() as writing:
        record(writing, actor, now, "audit.export", context.site.id, after={"entries": len(rows), **asked})
    content = to_xlsx(rows, context.site.time_zone) if format == "xlsx" else to_csv(rows, context.site.time_zone)
    headers = {"Content-Disposition": f'attachment; filename="audit-{context.site.id}-{now:%Y%m%d}.{format}"'}
    return Response(content, media_type=XLSX if format == "xlsx" else CSV, headers=headers)


def entries(
    session: Session, context: Context, sought: Sought, after: int, limit: int, *, newest_first: bool
) -> tuple[list[AuditEntry], int | None]:
    """One page and the cursor of the next."""
    query = sought.query(context.site.time_zone)
    if not newest_first:
        return rows_after(session, query, col(AuditEntry.id), after, limit)
    if after:
        query = query.where(col(AuditEntry.id) < after)
    rows = list(session.exec(query.order_by(col(AuditEntry.id).desc()).limit(limit + 1)).all())
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None
