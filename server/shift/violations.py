"""Violations: recorded, shown by evidence, handled, reopened (R9, E7). Nothing of a record is changed or deleted: each act is added to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from server.context import Context
from server.ids import new_id
from server.ledger.models import LedgerAlarm, LedgerEvent
from server.operators.actor import Actor
from server.operators.audit import record
from server.personal.attachments import Owner, attached_to, store_attachment
from server.personal.models import Attachment
from server.personal.uploads import CleanUpload
from server.problems import Problem, not_found
from server.registry.lookup import find_customer, find_holder, may_see, refuse_unknown_areas, seen_customers, sees_all
from server.registry.models import Customer
from server.registry.validation import refused
from server.shift.models import Violation, ViolationAct, ViolationEvidence
from server.shift.suspending import lift_suspensions, suspend_badges
from server.shift.violation_lifecycle import Act, Handling, Kind, refuse_act

AHEAD = timedelta(minutes=1)
"""How far ahead of the server's clock an operator's may be."""
MAX_EVIDENCE = 50
"""Of one violation."""
OPEN = ("open", "reopened")


@dataclass(frozen=True)
class Shown:
    """What shows a violation: an event of the ledger, an alarm, or (neither) a file that is handed in next."""

    event: int | None = None
    alarm: int | None = None
    note: str = ""


@dataclass(frozen=True)
class NewViolation:
    """Who, what, when and where. ``holder``, ``customer``: one of them at least; a holder's own customer needs not be named."""

    kind: Kind
    description: str
    holder: str | None = None
    customer: str | None = None
    at: datetime | None = None
    area: str | None = None
    door: str | None = None
    rack: str = ""
    evidence: Sequence[Shown] = field(default=())


def record_violation(session: Session, context: Context, actor: Actor, given: NewViolation) -> Violation:
    """Write one down. Raises :class:`Problem`."""
    now = context.clock.now()
    at = given.at or now
    if at > now + AHEAD:
        raise refused("at", "at: lies in the future.", "at：时间在未来。")
    if given.area is not None:
        refuse_unknown_areas(context.site, [given.area], "area")
    if given.door is not None and given.door not in {door.id for door in context.site.doors}:
        raise refused("door", f"door: the site has no door {given.door!r}.", f"door：场地没有门 {given.door}。")
    holder_id, customer_id = _whose(session, actor, given)
    violation = Violation(
        public_id=new_id("vio", now),
        kind=given.kind,
        holder_id=holder_id,
        customer_id=customer_id,
        at=at,
        area=given.area,
        door=given.door,
        rack=given.rack,
        description=given.description,
        reported_by=actor.public_id,
        reported_name=actor.name,
        reported_at=now,
    )
    session.add(violation)
    session.flush()
    _note(session, actor, now, violation, "recorded", given.description)
    record(session, actor, now, "violation.record", violation.public_id, after=show(violation))
    for one in given.evidence:
        add_evidence(session, actor, now, violation, one)
    return violation


def find_violation(session: Session, name: str, actor: Actor, *, lock: bool = False) -> Violation:
    """By public id; one in another department's file is not there (C4). Raises :class:`Problem` 404."""
    query = select(Violation).where(Violation.public_id == name)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.exec(query).first()
    if found is None or not (found.customer_id is None or may_see(actor, session.get_one(Customer, found.customer_id))):
        raise not_found("violation", "违规记录", name[:64])
    return found


def seen_violations(actor: Actor) -> SelectOfScalar[Violation]:
    """All that this actor may see."""
    query = select(Violation)
    if sees_all(actor):
        return query
    seen = select(Customer.id).where(seen_customers(actor))
    return query.where(or_(col(Violation.customer_id).is_(None), col(Violation.customer_id).in_(seen)))


def add_evidence(
    session: Session, actor: Actor, now: datetime, violation: Violation, given: Shown
) -> ViolationEvidence:
    """One more thing that shows it. Raises :class:`Problem`."""
    refuse_act(violation.status, Act.ADD_EVIDENCE)
    assert violation.id is not None
    if len(evidence_of(session, [violation]).get(violation.id, [])) >= MAX_EVIDENCE:
        raise Problem(
            409, "too_much_evidence", f"This violation has {MAX_EVIDENCE} pieces of evidence already.",
            f"该违规记录已有 {MAX_EVIDENCE} 项证据。",
        )  # fmt: skip
    if given.event is not None and session.get(LedgerEvent, given.event) is None:
        raise refused("event", f"event: the ledger has no event {given.event}.", f"event：台账没有事件 {given.event}。")
    if given.alarm is not None and session.get(LedgerAlarm, given.alarm) is None:
        raise refused("alarm", f"alarm: there is no alarm {given.alarm}.", f"alarm：没有报警 {given.alarm}。")
    kind = "event" if given.event is not None else "alarm" if given.alarm is not None else "file"
    made = ViolationEvidence(
        public_id=new_id("vev", now),
        violation_id=violation.id,
        kind=kind,
        event_seq=given.event,
        alarm_id=given.alarm,
        note=given.note,
        at=now,
        by=actor.public_id,
        by_name=actor.name,
    )
    session.add(made)
    _note(session, actor, now, violation, "evidence", made.public_id)
    _changed(session, violation)
    after = {"evidence": made.public_id, "kind": kind, "event": given.event, "alarm": given.alarm}
    record(session, actor, now, "violation.evidence", violation.public_id, after=after)
    return made


def store_file(
    session: Session, context: Context, actor: Actor, violation: Violation, name: str, part: str, upload: CleanUpload
) -> Attachment:
    """The file of a piece of evidence, once: what was handed in is not exchanged. Raises :class:`Problem`."""
    found = session.exec(
        select(ViolationEvidence).where(
            ViolationEvidence.violation_id == violation.id, ViolationEvidence.public_id == name
        )
    ).first()
    if found is None or found.kind != "file":
        raise not_found("evidence that waits for a file", "待上传文件的证据", name[:64])
    if session.exec(select(Attachment.id).where(Attachment.subject == name)).first() is not None:
        raise Problem(
            409, "evidence_stored", "This evidence has its file already: add another piece of evidence.",
            "该证据已有文件，请另加一项证据。",
        )  # fmt: skip
    return store_attachment(
        session, context, actor, Owner(name, violation.holder_id, violation.customer_id), part, upload
    )


def suspend(
    session: Session, actor: Actor, now: datetime, violation: Violation, badges: Sequence[str] | None, note: str
) -> None:
    """Suspend badges for it, at once. Raises :class:`Problem`."""
    refuse_act(violation.status, Act.SUSPEND)
    _suspend(session, actor, now, violation, badges, note)
    _changed(session, violation)


def lift(session: Session, actor: Actor, now: datetime, violation: Violation, reason: str) -> None:
    """Give back the badges that stand suspended for it. Raises :class:`Problem`."""
    refuse_act(violation.status, Act.LIFT)
    lifted = lift_suspensions(session, actor, now, violation, reason)
    _note(session, actor, now, violation, "lifted", reason)
    _changed(session, violation)
    after = {"badges": {badge.public_id: badge.status for badge, _ in lifted}, "reason": reason}
    record(session, actor, now, "violation.lift", violation.public_id, after=after)


def handle(
    session: Session,
    actor: Actor,
    now: datetime,
    violation: Violation,
    handling: Handling,
    note: str,
    badges: Sequence[str] | None,
) -> None:
    """It was handled; ``suspended`` suspends the badges that do not stand suspended for it yet. Raises :class:`Problem`."""
    becomes = refuse_act(violation.status, Act.HANDLE)
    if handling == "none" and not note:
        raise refused("note", "note: say why nothing is done.", "note：请说明不予处理的原因。")
    if badges is not None and handling != "suspended":
        raise refused("badges", "badges: go with the handling suspended.", "badges：仅用于处理方式 suspended。")
    if handling == "suspended":
        _suspend(session, actor, now, violation, badges, note)
    before = show(violation)
    violation.status, violation.handling = becomes, handling
    _note(session, actor, now, violation, "handled", note, handling)
    _changed(session, violation)
    record(session, actor, now, "violation.handle", violation.public_id, before=before, after=show(violation))


def reopen(session: Session, actor: Actor, now: datetime, violation: Violation, reason: str) -> None:
    """What was handled is taken up again; a suspension stands until it is lifted. Raises :class:`Problem`."""
    becomes = refuse_act(violation.status, Act.REOPEN)
    before = show(violation)
    violation.status, violation.handling = becomes, None
    _note(session, actor, now, violation, "reopened", reason)
    _changed(session, violation)
    record(
        session, actor, now, "violation.reopen", violation.public_id, before=before, after=show(violation) | {"reason": reason}
    )  # fmt: skip


def open_violations(session: Session) -> list[Violation]:
    """Those that are not handled, oldest first."""
    return list(
        session.exec(select(Violation).where(col(Violation.status).in_(OPEN)).order_by(col(Violation.id))).all()
    )


def acts_of(session: Session, violations: Sequence[Violation]) -> dict[int | None, list[ViolationAct]]:
    """What was done, by violation, in order."""
    ids = [violation.id for violation in violations]
    query = select(ViolationAct).where(col(ViolationAct.violation_id).in_(ids)).order_by(col(ViolationAct.id))
    found: dict[int | None, list[ViolationAct]] = {}
    for row in session.exec(query).all() if ids else ():
        found.setdefault(row.violation_id, []).append(row)
    return found


def evidence_of(session: Session, violations: Sequence[Violation]) -> dict[int | None, list[ViolationEvidence]]:
    """What shows them, by violation, in order."""
    ids = [violation.id for violation in violations]
    query = select(ViolationEvidence).where(col(ViolationEvidence.violation_id).in_(ids))
    found: dict[int | None, list[ViolationEvidence]] = {}
    for row in session.exec(query.order_by(col(ViolationEvidence.id))).all() if ids else ():
        found.setdefault(row.violation_id, []).append(row)
    return found


def files_of(session: Session, evidence: Sequence[ViolationEvidence]) -> dict[str, str]:
    """Evidence → the attachment that is its file."""
    attached = attached_to(session, [row.public_id for row in evidence if row.kind == "file"])
    return {name: next(iter(parts.values())) for name, parts in attached.items()}


def show(violation: Violation) -> dict[str, Any]:
    """A violation as the audit log keeps it: without what was written freely."""
    exclude = {"id", "public_id", "holder_id", "customer_id", "description"}
    return violation.model_dump(mode="json", exclude=exclude)


def _suspend(
    session: Session, actor: Actor, now: datetime, violation: Violation, badges: Sequence[str] | None, note: str
) -> None:
    stopped = suspend_badges(session, actor, now, violation, badges)
    if stopped:
        _note(session, actor, now, violation, "suspended", note)
        after = {"badges": [badge.public_id for badge in stopped]}
        record(session, actor, now, "violation.suspend", violation.public_id, after=after)


def _whose(session: Session, actor: Actor, given: NewViolation) -> tuple[int | None, int | None]:
    holder = find_holder(session, given.holder, "holder", actor=actor) if given.holder is not None else None
    customer = find_customer(session, given.customer, "customer", actor=actor) if given.customer is not None else None
    if holder is None and customer is None:
        raise refused(
            "holder",
            "holder: name the holder, or the customer whose people it was.",
            "holder：请填写持证人或其所属客户。",
        )
    if holder is None or holder.customer_id is None:
        return (holder.id if holder is not None else None), (customer.id if customer is not None else None)
    if customer is not None and customer.id != holder.customer_id:
        raise refused(
            "customer", "customer: the holder belongs to another customer.", "customer：该持证人属于另一客户。"
        )
    return holder.id, holder.customer_id


def _note(
    session: Session,
    actor: Actor,
    now: datetime,
    violation: Violation,
    act: str,
    note: str,
    handling: str | None = None,
) -> None:
    assert violation.id is not None
    session.add(
        ViolationAct(
            violation_id=violation.id,
            act=act,
            handling=handling,
            note=note,
            at=now,
            by=actor.public_id,
            by_name=actor.name,
        )
    )


def _changed(session: Session, violation: Violation) -> None:
    violation.version += 1
    session.add(violation)
    session.flush()
