"""``/api/v1/handovers`` (R5)."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session, col, select

from server.context import Context
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import MAX_ID, Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.registry.moments import Moment, begin_of, end_of
from server.routes import AppContext, DbSession, api_router
from server.shift import handovers
from server.shift.debts import live_debts
from server.shift.handover_printing import print_handover
from server.shift.handover_rows import find_handover
from server.shift.handover_showing import (
    DebtShown,
    HandoverShown,
    HandoverSummary,
    show_debt,
    show_handover,
    show_summaries,
)
from server.shift.models import Handover

router = api_router("/handovers", "handovers")

Reads = Annotated[Actor, requires(Permission.HANDOVER_READ)]
Writes = Annotated[Actor, requires(Permission.HANDOVER_WRITE)]
Signs = Annotated[Actor, requires(Permission.HANDOVER_SIGN)]
Post = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000, strip_whitespace=True)]
POST = "main"
MAX_AT_ONCE = 1_000


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewHandover(_Input):
    """``post``: of the guards, where a site has several. ``note``: what the next shift should know besides."""

    post: Post = POST
    note: Annotated[str, StringConstraints(max_length=4_000, strip_whitespace=True)] = ""


class Explanation(_Input):
    """Why these items are open."""

    items: Annotated[list[Annotated[int, Field(ge=1, le=MAX_ID)]], Field(min_length=1, max_length=MAX_AT_ONCE)]
    text: Text


class Explanations(_Input):
    """Several at once."""

    explanations: Annotated[list[Explanation], Field(min_length=1, max_length=MAX_AT_ONCE)]


class Reason(_Input):
    """Why."""

    reason: Text


class Debts(BaseModel):
    """What is owed now."""

    at: datetime
    items: list[DebtShown]


@router.get("")
def list_handovers(
    session: DbSession,
    context: AppContext,
    _actor: Reads,
    post: Annotated[str | None, Query(max_length=64)] = None,
    status: Literal["open", "offered", "accepted", "refused", "withdrawn"] | None = None,
    from_: Annotated[Moment | None, Query(alias="from", description="opened at or after")] = None,
    until: Moment | None = None,
    after: Cursor = 0,
    limit: Limit = 100,
    newest_first: bool = False,
) -> Page[HandoverSummary]:
    """The history. ``newest_first``: those before ``after``, the latest first."""
    query = select(Handover)
    if post is not None:
        query = query.where(Handover.post == post)
    if status is not None:
        query = query.where(Handover.status == status)
    zone = context.site.time_zone
    if from_ is not None:
        query = query.where(col(Handover.opened_at) >= begin_of(from_, zone, "from"))
    if until is not None:
        query = query.where(col(Handover.opened_at) < end_of(until, zone, "until"))
    rows, following = rows_after(session, query, col(Handover.id), after, limit, newest_first=newest_first)
    return Page(items=show_summaries(session, rows), next=following)


@router.get("/debts")
def list_debts(session: DbSession, context: AppContext, _actor: Reads) -> Debts:
    """What a list would hold that was drawn up now."""
    owed = live_debts(session, context)
    return Debts(at=context.clock.now(), items=[show_debt(debt) for debt in owed])


@router.post("", status_code=201)
def open_handover(
    session: DbSession, context: AppContext, actor: Writes, given: NewHandover, response: Response
) -> HandoverShown:
    """Begin a handover: its list is drawn up. Whoever opens it hands over."""
    made = handovers.open_handover(session, context, actor, given.post, given.note)
    return _answer(session, context, response, made)


@router.get("/{handover}")
def get_handover(
    session: DbSession, context: AppContext, _actor: Reads, handover: str, response: Response
) -> HandoverShown:
    """One handover with its items and signatures."""
    return _answer(session, context, response, find_handover(session, handover))


@router.get("/{handover}/sheet.pdf", response_class=Response, responses={200: {"content": {"application/pdf": {}}}})
def print_sheet(context: AppContext, actor: Reads, handover: str) -> Response:
    """The handover to print, Chinese and English; recorded as ``handover.print``."""
    return Response(
        print_handover(context, actor, handover),
        media_type="application/pdf",
        headers={"Content-Disposition": 'inline; filename="handover.pdf"'},
    )


@router.post("/{handover}/draw")
def draw_again(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    handover: str,
    response: Response,
    if_match: IfMatch = None,
) -> HandoverShown:
    """Draw the list up anew, from what stands now; a signature under the one before counts no more."""
    found = _locked(session, handover, if_match)
    handovers.draw_again(session, context, actor, found)
    return _answer(session, context, response, found)


@router.post("/{handover}/explanations")
def explain(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    handover: str,
    given: Explanations,
    response: Response,
    if_match: IfMatch = None,
) -> HandoverShown:
    """Say why items are open; the last word on an item counts."""
    found = _locked(session, handover, if_match)
    said = [(item, one.text) for one in given.explanations for item in dict.fromkeys(one.items)]
    handovers.explain(session, actor, context.clock.now(), found, said)
    return _answer(session, context, response, found)


@router.post("/{handover}/sign")
def sign(
    session: DbSession, context: AppContext, actor: Signs, handover: str, response: Response, if_match: IfMatch = None
) -> HandoverShown:
    """Hand over: signed for who opened it. 409 ``HANDOVER_NEW_ITEMS``, ``HANDOVER_UNEXPLAINED``."""
    found = _locked(session, handover, if_match)
    handovers.sign(session, context, actor, found)
    return _answer(session, context, response, found)


@router.post("/{handover}/accept")
def accept(
    session: DbSession, context: AppContext, actor: Signs, handover: str, response: Response, if_match: IfMatch = None
) -> HandoverShown:
    """Take over: signed for another operator. What came up since the list was drawn up refuses this, too."""
    found = _locked(session, handover, if_match)
    handovers.accept(session, context, actor, found)
    return _answer(session, context, response, found)


@router.post("/{handover}/refuse")
def refuse(
    session: DbSession,
    context: AppContext,
    actor: Signs,
    handover: str,
    given: Reason,
    response: Response,
    if_match: IfMatch = None,
) -> HandoverShown:
    """Do not take over, for this reason; signed as well."""
    found = _locked(session, handover, if_match)
    handovers.refuse(session, context, actor, found, given.reason)
    return _answer(session, context, response, found)


@router.post("/{handover}/withdraw")
def withdraw(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    handover: str,
    given: Reason,
    response: Response,
    if_match: IfMatch = None,
) -> HandoverShown:
    """It was opened by mistake, or who opened it cannot sign."""
    found = _locked(session, handover, if_match)
    handovers.withdraw(session, actor, context.clock.now(), found, given.reason)
    return _answer(session, context, response, found)


def _locked(session: Session, name: str, if_match: str | None) -> Handover:
    found = find_handover(session, name, lock=True)
    refuse_stale(if_match, found.version)
    return found


def _answer(session: Session, context: Context, response: Response, handover: Handover) -> HandoverShown:
    session.flush()
    response.headers["ETag"] = etag(handover.version)
    return show_handover(session, context, handover)
