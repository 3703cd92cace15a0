"""Whom a guard may admit by command at an access point: visitors who are checked in, and emergencies that a supervisor approved (B7, R4)."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session, col, select

from server.console.people import people_of
from server.context import Context
from server.operators.actor import Actor
from server.permits.drafting import seen_permits
from server.permits.models import Emergency, Permit, Visit


def admissible(
    session: Session, context: Context, actor: Actor, point: str, place: Callable[[str], str]
) -> dict[str, list[dict[str, Any]]]:
    """``{visits, emergencies}``, each ``{id, text}``, persons masked: all of them, the latest first. The API judges again when one is chosen."""
    into = next((one.to_area for one in context.site.access_points if one.id == point and not one.out), None)
    if into is None:
        return {"visits": [], "emergencies": []}
    now = context.clock.now()
    checked_in = (
        select(Visit, Permit)
        .join(Permit, col(Permit.id) == Visit.permit_id)
        .where(Visit.status == "checked_in", Permit.status == "approved", seen_permits(actor))
        .where(col(Permit.from_at) <= now, col(Permit.until_at) > now)
        .order_by(col(Visit.checked_in_at).desc(), col(Visit.id).desc())
    )
    visits = [(visit, permit) for visit, permit in session.exec(checked_in).all() if into in permit.areas]
    people = people_of(
        session,
        context.personal,
        (visit.holder_id for visit, _ in visits),
        (permit.customer_id for _, permit in visits),
    )
    standing = select(Emergency).where(
        col(Emergency.status).in_(("approved", "admitted")), col(Emergency.approved_by).is_not(None)
    )
    emergencies = session.exec(standing.order_by(col(Emergency.id).desc())).all()
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
            for one in emergencies
            if into in one.areas and (one.until_at is None or one.until_at > now)
        ],
    }
