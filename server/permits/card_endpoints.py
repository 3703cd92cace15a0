"""``/api/v1/temporary-badges``, and the declaration of badge holders (docs/interfaces.md, Permits)."""

from datetime import datetime
from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel
from sqlmodel import Session, col, select

from server.badges.issuing import Technology
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.permits import lending
from server.permits.declaration import ITEMS, Word, declare, declared_holders
from server.permits.inputs import Input, Name, Note, Printed, Reads
from server.permits.models import TemporaryCard
from server.permits.overdue import undeclared_badges
from server.permits.shapes import CardShown
from server.permits.showing import show_cards
from server.problems import Problem
from server.registry.lookup import find_holder
from server.registry.models import Holder
from server.routes import AppContext, DbSession, api_router

card_router = api_router("/temporary-badges", "permits")
declaration_router = api_router("/declarations", "permits")
holder_router = api_router("/holders", "permits")

Manages = Annotated[Actor, requires(Permission.PERMIT_CARDS)]
Takes = Annotated[Actor, requires(Permission.DECLARATION_TAKE)]


class Card(Input):
    """The card: its number as a reader reports it."""

    technology: Technology
    number: Printed


class NewCard(Input):
    """The number that is printed on it, and the card."""

    number: Printed
    card: Card


class CardChange(Input):
    """``retired``: it is not lent any more, or it is again."""

    retired: bool


class HolderDeclaration(Input):
    """``signed``: every item is confirmed by the holder's signature (R8)."""

    signed: bool
    note: Note = ""


class DeclaredShown(BaseModel):
    """When a badge holder's declaration became complete."""

    holder: str
    declared_at: datetime | None


class UndeclaredShown(BaseModel):
    """A customer's badge in use whose holder did not sign."""

    badge: str
    number: str | None
    holder: str


@card_router.get("")
def list_cards(
    session: DbSession,
    _actor: Reads,
    state: Annotated[lending.State | None, Query()] = None,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[CardShown]:
    """The pool; ``state``: only those that are so now."""
    query = select(TemporaryCard)
    if state is not None:
        every = session.exec(query).all()
        newest = lending.newest_badges(session, every)
        ids = [row.id for row in every if lending.state_of(row, newest.get(row.id)) == state]
        query = query.where(col(TemporaryCard.id).in_(ids))
    rows, following = rows_after(session, query, col(TemporaryCard.id), after, limit)
    return Page(items=show_cards(session, rows), next=following)


@card_router.post("", status_code=201)
def add_card(session: DbSession, context: AppContext, actor: Manages, given: NewCard, response: Response) -> CardShown:
    """A new card in the pool."""
    card = lending.add_card(session, context, actor, given.number, given.card.technology, given.card.number)
    return _answer(session, response, card)


@card_router.get("/{name}")
def get_card(session: DbSession, _actor: Reads, name: Name, response: Response) -> CardShown:
    """One card, by its printed number or id."""
    return _answer(session, response, lending.find_card(session, name))


@card_router.patch("/{name}")
def change_card(
    session: DbSession,
    context: AppContext,
    actor: Manages,
    name: Name,
    given: CardChange,
    response: Response,
    if_match: IfMatch = None,
) -> CardShown:
    """Take it out of the pool, or back into it."""
    card = lending.find_card(session, name, lock=True)
    refuse_stale(if_match, card.version)
    lending.retire_card(session, actor, context.clock.now(), card, retired=given.retired)
    return _answer(session, response, card)


@declaration_router.get("/missing")
def undeclared(session: DbSession, _actor: Reads, after: Cursor = 0, limit: Limit = 100) -> Page[UndeclaredShown]:
    """Customers' badges in use whose holders did not sign the declaration (R8)."""
    rows, following = undeclared_badges(session, after, limit)
    ids = {row.holder_id for row in rows}
    query = select(Holder.id, Holder.public_id).where(col(Holder.id).in_(ids))
    names = dict(session.exec(query).all()) if ids else {}
    items = [UndeclaredShown(badge=row.public_id, number=row.number, holder=names[row.holder_id]) for row in rows]
    return Page(items=items, next=following)


@holder_router.get("/{name}/declaration")
def get_declaration(session: DbSession, actor: Reads, name: Name) -> DeclaredShown:
    """Whether a badge holder signed, and when."""
    return _declared(session, find_holder(session, name, actor=actor))


@holder_router.post("/{name}/declaration", status_code=201)
def sign_declaration(
    session: DbSession, context: AppContext, actor: Takes, name: Name, given: HolderDeclaration
) -> DeclaredShown:
    """A badge holder signed the declaration, once, at issue (R8)."""
    holder = find_holder(session, name, actor=actor)
    if holder.kind == "visitor":
        raise Problem(
            409,
            "visitor_declares_each_time",
            "A visitor confirms the declaration at each visit.",
            "访客每次来访时逐项确认声明。",
        )
    if not given.signed:
        raise Problem(
            422,
            "invalid_input",
            "signed: only a signed declaration is kept.",
            "signed：只登记已签署的声明。",
            field="signed",
        )
    assert holder.id is not None
    declare(session, actor, context.clock.now(), holder.id, {item: Word(True, given.note) for item in ITEMS})
    return _declared(session, holder)


def _declared(session: Session, holder: Holder) -> DeclaredShown:
    assert holder.id is not None
    return DeclaredShown(holder=holder.public_id, declared_at=declared_holders(session, [holder.id]).get(holder.id))


def _answer(session: Session, response: Response, card: TemporaryCard) -> CardShown:
    session.flush()
    response.headers["ETag"] = etag(card.version)
    return show_cards(session, [card])[0]
