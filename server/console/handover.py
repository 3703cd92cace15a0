"""The page of the shift handover: what is open, why, and two signatures (R5)."""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import col, select

from server.console.pages import page
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.routes import AppContext, DbSession, TransactionRoute
from server.shift import handover_endpoints
from server.shift.models import Handover

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.HANDOVER_READ)]
HISTORY = 30
"""So many on the page; the API has them all."""
PLACES = {
    "/api/v1/visits/": ("/visits/", Permission.PERMIT_READ),
    "/api/v1/emergencies/": ("/emergencies/", Permission.PERMIT_READ),
    "/api/v1/exit-slips/": ("/equipment/slips/", Permission.SLIP_READ),
    "/api/v1/discrepancies": ("/equipment/discrepancies", Permission.INVENTORY_READ),
    "/api/v1/alarms": ("/live", Permission.LIVE_READ),
    "/api/v1/occupancy": ("/inside", Permission.REGISTER_READ),
    "/api/v1/doors": ("/live", Permission.LIVE_READ),
    "/api/v1/edges/": ("/system/edges/", Permission.FLEET_READ),
    "/api/v1/register/": ("/register/", Permission.REGISTER_READ),
    "/api/v1/violations/": ("/violations/", Permission.VIOLATION_READ),
    "/api/v1/badges/": ("/badges/", Permission.BADGE_READ),
    "/api/v1/duty-items/": ("/system/duties/", Permission.DUTY_READ),
    "/api/v1/mechanical-keys/": ("/system/keys/", Permission.KEY_READ),
    "/api/v1/recovery": ("/system/recovery", Permission.OPERATOR_READ),
}
"""Where a debt is dealt with, by its address in the API."""
LISTS = {
    "visit": ("/visits", Permission.PERMIT_READ),
    "visit_overdue": ("/visits", Permission.PERMIT_READ),
    "register_incomplete": ("/register?incomplete=true", Permission.REGISTER_READ),
    "violation": ("/violations", Permission.VIOLATION_READ),
    "badge_out": ("/badges/to-return", Permission.BADGE_READ),
    "duty_test": ("/system/duties", Permission.DUTY_READ),
    "key_out": ("/system/keys", Permission.KEY_READ),
    "edge_offline": ("/system", Permission.FLEET_READ),
    "discrepancy": ("/equipment/discrepancies", Permission.INVENTORY_READ),
}
"""Kind of debt → the page that has all of the kind."""


@router.get("/handover")
def handover_page(
    request: Request, session: DbSession, context: AppContext, actor: Reads,
    post: Annotated[str, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = handover_endpoints.POST,
) -> Response:  # fmt: skip
    """The handover that is going on at a post, or what one would list now; and the history."""
    query = select(Handover.public_id).where(Handover.post == post, col(Handover.ended_at).is_(None))
    running = session.exec(query.order_by(col(Handover.id).desc())).first()
    return _shown(request, session, context, actor, post, running)


@router.get("/handover/{name}")
def one_handover(request: Request, session: DbSession, context: AppContext, actor: Reads, name: str) -> Response:
    """One of the history."""
    return _shown(request, session, context, actor, handover_endpoints.POST, name)


def _shown(
    request: Request, session: DbSession, context: AppContext, actor: Actor, post: str, name: str | None
) -> Response:
    one = handover_endpoints.get_handover(session, context, actor, name, Response()) if name is not None else None
    debts = handover_endpoints.list_debts(session, context, actor).items if one is None else []
    post = one.post if one is not None else post
    history = handover_endpoints.list_handovers(session, context, actor, post=post, limit=HISTORY, newest_first=True)
    signed_by = {row.by for row in one.signatures if row.round == one.round} if one is not None else set()
    return page(
        request, session, context, actor, "handover.html", "handover", one=one, post=post, history=history.items,
        groups=_groups(one.items if one is not None else debts, actor), fresh=_groups(one.new, actor) if one is not None else [],
        mine=one is not None and actor.is_who(one.opened_by), signed=bool(signed_by & actor.identities),
        lists={kind: path for kind, (path, permission) in LISTS.items() if actor.may(permission)}, step=_step(one),
    )  # fmt: skip


def _step(one: Any) -> int:
    """Which of the four steps comes next: begin, explain, hand over, take over; 0 when it is over."""
    if one is None:
        return 1
    if one.ended_at is not None:
        return 0
    if one.status == "offered":
        return 4
    return 2 if one.unexplained or one.new else 3


def _groups(debts: Sequence[Any], actor: Actor) -> list[tuple[Any, list[tuple[Any, str | None]]]]:
    """By kind, each with the page where it is dealt with."""
    grouped = groupby(debts, key=lambda debt: debt.kind)
    return [
        (some[0], [(debt, _place(debt.link, actor)) for debt in some]) for some in (list(group) for _, group in grouped)
    ]


def _place(link: str, actor: Actor) -> str | None:
    for begin, (place, permission) in PLACES.items():
        if link.startswith(begin) and actor.may(permission):
            return place + link.removeprefix(begin) if begin.endswith("/") else place
    return None
