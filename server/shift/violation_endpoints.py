"""``/api/v1/violations`` (R9, E7)."""

from typing import Annotated, Literal

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlmodel import Session, col
from starlette.concurrency import run_in_threadpool

from server.context import Context
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import MAX_ID, Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.personal.uploads import CleanUpload, clean_upload
from server.registry.lookup import find_customer, find_holder
from server.registry.moments import Moment, begin_of, end_of
from server.routes import AppContext, DbSession, api_router
from server.shift import violations
from server.shift.models import Violation
from server.shift.violation_lifecycle import HANDLINGS, KINDS, Handling, Kind
from server.shift.violation_showing import ViolationShown, show_violations

router = api_router("/violations", "violations")

Reads = Annotated[Actor, requires(Permission.VIOLATION_READ)]
Writes = Annotated[Actor, requires(Permission.VIOLATION_WRITE)]
Handles = Annotated[Actor, requires(Permission.VIOLATION_HANDLE)]
Said = Annotated[str, StringConstraints(min_length=1, max_length=2_000, strip_whitespace=True)]
Note = Annotated[str, StringConstraints(max_length=1_000, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Place = Annotated[str, StringConstraints(min_length=1, max_length=64)]
BadgeNames = Annotated[list[Name], Field(min_length=1, max_length=20)]
Part = Literal["photo", "letter"]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewEvidence(_Input):
    """``event``: its number in the ledger; ``alarm``: its id; neither: a file, which is handed in next (``PUT …/evidence/{id}/photo`` or ``/letter``)."""

    event: Annotated[int, Field(ge=1, le=MAX_ID)] | None = None
    alarm: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    note: Note = ""

    @model_validator(mode="after")
    def _one_of_them(self) -> "NewEvidence":
        if self.event is not None and self.alarm is not None:
            raise ValueError("event or alarm, not both")
        return self

    def shown(self) -> violations.Shown:
        """As the service takes it."""
        return violations.Shown(self.event, self.alarm, self.note)


class NewViolation(_Input):
    """``holder`` or ``customer`` at least; ``at``: RFC 3339 with its zone, or a date; now, if left out."""

    kind: Kind
    description: Said
    holder: Name | None = None
    customer: Name | None = None
    at: Moment | None = None
    area: Place | None = None
    door: Place | None = None
    rack: Annotated[str, StringConstraints(max_length=64, strip_whitespace=True)] = ""
    evidence: Annotated[list[NewEvidence], Field(max_length=violations.MAX_EVIDENCE)] = []


class Suspension(_Input):
    """``badges``: of the holder or of the customer; all that the holder has, if left out."""

    badges: BadgeNames | None = None
    note: Note = ""


class Handled(_Input):
    """How it was handled. ``badges`` go with ``suspended``; ``none`` says in ``note`` why."""

    handling: Handling
    note: Note = ""
    badges: BadgeNames | None = None


class Reason(_Input):
    """Why."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=450, strip_whitespace=True)]


class KindShown(BaseModel):
    """A kind of violation, with the rule."""

    kind: str
    zh: str
    en: str
    rule: str


class HandlingShown(BaseModel):
    """A way of handling."""

    handling: str
    zh: str
    en: str


class Lists(BaseModel):
    """What may be chosen."""

    kinds: list[KindShown]
    handlings: list[HandlingShown]


async def _clean_upload(request: Request, part: Part) -> CleanUpload:
    declared = request.headers.get("content-type", "")
    return await run_in_threadpool(clean_upload, part, await request.body(), declared)


@router.get("")
def list_violations(
    session: DbSession,
    context: AppContext,
    actor: Reads,
    customer: Annotated[str | None, Query(max_length=200)] = None,
    holder: Annotated[str | None, Query(max_length=200)] = None,
    status: Literal["open", "handled", "reopened"] | None = None,
    standing: Annotated[bool, Query(description="open or reopened: not handled")] = False,
    kind: Kind | None = None,
    handling: Handling | None = None,
    from_: Annotated[Moment | None, Query(alias="from")] = None,
    until: Moment | None = None,
    after: Cursor = 0,
    limit: Limit = 100,
    newest_first: bool = False,
) -> Page[ViolationShown]:
    """The running record (C1): by customer, holder, status, kind, handling, and when it happened."""
    query = violations.seen_violations(actor)
    if standing:
        query = query.where(col(Violation.status).in_(violations.OPEN))
    if customer is not None:
        query = query.where(Violation.customer_id == find_customer(session, customer, actor=actor).id)
    if holder is not None:
        query = query.where(Violation.holder_id == find_holder(session, holder, actor=actor).id)
    for column, value in ((Violation.status, status), (Violation.kind, kind), (Violation.handling, handling)):
        if value is not None:
            query = query.where(column == value)
    zone = context.site.time_zone
    if from_ is not None:
        query = query.where(col(Violation.at) >= begin_of(from_, zone, "from"))
    if until is not None:
        query = query.where(col(Violation.at) < end_of(until, zone, "until"))
    rows, following = rows_after(session, query, col(Violation.id), after, limit, newest_first=newest_first)
    return Page(items=show_violations(session, context, rows), next=following)


@router.get("/lists")
def get_lists(_actor: Reads) -> Lists:
    """The kinds of violation and the ways of handling, in both languages."""
    return Lists(
        kinds=[KindShown(kind=kind, zh=zh, en=en, rule=rule) for kind, (zh, en, rule) in KINDS.items()],
        handlings=[HandlingShown(handling=one, zh=zh, en=en) for one, (zh, en) in HANDLINGS.items()],
    )


@router.post("", status_code=201)
def create_violation(
    session: DbSession, context: AppContext, actor: Writes, given: NewViolation, response: Response
) -> ViolationShown:
    """Write a violation down."""
    at = begin_of(given.at, context.site.time_zone, "at") if given.at is not None else None
    new = violations.NewViolation(
        kind=given.kind,
        description=given.description,
        holder=given.holder,
        customer=given.customer,
        at=at,
        area=given.area,
        door=given.door,
        rack=given.rack,
        evidence=[one.shown() for one in given.evidence],
    )
    return _answer(session, context, response, violations.record_violation(session, context, actor, new))


@router.get("/{violation}")
def get_violation(
    session: DbSession, context: AppContext, actor: Reads, violation: str, response: Response
) -> ViolationShown:
    """One violation."""
    return _answer(session, context, response, violations.find_violation(session, violation, actor))


@router.post("/{violation}/evidence", status_code=201)
def add_evidence(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    violation: str,
    given: NewEvidence,
    response: Response,
    if_match: IfMatch = None,
) -> ViolationShown:
    """One more thing that shows it."""
    found = _locked(session, violation, actor, if_match)
    violations.add_evidence(session, actor, context.clock.now(), found, given.shown())
    return _answer(session, context, response, found)


@router.put("/{violation}/evidence/{evidence}/{part}")
def put_file(
    actor: Writes,
    upload: Annotated[CleanUpload, Depends(_clean_upload)],  # before the session: it may take a second
    session: DbSession,
    context: AppContext,
    violation: str,
    evidence: str,
    part: Part,
    response: Response,
) -> ViolationShown:
    """The file itself as body: a picture, or as ``letter`` also a PDF; once."""
    found = violations.find_violation(session, violation, actor, lock=True)
    violations.store_file(session, context, actor, found, evidence, part, upload)
    return _answer(session, context, response, found)


@router.post("/{violation}/suspend")
def suspend(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    violation: str,
    given: Suspension,
    response: Response,
    if_match: IfMatch = None,
) -> ViolationShown:
    """Suspend badges for it at once: the doors say ``BADGE_SUSPENDED``."""
    found = _locked(session, violation, actor, if_match)
    violations.suspend(session, actor, context.clock.now(), found, given.badges, given.note)
    return _answer(session, context, response, found)


@router.post("/{violation}/lift")
def lift(
    session: DbSession,
    context: AppContext,
    actor: Handles,
    violation: str,
    given: Reason,
    response: Response,
    if_match: IfMatch = None,
) -> ViolationShown:
    """Give the badges back; takes ``badge.issue`` as well. One that another violation, or another reason, keeps suspended stays so."""
    found = _locked(session, violation, actor, if_match)
    violations.lift(session, actor, context.clock.now(), found, given.reason)
    return _answer(session, context, response, found)


@router.post("/{violation}/handle")
def handle(
    session: DbSession,
    context: AppContext,
    actor: Handles,
    violation: str,
    given: Handled,
    response: Response,
    if_match: IfMatch = None,
) -> ViolationShown:
    """Record how it was handled."""
    found = _locked(session, violation, actor, if_match)
    violations.handle(session, actor, context.clock.now(), found, given.handling, given.note, given.badges)
    return _answer(session, context, response, found)


@router.post("/{violation}/reopen")
def reopen(
    session: DbSession,
    context: AppContext,
    actor: Handles,
    violation: str,
    given: Reason,
    response: Response,
    if_match: IfMatch = None,
) -> ViolationShown:
    """Take up again what was handled."""
    found = _locked(session, violation, actor, if_match)
    violations.reopen(session, actor, context.clock.now(), found, given.reason)
    return _answer(session, context, response, found)


def _locked(session: Session, name: str, actor: Actor, if_match: str | None) -> Violation:
    found = violations.find_violation(session, name, actor, lock=True)
    refuse_stale(if_match, found.version)
    return found


def _answer(session: Session, context: Context, response: Response, violation: Violation) -> ViolationShown:
    session.flush()
    response.headers["ETag"] = etag(violation.version)
    return show_violations(session, context, [violation])[0]
