"""A visitor says at the entrance that they are here: the desk is told; nobody is checked in by it (R5, R8)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, and_, col, func, select

from server.operators.actor import Actor
from server.operators.audit import record
from server.permits.approval import expect
from server.permits.drafting import persons_of, seen_permits
from server.permits.models import Permit, PermitPerson, Visit

OPEN = ("expected", "checked_in")
STANDS = timedelta(hours=4)
"""So long somebody who said that they are here waits at the desk, for the kiosk and for every page of the guards, also across midnight. Later they have gone
away again, and say so anew when they come back."""


@dataclass(frozen=True)
class Expected:
    """Somebody who may come today. ``visit`` None: under a recurring permit nobody is expected until they say that they are here."""

    permit: Permit
    person: PermitPerson
    visit: Visit | None


def expected_by(session: Session, code: str, day: datetime, night: datetime) -> list[Expected]:
    """Whom a number (:func:`server.permits.entrance.typed_code`) names: the person of a visit, or the persons of a permit, approved and for some of ``[day, night)``."""
    today = col(Permit.from_at) < night, col(Permit.until_at) > day, Permit.status == "approved"
    visits = select(Visit, Permit).join(Permit, col(Permit.id) == Visit.permit_id)
    named = visits.where(*today, col(Visit.status).in_(OPEN), col(Visit.public_id).endswith(code, autoescape=True))
    found = session.exec(named).first()
    if found is not None:
        visit, permit = found
        return [Expected(permit, session.get_one(PermitPerson, visit.person_id), visit)]
    of_code = select(Permit).where(*today, col(Permit.public_id).endswith(code, autoescape=True))
    named_permit = session.exec(of_code).first()
    if named_permit is None:
        return []
    open_visits = select(Visit).where(Visit.permit_id == named_permit.id, col(Visit.status).in_(OPEN))
    by_person = {visit.person_id: visit for visit in session.exec(open_visits).all()}
    persons = persons_of(session, [named_permit]).get(named_permit.id, [])
    return [
        Expected(named_permit, person, by_person.get(person.id or 0))
        for person in persons
        if person.id in by_person or named_permit.kind == "recurring"
    ]


def say_here(session: Session, actor: Actor, now: datetime, expected: Expected) -> Visit:
    """They are here: their visit says since when. Said again while they wait (:data:`STANDS`), it stays as it was."""
    visit = expected.visit
    if visit is None:
        visit = expect(session, now, expected.permit, expected.person.id or 0, expected.person.holder_id)
        record(session, actor, now, "visit.expect", visit.public_id, after={"permit": expected.permit.public_id})
    if visit.status == "expected" and not is_at_desk(visit, now):
        visit.arrived_at = now
        visit.version += 1
        session.add(visit)
        record(session, actor, now, "visit.arrive", visit.public_id, after={"permit": expected.permit.public_id})
    return visit


def is_at_desk(visit: Visit, now: datetime) -> bool:
    """Whether they said so and wait, not checked in."""
    return visit.status == "expected" and visit.arrived_at is not None and visit.arrived_at > now - STANDS


def at_desk(now: datetime) -> Any:
    """The condition on :class:`Visit` of whoever waits, as :func:`is_at_desk` says of one."""
    said = and_(
        col(Visit.arrived_at).is_not(None), col(Visit.arrived_at) > now - STANDS
    )  # never NULL: it may be negated
    return and_(Visit.status == "expected", said)


def waiting_at_desk(session: Session, now: datetime, most: int) -> list[Visit]:
    """Those who wait, the longest waiting first."""
    return list(session.exec(select(Visit).where(at_desk(now)).order_by(col(Visit.arrived_at)).limit(most)).all())


def count_at_desk(session: Session, actor: Actor, now: datetime) -> int:
    """How many of those wait whom this actor may see."""
    query = select(func.count()).select_from(Visit).join(Permit, col(Permit.id) == Visit.permit_id)
    return session.exec(query.where(at_desk(now), seen_permits(actor))).one()
