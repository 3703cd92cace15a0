"""Emergency entry (B7): a supervisor approves, another operator checks the document and admits, a third closes the debt.

An emergency waives paperwork, never R2 or R4: the edge admits with an escort's tap (MEANINGS 21).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlmodel import Session, col, select

from controller.commands import Admit, ReconcileOccupancy
from controller.site import AccessPoint
from server.chinese import all_in_chinese, in_chinese
from server.context import Context
from server.db.clock import to_us
from server.fleet.asking import ask_command
from server.fleet.command_checks import check_command
from server.fleet.edge_doors import doors_by_edge
from server.fleet.models import Edge, EdgeCommand
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.models import AuditEntry
from server.permits.admission import refuse_unpermitted
from server.permits.documents import check_document, note_first_document, refuse_unchecked
from server.permits.drafting import refuse_external_id
from server.permits.models import DocumentCheck, Emergency
from server.permits.signing import four_eyes, sign
from server.problems import Problem, not_found
from server.registry import people
from server.registry.lookup import find_holder, refuse_unknown_areas
from server.registry.models import Holder
from server.registry.validation import refused
from server.registry.writing import Writing
from server.rooms.areas import Areas

MAX_WINDOW = timedelta(hours=24)
DEFAULT_WINDOW = timedelta(hours=4)
OPEN = ("approved", "admitted")


@dataclass(frozen=True)
class Approval:
    """What the supervisor approves: why, where, how long; ``holder``: who comes, if it is known."""

    reason: str
    areas: tuple[str, ...]
    hours: float | None = None
    holder: str | None = None
    external_id: str | None = None


@dataclass(frozen=True)
class Document:
    """What the guard saw: kind and number (of a known person the last characters do); ``name`` of somebody who was not named before."""

    id_document: str
    number: str
    name: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Outstanding:
    """What was missing when they were admitted, written down afterwards: why they came, and who they were."""

    reason: str | None = None
    name: str | None = None
    values: dict[str, Any] = field(default_factory=dict)


def approve(session: Session, context: Context, actor: Actor, given: Approval) -> Emergency:
    """Approve an emergency. Raises :class:`Problem`."""
    now = context.clock.now()
    refuse_unknown_areas(context.site, given.areas, "areas")
    public = {area.id for area in context.site.areas if area.public}
    for area in given.areas:
        if area in public:
            raise refused("areas", f"areas: {area} is public.", f"areas：{area} 是公共区域。")
    refuse_external_id(session, Emergency, given.external_id)
    window = timedelta(hours=given.hours) if given.hours is not None else DEFAULT_WINDOW
    holder = find_holder(session, given.holder, "holder", actor=actor) if given.holder is not None else None
    if holder is not None and holder.kind == "staff":
        raise refused("holder", "holder: own staff have badges.", "holder：本场员工应使用出入证。")
    emergency = Emergency(
        public_id=new_id("emg", now),
        external_id=given.external_id,
        status="approved",
        reason=given.reason,
        areas=sorted(set(given.areas)),
        from_at=now,
        until_at=now + window,
        holder_id=holder.id if holder is not None else None,
        approved_by=actor.public_id,
        approved_name=actor.name,
        approved_at=now,
    )
    emergency.person = given.external_id or emergency.public_id  # as edge and register call them
    session.add(emergency)
    session.flush()
    record(session, actor, now, "emergency.approve", emergency.public_id, after=show(emergency))
    return emergency


def see_document(
    session: Session, context: Context, actor: Actor, emergency: Emergency, document: Document
) -> DocumentCheck:
    """The guard looked at the ID document: compared with who was named, or else written down. A mismatch is kept, and nobody is admitted on it.
    Raises :class:`Problem`."""
    _refuse_unless(emergency, "approved")
    now = context.clock.now()
    _refuse_same(actor, emergency)
    holder = session.get_one(Holder, emergency.holder_id) if emergency.holder_id is not None else None
    if holder is not None and holder.id_number_cipher is not None:
        made = check_document(
            session, context, actor, emergency, holder, document.id_document, document.number, document.note
        )
    else:
        _write_down(session, context, actor, now, emergency, holder, document)
        made = note_first_document(session, actor, now, emergency, document.id_document, document.note)
    changed(session, emergency)
    return made


def admit(session: Session, context: Context, actor: Actor, emergency: Emergency, access_point: str) -> str:
    """Let them in with an escort: ``Admit`` goes to the edge of the access point. The command's id. Asked again when the edge did not answer, or the
    escort came too late. Raises :class:`Problem`: 409 FOUR_EYES for who approved it, NO_PERMIT out of its window or areas."""
    _refuse_unless(emergency, "approved", "admitted")
    now = context.clock.now()
    _refuse_same(actor, emergency)
    refuse_unchecked(session, emergency)
    point = next((one for one in context.site.access_points if one.id == access_point), None)
    if point is None:
        raise refused(
            "access_point",
            f"access_point: the site has no access point {access_point!r}.",
            f"access_point：场地没有通行点 {access_point}。",
        )
    refuse_unpermitted(context, emergency, point, now)
    edge = edge_of(session, context, point)
    command = Admit(
        point.id, emergency.person, emergency.reason, emergency=True, customer=_customer(session, emergency)
    )
    check_command(session, context.site, edge, command)
    assert edge.id is not None
    command_id = ask_command(session, actor, now, edge.id, command)
    if emergency.status == "approved":
        emergency.status, emergency.admitted_by, emergency.admitted_name = "admitted", actor.public_id, actor.name
        emergency.admitted_at = now
    emergency.edge_id, emergency.access_point, emergency.command_id = edge.id, point.id, command_id
    changed(session, emergency)
    record(session, actor, now, "emergency.admit", emergency.public_id, after=show(emergency))
    return command_id


def withdraw(session: Session, actor: Actor, now: datetime, emergency: Emergency, reason: str) -> None:
    """It was approved, and nobody was admitted. Raises :class:`Problem` 409."""
    _refuse_unless(emergency, "approved")
    emergency.status, emergency.closing_note = "withdrawn", reason
    changed(session, emergency)
    record(session, actor, now, "emergency.withdraw", emergency.public_id, after=show(emergency))


def report(session: Session, context: Context, actor: Actor, emergency: Emergency, given: Outstanding) -> None:
    """Write down afterwards what was missing: reason, person, document. Raises :class:`Problem`."""
    _refuse_unless(emergency, "admitted")
    now = context.clock.now()
    if given.reason is not None:
        emergency.reason = given.reason
    values = {name: value for name, value in {"name": given.name, **given.values}.items() if value is not None}
    if values:
        w = Writing(session, actor, now, context.personal)
        if emergency.holder_id is None:
            emergency.holder_id = people.create_holder(w, context.site, values, staff=False).row.id
        else:
            people.change_holder(w, context.site, session.get_one(Holder, emergency.holder_id), values)
    emergency.reported_by, emergency.reported_name, emergency.reported_at = actor.public_id, actor.name, now
    changed(session, emergency)
    record(session, actor, now, "emergency.report", emergency.public_id, after=show(emergency))


def owes(session: Session, context: Context, emergency: Emergency) -> list[str]:
    """What keeps the debt open: ``reason``, ``person``, ``id_number``, ``reconciliation`` (nobody counted since), ``closing``."""
    if emergency.status != "admitted":
        return []
    owed = [] if emergency.reason else ["reason"]
    if emergency.holder_id is None:
        owed += ["person"]
    elif session.get_one(Holder, emergency.holder_id).id_number_cipher is None:
        owed += ["id_number"]
    if not counted_since(session, context, emergency):
        owed += ["reconciliation"]
    return [*owed, "closing"]


def counted_since(session: Session, context: Context, emergency: Emergency) -> list[str]:
    """The commands (``ReconcileOccupancy``) that counted each of its areas after the admission, at its edge; empty while an area was not counted
    (MEANINGS 12)."""
    assert emergency.admitted_at is not None
    counts = select(EdgeCommand).where(
        EdgeCommand.name == "ReconcileOccupancy",
        EdgeCommand.state == "done",
        EdgeCommand.asked_us >= to_us(emergency.admitted_at),
    )
    if emergency.edge_id is not None:
        counts = counts.where(EdgeCommand.edge_id == emergency.edge_id)
    by_area: dict[str, str] = {}
    for row in session.exec(counts.order_by(col(EdgeCommand.id))).all():
        by_area.setdefault(msgspec.json.decode(row.command, type=ReconcileOccupancy).area, row.public_id)
    areas = Areas(context.site)
    found = []
    for area in emergency.areas:
        command = next((by_area[room] for room in areas.rooms(area) if room in by_area), None)
        if command is None:
            return []
        found.append(command)
    return sorted(set(found))


def close(session: Session, context: Context, actor: Actor, emergency: Emergency, note: str, *, mustered: bool) -> None:
    """Close the debt, signed by a third person: who is neither the approver nor the admitting guard, nor who wrote down what was missing. ``mustered``: the
    muster list was compared on the spot instead of a count by command; ``note`` says with what result. Raises :class:`Problem`."""
    _refuse_unless(emergency, "admitted")
    refuse_party(emergency, took_part_in(session, actor, [emergency]))
    owed = [what for what in owes(session, context, emergency) if what != "closing"]
    if mustered and "reconciliation" in owed:
        owed.remove("reconciliation")
    if owed:
        raise Problem(
            409,
            "DEBT_OPEN",
            f"Still owed: {', '.join(owed)}. Reconcile by a count (ReconcileOccupancy) after the admission, or give mustered and what it showed.",
            f"尚欠：{all_in_chinese('owes', owed)}。",
            extra={"owed": owed, "rule": "B7"},
        )
    now = context.clock.now()
    emergency.reconciled = " ".join(counted_since(session, context, emergency))
    emergency.status, emergency.closed_by, emergency.closed_at = "closed", actor.public_id, now
    emergency.closing_note = note
    changed(session, emergency)
    sign(session, context, actor, now, emergency.public_id, "closing", said_of(emergency))
    record(session, actor, now, "emergency.close", emergency.public_id, after=show(emergency))


def took_part_in(session: Session, actor: Actor, rows: Sequence[Emergency]) -> set[str]:
    """Which of these this person approved, admitted or wrote something down for, by public id."""
    own = {
        row.public_id
        for row in rows
        if any(actor.is_who(one) for one in (row.approved_by, row.admitted_by, row.reported_by))
    }
    acted = select(AuditEntry.subject).where(  # everybody who did: the row keeps one of each
        col(AuditEntry.subject).in_([row.public_id for row in rows]),
        col(AuditEntry.actor).in_(actor.identities),
        col(AuditEntry.act).in_(("emergency.admit", "emergency.report")),
    )
    return own | set(session.exec(acted).all() if rows else ())


def refuse_party(emergency: Emergency, took_part: Collection[str]) -> None:
    """Raise :class:`Problem` 409 FOUR_EYES for who approved it, admitted, or wrote down what was missing: somebody else closes it. ``took_part``: as
    :func:`took_part_in` finds it."""
    if emergency.public_id in took_part:
        raise four_eyes(
            "Somebody closes an emergency who neither approved it, nor admitted, nor wrote down what was missing.",
            "结案人不能是批准人、放行人或补录人。",
        )


def said_of(emergency: Emergency) -> str:
    """What is signed at the closing."""
    return f"{emergency.reason}\n{emergency.reconciled or 'muster'}\n{emergency.closing_note}"


def find_emergency(session: Session, name: str, *, lock: bool = False) -> Emergency:
    """By public id or external id. Raises :class:`Problem` 404."""
    query = select(Emergency).where((col(Emergency.public_id) == name) | (col(Emergency.external_id) == name))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    rows = session.exec(query).all()
    found = next((row for row in rows if row.public_id == name), next(iter(rows), None))
    if found is None:
        raise not_found("emergency", "紧急进入", name[:64])
    return found


def edge_of(session: Session, context: Context, point: AccessPoint) -> Edge:
    """The edge that decides at this access point: as the site file says, else as the edges report. Raises :class:`Problem` 409."""
    names = [name for name, doors in doors_by_edge(session, context.site).items() if point.door in doors]
    standing = select(Edge).where(
        col(Edge.name).in_(names), col(Edge.revoked_at).is_(None), col(Edge.public_key).is_not(None)
    )
    edge = session.exec(standing).first()
    if edge is None:
        raise Problem(
            409,
            "no_edge",
            f"No enrolled edge decides at {point.id}: enrol it, or name it in the site file.",
            f"{point.id} 没有已登记的控制器负责。",
            field="access_point",
        )
    return edge


def changed(session: Session, emergency: Emergency) -> None:
    """Count a change of the row."""
    emergency.version += 1
    session.add(emergency)
    session.flush()


def show(emergency: Emergency) -> dict[str, Any]:
    """An emergency as the audit log keeps it."""
    return emergency.model_dump(
        mode="json",
        include={"external_id", "status", "reason", "areas", "until_at", "access_point", "command_id", "closing_note"},
    )


def _write_down(
    session: Session,
    context: Context,
    actor: Actor,
    now: datetime,
    emergency: Emergency,
    holder: Holder | None,
    document: Document,
) -> None:
    w = Writing(session, actor, now, context.personal)
    values = {"id_document": document.id_document, "id_number": document.number}
    if holder is not None:
        people.change_holder(w, context.site, holder, values)
        return
    if document.name is None:
        raise refused("name", "name: write down who stands there.", "name：请填写来人姓名。")
    made = people.create_holder(w, context.site, values | {"name": document.name}, staff=False)
    emergency.holder_id = made.row.id


def _customer(session: Session, emergency: Emergency) -> int | None:
    return session.get_one(Holder, emergency.holder_id).customer_id if emergency.holder_id is not None else None


def _refuse_same(actor: Actor, emergency: Emergency) -> None:
    if actor.is_who(emergency.approved_by):
        raise four_eyes(
            "Somebody else admits than who approved: two different operators act (B7).",
            "放行人不能是批准人：须由两名不同人员办理。",
        )


def _refuse_unless(emergency: Emergency, *statuses: str) -> None:
    if emergency.status not in statuses:
        raise Problem(
            409,
            "status_conflict",
            f"This emergency is {emergency.status}.",
            f"该紧急进入的状态为“{in_chinese('emergency_status', emergency.status)}”，不能执行该操作。",
            extra={"status_now": emergency.status},
        )
