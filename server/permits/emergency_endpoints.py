"""``/api/v1/emergencies`` (docs/interfaces.md, Permits)."""

from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import Field
from sqlmodel import Session, col, select

from server.context import Context
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.permits import emergencies
from server.permits.inputs import AreaList, DocumentNumber, ExternalId, Input, Name, Note, Reads, Reason, Said, Word
from server.permits.models import Emergency
from server.permits.shapes import EmergencyShown
from server.permits.showing import show_emergencies
from server.registry.records import IdDocument, Number
from server.registry.records import Name as PersonName
from server.routes import AppContext, DbSession, api_router

router = api_router("/emergencies", "permits")

Status = Literal["approved", "admitted", "closed", "withdrawn"]
Approves = Annotated[Actor, requires(Permission.EMERGENCY_APPROVE)]
Admits = Annotated[Actor, requires(Permission.EMERGENCY_ADMIT)]
Closes = Annotated[Actor, requires(Permission.EMERGENCY_CLOSE)]


class NewEmergency(Input):
    """``hours``: how long it stands (4). ``holder``: who comes, if it is known; else the guard writes down who stands there."""

    external_id: ExternalId | None = None
    reason: Said
    areas: AreaList
    hours: Annotated[float, Field(gt=0, le=24)] | None = None
    holder: Word | None = None


class DocumentGiven(Input):
    """The ID document that the guard saw; ``name``: of somebody who was not named."""

    id_document: IdDocument
    number: DocumentNumber
    name: PersonName | None = None
    note: Note = ""


class AdmitGiven(Input):
    """Where they stand."""

    access_point: Word


class Report(Input):
    """What was outstanding; what is left out stays."""

    reason: Said | None = None
    name: PersonName | None = None
    phone: Number | None = None
    id_document: IdDocument | None = None
    id_number: Number | None = None


class Closing(Input):
    """The closing words. ``mustered``: the muster list was compared on the spot, with what result stands in ``note``."""

    note: Said
    mustered: bool = False


@router.post("", status_code=201)
def approve(
    session: DbSession, context: AppContext, actor: Approves, given: NewEmergency, response: Response
) -> EmergencyShown:
    """A supervisor approves: somebody without papers may be admitted by another operator (B7)."""
    said = emergencies.Approval(given.reason, tuple(given.areas), given.hours, given.holder, given.external_id)
    return _answer(session, context, response, emergencies.approve(session, context, actor, said))


@router.get("")
def list_emergencies(
    session: DbSession,
    context: AppContext,
    _actor: Reads,
    status: Status | None = None,
    debts: Annotated[bool, Query(description="only those whose debt is open")] = False,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[EmergencyShown]:
    """Emergencies, by status."""
    query = select(Emergency)
    if status is not None:
        query = query.where(Emergency.status == status)
    if debts:
        query = query.where(Emergency.status == "admitted")
    rows, following = rows_after(session, query, col(Emergency.id), after, limit)
    return Page(items=show_emergencies(session, context, rows), next=following)


@router.get("/{name}")
def get_emergency(
    session: DbSession, context: AppContext, _actor: Reads, name: Name, response: Response
) -> EmergencyShown:
    """One emergency, by id or external id."""
    return _answer(session, context, response, emergencies.find_emergency(session, name))


@router.post("/{name}/document")
def see_document(
    session: DbSession,
    context: AppContext,
    actor: Admits,
    name: Name,
    given: DocumentGiven,
    response: Response,
    if_match: IfMatch = None,
) -> EmergencyShown:
    """The guard looks at the ID document. A mismatch is recorded and answered in ``document.matched``. 409 FOUR_EYES for who approved."""
    emergency = _to_change(session, name, if_match)
    document = emergencies.Document(given.id_document, given.number, given.name, given.note)
    emergencies.see_document(session, context, actor, emergency, document)
    return _answer(session, context, response, emergency)


@router.post("/{name}/admit")
def admit(
    session: DbSession,
    context: AppContext,
    actor: Admits,
    name: Name,
    given: AdmitGiven,
    response: Response,
    if_match: IfMatch = None,
) -> EmergencyShown:
    """The guard admits: the edge lets them in with an escort's tap; its answer comes with ``GET /commands/{command_id}``. From here on it is a debt.
    409 FOUR_EYES, NO_PERMIT, DOCUMENT_UNCHECKED, DOCUMENT_MISMATCH."""
    emergency = _to_change(session, name, if_match)
    emergencies.admit(session, context, actor, emergency, given.access_point)
    return _answer(session, context, response, emergency)


@router.post("/{name}/withdraw")
def withdraw(
    session: DbSession,
    context: AppContext,
    actor: Approves,
    name: Name,
    given: Reason,
    response: Response,
    if_match: IfMatch = None,
) -> EmergencyShown:
    """Approved, and nobody was admitted."""
    emergency = _to_change(session, name, if_match)
    emergencies.withdraw(session, actor, context.clock.now(), emergency, given.reason)
    return _answer(session, context, response, emergency)


@router.post("/{name}/report")
def report(
    session: DbSession,
    context: AppContext,
    actor: Admits,
    name: Name,
    given: Report,
    response: Response,
    if_match: IfMatch = None,
) -> EmergencyShown:
    """Write down what was outstanding: why they came, who they were, their document."""
    emergency = _to_change(session, name, if_match)
    values = given.model_dump(exclude={"reason", "name"})
    emergencies.report(session, context, actor, emergency, emergencies.Outstanding(given.reason, given.name, values))
    return _answer(session, context, response, emergency)


@router.post("/{name}/close")
def close(
    session: DbSession,
    context: AppContext,
    actor: Closes,
    name: Name,
    given: Closing,
    response: Response,
    if_match: IfMatch = None,
) -> EmergencyShown:
    """A third person closes the debt and signs. 409 DEBT_OPEN says what is still owed, FOUR_EYES who may not."""
    emergency = _to_change(session, name, if_match)
    emergencies.close(session, context, actor, emergency, given.note, mustered=given.mustered)
    return _answer(session, context, response, emergency)


def _to_change(session: Session, name: str, if_match: str | None) -> Emergency:
    emergency = emergencies.find_emergency(session, name, lock=True)
    refuse_stale(if_match, emergency.version)
    return emergency


def _answer(session: Session, context: Context, response: Response, emergency: Emergency) -> EmergencyShown:
    session.flush()
    response.headers["ETag"] = etag(emergency.version)
    return show_emergencies(session, context, [emergency])[0]
