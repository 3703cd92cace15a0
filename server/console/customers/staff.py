"""The pages of own staff: standing permissions, escorts, duties, keyholders (R4, MEANINGS 4, 17)."""

from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session, col, select

from controller.policy import Duty
from server.badges.models import Badge
from server.badges.showing import BadgeShown
from server.console.customers.file import live_badges
from server.console.customers.pages import Reads, places_of
from server.console.pages import page
from server.console.people import operators_of
from server.context import Context
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.problems import not_found
from server.registry.history import row_history
from server.registry.lookup import find_holder
from server.registry.models import ID_DOCUMENTS, Holder
from server.registry.showing import show_holders
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Permits = Annotated[Actor, requires(Permission.STAFF_PERMIT)]
DUTIES = get_args(Duty)
PER_PAGE = 50
MOST_CHANGES = 200


@router.get("/staff")
def staff_page(
    request: Request, session: DbSession, context: AppContext, actor: Reads,
    left: bool = False, after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> Response:  # fmt: skip
    """Own staff: who may go where without asking, who may escort, who keeps keys."""
    query = select(Holder).where(Holder.kind == "staff", col(Holder.id) > after)
    query = query if left else query.where(col(Holder.deleted_at).is_(None))
    rows = list(session.exec(query.order_by(col(Holder.id)).limit(PER_PAGE + 1)).all())
    shown = rows[:PER_PAGE]
    return page(
        request, session, context, actor, "staff.html", "customers", tab="staff", left=left,
        people=show_holders(session, context.personal, shown), badges=_badges(session, context, shown),
        following=shown[-1].id if len(rows) > PER_PAGE else None,
    )  # fmt: skip


@router.get("/staff/new")
def new_page(request: Request, session: DbSession, context: AppContext, actor: Permits) -> Response:
    """The form of a new person of the own staff."""
    return page(
        request, session, context, actor, "staff-new.html", "customers", tab="staff", places=places_of(context),
        duties=DUTIES, documents=ID_DOCUMENTS,
    )  # fmt: skip


@router.get("/staff/{name}")
def person_page(request: Request, session: DbSession, context: AppContext, actor: Reads, name: str) -> Response:
    """One person of the own staff."""
    row = find_holder(session, name, actor=actor)
    if row.kind != "staff":
        raise not_found("person of the own staff", "本场员工", name)
    changes = row_history(session, context.personal, row, 0, MOST_CHANGES).items[::-1]
    return page(
        request, session, context, actor, "staff-person.html", "customers", tab="staff",
        person=show_holders(session, context.personal, [row])[0], badges=_badges(session, context, [row]).get(row.public_id, []),
        places=places_of(context), duties=DUTIES, documents=ID_DOCUMENTS, changes=changes,
        by=operators_of(session, (one.by for one in changes)),
    )  # fmt: skip


def _badges(session: Session, context: Context, rows: list[Holder]) -> dict[str, list[BadgeShown]]:
    """Each person's badges that are not deregistered."""
    return live_badges(session, context, col(Badge.holder_id).in_([row.id for row in rows]))
