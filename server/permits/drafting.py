"""Permits before they are decided: drafted, given persons and papers, submitted when nothing is missing (B8)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlmodel import Session, col, or_, select, true

from server.chinese import all_in_chinese
from server.context import Context
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.permits.lifecycle import Act, refuse_act
from server.permits.models import Permit, PermitPerson
from server.permits.reception import LEVELS
from server.personal.attachments import attached_to
from server.problems import Problem, not_found
from server.registry import people
from server.registry.lookup import find_holder, living_customer, may_see, refuse_unknown_areas, seen_customers, sees_all
from server.registry.models import Customer, Holder
from server.registry.validation import refused
from server.registry.writing import Writing

Kind = Literal["temporary", "recurring"]
MAX_TEMPORARY = timedelta(days=31)
MAX_RECURRING = timedelta(days=366)
MAX_PERSONS = 50
"""On one permit."""
SUPPLYING = ("supplier", "partner")
"""Kinds of customers who come again and again (recurring permits)."""
EDGE_MADE = "emergency-"
"""So begin the names that an edge gives to unnamed persons: nothing of ours may be called so."""


@dataclass(frozen=True)
class Terms:
    """What is asked for; ``customer`` and ``escort`` by the names that requests use."""

    kind: Kind
    reason: str
    areas: Sequence[str]
    from_at: datetime
    until_at: datetime
    customer: str | None = None
    schedule: str | None = None
    escort: str | None = None
    level: str = "work"
    operates: bool = False
    external_id: str | None = None


@dataclass(frozen=True)
class Person:
    """Somebody who is to come: a visitor who is known (``holder``), or one to be written down."""

    holder: str | None = None
    values: dict[str, Any] = field(default_factory=dict)


def draft(session: Session, context: Context, actor: Actor, terms: Terms) -> Permit:
    """A new permit. Raises :class:`Problem`."""
    now = context.clock.now()
    permit = Permit(
        public_id=new_id("pmt", now),
        kind=terms.kind,
        from_at=terms.from_at,
        until_at=terms.until_at,
        areas=[],
        reason=terms.reason,
        created_by=actor.public_id,
        created_at=now,
    )
    _apply(session, context, actor, permit, terms)
    session.add(permit)
    session.flush()
    record(session, actor, now, "permit.create", permit.public_id, after=show(permit))
    return permit


def redraft(session: Session, context: Context, actor: Actor, permit: Permit, terms: Terms) -> None:
    """Change what a draft asks for. Raises :class:`Problem`."""
    refuse_fixed(permit)
    before = show(permit)
    _apply(session, context, actor, permit, terms)
    after = show(permit)
    if after != before:
        changed(session, permit)
        record(session, actor, context.clock.now(), "permit.change", permit.public_id, before=before, after=after)


def add_person(session: Session, context: Context, actor: Actor, permit: Permit, person: Person) -> PermitPerson:
    """Put somebody on a draft. Raises :class:`Problem`."""
    refuse_fixed(permit)
    there = persons_of(session, [permit]).get(permit.id, [])
    if len(there) >= MAX_PERSONS:
        raise refused(
            "persons", f"persons: at most {MAX_PERSONS} on one permit.", f"persons：一份许可最多 {MAX_PERSONS} 人。"
        )
    now = context.clock.now()
    holder = _visitor(session, context, actor, now, person)
    assert permit.id is not None
    assert holder.id is not None
    if holder.id in {one.holder_id for one in there}:
        raise Problem(
            409, "person_there", "This person is on the permit already.", "该人员已在此许可中。", field="holder"
        )
    made = PermitPerson(public_id=new_id("pps", now), permit_id=permit.id, holder_id=holder.id)
    session.add(made)
    changed(session, permit)
    record(session, actor, now, "permit.add_person", permit.public_id, after={"holder": holder.public_id})
    return made


def remove_person(session: Session, actor: Actor, now: datetime, permit: Permit, person: PermitPerson) -> None:
    """Take somebody off a draft. Raises :class:`Problem`."""
    refuse_fixed(permit)
    holder = session.get_one(Holder, person.holder_id)
    session.delete(person)
    changed(session, permit)
    record(session, actor, now, "permit.remove_person", permit.public_id, before={"holder": holder.public_id})


def submit(session: Session, context: Context, actor: Actor, permit: Permit) -> None:
    """Hand it in. Raises :class:`Problem` 409 ``PERMIT_INCOMPLETE`` that names what is missing."""
    status = refuse_act(permit.status, Act.SUBMIT)
    missing = missing_of(session, permit)
    if missing:
        raise Problem(
            409,
            "PERMIT_INCOMPLETE",
            f"The permit lacks: {', '.join(missing)}.",
            f"申请材料不全，缺：{all_in_chinese('permit_missing', missing)}。",
            extra={"missing": missing, "rule": "B8"},
        )
    now = context.clock.now()
    refuse_over(permit, now)
    permit.status, permit.submitted_by, permit.submitted_at = status, actor.public_id, now
    changed(session, permit)
    record(session, actor, now, "permit.submit", permit.public_id, after=show(permit))


def missing_of(session: Session, permit: Permit) -> list[str]:
    """What it still lacks: ``letter``, ``persons``, or of a person ``<person>.id_document``, ``.id_number``, ``.id_copy``."""
    persons = persons_of(session, [permit]).get(permit.id, [])
    files = attached_to(session, [permit.public_id, *(one.public_id for one in persons)])
    missing = []
    if permit.customer_id is not None and "letter" not in files.get(permit.public_id, {}):
        missing.append("letter")
    if not persons:
        missing.append("persons")
    for one in persons:
        holder = session.get_one(Holder, one.holder_id)
        missing += [
            f"{one.public_id}.{what}"
            for what, there in (
                ("id_document", holder.id_document is not None),
                ("id_number", holder.id_number_cipher is not None or holder.id_number_clear is not None),
                ("id_copy", "id_copy" in files.get(one.public_id, {})),
            )
            if not there
        ]
    return missing


def find_permit(session: Session, name: str, actor: Actor | None = None, *, lock: bool = False) -> Permit:
    """By public id or external id, in this order; one of another department's customer is not there (C4). Raises :class:`Problem` 404."""
    query = select(Permit).where((col(Permit.public_id) == name) | (col(Permit.external_id) == name))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    rows = session.exec(query).all()
    found = next((row for row in rows if row.public_id == name), next(iter(rows), None))
    if found is None or (actor is not None and not sees(session, actor, found)):
        raise not_found("permit", "许可", name[:64])
    return found


def sees(session: Session, actor: Actor, permit: Permit) -> bool:
    """Whether this actor may see the permit (C4)."""
    return permit.customer_id is None or may_see(actor, session.get_one(Customer, permit.customer_id))


def seen_permits(actor: Actor) -> Any:
    """The condition on :class:`Permit` for what this actor may see, as :func:`sees` says of one."""
    if sees_all(actor):
        return true()
    seen = select(Customer.id).where(seen_customers(actor))
    return or_(col(Permit.customer_id).is_(None), col(Permit.customer_id).in_(seen))


def find_person(session: Session, permit: Permit, name: str) -> PermitPerson:
    """By its own public id or the holder's. Raises :class:`Problem` 404."""
    query = select(PermitPerson).join(Holder, col(Holder.id) == PermitPerson.holder_id)
    named = (col(PermitPerson.public_id) == name) | (col(Holder.public_id) == name) | (col(Holder.external_id) == name)
    found = session.exec(query.where(PermitPerson.permit_id == permit.id, named)).first()
    if found is None:
        raise not_found("person on this permit", "许可人员", name[:64])
    return found


def persons_of(session: Session, permits: Sequence[Permit]) -> dict[int | None, list[PermitPerson]]:
    """The persons on these permits, by permit."""
    ids = [permit.id for permit in permits]
    query = select(PermitPerson).where(col(PermitPerson.permit_id).in_(ids)).order_by(col(PermitPerson.id))
    found: dict[int | None, list[PermitPerson]] = {}
    for row in session.exec(query).all() if ids else ():
        found.setdefault(row.permit_id, []).append(row)
    return found


def customer_name(session: Session, permit: Permit) -> str | None:
    """The customer's public id."""
    return session.get_one(Customer, permit.customer_id).public_id if permit.customer_id is not None else None


def escort_name(session: Session, permit: Permit) -> str | None:
    """The named escort's public id."""
    return session.get_one(Holder, permit.escort_id).public_id if permit.escort_id is not None else None


def refuse_fixed(permit: Permit) -> None:
    """Raise :class:`Problem` 409 when it was handed in: what was decided about stays as it was."""
    if permit.status != "draft":
        raise Problem(
            409,
            "status_conflict",
            f"This permit is {permit.status}: only a draft is changed; draft a new one.",
            "许可已提交，不能再修改，请另行申请。",
            extra={"status_now": permit.status},
        )


def refuse_over(permit: Permit, now: datetime) -> None:
    """Raise :class:`Problem` 409 when its window is over."""
    if permit.until_at <= now:
        raise Problem(
            409,
            "OUTSIDE_PERMIT_WINDOW",
            "The permit's window is over.",
            "许可的时间段已结束。",
            field="until",
            extra={"rule": "B8"},
        )


def changed(session: Session, permit: Permit) -> None:
    """Count a change of the row or of what hangs on it."""
    permit.version += 1
    session.add(permit)
    session.flush()


def show(permit: Permit) -> dict[str, Any]:
    """A permit as the audit log keeps it."""
    return permit.model_dump(
        mode="json", exclude={"id", "public_id", "customer_id", "escort_id", "created_at", "version"}
    )


def _apply(session: Session, context: Context, actor: Actor, permit: Permit, terms: Terms) -> None:
    site = context.site
    customer = living_customer(session, terms.customer, "customer", actor=actor) if terms.customer is not None else None
    _refuse_areas(context, terms, customer)
    _refuse_window(context, terms, customer)
    if terms.level not in LEVELS:
        raise refused("level", f"level: one of {', '.join(LEVELS)}.", "level：没有该接待级别。")
    escort = _escort(session, actor, terms) if terms.escort is not None else None
    if terms.schedule is not None and terms.schedule not in {one.id for one in site.schedules}:
        raise Problem(
            422,
            "unknown_schedule",
            f"schedule: the site has no schedule {terms.schedule!r}.",
            f"schedule：场地没有时间表 {terms.schedule}。",
            field="schedule",
        )
    if terms.external_id != permit.external_id:
        refuse_external_id(session, Permit, terms.external_id)
    permit.sqlmodel_update(
        {
            "kind": terms.kind,
            "external_id": terms.external_id,
            "customer_id": customer.id if customer is not None else None,
            "from_at": terms.from_at,
            "until_at": terms.until_at,
            "areas": sorted(set(terms.areas)),
            "schedule": terms.schedule,
            "reason": terms.reason,
            "level": terms.level,
            "escort_id": escort.id if escort is not None else None,
            "operates": terms.operates,
        }
    )


def refuse_external_id(session: Session, model: Any, name: str | None) -> None:
    """Raise :class:`Problem` for a name that is in use, or that an edge would give itself."""
    if name is None:
        return
    if name.startswith(EDGE_MADE):
        raise refused(
            "external_id",
            f"external_id: begins with {EDGE_MADE!r}, as edges call unnamed persons.",
            "external_id：前缀已保留。",
        )
    if session.exec(select(model.id).where(model.external_id == name)).first() is not None:
        raise Problem(
            409,
            "external_id_taken",
            f"external_id {name!r} is in use.",
            f"external_id {name} 已被占用。",
            field="external_id",
        )


def _refuse_areas(context: Context, terms: Terms, customer: Customer | None) -> None:
    refuse_unknown_areas(context.site, terms.areas, "areas")
    for area in context.site.areas:
        if area.id not in terms.areas:
            continue
        if area.public:
            raise refused("areas", f"areas: {area.id} is public.", f"areas：{area.id} 是公共区域。")
        if area.customers and (customer is None or customer.code not in area.customers):
            raise Problem(
                422,
                "NO_PERMISSION",
                f"areas: {area.id} belongs to {', '.join(area.customers)}: only they bring visitors there.",
                f"areas：{area.id} 属于 {'、'.join(area.customers)}，只能由其带入访客。",
                field="areas",
                extra={"rule": "R7"},
            )


def _refuse_window(context: Context, terms: Terms, customer: Customer | None) -> None:
    if terms.until_at <= terms.from_at:
        raise refused("until", "until: the permit ends before it begins.", "until：结束早于开始。")
    if terms.until_at <= context.clock.now():
        raise refused("until", "until: lies in the past.", "until：时间已过。")
    longest = MAX_RECURRING if terms.kind == "recurring" else MAX_TEMPORARY
    if terms.until_at - terms.from_at > longest:
        raise refused(
            "until",
            f"until: a {terms.kind} permit lasts {longest.days} days at most.",
            f"until：该类许可最长 {longest.days} 天。",
        )
    if terms.kind == "recurring":
        if terms.schedule is None:
            raise refused("schedule", "schedule: a recurring permit needs one.", "schedule：长期许可须指定时间表。")
        if customer is None or customer.kind not in SUPPLYING:
            raise refused(
                "customer",
                "customer: recurring permits are for suppliers and partners.",
                "customer：长期许可仅用于供应商和合作伙伴。",
            )


def _escort(session: Session, actor: Actor, terms: Terms) -> Holder:
    assert terms.escort is not None
    holder = find_holder(session, terms.escort, "escort", actor=actor)
    if holder.left_at is not None or holder.deleted_at is not None:
        raise refused("escort", "escort: has left.", "escort：该人员已离开。")
    may = set(holder.may_escort) | (set(holder.areas) if holder.kind == "staff" else set())
    lacking = sorted(set(terms.areas) - may)
    if lacking:
        raise refused(
            "escort",
            f"escort: may not escort into {', '.join(lacking)} (R4).",
            f"escort：该人员不能陪同进入 {'、'.join(lacking)}。",
        )
    return holder


def _visitor(session: Session, context: Context, actor: Actor, now: datetime, person: Person) -> Holder:
    if person.holder is None:
        w = Writing(session, actor, now, context.personal)
        return people.create_holder(w, context.site, dict(person.values), staff=False).row
    if person.values:
        raise refused("holder", "holder: name a known visitor, or describe a new one, not both.", "holder：二选一。")
    holder = find_holder(session, person.holder, "holder", actor=actor)
    if holder.kind != "visitor":
        raise refused("holder", "holder: only visitors come on permits.", "holder：许可人员须为访客。")
    if holder.left_at is not None or holder.deleted_at is not None:
        raise refused("holder", "holder: this file was closed.", "holder：该档案已关闭。")
    return holder
