"""``/api/v1/visits`` (docs/interfaces.md, Permits)."""

from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlmodel import Session, col, select

from server.context import Context
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.permits import visits
from server.permits.declaration import ITEMS, Word, declare
from server.permits.documents import check_document
from server.permits.drafting import find_permit, seen_permits, sees
from server.permits.inputs import ChecksIn, DocumentNumber, Input, Name, Note, Photo, Printed, Reads, Reason, Said
from server.permits.lending import Outcome
from server.permits.lifecycle import VisitAct, refuse_act
from server.permits.models import Permit, Visit
from server.permits.overdue import overdue_visits
from server.permits.reception import LEVELS
from server.permits.shapes import VisitShown
from server.permits.showing import show_visits
from server.personal.attachments import Owner, store_attachment
from server.registry.lookup import find_holder
from server.registry.models import Holder
from server.registry.records import IdDocument
from server.routes import AppContext, DbSession, api_router

router = api_router("/visits", "permits")

Status = Literal["expected", "checked_in", "checked_out", "closed", "void"]
Signs = Annotated[Actor, requires(Permission.VISIT_SIGN)]
Filter = Annotated[str | None, Query(max_length=200)]


class DocumentGiven(Input):
    """What the guard reads off the document: its kind, and its number or at least the last four characters of it."""

    id_document: IdDocument
    number: DocumentNumber
    note: Note = ""


class ItemWord(Input):
    """What was said to an item; refused: why."""

    confirmed: bool
    note: Note = ""


class DeclarationGiven(Input):
    """Item → what was said."""

    items: Annotated[dict[str, ItemWord], Field(min_length=1, max_length=len(ITEMS))]

    def words(self) -> dict[str, Word]:
        """As the service takes it."""
        return {item: Word(word.confirmed, word.note) for item, word in self.items.items()}


class CheckInGiven(Input):
    """``card``: the temporary badge that is lent, by its printed number, or ``without_card``: why none is."""

    card: Printed | None = None
    without_card: Note = ""
    visitor_badge: Annotated[str, Field(max_length=24)] = ""


class CheckOutGiven(Input):
    """See :class:`server.permits.visits.CheckOut`."""

    content: Said
    operations: Said
    badge: Outcome | None = None
    operated: bool = False
    left_unseen: Note = ""


class CardGiven(Input):
    """The card, by its printed number."""

    card: Printed


class LevelShown(BaseModel):
    """A reception level (C6); ``refuse_zh``, ``refuse_en``: the words with which somebody is turned away; null: they are received."""

    code: str
    name_zh: str
    name_en: str
    received_by_zh: str
    received_by_en: str
    refuse_zh: str | None
    refuse_en: str | None


class ItemText(BaseModel):
    """An item of the declaration (R8)."""

    item: str
    text_zh: str
    text_en: str


class Forms(BaseModel):
    """What the guard's form consists of."""

    declaration: list[ItemText]
    levels: list[LevelShown]
    early_min: int


class OverdueShown(BaseModel):
    """A visit that should be over. ``why``: ``window_over``, ``permit_ended``, ``badge_out``, ``unsigned``."""

    why: list[str]
    visit: VisitShown


class OverduePage(BaseModel):
    """All of them, oldest first."""

    items: list[OverdueShown]


@router.get("")
def list_visits(
    session: DbSession,
    context: AppContext,
    actor: Reads,
    status: Status | None = None,
    permit: Filter = None,
    holder: Filter = None,
    open_: Annotated[bool, Query(alias="open", description="checked in, or out and not closed (R5)")] = False,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[VisitShown]:
    """Visits, by status, permit or person."""
    query = select(Visit).join(Permit, col(Permit.id) == Visit.permit_id).where(seen_permits(actor))
    if status is not None:
        query = query.where(Visit.status == status)
    if open_:
        query = query.where(col(Visit.status).in_(("checked_in", "checked_out")))
    if permit is not None:
        query = query.where(Visit.permit_id == find_permit(session, permit, actor).id)
    if holder is not None:
        query = query.where(Visit.holder_id == find_holder(session, holder, actor=actor).id)
    rows, following = rows_after(session, query, col(Visit.id), after, limit)
    return Page(items=show_visits(session, context, rows), next=following)


@router.get("/forms")
def forms(_actor: Reads) -> Forms:
    """The declaration's items and the reception levels, in both languages."""
    return Forms(
        declaration=[ItemText(item=item, text_zh=zh, text_en=en) for item, (zh, en) in ITEMS.items()],
        levels=[
            LevelShown(
                code=level.code,
                name_zh=level.name[0],
                name_en=level.name[1],
                received_by_zh=level.received_by[0],
                received_by_en=level.received_by[1],
                refuse_zh=level.refuse[0] if level.refuse is not None else None,
                refuse_en=level.refuse[1] if level.refuse is not None else None,
            )
            for level in LEVELS.values()
        ],
        early_min=int(visits.EARLY.total_seconds() // 60),
    )


@router.get("/overdue")
def overdue(session: DbSession, context: AppContext, actor: Reads) -> OverduePage:
    """Visits that should be over: the window is over or the permit ended, the badge is not back, a signature is missing. Those of other departments'
    customers are on the shift's list of debts, without their content (C4)."""
    found = [
        (visit, why)
        for visit, why in overdue_visits(session, context)
        if sees(session, actor, session.get_one(Permit, visit.permit_id))
    ]
    shown = show_visits(session, context, [visit for visit, _ in found])
    return OverduePage(
        items=[OverdueShown(why=list(why), visit=one) for (_, why), one in zip(found, shown, strict=True)]
    )


@router.get("/{name}")
def get_visit(session: DbSession, context: AppContext, actor: Reads, name: Name, response: Response) -> VisitShown:
    """One visit."""
    return _answer(session, context, response, visits.find_visit(session, name, actor)[0])


@router.post("/{name}/document")
def see_document(
    session: DbSession,
    context: AppContext,
    actor: ChecksIn,
    name: Name,
    given: DocumentGiven,
    response: Response,
    if_match: IfMatch = None,
) -> VisitShown:
    """Compare the ID document. A mismatch is recorded and answered in ``document.matched``: nobody is checked in on it."""
    visit, _ = _to_change(session, actor, name, if_match)
    refuse_act(visit.status, VisitAct.CHECK_IN)
    holder = session.get_one(Holder, visit.holder_id)
    check_document(session, context, actor, visit, holder, given.id_document, given.number, given.note)
    return _changed(session, context, response, visit)


@router.post("/{name}/declaration")
def take_declaration(
    session: DbSession,
    context: AppContext,
    actor: ChecksIn,
    name: Name,
    given: DeclarationGiven,
    response: Response,
    if_match: IfMatch = None,
) -> VisitShown:
    """What the visitor said to some items, or all (R8). A refusal is recorded; admission waits until the item is confirmed."""
    visit, _ = _to_change(session, actor, name, if_match)
    refuse_act(visit.status, VisitAct.CHECK_IN)
    declare(session, actor, context.clock.now(), visit.holder_id, given.words(), visit)
    return _changed(session, context, response, visit)


@router.put("/{name}/photo")
def put_photo(
    actor: ChecksIn,
    upload: Photo,
    session: DbSession,
    context: AppContext,
    name: Name,
    response: Response,
    if_match: IfMatch = None,
) -> VisitShown:
    """The visitor's photo, taken or uploaded: the file itself as body."""
    visit, permit = _to_change(session, actor, name, if_match)
    refuse_act(visit.status, VisitAct.CHECK_IN)
    owner = Owner(visit.public_id, visit.holder_id, permit.customer_id)
    store_attachment(session, context, actor, owner, "photo", upload)
    return _changed(session, context, response, visit)


@router.post("/{name}/check-in")
def check_in(
    session: DbSession,
    context: AppContext,
    actor: ChecksIn,
    name: Name,
    given: CheckInGiven,
    response: Response,
    if_match: IfMatch = None,
) -> VisitShown:
    """Admit to the house and lend the temporary badge. 409 PERMIT_NOT_APPROVED, OUTSIDE_PERMIT_WINDOW, NOT_RECEIVED, DOCUMENT_UNCHECKED, DOCUMENT_MISMATCH,
    DECLARATION_INCOMPLETE, PHOTO_MISSING, card_out."""
    visit, permit = _to_change(session, actor, name, if_match)
    said = visits.CheckIn(given.card, given.without_card, given.visitor_badge.strip())
    visits.check_in(session, context, actor, visit, permit, said)
    return _answer(session, context, response, visit)


@router.post("/{name}/lend")
def lend_another(
    session: DbSession,
    context: AppContext,
    actor: ChecksIn,
    name: Name,
    given: CardGiven,
    response: Response,
    if_match: IfMatch = None,
) -> VisitShown:
    """Another card for somebody who is checked in: theirs is lost or fails, or they had none."""
    visit, permit = _to_change(session, actor, name, if_match)
    visits.lend_another(session, actor, context.clock.now(), visit, permit, given.card)
    return _answer(session, context, response, visit)


@router.post("/{name}/check-out")
def check_out(
    session: DbSession,
    context: AppContext,
    actor: ChecksIn,
    name: Name,
    given: CheckOutGiven,
    response: Response,
    if_match: IfMatch = None,
) -> VisitShown:
    """Away again: the badge stops at once, what was done goes into the register (R3), the operator signs. 409 STILL_INSIDE."""
    visit, permit = _to_change(session, actor, name, if_match)
    visits.check_out(session, context, actor, visit, permit, visits.CheckOut(**given.model_dump()))
    return _answer(session, context, response, visit)


@router.post("/{name}/witness")
def witness(
    session: DbSession,
    context: AppContext,
    actor: Signs,
    name: Name,
    response: Response,
    if_match: IfMatch = None,
) -> VisitShown:
    """A second person signs for what was operated (R6). 409 FOUR_EYES for who checked out."""
    visit, permit = _to_change(session, actor, name, if_match)
    visits.witness(session, context, actor, visit, permit)
    return _answer(session, context, response, visit)


@router.post("/{name}/badge-back")
def badge_back(
    session: DbSession,
    context: AppContext,
    actor: ChecksIn,
    name: Name,
    response: Response,
    if_match: IfMatch = None,
) -> VisitShown:
    """The badge is back: before the check-out, or long after."""
    visit, permit = _to_change(session, actor, name, if_match)
    visits.badge_came_back(session, context, actor, visit, permit)
    return _answer(session, context, response, visit)


@router.post("/{name}/refuse")
def turn_away(
    session: DbSession,
    context: AppContext,
    actor: ChecksIn,
    name: Name,
    given: Reason,
    response: Response,
    if_match: IfMatch = None,
) -> VisitShown:
    """Turned away, or did not come: the visit is void, with the reason. They may come again while the permit stands."""
    visit, _ = _to_change(session, actor, name, if_match)
    visit.status = refuse_act(visit.status, VisitAct.VOID)
    visit.note = given.reason
    record(session, actor, context.clock.now(), "visit.turn_away", visit.public_id, after={"reason": given.reason})
    return _changed(session, context, response, visit)


def _to_change(session: Session, actor: Actor, name: str, if_match: str | None) -> tuple[Visit, Permit]:
    visit, permit = visits.find_visit(session, name, actor, lock=True)
    refuse_stale(if_match, visit.version)
    return visit, permit


def _changed(session: Session, context: Context, response: Response, visit: Visit) -> VisitShown:
    visit.version += 1
    session.add(visit)
    return _answer(session, context, response, visit)


def _answer(session: Session, context: Context, response: Response, visit: Visit) -> VisitShown:
    session.flush()
    response.headers["ETag"] = etag(visit.version)
    return show_visits(session, context, [visit])[0]
