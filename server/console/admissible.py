"""Whom a guard may admit by command at an access point: visitors who are checked in, and emergencies that a supervisor approved (B7, R4)."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session, col, select

from server.console.people import people_of
from server.context import Context
from server.operators.actor import Actor
from server.permits.models import Emergency, Permit, Visit
from server.registry.lookup import may_see_row
from server.registry.models import Holder

MOST = 50


def admissible(
    session: Session, context: Context, actor: Actor, point: str, place: Callable[[str], str]
) -> dict[str, list[dict[str, Any]]]:
    """``{visits, emergencies}``, each ``{id, text}``, persons masked. The API judges again when one is chosen."""
    into = next((one.to_area for one in context.site.access_points if one.id == point and not one.out), None)
    now = context.clock.now()
    going = session.exec(
        select(Visit, Permit)
        .join(Permit, col(Permit.id) == Visit.permit_id)
        .where(Visit.status == "checked_in", col(Permit.from_at) <= now, col(Permit.until_at) > now)
        .order_by(col(Visit.id))
        .limit(MOST)
    ).all()
    visits = [(visit, permit) for visit, permit in going if into in permit.areas and _seen(session, actor, visit)]
    approved = session.exec(
        select(Emergency).where(Emergency.status == "approved").order_by(col(Emergency.id)).limit(MOST)
    ).all()
    people = people_of(
        session,
        context.personal,
        (visit.holder_id for visit, _ in visits),
        (permit.customer_id for _, permit in visits),
    )
    return {
        "visits": [
            {
                "id": visit.public_id,
                "text": " · ".join(
                    filter(
                        None,
                        (
                            people.holders.get(visit.holder_id, ""),
                            " ".join(people.customers.get(permit.customer_id or 0, ())),
                            visit.visitor_badge,
                        ),
                    )
                ),
            }
            for visit, permit in visits
        ],
        "emergencies": [
            {"id": one.public_id, "text": f"{place(into)}: {one.reason}"}
            for one in approved
            if into is not None and into in one.areas and (one.until_at is None or one.until_at > now)
        ],
    }


def _seen(session: Session, actor: Actor, visit: Visit) -> bool:
    return may_see_row(session, actor, session.get_one(Holder, visit.holder_id))
