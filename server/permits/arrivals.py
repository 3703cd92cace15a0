"""A visitor says at the entrance that they are here: the desk is told; nobody is checked in by it (R5, R8)."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from server.operators.actor import Actor
from server.operators.audit import record
from server.permits.approval import expect
from server.permits.drafting import persons_of
from server.permits.models import Permit, PermitPerson, Visit

OPEN = ("expected", "checked_in")


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
    """They are here: their visit says since when. Said again, it stays as it was."""
    visit = expected.visit
    if visit is None:
        visit = expect(session, now, expected.permit, expected.person.id or 0, expected.person.holder_id)
        record(session, actor, now, "visit.expect", visit.public_id, after={"permit": expected.permit.public_id})
    if visit.arrived_at is None and visit.status == "expected":
        visit.arrived_at = now
        visit.version += 1
        session.add(visit)
        record(session, actor, now, "visit.arrive", visit.public_id, after={"permit": expected.permit.public_id})
    return visit


def waiting_at_desk(session: Session, since: datetime) -> list[Visit]:
    """Those who said so since then and are not checked in, the longest waiting first."""
    query = select(Visit).where(Visit.status == "expected", col(Visit.arrived_at) >= since)
    return list(session.exec(query.order_by(col(Visit.arrived_at))).all())
