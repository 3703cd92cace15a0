"""The page of approvals: everything that waits for the word of who is signed in, made for a supervisor's phone first."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from server.chinese import in_chinese
from server.console.approval_cards import MOST, Card, cards_for, may_decide
from server.console.pages import page
from server.console.people import customers_named, operators_of
from server.equipment.order_binding import goods_edges
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.problems import Problem
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.LIVE_READ)]
WROTE = ("made_by", "created_by")


@router.get("/approvals")
def approvals_page(request: Request, session: DbSession, context: AppContext, actor: Reads) -> Response:
    """What waits for this operator, the oldest first; then what the role could decide and this person may not."""
    if not may_decide(actor):
        raise Problem(
            403,
            "not_permitted",
            f"The role {actor.role} approves nothing.",
            f"角色“{in_chinese('role', actor.role)}”没有任何审批权限。",
        )
    cards = cards_for(session, context, actor)
    mine = [card for card in cards if not card.elsewhere]
    return page(
        request, session, context, actor, "approvals.html", "approvals", to_decide=len(mine),
        cards=mine, elsewhere=[card for card in cards if card.elsewhere], most=MOST,
        names=customers_named(session, (getattr(card.what, "customer", None) for card in cards)),
        by=_authors(session, cards), edges=goods_edges(session, context.site),
        areas=[area.id for area in context.site.areas if not area.public],
    )  # fmt: skip


def _authors(session: Session, cards: list[Card]) -> dict[str, str]:
    """Who wrote what the cards are about, by id."""
    names: list[Any] = [getattr(card.what, name, None) for card in cards for name in WROTE]
    exceptions = [getattr(card.what, "exception", None) for card in cards]
    return operators_of(session, names + [one.asked_by for one in exceptions if one is not None])
