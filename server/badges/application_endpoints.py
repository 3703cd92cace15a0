"""``/api/v1/applications`` (docs/interfaces.md)."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool

from server.badges import applications, approval
from server.badges.documents import changed_since, is_complete
from server.badges.lookup import find_application, find_badge
from server.badges.models import Application
from server.badges.showing import ApplicationShown, show_applications
from server.context import Context
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.personal.attachments import store_attachment
from server.personal.looks import record_match, refuse_harvest
from server.personal.uploads import CleanUpload, clean_upload
from server.problems import Problem
from server.registry import people
from server.registry.lookup import find_customer, find_holder, living_customer, seen_rows
from server.registry.models import Customer, Holder
from server.registry.moments import Moment, begin_of, end_of
from server.registry.records import IdDocument, Name, Number
from server.registry.showing import ModifiedSince
from server.registry.validation import Warned
from server.registry.writing import Writing
from server.routes import AppContext, DbSession, api_router

router = api_router("/applications", "applications")

Reads = Annotated[Actor, requires(Permission.APPLICATION_READ)]
Writes = Annotated[Actor, requires(Permission.APPLICATION_WRITE)]
Approves = Annotated[Actor, requires(Permission.APPLICATION_APPROVE)]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
Note = Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)]
Said = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Part = Literal["photo", "id_copy", "letter", "loss_letter"]
ShownStatus = Literal["incomplete", "complete", "approved", "refused", "withdrawn"]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Person(_Input):
    """Somebody who is not on file yet, as the ID document names them."""

    name: Name
    id_document: IdDocument
    id_number: Number
    phone: Number | None = None

    def values_given(self) -> dict[str, Any]:
        """The columns."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class NewApplication(_Input):
    """What is asked for. The badge is for a ``holder`` who is on file, or for a new ``person`` of ``customer``, put on file in the same act.
    ``consent``: the person has agreed that the data are kept for ``purpose``. A date as ``until`` is inclusive."""

    external_id: ExternalId | None = None
    holder: str | None = None
    customer: str | None = None
    person: Person | None = None
    kind: applications.Kind = "new"
    replaces: str | None = None
    purpose: Said
    consent: Literal[True]
    from_: Moment | None = Field(default=None, alias="from")
    until: Moment | None = None
    schedule: str | None = None


class Approval(_Input):
    """The badge's name in the caller's own system, and a note."""

    external_id: ExternalId | None = None
    note: Note = ""


class Refusal(_Input):
    """Why."""

    reason: Said


class Withdrawal(_Input):
    """Why, if there is something to say."""

    reason: Note = ""


async def _clean_upload(request: Request, part: Part) -> CleanUpload:
    declared = request.headers.get("content-type", "")
    return await run_in_threadpool(clean_upload, part, await request.body(), declared)


@router.post("", status_code=201)
def create_application(
    session: DbSession, context: AppContext, actor: Writes, given: NewApplication, response: Response
) -> ApplicationShown:
    """Apply for a badge: a new one, one after a loss (``reissue``), or one that passes to another person (``transfer``)."""
    site = context.site
    refuse_unknown_schedule(context, given.schedule)
    from_at = begin_of(given.from_, site.time_zone, "from") if given.from_ is not None else None
    until_at = end_of(given.until, site.time_zone, "until") if given.until is not None else None
    if until_at is not None and until_at < (from_at or context.clock.now()):
        raise Problem(422, "invalid_input", "The badge ends before it begins.", "出入证的结束早于开始。", field="until")
    new = applications.NewApplication(
        external_id=given.external_id,
        kind=given.kind,
        replaces=find_badge(session, given.replaces, "replaces", actor=actor) if given.replaces is not None else None,
        purpose=given.purpose,
        from_at=from_at,
        until_at=until_at,
        schedule=given.schedule,
    )
    holder, warnings = _holder_of(session, context, actor, given)
    made = applications.create_application(session, actor, context.clock.now(), holder, new)
    if given.person is not None:
        _refuse_on_file(session, context, actor, holder)
    shown = _answer(session, made, response)
    shown.warnings = warnings
    return shown


@router.get("")
def list_applications(
    session: DbSession,
    actor: Reads,
    status: ShownStatus | None = None,
    holder: str | None = None,
    customer: str | None = None,
    modified_since: ModifiedSince = None,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[ApplicationShown]:
    """Applications, by status, holder or customer, or those that changed since then."""
    query: Any = select(Application).join(Holder, col(Holder.id) == Application.holder_id)
    query = seen_rows(actor, query, Holder)
    if holder is not None:
        query = query.where(Application.holder_id == find_holder(session, holder, actor=actor).id)
    if customer is not None:
        query = query.where(Holder.customer_id == find_customer(session, customer, actor=actor).id)
    if status in ("incomplete", "complete"):
        query = query.outerjoin(Customer, col(Customer.id) == Holder.customer_id).where(Application.status == "open")
        query = query.where(is_complete() if status == "complete" else ~is_complete())
    elif status is not None:
        query = query.where(Application.status == status)
    if modified_since is not None:
        query = query.where(changed_since(modified_since))
    rows, following = rows_after(session, query, Application.id, after, limit)
    return Page(items=show_applications(session, rows), next=following)


@router.get("/{name}")
def get_application(session: DbSession, actor: Reads, name: str, response: Response) -> ApplicationShown:
    """One application, by id or external id."""
    return _answer(session, find_application(session, name, actor), response)


@router.put("/{name}/attachments/{part}")
def put_attachment(
    actor: Writes,
    upload: Annotated[CleanUpload, Depends(_clean_upload)],  # before the session: it may take a second
    session: DbSession,
    context: AppContext,
    name: str,
    part: Part,
    response: Response,
    if_match: IfMatch = None,
) -> ApplicationShown:
    """Hand in a document: the file itself as body. It takes the place of the one before. To an approved application only the letter
    that states the badge's loss can be added."""
    application = find_application(session, name, actor, to_change=True)
    refuse_stale(if_match, application.version)
    if not (application.status == "approved" and part == "loss_letter"):
        applications.refuse_decided(application)
    store_attachment(session, context, actor, application, part, upload)
    application.version += 1
    session.add(application)
    session.flush()
    return _answer(session, application, response)


@router.post("/{name}/approve")
def approve_application(
    session: DbSession,
    context: AppContext,
    actor: Approves,
    name: str,
    response: Response,
    given: Approval | None = None,
    if_match: IfMatch = None,
) -> ApplicationShown:
    """Approve: the badge takes its slot. 409 APPLICATION_INCOMPLETE, CONTRACT_ENDED, QUOTA_EXCEEDED, LOSS_LETTER_MISSING."""
    application = find_application(session, name, actor, to_change=True)
    refuse_stale(if_match, application.version)
    decision = approval.Decision(given.external_id, given.note) if given is not None else approval.Decision()
    approval.approve(session, actor, context.clock.now(), application, decision, erase_after(context))
    return _answer(session, application, response)


@router.post("/{name}/refuse")
def refuse_application(
    session: DbSession,
    context: AppContext,
    actor: Approves,
    name: str,
    given: Refusal,
    response: Response,
    if_match: IfMatch = None,
) -> ApplicationShown:
    """Refuse, with the reason."""
    return _decide(session, context, actor, name, "refused", given.reason, response, if_match)


@router.post("/{name}/withdraw")
def withdraw_application(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: str,
    response: Response,
    given: Withdrawal | None = None,
    if_match: IfMatch = None,
) -> ApplicationShown:
    """Withdraw before it is decided."""
    reason = given.reason if given is not None else ""
    return _decide(session, context, actor, name, "withdrawn", reason, response, if_match)


def _holder_of(session: Session, context: Context, actor: Actor, given: NewApplication) -> tuple[Holder, list[Warned]]:
    """Who the badge is for, and what looks wrong about somebody new. Raises :class:`Problem`; of a person, ``field`` begins with it."""
    if (given.holder is None) == (given.person is None):
        raise Problem(
            422,
            "invalid_input",
            "holder: name who gets the badge: somebody on file, or a new person with name and ID document.",
            "holder：请选择已登记的持证人，或填写新持证人的姓名和证件。",
            field="holder",
        )
    if given.person is None:
        assert given.holder is not None
        return find_holder(session, given.holder, "holder", actor=actor), []
    if not actor.may(Permission.REGISTRY_WRITE):
        raise Problem(
            403,
            "not_permitted",
            "person: you may not put people on file: choose one who is.",
            "person：您无权新建人员档案，请选择已登记的人员。",
            field="person.name",
        )
    if given.customer is None:
        raise Problem(
            422,
            "invalid_input",
            "customer: name the customer whose person this is.",
            "customer：请填写该人员所属的客户。",
            field="customer",
        )
    refuse_harvest(session, context, actor, "holder", context.clock.now())
    customer = living_customer(session, given.customer, "customer", actor=actor)
    w = Writing(session, actor, context.clock.now(), context.personal)
    values = given.person.values_given() | {"customer_id": customer.id}
    try:
        written = people.create_holder(w, context.site, values, staff=False)
    except Problem as problem:
        problem.field = f"person.{problem.field}" if problem.field in Person.model_fields else problem.field
        raise
    warnings = [one.model_copy(update={"field": f"person.{one.field}"}) for one in written.warnings]
    return written.row, warnings


def _refuse_on_file(session: Session, context: Context, actor: Actor, holder: Holder) -> None:
    """Two files of one person would make a pair of them (R2). Call it when nothing else can be refused any more: then whoever tries numbers leaves a file
    for each that is not here, and a look for each that is (C4). Raises :class:`Problem` 409."""
    query = select(Holder.public_id).where(
        Holder.customer_id == holder.customer_id,
        Holder.id != holder.id,
        col(Holder.deleted_at).is_(None),
        Holder.id_number_index == holder.id_number_index,
    )
    known = session.exec(query).first()
    if known is not None:
        record_match(session, context, actor, known, "id_number")
        raise Problem(
            409,
            "person_on_file",
            "person.id_number: somebody of this customer with this number is on file already: choose them from the list.",
            "person.id_number：该客户下已有此证件号码的人员，请从已登记人员中选择。",
            field="person.id_number",
            extra={"holder": known} if actor.may(Permission.PERSONAL_LOOK) else {},
        )


def refuse_unknown_schedule(context: Context, schedule: str | None) -> None:
    """Raise :class:`Problem` 422 for a schedule that the site file does not have."""
    if schedule is not None and schedule not in {known.id for known in context.site.schedules}:
        raise Problem(
            422,
            "unknown_schedule",
            f"schedule: the site has no schedule {schedule!r}.",
            f"schedule：场地没有时间表 {schedule}。",
            field="schedule",
        )


def erase_after(context: Context) -> timedelta:
    """How long after a badge came back its documents are kept."""
    return timedelta(days=context.config.erase_after_days)


def _decide(
    session: Session,
    context: Context,
    actor: Actor,
    name: str,
    status: Literal["refused", "withdrawn"],
    note: str,
    response: Response,
    if_match: str | None,
) -> ApplicationShown:
    application = find_application(session, name, actor, to_change=True)
    refuse_stale(if_match, application.version)
    now = context.clock.now()
    applications.decide(session, actor, now, application, status, note)
    applications.erase_documents(session, application, now, erase_after(context))
    return _answer(session, application, response)


def _answer(session: Session, application: Application, response: Response) -> ApplicationShown:
    response.headers["ETag"] = etag(application.version)
    return show_applications(session, [application])[0]
