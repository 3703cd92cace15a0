"""Who must approve a permit, and what they say: customer service, the IT head, or both, who are two people (R4, B8). Its end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from controller.site import Area, Site
from server.badges.acts import perform
from server.badges.lifecycle import Act as BadgeAct
from server.badges.models import GONE, Badge
from server.context import Context
from server.ids import new_id
from server.operators.actor import SYSTEM, Actor
from server.operators.audit import record
from server.operators.permissions import Permission
from server.permits.drafting import changed, persons_of, refuse_over, show
from server.permits.lifecycle import Act, VisitAct, refuse_act
from server.permits.models import Permit, PermitApproval, TemporaryBadge, Visit
from server.permits.signing import four_eyes
from server.personal.attachments import schedule_erasure_of
from server.problems import Problem

Approver = Literal["customer_service", "it_head"]
APPROVERS: tuple[Approver, ...] = ("customer_service", "it_head")
TAKES: dict[Approver, Permission] = {
    "customer_service": Permission.PERMIT_APPROVE,
    "it_head": Permission.PERMIT_APPROVE_IT,
}


def approvals_needed(site: Site, permit: Permit) -> tuple[Approver, ...]:
    """Of whom: the union of its areas' ``permit_approval``, by default both for two-person areas and else customer service (MEANINGS 4), and
    the IT head where they are to operate systems (R6)."""
    by_id = {area.id: area for area in site.areas}
    needed: set[Approver] = {"it_head"} if permit.operates else set()
    for name in permit.areas:
        needed.update(approvals_of_area(by_id.get(name)))
    return tuple(one for one in APPROVERS if one in needed) or ("customer_service",)


def approvals_of_area(area: Area | None) -> tuple[Approver, ...]:
    """Of whom a permit into this area alone needs approval."""
    if area is None or not (area.permit_approval or area.two_person):
        return ("customer_service",)
    return area.permit_approval or APPROVERS


def approve(
    session: Session, context: Context, actor: Actor, permit: Permit, role: Approver | None, note: str
) -> PermitApproval:
    """One approval, as ``role``, or as what is awaited and this actor may give. The last one asked for makes the permit approved, and a visit
    expected of each person. Raises :class:`Problem`."""
    refuse_act(permit.status, Act.APPROVE)
    now = context.clock.now()
    refuse_over(permit, now)
    needed = approvals_needed(context.site, permit)
    given = approvals_of(session, [permit]).get(permit.id, [])
    role = _role(actor, needed, {one.role for one in given}, role)
    refuse_same_person(actor, given)
    made = PermitApproval(
        permit_id=permit.id or 0, role=role, by=actor.public_id, by_name=actor.name, at=now, note=note
    )
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError as error:  # who raced for it has approved now
        raise _approved_already(role) from error
    if {one.role for one in given} | {role} >= set(needed):
        permit.status, permit.decided_by, permit.decided_at = "approved", actor.public_id, now
        for person in persons_of(session, [permit]).get(permit.id, []):
            if permit.kind == "temporary":
                expect(session, now, permit, person.id or 0, person.holder_id)
    changed(session, permit)
    record(session, actor, now, "permit.approve", permit.public_id, after=show(permit) | {"role": role})
    return made


def refuse_same_person(actor: Actor, given: Sequence[PermitApproval]) -> None:
    """Raise :class:`Problem` 409 FOUR_EYES for who has approved it already in the other role (R4)."""
    if any(actor.is_who(one.by) for one in given):
        raise four_eyes("Two different people approve this permit (R4).", "该许可须由两人分别批准。")


def refuse_undeciding(site: Site, actor: Actor, permit: Permit) -> None:
    """Raise :class:`Problem` 403 for somebody whose approval this permit does not ask for: they do not refuse it either."""
    needed = approvals_needed(site, permit)
    if not any(actor.may(TAKES[one]) for one in needed):
        raise _not_permitted(needed, needed)


def refuse(session: Session, actor: Actor, now: datetime, permit: Permit, reason: str, erase_after: timedelta) -> None:
    """Refused, for a reason; its papers are erased in time. Raises :class:`Problem`."""
    status = refuse_act(permit.status, Act.REFUSE)
    permit.status, permit.decided_by, permit.decided_at, permit.decision_note = status, actor.public_id, now, reason
    changed(session, permit)
    _erase(session, permit, now + erase_after)
    record(session, actor, now, "permit.refuse", permit.public_id, after=show(permit))


def end(
    session: Session,
    actor: Actor,
    now: datetime,
    permit: Permit,
    reason: str,
    erase_after: timedelta,
    *,
    revoke: bool = True,
) -> None:
    """Nobody enters by it any more: its badges are revoked, who is inside leaves (MEANINGS 8), who is expected is not. ``revoke`` False: its window
    is over, and the doors say so themselves. Raises :class:`Problem`."""
    status = refuse_act(permit.status, Act.END)
    permit.status, permit.ended_by, permit.ended_at, permit.end_reason = status, actor.public_id, now, reason
    changed(session, permit)
    for visit in session.exec(select(Visit).where(Visit.permit_id == permit.id, Visit.status == "expected")).all():
        visit.status = refuse_act(visit.status, VisitAct.VOID)
        visit.note = reason
        visit.version += 1
        session.add(visit)
    for badge in badges_of(session, permit) if revoke else ():
        if badge.status not in GONE:
            perform(session, actor, now, badge, BadgeAct.DEREGISTER, reason)
    session.flush()
    record(session, actor, now, "permit.end", permit.public_id, after=show(permit))
    close_if_done(session, actor, now, permit, erase_after)


def any_over(session: Session, now: datetime) -> bool:
    """Whether a permit's window is over and nobody ended it."""
    return session.exec(_over(now).limit(1)).first() is not None


def end_what_is_over(session: Session, now: datetime, erase_after: timedelta, most: int) -> int:
    """End the permits whose window is over. How many."""
    rows = session.exec(_over(now).limit(most).with_for_update(skip_locked=True)).all()
    for permit in rows:
        end(session, SYSTEM, now, permit, "its window is over", erase_after, revoke=False)
    return len(rows)


def _over(now: datetime) -> SelectOfScalar[Permit]:
    waits = col(Permit.status).in_(("submitted", "approved"))
    return select(Permit).where(waits, Permit.until_at <= now).order_by(col(Permit.id))


def close_if_done(session: Session, actor: Actor, now: datetime, permit: Permit, erase_after: timedelta) -> bool:
    """An ended permit closes when no visit is open and every badge is back, or lost; its papers are erased in time."""
    if permit.status != "ended":
        return False
    session.flush()
    open_visit = select(Visit.id).where(
        Visit.permit_id == permit.id, col(Visit.status).in_(("expected", "checked_in", "checked_out"))
    )
    if session.exec(open_visit.limit(1)).first() is not None:
        return False
    if any(badge.status != "returned" and badge.lost_at is None for badge in badges_of(session, permit)):
        return False
    permit.status = refuse_act(permit.status, Act.CLOSE)
    changed(session, permit)
    _erase(session, permit, now + erase_after)
    record(session, actor, now, "permit.close", permit.public_id, after=show(permit))
    return True


def expect(session: Session, now: datetime, permit: Permit, person_id: int, holder_id: int) -> Visit:
    """A visit of this person is expected from now on."""
    assert permit.id is not None
    visit = Visit(
        public_id=new_id("vst", now), permit_id=permit.id, person_id=person_id, holder_id=holder_id, created_at=now
    )
    session.add(visit)
    session.flush()
    return visit


def badges_of(session: Session, permit: Permit) -> list[Badge]:
    """Every temporary badge that was lent under it, locked."""
    query = (
        select(Badge)
        .join(TemporaryBadge, col(TemporaryBadge.badge_id) == Badge.id)
        .where(TemporaryBadge.permit_id == permit.id)
        .order_by(col(Badge.id))
        .with_for_update(of=Badge)
    )
    return list(session.exec(query).all())


def approvals_of(session: Session, permits: Sequence[Permit]) -> dict[int | None, list[PermitApproval]]:
    """The approvals that were given, by permit."""
    ids = [permit.id for permit in permits]
    query = select(PermitApproval).where(col(PermitApproval.permit_id).in_(ids)).order_by(col(PermitApproval.id))
    found: dict[int | None, list[PermitApproval]] = {}
    for row in session.exec(query).all() if ids else ():
        found.setdefault(row.permit_id, []).append(row)
    return found


def _role(actor: Actor, needed: Sequence[Approver], given: set[str], asked: Approver | None) -> Approver:
    may = [one for one in needed if actor.may(TAKES[one])]
    if asked is not None:
        if asked not in needed:
            raise Problem(
                422,
                "invalid_input",
                f"as: this permit is approved by {' and '.join(needed)}.",
                "as：该许可不需要此审批。",
                field="as",
            )
        may = [asked] if asked in may else []
    waiting = [one for one in may if one not in given]
    if waiting:
        return waiting[0]
    if may:
        raise _approved_already(may[0])
    raise _not_permitted(needed, needed if asked is None else (asked,))


def _not_permitted(needed: Sequence[Approver], wanted: Sequence[Approver]) -> Problem:
    return Problem(
        403,
        "not_permitted",
        f"This permit is approved by {' and '.join(needed)}: that takes {' or '.join(TAKES[one].value for one in wanted)}.",
        "您没有批准该许可的权限。",
    )


def _approved_already(role: str) -> Problem:
    return Problem(409, "approved_already", f"Approved as {role} already.", "该审批已完成。", extra={"as": role})


def _erase(session: Session, permit: Permit, at: datetime) -> None:
    """The letter, the copies of ID documents, the photos of its visits."""
    subjects = [permit.public_id, *(one.public_id for one in persons_of(session, [permit]).get(permit.id, []))]
    subjects += session.exec(select(Visit.public_id).where(Visit.permit_id == permit.id)).all()
    schedule_erasure_of(session, subjects, at)
