"""``/api/v1/permits`` (docs/interfaces.md, Permits)."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field
from sqlmodel import Session, col, select

from server.context import Context
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.permits import approval, drafting, visits
from server.permits.inputs import (
    AreaList,
    ChecksIn,
    ExternalId,
    IdCopy,
    Input,
    Letter,
    Name,
    Note,
    Reads,
    Reason,
    Said,
    Word,
    Writes,
)
from server.permits.models import Permit, PermitPerson
from server.permits.shapes import PermitShown, VisitShown
from server.permits.showing import show_permits, show_visits
from server.personal.attachments import Owner, store_attachment
from server.registry.lookup import find_customer, find_holder
from server.registry.moments import Moment, begin_of, end_of
from server.registry.records import IdDocument, Number
from server.registry.records import Name as PersonName
from server.routes import AppContext, DbSession, api_router

router = api_router("/permits", "permits")

Kind = Literal["temporary", "recurring"]
Status = Literal["draft", "submitted", "approved", "refused", "ended", "closed"]
Decides = Annotated[Actor, requires(Permission.PERMIT_READ)]
"""Which approval it takes depends on the permit: the service asks for ``permit.approve`` or ``permit.approve_it``."""
Filter = Annotated[str | None, Query(max_length=200)]


class PersonGiven(Input):
    """Who comes: a visitor who is known (``holder``: id or external id), or a new one."""

    holder: Word | None = None
    name: PersonName | None = None
    phone: Number | None = None
    id_document: IdDocument | None = None
    id_number: Number | None = None

    def person(self) -> drafting.Person:
        """As the service takes it."""
        values = {name: value for name, value in self.model_dump(exclude={"holder"}).items() if value is not None}
        return drafting.Person(self.holder, values)


class NewPermit(Input):
    """What is asked for. A date as ``from`` or ``until`` is that whole day. ``customer`` left out: guests of the site itself. ``escort``: a holder, by name; left out: any
    who may. ``operates``: they operate systems, watched (R6), which the IT head approves."""

    external_id: ExternalId | None = None
    kind: Kind = "temporary"
    customer: Annotated[str, Field(max_length=200)] | None = None
    reason: Said
    areas: AreaList
    from_: Moment = Field(alias="from")
    until: Moment
    schedule: Word | None = None
    escort: Word | None = None
    level: Word = "work"
    operates: bool = False
    persons: list[PersonGiven] = Field(default_factory=list, max_length=drafting.MAX_PERSONS)


class PermitChange(Input):
    """What changes in a draft; what is left out stays."""

    customer: Annotated[str, Field(max_length=200)] | None = None
    reason: Said | None = None
    areas: AreaList | None = None
    from_: Moment | None = Field(default=None, alias="from")
    until: Moment | None = None
    schedule: Word | None = None
    escort: Word | None = None
    level: Word | None = None
    operates: bool | None = None


class ApprovalGiven(Input):
    """As whom, where one may as both; and a note."""

    as_: approval.Approver | None = Field(default=None, alias="as")
    note: Note = ""


class Arrival(Input):
    """Who comes: an id of the permit's persons, or a holder's."""

    person: Word


@router.post("", status_code=201)
def create_permit(
    session: DbSession, context: AppContext, actor: Writes, given: NewPermit, response: Response
) -> PermitShown:
    """A draft, with the persons that are named."""
    zone = context.site.time_zone
    values: dict[str, Any] = given.model_dump(exclude={"persons", "from_", "until"})
    terms = drafting.Terms(
        **values, from_at=begin_of(given.from_, zone, "from"), until_at=end_of(given.until, zone, "until")
    )
    permit = drafting.draft(session, context, actor, terms)
    for person in given.persons:
        drafting.add_person(session, context, actor, permit, person.person())
    return _answer(session, context, response, permit)


@router.get("")
def list_permits(
    session: DbSession,
    context: AppContext,
    actor: Reads,
    status: Status | None = None,
    kind: Kind | None = None,
    customer: Filter = None,
    holder: Filter = None,
    awaiting: Annotated[approval.Approver | None, Query(description="submitted, and this approval not given")] = None,
    open_: Annotated[bool, Query(alias="open", description="neither refused nor closed")] = False,
    after: Cursor = 0,
    limit: Limit = 100,
    newest_first: bool = False,
) -> Page[PermitShown]:
    """Permits, by status, customer or person."""
    query = select(Permit).where(drafting.seen_permits(actor))
    if kind is not None:
        query = query.where(Permit.kind == kind)
    if customer is not None:
        query = query.where(Permit.customer_id == find_customer(session, customer, actor=actor).id)
    if holder is not None:
        on = select(PermitPerson.permit_id).where(
            PermitPerson.holder_id == find_holder(session, holder, actor=actor).id
        )
        query = query.where(col(Permit.id).in_(on))
    if status is not None:
        query = query.where(Permit.status == status)
    if open_:
        query = query.where(col(Permit.status).not_in(("refused", "closed")))
    if awaiting is not None:
        waiting = session.exec(query.where(Permit.status == "submitted")).all()
        given = approval.approvals_of(session, waiting)
        wanted = [
            row.id
            for row in waiting
            if awaiting in approval.approvals_needed(context.site, row)
            and awaiting not in {one.role for one in given.get(row.id, [])}
        ]
        query = query.where(col(Permit.id).in_(wanted))
    rows, following = rows_after(session, query, col(Permit.id), after, limit, newest_first=newest_first)
    return Page(items=show_permits(session, context, rows), next=following)


@router.get("/{name}")
def get_permit(session: DbSession, context: AppContext, actor: Reads, name: Name, response: Response) -> PermitShown:
    """One permit, by id or external id."""
    return _answer(session, context, response, drafting.find_permit(session, name, actor))


@router.patch("/{name}")
def change_permit(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: Name,
    given: PermitChange,
    response: Response,
    if_match: IfMatch = None,
) -> PermitShown:
    """Change a draft."""
    permit = _to_change(session, actor, name, if_match)
    zone = context.site.time_zone
    terms = _terms_of(session, permit)
    values = {field: getattr(given, field) for field in type(given).model_fields if field in given.model_fields_set}
    begins, ends = values.pop("from_", None), values.pop("until", None)
    if begins is not None:
        values["from_at"] = begin_of(begins, zone, "from")
    if ends is not None:
        values["until_at"] = end_of(ends, zone, "until")
    nullable = ("customer", "schedule", "escort")
    terms |= {field: value for field, value in values.items() if value is not None or field in nullable}
    drafting.redraft(session, context, actor, permit, drafting.Terms(**terms))
    return _answer(session, context, response, permit)


@router.put("/{name}/letter")
def put_letter(
    actor: Writes,
    upload: Letter,
    session: DbSession,
    context: AppContext,
    name: Name,
    response: Response,
    if_match: IfMatch = None,
) -> PermitShown:
    """The customer's letter (B8): the file itself as body. It takes the place of the one before."""
    permit = _to_change(session, actor, name, if_match)
    drafting.refuse_fixed(permit)
    owner = Owner(permit.public_id, customer_id=permit.customer_id)
    store_attachment(session, context, actor, owner, "letter", upload)
    drafting.changed(session, permit)
    return _answer(session, context, response, permit)


@router.post("/{name}/persons", status_code=201)
def add_person(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: Name,
    given: PersonGiven,
    response: Response,
    if_match: IfMatch = None,
) -> PermitShown:
    """One more person on a draft."""
    permit = _to_change(session, actor, name, if_match)
    drafting.add_person(session, context, actor, permit, given.person())
    return _answer(session, context, response, permit)


@router.delete("/{name}/persons/{person}")
def remove_person(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: Name,
    person: Name,
    response: Response,
    if_match: IfMatch = None,
) -> PermitShown:
    """Take somebody off a draft."""
    permit = _to_change(session, actor, name, if_match)
    found = drafting.find_person(session, permit, person)
    drafting.remove_person(session, actor, context.clock.now(), permit, found)
    return _answer(session, context, response, permit)


@router.put("/{name}/persons/{person}/id-copy")
def put_id_copy(
    actor: Writes,
    upload: IdCopy,
    session: DbSession,
    context: AppContext,
    name: Name,
    person: Name,
    response: Response,
    if_match: IfMatch = None,
) -> PermitShown:
    """The copy of a person's ID document: the file itself as body."""
    permit = _to_change(session, actor, name, if_match)
    drafting.refuse_fixed(permit)
    found = drafting.find_person(session, permit, person)
    owner = Owner(found.public_id, found.holder_id, permit.customer_id)
    store_attachment(session, context, actor, owner, "id_copy", upload)
    drafting.changed(session, permit)
    return _answer(session, context, response, permit)


@router.post("/{name}/submit")
def submit_permit(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: Name,
    response: Response,
    if_match: IfMatch = None,
) -> PermitShown:
    """Hand it in. 409 PERMIT_INCOMPLETE names what is missing."""
    permit = _to_change(session, actor, name, if_match)
    drafting.submit(session, context, actor, permit)
    return _answer(session, context, response, permit)


@router.post("/{name}/approve")
def approve_permit(
    session: DbSession,
    context: AppContext,
    actor: Decides,
    name: Name,
    response: Response,
    given: ApprovalGiven | None = None,
    if_match: IfMatch = None,
) -> PermitShown:
    """Approve, as customer service or as IT head. Where both are asked for, two people do."""
    permit = _to_change(session, actor, name, if_match)
    said = given or ApprovalGiven()
    approval.approve(session, context, actor, permit, said.as_, said.note)
    return _answer(session, context, response, permit)


@router.post("/{name}/refuse")
def refuse_permit(
    session: DbSession,
    context: AppContext,
    actor: Decides,
    name: Name,
    given: Reason,
    response: Response,
    if_match: IfMatch = None,
) -> PermitShown:
    """Refuse, with the reason."""
    permit = _to_change(session, actor, name, if_match)
    approval.refuse_undeciding(context.site, actor, permit)
    approval.refuse(session, actor, context.clock.now(), permit, given.reason, _erase_after(context))
    return _answer(session, context, response, permit)


@router.post("/{name}/end")
def end_permit(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: Name,
    given: Reason,
    response: Response,
    if_match: IfMatch = None,
) -> PermitShown:
    """End it now, or withdraw it: its badges open no entry any more, who is inside leaves as always (MEANINGS 8)."""
    permit = _to_change(session, actor, name, if_match)
    approval.end(session, actor, context.clock.now(), permit, given.reason, _erase_after(context))
    return _answer(session, context, response, permit)


@router.post("/{name}/visits", status_code=201)
def create_visit(session: DbSession, context: AppContext, actor: ChecksIn, name: Name, given: Arrival) -> VisitShown:
    """Somebody on the permit comes (again). Of a temporary permit the first visit of each person is expected from the approval on."""
    visit = visits.arrive(session, actor, context.clock.now(), name, given.person)
    return show_visits(session, context, [visit])[0]


def _to_change(session: Session, actor: Actor, name: str, if_match: str | None) -> Permit:
    permit = drafting.find_permit(session, name, actor, lock=True)
    refuse_stale(if_match, permit.version)
    return permit


def _terms_of(session: Session, permit: Permit) -> dict[str, Any]:
    """A draft's terms, by the names that requests use."""
    return {
        "kind": permit.kind,
        "external_id": permit.external_id,
        "reason": permit.reason,
        "areas": permit.areas,
        "from_at": permit.from_at,
        "until_at": permit.until_at,
        "customer": drafting.customer_name(session, permit),
        "schedule": permit.schedule,
        "escort": drafting.escort_name(session, permit),
        "level": permit.level,
        "operates": permit.operates,
    }


def _answer(session: Session, context: Context, response: Response, permit: Permit) -> PermitShown:
    session.flush()
    response.headers["ETag"] = etag(permit.version)
    return show_permits(session, context, [permit])[0]


def _erase_after(context: Context) -> timedelta:
    return timedelta(days=context.config.erase_after_days)
